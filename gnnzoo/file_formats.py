"""File formats by first bytes and by name, and the natural order of numbered file names."""

import re
from pathlib import Path

HDF5 = b"\x89HDF"
DUMP = b"ITEM:"  # LAMMPS text dump
# First bytes of compressed files -> program that unpacks and checks them.
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2"}
COMPRESSED_SUFFIXES = (".gz", ".zst", ".xz", ".bz2")
HEAD_BYTES = 8  # enough for all of the above


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
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(name))]
