"""Opens data of any kind as a dataset: the public entrance to all readers."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from gnnzoo.data.data_source import DataSource, Source, SourceKind, resolve_source
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.frames.metadata import TypeNames, apply_metadata
from gnnzoo.errors import DataError, Location, UserError

logger = logging.getLogger(__name__)


def open_dataset(
    source: Source,
    *,
    units: str | None = None,
    types: TypeNames | None = None,
    columns: Mapping[str, str] | None = None,
) -> Dataset:
    """Open data as a sequence of frames: `len`, index, slice, iteration.

    Args:
        source: an H5MD file, a LAMMPS text dump (plain or compressed), a glob of dumps or a list of them (one
            trajectory, see `find_files` for its order), "-" for a dump on standard input, an extended XYZ file, a file
            that ASE reads (`ASE_NAMES`), data of DeePMD-kit, or a .tfrecord folder; or several of these, one after
            another (see `gnnzoo.data.concatenation`).
        units: LAMMPS unit style, where the data do not declare it.
        types: name of each LAMMPS type, such as {1: "O", 2: "H"}, where the data do not name it; of several sources,
            for those with types that have no name.
        columns: meaning -> name of columns of a dump, such as {"energy": "c_pe"}, or of keys of extended XYZ, such as
            {"forces": "REF_forces"}.

    Returns:
        A dataset whose frames have `.step .time .positions .forces .cell .origin .pbc .ids .types .names .units` and,
        where the data have them, `.molecules .charges .velocities .images .energies .energy .virial`: numpy, float64,
        absolute positions, atoms ordered by id. Frames may differ in their number of atoms.

    Raises:
        DataError: the data are missing or cannot be read, or contradict `units` or `types`.
    """
    resolved = resolve_source(source, streams=True)
    logger.debug(f"{resolved.label}: opened as {resolved.kind.value}")
    if resolved.parts:
        return _several(resolved, units, types, columns)
    dataset = _reader(resolved, units, columns)
    try:
        return apply_metadata(dataset, units, types)
    except UserError:
        dataset.close()
        raise


def _several(
    source: DataSource, units: str | None, types: TypeNames | None, columns: Mapping[str, str] | None
) -> Dataset:
    """Several sources as one dataset; declared names are for parts with types that have none."""
    from gnnzoo.data.concatenation import concatenated, has_unnamed_types

    if source.is_dataset:
        _refuse_columns(source, columns)
    with contextlib.ExitStack() as opened:
        parts = []
        for part in source.parts:
            own_columns = None if part.is_dataset else columns
            parts.append(opened.enter_context(open_dataset(part, units=units, columns=own_columns)))
            if has_unnamed_types(parts[-1]):
                apply_metadata(parts[-1], None, types)
        whole = concatenated(parts)
        opened.pop_all()  # closed with the whole
    return whole


def _refuse_columns(source: DataSource, columns: Mapping[str, str] | None) -> None:
    if columns:
        raise UserError(
            f"columns are declared when data are converted, and this is a dataset: {' '.join(columns)}",
            location=Location(source.path),
            hint="leave --column out",
        )


def _reader(source: DataSource, units: str | None, columns: Mapping[str, str] | None) -> Dataset:
    """The reader of this kind of data, imported when needed."""
    if source.is_dataset:
        _refuse_columns(source, columns)
    match source.kind:
        case SourceKind.ASE | SourceKind.EXTXYZ | SourceKind.DEEPMD:
            from gnnzoo.data.extxyz.dataset import ExtxyzDataset

            return ExtxyzDataset(source.path, units=units, columns=columns)
        case SourceKind.H5MD:
            from gnnzoo.data.h5md.reader import H5mdDataset

            return H5mdDataset(source.path)
        case SourceKind.TFRECORD:
            from gnnzoo.data.tfrecord.dataset import TfrecordDataset

            return TfrecordDataset(source.path)
        case _:
            from gnnzoo.data.lammps.dataset import DumpDataset

            return DumpDataset(source.paths, columns=columns)


@contextlib.contextmanager
def cutoff_explained(path: Path, hint: str) -> Iterator[None]:
    """Add the file to errors about a cutoff that is too large for its data.

    Args:
        path: of the data.
        hint: what the user of this command can do about it.

    Raises:
        DataError: the error of the neighbour search, which knows no file and whose hint is for recipes.
    """
    try:
        yield
    except DataError as error:
        if error.location is not None or "graph.cutoff" not in (error.hint or ""):
            raise
        raise DataError(error.what, location=Location(path), expected=error.expected, hint=hint) from error
