"""Data sources: what a user names (paths, globs, lists, pipes) resolved to existing files of one known kind.

`resolve_source` alone decides by file names and first bytes what data are. Commands call it once and pass the resulting
`DataSource` on.
"""

import fnmatch
import glob
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from gnnzoo.data.compression import DAMAGE, OPENERS, compression
from gnnzoo.data.deepmd.folders import data_files, is_deepmd
from gnnzoo.errors import DataError, Location, did_you_mean
from gnnzoo.file_formats import DUMP, HDF5, HEAD_BYTES, XYZ, check_regular, natural_key, read_head, uncompressed_name

STDIN = Path("-")
H5_SUFFIXES = (".h5", ".hdf5", ".h5md")
EXTXYZ_SUFFIXES = (".extxyz", ".xyz")  # plain or compressed
# Names of files that ASE reads -> its format. All of them hold text or numbers and nothing that is executed.
ASE_NAMES = {
    "*.traj": "traj",
    "*.db": "db",
    "*OUTCAR*": "vasp-out",
    "vasprun*.xml": "vasp-xml",
    "*.vasprun.xml": "vasp-xml",
    "*.pwo": "espresso-out",
    "*.castep": "castep-castep",
    "aims.out": "aims-output",
}
TFRECORD_SUFFIX = ".tfrecord"

PathLike = str | os.PathLike[str]


class SourceKind(Enum):
    """Kinds of data that can be opened."""

    DUMP = "LAMMPS dump"
    STREAM = "LAMMPS dump from a pipe"
    H5MD = "H5MD dataset"
    TFRECORD = "TFRecord shards"
    EXTXYZ = "extended XYZ file"
    ASE = "file that ASE reads"
    DEEPMD = "data of DeePMD-kit"
    SEVERAL = "several sources"

    @property
    def is_dump(self) -> bool:
        """Whether the data are LAMMPS text dumps."""
        return self in (SourceKind.DUMP, SourceKind.STREAM)

    @property
    def is_dataset(self) -> bool:
        """Whether the data are a dataset of gnnzoo's formats, which need no conversion."""
        return self in (SourceKind.H5MD, SourceKind.TFRECORD)


@dataclass(frozen=True)
class DataSource:
    """Existing data.

    Attributes:
        kind: decides which reader opens the data.
        paths: the dumps of one trajectory, or several sources, in order; a single path for every other kind.
        parts: the sources of which several are made, none for every other kind.
    """

    kind: SourceKind
    paths: tuple[Path, ...]
    parts: tuple["DataSource", ...] = ()

    @property
    def is_dataset(self) -> bool:
        """Whether nothing of the data needs conversion."""
        return all(part.is_dataset for part in self.parts) if self.parts else self.kind.is_dataset

    @property
    def path(self) -> Path:
        """The first path."""
        return self.paths[0]

    @property
    def label(self) -> str:
        """The file names, for messages."""
        names = ["standard input" if path == STDIN else path.name for path in self.paths]
        what = "dumps" if self.kind.is_dump else "sources"
        return names[0] if len(names) == 1 else f"{len(names)} {what}, {names[0]} to {names[-1]}"

    @property
    def size(self) -> int | None:
        """Total size of the files in bytes; None where part of the data comes from a pipe."""
        if any(source.kind is SourceKind.STREAM for source in (self, *self.parts)):
            return None
        return sum(file.stat().st_size for path in self.paths for file in source_files(path))


Source = PathLike | Sequence[PathLike] | DataSource


def source_files(path: Path) -> list[Path]:
    """The files of a source.

    Args:
        path: a file, or a folder of DeePMD-kit.

    Returns:
        The file itself, or the files of the systems in the folder.
    """
    return (path.is_dir() and data_files(path)) or [path]


def resolve_source(source: Source, *, streams: bool = False) -> DataSource:
    """Find the files that `source` names and determine their kind.

    Args:
        source: a path, a glob, a list of both (see `find_files`), or a source that was resolved before.
        streams: whether data that can be read only once (standard input, a named pipe) are accepted.

    Returns:
        The existing files and their kind: by first bytes where these decide it, otherwise by name; whatever is nothing
        else is read as a LAMMPS dump. Dumps that follow one another are one trajectory.

    Raises:
        DataError: the data are missing or unreadable.
    """
    if isinstance(source, DataSource):
        return source
    paths = find_files(source, streams=streams)
    kinds = [_kind(path) for path in paths]
    if len(paths) == 1:
        return DataSource(kinds[0], (paths[0],))
    parts = []
    for dumps, group in itertools.groupby(zip(paths, kinds, strict=True), key=lambda pair: pair[1].is_dump):
        members = list(group)
        if dumps:
            found = [kind for _, kind in members]
            kind = SourceKind.STREAM if SourceKind.STREAM in found else SourceKind.DUMP
            parts.append(DataSource(kind, tuple(path for path, _ in members)))
        else:
            parts += [DataSource(kind, (path,)) for path, kind in members]
    return parts[0] if len(parts) == 1 else DataSource(SourceKind.SEVERAL, tuple(paths), tuple(parts))


def kind_of_name(path: Path) -> SourceKind:
    """The kind of data that a file name announces, whether or not the file exists.

    Args:
        path: of the file or folder.

    Returns:
        The kind by suffix; a LAMMPS dump for every other name.
    """
    if path.suffix in H5_SUFFIXES:
        return SourceKind.H5MD
    if path.suffix == TFRECORD_SUFFIX:
        return SourceKind.TFRECORD
    if ase_format(path) is not None:
        return SourceKind.ASE
    return SourceKind.EXTXYZ if Path(uncompressed_name(path)).suffix in EXTXYZ_SUFFIXES else SourceKind.DUMP


def ase_format(path: Path) -> str | None:
    """The format of a file that ASE reads.

    Args:
        path: of the file, plain or compressed.

    Returns:
        ASE's name of the format by the name of the file; None for other names.
    """
    name = uncompressed_name(path)
    return next((format for pattern, format in ASE_NAMES.items() if fnmatch.fnmatchcase(name, pattern)), None)


def _kind(path: Path) -> SourceKind:
    if path != STDIN and path.is_dir():
        return SourceKind.DEEPMD if is_deepmd(path) else SourceKind.TFRECORD
    named = kind_of_name(path)
    if _is_stream(path):
        if not named.is_dump:
            check_regular(
                path, f"{named.value}: a file, which is read at any place", hint="write the pipe to a file first"
            )
        return SourceKind.STREAM
    head = read_head(path)
    if head.startswith(HDF5):
        from gnnzoo.data.deepmd.hdf5 import is_deepmd_file

        return SourceKind.DEEPMD if is_deepmd_file(path) else SourceKind.H5MD
    if head.startswith(DUMP):
        return SourceKind.DUMP
    return SourceKind.EXTXYZ if named is SourceKind.DUMP and XYZ.match(_first_text(path, head)) else named


def _first_text(path: Path, head: bytes) -> bytes:
    """The first bytes of the text of a file that may be compressed; nothing of a damaged archive."""
    program = compression(path)
    if program is None:
        return head
    try:
        with path.open("rb") as raw, OPENERS[program](raw) as archive:
            return archive.read(HEAD_BYTES)
    except DAMAGE:
        return b""


def _is_stream(path: Path) -> bool:
    """Whether this can be read only once: standard input, a named pipe, or a character device such as a terminal."""
    return path == STDIN or path.is_fifo() or path.is_char_device()


def find_files(source: PathLike | Sequence[PathLike], streams: bool = False) -> list[Path]:
    """Find the files, or the one folder, that a path, a glob or a list of both names.

    Several files keep the order in which they are named. A glob, and a list in alphabetical order, as a shell expands a
    glob, are sorted in natural order: run.2 before run.11.

    Args:
        source: names; "-" is standard input.
        streams: whether data that can be read only once are accepted.

    Returns:
        Existing paths, each once.

    Raises:
        DataError: a name does not exist, a glob matches nothing, or a file is named twice.
    """
    names = [source] if isinstance(source, str | os.PathLike) else list(source)
    if not names:
        raise DataError("no data given", expected="a dump, a dataset or a folder")
    files = [path for name in names for path in _matches(os.fspath(name), streams)]
    seen = set()
    for path in files:
        if path == STDIN:
            if len(files) > 1:
                raise DataError("standard input is one of several sources", location=Location("-"), expected="it alone")
            continue
        status = path.stat()
        if (file := (status.st_dev, status.st_ino)) in seen:
            raise DataError("the file is given twice", location=Location(path), hint="name it once")
        seen.add(file)
    return sorted(files, key=natural_key) if files == sorted(files, key=str) else files


def _matches(name: str, streams: bool) -> list[Path]:
    path = Path(os.path.expanduser(name))
    if _is_stream(path):
        if not streams:
            if path != STDIN and (path.suffix == ".keras" or not kind_of_name(path).is_dump):
                check_regular(path, "a file, which is read at any place", hint="write the pipe to a file first")
            raise DataError(
                "this can be read only once",
                location=Location(path),
                expected="a file",
                hint=f"gnnzoo convert {name} -o NAME.h5 first",
            )
        return [path]
    if path.exists():
        if not path.is_dir():
            check_regular(path, "a file or a folder")
        if not os.access(path, os.R_OK):
            raise DataError("the file cannot be read: no permission", location=Location(path))
        return [path]
    if glob.has_magic(name):
        found = [Path(match) for match in glob.glob(str(path))]
        if not found:
            raise DataError(f"no file matches '{name}'", expected="the name of a dump or a dataset")
        return [path for match in sorted(found, key=natural_key) for path in _matches(str(match), streams)]
    siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
    raise DataError(f"there is no file '{name}'.{did_you_mean(path.name, siblings)}", expected="a dump or a dataset")
