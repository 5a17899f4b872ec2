"""Opening data of any form: dumps, H5MD datasets, TFRecord folders."""

import contextlib
import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gnnzoo.data.ase_reader import is_ase
from gnnzoo.data.frames import Dataset
from gnnzoo.data.lammps.source import STDIN, is_stream
from gnnzoo.data.metadata import apply_metadata
from gnnzoo.errors import DataError, Location, did_you_mean

_HDF5 = b"\x89HDF\r\n\x1a\n"
H5_SUFFIXES = (".h5", ".hdf5", ".h5md")
_SHOWN = 5  # events of one kind that are told one by one
_EVENTS = {
    "truncated": "frames that are cut short and left out",
    "empty": "frames that hold no atom and are left out",
    "repeated": "frames that are repeated and dropped",
    "restarts": "places where the steps go back",
}


def open_dataset(
    source: str | Path | Sequence[str | Path],
    *,
    units: str | None = None,
    types: Mapping[int | str, str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Dataset:
    """Open data as a sequence of frames: `len`, index, slice, iteration.

    Args:
        source: an H5MD file, a LAMMPS text dump (plain or compressed), a glob of dumps or a list of them (one
            trajectory, see `find_files` for its order), "-" for a dump on standard input, a file of extended XYZ or of
            ASE's trajectories, or a .tfrecord folder.
        units: LAMMPS unit style, where the data do not tell it.
        types: name of each LAMMPS type, such as {1: "O", 2: "H"}, where the data do not tell it.
        columns: what dumps call some columns, by what they mean, such as {"energy": "c_pe"}.

    Returns:
        A dataset whose frames have `.step .time .positions .forces .cell .origin .pbc .ids .types .names .units` and,
        where the data have them, `.molecules .charges .velocities .images .energies .energy .virial`: numpy, float64,
        absolute positions, atoms ordered by id. Frames may differ in their number of atoms.

    Raises:
        DataError: the data are missing or cannot be read, or contradict `units` or `types`.
    """
    paths = find_files(source, streams=True)
    if len(paths) == 1 and is_ase(paths[0]):
        from gnnzoo.data.ase_dataset import AseDataset

        dataset = AseDataset(paths[0])
    elif len(paths) > 1 or not is_dataset(paths[0]):
        from gnnzoo.data.lammps.dataset import DumpDataset

        dataset = DumpDataset(only_dumps(paths), columns=columns)
    elif is_h5(paths[0]):
        from gnnzoo.data.h5md.reader import H5mdDataset

        dataset = H5mdDataset(paths[0])
    else:
        from gnnzoo.data.tfrecord.dataset import TfrecordDataset

        dataset = TfrecordDataset(paths[0])
    try:
        return apply_metadata(dataset, units, types)
    except DataError:
        dataset.close()
        raise


def find_files(source: str | Path | Sequence[str | Path], streams: bool = False) -> list[Path]:
    """The files (or the one folder) that a path, a glob or a list of both stands for.

    Several files stay in the order in which they were named; but a glob, and a list in the order of the alphabet, as a
    shell makes it from a glob, are taken in natural order: run.2 before run.11.

    Args:
        source: names; "-" is standard input.
        streams: whether what can be read only once, such as standard input, will do.

    Raises:
        DataError: there is nothing of that name, or a glob matches nothing.
    """
    given = [source] if isinstance(source, str | Path) else list(source)
    if not given:
        raise DataError("no data were named", expected="a dump, a dataset or a folder")
    files = [path for name in given for path in _matches(str(name), streams)]
    seen = set()
    for path in files:
        if path == STDIN:
            if len(files) > 1:
                raise DataError("standard input is one of several dumps", location=Location("-"), expected="it alone")
            continue
        status = path.stat()
        if (file := (status.st_dev, status.st_ino)) in seen:
            raise DataError("the file was named twice", location=Location(path), hint="name it once")
        seen.add(file)
    return sorted(files, key=natural_order) if files == sorted(files, key=str) else files


def _matches(name: str, streams: bool) -> list[Path]:
    path = Path(name).expanduser()
    if is_stream(path):
        if not streams:
            raise DataError(
                "this can be read only once",
                location=Location(path),
                expected="a file",
                hint=f"gnnzoo convert {name} -o NAME.h5 first",
            )
        return [path]
    if path.exists():
        if not os.access(path, os.R_OK):
            raise DataError("the file cannot be read: no permission", location=Location(path))
        return [path]
    if glob.has_magic(name):
        found = [Path(match) for match in glob.glob(str(path))]
        if not found:
            raise DataError(f"no file matches '{name}'", expected="the name of a dump or a dataset")
        return sorted(found, key=natural_order)
    siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
    raise DataError(f"there is no file '{name}'.{did_you_mean(path.name, siblings)}", expected="a dump or a dataset")


def natural_order(path: Path) -> list:
    """A sorting key by which N216.2 comes before N216.11."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path))]


def is_h5(path: Path) -> bool:
    """Whether a file is HDF5 by its first bytes, or means to be by its name."""
    if path.is_dir() or is_stream(path):
        return False
    with path.open("rb") as file:
        return file.read(len(_HDF5)) == _HDF5 or path.suffix in H5_SUFFIXES


def is_dataset(path: Path) -> bool:
    """Whether a path is a dataset and no dump: by what is there, or by its name where nothing is."""
    if path.exists() or is_stream(path):
        return path.is_dir() or is_h5(path)
    return path.suffix in (*H5_SUFFIXES, ".tfrecord")


def event_messages(provenance: Mapping, kinds: Sequence[str] = tuple(_EVENTS)) -> list[str]:
    """Frames left out and steps that go back, as a dataset's provenance has them: a few of each kind in full."""
    lines = []
    for kind in kinds:
        events = provenance.get(kind, [])
        lines += events[:_SHOWN]
        if len(events) > _SHOWN:
            lines.append(f"and {len(events) - _SHOWN} more {_EVENTS[kind]}")
    return lines


@contextlib.contextmanager
def cutoff_explained(path: Path, hint: str) -> Iterator[None]:
    """Tell the file where a cutoff is too large for the data in it, and a hint that fits the command."""
    try:
        yield
    except DataError as error:
        # The search for neighbours knows no file, and speaks to those who write recipes.
        if error.location is not None or "graph.cutoff" not in (error.hint or ""):
            raise
        raise DataError(error.what, location=Location(path), expected=error.expected, hint=hint) from error


def only_dumps(paths: Sequence[Path]) -> list[Path]:
    """The paths, if each may be a dump.

    Raises:
        DataError: among several there is a dataset or a file for ASE, of which only one can be opened.
    """
    for path in paths:
        if is_dataset(path) or is_ase(path):
            raise DataError(
                "this is no dump: several files are taken as the dumps of one trajectory",
                location=Location(path),
                expected="one dataset, or one or more dumps",
            )
    return list(paths)
