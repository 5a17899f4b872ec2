"""Meaning of a dump's columns: required and optional ones, and the dump command that writes missing ones."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gnnzoo.data.lammps.header import Header, dump_command, listed
from gnnzoo.errors import DataError, Location, UserError, did_you_mean

FORCES = ("fx", "fy", "fz")
# Forms of positions in LAMMPS dumps; the first complete one is used. xs and xsu are fractions of the cell.
_POSITIONS = {"x": ("x", "y", "z"), "xu": ("xu", "yu", "zu"), "xs": ("xs", "ys", "zs"), "xsu": ("xsu", "ysu", "zsu")}
_SCALED = ("xs", "xsu")
# Used where complete: field of a frame -> columns.
_OPTIONAL = {
    "molecules": ("mol",),
    "charges": ("q",),
    "velocities": ("vx", "vy", "vz"),
    "images": ("ix", "iy", "iz"),
    "energies": ("energy",),
}
_INTEGER = {"id", "type", "mol", "ix", "iy", "iz"}
_MANY = 100  # columns of a dump that are no longer repeated in a hint
_NAMING = ("element", "typelabel", "mass")
# What a column may be declared to mean, where the dump has another name for it.
MEANINGS = (
    "id",
    "type",
    *(name for columns in _POSITIONS.values() for name in columns),
    *FORCES,
    *(name for columns in _OPTIONAL.values() for name in columns),
    *_NAMING,
)


@dataclass(frozen=True)
class Layout:
    """Columns of each field of a frame.

    Attributes:
        names: all columns in the dump's order, by their meaning.
        fields: field of a frame -> its columns: ids, types, positions, forces and optional ones.
        scaled: whether positions are fractions of the cell.
        elements: number of each element that occurred, where types are those of the column element; None otherwise.
    """

    names: tuple[str, ...]
    fields: dict[str, tuple[str, ...]] = field(hash=False)
    scaled: bool = False
    elements: dict[str, int] | None = field(default=None, hash=False, compare=False)

    @property
    def has_ids(self) -> bool:
        """Whether the rows have atom ids; otherwise they are numbered in their order."""
        return "id" in self.names

    @property
    def dtypes(self) -> dict[str, type]:
        """Each column that is read -> its dtype."""
        columns = [name for names in self.fields.values() for name in names]
        return {name: np.int64 if name in _INTEGER else np.float64 for name in columns}

    @property
    def unused(self) -> tuple[str, ...]:
        """Columns that are not read."""
        return tuple(name for name in self.names if name not in self.dtypes)


def check_meanings(columns: Mapping[str, str] | None) -> dict[str, str]:
    """Check declared meanings of columns.

    Args:
        columns: meaning -> name in the dump, such as {"energy": "c_pe"}.

    Returns:
        The same; empty for None.

    Raises:
        UserError: a meaning is unknown.
    """
    for meaning in columns or {}:
        if meaning not in MEANINGS:
            raise UserError(
                f"a column cannot be '{meaning}'.{did_you_mean(meaning, MEANINGS)}",
                expected=f"one of {' '.join(MEANINGS)}",
                hint="--column energy=c_pe says that the column c_pe is the potential energy of each atom",
            )
    return dict(columns or {})


def column_layout(header: Header, declared: Mapping[str, str] | None = None) -> Layout:
    """Determine the layout of a frame's rows.

    Args:
        header: of the frame.
        declared: meaning -> name of a column, see `check_meanings`.

    Returns:
        The columns of each field.

    Raises:
        DataError: ids, types, positions or forces are missing; the hint is the dump command that writes them.
    """
    declared = declared or {}
    location = Location(header.file, header.rows_line - 1)
    names = _renamed(header.columns, declared, location)
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        raise DataError(f"column {repeated} appears twice", location=location, expected="each column once")
    kind = next((kind for kind, columns in _POSITIONS.items() if set(columns) <= set(names)), "")
    problem = _problem(names, kind)
    if problem is not None:
        raise DataError(
            problem,
            location=location,
            expected="columns id type x y z fx fy fz, in any order and with any others",
            hint=_hint(header),
        )
    fields: dict[str, tuple[str, ...]] = {
        "ids": ("id",),
        "types": ("type",),
        "positions": _POSITIONS[kind],
        "forces": FORCES,
    }
    fields |= {name: group for name, group in _OPTIONAL.items() if set(group) <= set(names)}
    used = {name for group in fields.values() for name in group} | set(_NAMING)
    for meaning, name in declared.items():
        if meaning not in used:
            raise DataError(
                f"column {name}, declared as {meaning}, cannot be used: {_why_unused(meaning, names)}",
                location=location,
                hint=f"leave out --column {meaning}={name}, or declare the whole vector",
            )
    elements: dict[str, int] | None = {} if "type" not in names else None
    return Layout(names, fields, scaled=kind in _SCALED, elements=elements)


def _hint(header: Header) -> str:
    """The dump command to use; and --column, where columns look like vectors under another name."""
    names = header.columns
    vector = next((name[:-3] for name in names if name.endswith("[1]") and f"{name[:-3]}[3]" in names), None)
    columns = completed(names) if len(names) <= _MANY else completed(())
    line = f"in the LAMMPS input: {dump_command(header.file, ' '.join(columns))}"
    if vector is None or set(FORCES) <= set(names):
        return line
    options = " ".join(f"--column {force}={vector}[{number}]" for number, force in enumerate(FORCES, start=1))
    return f"{line}; or, if these are the forces: {options}"


def _why_unused(meaning: str, names: tuple[str, ...]) -> str:
    group = next((group for group in (*_POSITIONS.values(), *_OPTIONAL.values()) if meaning in group), ())
    missing = [name for name in group if name not in names]
    return f"{', '.join(missing)} missing" if missing else "positions are read from other columns"


def _renamed(names: tuple[str, ...], columns: Mapping[str, str], location: Location) -> tuple[str, ...]:
    """The columns by their meaning; a column whose name is declared for another one loses it."""
    for meaning, name in columns.items():
        if name not in names:
            raise DataError(
                f"there is no column '{name}', which was declared as {meaning}.{did_you_mean(name, names)}",
                location=location,
                expected=f"one of {listed(names)}",
            )
    meaning_of = {name: meaning for meaning, name in columns.items()}
    hidden = {name for name in names if name in columns and name not in meaning_of}
    return tuple(f"{name} (not taken)" if name in hidden else meaning_of.get(name, name) for name in names)


def _problem(names: tuple[str, ...], kind: str) -> str | None:
    """What is missing, in a sentence; None if nothing is."""
    forces = [name for name in FORCES if name in names]
    if not forces:
        return f"the dump holds no forces: its columns are {listed(names) or '(none)'}"
    if len(forces) < 3:
        missing = ", ".join(name for name in FORCES if name not in forces)
        return f"the forces are incomplete: {missing} not among the columns {listed(names)}"
    if not kind:
        return f"the dump holds no complete positions: its columns are {listed(names)}"
    if "type" not in names and "element" not in names:
        return f"the dump has no column type, and no element: its columns are {listed(names)}"
    return None


def completed(names: tuple[str, ...]) -> list[str]:
    """Add the missing required columns to `names`, each where it usually stands.

    Returns:
        The columns to dump.
    """
    partial = {name for columns in (*_POSITIONS.values(), FORCES, *_OPTIONAL.values()) for name in columns}
    positions = next((columns for columns in _POSITIONS.values() if set(columns) <= set(names)), _POSITIONS["x"])
    first = ["id", *(["mol"] if "mol" in names else []), "type", *(["q"] if "q" in names else [])]
    rest = [name for name in names if name not in first and (name not in partial or name in _complete_groups(names))]
    return [*first, *positions, *(name for name in rest if name not in (*positions, *FORCES)), *FORCES]


def _complete_groups(names: tuple[str, ...]) -> set[str]:
    """Columns of the optional vectors that have every component."""
    return {name for columns in _OPTIONAL.values() if set(columns) <= set(names) for name in columns}
