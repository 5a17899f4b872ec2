"""Opens compressed files as the text that they hold; the compression is recognised by the first bytes."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

from gnnzoo.errors import DataError, Location
from gnnzoo.file_formats import COMPRESSIONS, read_head

# An archive whose text is larger than this, and so many times larger than the archive, is refused: numbers of a run
# compress to a tenth at best.
_EXPANDED, _MOST_PER_BYTE = 1 << 28, 100
_UNPACKERS = {"gzip": "gunzip -k", "zstd": "unzstd", "xz": "unxz -k", "bzip2": "bunzip2 -k"}
_RESERVED = 0b1110_0000  # flags of a gzip header; Python's module ignores them
# What decompressors raise for damaged or truncated data.
DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError)


def _gzip(file: io.BufferedReader) -> io.BufferedIOBase:
    """Open, but not where bits of the header are set that every reader must refuse (RFC 1952, 2.3.1.2)."""
    if any(flags & _RESERVED for flags in file.peek(4)[3:4]):
        raise gzip.BadGzipFile("reserved bits of its header are set")
    return gzip.GzipFile(fileobj=file)


def _zstd(file: io.BufferedReader) -> io.BufferedIOBase:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")


# Program that checks such a file -> how Python opens it.
OPENERS: dict[str, Callable[[io.BufferedReader], io.BufferedIOBase]] = {
    "gzip": _gzip,
    "zstd": _zstd,
    "xz": lzma.LZMAFile,
    "bzip2": bz2.BZ2File,
}


def compression(path: Path) -> str | None:
    """The program that unpacks the file at `path`.

    Returns:
        A key of `OPENERS`; None for a file that is not compressed.
    """
    head = read_head(path)
    return next((program for magic, program in COMPRESSIONS.items() if head.startswith(magic)), None)


def check_expansion(text_bytes: int, archive_bytes: int, program: str, path: Path) -> None:
    """Refuse an archive that expands as no numbers of a run do.

    Args:
        text_bytes: decompressed so far.
        archive_bytes: of the archive that were read for these, or its size.
        program: see `OPENERS`.
        path: of the archive.

    Raises:
        DataError: it is a bomb.
    """
    if text_bytes > _EXPANDED and text_bytes > _MOST_PER_BYTE * archive_bytes:
        raise DataError(
            f"{archive_bytes:,} bytes expand to {text_bytes:,} and more",
            location=Location(path),
            expected=f"text that is at most {_MOST_PER_BYTE} times as large as its archive",
            hint=f"{_UNPACKERS[program]} {path.name} unpacks it, if it is meant like that; then use the text",
        )
