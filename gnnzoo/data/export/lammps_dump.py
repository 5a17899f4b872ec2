"""Frames as a LAMMPS text dump, readable by LAMMPS' read_dump, that converts back bit for bit.

Boxes follow the LAMMPS manual, pages dump and Howto_triclinic. A general triclinic cell is written as `abc origin`, the
layout of `dump_modify triclinic/general`, which read_dump does not support.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from gnnzoo.data.export.text_rows import frame_texts, name_column, reals, vector_columns
from gnnzoo.data.frames.blocks import FrameBlock
from gnnzoo.data.lammps.columns import FORCES
from gnnzoo.elements import MASSES
from gnnzoo.errors import DataError, Location

# Field -> columns, in order; the column of type names follows `type`.
_COLUMNS = {
    "ids": ("id",),
    "molecules": ("mol",),
    "types": ("type",),
    "names": (),
    "charges": ("q",),
    "positions": ("x", "y", "z"),
    "images": ("ix", "iy", "iz"),
    "velocities": ("vx", "vy", "vz"),
    "forces": FORCES,
    "energies": ("energy",),
}
_NEAR = 4  # floats tried on either side of a bound, so that the box round-trips to the same bits


def dump_texts(
    blocks: Iterable[FrameBlock], units: str | None, type_names: Mapping[int, str], location: Location
) -> Iterator[bytes]:
    """Format the dump, frame by frame.

    Args:
        blocks: the frames.
        units: LAMMPS unit style; None to write no ITEM: UNITS.
        type_names: name of each type; the number as text where undeclared.
        location: of the data, for errors.

    Yields:
        The text of each frame.

    Raises:
        DataError: an id or a type below 1, a left-handed cell or a name with a blank, which a dump cannot hold.
    """
    naming = _naming(type_names, location)
    head = f"ITEM: UNITS\n{units}\n" if units else ""
    for block in blocks:
        _check(block, location)
        columns, names = _columns(block, type_names if naming else None)
        atoms = f"ITEM: ATOMS {' '.join(word for name in names for word in _COLUMNS[name] or (naming or '',))}\n"
        for index, rows in enumerate(frame_texts(columns, len(block.ids))):
            yield b"".join(((head + _header(block, index) + atoms).encode(), rows))
            head = ""


def is_restricted(cell: np.ndarray) -> bool:
    """Whether a cell is a restricted triclinic one: a along x, b in the xy plane, c with positive z.

    Args:
        cell: (3, 3), rows are lattice vectors.

    Returns:
        True if LAMMPS can simulate in this cell.
    """
    return not np.any(np.triu(cell, 1)) and bool(np.all(np.diag(cell) > 0))


def _naming(type_names: Mapping[int, str], location: Location) -> str | None:
    """The column of type names; None if no type is named.

    LAMMPS writes C into the column element by default, so C alone would carry no information there.
    """
    for number, name in type_names.items():
        if not name or name.split() != [name] or '"' in name:
            raise DataError(
                f"the name of type {number} is '{name}', which a dump cannot hold",
                location=location,
                expected="names without blanks and quotes",
                hint=f"--types {number}=NAME, if the data do not name it themselves",
            )
    if all(name == str(number) for number, name in type_names.items()):
        return None
    names = set(type_names.values())
    return "element" if names <= set(MASSES) and names != {"C"} else "typelabel"


def _check(block: FrameBlock, location: Location) -> None:
    for what, numbers in (("an atom has the id", block.ids), ("an atom has the type", block.types)):
        if numbers.min() < 1:
            raise DataError(
                f"{what} {numbers.min()}, and LAMMPS counts from 1",
                location=location,
                hint="export to an .extxyz instead",
            )
    volumes = np.linalg.det(block.cells)
    if volumes.min() <= 0:
        step = block.steps[int(np.argmin(volumes))]
        raise DataError(
            f"the cell of step {step} is left-handed, and LAMMPS has no such cells",
            location=location,
            hint="export to an .extxyz instead",
        )


def _columns(block: FrameBlock, type_names: Mapping[int, str] | None) -> tuple[list[np.ndarray | pa.Array], list[str]]:
    """The columns of a block, and their fields of `_COLUMNS`."""
    frames, names = len(block), []
    columns: list[np.ndarray | pa.Array] = []
    for name in _COLUMNS:
        if name in ("ids", "types"):
            columns.append(np.tile(block.ids if name == "ids" else block.types, frames))
        elif name == "names" and type_names is not None:
            columns.append(name_column(block.types, type_names, frames))
        elif name in block.arrays:
            columns += vector_columns(block.arrays[name])
        else:
            continue
        names.append(name)
    return columns, names


def _header(block: FrameBlock, index: int) -> str:
    time = block.times[index]
    time_item = "" if np.isnan(time) else f"ITEM: TIME\n{reals(time)}\n"
    box = _box_lines(block.cells[index], block.origins[index], " ".join(block.boundaries[index]))
    return f"{time_item}ITEM: TIMESTEP\n{block.steps[index]}\nITEM: NUMBER OF ATOMS\n{len(block.ids)}\n{box}"


def _box_lines(cell: np.ndarray, origin: np.ndarray, letters: str) -> str:
    if not is_restricted(cell):
        rows = "".join(f"{reals([*cell[axis], origin[axis]])}\n" for axis in range(3))
        return f"ITEM: BOX BOUNDS abc origin {letters}\n{rows}"
    xy, xz, yz = (float(value) for value in (cell[1, 0], cell[2, 0], cell[2, 1]))
    skews = ((0.0, xy, xz, xy + xz), (0.0, yz), (0.0,))
    bounds = [
        _bounds(float(origin[axis]), float(cell[axis, axis]), min(skew), max(skew)) for axis, skew in enumerate(skews)
    ]
    if not any((xy, xz, yz)):
        return f"ITEM: BOX BOUNDS {letters}\n" + "".join(f"{reals(pair)}\n" for pair in bounds)
    rows = "".join(f"{reals([*pair, tilt])}\n" for pair, tilt in zip(bounds, (xy, xz, yz), strict=True))
    return f"ITEM: BOX BOUNDS xy xz yz {letters}\n{rows}"


def _bounds(low: float, length: float, least: float, most: float) -> tuple[float, float]:
    """Bounds of the box that encloses a tilted cell, from which a reader recovers `low` and `length` exactly."""
    below = _nearest(low + least, lambda bound: bound - least, low)
    above = _nearest(low + length + most, lambda bound: bound - most - low, length)
    return below, above


def _nearest(guess: float, read: Callable[[float], float], wanted: float) -> float:
    """The float closest to `guess` for which `read` gives `wanted`; `guess` if there is none nearby."""
    lower = higher = guess
    for _ in range(_NEAR):
        for candidate in (lower, higher):
            if read(candidate) == wanted:
                return candidate
        lower, higher = np.nextafter(lower, -np.inf), np.nextafter(higher, np.inf)
    return guess
