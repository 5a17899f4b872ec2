"""Systems of DeePMD-kit as frames of the same kind as those of extended XYZ.

A system is a folder with `type.raw` (the type of each atom), perhaps `type_map.raw` (their names) and `nopbc`, and
frames in folders `set.*` of .npy arrays, or in text files `*.raw`: `coord` and `force` (frames, 3 atoms), `box`
(frames, 9), `energy` (frames,), `virial` (frames, 9). In the mixed format `real_atom_types` (frames, atoms) of each set
replaces the types. The same may lie in an HDF5 file. Units are eV and A; a virial is -dE/d(strain), as in gnnzoo
(https://docs.deepmodeling.com/projects/deepmd, "Formats of a system").
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np

from gnnzoo.data.deepmd.folders import NAMES, OPEN, TYPES, arrays_of, sets_of, systems_in
from gnnzoo.data.deepmd.hdf5 import sets_in
from gnnzoo.data.deepmd.raw_set import RawSet
from gnnzoo.data.extxyz.frames import Advance, Rows
from gnnzoo.data.extxyz.header import Column, Header
from gnnzoo.errors import DataError, Location
from gnnzoo.file_formats import check_regular

# Bytes of text files that are read as a whole: numbers of frames, and words of atoms.
_MOST_TEXT, _MOST_WORDS = 1 << 30, 1 << 26
_MOST_TYPES = 100_000
_UNITS = {"energy-unit": "eV", "length-unit": "Angstrom"}
_COLUMNS = {
    "species": Column("species", "S", 1, 0),
    "pos": Column("pos", "R", 3, 1),
    "forces": Column("forces", "R", 3, 4),
}


def read_headers(path: Path, advance: Advance | None = None) -> Iterator[Header]:
    """Describe the frames of all systems in a folder or an HDF5 file.

    Args:
        path: of it.
        advance: called with 1 after each frame.

    Yields:
        The header of each frame.

    Raises:
        DataError: a file is missing, truncated, or of another shape or type than the format has.
    """
    for header, _, _ in _frames(path):
        yield header
        if advance is not None:
            advance(1)


def read_frames(path: Path, texts: Collection[str], numbers: Collection[str]) -> Iterator[Rows]:
    """Read the frames of all systems in a folder or an HDF5 file.

    Args:
        path: of it.
        texts, numbers: names of columns that are wanted.

    Yields:
        The rows of each frame.

    Raises:
        DataError: as `read_headers`.
    """
    for header, species, arrays in _frames(path):
        wanted = {name: np.array(array, np.float64) for name, array in arrays.items() if name in numbers}
        yield Rows(header, {"species": species} if "species" in texts else {}, wanted)


@dataclass(frozen=True)
class _Set:
    """Arrays of a set, (frames, ...) each, and the names of the atoms of its frames."""

    file: Path
    arrays: dict[str, np.ndarray]
    names: list[str]
    types: np.ndarray
    periodic: bool


def _frames(path: Path) -> Iterator[tuple[Header, list[str], dict[str, np.ndarray]]]:
    """Header, names of the atoms and columns of each frame."""
    number = 0
    for found in sets_in(path) if path.is_file() else _sets_in_folders(path):
        for frame in _frames_of(_checked(found), number):
            yield frame
            number += 1
    if number == 0:
        raise DataError("there is no frame", location=Location(path), expected=f"{TYPES} and set.000/coord.npy")


def _frames_of(found: _Set, first: int) -> Iterator[tuple[Header, list[str], dict[str, np.ndarray]]]:
    for index in range(len(found.arrays["coord"])):
        types = found.arrays["real_atom_types"][index] if "real_atom_types" in found.arrays else found.types
        real = np.asarray(types) >= 0  # the mixed format fills frames up with atoms of type -1
        species = [found.names[number] for number in np.asarray(types, int)[real]]
        arrays = {"pos": found.arrays["coord"][index].reshape(-1, 3)[real]}
        if "force" in found.arrays:
            arrays["forces"] = found.arrays["force"][index].reshape(-1, 3)[real]
        values: dict[str, object] = {**_UNITS, "pbc": [found.periodic] * 3}
        if found.periodic:
            values["Lattice"] = np.array(found.arrays["box"][index], np.float64)
        if "energy" in found.arrays:
            values["energy"] = float(found.arrays["energy"][index, 0])
        if "virial" in found.arrays:
            values["virial"] = np.array(found.arrays["virial"][index], np.float64)
        columns = {name: column for name, column in _COLUMNS.items() if name in ("species", *arrays)}
        width = sum(column.width for column in columns.values())
        yield Header(found.file, None, first + index, len(species), columns, width, values), species, arrays


# --- files --------------------------------------------------------------------------------------------------------


def _sets_in_folders(path: Path) -> Iterator[RawSet]:
    """The sets of all systems in a folder."""
    for system in systems_in(path):
        names = system / NAMES
        for folder in sets_of(system):
            files = arrays_of(folder)
            yield RawSet(
                file=files.get("coord", folder),
                location=Location(folder),
                types=_type_numbers(system / TYPES),
                types_location=Location(system / TYPES),
                names=_words(names) if names.is_file() else None,
                names_location=Location(names),
                arrays={name: _array(file) for name, file in files.items()},
                locations={name: Location(file) for name, file in files.items()},
                periodic=not (system / OPEN).exists(),
            )


def _checked(found: RawSet) -> _Set:
    """Check that the shapes of the arrays of a set fit one another."""
    arrays, locations = found.arrays, found.locations
    if "coord" not in arrays:
        raise DataError("the set holds no positions", location=found.location, expected="coord.npy or coord.raw")
    frames, atoms = len(arrays["coord"]), len(found.types)
    if "real_atom_types" in arrays:
        atoms = arrays["real_atom_types"].shape[1]
    widths = {"coord": 3 * atoms, "force": 3 * atoms, "box": 9, "virial": 9, "energy": 1, "real_atom_types": atoms}
    for name, array in arrays.items():
        if array.shape != (frames, widths[name]):
            raise DataError(
                f"the shape is {array.shape}",
                location=locations[name],
                expected=f"{(frames, widths[name])}: {frames} frames of {atoms} atoms, as coord has",
            )
    if found.periodic and "box" not in arrays:
        raise DataError("the set holds no cells", location=found.location, expected=f"box.npy, or {OPEN} in the system")
    numbers = arrays.get("real_atom_types", found.types)
    if not np.array_equal(numbers, np.round(numbers)) or np.abs(numbers).max(initial=0) >= _MOST_TYPES:
        raise DataError(
            "a type is no whole number, or a very large one",
            location=locations.get("real_atom_types", found.types_location),
            expected="types from 0, and -1 where a frame has fewer atoms",
        )
    return _Set(found.file, arrays, _type_names(found, int(np.max(numbers, initial=0))), found.types, found.periodic)


def _type_names(found: RawSet, largest: int) -> list[str]:
    """Names of the types; without a list of them their numbers, from 1."""
    if (least := found.types.min(initial=0)) < 0:
        raise DataError(
            f"the types go from {least} to {largest}",
            location=found.types_location,
            expected="whole numbers from 0",
        )
    if found.names is None:
        return [str(number + 1) for number in range(largest + 1)]
    if largest >= len(found.names):
        raise DataError(
            f"type {largest} of {TYPES} has no name",
            location=found.names_location,
            expected=f"at least {largest + 1} names",
        )
    return found.names


def _array(path: Path) -> np.ndarray:
    """An array of rows; .npy files are mapped, so that what a header announces takes no memory."""
    check_regular(path, "an array")
    try:
        if path.suffix == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        else:
            if path.stat().st_size > _MOST_TEXT:
                raise ValueError(f"{path.stat().st_size:,} bytes of text")
            array = np.loadtxt(path, ndmin=2)
            array = array.T if array.shape[0] == 1 and path.stem == "energy" else array
    except (ValueError, EOFError, OSError, SyntaxError, TokenError) as error:  # the last two of a .npy header
        raise DataError(
            f"the array cannot be read: {error}", location=Location(path), expected="a complete array of numbers"
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or array.ndim == 0 or not array.size:
        held = f"the shape {array.shape} and the type {array.dtype}" if isinstance(array, np.ndarray) else "no numbers"
        expected = "one row of numbers for each frame"
        raise DataError(f"the array has {held}", location=Location(path), expected=expected)
    return array.reshape(len(array), -1)  # some programs write (frames, atoms, 3)


def _type_numbers(path: Path) -> np.ndarray:
    words = _words(path)
    if not words or not all(word.isdecimal() and len(word) < 6 for word in words):
        raise DataError("these are not the types of atoms", location=Location(path), expected="whole numbers from 0")
    return np.array(words, int)


def _words(path: Path) -> list[str]:
    check_regular(path, "a text of DeePMD-kit")
    if (size := path.stat().st_size) > _MOST_WORDS:
        raise DataError(f"{size:,} bytes are too many", location=Location(path), expected="one word for each atom")
    try:
        return path.read_text("utf-8").split()
    except UnicodeDecodeError as error:
        raise DataError("this is no text", location=Location(path), expected="words between blanks") from error
