"""Export of a dataset to text: LAMMPS dumps and extended XYZ."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnzoo.data.data_source import PathLike, Source
from gnnzoo.data.export.lammps_dump import is_restricted
from gnnzoo.data.export.write import check_exportable, form_of, write_text
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.frames.metadata import TypeNames
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.outputs import atomic_write, check_writable, refuse_existing
from gnnzoo.progress import track
from gnnzoo.progress_bar import displays_progress
from gnnzoo.workflows.steps.dataset_messages import DataMessages
from gnnzoo.workflows.steps.written_data import WrittenData, size_on_disk


@dataclass(frozen=True)
class ExportResult(WrittenData):
    """A text file that was written; can be used in place of its path.

    Attributes:
        text_size: size of the text before compression, bytes.
    """

    text_size: int

    @property
    def summary(self) -> str:
        """One line about what was written."""
        rate = self.text_size / 1e6 / max(self.seconds, 1e-9)
        return f"wrote {self.path}: {self.frames:,} frames, {self.size / 1e6:,.1f} MB, {rate:,.0f} MB/s of text"


@displays_progress
def export(
    data: Source,
    output: PathLike,
    *,
    units: str | None = None,
    types: TypeNames | None = None,
    columns: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> ExportResult:
    """Write data as text for other programs; messages about the data go to the log.

    A LAMMPS dump (.lammpstrj, .dump, also compressed) has exactly the numbers of the data, and converts back bit for
    bit. Extended XYZ (.extxyz, .xyz) is in eV and A: forces, energies and virials of `real` data are converted.

    Args:
        data: see `open_dataset`.
        output: the file to make; its suffix determines the format.
        units: LAMMPS unit style, where the data do not declare it.
        types: name of each LAMMPS type, such as {1: "O", 2: "H"}, where the data do not name it.
        columns: meaning -> name of columns of a dump, such as {"energy": "c_pe"}.
        overwrite: replace an existing output; a backup of the old one is kept.
        progress: show a progress bar.

    Returns:
        Path and size of the file. It can be used in place of the path.

    Raises:
        DataError: the data cannot be read, contradict `units` or `types`, or do not fit the format.
        UserError: the output exists, cannot be written, or has an unknown suffix.
    """
    path = Path(os.path.expanduser(output))
    form = form_of(path)
    refuse_existing(path, overwrite)
    with open_dataset(data, units=units, types=types, columns=columns) as dataset:
        check_exportable(dataset, form)
        check_writable(path)
        start = time.monotonic()
        with atomic_write(path, overwrite) as temporary, track(f"exporting to {path}", len(dataset)) as task:
            size = write_text(dataset, temporary, form, task.advance, path.suffix)
        seconds = time.monotonic() - start
        messages = _messages(dataset, path, form)
        messages.log()
        return ExportResult(
            path, len(dataset), size_on_disk(path), seconds, messages.notes, messages.doubts, text_size=size
        )


def _messages(dataset: Dataset, output: Path, form: str) -> DataMessages:
    """Conversion of units, and what the file cannot contain."""
    notes, doubts = [], []
    if form == "xyz":
        if dataset.units == "real":
            notes.append("units     real, converted to eV and A: 1 kcal/mol = 0.0433641 eV")
        if len(set(dataset.type_names.values())) < len(dataset.type_names):
            doubts.append("types with the same name are one species in extended XYZ")
        return DataMessages(tuple(notes), tuple(doubts))
    first = dataset[0]
    lost = [name for name in ("energy", "virial") if getattr(first, name) is not None]
    if lost:
        what = " and the ".join(lost)
        doubts.append(f"a dump has no place for the {what} of a frame: {output} is without; an .extxyz has it")
    if not is_restricted(np.asarray(first.cell)):
        doubts.append("the cell is general triclinic: gnnzoo reads such dumps, LAMMPS' read_dump does not")
    return DataMessages(tuple(notes), tuple(doubts))
