"""Frames of a dump as numbers: blocks of consecutive frames in stacked arrays, atoms ordered by id.

Most dumps hold the same atoms in every frame, and often in no order: the way from rows to ordered atoms is then the
same for a whole block. Where atoms come, go or change their type, a new block begins.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gnnzoo.data.blocks import FrameBlock
from gnnzoo.data.dump_columns import Layout, check_meanings, understand
from gnnzoo.data.dump_header import Header
from gnnzoo.data.dump_rows import parse_rows, printed_digits
from gnnzoo.data.dump_text import RawFrame
from gnnzoo.errors import DataError, Place

_MOST_ID, _MOST_SMALL = 2**62, 2**31 - 1  # what LAMMPS counts atoms and molecules with; types and image flags


class Atoms:
    """What the frames of a trajectory hold, and the way from raw frames to blocks.

    Args:
        first: the first frame, which says what there is to be read in all of them.
        columns: what the dump calls some columns, see `dump_columns.check_meanings`.

    Attributes:
        columns: as the first frame names them.
        layout: what the columns mean.
        counts: atoms of each type in the first frame.
        changes: how often the atoms changed from one frame to the next, in number or in kind.
        type_names: name of each type that occurred; the number as text where the dump does not tell.
        masses: mass of each type, where the dump has the column.
        digits: significant digits printed, of positions and forces.
        doubts: what the dump leaves open, in sentences.
    """

    def __init__(self, first: RawFrame, columns: Mapping[str, str] | None = None):
        self._header, self._said = first.header, check_meanings(columns)
        self.columns = first.header.columns
        self.layout = understand(first.header, self._said)
        self.changes = 0
        self.digits = {
            name: printed_digits(first, self.layout.names, self.layout.fields[name]) for name in ("positions", "forces")
        }
        self.doubts: list[str] = []
        self.type_names: dict[int, str] = {}
        self.masses: dict[int, float] = {}
        self._naming = next((name for name in ("element", "typelabel") if name in self.layout.names), None)
        self._told = {"mass", self._naming}  # columns that tell of types
        if not first.header.box.boundary_said:
            self.doubts.append("the dump does not say its boundaries: taken as periodic")
        self._ids = np.zeros(0, dtype=np.int64)  # of the frame before, with their types
        self._types = np.zeros(0, dtype=np.int32)
        self._meet(parse_rows([first], self.layout.names, {"id": np.int64, "type": np.int64}), first)
        numbers, counts = np.unique(self._types, return_counts=True)
        self.counts = dict(zip(numbers.tolist(), counts.tolist(), strict=True))

    # --- atoms that were not there before ---

    def _meet(self, rows: dict[str, np.ndarray], frame: RawFrame) -> None:
        """Take the atoms of a frame as those of the frames that follow.

        Args:
            rows: ids and types of the frame, in the order of its rows.
        """
        order = np.argsort(rows["id"], kind="stable")
        self._ids, self._types = rows["id"][order], rows["type"][order].astype(np.int32)
        for name, most in (("id", _MOST_ID), ("type", _MOST_SMALL)):
            _check_range([frame.header], name, rows[name], 1, most)
        twice = np.flatnonzero(np.diff(self._ids) == 0)
        if len(twice):
            row = int(order[twice[0] + 1])
            raise DataError(
                f"atom id {rows['id'][row]} comes twice in the frame of step {frame.header.step}",
                place=Place(frame.header.file, frame.header.rows_line + row),
                expected="each atom once",
            )
        self._is_range = int(self._ids[-1] - self._ids[0]) == len(self._ids) - 1
        if set(np.unique(self._types).tolist()) - set(self.type_names):
            self._learn_types(frame)

    def _learn_types(self, frame: RawFrame) -> None:
        """Names and masses of the types that come up for the first time in this frame."""
        wanted = {"type": np.int64} | ({self._naming: str} if self._naming else {})
        wanted |= {"mass": np.float64} if "mass" in self.layout.names else {}
        rows = parse_rows([frame], self.layout_of(frame.header).names, wanted)
        new = [number for number in np.unique(rows["type"]).tolist() if number not in self.type_names]
        found = {}
        for number in new:
            of_type = rows["type"] == number
            if self._naming:
                found[number] = sorted(set(rows[self._naming][of_type]))
            masses = np.unique(rows["mass"][of_type]) if "mass" in rows else []
            if len(masses) == 1:
                self.masses[number] = float(masses[0])
        self.type_names |= self._names(found) if self._naming else {number: str(number) for number in new}
        self.type_names = dict(sorted(self.type_names.items()))

    def _names(self, found: dict[int, list[str]]) -> dict[int, str]:
        """Names by the column element (or typelabel), where it tells the types apart; else the numbers as text."""
        numbers = {number: str(number) for number in found}
        doubt = None
        if any(len(names) > 1 for names in found.values()):
            doubt = f"column {self._naming} gives one type several names: {found}; the types keep their numbers"
        elif self._naming == "element" and {name for (name,) in found.values()} == {"C"}:
            doubt = (
                "column element says C everywhere, which LAMMPS writes unless dump_modify element tells it otherwise: "
                "the types keep their numbers"
            )
        if doubt is None:
            return {number: name for number, (name,) in found.items()}
        self.doubts += [doubt] if doubt not in self.doubts else []
        self._told.discard(self._naming)
        return numbers

    @property
    def left(self) -> tuple[str, ...]:
        """Columns of which nothing is taken, neither into the frames nor for names and masses."""
        return tuple(name for name in self.layout.left if name not in self._told)

    # --- blocks ---

    def layout_of(self, header: Header) -> Layout:
        """The layout of another frame, which may order its columns differently but must hold the same fields."""
        if header.columns == self.columns:
            return self.layout
        layout = understand(header, self._said)
        if set(layout.fields) != set(self.layout.fields):
            raise DataError(
                f"the columns change: {' '.join(header.columns)} here, {' '.join(self.columns)} in "
                f"{self._header.file}, line {self._header.rows_line - 1}",
                place=Place(header.file, header.rows_line - 1),
                expected="the same quantities in all frames",
                hint="convert the files apart",
            )
        return layout

    def blocks(self, frames: Sequence[RawFrame]) -> Iterator[FrameBlock]:
        """Parse frames that share their columns and their number of atoms; one block as long as the atoms stay.

        Raises:
            DataError: a row is wrong, a number is not finite, an atom comes twice.
        """
        headers = [frame.header for frame in frames]
        layout, n_atoms = self.layout_of(headers[0]), headers[0].n_atoms
        columns = parse_rows(frames, layout.names, layout.wanted)
        for name, values in columns.items():
            if values.dtype.kind == "f":
                _check_finite(headers, name, values)
            elif name in ("ix", "iy", "iz"):
                _check_range(headers, name, values, -_MOST_SMALL, _MOST_SMALL)
            elif name == "mol":
                _check_range(headers, name, values, 0, _MOST_ID)
        start = 0
        while start < len(frames):
            rows = slice(start * n_atoms, len(frames) * n_atoms)
            order, same = self._order(columns["id"][rows], columns["type"][rows], n_atoms)
            if same == 0:
                first = slice(start * n_atoms, (start + 1) * n_atoms)
                self._meet({name: columns[name][first] for name in ("id", "type")}, frames[start])
                self.changes += 1
                continue
            stop = start + same
            taken = slice(start * n_atoms, stop * n_atoms)
            yield self._block(
                frames[start:stop], layout, {name: column[taken] for name, column in columns.items()}, order
            )
            start = stop

    def _order(self, ids: np.ndarray, types: np.ndarray, n_atoms: int) -> tuple[np.ndarray | None, int]:
        """How many of these frames hold the atoms of the frame before, and their rows in the order of the atoms.

        Args:
            ids, types: (frames * atoms,), frames laid end to end.

        Returns:
            (same * atoms,) rows, None if they are in order already; number of frames from the first one on.
        """
        if n_atoms != len(self._ids):
            return None, 0
        by_frame, n_frames = ids.reshape(-1, n_atoms), len(ids) // n_atoms
        if np.array_equal(by_frame, np.broadcast_to(self._ids, by_frame.shape)):
            order = None
        else:
            places = ids - self._ids[0] if self._is_range else np.searchsorted(self._ids, ids)
            inside = (places >= 0) & (places < n_atoms)
            if not inside.all():
                places = np.where(inside, places, 0)
            known = (inside & (self._ids[places] == ids)).reshape(-1, n_atoms).all(axis=1)
            rows = (places.reshape(-1, n_atoms) + n_atoms * np.arange(n_frames)[:, None]).ravel()
            order = np.full(len(ids), -1)
            order[rows] = np.arange(len(ids))
            whole = known & (order.reshape(-1, n_atoms).min(axis=1) >= 0)  # each atom, and each once
            n_frames = int(np.argmin(whole)) if not whole.all() else n_frames
            order = order[: n_frames * n_atoms]
        arranged = types[: n_frames * n_atoms] if order is None else types[order]
        kept = (arranged.reshape(-1, n_atoms) == self._types).all(axis=1)
        same = int(np.argmin(kept)) if not kept.all() else n_frames
        return None if order is None else order[: same * n_atoms], same

    def _block(self, frames: Sequence[RawFrame], layout: Layout, columns: dict, order: np.ndarray | None) -> FrameBlock:
        headers = [frame.header for frame in frames]
        arrays = {
            name: _arranged(columns, names, order, len(frames))
            for name, names in layout.fields.items()
            if name not in ("ids", "types")
        }
        if "images" in arrays:
            arrays["images"] = arrays["images"].astype(np.int32)
        block = FrameBlock(
            steps=np.array([header.step for header in headers], dtype=np.int64),
            times=np.array([np.nan if header.time is None else header.time for header in headers]),
            cells=np.array([header.box.cell for header in headers]),
            origins=np.array([header.box.origin for header in headers]),
            boundaries=[header.box.boundary for header in headers],
            ids=self._ids,
            types=self._types,
            arrays=arrays,
            segments=np.zeros(len(frames), dtype=np.int32),
            files=np.array([frame.file for frame in frames], dtype=np.int32),
            energy=np.full(len(frames), np.nan),
        )
        if layout.scaled:
            with np.errstate(over="ignore", invalid="ignore"):
                arrays["positions"] = block.origins[:, None] + arrays["positions"] @ block.cells
            _check_finite(headers, "position", arrays["positions"].max(axis=2).ravel())
        return block


def _arranged(columns: dict, names: Sequence[str], order: np.ndarray | None, n_frames: int) -> np.ndarray:
    """Columns as (frames, atoms) or (frames, atoms, components), atoms ordered by id."""
    # (rows,) of each column -> (rows, columns): whole rows are then moved at once
    array = columns[names[0]] if len(names) == 1 else np.stack([columns[name] for name in names], axis=1)
    if order is not None:
        array = array.take(order, axis=0)
    return array.reshape(n_frames, -1, *array.shape[1:])


def _check_range(headers: list[Header], name: str, values: np.ndarray, least: int, most: int) -> None:
    """Refuse whole numbers, (frames * atoms,), that LAMMPS cannot mean."""
    for wrong in (int(np.argmin(values)), int(np.argmax(values))):
        if not least <= values[wrong] <= most:
            header, row = headers[wrong // headers[0].n_atoms], wrong % headers[0].n_atoms
            place = Place(header.file, header.rows_line + row)
            raise DataError(f"{values[wrong]} in column {name}", place=place, expected=f"{least} to {most}")


def _check_finite(headers: list[Header], name: str, values: np.ndarray) -> None:
    """Refuse values, (frames * atoms,), that are not finite."""
    with np.errstate(over="ignore"):
        if np.isfinite(values.sum()):  # only if all values are, and much cheaper than looking at each
            return
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
