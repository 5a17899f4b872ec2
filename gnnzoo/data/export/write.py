"""Datasets as text that other programs read, frame by frame, so that memory does not grow with the file."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from gnnzoo.data.blocks import blocks_of
from gnnzoo.data.export.extxyz import check_xyz, xyz_texts
from gnnzoo.data.export.lammps_dump import dump_texts
from gnnzoo.data.frames import Dataset
from gnnzoo.data.threads import prefetch
from gnnzoo.errors import Location, UserError, did_you_mean

DUMP_SUFFIXES = (".lammpstrj", ".dump")
XYZ_SUFFIXES = (".extxyz", ".xyz")
_COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


def form_of(output: Path) -> str:
    """What is to be written, by the name of the file: "lammps" or "xyz".

    Raises:
        UserError: the name ends in none of the known ways.
    """
    name = Path(output.stem) if output.suffix in _COMPRESSED else output
    if name.suffix in DUMP_SUFFIXES:
        return "lammps"
    if name.suffix in XYZ_SUFFIXES and name == output:  # gnnzoo and others take extended XYZ as it is
        return "xyz"
    known = (*DUMP_SUFFIXES, *XYZ_SUFFIXES)
    raise UserError(
        f"the name '{output.name}' does not say what to write.{did_you_mean(name.suffix, known)}",
        location=Location(output),
        expected=f"a name that ends in {', '.join(known)}; dumps also with {', '.join(_COMPRESSED)} behind it",
        hint=f"{name.stem}.lammpstrj",
    )


def check_exportable(dataset: Dataset, form: str) -> None:
    """Whether the data can be written in this form; to be called before work of any length begins.

    Raises:
        DataError, UserError: see `export_xyz.xyz_texts`.
    """
    if form == "xyz":
        check_xyz(dataset.units, dataset.type_names, Location(dataset.path))


def write_text(
    dataset: Dataset, output: Path, form: str, advance: Callable[[int], object] | None = None, compression: str = ""
) -> int:
    """Write all frames; reading, formatting and writing overlap in threads.

    Args:
        output: the file to make.
        form: see `form_of`.
        advance: called with 1 after each frame.
        compression: ending of a compressed file, such as ".gz"; none for any other.

    Returns:
        The number of bytes before compression.

    Raises:
        DataError, UserError: see `export_dump.dump_texts`, `export_xyz.xyz_texts`.
    """
    make = {"lammps": dump_texts, "xyz": xyz_texts}[form]
    size = 0
    with contextlib.ExitStack() as stack:
        blocks = stack.enter_context(contextlib.closing(prefetch(blocks_of(dataset))))
        texts = make(blocks, dataset.units, dataset.type_names, Location(dataset.path))
        file = stack.enter_context(output.open("wb"))
        if compression in _COMPRESSED:
            file = stack.enter_context(pa.CompressedOutputStream(file, _COMPRESSED[compression]))
        for text in texts:
            file.write(text)
            size += len(text)
            if advance is not None:
                advance(1)
    return size
