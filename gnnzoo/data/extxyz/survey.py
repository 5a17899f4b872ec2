"""Which keys a file has and in how many frames, from its headers alone, before any row is parsed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from gnnzoo.data.extxyz.header import Column, Header
from gnnzoo.data.extxyz.keys import OF_ATOMS, UNKNOWN, WIDTHS, Name, recognized
from gnnzoo.errors import DataError

_MOST_KEYS = 2000
_LAST_STEP = 2**62
_MOST_GROUPS = 1000  # values of config_type that are counted
_SHOWN = 40  # characters of an odd value in a message


@dataclass
class KeyCount:
    """A key of the comment lines, or a column of the rows.

    Attributes:
        key: as in the file.
        name: the quantity that it names, or None.
        column: as in the first frame that has it; None for a key of the comment lines.
        frames: number of frames that have it.
        problem: of the first frame where it does not have the shape of its quantity, in words; empty where all have it.
        first_problem: that frame.
        usable: (frames,) 0 or 1: it is there in the right shape. Of keys that name a quantity; may end early.
        values: (frames,) of a number in the comment lines that names an energy, NaN where missing; may end early.
    """

    key: str
    name: Name | None
    column: Column | None = None
    frames: int = 0
    problem: str = ""
    first_problem: int = -1
    usable: bytearray = field(default_factory=bytearray)
    values: list[float] = field(default_factory=list)

    def mask(self, frames: int) -> np.ndarray:
        """(frames,) bool: whether a frame has it in the right shape."""
        mask = np.zeros(frames, dtype=bool)
        mask[: len(self.usable)] = np.frombuffer(bytes(self.usable), dtype=np.uint8)
        return mask

    def numbers(self, frames: int) -> np.ndarray:
        """(frames,) the `values`, NaN where missing."""
        numbers = np.full(frames, np.nan)
        numbers[: len(self.values)] = self.values
        return numbers


class Survey:
    """Counts the keys of all frames.

    Args:
        headers: of all frames.
        declared: quantity -> key, which names this quantity whatever its name.

    Attributes:
        frames: number of frames.
        n_atoms: atoms of each frame.
        values: keys of the comment lines.
        columns: columns of the rows.
        groups: `config_type` -> frames.
        first: header of the first frame.

    Raises:
        DataError: the keys are too many to be names of quantities.
    """

    def __init__(self, headers: Iterable[Header], declared: Mapping[str, str] | None = None):
        self._declared = {(key, meaning in OF_ATOMS): meaning for meaning, key in (declared or {}).items()}
        self.n_atoms: list[int] = []
        self.values: dict[str, KeyCount] = {}
        self.columns: dict[str, KeyCount] = {}
        self.groups: Counter[str] = Counter()
        for header in headers:
            if not self.n_atoms:
                self.first = header
            self._add(header)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.n_atoms)

    def of_meaning(self, meaning: str, of_atoms: bool) -> list[KeyCount]:
        """Keys that name a quantity, in the order of the file.

        Args:
            meaning: see `keys.MEANINGS`.
            of_atoms: whether columns of the rows are wanted, or keys of the comment lines.

        Returns:
            Those with the right shape in some frames.
        """
        counts = self.columns if of_atoms else self.values
        return [
            count for count in counts.values() if count.name and count.name.meaning == meaning and any(count.usable)
        ]

    def _add(self, header: Header) -> None:
        for column in header.columns.values():
            count = self._count(self.columns, column.name, column)
            self._note(count, column_problem(column, count.name))
        for key, value in header.values.items():
            count = self._count(self.values, key, None)
            self._note(count, value_problem(value, count.name))
            if count.name is not None and count.name.meaning == "energy":
                missing = self.frames - len(count.values)
                count.values += [np.nan] * missing + [value if isinstance(value, float) else np.nan]
        if len(self.columns) + len(self.values) > _MOST_KEYS:
            raise DataError(
                f"the frames have more than {_MOST_KEYS:,} different keys",
                location=header.location,
                expected="keys that name quantities, the same in all frames",
            )
        group = group_of(header)
        if group is not None and (len(self.groups) < _MOST_GROUPS or group in self.groups):
            self.groups[group] += 1
        self.n_atoms.append(header.n_atoms)

    def _count(self, counts: dict[str, KeyCount], key: str, column: Column | None) -> KeyCount:
        if key not in counts:
            meaning = self._declared.get((key, column is not None))
            found = recognized(key, of_atoms=column is not None)
            source = found.source if found is not None else UNKNOWN
            counts[key] = KeyCount(key, found if meaning is None else Name(meaning, source), column)
        return counts[key]

    def _note(self, count: KeyCount, problem: str | None) -> None:
        count.frames += 1
        if count.name is not None:
            count.usable += bytes(self.frames - len(count.usable)) + bytes([problem is None])
        if problem is not None and not count.problem:
            count.problem, count.first_problem = problem, self.frames


def group_of(header: Header) -> str | None:
    """The group of a frame.

    Args:
        header: of the frame.

    Returns:
        Its `config_type`, shortened; None where it has none.
    """
    value = header.values.get("config_type")
    if value is None:
        return None
    return f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())[:_SHOWN]


def column_problem(column: Column, name: Name | None) -> str | None:
    """Why a column cannot be the quantity it names.

    Args:
        column: of the rows.
        name: the quantity, or None.

    Returns:
        In words; None where it can.
    """
    if name is None:
        return None
    width = WIDTHS.get(name.meaning, 1)
    if column.width != width:
        return f"{column.width} columns per atom in the place of {width}"
    return f"columns of kind {column.kind}" if column.kind in "SL" else None


def value_problem(value: object, name: Name | None) -> str | None:
    """Why a value of the comment line cannot be the quantity its key names.

    Args:
        value: see `Header.values`.
        name: the quantity, or None.

    Returns:
        In words; None where it can.
    """
    if name is None:
        return None
    if name.meaning in ("stress", "virial"):
        shaped = isinstance(value, np.ndarray) and value.shape in ((9,), (3, 3), (6,))
        return None if shaped else f"{_shown(value)} is neither 9 nor 6 numbers"
    if name.meaning == "step" and isinstance(value, float):
        return None if value.is_integer() and abs(value) < _LAST_STEP else f"{value:g} is not a whole number"
    return None if isinstance(value, float) else f"{_shown(value)} is not a number"


def _shown(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {' x '.join(map(str, value.shape))} numbers"
    text = str(value)
    return f"'{text[:_SHOWN]}{'...' if len(text) > _SHOWN else ''}'"
