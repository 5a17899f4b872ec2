"""The text of a LAMMPS dump from a file, plain or compressed, or from a pipe.

The bytes are read once, in blocks, and hashed on the way. Compression is recognised by the first bytes, whatever the
file's name.
"""

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.data.compression import DAMAGE, OPENERS, check_expansion
from gnnzoo.data.data_source import STDIN
from gnnzoo.data.lammps.header import dump_command
from gnnzoo.errors import DataError, Location
from gnnzoo.file_formats import COMPRESSIONS, HDF5, HEAD_BYTES, XYZ

BLOCK_BYTES = 1 << 22
HEADER_LIMIT = 1 << 16  # bytes; headers of frames have a few hundred
_PIECE_BYTES = 1 << 18  # read and decompressed at a time: where an archive is truncated, at most this much is lost

# First bytes of files that are not dumps -> name of the format, and the command that reads it.
_FOREIGN = {
    HDF5: ("an HDF5 file", "gnnzoo inspect {file}"),
    b"\x89PNG": ("a picture", None),
    b"PK\x03\x04": ("a zip archive, such as a .keras model", "gnnzoo inspect {file}"),
    b"CDF": ("a NetCDF file", None),
}

Advance = Callable[[int], object]


@dataclass
class DumpFile:
    """One dump that is read; complete when its last block has been read.

    Attributes:
        path: the file; `STDIN` for standard input.
        size, sha256: of the file as it is on disk.
        frames: number of complete frames.
        truncated: whether the compressed data end early.
        seekable: whether text can be read again from `path` at its offset; false for compressed files and pipes.
    """

    path: Path
    size: int = 0
    sha256: str = ""
    frames: int = 0
    truncated: bool = False
    seekable: bool = True


def read_blocks(dump: DumpFile, advance: Advance | None = None) -> Iterator[bytes]:
    """Read the text of a dump, decompressed.

    Args:
        dump: names the file; its other attributes are set on the way.
        advance: called with the number of bytes that were read from disk.

    Yields:
        Blocks of about `BLOCK_BYTES`, cut anywhere.

    Raises:
        DataError: the file is empty, binary, not a dump, or damaged.
    """
    with _open(dump.path) as file:
        raw = _HashingReader(file, advance)
        head = raw.peek(HEAD_BYTES)
        program = next((name for magic, name in COMPRESSIONS.items() if head.startswith(magic)), None)
        dump.seekable = program is None and not raw.is_pipe and dump.path != STDIN
        plain = iter(lambda: raw.read(BLOCK_BYTES), b"")
        blocks = plain if program is None else _decompressed(raw, program, dump)
        first = next(blocks, b"")
        _refuse_foreign(first, dump.path)
        yield first
        yield from blocks
        while raw.read(BLOCK_BYTES):  # bytes after the end of an archive belong to the file's hash
            pass
        dump.size, dump.sha256 = raw.bytes, raw.digest.hexdigest()


def _open(path: Path) -> io.FileIO:
    if path != STDIN:
        return path.open("rb", buffering=0)
    if os.isatty(0):
        raise DataError(
            "standard input is a terminal",
            location=Location("-"),
            hint="zcat dump.lammpstrj.gz | gnnzoo convert - -o dump.h5",
        )
    return io.FileIO(os.dup(0), "rb")


class _HashingReader(io.RawIOBase):
    """A file that counts and hashes the bytes read from it; short reads from pipes are gathered to full blocks."""

    def __init__(self, file: io.FileIO, advance: Advance | None):
        self._file, self._advance, self._peeked = file, advance, b""
        self.digest, self.bytes = hashlib.sha256(), 0
        self.is_pipe = not stat.S_ISREG(os.fstat(file.fileno()).st_mode)

    def readable(self) -> bool:
        return True

    def peek(self, size: int) -> bytes:
        """The next bytes, which the next read returns again."""
        self._peeked = self._read(size)
        return self._peeked

    def read(self, size: int = -1) -> bytes:
        block, self._peeked = self._peeked, b""
        block += self._read(size - len(block))
        self.digest.update(block)
        self.bytes += len(block)
        if self._advance is not None and block:
            self._advance(len(block))
        return block

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed: Buffer
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def _read(self, size: int) -> bytes:
        if not self.is_pipe:
            return self._file.read(size)
        pieces = []
        while size > 0 and (piece := self._file.read(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


def _decompressed(raw: _HashingReader, program: str, dump: DumpFile) -> Iterator[bytes]:
    """Blocks of decompressed text; those of a truncated archive end where it ends."""
    try:
        archive = OPENERS[program](io.BufferedReader(raw, _PIECE_BYTES))
    except DAMAGE as error:
        raise _damaged(error, program, dump) from None
    read = getattr(archive, "read1", archive.read)
    pieces: list[bytes] = []
    size, total, more = 0, 0, True
    while more:
        try:
            piece = read(_PIECE_BYTES)
            more = bool(piece)
        except DAMAGE as error:
            dump.truncated, piece, more = _is_truncation(error), b"", False
            if not dump.truncated:
                raise _damaged(error, program, dump) from None
        pieces.append(piece)
        size, total = size + len(piece), total + len(piece)
        check_expansion(total, raw.bytes, program, dump.path)
        if size >= BLOCK_BYTES or not more:
            yield b"".join(pieces)
            pieces, size = [], 0


def _damaged(error: Exception, program: str, dump: DumpFile) -> DataError:
    return DataError(
        f"the compressed data are damaged ({error})",
        location=Location(dump.path),
        hint=f"{program} -t {dump.path.name} checks it",
    )


def _is_truncation(error: Exception) -> bool:
    return isinstance(error, EOFError) or "Truncated compressed stream" in str(error)


def _refuse_foreign(first: bytes, path: Path) -> None:
    """Raise if the first block of text does not begin a text dump."""
    location = Location(path)
    if not first or first.isspace():
        raise DataError("the file is empty", location=location, hint=dump_command(path))
    for magic, (name, hint) in _FOREIGN.items():
        if first.startswith(magic):
            advice = hint.format(file=path.name) if hint else dump_command(path)
            raise DataError(f"this is {name}", location=location, expected="a LAMMPS text dump", hint=advice)
    if b"DUMPCUSTOM" in first[:64] or b"DUMPATOM" in first[:64] or b"\0" in first:
        raise DataError(
            "the file is binary",
            location=location,
            expected="a LAMMPS text dump",
            hint=f"LAMMPS' tool converts binary dumps to text: binary2txt {path.name}; or write text at once: "
            + dump_command(path),
        )
    start = first[:HEADER_LIMIT].lstrip()
    if not start.startswith(b"ITEM:"[: len(start)]):
        line = start.splitlines()[0][:60].decode("utf-8", "replace")
        if XYZ.match(start[:HEAD_BYTES]):  # from a pipe, because files of this kind are recognised
            raise DataError(
                f"this is extended XYZ, which is read twice: it begins with '{line}'",
                location=Location(path, 1),
                expected="a LAMMPS text dump, or a file",
                hint="write the pipe to a file, such as frames.extxyz, and: gnnzoo convert frames.extxyz",
            )
        raise DataError(
            f"this is not a LAMMPS dump: it begins with '{line}'",
            location=Location(path, 1),
            expected="ITEM: TIMESTEP, as written by dump style custom",
            hint=dump_command(path),
        )
