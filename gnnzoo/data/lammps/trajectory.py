"""LAMMPS dumps as one trajectory, streamed in a single pass.

Several files are read one after the other. Frames that are cut short or repeated are left out, and a new segment starts
where the steps go back.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from gnnzoo.data.frames.blocks import FrameBlock
from gnnzoo.data.lammps.block_builder import BlockBuilder
from gnnzoo.data.lammps.columns import Layout
from gnnzoo.data.lammps.dump_file import Advance
from gnnzoo.data.lammps.events import DumpLog, Event
from gnnzoo.data.lammps.frame_splitter import RawFrame, raw_frames
from gnnzoo.data.lammps.header import Header
from gnnzoo.data.lammps.rows import parse_fields
from gnnzoo.data.lammps.run import simulation_record
from gnnzoo.errors import DataError, Location
from gnnzoo.threads import ordered_map, prefetch

BATCH_BYTES = 1 << 21  # of rows that are parsed at a time: small enough for the cache, more only for larger frames

# Two frames of one step are the same frame if no atom moved by more than this share of the longest cell edge: the
# rounding error of 6 printed digits, and once more where an atom was wrapped to the other side.
_SAME_POSITION = 1e-5

# Returns a frame's (atoms,) ids and (atoms, 3) positions, parsed on demand.
LazyAtoms = Callable[[], tuple[np.ndarray, np.ndarray]]
Batch = tuple[list[RawFrame], Layout]


class TrajectoryReader:
    """Validates the frames of a trajectory in order and collects trajectory-wide metadata.

    Args:
        columns: declared meanings of columns, see `columns.check_meanings`.

    Attributes:
        log: files, frames left out, steps that go back.
        units: LAMMPS unit style, or None where no file declares one.
        fewest, most: smallest and largest number of atoms of a frame.
        last: header of the last frame that was kept.
    """

    def __init__(self, columns: Mapping[str, str] | None = None):
        self._columns = columns
        self.log = DumpLog()
        self.last: Header | None = None
        self.units: str | None = None
        self.fewest = self.most = 0
        self._atoms: BlockBuilder | None = None
        self._segment = 0
        self._last_atoms: LazyAtoms | None = None
        self._first_of_file: tuple[Header, LazyAtoms] | None = None

    @property
    def atoms(self) -> BlockBuilder:
        """Atoms and columns; known once the first frame was validated."""
        assert self._atoms is not None, "no frame was validated yet"
        return self._atoms

    def validate_header(self, frame: RawFrame) -> None:
        """Check the header of `frame` against those before it.

        Raises:
            DataError: the columns or the units change.
        """
        header = frame.header
        if self._atoms is None:
            self._atoms = BlockBuilder(frame, self._columns)
        self._atoms.validate(frame)
        self.fewest = min(self.fewest or header.n_atoms, header.n_atoms)
        self.most = max(self.most, header.n_atoms)
        if header.units is not None and self.units not in (None, header.units):
            raise DataError(
                f"the units change: {header.units} here, {self.units} before",
                location=Location(header.file, header.line),
                hint="convert the files separately",
            )
        self.units = header.units or self.units

    def segment(self, header: Header, atoms: LazyAtoms) -> int | None:
        """Determine the segment of the next frame.

        Args:
            header: of the frame.
            atoms: its ids and positions; called only where steps do not increase.

        Returns:
            The number of the segment; None if the frame repeats the previous one.

        Raises:
            DataError: the frame has a part of the atoms, written by one of many processors.
        """
        last = self.last
        if last is None or header.file != last.file:
            self._refuse_pieces(header, atoms)
        if last is not None and self._last_atoms is not None and header.step <= last.step:
            if header.step == last.step and _same_frame(atoms(), self._last_atoms(), header):
                what = f"repeats the one in {last.file}, line {last.line}"
                self.log.repeated.append(Event(header.file, header.line, header.step, what))
                return None
            self._segment += 1
            what = f"comes after step {last.step}: segment {self._segment + 1} of the run starts here"
            if header.n_atoms != last.n_atoms:
                what += f", with {header.n_atoms:,} atoms instead of {last.n_atoms:,}"
            self.log.restarts.append(Event(header.file, header.line, header.step, what))
        self.last, self._last_atoms = header, atoms
        return self._segment

    def _refuse_pieces(self, header: Header, atoms: LazyAtoms) -> None:
        """Raise on the files that LAMMPS writes for a dump name with %: each has some atoms of every frame."""
        if self._first_of_file is not None and self._first_of_file[0].step == header.step:
            first, others = self._first_of_file
            if not np.isin(atoms()[0], others()[0]).any():
                raise DataError(
                    f"its first frame is of step {header.step}, as that of {first.file}, and has other atoms: "
                    "these files are pieces, one of each processor",
                    location=Location(header.file, header.line),
                    expected="whole frames",
                    hint="in the LAMMPS input, a dump whose name has no %",
                )
        self._first_of_file = (header, atoms)

    def require_frames(self, paths: Sequence[Path]) -> None:
        """Check that the dumps `paths` had a complete frame.

        Raises:
            DataError: they had none.
        """
        if self._atoms is None:
            left_out = [*self.log.truncated, *self.log.empty]
            why = f"{left_out[0]}" if left_out else "nothing in it looks like one"
            raise DataError(
                f"the dump holds no complete frame: {why}",
                location=Location(paths[0]),
                expected="as many rows as the header announces, and a line end after the last one",
            )

    def provenance(self) -> dict:
        """The origin of the frames, for JSON; complete when all frames were read.

        Returns:
            `sources` (files with size, sha256 and number of frames), `columns`, `digits`, `masses`, `doubts`, and where
            they apply `simulation`, `atoms` and the kinds of events.
        """
        files, atoms = self.log.files, self.atoms
        sources = [
            {"file": str(file.path), "size": file.size, "sha256": file.sha256, "frames": file.frames} for file in files
        ]
        record = simulation_record(files[0].path) if len(files) == 1 else None
        changing = {"atoms": {"fewest": self.fewest, "most": self.most}}
        return {
            "sources": sources,
            "columns": list(atoms.columns),
            "digits": atoms.digits,
            "masses": atoms.masses,
            "doubts": atoms.doubts,
            **({"simulation": record} if record else {}),
            **(changing if self.fewest < self.most else {}),
            **self.log.to_json(),
        }


def _same_frame(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], header: Header) -> bool:
    """Whether ids are equal, and positions up to rounding and lattice vectors along periodic directions."""
    (ids, a), (other_ids, b) = one, other
    if not np.array_equal(ids, other_ids):
        return False
    cell = header.box.cell
    moved = (a - b) @ np.linalg.inv(cell)
    periodic = [letters == "pp" for letters in header.box.boundary]
    moved[:, periodic] -= np.round(moved[:, periodic])
    longest = np.linalg.norm(cell, axis=1).max()
    return bool(np.abs(moved @ cell).max() <= _SAME_POSITION * longest)


def stream(paths: Sequence[Path], trajectory: TrajectoryReader, advance: Advance | None = None) -> Iterator[FrameBlock]:
    """Read the frames of all dumps in order, in blocks; each file is read once, from front to end.

    Reading and splitting run in one thread, parsing in two more. Memory holds a few blocks, whatever the files' size.

    Args:
        paths: text dumps, plain or compressed; `STDIN` for standard input.
        trajectory: collects metadata; its atoms are known with the first block, the rest at the end.
        advance: called with the number of bytes that were read from disk.

    Yields:
        Blocks of frames.

    Raises:
        DataError: as `raw_frames`, `TrajectoryReader` and `BlockBuilder.blocks`; no frame is complete.
    """
    frames = itertools.chain.from_iterable(raw_frames(path, trajectory.log, advance) for path in paths)
    for batch, fields in ordered_map(_parsed, prefetch(batches(frames, trajectory))):
        headers = [frame.header for frame in batch]
        for block in trajectory.atoms.blocks(batch, fields):
            segments = [
                trajectory.segment(headers.pop(0), functools.partial(atoms_of_block, block, index))
                for index in range(len(block))
            ]
            kept = [index for index, segment in enumerate(segments) if segment is not None]
            block.segments[kept] = [segments[index] for index in kept]
            if kept:
                yield block if len(kept) == len(block) else block.taken(kept)
    trajectory.require_frames(paths)


def atoms_of_block(block: FrameBlock, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and positions of one frame of a block.

    Args:
        block: of frames.
        index: of the frame.

    Returns:
        (atoms,) ids and (atoms, 3) positions.
    """
    return block.ids, block.arrays["positions"][index]


def _parsed(batch: Batch) -> tuple[list[RawFrame], dict[str, np.ndarray]]:
    frames, layout = batch
    return frames, parse_fields(frames, layout)


def batches(frames: Iterable[RawFrame], trajectory: TrajectoryReader) -> Iterator[Batch]:
    """Group consecutive frames that share columns and number of atoms.

    Args:
        frames: of a trajectory, in order.
        trajectory: validates them.

    Yields:
        About `BATCH_BYTES` of frames, and their layout.
    """
    batch: list[RawFrame] = []
    size = 0
    for frame in frames:
        trajectory.validate_header(frame)
        if batch and (size + len(frame.rows) > BATCH_BYTES or not alike(frame.header, batch[0].header)):
            yield _with_layout(batch, trajectory.atoms)
            batch, size = [], 0
        batch.append(frame)
        size += len(frame.rows)
    if batch:
        yield _with_layout(batch, trajectory.atoms)


def _with_layout(batch: list[RawFrame], atoms: BlockBuilder) -> Batch:
    atoms.count_digits(batch[-1])
    return batch, atoms.layout_of(batch[0].header)


def alike(a: Header, b: Header) -> bool:
    """Whether frames with the headers `a` and `b` can be parsed together.

    Returns:
        True for the same columns and number of atoms.
    """
    return a.n_atoms == b.n_atoms and a.columns == b.columns
