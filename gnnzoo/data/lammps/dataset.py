"""LAMMPS dumps as a dataset: an index is built once, frames are parsed from the text on demand."""

import functools
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gnnzoo.data.frames.fingerprint import fingerprint_of
from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.lammps import trajectory as reading
from gnnzoo.data.lammps.block_builder import BlockBuilder
from gnnzoo.data.lammps.dump_file import Advance
from gnnzoo.data.lammps.events import DumpLog
from gnnzoo.data.lammps.frame_splitter import RawFrame, complete_rows, raw_frames
from gnnzoo.data.lammps.header import parse_header
from gnnzoo.data.lammps.rows import parse_columns
from gnnzoo.data.lammps.trajectory import Batch, TrajectoryReader, alike, atoms_of_block, batches
from gnnzoo.errors import DataError, Location
from gnnzoo.outputs import translate_os_errors
from gnnzoo.threads import ordered_map


class _FrameOffset:
    """Where a frame is in its file, so that it can be read again."""

    __slots__ = ("line", "number", "path", "rows_start", "start", "stop")

    def __init__(self, frame: RawFrame):
        self.path, self.line, self.number = frame.header.file, frame.header.line, frame.file
        self.start, self.rows_start, self.stop = frame.start, frame.rows_start, frame.stop

    def shares_a_batch(self, later: "_FrameOffset") -> bool:
        """Whether a later frame is in the same file and near enough to be read together."""
        return self.number == later.number and later.stop - self.start <= reading.BATCH_BYTES

    def raw(self, text: bytes) -> RawFrame:
        """The frame, from its text.

        Raises:
            DataError: the text has changed.
        """
        length = self.rows_start - self.start
        header = parse_header(text[:length].decode("utf-8", "replace"), self.path, self.line)
        rows = complete_rows(text[length:], header.n_atoms)
        if isinstance(rows, int):
            raise DataError("the file has changed since it was opened", location=Location(self.path, self.line))
        return RawFrame(header, rows, self.start, self.rows_start, self.stop, self.number)


class DumpDataset(Dataset):
    """LAMMPS text dumps as a dataset, in the order of the trajectory.

    Compressed dumps and pipes are unpacked to a temporary file that is removed with the dataset.

    Args:
        paths: text dumps, in the order of the trajectory.
        advance: called with the number of bytes that were read from disk while the index is built.
        columns: declared meanings of columns, see `columns.check_meanings`.

    Attributes:
        log: files, frames left out, steps that go back.
        atoms: atoms and columns, as in the first frame.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        advance: Advance | None = None,
        columns: Mapping[str, str] | None = None,
    ):
        self._paths = [Path(path) for path in paths]
        self.path = self._paths[0]
        self._lock = threading.Lock()
        self._copies: dict[Path, BinaryIO] = {}  # of dumps that cannot be read at an offset
        self._offsets: list[_FrameOffset] = []
        try:
            self._index(TrajectoryReader(columns), advance)
        except BaseException:
            self.close()
            raise

    def _index(self, trajectory: TrajectoryReader, advance: Advance | None) -> None:
        """Find all frames, and what they have in common."""
        steps, segments = [], []
        for frame in self._indexed(trajectory, advance):
            segment = trajectory.segment(frame.header, functools.partial(_atoms_of_frame, trajectory.atoms, frame))
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
        self.provenance = trajectory.provenance()

    def _indexed(self, trajectory: TrajectoryReader, advance: Advance | None) -> Iterator[RawFrame]:
        """The frames of all dumps in order; their types are known to the trajectory's atoms then."""
        with translate_os_errors(
            Path(tempfile.gettempdir()), "TMPDIR=/a/larger/place before the command unpacks it elsewhere"
        ):
            frames = self._raw(trajectory.log, advance)
            for batch, types in ordered_map(_types_of, batches(frames, trajectory)):
                trajectory.atoms.learn(batch, types)
                yield from batch
            for copy in self._copies.values():
                copy.flush()

    def _raw(self, log: DumpLog, advance: Advance | None) -> Iterator[RawFrame]:
        for path in self._paths:
            yield from raw_frames(path, log, advance, copy=functools.partial(self._new_copy, path))

    def _new_copy(self, path: Path) -> BinaryIO:
        self._copies[path] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the dataset
        return self._copies[path]

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
        for same in _alike_runs(raws):
            with self._lock:  # the builder keeps the atoms of the previous frame
                blocks = list(self.atoms.blocks(same))
            for block in blocks:
                for number in range(len(block)):
                    block.segments[number] = self.segments[indices.pop(0)]
                    yield block.frame(number, self.units, self.type_names)

    def _text(self, path: Path, start: int, stop: int) -> bytes:
        if path in self._copies:
            return os.pread(self._copies[path].fileno(), stop - start, start)
        # Opened each time, because there may be more files than a process may keep open.
        with path.open("rb", buffering=0) as file:
            text = os.pread(file.fileno(), stop - start, start)
        if len(text) != stop - start:
            raise DataError("the file has become shorter since it was opened", location=Location(path))
        return text

    @functools.cached_property
    def fingerprint(self) -> str:  # type: ignore[override]  # computed on first use
        """As in the dataset converted from these dumps; the first access reads all frames."""
        return fingerprint_of(self)

    def close(self) -> None:
        for copy in self._copies.values():
            copy.close()


def _atoms_of_frame(atoms: BlockBuilder, frame: RawFrame) -> tuple[np.ndarray, np.ndarray]:
    return atoms_of_block(next(atoms.blocks([frame])), 0)


def _alike_runs(frames: list[RawFrame]) -> Iterator[list[RawFrame]]:
    """The frames, split where columns or number of atoms change."""
    start = 0
    for index in range(1, len(frames) + 1):
        if index == len(frames) or not alike(frames[start].header, frames[index].header):
            yield frames[start:index]
            start = index


def _types_of(batch: Batch) -> tuple[list[RawFrame], np.ndarray]:
    """The frames of a batch, and the types of their atoms, (frames, atoms)."""
    frames, layout = batch
    types = parse_columns(frames, layout, {"type": np.int64})["type"]
    return frames, types.reshape(len(frames), -1)
