"""Writes a recipe for new data: what inspection finds becomes choices, each with its reason."""

import glob
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gnnzoo.data.data_source import DataSource, Source, resolve_source
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.frames.metadata import apply_metadata
from gnnzoo.data.inspection.data_warnings import data_warnings
from gnnzoo.data.inspection.dataset_report import DatasetReport
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.inspection.unit_checks import UnitChoice, choose_units, units_hint
from gnnzoo.data.lammps.events import event_messages
from gnnzoo.data.open_dataset import cutoff_explained, open_dataset
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.progress import track
from gnnzoo.progress_bar import displays_progress
from gnnzoo.recipe.io.load import recipe_from_dict
from gnnzoo.recipe.io.template import as_name, is_name, recipe_text
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.records import Record
from gnnzoo.units import STYLES
from gnnzoo.workflows.convert import plain_stem
from gnnzoo.workflows.steps.families import check_family, family_of, species_names
from gnnzoo.workflows.steps.recipe_choices import (
    MORE_DATA,
    SPLIT,
    Choice,
    choose_atoms,
    choose_cutoff,
    choose_model,
    choose_split,
    choose_training,
    choose_types,
    energy_columns,
    share_values,
)


@dataclass(frozen=True)
class InitResult(Record):
    """A new recipe; a path by itself, so that `gnnzoo.train` takes it as it is.

    Attributes:
        path: the file that was written.
        recipe: what it holds.
        choices: each choice with its reason.
        warnings: what should be known about the data before training.
    """

    path: Path
    recipe: Recipe = field(metadata={"key": None})
    choices: tuple[Choice, ...]
    warnings: tuple[str, ...]

    def __fspath__(self) -> str:
        return str(self.path)


@displays_progress
def init(
    data: Source,
    output: str | Path | None = None,
    *,
    units: str | None = None,
    types: Mapping[int | str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    cutoff: float | None = None,
    family: str | None = None,
    name: str | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> InitResult:
    """Write a recipe that fits data, with a reason for each choice.

    Args:
        data: a dump, a glob or a list of dumps, or a dataset; see `open_dataset`.
        output: file of the recipe; by default NAME.json in the working folder.
        units, types, columns: declare what the data do not.
        cutoff: of the edges in the data's length unit, instead of one from the shells of neighbours.
        family: kind of matter, see `gnnzoo.data.inspection.matter.FAMILIES`, instead of one by evidence.
        name: the recipe's name; by default from that of the data.
        overwrite: replace an existing recipe; a backup of it is kept.
        progress: show a progress bar.

    Returns:
        The path of the recipe, which `gnnzoo.train` takes as it is, and the choices.

    Raises:
        DataError: the data cannot be read, contradict what is declared, or do not show their units.
        UserError: the output exists; an impossible name or cutoff.
    """
    source = resolve_source(data)
    files = source.paths
    name = name or _name(files)
    output = Path(os.path.expanduser(output)) if output is not None else Path(f"{name}.json")
    _check(name, output, types, cutoff)
    check_family(family)
    refuse_existing(output, overwrite)
    hint = "--cutoff R with a smaller R; or --units lj, if lengths are reduced"
    with (
        open_dataset(source, units=units, types=types, columns=columns) as dataset,
        cutoff_explained(dataset.path, hint),
    ):
        if len(dataset) < 2:
            raise DataError(
                f"{len(dataset)} frame is too few to train and evaluate on", location=Location(files[0]), hint=MORE_DATA
            )
        chosen = choose_units(dataset, units_hint(source.kind))
        raw, choices, warnings = _recipe(
            dataset, _source(data, files, output.parent), name, chosen, columns, cutoff, family
        )
    recipe = recipe_from_dict(raw)
    if (output.parent / "recipe.schema.json").is_file():
        raw = {"$schema": "recipe.schema.json", **raw}
    with atomic_write(output, overwrite) as temporary:
        temporary.write_text(recipe_text(raw), encoding="utf-8")
    return InitResult(output, recipe, tuple(choices), tuple(warnings))


def _check(name: str, output: Path, types: Mapping[int | str, str] | None, cutoff: float | None) -> None:
    for text, option in ((name, "--name NAME"), *((text, "--types 1=NAME") for text in (types or {}).values())):
        if not is_name(text):
            raise UserError(
                f"'{text}' is not possible as a name in a recipe",
                expected="letters, digits and . _ - within",
                hint=option,
            )
    if cutoff is not None and not 0 < cutoff < math.inf:
        raise UserError(f"a cutoff of {cutoff:g} gives no edges", expected="a positive length", hint="--cutoff 5")
    if output.suffix != ".json":
        raise UserError(
            f"a recipe's file ends in .json, not '{output.suffix}'",
            location=Location(output),
            hint=f"-o {output.with_suffix('.json')}",
        )


def _name(files: Sequence[Path]) -> str:
    """What the names of the files have in common."""
    stems = [plain_stem(file) for file in files]
    common = os.path.commonprefix(stems)  # noqa: RUF071 (of names, not of paths)
    return as_name(common if re.search(r"[A-Za-z0-9]", common) else stems[0])


def _source(data: Source, files: Sequence[Path], folder: Path) -> str | list[str]:
    """The data as the recipe finds them: from the working folder, or from its own where that is another."""
    if isinstance(data, DataSource):
        data = data.paths
    named = [data] if isinstance(data, str | os.PathLike) else list(data)
    if len(named) == 1 and len(files) > 1:
        return _found_from(Path(named[0]), folder)  # the glob itself
    sources = [_found_from(file, folder) for file in files]
    return sources[0] if len(sources) == 1 else sources


def _found_from(path: Path, folder: Path) -> str:
    if path.is_absolute() or str(path).startswith("~") or folder.resolve() == Path().resolve():
        return str(path)
    near = os.path.relpath(path, folder)
    # Sources are looked up from the working folder first, where another file might have that name.
    return str(path) if glob.glob(near) else near


def _recipe(
    dataset: Dataset,
    source: str | list[str],
    name: str,
    units: UnitChoice,
    columns: Mapping[str, str] | None,
    cutoff: float | None,
    family: str | None,
) -> tuple[dict, list[Choice], list[str]]:
    """The recipe as JSON values, the choices, and warnings."""
    shown = source if isinstance(source, str) else f"{len(source)} files, {source[0]} to {source[-1]}"
    place = f"{shown}: {len(dataset):,} frames; looked up from the working folder, then from the recipe's"
    warnings = []
    apply_metadata(dataset, units=units.style)
    if units.inferred:
        others = " or ".join(f"--units {other}" for other in STYLES if other != units.style)
        warnings.append(
            f"the data do not declare their units. If they are not {units.style}, repeat the command with {others}"
        )
    types, type_choice = choose_types(dataset)
    with track("reading", len(dataset)) as task:
        report = describe_dataset(dataset, [cutoff] if cutoff else [], task.advance)
    atoms, atoms_choice = choose_atoms(dataset)
    cost, cutoff_choice = choose_cutoff(dataset, report, cutoff)
    model = choose_model(dataset, report, cost.cutoff, family)
    method = "random" if report.arrangement.independent else SPLIT.method
    split, shares, split_choices, split_warnings = choose_split(dataset, method)
    training, training_choice = choose_training(
        model.raw, report, cost, len(split.train), family_of(model.family).seconds
    )
    choices = [
        *(Choice("source", place), Choice("units", f"{units.style}: {units.reason}"), type_choice, atoms_choice),
        *(cutoff_choice, *model.choices, *split_choices, training_choice, *energy_columns(dataset)),
    ]
    described = {
        "name": name,
        "description": _description(dataset, report),
        "data": {
            "source": source,
            "units": units.style,
            **({"types": types} if types else {}),
            **({"columns": dict(columns)} if columns else {}),
            **({"atoms": atoms} if atoms else {}),
            "split": {"method": method, **share_values(shares)},
        },
    }
    raw = described | model.raw
    raw["training"] |= training
    if atoms:
        del raw["model"]["layers"][0]["inputs"]  # the default reads their parameters
    return (
        raw,
        choices,
        [*warnings, *model.warnings, *split_warnings, *data_warnings(report), *event_messages(dataset.provenance)],
    )


def _description(dataset: Dataset, report: DatasetReport) -> str:
    kinds = " ".join(species_names(dataset))
    low, high = report.atoms_range.min, report.atoms_range.max
    atoms = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return f"{kinds}, from {report.frames:,} frames of {atoms} atoms: forces as the derivative of an energy."
