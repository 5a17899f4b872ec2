"""From dumps, or other data, to a dataset: H5MD for one machine, TFRecord shards for many."""

import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gnnzoo import __version__
from gnnzoo.console import say
from gnnzoo.data.ase_reader import SUFFIXES as ASE_SUFFIXES
from gnnzoo.data.ase_reader import is_ase
from gnnzoo.data.inspection.unit_checks import checked_units
from gnnzoo.data.lammps.source import STDIN, is_stream, unpacked_name
from gnnzoo.data.open_dataset import (
    H5_SUFFIXES,
    cutoff_explained,
    find_files,
    is_dataset,
    only_dumps,
    open_dataset,
)
from gnnzoo.errors import Location, UserError
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.progress import track
from gnnzoo.workflows.steps.dataset_messages import report_conversion, report_dataset

if TYPE_CHECKING:
    from gnnzoo.recipe.schema.recipe import Recipe

logger = logging.getLogger(__name__)

FORMATS = ("h5", "tfrecord")
# Endings that say no more than that this is a dump; another one, as in dump.argon, is part of the name.
_DUMP_SUFFIXES = (".lammpstrj", ".lammpsdump", ".dump", ".trj", ".custom", ".txt", ".dat", ".out")


def convert(
    dumps: str | Path | Sequence[str | Path],
    output: str | Path | None = None,
    *,
    units: str | None = None,
    types: Mapping[int | str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    log: str | Path | Sequence[str | Path] | None = None,
    format: str = "h5",
    cutoff: float | None = None,
    recipe: "str | Path | Recipe | None" = None,
    compress: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write a dataset, and say what was read and what the data leave open.

    Args:
        dumps: a LAMMPS text dump, a glob of dumps or a list of them, taken as one trajectory; "-" for standard input;
            one file of extended XYZ or of ASE's trajectories; or a dataset, to be written in another format.
        output: where the dataset goes; by default the first dump's name with .h5 (or .tfrecord), in the working folder.
        units: LAMMPS unit style, where the dumps do not tell it.
        types: name of each LAMMPS type, such as {1: "O", 2: "H"}, where the dumps do not tell it.
        columns: what dumps call some columns, by what they mean, such as {"energy": "c_pe"}.
        log: LAMMPS log, or several, whose potential energies are joined to the frames of dumps by their timestep.
        format: "h5" or "tfrecord"; the latter also by an output that ends so.
        cutoff: of the edges in TFRecord shards, in the data's length unit; for these alone.
        recipe: a recipe, its path or its name; supplies cutoff, bonds, units, types and columns instead.
        compress: smaller and slower.
        overwrite: replace an existing output; the old one is kept beside it.

    Returns:
        The path of the dataset.

    Raises:
        DataError: the data cannot be read, or contradict `units` or `types`.
        UserError: the output exists, or cannot be written; options that do not go together.
    """
    files = find_files(dumps, streams=True)
    output, format = _output(files[0], output, format)
    if cutoff is not None and format == "h5":
        raise UserError(
            "--cutoff is for TFRecord shards: H5MD datasets hold no edges",
            hint="leave it out for an .h5; or --format tfrecord",
        )
    refuse_existing(output, overwrite)
    logs = find_files(log) if log else []
    bonds = None
    if recipe is not None:
        units, types, columns, cutoff, bonds = _filled_in(recipe, units, types, columns, cutoff)
    is_dump = not (len(files) == 1 and (is_ase(files[0]) or is_dataset(files[0])))
    if is_dump:
        only_dumps(files)
    elif columns or logs:
        raise UserError(
            f"--{'column' if columns else 'log'} is for LAMMPS dumps",
            location=Location(files[0]),
            hint="leave it out, or convert the dump",
        )
    if format == "tfrecord":
        if logs:
            raise UserError("--log is for H5MD datasets", hint="convert to an .h5 first, then that one to .tfrecord")
        declared = {"units": units, "types": types} | ({"columns": columns} if columns else {})
        _to_tfrecord(files, output, declared, cutoff, bonds, compress, overwrite)
    elif is_dump:
        _dumps_to_h5(files, output, units, types, columns, logs, compress, overwrite)
    else:
        _data_to_h5(files[0], output, units, types, compress, overwrite)
    return output


def _filled_in(recipe: "str | Path | Recipe", units, types, columns, cutoff) -> tuple:
    """Units, types, columns, cutoff and bonds, taken from the recipe where the caller does not say them."""
    from gnnzoo.recipe.io.load import load_recipe

    loaded = load_recipe(recipe) if isinstance(recipe, str | Path) else recipe
    data, graph = loaded.data, loaded.graph
    if units and data.units and units != data.units:
        raise UserError(
            f"--units {units} contradicts the recipe '{loaded.name}', which is in {data.units} units",
            hint="leave out one of the two",
        )
    return units or data.units, types or data.types, columns or data.columns, cutoff or graph.cutoff, graph.bonds


def _output(first: Path, output: str | Path | None, format: str) -> tuple[Path, str]:
    """Where the dataset goes, and its format."""
    if format not in FORMATS:
        raise UserError(f"there is no format '{format}'", expected=" or ".join(FORMATS))
    if output is None:
        if is_stream(first):
            raise UserError("what is read from a pipe has no name", hint="-o NAME.h5 says where the dataset goes")
        return Path(f"{plain_stem(first)}.{format}"), format
    output = Path(output).expanduser()
    if output.suffix == ".tfrecord":
        return output, "tfrecord"
    if format == "tfrecord":
        raise UserError(
            f"TFRecord shards go into a folder whose name ends in .tfrecord, not into '{output}'",
            hint=f"-o {output.with_suffix('.tfrecord')}",
        )
    if output.is_dir():
        raise UserError(
            "this is a folder",
            location=Location(output),
            expected="the name of the dataset",
            hint=f"-o {output}/{first.stem}.h5",
        )
    if output.suffix not in H5_SUFFIXES:
        raise UserError(
            f"an H5MD dataset ends in {', '.join(H5_SUFFIXES)}, not in '{output.suffix}'",
            location=Location(output),
            hint=f"-o {output.with_suffix('.h5')}",
        )
    return output, format


def plain_stem(file: Path) -> str:
    """The name of data without endings that say no more than what kind of file it is."""
    name = unpacked_name(file)
    known = (*_DUMP_SUFFIXES, *H5_SUFFIXES, *ASE_SUFFIXES, ".tfrecord")
    return Path(name).stem if Path(name).suffix in known else name


def _dumps_to_h5(files: list[Path], output: Path, units, types, columns, logs, compress: bool, overwrite: bool) -> None:
    from gnnzoo.data.convert import to_h5md

    command = _command(files, output, units, types, columns, logs, compress)
    names = ["standard input" if file == STDIN else file.name for file in files]
    what = names[0] if len(files) == 1 else f"{len(files)} dumps, {names[0]} to {names[-1]}"
    start = time.monotonic()
    size = None if any(map(is_stream, files)) else sum(file.stat().st_size for file in files)
    with atomic_write(output, overwrite) as temporary, track(f"converting {what}", size, unit="bytes") as shown:
        done = to_h5md(
            files,
            temporary,
            version=__version__,
            command=command,
            units=units,
            types=types,
            columns=columns,
            logs=logs,
            compress=compress,
            advance=shown.advance,
        )
        seconds = time.monotonic() - start
        with open_dataset(temporary) as dataset:
            evidence = checked_units(dataset, files[0])
    report_conversion(done, evidence)
    absent = [str(number) for number in types or () if int(number) not in done.type_names]
    if absent:
        logger.warning(f"--types names type {', '.join(absent)}, of which the dumps hold no atom")
    size = sum(source.size for source in done.trajectory.log.sources)
    rate = size / 1e6 / max(seconds, 1e-9)
    _tell_written(output, done, f", from {size / 1e6:,.1f} MB of dump at {rate:,.0f} MB/s")


def _data_to_h5(file: Path, output: Path, units, types, compress: bool, overwrite: bool) -> None:
    """A file for ASE, or a dataset of another format or of other hands."""
    from gnnzoo.data.convert import dataset_to_h5md

    command = _command([file], output, units, types, None, [], compress)
    with open_dataset(file, units=units, types=types) as dataset, atomic_write(output, overwrite) as temporary:
        with track(f"converting {file.name}", len(dataset)) as shown:
            done = dataset_to_h5md(
                dataset, temporary, version=__version__, command=command, compress=compress, advance=shown.advance
            )
        evidence = checked_units(dataset)
        if file.suffix == ".tfrecord":
            logger.warning(f"{file} holds numbers rounded to float32, and so does {output}")
    report_conversion(done, evidence, again=not is_ase(file))
    _tell_written(output, done, "")


def _tell_written(output: Path, done, origin: str) -> None:
    atoms = f"{done.most:,} atoms" if done.fewest == done.most else f"{done.fewest:,} to {done.most:,} atoms"
    say(f"wrote {output}: {done.frames:,} frames of {atoms}, {output.stat().st_size / 1e6:,.1f} MB{origin}")


def _to_tfrecord(files: list[Path], output: Path, declared: dict, cutoff, bonds, compress: bool, overwrite) -> None:
    if cutoff is None:
        raise UserError(
            "TFRecord shards hold the edges of the graph, so they need a cutoff", hint="--cutoff 5, or --recipe RECIPE"
        )
    if compress:
        raise UserError("--compress is for H5MD datasets", hint="leave it out for TFRecord shards")
    from gnnzoo.data.tfrecord import writer as tfrecord

    with open_dataset(files, **declared) as dataset:
        evidence = checked_units(dataset)
        if not is_dataset(files[0]):
            report_dataset(dataset, evidence)
        hint = "--cutoff R with a smaller R, in the data's length unit"
        with (
            cutoff_explained(dataset.path, hint),
            track(f"writing {output}, edges up to {cutoff:g}", len(dataset)) as shown,
        ):
            tfrecord.write(dataset, output, cutoff=cutoff, bonds=bonds, overwrite=overwrite, advance=shown.advance)
        size = sum(file.stat().st_size for file in output.iterdir())
        say(f"wrote {output}: {len(dataset):,} frames, {size / 1e6:,.1f} MB")


def _command(files: list[Path], output: Path, units, types, columns, logs, compress: bool) -> str:
    """The command line that makes this dataset, for its provenance."""
    words = ["gnnzoo", "convert", *map(str, files), "-o", str(output)]
    words += ["--units", units] if units else []
    words += ["--types", ",".join(f"{number}={name}" for number, name in types.items())] if types else []
    for meaning, name in (columns or {}).items():
        words += ["--column", f"{meaning}={name}"]
    for path in logs:
        words += ["--log", str(path)]
    words += ["--compress"] if compress else []
    return shlex.join(words)
