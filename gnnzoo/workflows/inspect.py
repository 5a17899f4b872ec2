"""Describes a dump, a dataset or a model."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from gnnzoo.data.data_source import DataSource, Source, resolve_source
from gnnzoo.data.inspection.data_warnings import data_warnings
from gnnzoo.data.inspection.dataset_report import DatasetReport
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.lammps.events import event_messages
from gnnzoo.data.open_dataset import cutoff_explained, open_dataset
from gnnzoo.errors import DataError, ModelError, RecipeError, UserError
from gnnzoo.models.archive import origins, read_info
from gnnzoo.models.info import ModelInfo
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.progress import track
from gnnzoo.progress_bar import displays_progress
from gnnzoo.recipe.io.load import recipe_from_dict
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.records import Record, json_text, plain

logger = logging.getLogger(__name__)

# What may hold for a model by construction, by the attributes of `models.symmetries.Symmetries`.
_SYMMETRIES = {
    "rotation": "forces rotate with the atoms",
    "smooth_cutoff": "smooth at the cutoff",
    "conservative": "forces are gradients of an energy",
    "zero_net_force": "forces sum to zero",
    "additive": "distant groups do not interact",
}


@dataclass(frozen=True)
class DataInspection(Record):
    """Description of data.

    Attributes:
        source: the data.
        data: what they hold.
        warnings: what should be known before training, in sentences.
    """

    source: DataSource
    data: DatasetReport
    warnings: list[str]

    @property
    def path(self) -> str:
        """Path of the data, or of the first of several dumps."""
        return str(self.source.path)

    def to_json(self) -> dict[str, object]:
        """The description as one object."""
        return {"kind": "data", "path": self.path, **self.data.to_json(), "doubts": self.warnings}


@dataclass(frozen=True)
class Network(Record):
    """Heads, reach of reciprocal space and prior of a model, and which symmetries hold by construction or do not."""

    heads: list[str]
    waves: float | None
    prior: list[str]
    holds: list[str]
    holds_not: list[str]


@dataclass(frozen=True)
class ModelInspection(Record):
    """Description of a model.

    Attributes:
        path: the .keras file.
        info: what the file says of itself.
        network: None where the recipe is missing or of another version.
        history: (label, text) of the models that its weights came from, the nearest first, and of the last transfer.
    """

    path: str
    info: ModelInfo
    network: Network | None
    history: list[tuple[str, str]]

    def to_json(self) -> dict[str, object]:
        """The description as one object."""
        summary = {"network": plain(self.network), "history": plain(self.history)}
        return {
            "kind": "model",
            "path": self.path,
            **{key: plain(value) for key, value in self.info.items()},
            **summary,
        }


@displays_progress
def inspect(
    source: Source,
    *,
    cutoff: float | None = None,
    units: str | None = None,
    types: Mapping[int | str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    json: str | Path | None = None,
    html: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> DataInspection | ModelInspection:
    """Describe data or a model.

    Args:
        source: a dump, a glob or a list of dumps, a dataset, or a .keras model.
        cutoff: estimate the cost of this cutoff, too; length unit of the data.
        units, types, columns: declare what the data do not.
        json: output file of the description.
        html: output file of the description as a page with plots; data only.
        overwrite: replace existing files; backups of them are kept.
        progress: show a progress bar.

    Returns:
        What the data, or the model's file, hold.

    Raises:
        DataError, ModelError: it cannot be read.
        UserError: the cutoff is not a length; an output exists.
    """
    found = _found(source)
    if cutoff is not None and not 0 < cutoff < float("inf"):
        raise UserError(f"a cutoff of {cutoff:g} gives no edges", expected="a positive length", hint="--cutoff 5")
    for output in (json, html):
        if output is not None:
            refuse_existing(Path(output), overwrite)
    report: DataInspection | ModelInspection
    if found.path.suffix == ".keras":
        if html is not None:
            raise UserError("--html is for data", hint=f"gnnzoo evaluate {found.path} DATA plots a model's errors")
        report = _inspect_model(found.path)
    else:
        report = _inspect_data(found, cutoff, units, types, columns)
    if json is not None:
        with atomic_write(json, overwrite) as temporary:
            temporary.write_text(json_text(report.to_json(), indent=1) + "\n")
        logger.info(f"wrote {json}")
    if html is not None and isinstance(report, DataInspection):
        from gnnzoo.data.inspection.html_report import html_page

        with atomic_write(html, overwrite) as temporary:
            temporary.write_text(html_page(report.path, report.data, report.warnings), errors="replace")
        logger.info(f"wrote {html}")
    return report


def _found(source: Source) -> DataSource:
    """The files that are named; a missing .keras file is a missing model."""
    try:
        return resolve_source(source)
    except DataError as error:
        names = [source] if isinstance(source, str | PathLike) else [] if isinstance(source, DataSource) else source
        if not any(Path(name).suffix == ".keras" and not Path(name).exists() for name in names):
            raise
        hint = "gnnzoo list shows the models in this folder"
        expected = "a model, a dump or a dataset"
        raise ModelError(error.what, location=error.location, expected=expected, hint=hint) from error


def _inspect_data(
    source: DataSource,
    cutoff: float | None,
    units: str | None,
    types: Mapping[int | str, str] | None,
    columns: Mapping[str, str] | None,
) -> DataInspection:
    smaller = "a smaller R" if cutoff else "R in their length unit; or --units lj, if they are reduced"
    with (
        open_dataset(source, units=units, types=types, columns=columns) as dataset,
        cutoff_explained(dataset.path, f"--cutoff R with {smaller}"),
        track("reading", len(dataset)) as task,
    ):
        report = describe_dataset(dataset, [cutoff] if cutoff else [], task.advance)
        absent = [str(number) for number in types or () if int(number) not in dataset.type_names]
        warnings = [*data_warnings(report), *event_messages(dataset.provenance)]
    if absent:
        warnings.insert(
            0,
            f"--types names type{'s' if len(absent) > 1 else ''} {', '.join(absent)}, which the data do not hold: they "
            f"hold {', '.join(report.types)}",
        )
    return DataInspection(source, report, warnings)


def _inspect_model(path: Path) -> ModelInspection:
    info = read_info(path)
    recipe: Recipe | None = None
    try:
        recipe = recipe_from_dict(info["recipe"])
    except RecipeError as error:
        logger.info("its recipe is of another version of gnnzoo, or not valid: its symmetries are unknown")
        logger.debug(str(error))
    return ModelInspection(str(path), info, _network(recipe) if recipe else None, _history(info, recipe))


def _network(recipe: Recipe) -> Network:
    """Summary of a model's recipe."""
    from gnnzoo.models.symmetries import symmetries

    kept = symmetries(recipe)
    return Network(
        heads=[entry.layer for entry in recipe.model.layers if entry.traits.head],
        waves=recipe.graph.waves,
        prior=[entry.prior for entry in recipe.model.prior],
        holds=[text for name, text in _SYMMETRIES.items() if getattr(kept, name)],
        holds_not=[text for name, text in _SYMMETRIES.items() if not getattr(kept, name)],
    )


def _history(info: ModelInfo, recipe: Recipe | None) -> list[tuple[str, str]]:
    """The models that the weights came from, the nearest first, and figures of the last transfer."""
    lines = []
    for origin in origins(info):
        data = (origin.get("dataset") or {}).get("path", "unknown data")
        digest = origin.get("sha256")
        shown = f", sha256 {digest[:12]}" if digest else ""
        lines.append(("weights from", f"{origin['model']} (recipe {origin['recipe']}, trained on {data}{shown})"))
    last = info.get("origin") or {}
    if recipe is not None and (start := recipe.training.start_from) is not None:
        lines.append(("strategy", f"{start.strategy}, distances {start.radial}"))
    unchanged, fitted = last.get("zero_shot"), (last.get("scale_fitted") or {}).get("relative")
    if unchanged is not None and fitted is not None:
        scaled = f"{fitted:.1%} with scale and size fitted"
        lines.append(("zero-shot", f"mean |dF| / mean |F| {unchanged:.1%} unchanged, {scaled}"))
    if errors := last.get("forgotten"):
        lines.append(
            ("forgotten", f"on the source's own frames {errors['before']:.2%} before, {errors['after']:.2%} after")
        )
    return lines
