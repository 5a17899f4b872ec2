"""The bytes of a dump, wherever they come from: a file, plain or compressed, or a pipe.

They are read once, in blocks, and hashed on the way; compressed dumps are unpacked as they come. How a file is
compressed is told by its first bytes, whatever its name.
"""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.data.lammps.header import dump_line
from gnnzoo.errors import DataError, Location

STDIN = Path("-")
COMPRESSED_SUFFIXES = (".gz", ".zst", ".xz", ".bz2")
BLOCK_BYTES = 1 << 22
HEADER_LIMIT = 1 << 16  # no header is longer
_PIECE_BYTES = 1 << 18  # unpacked at a time: little is lost where an archive is cut

# What other files begin with, and what to do about them.
_FOREIGN = {
    b"\x89HDF": ("an HDF5 file", "gnnzoo inspect {file}"),
    b"\x89PNG": ("a picture", None),
    b"PK\x03\x04": ("a zip archive, as a .keras model is one", "gnnzoo inspect {file}"),
    b"CDF": ("a NetCDF file", None),
}


def _zstd(file: io.RawIOBase):
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")


# First bytes -> how to open what follows, and the command that checks such a file.
_COMPRESSIONS: dict[bytes, tuple[Callable, str]] = {
    b"\x1f\x8b": (lambda file: gzip.GzipFile(fileobj=file), "gzip -t"),
    b"\x28\xb5\x2f\xfd": (_zstd, "zstd -t"),
    b"\xfd7zXZ": (lzma.LZMAFile, "xz -t"),
    b"BZh": (bz2.BZ2File, "bzip2 -t"),
}


@dataclass
class Source:
    """A dump that was read: its size on disk and its hash, known when the reading has come to its end.

    Attributes:
        path: the file; `STDIN` for standard input.
        frames: complete frames found in it.
        cut: whether its compressed data end before their end.
    """

    path: Path
    size: int = 0
    sha256: str = ""
    frames: int = 0
    cut: bool = False


def is_stream(path: Path) -> bool:
    """Whether this can be read only once: standard input or a pipe."""
    return path == STDIN or (path.exists() and not (path.is_file() or path.is_dir()))


def is_compressed(path: Path) -> bool:
    """Whether the file is compressed in a way that is read here, whatever its name."""
    longest = max(map(len, _COMPRESSIONS))
    with path.open("rb") as file:
        return file.read(longest).startswith(tuple(_COMPRESSIONS))


def unpacked_name(path: Path) -> str:
    """The name of a file without the ending that says how it is compressed."""
    return path.stem if path.suffix in COMPRESSED_SUFFIXES else path.name


def unpacked(source: Source, advance: Callable[[int], object] | None = None) -> Iterator[bytes]:
    """Blocks of the text of `source.path`.

    Size and sha256 of the source are of the file as it lies on disk, and set after the last block.

    Args:
        source: learns what there is to know.
        advance: called with the number of bytes that were read from disk.

    Raises:
        DataError: the file is empty, binary, no dump, or damaged.
    """
    with _opened(source.path) as file:
        raw = _Counted(file, advance)
        start = raw.peek(max(map(len, _COMPRESSIONS)))
        magic = next((magic for magic in _COMPRESSIONS if start.startswith(magic)), None)
        if magic is None:
            blocks = iter(lambda: raw.read(BLOCK_BYTES), b"")
        else:
            blocks = _inflated(raw, *_COMPRESSIONS[magic], source)
        first = next(blocks, b"")
        _refuse_foreign(first, source.path)
        yield first
        yield from blocks
        while raw.read(BLOCK_BYTES):  # what stands behind the end of an archive belongs to the file's hash
            pass
        source.size, source.sha256 = raw.bytes, raw.digest.hexdigest()


def _opened(path: Path) -> io.RawIOBase:
    if path != STDIN:
        return path.open("rb", buffering=0)
    if os.isatty(0):
        raise DataError(
            "standard input is a terminal",
            location=Location("-"),
            hint="zcat dump.lammpstrj.gz | gnnzoo convert - -o dump.h5",
        )
    return os.fdopen(os.dup(0), "rb", buffering=0)


class _Counted(io.RawIOBase):
    """A file that counts and hashes what is read from it; reads from pipes are gathered to full blocks."""

    def __init__(self, file: io.RawIOBase, advance: Callable[[int], object] | None):
        self._file, self._advance, self._ahead = file, advance, b""
        self.digest, self.bytes = hashlib.sha256(), 0
        self._is_pipe = not stat.S_ISREG(os.fstat(file.fileno()).st_mode)

    def readable(self) -> bool:
        return True

    def peek(self, size: int) -> bytes:
        """The next bytes, which are read again afterwards."""
        self._ahead = self._read(size)
        return self._ahead

    def read(self, size: int = -1) -> bytes:
        block, self._ahead = self._ahead, b""
        block += self._read(size - len(block))
        self.digest.update(block)
        self.bytes += len(block)
        if self._advance is not None and block:
            self._advance(len(block))
        return block

    def readinto(self, buffer) -> int:
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def _read(self, size: int) -> bytes:
        if not self._is_pipe:
            return self._file.read(size)
        pieces = []
        while size > 0 and (piece := self._file.read(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


def _inflated(raw: _Counted, opened: Callable, check: str, source: Source) -> Iterator[bytes]:
    """Blocks of unpacked text; an archive that is cut ends where it was cut."""
    buffered = io.BufferedReader(raw, BLOCK_BYTES)
    archive = opened(buffered)
    pieces, size, more = [], 0, True
    while more:
        try:
            piece = archive.read1(_PIECE_BYTES) if hasattr(archive, "read1") else archive.read(_PIECE_BYTES)
            more = bool(piece)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            source.cut, piece, more = _is_cut(error), b"", False
            if not source.cut:
                raise DataError(
                    f"the compressed data are damaged ({error})",
                    location=Location(source.path),
                    hint=f"{check} {source.path.name} checks it",
                ) from None
        pieces.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES or not more:
            yield b"".join(pieces)
            pieces, size = [], 0


def _is_cut(error: Exception) -> bool:
    return isinstance(error, EOFError) or "Truncated compressed stream" in str(error)


def _refuse_foreign(first: bytes, path: Path) -> None:
    """Refuse what is no text dump, by its first block."""
    if not first or first.isspace():
        raise DataError("the file is empty", location=Location(path), hint=dump_line(path))
    for magic, (what, hint) in _FOREIGN.items():
        if first.startswith(magic):
            advice = hint.format(file=path.name) if hint else dump_line(path)
            raise DataError(f"this is {what}", location=Location(path), expected="a LAMMPS dump in text", hint=advice)
    if b"DUMPCUSTOM" in first[:64] or b"DUMPATOM" in first[:64] or b"\0" in first:
        raise DataError(
            "the file is binary",
            location=Location(path),
            expected="a LAMMPS dump in text",
            hint=f"LAMMPS' tool turns binary dumps into text: binary2txt {path.name}; or write it as text: "
            + dump_line(path),
        )
    start = first[:HEADER_LIMIT].lstrip()
    if not start.startswith(b"ITEM:"[: len(start)]):
        line = start.splitlines()[0][:60].decode("utf-8", "replace")
        raise DataError(
            f"this is not a LAMMPS dump: it begins with '{line}'",
            location=Location(path, 1),
            expected="ITEM: TIMESTEP, as the dump style custom writes it",
            hint=dump_line(path),
        )
