"""Frames of a dump as numbers: blocks of consecutive frames in stacked arrays, atoms ordered by id.

Most dumps hold the same atoms in every frame, and often in no order: the way from rows to ordered atoms is then the
same for a whole block. Where atoms come, go or change their type, a new block begins.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gnnzoo.data.blocks import FrameBlock
from gnnzoo.data.lammps.columns import Layout, check_meanings, understand
from gnnzoo.data.lammps.frame_splitter import RawFrame
from gnnzoo.data.lammps.header import Header
from gnnzoo.data.lammps.rows import (
    MOST_ID,
    MOST_SMALL,
    check_finite,
    check_range,
    parse_fields,
    parse_rows,
    printed_digits,
)
from gnnzoo.errors import DataError, Location

_LOOKS = 20  # frames of which the printed digits are counted


class BlockBuilder:
    """What the frames of a trajectory hold, and the way from raw frames to blocks.

    Args:
        first: the first frame, which says what there is to be read in all of them.
        columns: what the dump calls some columns, see `dump_columns.check_meanings`.

    Attributes:
        columns: as the first frame names them.
        layout: what the columns mean.
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
        self.digits = {"positions": 0, "forces": 0}
        self._looks = 0
        self.count_digits(first)
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

    def count_digits(self, frame: RawFrame) -> None:
        """Count the digits that a frame prints, too: those of a first frame on a lattice are few."""
        if self._looks < _LOOKS:
            names = self.layout_of(frame.header).names
            for field, most in self.digits.items():
                self.digits[field] = max(most, printed_digits(frame, names, self.layout.fields[field]))
            self._looks += 1

    # --- atoms that were not there before ---

    def _meet(self, rows: dict[str, np.ndarray], frame: RawFrame) -> None:
        """Take the atoms of a frame as those of the frames that follow.

        Args:
            rows: ids and types of the frame, in the order of its rows.
        """
        order = np.argsort(rows["id"], kind="stable")
        self._ids, self._types = rows["id"][order], rows["type"][order].astype(np.int32)
        for name, most in (("id", MOST_ID), ("type", MOST_SMALL)):
            check_range([frame.header], (name,), rows[name], 1, most)
        twice = np.flatnonzero(np.diff(self._ids) == 0)
        if len(twice):
            row = int(order[twice[0] + 1])
            raise DataError(
                f"atom id {rows['id'][row]} comes twice in the frame of step {frame.header.step}",
                location=Location(frame.header.file, frame.header.rows_line + row),
                expected="each atom once",
            )
        self._is_range = int(self._ids[-1] - self._ids[0]) == len(self._ids) - 1
        if set(np.unique(self._types).tolist()) - set(self.type_names):
            self._learn_types(frame)

    def learn(self, frames: Sequence[RawFrame], types: np.ndarray) -> None:
        """Names and masses of types that come up for the first time in these frames; `types` is (frames, atoms)."""
        unknown = set(np.unique(types).tolist()) - set(self.type_names)
        while unknown:
            index = int(np.argmax(np.any(types == min(unknown), axis=1)))
            self._learn_types(frames[index])
            unknown -= set(self.type_names)

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
                found[number] = sorted(set(rows[self._naming][of_type].tolist()))
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
                location=Location(header.file, header.rows_line - 1),
                expected="the same quantities in all frames",
                hint="convert the files apart",
            )
        return layout

    def blocks(self, frames: Sequence[RawFrame], fields: dict[str, np.ndarray] | None = None) -> Iterator[FrameBlock]:
        """Frames that share their columns and their number of atoms; one block as long as the atoms stay.

        Args:
            frames: in their order.
            fields: of these frames, as `parse_fields` tells them; by default they are parsed here.

        Raises:
            DataError: as `parse_fields`; an atom comes twice.
        """
        layout, n_atoms = self.layout_of(frames[0].header), frames[0].header.n_atoms
        fields = parse_fields(frames, layout) if fields is None else fields
        start = 0
        while start < len(frames):
            rows = slice(start * n_atoms, len(frames) * n_atoms)
            order, same = self._order(fields["ids"][rows], fields["types"][rows], n_atoms)
            if same == 0:
                first = slice(start * n_atoms, (start + 1) * n_atoms)
                self._meet({"id": fields["ids"][first], "type": fields["types"][first]}, frames[start])
                self.changes += 1
                continue
            taken = slice(start * n_atoms, (start + same) * n_atoms)
            part = {name: values[taken] for name, values in fields.items()}
            yield self._block(frames[start : start + same], layout, part, order)
            start += same

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

    def _block(self, frames: Sequence[RawFrame], layout: Layout, fields: dict, order: np.ndarray | None) -> FrameBlock:
        headers = [frame.header for frame in frames]
        arrays = {}
        for name, values in fields.items():
            if name not in ("ids", "types"):  # (rows, ...) -> (frames, atoms, ...)
                arranged = values if order is None else values.take(order, axis=0)
                arrays[name] = arranged.reshape(len(frames), -1, *values.shape[1:])
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
            check_finite(headers, layout.fields["positions"], arrays["positions"])
        return block
