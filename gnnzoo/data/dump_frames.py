"""Frames of a dump as numbers: blocks of consecutive frames in stacked arrays, all of the same atoms, ordered by id.

Blocks exist so that small frames cost little more than large ones. Whatever breaks the order of things, such as atoms
that come and go, is refused with its file and line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gnnzoo.data.dump_columns import Layout, understand
from gnnzoo.data.dump_header import Header
from gnnzoo.data.dump_rows import parse_rows, printed_digits
from gnnzoo.data.dump_text import RawFrame
from gnnzoo.data.frames import Frame
from gnnzoo.errors import DataError, Place


@dataclass(frozen=True, eq=False)
class FrameBlock:
    """Consecutive frames of the same atoms.

    Attributes:
        headers: one of each frame.
        ids, types: (atoms,), the same in all frames.
        arrays: field of `Frame` -> (frames, atoms) or (frames, atoms, 3); positions, forces and what there is beside.
        segments: (frames,) int32, see `Frame.segment`.
        text_bytes: how much text this was.
    """

    headers: list[Header]
    ids: np.ndarray
    types: np.ndarray
    arrays: dict[str, np.ndarray]
    segments: np.ndarray
    text_bytes: int = 0

    def __len__(self) -> int:
        return len(self.headers)

    @property
    def steps(self) -> np.ndarray:
        """(frames,) int64."""
        return np.array([header.step for header in self.headers], dtype=np.int64)

    @property
    def times(self) -> np.ndarray:
        """(frames,) float64, NaN where the dump does not tell."""
        return np.array([np.nan if header.time is None else header.time for header in self.headers])

    @property
    def cells(self) -> np.ndarray:
        """(frames, 3, 3), rows are lattice vectors."""
        return np.array([header.box.cell for header in self.headers])

    @property
    def origins(self) -> np.ndarray:
        """(frames, 3)."""
        return np.array([header.box.origin for header in self.headers])

    def frame(self, index: int, units: str | None, type_names: dict[int, str]) -> Frame:
        """One frame, with what is known of all of them."""
        header = self.headers[index]
        return Frame(
            step=header.step,
            time=header.time,
            segment=int(self.segments[index]),
            cell=header.box.cell,
            origin=header.box.origin,
            boundary=header.box.boundary,
            ids=self.ids,
            types=self.types,
            type_names=type_names,
            units=units,
            **{name: array[index] for name, array in self.arrays.items()},
        )

    def taken(self, kept: list[int]) -> "FrameBlock":
        """The block of the kept frames alone."""
        return replace(
            self,
            headers=[self.headers[index] for index in kept],
            arrays={name: array[kept] for name, array in self.arrays.items()},
            segments=self.segments[kept],
        )


class Atoms:
    """The atoms of a trajectory, as its first frame has them, and the way from raw frames to blocks of these atoms.

    Attributes:
        layout: what the columns mean.
        ids, types: (atoms,) int64 and int32, ascending ids.
        type_names: name of each type that occurs; the number as text where the dump does not tell.
        masses: mass of each type, where the dump has the column.
        left: columns of which nothing is taken, neither into the frames nor for names and masses.
        digits: significant digits printed, of positions and forces.
        doubts: what the dump leaves open, in sentences.
    """

    def __init__(self, first: RawFrame):
        self._header = first.header
        self.layout = understand(first.header)
        rows = parse_rows([first], {"id": np.int64, "type": np.int64})
        order = np.argsort(rows["id"], kind="stable")
        self.ids = rows["id"][order]
        self.types = rows["type"][order].astype(np.int32)
        self._refuse_duplicates(first.header, rows["id"], order)
        self._is_range = int(self.ids[-1] - self.ids[0]) == len(self.ids) - 1
        self.digits = {name: printed_digits(first, self.layout.fields[name]) for name in ("positions", "forces")}
        self.doubts: list[str] = []
        self.left = self.layout.left
        self.type_names = self._names(first)
        self.masses = self._masses(first)
        if not first.header.box.boundary_said:
            self.doubts.append("the dump does not say its boundaries: taken as periodic")

    # --- what the first frame tells ---

    def _refuse_duplicates(self, header: Header, ids: np.ndarray, order: np.ndarray) -> None:
        twice = np.flatnonzero(np.diff(self.ids) == 0)
        if len(twice):
            row = int(order[twice[0] + 1])
            raise DataError(
                f"atom id {ids[row]} comes twice in the frame of step {header.step}",
                place=Place(header.file, header.rows_line + row),
                expected="each atom once",
            )

    def _names(self, first: RawFrame) -> dict[int, str]:
        """Names by the column element (or typelabel), where it tells the types apart; else the numbers as text."""
        numbers = {int(number): str(number) for number in np.unique(self.types)}
        column = next((name for name in ("element", "typelabel") if name in self.layout.names), None)
        if column is None:
            return numbers
        rows = parse_rows([first], {"type": np.int64, column: str})
        found = {number: sorted(set(rows[column][rows["type"] == number])) for number in numbers}
        if any(len(names) > 1 for names in found.values()):
            self.doubts.append(f"column {column} gives one type several names: {found}; the types keep their numbers")
            return numbers
        if column == "element" and {name for (name,) in found.values()} == {"C"}:
            self.doubts.append(
                "column element says C everywhere, which LAMMPS writes unless dump_modify element tells it otherwise: "
                "the types keep their numbers"
            )
            return numbers
        self.left = tuple(name for name in self.left if name != column)
        return {number: name for number, (name,) in found.items()}

    def _masses(self, first: RawFrame) -> dict[int, float]:
        if "mass" not in self.layout.names:
            return {}
        rows = parse_rows([first], {"type": np.int64, "mass": np.float64})
        self.left = tuple(name for name in self.left if name != "mass")
        found = {int(number): np.unique(rows["mass"][rows["type"] == number]) for number in np.unique(self.types)}
        return {number: float(mass[0]) for number, mass in found.items() if len(mass) == 1}

    # --- blocks ---

    def layout_of(self, header: Header) -> Layout:
        """The layout of another frame, which may order its columns differently but must hold the same fields."""
        if header.columns == self.layout.names:
            return self.layout
        layout = understand(header)
        if set(layout.fields) != set(self.layout.fields):
            raise DataError(
                f"the columns change: {' '.join(header.columns)} here, {' '.join(self.layout.names)} in "
                f"{self._header.file}, line {self._header.rows_line - 1}",
                place=Place(header.file, header.rows_line - 1),
                expected="the same quantities in all frames",
                hint="convert the files apart",
            )
        return layout

    def check_number(self, header: Header) -> None:
        """Refuse a frame with another number of atoms."""
        if header.n_atoms != len(self.ids):
            raise DataError(
                f"the number of atoms changes: {header.n_atoms} here, {len(self.ids)} in {self._header.file}, "
                f"line {self._header.line}",
                place=Place(header.file, header.line),
                expected="the same atoms in all frames",
                hint="dump a group of atoms that stays the same, or convert the files apart",
            )

    def block(self, frames: Sequence[RawFrame]) -> FrameBlock:
        """Parse frames that share their columns; their number of atoms was checked.

        Raises:
            DataError: a row is wrong, a number is not finite, or the atoms are others than those of the first frame.
        """
        headers = [frame.header for frame in frames]
        layout = self.layout_of(headers[0])
        columns = parse_rows(frames, layout.wanted)
        for name, values in columns.items():
            # A sum is finite only if all values are, and is much cheaper than looking at each.
            if values.dtype.kind == "f" and not np.isfinite(values.sum()):
                _refuse_infinite(headers, name, values)
        order = self._order(headers, columns["id"])
        self._check_types(headers, columns["id"], _arranged(columns, ("type",), order, len(headers)))
        arrays = {
            name: _arranged(columns, names, order, len(headers))
            for name, names in layout.fields.items()
            if name not in ("ids", "types")
        }
        if "images" in arrays:
            arrays["images"] = arrays["images"].astype(np.int32)
        block = FrameBlock(
            headers,
            self.ids,
            self.types,
            arrays,
            segments=np.zeros(len(headers), dtype=np.int32),
            text_bytes=sum(frame.stop - frame.start for frame in frames),
        )
        if layout.scaled:
            arrays["positions"] = block.origins[:, None] + arrays["positions"] @ block.cells
        return block

    def _order(self, headers: list[Header], ids: np.ndarray) -> np.ndarray | None:
        """The rows of the frames laid end to end, in the order of the atoms; None if they are in order already."""
        n_atoms = len(self.ids)
        by_frame = ids.reshape(-1, n_atoms)
        if np.array_equal(by_frame, np.broadcast_to(self.ids, by_frame.shape)):
            return None
        places = ids - self.ids[0] if self._is_range else np.searchsorted(self.ids, ids)
        inside = (places >= 0) & (places < n_atoms)
        known = inside & (self.ids[np.where(inside, places, 0)] == ids)
        if not known.all():
            self._refuse_atom(headers, ids, int(np.argmin(known)), "is not among the atoms of the first frame")
        rows = (places.reshape(-1, n_atoms) + n_atoms * np.arange(len(headers))[:, None]).ravel()
        order = np.full(len(ids), -1)
        order[rows] = np.arange(len(ids))
        if order.min() < 0:
            _, first_rows = np.unique(rows, return_index=True)
            again = np.setdiff1d(np.arange(len(rows)), first_rows)
            self._refuse_atom(headers, ids, int(again[0]), "comes twice")
        return order

    def _refuse_atom(self, headers: list[Header], ids: np.ndarray, row: int, what: str) -> None:
        header = headers[row // len(self.ids)]
        raise DataError(
            f"atom id {ids[row]} {what} in the frame of step {header.step}",
            place=Place(header.file, header.rows_line + row % len(self.ids)),
            expected=f"the {len(self.ids)} atoms of {self._header.file}, line {self._header.line}, each once",
        )

    def _check_types(self, headers: list[Header], ids: np.ndarray, types: np.ndarray) -> None:
        changed = np.argwhere(types != self.types)
        if len(changed):
            frame, atom = changed[0]
            header = headers[frame]
            row = int(np.argmax(ids.reshape(-1, len(self.ids))[frame] == self.ids[atom]))
            raise DataError(
                f"atom {self.ids[atom]} changes its type from {self.types[atom]} to {types[frame, atom]}",
                place=Place(header.file, header.rows_line + row),
                expected="types that stay the same in all frames",
            )


def _arranged(columns: dict, names: Sequence[str], order: np.ndarray | None, n_frames: int) -> np.ndarray:
    """Columns as (frames, atoms) or (frames, atoms, components), atoms ordered by id."""
    # (rows,) of each column -> (rows, columns): whole rows are then moved at once
    array = columns[names[0]] if len(names) == 1 else np.stack([columns[name] for name in names], axis=1)
    if order is not None:
        array = array.take(order, axis=0)
    return array.reshape(n_frames, -1, *array.shape[1:])


def _refuse_infinite(headers: list[Header], name: str, values: np.ndarray) -> None:
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong) == 0:  # finite numbers whose sum is not
        return
    n_atoms = headers[0].n_atoms
    header, row = headers[wrong[0] // n_atoms], int(wrong[0] % n_atoms)
    raise DataError(
        f"{name} is {values[wrong[0]]} in the frame of step {header.step}",
        place=Place(header.file, header.rows_line + row),
        expected="a finite number",
        hint="the simulation went wrong there: leave out this frame and those after it",
    )
