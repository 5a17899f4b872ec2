"""Draw what models learned of single pairs."""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path

from gnnzoo.console import say, table
from gnnzoo.errors import Location, ModelError, UserError
from gnnzoo.evaluation.pair_plot import pair_plot
from gnnzoo.evaluation.pairs import PairCurve, pair_curves
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.outputs import atomic_write, check_writable, refuse_existing
from gnnzoo.units import length_unit

logger = logging.getLogger(__name__)

_COLUMNS = ("model", "pair", "distance", "force", "truth", "training_pairs")


def pairs(
    models: str | Path | ForceField | Sequence[str | Path | ForceField],
    *,
    first: float | None = None,
    points: int = 100,
    plot: str | Path | None = None,
    csv_output: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, list[PairCurve]]:
    """The force between two atoms alone against distance, for every kind of pair that training had.

    Of a transferred model also what it answered before it was trained on the target. The reference force, where a
    recipe's `data.reference` gives it, is drawn over them, and the distances of the training pairs under them.

    Args:
        models: a model or its path, or several in one unit style.
        first: smallest distance; by default the shortest that training saw.
        points: number of distances.
        plot: a .png; by default MODEL-pairs.png.
        csv_output: a .csv; by default MODEL-pairs.csv.
        overwrite: replace existing files; the old ones are kept beside them.

    Returns:
        curves by what answered: the model's name, or its name with "zero-shot".

    Raises:
        UserError: unit styles differ, the range holds no distance, or an output exists.
    """
    given = [models] if isinstance(models, str | Path | ForceField) else list(models)
    if not given:
        raise UserError("no model was named", hint="gnnzoo list shows the models in this folder")
    if points < 2:
        raise UserError(f"{points} distances make no curve", expected="at least 2")
    stem = Path(_path(given[0])).stem
    files = [Path(plot or f"{stem}-pairs.png"), Path(csv_output or f"{stem}-pairs.csv")]
    if files[0].suffix != ".png":
        raise UserError(f"a picture ends in .png, not '{files[0].suffix}'", hint=f"-o {files[0].stem}.png")
    for path in files:
        refuse_existing(path, overwrite)
        check_writable(path)
    loaded = [model if isinstance(model, ForceField) else load_model(model) for model in given]
    units = _one_style(loaded)
    curves: dict[str, list[PairCurve]] = {}
    for model in loaded:
        name = _path(model)
        if first is not None and not 0 < first < model.cutoff:
            raise UserError(
                f"{first:g} is no distance within the cutoff of {name}", expected=f"between 0 and {model.cutoff:g}"
            )
        curves[name] = pair_curves(model, first=first, points=points)
        before = (model.info.get("origin") or {}).get("pairs")
        if before:
            curves[f"{name}, zero-shot (size fitted)"] = [PairCurve.from_json(curve) for curve in before]
    _tell(curves, loaded, units)
    pair_plot(curves, units, f"two atoms alone: {', '.join(map(_path, loaded))}", files[0], overwrite)
    _write(curves, files[1], overwrite)
    say(f"wrote {files[0]} and {files[1]}")
    return curves


def _path(model: str | Path | ForceField) -> str:
    return str(model.path or model.recipe.name) if isinstance(model, ForceField) else str(model)


def _one_style(models: Sequence[ForceField]) -> str | None:
    units = models[0].units
    for model in models[1:]:
        if model.units != units:
            raise ModelError(
                f"is in {model.units or 'undeclared'} units, {_path(models[0])} in {units or 'undeclared'} ones",
                location=Location(file=model.path),
                expected="models in one unit style in one picture",
                hint=f"gnnzoo pairs {_path(model)}, by itself",
            )
    return units


def _tell(curves: dict[str, list[PairCurve]], models: Sequence[ForceField], units: str | None) -> None:
    rows = []
    for name, drawn in curves.items():
        for curve in drawn:
            error, largest = curve.error(), curve.largest()
            rows.append(
                [
                    name,
                    curve.name,
                    f"{curve.distances[0]:.3g} to {curve.distances[-1]:.3g}",
                    f"{sum(count > 0 for count in curve.counts)} of {len(curve.counts)}",
                    "" if error is None else f"{error:.2%}",
                    "" if largest is None else f"{largest[0]:.2%} at {largest[1]:.3g}",
                ]
            )
    columns = (
        "model",
        "pair",
        f"distance ({length_unit(units)})",
        "of them seen",
        "mean |dF| / mean |F|",
        "largest |dF| / largest |F|",
    )
    table("two atoms alone, where training saw such pairs, against the truth", columns, rows)
    if all(curve.reference is None for drawn in curves.values() for curve in drawn):
        logger.info(
            'no recipe gives the reference interactions: "data": {"reference": [{"prior": "lennard_jones"}]} draws them'
        )
    for model in models:
        if not (model.info.get("statistics") or {}).get("distances"):
            logger.info(
                f"{_path(model)} was made before models knew the distances of their training pairs: all are drawn"
            )


def _write(curves: dict[str, list[PairCurve]], path: Path, overwrite: bool) -> None:
    with atomic_write(path, overwrite) as temporary, temporary.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        for name, drawn in curves.items():
            for curve in drawn:
                truth = curve.reference or [""] * len(curve.distances)
                for values in zip(curve.distances, curve.forces, truth, curve.counts, strict=True):
                    rows.writerow([name, curve.name, *values])
