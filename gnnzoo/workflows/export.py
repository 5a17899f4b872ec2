"""From a dataset back to text: LAMMPS dumps and extended XYZ, so that nobody is locked in."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gnnzoo.console import say
from gnnzoo.data.export.lammps_dump import is_restricted
from gnnzoo.data.export.write import check_exportable, form_of, write_text
from gnnzoo.data.frames import Dataset
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.outputs import atomic_write, check_writable, refuse_existing
from gnnzoo.progress import track

logger = logging.getLogger(__name__)


def export(
    data: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    units: str | None = None,
    types: Mapping[int | str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write data as text that other programs read.

    A LAMMPS dump (.lammpstrj, .dump, also compressed) holds the very numbers of the data, and converts back bit for
    bit. Extended XYZ (.extxyz, .xyz) is in eV and A: forces, energies and virials of `real` data are converted.

    Args:
        data: whatever `open_dataset` takes.
        output: the file to make; its ending says the format.
        units: LAMMPS unit style, where the data do not tell it.
        types: name of each LAMMPS type, such as {1: "O", 2: "H"}, where the data do not tell it.
        columns: what dumps call some columns, by what they mean, such as {"energy": "c_pe"}.
        overwrite: replace an existing output; the old one is kept beside it.

    Returns:
        The path of the file.

    Raises:
        DataError: the data cannot be read, contradict `units` or `types`, or do not fit the format.
        UserError: the output exists, cannot be written, or has an unknown ending.
    """
    output = Path(output).expanduser()
    form = form_of(output)
    refuse_existing(output, overwrite)
    with open_dataset(data, units=units, types=types, columns=columns) as dataset:
        check_exportable(dataset, form)
        check_writable(output)
        start = time.monotonic()
        with atomic_write(output, overwrite) as temporary, track(f"exporting to {output}", len(dataset)) as shown:
            size = write_text(dataset, temporary, form, shown.advance, output.suffix)
        rate = size / 1e6 / max(time.monotonic() - start, 1e-9)
        _tell(dataset, output, form)
        size_told = f"{output.stat().st_size / 1e6:,.1f} MB"
        say(f"wrote {output}: {len(dataset):,} frames, {size_told}, {rate:,.0f} MB/s of text")
    return output


def _tell(dataset: Dataset, output: Path, form: str) -> None:
    """What became of the units, and what the file cannot hold."""
    if form == "xyz":
        if dataset.units == "real":
            say("units     real, turned into eV and A: 1 kcal/mol = 0.0433641 eV")
        if len(set(dataset.type_names.values())) < len(dataset.type_names):
            logger.warning("types with the same name are one species in extended XYZ")
        return
    first = dataset[0]
    lost = [name for name in ("energy", "virial") if getattr(first, name) is not None]
    if lost:
        what = " and the ".join(lost)
        logger.warning(f"a dump has no place for the {what} of a frame: {output} is without; an .extxyz has it")
    if not is_restricted(np.asarray(first.cell)):
        logger.warning("the cell is a general triclinic one: gnnzoo reads such dumps, LAMMPS' read_dump does not")
