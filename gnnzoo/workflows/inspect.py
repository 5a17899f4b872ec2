"""What a dump, a dataset or a model holds."""

import json as json_text
import logging
import math
from collections.abc import Mapping
from pathlib import Path

from gnnzoo.data.data_source import DataSource, Source, resolve_source
from gnnzoo.data.lammps.events import event_messages
from gnnzoo.data.open_dataset import cutoff_explained, open_dataset
from gnnzoo.errors import UserError
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.progress import track

logger = logging.getLogger(__name__)

# What a model may promise, by the attributes of `models.symmetries.Promises`.
_PROMISES = {
    "rotation": "forces turn with the atoms",
    "smooth_cutoff": "smooth at the cutoff",
    "conservative": "derived from an energy",
    "zero_net_force": "sum to zero",
    "additive": "far groups do not feel each other",
}


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
) -> dict:
    """Describe data or a model.

    Args:
        source: a dump, a glob or a list of dumps, a dataset, or a .keras model.
        cutoff: to be counted and forecast beside those that the data suggest, in the data's length unit.
        units, types, columns: fill in what the data do not tell.
        json: a file that gets the description.
        html: a file that gets it as a page with plots; data only.
        overwrite: replace existing files; the old ones are kept beside them.

    Returns:
        `kind` ("data" or "model"), `path`, and what `describe_dataset` tells with `doubts`, sentences about
        whatever should be known before training; or what the model's file says of itself, with `network`: its heads,
        waves and prior, and sentences on what `holds` by construction and what `holds_not`; None where its recipe is
        of another version; and `origin_told`, (what, words) about the models that its weights came from.

    Raises:
        DataError, ModelError: it cannot be read.
        UserError: the cutoff is none; an output exists.
    """
    found = resolve_source(source)
    if cutoff is not None and not 0 < cutoff < float("inf"):
        raise UserError(f"a cutoff of {cutoff:g} gives no edges", expected="a positive length", hint="--cutoff 5")
    for output in (json, html):
        if output is not None:
            refuse_existing(Path(output), overwrite)
    if found.path.suffix == ".keras":
        if html is not None:
            raise UserError("--html is for data", hint=f"gnnzoo evaluate {found.path} DATA draws what a model does")
        from gnnzoo.models.archive import read_info

        report = {"kind": "model", "path": str(found.path), **read_info(found.path)}
        report["network"] = _network(report["recipe"]) if "recipe" in report else None
        report["origin_told"] = _origin_told(report)
    else:
        report = {"kind": "data", "path": str(found.path), **_survey(found, cutoff, units, types, columns)}
    if json is not None:
        with atomic_write(json, overwrite) as temporary:
            temporary.write_text(json_text.dumps(_plain(report), indent=1, allow_nan=False) + "\n")
        logger.info(f"wrote {json}")
    if html is not None:
        from gnnzoo.data.inspection.html_report import data_report

        with atomic_write(html, overwrite) as temporary:
            temporary.write_text(data_report(report))
        logger.info(f"wrote {html}")
    return report


def _network(raw: Mapping) -> dict | None:
    """What a model's recipe says of its heads, waves and prior, and what follows for its forces."""
    from gnnzoo.models.symmetries import symmetries
    from gnnzoo.recipe.schema.recipe import Recipe

    try:
        recipe = Recipe.model_validate(raw)
    except ValueError:
        logger.info("its recipe is of another version of gnnzoo: what it promises is not known")
        return None
    kept = symmetries(recipe)
    return {
        "heads": [entry.layer for entry in recipe.model.layers if entry.traits.head],
        "waves": recipe.graph.waves,
        "prior": [entry.prior for entry in recipe.model.prior],
        "holds": [text for name, text in _PROMISES.items() if getattr(kept, name)],
        "holds_not": [text for name, text in _PROMISES.items() if not getattr(kept, name)],
    }


def _origin_told(info: Mapping) -> list[tuple[str, str]]:
    """The models that the weights came from, the nearest first, and what the last transfer found."""
    from gnnzoo.models.archive import origins

    told = []
    for origin in origins(info):
        data = (origin.get("dataset") or {}).get("path", "unknown data")
        digest = f", sha256 {origin['sha256'][:12]}" if origin.get("sha256") else ""
        told.append(("weights from", f"{origin['model']} (recipe {origin['recipe']}, trained on {data}{digest})"))
    last = info.get("origin") or {}
    start = info.get("recipe", {}).get("training", {}).get("start_from")
    if start:
        told.append(("strategy", f"{start['strategy']}, distances {start['radial']}"))
    if last.get("scale_fitted"):
        fitted = f"{last['scale_fitted']['relative']:.1%} with scale and size fitted"
        told.append(("zero-shot", f"mean |dF| / mean |F| {last['zero_shot']:.1%} as it was, {fitted}"))
    if last.get("forgotten"):
        found = last["forgotten"]
        told.append(
            ("forgotten", f"on the source's own frames {found['before']:.2%} before, {found['after']:.2%} after")
        )
    return told


def _survey(
    source: DataSource, cutoff: float | None, units: str | None, types: Mapping | None, columns: Mapping | None
) -> dict:
    from gnnzoo.data.inspection.describe import describe_dataset
    from gnnzoo.data.inspection.text_report import doubts

    hint = (
        f"--cutoff R with {'a smaller R' if cutoff else 'R in their length unit; or --units lj, if they are reduced'}"
    )
    with (
        open_dataset(source, units=units, types=types, columns=columns) as dataset,
        cutoff_explained(dataset.path, hint),
        track("reading", len(dataset)) as shown,
    ):
        report = describe_dataset(dataset, [cutoff] if cutoff else None, shown.advance)
        absent = [str(number) for number in types or () if int(number) not in dataset.type_names]
    report["doubts"] = [*_absent(absent, report), *doubts(report), *event_messages(report["provenance"])]
    return report


def _plain(value):
    """JSON has no infinity and no "not a number": both become null."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _absent(numbers: list[str], report: dict) -> list[str]:
    """Types that were named but do not occur."""
    if not numbers:
        return []
    plural = "s" if len(numbers) > 1 else ""
    return [
        f"--types names type{plural} {', '.join(numbers)}, but there is none in the data: they hold "
        f"{', '.join(report['types'])}"
    ]
