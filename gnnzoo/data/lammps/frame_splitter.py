"""The text of a dump as a stream of raw frames: a parsed header and the bytes of the rows below it.

What is held in memory is one block and one frame. A frame that is cut short is left out and noted in the log.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn

from gnnzoo.data.lammps.header import Header, check_sections, parse_header
from gnnzoo.data.lammps.source import HEADER_LIMIT, Source, unpacked
from gnnzoo.errors import DataError, Location

_BLANK_LINES = 1000  # so many between two frames are put up with
_BLANKS = (b" ", b"\t", b"\r", b"\n")
_LONG_ROWS = 1 << 25  # rows of a frame that are longer than this are counted before more of them are awaited


# What may come up, by its name in a `DumpLog` and in a dataset's provenance.
KINDS = ("truncated", "empty", "repeated", "restarts")


@dataclass(frozen=True)
class Event:
    """Something about one frame that the user should hear."""

    file: Path
    line: int
    step: int | None
    what: str

    def __str__(self) -> str:
        frame = f"the frame of step {self.step}" if self.step is not None else "a frame"
        return f"{self.file}, line {self.line}: {frame} {self.what}"


@dataclass
class DumpLog:
    """What came up while dumps were read: files, frames left out, steps that go back."""

    sources: list[Source] = field(default_factory=list)
    truncated: list[Event] = field(default_factory=list)
    empty: list[Event] = field(default_factory=list)
    repeated: list[Event] = field(default_factory=list)
    restarts: list[Event] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class RawFrame:
    """One frame before its rows are parsed.

    Attributes:
        rows: exactly `header.n_atoms` lines, each with its end.
        start, rows_start, stop: where header and rows lie in the (unpacked) file.
        file: number of the dump, in the order in which dumps were read.
    """

    header: Header
    rows: bytes
    start: int
    rows_start: int
    stop: int
    file: int = 0


def raw_frames(
    path: Path, log: DumpLog, advance: Callable[[int], object] | None = None, copy: BinaryIO | None = None
) -> Iterator[RawFrame]:
    """The complete frames of one dump, in order.

    Args:
        path: text, plain or compressed; or `dump_source.STDIN`.
        log: learns of the source and of frames left out.
        advance: called with the number of bytes that were read from disk.
        copy: receives the text, for those who come back for parts of a compressed file.

    Raises:
        DataError: the file is empty, binary or no dump; a header is wrong; a frame has too many rows.
    """
    source = Source(path)
    log.sources.append(source)
    splitter = _Splitter(path, log)
    for block in unpacked(source, advance):
        if copy is not None:
            copy.write(block)
        for frame in splitter.feed(block):
            source.frames += 1
            yield frame
    for frame in splitter.finish():
        source.frames += 1
        yield frame
    if source.cut and not any(event.file == path for event in log.truncated):
        log.truncated.append(Event(path, splitter.line, None, "is cut short: the compressed data end there"))


class _Splitter:
    """Cuts blocks of text into frames, wherever the blocks' borders fall."""

    def __init__(self, path: Path, log: DumpLog):
        self._path, self._log = path, log
        self._file = len(log.sources) - 1
        self._buffer = bytearray()
        self._base = 0  # where the buffer starts in the file
        self._position = 0  # in the buffer: start of the header or of what comes next
        self.line = 1  # of the position, in the file
        self._header: Header | None = None  # of the frame whose rows are awaited
        self._rows = self._searched = 0
        self._count_at = _LONG_ROWS

    def feed(self, block: bytes) -> Iterator[RawFrame]:
        """The frames that this block completes."""
        self._buffer += block
        yield from self._frames(at_end=False)
        del self._buffer[: self._position]
        self._base += self._position
        self._rows -= self._position
        self._searched -= self._position
        self._position = 0

    def finish(self) -> Iterator[RawFrame]:
        """The last frame, if it is whole."""
        yield from self._frames(at_end=True)

    def _frames(self, at_end: bool) -> Iterator[RawFrame]:
        while self._header is not None or self._read_header(at_end):
            stop = self._find_item(self._searched)
            if stop < 0 and not at_end:
                self._searched = max(self._rows, len(self._buffer) - len(b"ITEM:") + 1)
                self._refuse_endless_rows()
                return
            frame = self._cut(self._end() if stop < 0 else stop)
            if frame is not None:
                yield frame

    def _end(self) -> int:
        """Where the last rows end: before the first letters of a header, if the file was cut among them."""
        last_line = self._buffer[self._buffer.rfind(b"\n") + 1 :]
        return len(self._buffer) - (len(last_line) if b"ITEM:".startswith(last_line) else 0)

    def _refuse_endless_rows(self) -> None:
        """Refuse many more rows than were announced before memory is filled with them."""
        size = len(self._buffer) - self._rows
        if size >= self._count_at:
            self._count_at = 2 * size
            if self._buffer.count(b"\n", self._rows) > self._header.n_atoms + _BLANK_LINES:
                self._refuse_rows(self._header)

    def _refuse_rows(self, header: Header) -> NoReturn:
        raise DataError(
            f"more rows than the {header.n_atoms} atoms that the frame of step {header.step} announces",
            location=Location(self._path, header.rows_line + header.n_atoms),
            expected=f"{header.n_atoms} rows below ITEM: ATOMS",
        )

    def _find_item(self, start: int) -> int:
        """Where the next header starts, or -1. Rows seldom hold a capital I, and one letter is found much faster."""
        found = self._buffer.find(b"I", start)
        if found < 0 or self._buffer.startswith(b"ITEM:", found):
            return found
        return self._buffer.find(b"ITEM:", found)

    def _read_header(self, at_end: bool) -> bool:
        """Parse the header at the position; False if it is not there yet, or never will be."""
        self._skip_blanks()
        start, limit = self._position, self._position + HEADER_LIMIT
        atoms = self._buffer.find(b"ITEM: ATOMS", start, limit)
        end = self._buffer.find(b"\n", atoms) if atoms >= 0 else -1
        if end < 0:
            if at_end or len(self._buffer) >= limit:
                self._give_up_header(limit)
            return False
        self._header = parse_header(self._buffer[start:end].decode("utf-8", "replace"), self._path, self.line)
        self._rows = self._searched = end + 1
        self._count_at = _LONG_ROWS
        return True

    def _give_up_header(self, limit: int) -> None:
        """A header without an end: a file that is cut, or no dump of atoms."""
        rest = self._buffer[self._position : limit].decode("utf-8", "replace")
        whole = rest[: rest.rfind("\n") + 1]
        check_sections(whole, self._path, self.line)
        if rest:
            self._log.truncated.append(Event(self._path, self.line, None, "is cut short in its header"))
        self._position = len(self._buffer)

    def _skip_blanks(self) -> None:
        while self._buffer[self._position : self._position + 1] in _BLANKS:
            self.line += self._buffer[self._position] == ord("\n")
            self._position += 1

    def _cut(self, stop: int) -> RawFrame | None:
        """The frame whose rows end at `stop`; None if it has too few of them."""
        header, start, rows_start = self._header, self._position, self._rows
        rows = bytes(memoryview(self._buffer)[rows_start:stop])
        self._header, self._position, self.line = None, stop, header.rows_line + rows.count(b"\n")
        kept = whole_rows(rows, header.n_atoms)
        if header.n_atoms == 0 and not kept:
            self._log.empty.append(Event(self._path, header.line, header.step, "holds no atom"))
            return None
        if isinstance(kept, int):
            if kept > header.n_atoms:
                self._refuse_rows(header)
            why = f"is cut short: {kept} of {header.n_atoms} rows"
            self._log.truncated.append(Event(self._path, header.line, header.step, why))
            return None
        return RawFrame(header, kept, self._base + start, self._base + rows_start, self._base + stop, self._file)


def whole_rows(rows: bytes, n_atoms: int) -> bytes | int:
    """The rows of a frame without blank lines; or how many there are, where they are more or fewer than they should be.

    A row without its end is none: it may have been cut.
    """
    if rows.count(b"\n") == n_atoms and rows.endswith(b"\n"):
        return rows
    lines = rows.split(b"\n")
    kept = [line + b"\n" for line in lines[:-1] if line.strip(b" \t\r")]
    if len(kept) == n_atoms and not lines[-1].strip(b" \t\r"):
        return b"".join(kept)
    return len(kept) + (len(kept) >= n_atoms and bool(lines[-1].strip(b" \t\r")))
