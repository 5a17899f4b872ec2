"""The header of a frame in a LAMMPS text dump: step, number of atoms, box, columns.

Headers are few and short, so they are read in plain Python, section by section; the rows of atoms are `dump_rows`'
business. Boxes follow the LAMMPS manual, page Howto_triclinic.
"""

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnzoo.errors import DataError, Location
from gnnzoo.units import STYLES

# Lines that follow each ITEM of a frame's header; the rows of atoms follow the last one.
_LINES = {"UNITS": 1, "TIME": 1, "TIMESTEP": 1, "NUMBER OF ATOMS": 1, "BOX BOUNDS": 3, "ATOMS": 0}
_ORDER = tuple(_LINES)
_NEEDED = ("TIMESTEP", "NUMBER OF ATOMS", "BOX BOUNDS", "ATOMS")

# Numbers as C prints them: Python's own int() and float() would take 1_000 and digits of any script.
_WHOLE = re.compile(r"[-+]?[0-9]+")
_REAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_BLANK = " \t"
_BLANKS = re.compile(r"[ \t]+")
_MAX_ATOMS = 2**31 - 1  # what the ids of LAMMPS' usual build can count
_MAX_STEP = 2**63 - 1

_DUMP_NAME = re.compile(r"(.*?)(\.lammpstrj|\.dump|\.trj|\.custom)?(\.bin|\.gz|\.zst|\.xz|\.bz2)?")


def dump_line(file: Path, columns: str = "id type x y z fx fy fz") -> str:
    """The line of a LAMMPS input that writes a dump; never into a file that is something else."""
    stem, suffix, packed = _DUMP_NAME.fullmatch(file.name).groups()
    name = f"{stem}{suffix or '.lammpstrj'}" if suffix or packed else f"{Path(stem).stem or 'frames'}.lammpstrj"
    return f"dump 1 all custom 100 {'frames.lammpstrj' if stem in ('-', '') else name} {columns}"


@dataclass(frozen=True, eq=False)
class Box:
    """A cell: rows are the lattice vectors, `origin` is the corner they start from.

    Attributes:
        boundary: LAMMPS' letters of x, y and z; periodic where the dump, written by an old LAMMPS, has none.
        boundary_said: whether the dump has them.
    """

    cell: np.ndarray
    origin: np.ndarray
    boundary: tuple[str, str, str] = ("pp", "pp", "pp")
    boundary_said: bool = True


@dataclass(frozen=True, eq=False)
class Header:
    """What stands above the rows of one frame.

    Attributes:
        units, time: None where the dump does not tell; LAMMPS writes the units into the first frame only.
        file, line: where the header starts.
        rows_line: line of the first row of atoms.
    """

    step: int
    n_atoms: int
    box: Box
    columns: tuple[str, ...]
    units: str | None
    time: float | None
    file: Path
    line: int
    rows_line: int


def split_words(line: str) -> list[str]:
    """The words of a line between blanks and tabs; Python's own split() knows many more blanks."""
    return [word for word in _BLANKS.split(line.removesuffix("\r")) if word]


def whole_number(word: str) -> int:
    """An integer as C prints it; ValueError for anything else."""
    if not _WHOLE.fullmatch(word) or abs(int(word)) > _MAX_STEP:
        raise ValueError(word)
    return int(word)


def real_number(word: str) -> float:
    """A finite or infinite number, or nan, as C prints it; ValueError for anything else."""
    if not _REAL.fullmatch(word) and word.lower().lstrip("+-") not in ("nan", "inf"):
        raise ValueError(word)
    return float(word)


def parse_header(text: str, file: Path, line: int) -> Header:
    """Read a header.

    Args:
        text: from the frame's first `ITEM:` to the end of its `ITEM: ATOMS` line.
        file, line: where the text starts, for messages.

    Raises:
        DataError: a section lacks, is unknown, or does not hold what it should.
    """
    sections = _sections(_lines(text), file, line)
    for name in _NEEDED:
        if name not in sections:
            raise DataError(
                f"the frame has no ITEM: {name}",
                location=Location(file, line),
                expected="a text dump as LAMMPS writes it",
                hint=dump_line(file),
            )
    bounds_line, rest, bounds = sections["BOX BOUNDS"]
    units = _value(sections, "UNITS", str, "a unit style", file)
    if units is not None and units not in STYLES:
        raise DataError(
            f"the dump is in units {units}, which gnnzoo does not know",
            location=Location(file, sections["UNITS"][0] + 1),
            expected=" or ".join(STYLES),
        )
    header = Header(
        step=_value(sections, "TIMESTEP", whole_number, "a timestep", file),
        n_atoms=_value(sections, "NUMBER OF ATOMS", whole_number, "a number of atoms", file),
        box=_parse_box(rest, tuple(bounds), Location(file, bounds_line)),
        columns=tuple(split_words(sections["ATOMS"][1])),
        units=units,
        time=_value(sections, "TIME", real_number, "a time", file),
        file=file,
        line=line,
        rows_line=sections["ATOMS"][0] + 1,
    )
    if not 0 <= header.n_atoms <= _MAX_ATOMS:
        location = Location(file, sections["NUMBER OF ATOMS"][0] + 1)
        raise DataError(
            f"the frame says that it has {header.n_atoms} atoms", location=location, expected=f"0 to {_MAX_ATOMS} atoms"
        )
    if header.step < 0:
        location = Location(file, sections["TIMESTEP"][0] + 1)
        raise DataError(f"the timestep is {header.step}", location=location, expected="0 or more")
    return header


def check_sections(text: str, file: Path, line: int) -> None:
    """Refuse a text that is no part of a header, though it may be cut short; arguments as for `parse_header`."""
    _sections(_lines(text), file, line)


def _lines(text: str) -> list[str]:
    """Lines without their ends; Python's own splitlines() knows many more of these."""
    return [line.removesuffix("\r").rstrip(_BLANK) for line in text.removesuffix("\n").split("\n")] if text else []


def _sections(lines: list[str], file: Path, first: int) -> dict[str, tuple[int, str, list[str]]]:
    """Name of each section -> its line, what follows the name on that line, and the lines below."""
    sections: dict[str, tuple[int, str, list[str]]] = {}
    position = 0
    while position < len(lines):
        line = lines[position]
        name = line[6:]
        if name not in _LINES:  # two of them carry more on their line
            name = "ATOMS" if name.startswith("ATOMS ") else "BOX BOUNDS" if name.startswith("BOX BOUNDS ") else None
        if not line.startswith("ITEM: ") or name is None:
            raise DataError(
                f"'{line[:60]}' is not part of a dump of atoms",
                location=Location(file, first + position),
                expected="ITEM: TIMESTEP, NUMBER OF ATOMS, BOX BOUNDS, ATOMS, as LAMMPS' dump style custom writes them",
                hint=dump_line(file),
            )
        if name in sections:
            raise DataError(
                f"a second ITEM: {name} before any row of atoms",
                location=Location(file, first + position),
                hint=f"the frame that starts in line {first} is cut short: take it out",
            )
        later = next((other for other in sections if _ORDER.index(other) > _ORDER.index(name)), None)
        if later is not None:
            raise DataError(
                f"ITEM: {name} stands below ITEM: {later}",
                location=Location(file, first + position),
                expected=f"this order: {', '.join(_ORDER)}",
            )
        below = lines[position + 1 : position + 1 + _LINES[name]]
        sections[name] = (first + position, line[6 + len(name) :].strip(_BLANK), below)
        position += 1 + _LINES[name]
    return sections


def _value(sections: dict, name: str, kind: Callable, meaning: str, file: Path):
    """The single value below a section, or None where the section lacks."""
    if name not in sections:
        return None
    line, _, below = sections[name]
    text = below[0].strip(_BLANK) if below else ""
    try:
        value = kind(text)
    except ValueError:
        raise DataError(
            f"'{text[:60]}' is not {meaning}",
            location=Location(file, line + 1),
            expected=f"{meaning} below ITEM: {name}",
        ) from None
    if value == "" or (isinstance(value, float) and not math.isfinite(value)):
        raise DataError(f"'{text}' is not {meaning}", location=Location(file, line + 1))
    return value


def _parse_box(rest: str, lines: tuple[str, ...], location: Location) -> Box:
    """The box from what follows `ITEM: BOX BOUNDS` and the three lines below it."""
    try:
        return _box(rest, lines)
    except DataError as error:
        raise DataError(error.what, location=location, expected=error.expected) from None


@functools.lru_cache(maxsize=8)  # most runs keep their box for many frames
def _box(rest: str, lines: tuple[str, ...]) -> Box:
    """Three layouts: `xlo xhi` of an orthogonal box; `xlo_bound xhi_bound xy` and so on of a restricted triclinic one,
    where the bounds are those of the box around the tilted cell; `abc origin` of a general triclinic one.
    """
    words = split_words(rest)
    general, tilted = words[:2] == ["abc", "origin"], words[:3] == ["xy", "xz", "yz"]
    letters = words[2 if general else 3 if tilted else 0 :]
    first, second, third = _box_numbers(lines, 4 if general else 3 if tilted else 2)
    if general:
        cell, origin = (first[:3], second[:3], third[:3]), (first[3], second[3], third[3])
        with np.errstate(over="ignore", invalid="ignore"):
            volume = np.linalg.det(cell)
    else:
        xy, xz, yz = (first[2], second[2], third[2]) if tilted else (0.0, 0.0, 0.0)
        skew = (0.0, xy, xz, xy + xz)
        origin = (first[0] - min(skew), second[0] - min(0.0, yz), third[0])
        lengths = (first[1] - max(skew) - origin[0], second[1] - max(0.0, yz) - origin[1], third[1] - origin[2])
        cell = ((lengths[0], 0.0, 0.0), (xy, lengths[1], 0.0), (xz, yz, lengths[2]))
        volume = min(lengths) and math.copysign(math.prod(map(abs, lengths)), min(lengths))
    if not 0 < volume < math.inf:
        raise DataError(
            f"the box has no volume that makes sense: its lattice vectors are {cell}",
            expected="upper bounds above the lower ones",
        )
    if letters and (len(letters) != 3 or not all(_is_boundary(pair) for pair in letters)):
        raise DataError(f"'{' '.join(letters)}' are not the boundaries of a box", expected="such as pp pp ff")
    arrays = np.array(cell), np.array(origin)
    for array in arrays:
        array.setflags(write=False)  # shared by all frames with this box
    return Box(*arrays, tuple(letters) or ("pp", "pp", "pp"), bool(letters))


def _box_numbers(lines: tuple[str, ...], count: int) -> list[list[float]]:
    """`count` finite numbers from each of three lines."""
    rows = []
    for line in lines:
        try:
            row = [real_number(word) for word in split_words(line)]
        except ValueError:
            row = []
        if len(row) != count or not all(map(math.isfinite, row)):
            raise DataError(f"'{line.strip()[:80]}' does not bound a box", expected=f"{count} finite numbers")
        rows.append(row)
    if len(rows) != 3:
        raise DataError("the box has fewer than three lines", expected="one for each direction")
    return rows


def _is_boundary(pair: str) -> bool:
    return pair == "pp" or (len(pair) == 2 and set(pair) <= set("fsm"))
