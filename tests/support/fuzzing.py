"""Checks of the dump reader on arbitrary files, against the reference reader `strict_dumps`.

Whatever gnnzoo accepts, the reference reader must find in the same text with the same numbers; whatever gnnzoo refuses
must raise an error that names the file, and the line where there is one; whatever it leaves out must be logged.
"""

import bz2
import lzma
import re
import signal
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from fuzzers.guard import TooLong, Verdict
from gnnzoo.data.frames.blocks import ATOM_FIELDS
from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.lammps.dataset import DumpDataset
from gnnzoo.data.lammps.trajectory import TrajectoryReader, stream
from gnnzoo.errors import UserError
from strict_dumps import frames_written, same


def check_reader(path: Path, seconds: float = 20) -> Verdict:
    """Read a file and check the result; any error but a `UserError` is a complaint. Must run in the main thread.

    Args:
        path: of the file.
        seconds: timeout.
    """

    def stop(*_) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return _feed(path)
    except TooLong:
        return Verdict("too long", [f"not done in time: {seconds:g} seconds"])
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__)[-1:]).strip()
        return Verdict("failed", [f"{type(error).__name__}: {error} ({where})"])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _feed(path: Path) -> Verdict:
    """Read a file by both readers of gnnzoo and compare the frames with the reference reader."""
    verdict = Verdict()
    read, events = _attempt(path, verdict, streamed)
    indexed, _ = _attempt(path, verdict, _indexed)
    if (read is None) != (indexed is None):
        verdict.complaints.append("the stream and the dataset disagree about whether this is a dump")
    if read is None or indexed is None:
        return verdict
    if len(read) != len(indexed) or not all(map(_equal, read, indexed)):
        verdict.complaints.append("the stream and the dataset give different frames")
    waiting, reasons = frames_written(_unpacked(path.read_bytes()))
    for frame in read:
        location = next((n for n, written in enumerate(waiting) if same(frame, written)), None)
        if location is None:
            verdict.complaints.append(f"a frame was accepted that LAMMPS could not have written: {reasons}")
            continue
        del waiting[location]
    lost = [written for written in waiting if written["line"] not in events and written["ids"]]
    verdict.complaints += [f"a frame was left out in silence: line {written['line']}" for written in lost]
    return verdict


def _attempt(path: Path, verdict: Verdict, read: Callable) -> tuple[list[Frame] | None, set[int]]:
    try:
        return read(path)
    except UserError as error:
        verdict.kind = _kind(error.what, path)
        if error.location is None or error.location.file is None:
            verdict.complaints.append(f"a refusal without the file: {error}")
        elif error.location.line is None and not re.search(_WITHOUT_LINE, error.what):
            verdict.complaints.append(f"a refusal without the line: {error}")
        return None, set()


def _kind(what: str, path: Path) -> str:
    """An error message without what differs from input to input."""
    what = re.sub(r"'.*'", "'...'", what.replace(str(path), "INPUT"), flags=re.DOTALL)
    what = re.sub(r"[-+]?\b[0-9][0-9.]*(e[-+]?[0-9]+)?", "N", re.split(r": | among | \(", what)[0])
    return re.sub(r"\b([xyz]s?u?|[fvi][xyz]|id|type|mol|q) ", "COLUMN ", re.sub(r"(?<=column ).*", "COLUMN", what))


# Errors about a file as a whole.
_WITHOUT_LINE = (
    r"^(the file is (empty|binary)|this is |the compressed data are damaged|the dump holds no complete frame)"
)


def streamed(path: Path) -> tuple[list[Frame], set[int]]:
    """Frames read in one pass, and the lines of those that were left out."""
    trajectory = TrajectoryReader()
    frames = [
        block.frame(index, trajectory.units, trajectory.atoms.type_names)
        for block in stream([path], trajectory)
        for index in range(len(block))
    ]
    log = trajectory.log
    return frames, {event.line for event in [*log.truncated, *log.repeated]}


def _indexed(path: Path) -> tuple[list[Frame], set[int]]:
    with DumpDataset([path]) as dataset:
        return list(dataset), set()


def _equal(a: Frame, b: Frame) -> bool:
    names = ("step", "time", "segment", "boundary", "cell", "ids", "types", *ATOM_FIELDS)
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def _unpacked(data: bytes) -> bytes:
    """The text of a file up to the first error: unpacked byte by byte, because an error discards its block."""
    openers = {
        b"\x1f\x8b": lambda: zlib.decompressobj(31),
        b"BZh": bz2.BZ2Decompressor,
        b"\xfd7zXZ": lzma.LZMADecompressor,
    }
    opener = next((opener for magic, opener in openers.items() if data.startswith(magic)), None)
    if opener is None:
        return _zstd_unpacked(data) if data.startswith(b"\x28\xb5\x2f\xfd") else data
    pieces, unpacker = [], opener()
    try:
        for location in range(len(data)):
            if unpacker.eof:
                unpacker = opener()
            pieces.append(unpacker.decompress(data[location : location + 1]))
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        pass
    return b"".join(pieces)


def _zstd_unpacked(data: bytes) -> bytes:
    file, pieces = pa.CompressedInputStream(pa.BufferReader(data), "zstd"), []
    try:
        while piece := file.read(1):
            pieces.append(piece)
    except OSError:
        pass
    return b"".join(pieces)
