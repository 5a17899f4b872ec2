"""Conversion of dumps, or of other data, to a dataset: H5MD for one machine, TFRecord shards for many."""

import logging
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gnnzoo import __version__
from gnnzoo.data.data_source import (
    ASE_NAMES,
    EXTXYZ_SUFFIXES,
    H5_SUFFIXES,
    TFRECORD_SUFFIX,
    DataSource,
    PathLike,
    Source,
    SourceKind,
    find_files,
    resolve_source,
)
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.frames.metadata import TypeNames
from gnnzoo.data.frames.quantities import QuantitiesReport
from gnnzoo.data.inspection.unit_checks import checked_units, units_hint
from gnnzoo.data.lammps.events import EVENT_KINDS
from gnnzoo.data.open_dataset import cutoff_explained, open_dataset
from gnnzoo.errors import Location, UserError
from gnnzoo.file_formats import check_regular, uncompressed_name
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.progress import track
from gnnzoo.progress_bar import displays_progress
from gnnzoo.workflows.steps.dataset_messages import DataMessages, conversion_messages, dataset_messages
from gnnzoo.workflows.steps.written_data import WrittenData, size_on_disk

if TYPE_CHECKING:
    from gnnzoo.data.convert import Conversion
    from gnnzoo.recipe.schema.recipe import Recipe

logger = logging.getLogger(__name__)

FORMATS = ("h5", "tfrecord")
# Suffixes that only mark a dump; any other, as in dump.argon, is part of the name.
_DUMP_SUFFIXES = (".lammpstrj", ".lammpsdump", ".dump", ".trj", ".custom", ".txt", ".dat", ".out")


@dataclass(frozen=True)
class ConvertResult(WrittenData):
    """A dataset that was written; can be used in place of its path.

    Attributes:
        atoms: smallest and largest number of atoms of a frame; None for TFRecord shards.
        units: LAMMPS unit style, None where undeclared.
        type_names: name of each type number.
        events: kind of event -> frames left out and steps that go back, see `lammps.events.EVENT_KINDS`.
        source_size: of the dumps that were read, bytes; None for other data.
        quantities: which were taken from which keys, and which were not; None for data whose columns have fixed names.
    """

    atoms: tuple[int, int] | None
    units: str | None
    type_names: dict[int, str]
    events: dict[str, list[str]]
    source_size: int | None = None
    quantities: QuantitiesReport | None = None

    @property
    def summary(self) -> str:
        """One line about what was written."""
        of_atoms = "" if self.atoms is None else f" of {' to '.join(f'{n:,}' for n in dict.fromkeys(self.atoms))} atoms"
        text = f"wrote {self.path}: {self.frames:,} frames{of_atoms}, {self.size / 1e6:,.1f} MB"
        if self.source_size is None:
            return text
        size = self.source_size / 1e6
        return f"{text}, from {size:,.1f} MB of dump at {size / max(self.seconds, 1e-9):,.0f} MB/s"


@dataclass(frozen=True)
class _Request:
    """The arguments of a conversion, resolved."""

    source: DataSource
    output: Path
    units: str | None
    types: TypeNames | None
    columns: Mapping[str, str] | None
    logs: Sequence[Path]
    cutoff: float | None
    bonds: list[tuple[str, str]] | None
    compress: bool
    overwrite: bool

    @property
    def command(self) -> str:
        """The command line that makes this dataset, for its provenance."""
        words = ["gnnzoo", "convert", *map(str, self.source.paths), "-o", str(self.output)]
        words += ["--units", self.units] if self.units else []
        if self.types:
            words += ["--types", ",".join(f"{number}={name}" for number, name in self.types.items())]
        for meaning, name in (self.columns or {}).items():
            words += ["--column", f"{meaning}={name}"]
        for path in self.logs:
            words += ["--log", str(path)]
        words += ["--compress"] if self.compress else []
        return shlex.join(words)


@displays_progress
def convert(
    dumps: Source,
    output: PathLike | None = None,
    *,
    units: str | None = None,
    types: TypeNames | None = None,
    columns: Mapping[str, str] | None = None,
    log: PathLike | Sequence[PathLike] | None = None,
    format: str = "h5",
    cutoff: float | None = None,
    recipe: "str | Path | Recipe | None" = None,
    compress: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> ConvertResult:
    """Write a dataset; messages about the data go to the log.

    Args:
        dumps: a LAMMPS text dump, a glob of dumps or a list of them, read as one trajectory; "-" for standard input;
            an extended XYZ file or ASE trajectory; or a dataset, to be written in another format. Several of these,
            of one kind or of different ones, are written one after another.
        output: path of the dataset; by default the first dump's name with .h5 (or .tfrecord), in the working folder.
        units: LAMMPS unit style of the numbers, where the data do not declare it.
        types: name of each LAMMPS type, such as {1: "O", 2: "H"}, where the dumps do not name it.
        columns: meaning -> name of columns of the dumps, such as {"energy": "c_pe"}, or of keys of extended XYZ, such
            as {"forces": "REF_forces"}.
        log: LAMMPS log, or several, whose potential energies are joined to the frames of dumps by timestep; with
            `columns` such as {"virial": "c_virial"} the virials in its columns c_virial[1] to c_virial[6], too.
        format: "h5" or "tfrecord"; an output with the suffix .tfrecord implies the latter.
        cutoff: of the edges in TFRecord shards, in the data's length unit; for these only.
        recipe: a recipe, its path or its name; supplies cutoff, bonds, units, types and columns where not given.
        compress: smaller file, slower conversion.
        overwrite: replace an existing output; a backup of the old one is kept.
        progress: show a progress bar.

    Returns:
        Path and contents of the dataset. It can be used in place of the path: `open_dataset(convert(...))`.

    Raises:
        DataError: the data cannot be read, or contradict `units` or `types`.
        UserError: the output exists, or cannot be written; options that exclude each other.
    """
    source = resolve_source(dumps, streams=True)
    path, format = _output(source, output, format)
    if cutoff is not None and format == "h5":
        raise UserError(
            "--cutoff is for TFRecord shards: H5MD datasets hold no edges",
            hint="leave it out for an .h5; or --format tfrecord",
        )
    refuse_existing(path, overwrite)
    logs = _log_files(log) if log else []
    request = _Request(source, path, units, types, columns, logs, cutoff, None, compress, overwrite)
    if recipe is not None:
        request = _with_recipe(request, recipe)
    if not source.kind.is_dump and logs:
        raise UserError(
            "--log is for LAMMPS dumps",
            location=Location(source.path),
            hint="leave it out, or convert the dump",
        )
    if source.kind.is_dump and "virial" in (request.columns or {}) and not logs:
        raise UserError(
            "the virial of a dump's frames is in a LAMMPS log",
            location=Location(source.path),
            expected="a log with the columns of compute virial all pressure NULL virial",
            hint="--log log.lammps --column virial=c_virial",
        )
    if format == "tfrecord":
        return _to_tfrecord(request)
    return _dumps_to_h5(request) if source.kind.is_dump else _data_to_h5(request)


def _log_files(log: PathLike | Sequence[PathLike]) -> list[Path]:
    """Existing LAMMPS logs."""
    for path in [log] if isinstance(log, str | os.PathLike) else log:
        check_regular(Path(path), "a LAMMPS log")
    files = find_files(log)
    for path in files:  # matches of a glob
        check_regular(path, "a LAMMPS log")
    return files


def _with_recipe(request: _Request, recipe: "str | Path | Recipe") -> _Request:
    """Units, types, columns, cutoff and bonds of the recipe where the caller gives none."""
    from gnnzoo.recipe.io.load import load_recipe

    loaded = load_recipe(recipe) if isinstance(recipe, str | Path) else recipe
    data, graph = loaded.data, loaded.graph
    if request.units and data.units and request.units != data.units:
        raise UserError(
            f"--units {request.units} contradicts the recipe '{loaded.name}', which is in {data.units} units",
            hint="leave out one of the two",
        )
    return replace(
        request,
        units=request.units or data.units,
        types=request.types or data.types,
        columns=request.columns or (None if request.source.is_dataset else data.columns),
        cutoff=request.cutoff or graph.cutoff,
        bonds=graph.bonds,
    )


def _output(source: DataSource, output: PathLike | None, format: str) -> tuple[Path, str]:
    """Path and format of the dataset."""
    if format not in FORMATS:
        raise UserError(f"there is no format '{format}'", expected=" or ".join(FORMATS))
    if output is None:
        if source.kind is SourceKind.STREAM:
            raise UserError("data from a pipe have no name", hint="-o NAME.h5 names the dataset")
        return Path(f"{plain_stem(source.path)}.{format}"), format
    path = Path(os.path.expanduser(output))
    if path.suffix == TFRECORD_SUFFIX:
        return path, "tfrecord"
    if format == "tfrecord":
        raise UserError(
            f"TFRecord shards go into a folder whose name ends in .tfrecord, not into '{path}'",
            hint=f"-o {path.with_suffix(TFRECORD_SUFFIX)}",
        )
    if path.is_dir():
        raise UserError(
            "this is a folder",
            location=Location(path),
            expected="the name of the dataset",
            hint=f"-o {path}/{source.path.stem}.h5",
        )
    if path.suffix not in H5_SUFFIXES:
        raise UserError(
            f"an H5MD dataset ends in {', '.join(H5_SUFFIXES)}, not in '{path.suffix}'",
            location=Location(path),
            hint=f"-o {path.with_suffix('.h5')}",
        )
    return path, format


def plain_stem(file: Path) -> str:
    """The name of a data `file` without suffixes that only mark its format.

    Returns:
        "N216.1" for N216.1.lammpstrj.gz.
    """
    name = uncompressed_name(file)
    of_ase = (Path(pattern).suffix for pattern in ASE_NAMES)
    known = (*_DUMP_SUFFIXES, *H5_SUFFIXES, *EXTXYZ_SUFFIXES, *of_ase, TFRECORD_SUFFIX)
    return Path(name).stem if Path(name).suffix in known else name


def _dumps_to_h5(request: _Request) -> ConvertResult:
    from gnnzoo.data.convert import to_h5md
    from gnnzoo.data.h5md.reader import H5mdDataset

    source, output, start = request.source, request.output, time.monotonic()
    with (
        atomic_write(output, request.overwrite) as temporary,
        track(f"converting {source.label}", source.size, unit="bytes") as task,
    ):
        done = to_h5md(
            source.paths,
            temporary,
            version=__version__,
            command=request.command,
            units=request.units,
            types=request.types,
            columns=request.columns,
            logs=request.logs,
            compress=request.compress,
            advance=task.advance,
        )
        seconds = time.monotonic() - start
        with H5mdDataset(temporary) as dataset:
            evidence = checked_units(dataset, source.path, hint=units_hint(source.kind))
    absent = [str(number) for number in request.types or () if int(number) not in done.type_names]
    missing = f"--types names type {', '.join(absent)}, of which the dumps hold no atom"
    messages = conversion_messages(done, evidence).with_doubts([missing] if absent else [])
    messages.log()
    return _result(output, done, messages, seconds, (done.fewest, done.most), sum(done.source_sizes))


def _data_to_h5(request: _Request) -> ConvertResult:
    """Convert an ASE file, or a dataset of another format or from other programs."""
    from gnnzoo.data.convert import dataset_to_h5md

    source, output, start = request.source, request.output, time.monotonic()
    with (
        open_dataset(source, units=request.units, types=request.types, columns=request.columns) as dataset,
        atomic_write(output, request.overwrite) as temporary,
    ):
        with track(f"converting {source.label}", len(dataset)) as task:
            done = dataset_to_h5md(
                dataset,
                temporary,
                version=__version__,
                command=request.command,
                compress=request.compress,
                advance=task.advance,
            )
        evidence = checked_units(dataset, hint=units_hint(source.kind))
    messages = conversion_messages(done, evidence, again=source.is_dataset)
    for part in source.parts or (source,):
        if part.kind is SourceKind.TFRECORD:
            messages = messages.with_doubts([f"{part.path} holds numbers rounded to float32, and so does {output}"])
    messages.log()
    return _result(output, done, messages, time.monotonic() - start, (done.fewest, done.most))


def _result(
    output: Path,
    data: "Conversion | Dataset",
    messages: DataMessages,
    seconds: float,
    atoms: tuple[int, int] | None = None,
    source_size: int | None = None,
) -> ConvertResult:
    events = {kind: data.provenance[kind] for kind in EVENT_KINDS if kind in data.provenance}
    held = data.provenance.get("quantities")
    quantities = QuantitiesReport.from_json(held) if held else None
    size, about = size_on_disk(output), (atoms, data.units, data.type_names, events, source_size, quantities)
    return ConvertResult(output, len(data), size, seconds, messages.notes, messages.doubts, *about)


def _to_tfrecord(request: _Request) -> ConvertResult:
    output, cutoff = request.output, request.cutoff
    if request.logs:
        raise UserError("--log is for H5MD datasets", hint="convert to an .h5 first, then that one to .tfrecord")
    if cutoff is None:
        raise UserError(
            "TFRecord shards hold the edges of the graph, so they need a cutoff", hint="--cutoff 5, or --recipe RECIPE"
        )
    if request.compress:
        raise UserError("--compress is for H5MD datasets", hint="leave it out for TFRecord shards")
    from gnnzoo.data.tfrecord import writer as tfrecord

    start = time.monotonic()
    with open_dataset(request.source, units=request.units, types=request.types, columns=request.columns) as dataset:
        evidence = checked_units(dataset, hint=units_hint(request.source.kind))
        messages = DataMessages() if request.source.is_dataset else dataset_messages(dataset, evidence)
        messages.log()
        hint = "--cutoff R with a smaller R, in the data's length unit"
        with (
            cutoff_explained(dataset.path, hint),
            track(f"writing {output}, edges up to {cutoff:g}", len(dataset)) as task,
        ):
            tfrecord.write(
                dataset, output, cutoff=cutoff, bonds=request.bonds, overwrite=request.overwrite, advance=task.advance
            )
        return _result(output, dataset, messages, time.monotonic() - start)
