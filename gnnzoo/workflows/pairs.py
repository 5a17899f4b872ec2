"""Dimer force curves of trained models: plot and table of the force between two isolated atoms against distance."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.errors import Location, ModelError, UserError
from gnnzoo.evaluation.pair_plot import pair_plot
from gnnzoo.evaluation.pairs import PairCurve, pair_curves
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.outputs import atomic_write, check_writable, refuse_existing
from gnnzoo.records import Record

logger = logging.getLogger(__name__)

_COLUMNS = ("model", "pair", "distance", "force", "reference", "training_pairs")


@dataclass(frozen=True)
class PairForces(Record):
    """Dimer force curves of one or several models.

    Attributes:
        curves: curves by model; those of a transferred model before its training by its name with "zero-shot".
        units: LAMMPS unit style of all models, or None.
        plot: the .png.
        csv: the .csv.
    """

    curves: dict[str, list[PairCurve]]
    units: str | None
    plot: Path
    csv: Path


def pairs(
    models: str | Path | ForceField | Sequence[str | Path | ForceField],
    *,
    first: float | None = None,
    points: int = 100,
    plot: str | Path | None = None,
    csv_output: str | Path | None = None,
    overwrite: bool = False,
) -> PairForces:
    """Compute and plot the force between two isolated atoms against distance, for each kind of pair of the training.

    The plot also shows the reference interactions, where `data.reference` of the recipe declares them, the distances of
    training pairs, and for a transferred model the forces before its training.

    Args:
        models: a model or its path, or several in one unit style.
        first: smallest distance, length unit; by default the shortest of the training.
        points: number of distances.
        plot: a .png; by default MODEL-pairs.png.
        csv_output: a .csv; by default MODEL-pairs.csv.
        overwrite: replace existing files, which are kept as backups.

    Returns:
        The curves and the files.

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
    units = _common_units(loaded)
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
    _report(curves, loaded)
    pair_plot(curves, units, f"two isolated atoms: {', '.join(map(_path, loaded))}", files[0], overwrite)
    _write(curves, files[1], overwrite)
    return PairForces(curves, units, *files)


def _path(model: str | Path | ForceField) -> str:
    return str(model.path or model.recipe.name) if isinstance(model, ForceField) else str(model)


def _common_units(models: Sequence[ForceField]) -> str | None:
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


def _report(curves: dict[str, list[PairCurve]], models: Sequence[ForceField]) -> None:
    """Log what the curves cannot show."""
    if all(curve.reference is None for of_model in curves.values() for curve in of_model):
        logger.info(
            'no recipe gives the reference interactions: "data": {"reference": [{"prior": "lennard_jones"}]} draws them'
        )
    for model in models:
        if not (model.info.get("statistics") or {}).get("distances"):
            logger.info(f"{_path(model)} does not store the distances of its training pairs: all kinds are drawn")


def _write(curves: dict[str, list[PairCurve]], path: Path, overwrite: bool) -> None:
    with atomic_write(path, overwrite) as temporary, temporary.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        for name, of_model in curves.items():
            for curve in of_model:
                reference: Sequence[float | str] = curve.reference or [""] * len(curve.distances)
                for values in zip(curve.distances, curve.forces, reference, curve.counts, strict=True):
                    rows.writerow([name, curve.name, *values])
