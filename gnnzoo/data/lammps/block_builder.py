"""Builds blocks of consecutive frames from parsed rows: stacked arrays, atoms sorted by id.

Most dumps have the same atoms in every frame, often unsorted; sorting then takes one permutation for a whole block.
Where atoms appear, disappear or change their type, a new block begins.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from gnnzoo.data.frames.blocks import FrameBlock
from gnnzoo.data.lammps.columns import Layout, check_meanings, column_layout
from gnnzoo.data.lammps.frame_splitter import RawFrame
from gnnzoo.data.lammps.header import Header, listed
from gnnzoo.data.lammps.row_order import RowOrder
from gnnzoo.data.lammps.rows import (
    MAX_ID,
    MAX_SMALL,
    check_finite,
    check_range,
    parse_columns,
    parse_fields,
    printed_digits,
)
from gnnzoo.errors import DataError, Location

_DIGIT_FRAMES = 20  # frames whose printed digits are counted; a first frame on a lattice has few digits


class BlockBuilder:
    """Turns raw frames of one trajectory into blocks, and collects what is known of its atoms.

    Args:
        first: the first frame, whose columns determine the fields of all frames.
        columns: declared meanings of columns, see `columns.check_meanings`.

    Attributes:
        columns: names in the first frame.
        layout: meaning of the columns.
        changes: how often the atoms changed from one frame to the next, in number or type.
        type_names: name of each type that occurred; the number as text where the dump has no name.
        masses: mass of each type, where the dump has the column.
        digits: significant digits printed, of positions and forces.
        doubts: warnings about the dump.
    """

    def __init__(self, first: RawFrame, columns: Mapping[str, str] | None = None):
        self._header, self._declared = first.header, check_meanings(columns)
        self.columns = first.header.columns
        self.layout = column_layout(first.header, self._declared)
        self.changes = 0
        self.digits = {"positions": 0, "forces": 0}
        self._counted = 0
        self.count_digits(first)
        self.doubts: list[str] = []
        self.type_names: dict[int, str] = {}
        self.masses: dict[int, float] = {}
        self._naming = next((name for name in ("element", "typelabel") if name in self.layout.names), None)
        self._type_columns = {"mass", self._naming}  # columns that describe types
        if not first.header.box.has_boundary:
            self.doubts.append("the dump has no boundaries: taken as periodic")
        self._ids = np.zeros(0, dtype=np.int64)  # of the previous frame, with their types
        self._types = np.zeros(0, dtype=np.int32)
        self._row_order = None if self.layout.has_ids else RowOrder()
        self._set_atoms(parse_columns([first], self.layout, {"id": np.int64, "type": np.int64}), first)

    def count_digits(self, frame: RawFrame) -> None:
        """Count the digits printed in another `frame`, up to a limit of frames."""
        if self._counted < _DIGIT_FRAMES:
            names = self.layout_of(frame.header).names
            for field, most in self.digits.items():
                self.digits[field] = max(most, printed_digits(frame, names, self.layout.fields[field]))
            self._counted += 1

    def validate(self, frame: RawFrame) -> None:
        """Learn, in the order of the frames, what a dump without ids or types does not state.

        Raises:
            DataError: as `layout_of` and `parse_fields`.
        """
        layout = self.layout_of(frame.header)
        if layout.elements is not None:
            parse_columns([frame], layout, {"type": np.int64})
        if self._row_order is None or self._row_order.complete:
            return
        box, positions = frame.header.box, parse_fields([frame], layout)["positions"]
        periodic = np.array([letters == "pp" for letters in box.boundary])
        known = self._row_order.doubt()
        self._row_order.update(positions @ box.cell if layout.scaled else positions, box.cell, periodic)
        self.doubts = [*(doubt for doubt in self.doubts if doubt != known), self._row_order.doubt()]

    # --- new atoms ---

    def _set_atoms(self, rows: dict[str, np.ndarray], frame: RawFrame) -> None:
        """Expect the atoms of this frame in the frames that follow.

        Args:
            rows: ids and types of the frame, in the order of its rows.
        """
        order = np.argsort(rows["id"], kind="stable")
        self._ids, self._types = rows["id"][order], rows["type"][order].astype(np.int32)
        for name, most in (("id", MAX_ID), ("type", MAX_SMALL)):
            check_range([frame.header], (name,), rows[name], 1, most)
        twice = np.flatnonzero(np.diff(self._ids) == 0)
        if len(twice):
            row = int(order[twice[0] + 1])
            raise DataError(
                f"atom id {rows['id'][row]} appears twice in the frame of step {frame.header.step}",
                location=Location(frame.header.file, frame.header.rows_line + row),
                expected="each atom once",
            )
        self._is_range = int(self._ids[-1] - self._ids[0]) == len(self._ids) - 1
        if set(np.unique(self._types).tolist()) - set(self.type_names):
            self._learn_types(frame)

    def learn(self, frames: Sequence[RawFrame], types: np.ndarray) -> None:
        """Read names and masses of the types that are new in these frames.

        Args:
            frames: consecutive, with the same number of atoms.
            types: (frames, atoms) of them.
        """
        unknown = set(np.unique(types).tolist()) - set(self.type_names)
        while unknown:
            index = int(np.argmax(np.any(types == min(unknown), axis=1)))
            self._learn_types(frames[index])
            unknown -= set(self.type_names)

    def _learn_types(self, frame: RawFrame) -> None:
        """Read names and masses of the types that are new in this frame."""
        dtypes: dict[str, type] = {"type": np.int64} | ({self._naming: str} if self._naming else {})
        dtypes |= {"mass": np.float64} if "mass" in self.layout.names else {}
        rows = parse_columns([frame], self.layout_of(frame.header), dtypes)
        new = [number for number in np.unique(rows["type"]).tolist() if number not in self.type_names]
        found = {}
        for number in new:
            of_type = rows["type"] == number
            if self._naming:
                found[number] = sorted(set(rows[self._naming][of_type].tolist()))
            masses = np.unique(rows["mass"][of_type]) if "mass" in rows else np.zeros(0)
            if len(masses) == 1:
                self.masses[number] = float(masses[0])
        self.type_names |= self._names(found) if self._naming else {number: str(number) for number in new}
        self.type_names = dict(sorted(self.type_names.items()))

    def _names(self, found: dict[int, list[str]]) -> dict[int, str]:
        """Names by the column element (or typelabel) where it distinguishes the types; else the numbers as text."""
        numbers = {number: str(number) for number in found}
        doubt = None
        if any(len(names) > 1 for names in found.values()):
            doubt = f"column {self._naming} gives one type several names: {found}; the types keep their numbers"
        elif self._naming == "element" and {name for (name,) in found.values()} == {"C"} and not self._named():
            doubt = (
                "column element is C everywhere, which LAMMPS writes unless dump_modify element is set: "
                "the types keep their numbers"
            )
        if doubt is None:
            return {number: name for number, (name,) in found.items()}
        self.doubts += [doubt] if doubt not in self.doubts else []
        self._type_columns.discard(self._naming)
        return numbers

    def _named(self) -> bool:
        """Whether a type has a name."""
        return any(name != str(number) for number, name in self.type_names.items())

    @property
    def unused(self) -> tuple[str, ...]:
        """Columns that are read neither for the frames nor for names and masses."""
        return tuple(name for name in self.layout.unused if name not in self._type_columns)

    # --- blocks ---

    def layout_of(self, header: Header) -> Layout:
        """The layout of another frame, which may order its columns differently but must have the same fields.

        Args:
            header: of the frame.

        Returns:
            Its layout.

        Raises:
            DataError: it has other fields than the first frame.
        """
        if header.columns == self.columns:
            return self.layout
        layout = column_layout(header, self._declared)
        if _quantities(layout) != _quantities(self.layout):
            raise DataError(
                f"the columns change: {listed(header.columns)} here, {listed(self.columns)} in "
                f"{self._header.file}, line {self._header.rows_line - 1}",
                location=Location(header.file, header.rows_line - 1),
                expected="the same quantities in all frames",
                hint="convert the files separately",
            )
        return layout if layout.elements is None else replace(layout, elements=self.layout.elements)

    def blocks(self, frames: Sequence[RawFrame], fields: dict[str, np.ndarray] | None = None) -> Iterator[FrameBlock]:
        """Build blocks of frames that share their columns and number of atoms; a block ends where the atoms change.

        Args:
            frames: in their order.
            fields: of these frames, as returned by `parse_fields`; by default they are parsed here.

        Yields:
            One block or more.

        Raises:
            DataError: as `parse_fields`; an atom appears twice.
        """
        layout, n_atoms = self.layout_of(frames[0].header), frames[0].header.n_atoms
        fields = parse_fields(frames, layout) if fields is None else fields
        start = 0
        while start < len(frames):
            rows = slice(start * n_atoms, len(frames) * n_atoms)
            order, same = self._order(fields["ids"][rows], fields["types"][rows], n_atoms)
            if same == 0:
                first = slice(start * n_atoms, (start + 1) * n_atoms)
                self._set_atoms({"id": fields["ids"][first], "type": fields["types"][first]}, frames[start])
                self.changes += 1
                continue
            block = slice(start * n_atoms, (start + same) * n_atoms)
            part = {name: values[block] for name, values in fields.items()}
            yield self._block(frames[start : start + same], layout, part, order)
            start += same

    def _order(self, ids: np.ndarray, types: np.ndarray, n_atoms: int) -> tuple[np.ndarray | None, int]:
        """Find how many of these frames have the atoms of the previous frame, and the permutation that sorts them.

        Args:
            ids, types: (frames * atoms,) of all frames.

        Returns:
            (same * atoms,) rows sorted by frame and atom, None if they are sorted already; the number of such frames
            from the first one on.
        """
        if n_atoms != len(self._ids):
            return None, 0
        by_frame, n_frames = ids.reshape(-1, n_atoms), len(ids) // n_atoms
        if np.array_equal(by_frame, np.broadcast_to(self._ids, by_frame.shape)):
            order = None
        else:
            indices = ids - self._ids[0] if self._is_range else np.searchsorted(self._ids, ids)
            inside = (indices >= 0) & (indices < n_atoms)
            if not inside.all():
                indices = np.where(inside, indices, 0)
            known = (inside & (self._ids[indices] == ids)).reshape(-1, n_atoms).all(axis=1)
            rows = (indices.reshape(-1, n_atoms) + n_atoms * np.arange(n_frames)[:, None]).ravel()
            order = np.full(len(ids), -1)
            order[rows] = np.arange(len(ids))
            complete = known & (order.reshape(-1, n_atoms).min(axis=1) >= 0)  # every atom exactly once
            n_frames = int(np.argmin(complete)) if not complete.all() else n_frames
            order = order[: n_frames * n_atoms]
        in_order = types[: n_frames * n_atoms] if order is None else types[order]
        kept = (in_order.reshape(-1, n_atoms) == self._types).all(axis=1)
        same = int(np.argmin(kept)) if not kept.all() else n_frames
        return None if order is None else order[: same * n_atoms], same

    def _block(
        self, frames: Sequence[RawFrame], layout: Layout, fields: dict[str, np.ndarray], order: np.ndarray | None
    ) -> FrameBlock:
        headers = [frame.header for frame in frames]
        arrays = {}
        for name, values in fields.items():
            if name not in ("ids", "types"):  # (rows, ...) -> (frames, atoms, ...)
                in_order = values if order is None else values.take(order, axis=0)
                arrays[name] = in_order.reshape(len(frames), -1, *values.shape[1:])
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


def _quantities(layout: Layout) -> tuple[frozenset[str], bool, bool]:
    """What all frames of a dump must have alike: fields, ids, and whether types are numbers or elements."""
    return frozenset(layout.fields), layout.has_ids, layout.elements is None
