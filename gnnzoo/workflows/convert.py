"""From dumps to a dataset: H5MD for one machine, TFRecord shards for many."""

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo import __version__
from gnnzoo.console import note, progress, say, warn
from gnnzoo.errors import Place, UserError
from gnnzoo.outputs import refuse_existing, written
from gnnzoo.workflows.datasets import (
    H5_SUFFIXES,
    cutoff_explained,
    events_told,
    find_files,
    is_dataset,
    is_h5,
    only_dumps,
    open_dataset,
)

if TYPE_CHECKING:
    from gnnzoo.recipe.schema import Recipe

FORMATS = ("h5", "tfrecord")
# Endings that say no more than that this is a dump; another one, as in dump.argon, is part of the name.
_DUMP_SUFFIXES = (".lammpstrj", ".lammpsdump", ".dump", ".trj", ".custom", ".txt", ".dat", ".out")


def convert(
    dumps: str | Path | Sequence[str | Path],
    output: str | Path | None = None,
    *,
    units: str | None = None,
    types: Mapping[int | str, str] | None = None,
    format: str = "h5",
    cutoff: float | None = None,
    recipe: "str | Path | Recipe | None" = None,
    compress: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write a dataset from LAMMPS text dumps, and say what was read and what the dumps leave open.

    Args:
        dumps: a dump, a glob of dumps or a list of them, taken as one trajectory; for TFRecord also an H5MD dataset.
        output: where the dataset goes; by default the first dump's name with .h5 (or .tfrecord), in the working folder.
        units: LAMMPS unit style, where the dumps do not tell it.
        types: name of each LAMMPS type, such as {1: "O", 2: "H"}, where the dumps do not tell it.
        format: "h5" or "tfrecord"; the latter also by an output that ends so.
        cutoff: of the edges in TFRecord shards, in the data's length unit; for these alone.
        recipe: a recipe, its path or its name; supplies cutoff, bonds, units and types instead.
        compress: smaller and slower.
        overwrite: replace an existing output; the old one is kept beside it.

    Returns:
        The path of the dataset.

    Raises:
        DataError: the dumps cannot be read, or contradict `units` or `types`.
        UserError: the output exists, or cannot be written; options that do not go together.
    """
    files = find_files(dumps)
    output, format = _output(files[0], output, format)
    if cutoff is not None and format == "h5":
        raise UserError(
            "--cutoff is for TFRecord shards: H5MD datasets hold no edges",
            hint="leave it out for an .h5; or --format tfrecord",
        )
    refuse_existing(output, overwrite)
    bonds = None
    if recipe is not None:
        from gnnzoo.recipe.load import load_recipe

        loaded = load_recipe(recipe) if isinstance(recipe, str | Path) else recipe
        if units and loaded.data.units and units != loaded.data.units:
            raise UserError(
                f"--units {units} contradicts the recipe '{loaded.name}', which is in {loaded.data.units} units",
                hint="leave out one of the two",
            )
        units, types = units or loaded.data.units, types or loaded.data.types
        cutoff, bonds = cutoff or loaded.graph.cutoff, loaded.graph.bonds
    if format == "tfrecord":
        _to_tfrecord(files, output, units, types, cutoff, bonds, compress, overwrite)
    else:
        _to_h5(files, output, units, types, compress, overwrite)
    return output


def _output(first: Path, output: str | Path | None, format: str) -> tuple[Path, str]:
    """Where the dataset goes, and its format."""
    if format not in FORMATS:
        raise UserError(f"there is no format '{format}'", expected=" or ".join(FORMATS))
    if output is None:
        name = first.name.removesuffix(".gz")
        stem = Path(name).stem if Path(name).suffix in (*_DUMP_SUFFIXES, *H5_SUFFIXES) else name
        return Path(f"{stem}.{format}"), format
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
            place=Place(output),
            expected="the name of the dataset",
            hint=f"-o {output}/{first.stem}.h5",
        )
    return output, format


def _to_h5(files: list[Path], output: Path, units, types, compress: bool, overwrite: bool) -> None:
    from gnnzoo.data.convert import to_h5md
    from gnnzoo.data.lammps import provenance

    if len(files) == 1 and is_h5(files[0]):
        raise UserError(
            "this is a dataset already",
            place=Place(files[0]),
            hint=f"gnnzoo convert {files[0]} --format tfrecord --cutoff R",
        )
    only_dumps(files)
    command = _command(files, output, units, types, compress)
    what = files[0].name if len(files) == 1 else f"{len(files)} dumps, {files[0].name} to {files[-1].name}"
    start = time.monotonic()
    size = sum(file.stat().st_size for file in files)
    with written(output, overwrite) as temporary, progress(f"converting {what}", size, unit="bytes") as shown:
        done = to_h5md(
            files,
            temporary,
            version=__version__,
            command=command,
            units=units,
            types=types,
            compress=compress,
            advance=shown.advance,
        )
    seconds = time.monotonic() - start
    trajectory = done.trajectory
    ends = [(header.step, _box(header.box.cell, header.box.boundary)) for header in (trajectory.first, trajectory.last)]
    _tell(trajectory.atoms, done.type_names, done.units, ends, provenance(trajectory))
    rate = size / 1e6 / max(seconds, 1e-9)
    say(
        f"wrote {output}: {done.frames:,} frames of {len(done.trajectory.atoms.ids):,} atoms, "
        f"{output.stat().st_size / 1e6:,.1f} MB, from {size / 1e6:,.1f} MB of dump at {rate:,.0f} MB/s"
    )


def _to_tfrecord(files: list[Path], output: Path, units, types, cutoff, bonds, compress: bool, overwrite: bool) -> None:
    if cutoff is None:
        raise UserError(
            "TFRecord shards hold the edges of the graph, so they need a cutoff", hint="--cutoff 5, or --recipe RECIPE"
        )
    if compress:
        raise UserError("--compress is for H5MD datasets", hint="leave it out for TFRecord shards")
    from gnnzoo.data import tfrecord

    with open_dataset(files, units=units, types=types) as dataset:
        if not is_dataset(files[0]):
            ends = [(frame.step, _box(frame.cell, frame.boundary)) for frame in (dataset[0], dataset[-1])]
            _tell(dataset.atoms, dataset.type_names, dataset.units, ends, dataset.provenance)
        hint = "--cutoff R with a smaller R, in the data's length unit"
        with (
            cutoff_explained(dataset.path, hint),
            progress(f"writing {output}, edges up to {cutoff:g}", len(dataset)) as shown,
        ):
            tfrecord.write(dataset, output, cutoff=cutoff, bonds=bonds, overwrite=overwrite, advance=shown.advance)
        size = sum(file.stat().st_size for file in output.iterdir())
        say(f"wrote {output}: {len(dataset):,} frames, {size / 1e6:,.1f} MB")


def _command(files: list[Path], output: Path, units, types, compress: bool) -> str:
    """The command line that makes this dataset, for its provenance."""
    words = ["gnnzoo", "convert", *map(str, files), "-o", str(output)]
    words += ["--units", units] if units else []
    words += ["--types", ",".join(f"{number}={name}" for number, name in types.items())] if types else []
    words += ["--compress"] if compress else []
    return shlex.join(words)


def _tell(atoms, type_names: dict[int, str], units: str | None, ends: list[tuple[int, str]], provenance: dict) -> None:
    """What the dumps hold, and what the user should know before training on them.

    Args:
        atoms: see `data.dump_frames.Atoms`.
        type_names, units: as agreed between the dumps and the caller.
        ends: step and box of the first and of the last frame.
        provenance: see `data.lammps.provenance`.
    """
    for line in _what_was_read(atoms, type_names, units, ends):
        note(line)
    for line in [*atoms.doubts, *_undeclared(type_names, units), *events_told(provenance)]:
        warn(line)


def _what_was_read(atoms, type_names: dict[int, str], units: str | None, ends: list[tuple[int, str]]) -> list[str]:
    """Columns, box, atoms, units: what the dumps hold."""
    (first_step, first_box), (last_step, last_box) = ends
    left = f" (not taken: {' '.join(atoms.left)})" if atoms.left else ""
    numbers = {number: int((atoms.types == number).sum()) for number in type_names}
    types = ", ".join(f"{number}={name} ({numbers[number]:,} atoms)" for number, name in type_names.items())
    return [
        f"columns   {' '.join(atoms.layout.names)}{left}; {atoms.digits['positions']} digits in positions, "
        f"{atoms.digits['forces']} in forces",
        f"types     {types}",
        f"box       {first_box}" + ("" if first_box == last_box else f" at first, {last_box} at last"),
        f"steps     {first_step} to {last_step}",
        f"units     {units or 'not declared'}",
    ]


def _box(cell: np.ndarray, letters: Sequence[str]) -> str:
    """Edge lengths, tilt and boundaries in a few words."""
    lengths = " x ".join(f"{length:.5g}" for length in (cell**2).sum(axis=1) ** 0.5)
    tilted = ", tilted" if any(cell[row, column] for row in range(3) for column in range(3) if row != column) else ""
    return f"{lengths}{tilted}, {' '.join(letters)}"


def _undeclared(type_names: dict[int, str], units: str | None) -> list[str]:
    """What neither the dumps nor the caller said."""
    lines = []
    if units is None:
        lines.append("the dump does not tell its units: --units real (or metal, lj) does; a recipe may do it later")
    unnamed = [number for number, name in type_names.items() if name == str(number)]
    if unnamed:
        example = ",".join(f"{number}=NAME" for number in unnamed)
        lines.append(
            f"type{'s' if len(unnamed) > 1 else ''} {', '.join(map(str, unnamed))} without a name: --types {example} "
            "names them; a recipe may do it later"
        )
    return lines
