"""Splits the text of a dump into raw frames: a parsed header and the bytes of the rows below it.

Memory holds one block of text and one frame. Truncated frames are left out and logged.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from gnnzoo.data.lammps.dump_file import HEADER_LIMIT, Advance, DumpFile, read_blocks
from gnnzoo.data.lammps.events import DumpLog, Event
from gnnzoo.data.lammps.header import Header, check_sections, listed, parse_header
from gnnzoo.errors import DataError, Location

_BLANK_LINES = 1000  # blank lines tolerated within the rows of a frame
_BLANKS = re.compile(rb"[ \t\r\n]*")
_LINE_BYTES = 1 << 20  # longest line; the columns of a header are within `HEADER_LIMIT`, and each value has some digits
_LONG_ROWS = 1 << 25  # bytes of rows after which they are counted before more are buffered


@dataclass(frozen=True, eq=False)
class RawFrame:
    """One frame before its rows are parsed.

    Attributes:
        header: the parsed header.
        rows: exactly `header.n_atoms` lines, each with its line end.
        start, rows_start, stop: byte offsets of header, rows and end in the (decompressed) file.
        file: number of the dump, in the order of reading.
    """

    header: Header
    rows: bytes
    start: int
    rows_start: int
    stop: int
    file: int = 0


def raw_frames(
    path: Path, log: DumpLog, advance: Advance | None = None, copy: Callable[[], BinaryIO] | None = None
) -> Iterator[RawFrame]:
    """Split one dump into its complete frames.

    Args:
        path: text, plain or compressed; or `STDIN`.
        log: receives the file and the frames that are left out.
        advance: called with the number of bytes that were read from disk.
        copy: opens a file for the text, called where the dump itself cannot be read at an offset.

    Yields:
        Frames in the order of the file.

    Raises:
        DataError: the file is empty, binary or not a dump; a header is invalid; a frame has too many rows.
    """
    dump = DumpFile(path)
    log.files.append(dump)
    splitter = _Splitter(path, log)
    text: BinaryIO | None = None
    for block in read_blocks(dump, advance):
        if copy is not None and not dump.seekable:
            text = text or copy()
            text.write(block)
        for frame in splitter.feed(block):
            dump.frames += 1
            yield frame
    for frame in splitter.finish():
        dump.frames += 1
        yield frame
    if dump.truncated and not any(event.file == path for event in log.truncated):
        log.truncated.append(Event(path, splitter.line, None, "is cut short: the compressed data end there"))


class _Splitter:
    """Cuts blocks of text into frames, wherever the blocks end."""

    def __init__(self, path: Path, log: DumpLog):
        self._path, self._log = path, log
        self._file = len(log.files) - 1
        self._buffer = bytearray()
        self._base = 0  # offset of the buffer in the file
        self._position = 0  # in the buffer: start of the next header
        self.line = 1  # of the position, in the file
        self._header: Header | None = None  # of the frame whose rows are being collected
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
        """The last frame, if it is complete."""
        yield from self._frames(at_end=True)

    def _frames(self, at_end: bool) -> Iterator[RawFrame]:
        while (header := self._header or self._read_header(at_end)) is not None:
            stop = self._find_item(self._searched)
            if stop < 0 and not at_end:
                self._searched = max(self._rows, len(self._buffer) - len(b"ITEM:") + 1)
                self._refuse_endless_line(header)
                self._refuse_endless_rows(header)
                return
            frame = self._cut(header, self._end() if stop < 0 else stop)
            if frame is not None:
                yield frame

    def _end(self) -> int:
        """End of the last rows: before the first letters of a header, if the file is truncated within them."""
        last_line = self._buffer[self._buffer.rfind(b"\n") + 1 :]
        return len(self._buffer) - (len(last_line) if b"ITEM:".startswith(last_line) else 0)

    def _refuse_endless_line(self, header: Header) -> None:
        """Raise on a line without an end before it fills the memory."""
        start = max(self._rows, self._buffer.rfind(b"\n", self._rows) + 1)
        if len(self._buffer) - start > _LINE_BYTES:
            line = header.rows_line + self._buffer.count(b"\n", self._rows)
            raise DataError(
                f"the line is longer than {_LINE_BYTES:,} bytes",
                location=Location(self._path, line),
                expected=f"{len(header.columns)} values: {listed(header.columns)}",
            )

    def _refuse_endless_rows(self, header: Header) -> None:
        """Raise on many more rows than announced before they fill the memory."""
        size = len(self._buffer) - self._rows
        if size >= self._count_at:
            self._count_at = 2 * size
            if self._buffer.count(b"\n", self._rows) > header.n_atoms + _BLANK_LINES:
                self._refuse_rows(header)

    def _refuse_rows(self, header: Header) -> NoReturn:
        raise DataError(
            f"more rows than the {header.n_atoms} atoms that the frame of step {header.step} announces",
            location=Location(self._path, header.rows_line + header.n_atoms),
            expected=f"{header.n_atoms} rows below ITEM: ATOMS",
        )

    def _find_item(self, start: int) -> int:
        """Start of the next header, or -1. Rows rarely contain a capital I, and one letter is found much faster."""
        found = self._buffer.find(b"I", start)
        if found < 0 or self._buffer.startswith(b"ITEM:", found):
            return found
        return self._buffer.find(b"ITEM:", found)

    def _read_header(self, at_end: bool) -> Header | None:
        """Parse the header at the position; None while it is incomplete."""
        self._skip_blanks()
        start, limit = self._position, self._position + HEADER_LIMIT
        atoms = self._buffer.find(b"ITEM: ATOMS", start, limit)
        end = self._buffer.find(b"\n", atoms, limit) if atoms >= 0 else -1
        if end < 0:
            if at_end or len(self._buffer) >= limit:
                self._give_up_header(limit, at_end)
            return None
        self._header = parse_header(self._buffer[start:end].decode("utf-8", "replace"), self._path, self.line)
        self._rows = self._searched = end + 1
        self._count_at = _LONG_ROWS
        return self._header

    def _give_up_header(self, limit: int, at_end: bool) -> None:
        """Handle a header without an end: a truncated file, or not a dump of atoms."""
        rest = self._buffer[self._position : limit].decode("utf-8", "replace")
        complete = rest[: rest.rfind("\n") + 1]
        check_sections(complete, self._path, self.line)
        if rest and not at_end:
            raise DataError(
                f"the header is longer than {HEADER_LIMIT:,} bytes",
                location=Location(self._path, self.line + complete.count("\n")),
                expected="the header of a frame, with a line ITEM: ATOMS",
            )
        if rest:
            self._log.truncated.append(Event(self._path, self.line, None, "is cut short in its header"))
        self._position = len(self._buffer)

    def _skip_blanks(self) -> None:
        match = _BLANKS.match(self._buffer, self._position)
        stop = self._position if match is None else match.end()
        self.line += self._buffer.count(b"\n", self._position, stop)
        self._position = stop

    def _cut(self, header: Header, stop: int) -> RawFrame | None:
        """The frame whose rows end at `stop`; None if it has too few of them."""
        start, rows_start = self._position, self._rows
        rows = bytes(memoryview(self._buffer)[rows_start:stop])
        self._header, self._position, self.line = None, stop, header.rows_line + rows.count(b"\n")
        kept = complete_rows(rows, header.n_atoms)
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


def complete_rows(rows: bytes, n_atoms: int) -> bytes | int:
    """Remove blank lines from the rows of a frame.

    Args:
        rows: text below the header.
        n_atoms: number of rows that the header announces.

    Returns:
        The text of exactly `n_atoms` rows; or the number of rows where that differs. A row without a line end does not
        count, because it may be truncated.
    """
    if rows.count(b"\n") == n_atoms and rows.endswith(b"\n"):
        return rows
    lines = rows.split(b"\n")
    kept = [line + b"\n" for line in lines[:-1] if line.strip(b" \t\r")]
    if len(kept) == n_atoms and not lines[-1].strip(b" \t\r"):
        return b"".join(kept)
    return len(kept) + (len(kept) >= n_atoms and bool(lines[-1].strip(b" \t\r")))
