"""The header of a frame in a LAMMPS text dump: step, number of atoms, box, columns.

Headers are few and short, so they are parsed in plain Python, section by section; `rows` parses the rows of atoms.
Boxes follow the LAMMPS manual, page Howto_triclinic.
"""

import functools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from gnnzoo.data.frames.geometry import spans_volume
from gnnzoo.errors import DataError, Location
from gnnzoo.units import STYLES

# Number of lines below each ITEM of a header; the rows of atoms follow the last ITEM.
_LINES = {"UNITS": 1, "TIME": 1, "TIMESTEP": 1, "NUMBER OF ATOMS": 1, "BOX BOUNDS": 3, "ATOMS": 0}
_ORDER = tuple(_LINES)
_REQUIRED = ("TIMESTEP", "NUMBER OF ATOMS", "BOX BOUNDS", "ATOMS")

# Numbers as C prints them; int() and float() of Python also accept 1_000 and digits of any script.
_WHOLE = re.compile(r"[-+]?[0-9]+")
_REAL = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_BLANK = " \t"
_BLANKS = re.compile(r"[ \t]+")
_MAX_ATOMS = 2**31 - 1  # largest atom id of LAMMPS' usual build
_MAX_STEP = 2**63 - 1
_SHOWN = 40  # columns in a message

_DUMP_NAME = re.compile(r"(.*?)(\.lammpstrj|\.dump|\.trj|\.custom)?(\.bin|\.gz|\.zst|\.xz|\.bz2)?")


T = TypeVar("T")
Sections = dict[str, tuple[int, str, list[str]]]  # name -> its line, what follows the name on it, the lines below


def dump_command(file: Path, columns: str = "id type x y z fx fy fz") -> str:
    """The command of a LAMMPS input script that writes a dump.

    Args:
        file: the file in question; the command writes to a name that no file of another format has.
        columns: of the dump.

    Returns:
        Such as "dump 1 all custom 100 water.lammpstrj id type x y z fx fy fz".
    """
    match = _DUMP_NAME.fullmatch(file.name)
    stem, suffix, packed = match.groups() if match else (file.name, None, None)
    name = f"{stem}{suffix or '.lammpstrj'}" if suffix or packed else f"{Path(stem).stem or 'frames'}.lammpstrj"
    return f"dump 1 all custom 100 {'frames.lammpstrj' if stem in ('-', '') else name} {columns}"


@dataclass(frozen=True, eq=False)
class Box:
    """A simulation cell.

    Attributes:
        cell: (3, 3), rows are the lattice vectors; length unit.
        origin: (3,), the corner they start from.
        boundary: LAMMPS' letters of x, y and z; periodic where the dump, written by an old LAMMPS, has none.
        has_boundary: whether the dump has them.
    """

    cell: np.ndarray
    origin: np.ndarray
    boundary: tuple[str, str, str] = ("pp", "pp", "pp")
    has_boundary: bool = True


@dataclass(frozen=True, eq=False)
class Header:
    """The header of one frame.

    Attributes:
        step: timestep.
        n_atoms: number of atoms, and of the rows below the header.
        box: simulation box.
        columns: names of the columns of the rows, in their order.
        units: LAMMPS unit style; None where the dump has none, as LAMMPS writes it into the first frame only.
        time: simulation time in the time unit of the dump; None where it has none.
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
    """Split a `line` at blanks and tabs only; str.split() splits at many more characters.

    Returns:
        The words.
    """
    return [word for word in _BLANKS.split(line.removesuffix("\r")) if word]


def listed(columns: Sequence[str]) -> str:
    """The names of `columns`, for messages.

    Returns:
        Names with blanks between them, and how many more there are.
    """
    more = f" and {len(columns) - _SHOWN:,} more" if len(columns) > _SHOWN else ""
    return " ".join(columns[:_SHOWN]) + more


def whole_number(word: str) -> int:
    """Parse `word` as an integer as C prints it.

    Returns:
        The number, at most 2**63 - 1 in size.

    Raises:
        ValueError: it is anything else.
    """
    if not _WHOLE.fullmatch(word) or abs(int(word)) > _MAX_STEP:
        raise ValueError(word)
    return int(word)


def real_number(word: str) -> float:
    """Parse `word` as a real number as C prints it.

    Returns:
        The number; may be infinite or NaN.

    Raises:
        ValueError: it is anything else.
    """
    if not _REAL.fullmatch(word) and word.lower().lstrip("+-") not in ("nan", "inf"):
        raise ValueError(word)
    return float(word)


def parse_header(text: str, file: Path, line: int) -> Header:
    """Parse the header of a frame.

    Args:
        text: from the frame's first `ITEM:` to the end of its `ITEM: ATOMS` line.
        file, line: where the text starts, for messages.

    Returns:
        The header.

    Raises:
        DataError: a section is missing, unknown or invalid.
    """
    sections = _sections(_lines(text), file, line)
    for name in _REQUIRED:
        if name not in sections:
            raise DataError(
                f"the frame has no ITEM: {name}",
                location=Location(file, line),
                expected="a text dump as LAMMPS writes it",
                hint=dump_command(file),
            )
    bounds_line, rest, bounds = sections["BOX BOUNDS"]
    units = _optional(sections, "UNITS", str, "a unit style", file)
    if units is not None and units not in STYLES:
        raise DataError(
            f"unit style {units} of the dump is not supported",
            location=Location(file, sections["UNITS"][0] + 1),
            expected=" or ".join(STYLES),
        )
    header = Header(
        step=_value(sections, "TIMESTEP", whole_number, "a timestep", file),
        n_atoms=_value(sections, "NUMBER OF ATOMS", whole_number, "a number of atoms", file),
        box=_parse_box(rest, tuple(bounds), Location(file, bounds_line)),
        columns=tuple(split_words(sections["ATOMS"][1])),
        units=units,
        time=_optional(sections, "TIME", real_number, "a time", file),
        file=file,
        line=line,
        rows_line=sections["ATOMS"][0] + 1,
    )
    if not 0 <= header.n_atoms <= _MAX_ATOMS:
        location = Location(file, sections["NUMBER OF ATOMS"][0] + 1)
        raise DataError(
            f"the frame announces {header.n_atoms} atoms", location=location, expected=f"0 to {_MAX_ATOMS} atoms"
        )
    if header.step < 0:
        location = Location(file, sections["TIMESTEP"][0] + 1)
        raise DataError(f"the timestep is {header.step}", location=location, expected="0 or more")
    return header


def check_sections(text: str, file: Path, line: int) -> None:
    """Check the sections of a header that may be truncated.

    Args:
        text: its complete lines.
        file, line: where the text starts, for messages.

    Raises:
        DataError: the text is not part of a header.
    """
    _sections(_lines(text), file, line)


def _lines(text: str) -> list[str]:
    """Lines without their ends; str.splitlines() splits at many more characters."""
    return [line.removesuffix("\r").rstrip(_BLANK) for line in text.removesuffix("\n").split("\n")] if text else []


def _sections(lines: list[str], file: Path, first: int) -> Sections:
    sections: Sections = {}
    position = 0
    while position < len(lines):
        line = lines[position]
        name = line[6:]
        if name not in _LINES:  # two of them have more on their line
            name = "ATOMS" if name.startswith("ATOMS ") else "BOX BOUNDS" if name.startswith("BOX BOUNDS ") else ""
        if not line.startswith("ITEM: ") or not name:
            raise DataError(
                f"'{line[:60]}' is not part of a dump of atoms",
                location=Location(file, first + position),
                expected="ITEM: TIMESTEP, NUMBER OF ATOMS, BOX BOUNDS, ATOMS, as written by dump style custom",
                hint=dump_command(file),
            )
        if name in sections:
            raise DataError(
                f"a second ITEM: {name} before any row of atoms",
                location=Location(file, first + position),
                hint=f"the frame that starts in line {first} is cut short: remove it",
            )
        later = next((other for other in sections if _ORDER.index(other) > _ORDER.index(name)), None)
        if later is not None:
            raise DataError(
                f"ITEM: {name} follows ITEM: {later}",
                location=Location(file, first + position),
                expected=f"the order {', '.join(_ORDER)}",
            )
        below = lines[position + 1 : position + 1 + _LINES[name]]
        sections[name] = (first + position, line[6 + len(name) :].strip(_BLANK), below)
        position += 1 + _LINES[name]
    return sections


def _optional(sections: Sections, name: str, kind: Callable[[str], T], meaning: str, file: Path) -> T | None:
    """The single value of a section; None where the section is missing."""
    return _value(sections, name, kind, meaning, file) if name in sections else None


def _value(sections: Sections, name: str, kind: Callable[[str], T], meaning: str, file: Path) -> T:
    """The single value of a section."""
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
    """The box from the rest of the line `ITEM: BOX BOUNDS` and the three lines below it."""
    try:
        return _box(rest, lines)
    except DataError as error:
        raise DataError(error.what, location=location, expected=error.expected) from None


@functools.lru_cache(maxsize=8)  # most runs keep their box for many frames
def _box(rest: str, lines: tuple[str, ...]) -> Box:
    """Parse any of three layouts: `xlo xhi` of an orthogonal box; `xlo_bound xhi_bound xy` of a restricted triclinic
    one, whose bounds are those of the box around the tilted cell; `abc origin` of a general triclinic one.
    """
    words = split_words(rest)
    general, tilted = words[:2] == ["abc", "origin"], words[:3] == ["xy", "xz", "yz"]
    letters = words[2 if general else 3 if tilted else 0 :]
    first, second, third = _box_numbers(lines, 4 if general else 3 if tilted else 2)
    if general:
        cell = (tuple(first[:3]), tuple(second[:3]), tuple(third[:3]))
        origin = (first[3], second[3], third[3])
        valid = bool(spans_volume(np.array(cell))) and np.linalg.det(cell) > 0
    else:
        xy, xz, yz = (first[2], second[2], third[2]) if tilted else (0.0, 0.0, 0.0)
        skew = (0.0, xy, xz, xy + xz)
        origin = (first[0] - min(skew), second[0] - min(0.0, yz), third[0])
        lengths = (first[1] - max(skew) - origin[0], second[1] - max(0.0, yz) - origin[1], third[1] - origin[2])
        cell = ((lengths[0], 0.0, 0.0), (xy, lengths[1], 0.0), (xz, yz, lengths[2]))
        valid = min(lengths) > 0 and bool(spans_volume(np.array(cell)))
    if not valid:
        raise DataError(
            f"the box has no valid volume: its lattice vectors are {cell}",
            expected="upper bounds above the lower ones",
        )
    box = Box(np.array(cell), np.array(origin), _boundary(letters), bool(letters))
    for array in (box.cell, box.origin):
        array.setflags(write=False)  # shared by all frames with this box
    return box


def _box_numbers(lines: tuple[str, ...], count: int) -> list[list[float]]:
    """`count` finite numbers of each of three lines."""
    rows = []
    for line in lines:
        try:
            row = [real_number(word) for word in split_words(line)]
        except ValueError:
            row = []
        if len(row) != count or not all(map(math.isfinite, row)):
            raise DataError(f"'{line.strip()[:80]}' are not bounds of a box", expected=f"{count} finite numbers")
        rows.append(row)
    if len(rows) != 3:
        raise DataError("the box has fewer than three lines", expected="one for each direction")
    return rows


def _boundary(letters: list[str]) -> tuple[str, str, str]:
    """LAMMPS' boundary letters of x, y and z; periodic where there are none."""
    if not letters:
        return "pp", "pp", "pp"
    if len(letters) != 3 or not all(pair == "pp" or (len(pair) == 2 and set(pair) <= set("fsm")) for pair in letters):
        raise DataError(f"'{' '.join(letters)}' are not boundaries of a box", expected="such as pp pp ff")
    x, y, z = letters
    return x, y, z
