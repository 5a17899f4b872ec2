"""Writes datasets as text for other programs, frame by frame, so that memory does not grow with the file."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from gnnzoo.data.export.extxyz import check_xyz, xyz_texts
from gnnzoo.data.export.lammps_dump import dump_texts
from gnnzoo.data.frames.blocks import blocks_of
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.errors import Location, UserError, did_you_mean
from gnnzoo.threads import prefetch

DUMP_SUFFIXES = (".lammpstrj", ".dump")
XYZ_SUFFIXES = (".extxyz", ".xyz")
_COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


def form_of(output: Path) -> str:
    """Determine the format from the name of a file.

    Args:
        output: the file to write.

    Returns:
        "lammps" or "xyz".

    Raises:
        UserError: the suffix is unknown.
    """
    name = Path(output.stem) if output.suffix in _COMPRESSED else output
    if name.suffix in DUMP_SUFFIXES:
        return "lammps"
    if (
        name.suffix in XYZ_SUFFIXES and name == output
    ):  # extended XYZ is not written compressed: gnnzoo and others read it plain
        return "xyz"
    known = (*DUMP_SUFFIXES, *XYZ_SUFFIXES)
    raise UserError(
        f"the suffix of '{output.name}' names no format.{did_you_mean(name.suffix, known)}",
        location=Location(output),
        expected=f"a name that ends in {', '.join(known)}; for dumps also followed by {', '.join(_COMPRESSED)}",
        hint=f"{name.stem}.lammpstrj",
    )


def check_exportable(dataset: Dataset, form: str) -> None:
    """Check that data can be written in a format, before any long work.

    Args:
        dataset: the data.
        form: see `form_of`.

    Raises:
        DataError, UserError: see `extxyz.xyz_texts`.
    """
    if form == "xyz":
        check_xyz(dataset.units, dataset.type_names, Location(dataset.path))


def write_text(
    dataset: Dataset, output: Path, form: str, advance: Callable[[int], object] | None = None, compression: str = ""
) -> int:
    """Write all frames; reading, formatting and writing overlap in threads.

    Args:
        dataset: the data.
        output: the file to write.
        form: see `form_of`.
        advance: called with 1 after each frame.
        compression: suffix of a compressed file, such as ".gz"; any other for none.

    Returns:
        Number of bytes before compression.

    Raises:
        DataError, UserError: see `lammps_dump.dump_texts`, `extxyz.xyz_texts`.
    """
    formatter = {"lammps": dump_texts, "xyz": xyz_texts}[form]
    size = 0
    with contextlib.ExitStack() as stack:
        blocks = stack.enter_context(contextlib.closing(prefetch(blocks_of(dataset))))
        texts = formatter(blocks, dataset.units, dataset.type_names, Location(dataset.path))
        file = stack.enter_context(output.open("wb"))
        if compression in _COMPRESSED:
            file = stack.enter_context(pa.CompressedOutputStream(file, _COMPRESSED[compression]))
        for text in texts:
            file.write(text)
            size += len(text)
            if advance is not None:
                advance(1)
    return size
