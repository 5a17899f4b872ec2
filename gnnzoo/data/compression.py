"""Opens compressed files as the text that they hold; the compression is recognised by the first bytes."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

from gnnzoo.file_formats import COMPRESSIONS, read_head

# What decompressors raise for damaged or truncated data.
DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError)


def _zstd(file: io.BufferedReader) -> io.BufferedIOBase:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")


# Program that checks such a file -> how Python opens it.
OPENERS: dict[str, Callable[[io.BufferedReader], io.BufferedIOBase]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
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
