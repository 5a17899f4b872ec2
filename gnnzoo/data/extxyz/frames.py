"""Frames of an extended XYZ file, plain or compressed, one after the other.

Nothing is believed before it is read: a number of atoms for which the file is too short, and lines longer than any
real one, are refused before memory is taken.
"""

import io
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnzoo.data.compression import DAMAGE, OPENERS, check_expansion, compression
from gnnzoo.data.extxyz.header import Column, Header, parse_header
from gnnzoo.errors import DataError, Location

COMMENT_LIMIT = 1 << 22  # bytes of a comment line; some hold spectra
ROW_LIMIT = 1 << 16  # bytes of a row
FRAME_LIMIT = 1 << 27  # bytes of all rows of a frame: some millions of atoms
_ROWS_AT_A_TIME = 4096
_SHOWN = 500  # characters of the columns that an error quotes
_COUNT = re.compile(rb"[ \t]*([0-9]{1,18})[ \t]*")
_EXPECTED = "the number of atoms, a comment line, and a row for each atom, for every frame"

Advance = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a frame.

    Attributes:
        header: of the frame.
        texts: column -> (atoms,) words.
        numbers: column -> (atoms,) or (atoms, width) float64.
    """

    header: Header
    texts: dict[str, list[str]]
    numbers: dict[str, np.ndarray]


def read_headers(path: Path, advance: Advance | None = None) -> Iterator[Header]:
    """Read the headers alone; the rows are counted.

    Args:
        path: plain or compressed.
        advance: called with 1 after each frame.

    Yields:
        The header of each frame.

    Raises:
        DataError: the file is empty, damaged, or not XYZ.
    """
    with _lines(path) as lines:
        for header in _headers(lines):
            for _ in lines.rows(header):
                pass
            yield header
            if advance is not None:
                advance(1)


def read_frames(path: Path, texts: Collection[str], numbers: Collection[str]) -> Iterator[Rows]:
    """Read headers and some columns.

    Args:
        path: plain or compressed.
        texts, numbers: names of columns that are wanted as words and as numbers, where a frame has them.

    Yields:
        The rows of each frame.

    Raises:
        DataError: as `read_headers`; or a row does not have a word for each column, or a wanted number is none.
    """
    with _lines(path) as lines:
        for header in _headers(lines):
            columns = header.columns.values()
            parser = _RowParser(
                header,
                [column for column in columns if column.name in texts],
                [column for column in columns if column.name in numbers],
            )
            for row in lines.rows(header):
                parser.add(row)
            yield parser.rows()


class _RowParser:
    """Collects the wanted columns of a frame, some thousand rows at a time."""

    def __init__(self, header: Header, texts: list[Column], numbers: list[Column]):
        self._header, self._waiting, self._parsed = header, list[list[bytes]](), 0
        self._texts: dict[Column, list[str]] = {column: [] for column in texts}
        self._numbers: dict[Column, list[np.ndarray]] = {column: [] for column in numbers}

    def add(self, row: bytes) -> None:
        """Add the next row."""
        words = row.split()
        if b"\0" in row:
            raise self._binary(len(self._waiting))
        if len(words) != self._header.width:
            raise _uneven(len(words), self._header, self._parsed + len(self._waiting))
        self._waiting.append(words)
        if len(self._waiting) == _ROWS_AT_A_TIME:
            self._parse()

    def _binary(self, waiting: int) -> DataError:
        """The error about a row that is no text."""
        location = self._header.at_row(self._parsed + waiting)
        return DataError("the row has a byte of zero", location=location, expected="text")

    def rows(self) -> Rows:
        """The whole frame."""
        self._parse()
        texts = {column.name: words for column, words in self._texts.items()}
        numbers = {column.name: np.concatenate(parts) for column, parts in self._numbers.items()}
        return Rows(self._header, texts, numbers)

    def _parse(self) -> None:
        for column, texts in self._texts.items():
            texts += [sys.intern(row[column.start].decode("utf-8", "replace")) for row in self._waiting]
        for column, parts in self._numbers.items():
            flat = [word for row in self._waiting for word in row[column.start : column.start + column.width]]
            try:
                values = np.array([float(word) for word in flat])  # an array of words would drop NULs at their ends
            except ValueError:
                raise self._not_a_number(flat, column) from None
            if b"_" in b"".join(flat):  # which Python takes between digits
                raise self._not_a_number(flat, column)
            parts.append(values if column.width == 1 else values.reshape(-1, column.width))
        self._parsed += len(self._waiting)
        self._waiting = []

    def _not_a_number(self, flat: list[bytes], column: Column) -> DataError:
        """The error about the first word of a group that is no number."""
        index = next(index for index, word in enumerate(flat) if not _is_number(word))
        word = flat[index][:40].decode("utf-8", "replace")
        row = self._parsed + index // column.width
        return DataError(
            f"'{word}' in the column {column.name} is not a number",
            location=self._header.at_row(row),
            expected=f"{column.width} numbers",
        )


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return b"_" not in word


def _headers(lines: "_Lines") -> Iterator[Header]:
    """The headers; the caller reads the rows of each before the next."""
    number = 0
    while (line := lines.next(ROW_LIMIT)) is not None:
        if not line.strip():
            continue  # an empty line between frames, or at the end
        count = _COUNT.fullmatch(line.strip(b"\r\n"))
        if count is None:
            raise _no_count(lines, line, number)
        comment = lines.next(COMMENT_LIMIT)
        if comment is None:
            raise DataError("the file ends after a number of atoms", location=lines.location, expected=_EXPECTED)
        text = comment.decode("utf-8", "replace").strip()
        header = parse_header(text, int(count[1]), lines.location, number)
        lines.check_room(header)
        yield header
        number += 1
    if number == 0:
        raise DataError("the file holds no frame", location=Location(lines.path), expected=_EXPECTED)


class _Lines:
    """The lines of a file, counted, and none longer than what is asked for."""

    def __init__(self, path: Path, file: io.BufferedReader, program: str | None):
        self.path, self._file, self._program = path, file, program
        self._archive_size = path.stat().st_size
        self._size = self._archive_size if program is None else None  # of the text, where it is known
        self._line, self._read = 0, 0
        self._comment_line = 0  # of the frame that is read

    @property
    def location(self) -> Location:
        """Of the line read last."""
        return Location(self.path, self._line)

    def next(self, limit: int) -> bytes | None:
        """The next line of at most `limit` bytes; None at the end."""
        line = self._file.readline(limit + 1)
        return self._counted(line, limit) if line else None

    def _counted(self, line: bytes, limit: int) -> bytes:
        """A line that was read; refused where it is longer than `limit`."""
        self._line += 1
        self._read += len(line)
        if len(line) > limit:
            start = line[:40].decode("utf-8", "replace")
            raise DataError(
                f"a line of more than {limit:,} bytes, which begins with '{start}'",
                location=self.location,
                expected=_EXPECTED,
            )
        return line

    def rows(self, header: Header) -> Iterator[bytes]:
        """The rows of a frame."""
        size, readline, most = 0, self._file.readline, ROW_LIMIT + 1  # local names: this loop sees every row
        for number in range(header.n_atoms):
            line = readline(most)
            if not line or line.isspace():
                ends = "an empty line follows" if line else "the file ends"
                what = f"frame {header.number} announces {header.n_atoms:,} atoms, and {ends} after {number:,} rows"
                raise self._wrong_count(header, what)
            size += len(line)
            if len(line) == most or size > FRAME_LIMIT:
                self._line += number
                self._counted(line, ROW_LIMIT)
                what = f"frame {header.number} has more than {FRAME_LIMIT >> 20} MiB of rows"
                raise self._wrong_count(header, what)
            yield line
        self._line += header.n_atoms
        self._read += size
        if self._program is not None:
            check_expansion(self._read, self._archive_size, self._program, self.path)

    def _wrong_count(self, header: Header, what: str) -> DataError:
        """The error about a number of atoms; the hint keeps the frames before it."""
        line = self._comment_line - 1
        before, kept = line - 1, f"complete{self.path.suffix}"
        return DataError(
            what,
            location=Location(self.path, line),
            expected=f"{header.n_atoms:,} rows of {header.width} words",
            hint=f"head -n {before} {shlex.quote(str(self.path))} > {kept} keeps the frames before it"
            if before and self._size is not None
            else None,
        )

    def check_room(self, header: Header) -> None:
        """Refuse a number of atoms for which the rest of the file is too short."""
        self._comment_line = self._line
        least = 2 * header.width * header.n_atoms - 1  # a character and a blank for each word
        if self._size is not None and least > self._size - self._read:
            left = f"the rest of the file, {self._size - self._read:,} bytes, is too short for them"
            raise self._wrong_count(header, f"frame {header.number} announces {header.n_atoms:,} atoms, and {left}")


@contextmanager
def _lines(path: Path) -> Iterator[_Lines]:
    """The lines of a file that may be compressed; damage is an error of the user's."""
    program = compression(path)
    with path.open("rb") as raw:
        if program is None:
            yield _Lines(path, raw, None)
            return
        try:
            with OPENERS[program](raw) as archive:
                yield _Lines(path, io.BufferedReader(archive), program)
        except DAMAGE as error:
            raise DataError(
                f"the compressed data are damaged ({error})",
                location=Location(path),
                hint=f"{program} -t {path} checks it",
            ) from error


def _no_count(lines: _Lines, line: bytes, number: int) -> DataError:
    """The error about a line that is no number of atoms."""
    start = line.strip()[:60].decode("utf-8", "replace")
    if number == 0:
        what = f"this is not extended XYZ: the file begins with '{start}'"
    else:
        what = f"after frame {number - 1} stands '{start}' in the place of a number of atoms"
    return DataError(what, location=lines.location, expected=_EXPECTED)


def _uneven(words: int, header: Header, row: int) -> DataError:
    """The error about a row with another number of words than there are columns."""
    names = ":".join(f"{column.name}:{column.kind}:{column.width}" for column in header.columns.values())
    names = names if len(names) <= _SHOWN else names[:_SHOWN] + "..."
    expected, hint = f"{header.width} words, as Properties={names}", None
    if header.comment is not None and words >= 7:
        expected = "a comment line that names the columns"
        hint = "write Properties=species:S:1:pos:R:3:forces:R:3 into each comment line, if these are forces"
    location = header.at_row(row)
    return DataError(
        f"frame {header.number} has a row of {words} words", location=location, expected=expected, hint=hint
    )
