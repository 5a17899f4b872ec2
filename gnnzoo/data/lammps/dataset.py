"""LAMMPS text dumps as one trajectory: streamed in a single pass, or read frame by frame from an index.

Both ways take several files one after the other, leave out what is cut short or comes twice, and start a new segment
where the steps go back.
"""

import functools
import itertools
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from gnnzoo.data.blocks import FrameBlock
from gnnzoo.data.fingerprint import fingerprint_of
from gnnzoo.data.frames import Dataset, Frame
from gnnzoo.data.lammps.block_builder import BlockBuilder
from gnnzoo.data.lammps.columns import Layout
from gnnzoo.data.lammps.frame_splitter import KINDS, DumpLog, Event, RawFrame, raw_frames, whole_rows
from gnnzoo.data.lammps.header import Header, parse_header
from gnnzoo.data.lammps.rows import parse_fields, parse_rows
from gnnzoo.data.lammps.run import simulation_record
from gnnzoo.data.lammps.source import is_compressed, is_stream
from gnnzoo.data.threads import ordered_map, prefetch
from gnnzoo.errors import DataError, Location
from gnnzoo.outputs import translate_os_errors

BATCH_BYTES = 1 << 21  # rows parsed at a time, few enough for a cache; more where a single frame is larger

# Two frames of one step are the same frame if no atom moved by more than this share of the longest cell edge: the
# rounding of 6 printed digits, once more after an atom was wrapped to the other side.
_SAME_POSITION = 1e-5


Look = Callable[[], tuple[np.ndarray, np.ndarray]]


class TrajectoryReader:
    """What holds over all frames, gathered while they go by.

    Args:
        columns: what the dumps call some columns, see `dump_columns.check_meanings`.

    Attributes:
        log: files, frames left out, steps that go back.
        atoms: known once the first frame went by.
        units: LAMMPS unit style, or None where no file tells.
        fewest, most: number of atoms of a frame.
        last: header of the last frame that was taken.
    """

    def __init__(self, columns: Mapping[str, str] | None = None):
        self._columns = columns
        self.log = DumpLog()
        self.last: Header | None = None
        self.atoms: BlockBuilder | None = None
        self.units: str | None = None
        self.fewest = self.most = 0
        self._segment = 0
        self._last_look: Look | None = None
        self._start: tuple[Header, Look] | None = None  # of the file that is being read: its first frame

    def validate_header(self, frame: RawFrame) -> None:
        """Check a frame's header against those before it.

        Raises:
            DataError: the columns or the units change.
        """
        header = frame.header
        if self.atoms is None:
            self.atoms = BlockBuilder(frame, self._columns)
        self.atoms.layout_of(header)
        self.fewest = min(self.fewest or header.n_atoms, header.n_atoms)
        self.most = max(self.most, header.n_atoms)
        if header.units is not None and self.units not in (None, header.units):
            raise DataError(
                f"the units change: {header.units} here, {self.units} before",
                location=Location(header.file, header.line),
                hint="convert the files apart",
            )
        self.units = header.units or self.units

    def segment(self, header: Header, look: "Look") -> int | None:
        """The segment of the next frame in order; None if it repeats the one before.

        Args:
            look: gives the frame's (atoms,) ids and (atoms, 3) positions; called only where steps do not grow.

        Raises:
            DataError: the frame is a piece of one, written by one of many processors.
        """
        last = self.last
        if last is None or header.file != last.file:
            self._refuse_pieces(header, look)
        if last is not None and header.step <= last.step:
            if header.step == last.step and _same_frame(look(), self._last_look(), header):
                what = f"repeats the one in {last.file}, line {last.line}"
                self.log.repeated.append(Event(header.file, header.line, header.step, what))
                return None
            self._segment += 1
            what = f"comes after step {last.step}: segment {self._segment + 1} of the run starts here"
            if header.n_atoms != last.n_atoms:
                what += f", with {header.n_atoms:,} atoms instead of {last.n_atoms:,}"
            self.log.restarts.append(Event(header.file, header.line, header.step, what))
        self.last, self._last_look = header, look
        return self._segment

    def _refuse_pieces(self, header: Header, look: "Look") -> None:
        """Refuse the files that LAMMPS writes where a dump's name holds %: each has some atoms of every frame."""
        if self._start is not None and self._start[0].step == header.step:
            ids, others = look()[0], self._start[1]()[0]
            if not np.isin(ids, others).any():
                raise DataError(
                    f"its first frame is of step {header.step}, as that of {self._start[0].file}, and has other atoms: "
                    "these files are pieces, one of each processor",
                    location=Location(header.file, header.line),
                    expected="whole frames",
                    hint="in the LAMMPS input, a dump whose name holds no %",
                )
        self._start = (header, look)

    def require_frames(self, paths: Sequence[Path]) -> None:
        """Raise if no frame went by."""
        if self.atoms is None:
            left_out = [*self.log.truncated, *self.log.empty]
            why = f"{left_out[0]}" if left_out else "nothing in it looks like one"
            raise DataError(
                f"the dump holds no complete frame: {why}",
                location=Location(paths[0]),
                expected="as many rows as the header announces, and a line end behind the last one",
            )


def _ids_and_positions(atoms: BlockBuilder, frame: RawFrame) -> tuple[np.ndarray, np.ndarray]:
    return _looked_at(next(atoms.blocks([frame])), 0)


def _looked_at(block: FrameBlock, index: int) -> tuple[np.ndarray, np.ndarray]:
    return block.ids, block.arrays["positions"][index]


def _same_frame(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], header: Header) -> bool:
    """Whether ids are equal, and positions up to rounding and whole lattice vectors along periodic directions."""
    (ids, a), (other_ids, b) = one, other
    if not np.array_equal(ids, other_ids):
        return False
    cell = header.box.cell
    moved = (a - b) @ np.linalg.inv(cell)
    periodic = [letters == "pp" for letters in header.box.boundary]
    moved[:, periodic] -= np.round(moved[:, periodic])
    longest = np.linalg.norm(cell, axis=1).max()
    return bool(np.abs(moved @ cell).max() <= _SAME_POSITION * longest)


def stream(
    paths: Sequence[Path], trajectory: TrajectoryReader, advance: Callable[[int], object] | None = None
) -> Iterator[FrameBlock]:
    """The frames of all dumps in order, in blocks; each file is read once, from front to end.

    Reading and cutting run in a thread, parsing in two more. Memory holds a few blocks, whatever the files' size.

    Args:
        paths: text dumps, plain or compressed; `dump_source.STDIN` for standard input.
        trajectory: learns what holds over all frames; its atoms are known with the first block, the rest at the end.
        advance: called with the number of bytes that were read from disk.

    Raises:
        DataError: as `raw_frames`, `TrajectoryReader.meet` and `BlockBuilder.blocks`; no frame is complete.
    """
    frames = itertools.chain.from_iterable(raw_frames(path, trajectory.log, advance) for path in paths)
    for batch, fields in ordered_map(_parsed, prefetch(_batches(frames, trajectory))):
        headers = [frame.header for frame in batch]
        for block in trajectory.atoms.blocks(batch, fields):
            segments = [
                trajectory.segment(headers.pop(0), functools.partial(_looked_at, block, index))
                for index in range(len(block))
            ]
            kept = [index for index, segment in enumerate(segments) if segment is not None]
            block.segments[kept] = [segments[index] for index in kept]
            if kept:
                yield block if len(kept) == len(block) else block.taken(kept)
    trajectory.require_frames(paths)


def _parsed(item: tuple[list[RawFrame], Layout]) -> tuple[list[RawFrame], dict[str, np.ndarray]]:
    batch, layout = item
    return batch, parse_fields(batch, layout)


def _batches(frames: Iterable[RawFrame], trajectory: TrajectoryReader) -> Iterator[tuple[list[RawFrame], Layout]]:
    """Stretches of frames that share columns and number of atoms and come to about `BATCH_BYTES`."""
    batch: list[RawFrame] = []
    size = 0
    for frame in frames:
        trajectory.validate_header(frame)
        if batch and (size + len(frame.rows) > BATCH_BYTES or not _alike(frame.header, batch[0].header)):
            yield _ready(batch, trajectory)
            batch, size = [], 0
        batch.append(frame)
        size += len(frame.rows)
    if batch:
        yield _ready(batch, trajectory)


def _ready(batch: list[RawFrame], trajectory: TrajectoryReader) -> tuple[list[RawFrame], Layout]:
    trajectory.atoms.count_digits(batch[-1])
    return batch, trajectory.atoms.layout_of(batch[0].header)


def _alike(a: Header, b: Header) -> bool:
    return a.n_atoms == b.n_atoms and a.columns == b.columns


def provenance(trajectory: TrajectoryReader) -> dict:
    """Where the numbers came from, for JSON; complete when all frames went by."""
    log, atoms = trajectory.log, trajectory.atoms
    sources = [
        {"file": str(source.path), "size": source.size, "sha256": source.sha256, "frames": source.frames}
        for source in log.sources
    ]
    record = simulation_record(log.sources[0].path) if len(log.sources) == 1 else None
    changing = {"atoms": {"fewest": trajectory.fewest, "most": trajectory.most}}
    events = {kind: [str(event) for event in getattr(log, kind)] for kind in KINDS}
    return {
        "sources": sources,
        "columns": list(atoms.columns),
        "digits": atoms.digits,
        "masses": atoms.masses,
        "doubts": atoms.doubts,
        **({"simulation": record} if record else {}),
        **(changing if trajectory.fewest < trajectory.most else {}),
        **{kind: found for kind, found in events.items() if found},
    }


class _FrameOffset:
    """Where a frame lies, so that it can be read again."""

    __slots__ = ("line", "number", "path", "rows_start", "start", "stop")

    def __init__(self, frame: RawFrame):
        self.path, self.line, self.number = frame.header.file, frame.header.line, frame.file
        self.start, self.rows_start, self.stop = frame.start, frame.rows_start, frame.stop

    def shares_a_batch(self, later: "_FrameOffset") -> bool:
        """Whether a later frame is of the same file and not far behind."""
        return self.number == later.number and later.stop - self.start <= BATCH_BYTES

    def raw(self, text: bytes) -> RawFrame:
        """The frame, from its text.

        Raises:
            DataError: the text is not what it was.
        """
        length = self.rows_start - self.start
        header = parse_header(text[:length].decode("utf-8", "replace"), self.path, self.line)
        rows = whole_rows(text[length:], header.n_atoms)
        if isinstance(rows, int):
            raise DataError("the file has changed since it was opened", location=Location(self.path, self.line))
        return RawFrame(header, rows, self.start, self.rows_start, self.stop, self.number)


def _stretches(frames: list[RawFrame]) -> Iterator[list[RawFrame]]:
    """The frames, cut where columns or the number of atoms change."""
    start = 0
    for index in range(1, len(frames) + 1):
        if index == len(frames) or not _alike(frames[start].header, frames[index].header):
            yield frames[start:index]
            start = index


def _types_of(item: tuple[list[RawFrame], Layout]) -> tuple[list[RawFrame], np.ndarray]:
    """A batch, and the types of its atoms, (frames, atoms)."""
    batch, layout = item
    types = parse_rows(batch, layout.names, {"type": np.int64})["type"]
    return batch, types.reshape(len(batch), -1)


class DumpDataset(Dataset):
    """Dumps as a dataset, straight from their text: an index is built once, frames are parsed when asked for.

    Compressed dumps and standard input are unpacked to a temporary file that goes away with the dataset.

    Args:
        paths: text dumps, in the order of the trajectory.
        columns: what the dumps call some columns, see `dump_columns.check_meanings`.
        advance: called with the number of bytes that were read from disk while the index is built.

    Attributes:
        log: files, frames left out, steps that go back.
        atoms: the atoms and columns, as the first frame has them.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        advance: Callable[[int], object] | None = None,
        columns: Mapping[str, str] | None = None,
    ):
        self.path = Path(paths[0])
        self._lock = threading.Lock()
        self._paths = [Path(path) for path in paths]
        copied = [path for path in self._paths if is_stream(path) or is_compressed(path)]
        self._copies = {path: tempfile.TemporaryFile() for path in copied}  # noqa: SIM115
        trajectory = TrajectoryReader(columns)
        self._offsets: list[_FrameOffset] = []
        steps, segments = [], []
        for frame in self._indexed(trajectory, advance):
            look = functools.partial(_ids_and_positions, trajectory.atoms, frame)
            segment = trajectory.segment(frame.header, look)
            if segment is None:
                continue
            self._offsets.append(_FrameOffset(frame))
            steps.append(frame.header.step)
            segments.append(segment)
        trajectory.require_frames(self._paths)
        self.log, self.atoms, self.units = trajectory.log, trajectory.atoms, trajectory.units
        self.type_names = dict(self.atoms.type_names)
        self.steps = np.array(steps, dtype=np.int64)
        self.segments = np.array(segments, dtype=np.int32)
        self.files = np.array([offset.number for offset in self._offsets], dtype=np.int32)
        self.provenance = provenance(trajectory)

    def _indexed(self, trajectory: TrajectoryReader, advance: Callable[[int], object] | None) -> Iterator[RawFrame]:
        """The frames of all dumps in order; their types are known to the trajectory's atoms then."""
        with translate_os_errors(
            Path(tempfile.gettempdir()), "TMPDIR=/a/larger/place before the command unpacks it elsewhere"
        ):
            for batch, types in ordered_map(_types_of, _batches(self._raw(trajectory.log, advance), trajectory)):
                trajectory.atoms.learn(batch, types)
                yield from batch
            for copy in self._copies.values():
                copy.flush()

    def _raw(self, log: DumpLog, advance: Callable[[int], object] | None) -> Iterator[RawFrame]:
        for path in self._paths:
            yield from raw_frames(path, log, advance, copy=self._copies.get(path))

    def __len__(self) -> int:
        return len(self._offsets)

    def read(self, index: int) -> Frame:
        (frame,) = self._frames([index])
        return frame

    def __iter__(self) -> Iterator[Frame]:
        """All frames in order, many parsed at a time."""
        waiting: list[int] = []
        for index, offset in enumerate(self._offsets):
            if waiting and not self._offsets[waiting[0]].shares_a_batch(offset):
                yield from self._frames(waiting)
                waiting = []
            waiting.append(index)
        yield from self._frames(waiting)

    def _frames(self, indices: list[int]) -> Iterator[Frame]:
        """Frames that follow one another in one file."""
        offsets = [self._offsets[index] for index in indices]
        start = offsets[0].start
        text = self._text(offsets[0].path, start, offsets[-1].stop)
        raws = [offset.raw(text[offset.start - start : offset.stop - start]) for offset in offsets]
        for same in _stretches(raws):
            with self._lock:  # the parser remembers the atoms of the frame before
                blocks = list(self.atoms.blocks(same))
            for block in blocks:
                for number in range(len(block)):
                    block.segments[number] = self.segments[indices.pop(0)]
                    yield block.frame(number, self.units, self.type_names)

    def _text(self, path: Path, start: int, stop: int) -> bytes:
        if path in self._copies:
            return os.pread(self._copies[path].fileno(), stop - start, start)
        # Opened anew, because there may be more files than a process may open.
        with path.open("rb", buffering=0) as file:
            text = os.pread(file.fileno(), stop - start, start)
        if len(text) != stop - start:
            raise DataError("the file has become shorter since it was opened", location=Location(path))
        return text

    @functools.cached_property
    def fingerprint(self) -> str:
        """As the dataset converted from these dumps has it; the first call reads all frames."""
        return fingerprint_of(self)

    def close(self) -> None:
        for copy in self._copies.values():
            copy.close()
