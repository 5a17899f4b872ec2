"""File formats by first bytes and by name, digests of files, and the natural order of numbered file names."""

import hashlib
import os
import re
import stat
from pathlib import Path

from gnnzoo.errors import DataError, Location, UserError

HDF5 = b"\x89HDF"
DUMP = b"ITEM:"  # LAMMPS text dump
XYZ = re.compile(rb"[ \t]*[0-9]+[ \t]*(\r|\n|$)")  # a number of atoms alone on the first line
# First bytes of compressed files -> program that unpacks and checks them.
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2"}
COMPRESSED_SUFFIXES = (".gz", ".zst", ".xz", ".bz2")
HEAD_BYTES = 8  # enough for all of the above


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def file_sha256(path: Path) -> str:
    """Hash a file.

    Args:
        path: the file.

    Returns:
        Hexadecimal sha256 of its content.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(path: Path, expected: str, error: type[UserError] = DataError, hint: str | None = None) -> None:
    """Check that a path is a regular file or leads to one, before it is opened: opening a pipe waits for a writer.

    Args:
        path: that a file is read from; a missing one passes, because opening it says so.
        expected: the kind of file, such as "a recipe".
        error: class of the error.
        hint: what to type next.

    Raises:
        UserError: it is a folder, a pipe, a socket or a device.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except (OSError, ValueError):  # opening it reports the error
        return
    if kind != stat.S_IFREG:
        raise error(
            f"this is {_KINDS.get(kind, 'no regular file')}", location=Location(path), expected=expected, hint=hint
        )


def read_head(path: Path) -> bytes:
    """The first bytes of the file at `path`.

    Returns:
        At most `HEAD_BYTES` bytes.
    """
    with path.open("rb", buffering=0) as file:
        return file.read(HEAD_BYTES)


def uncompressed_name(path: Path) -> str:
    """The file name of `path` without the suffix of a compression.

    Returns:
        "water.lammpstrj" for data/water.lammpstrj.gz.
    """
    return path.stem if path.suffix in COMPRESSED_SUFFIXES else path.name


def natural_key(name: str | Path) -> list[int | str]:
    """Sorting key of natural order: N216.2 before N216.11.

    Args:
        name: a file name or path.

    Returns:
        Text and numbers in turn.
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(name))]
