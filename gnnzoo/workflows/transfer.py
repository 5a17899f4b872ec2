"""Carry a trained model over to another substance and train it there."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from gnnzoo.console import table
from gnnzoo.data.frames import Dataset
from gnnzoo.errors import Location, RecipeError, UserError
from gnnzoo.evaluation.pairs import pair_curves
from gnnzoo.models.archive import without_curves
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.models.predict import Predictor
from gnnzoo.recipe.io.load import find_recipe, load_recipe, recipe_from_dict, resolved
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.transfer import StartFrom
from gnnzoo.training.prepare import prepare
from gnnzoo.training.rates import layer_rates
from gnnzoo.training.resume import check_same, with_scales_of
from gnnzoo.training.runs import Run, unfinished_run
from gnnzoo.training.schedule import seconds
from gnnzoo.training.stages import training_stages
from gnnzoo.transfer_learning.copy_weights import unit_factor
from gnnzoo.transfer_learning.initialize import TransferStart, error_with_own_scale, initialize_transfer
from gnnzoo.transfer_learning.replay import forgotten, with_old_species
from gnnzoo.transfer_learning.report import new_meanings, told_rates
from gnnzoo.transfer_learning.strategies import with_strategy
from gnnzoo.transfer_learning.training_settings import moved_layers
from gnnzoo.units import force_unit
from gnnzoo.workflows.compare import check_comparison, check_held_out, compare
from gnnzoo.workflows.steps.fit import TrainingJob, check_output, finish, fit, open_run
from gnnzoo.workflows.steps.model_info import held_out_errors
from gnnzoo.workflows.steps.training_data import recipe_dataset

logger = logging.getLogger(__name__)

_POINTS = 60  # distances at which pairs are looked at before training
_LITTLE = 0.2  # a smaller share of copied weights is worth a warning


def transfer(
    model: str | Path | ForceField,
    target: Recipe | str | Path,
    *,
    data: str | Path | list | None = None,
    frames: int | None = None,
    time_limit: str | float | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    overrides: Iterable[str] = (),
    sizes: Sequence[int] | None = None,
    **how,
) -> ForceField:
    """Build the target's model, copy what fits from `model`, train it, and write TARGET-from-SOURCE.keras.

    The same as training a recipe with `training.start_from`, which this makes of the target.

    Args:
        model: the trained model, or its path.
        target: recipe of the target, its path, or its name.
        data: a dataset, a dump, a glob or a list of dumps, instead of the target's source.
        frames: training frames to use at most.
        time_limit: seconds, or text such as "3m".
        output: where the new model goes.
        resume: go on with the newest unfinished run that was to end in this output.
        overwrite: replace an existing one, keeping it beside the new.
        overrides: changes of the target's recipe.
        sizes: numbers of training frames at which to compare with training from scratch, once the model is made; see
            `workflows.compare`. A time limit is then for each training.
        how: keys of `training.start_from`, such as strategy="staged", freeze=["atom_encoder*"], map={"Ar": "O"}.

    Returns:
        The new model; `info["origin"]` says where its weights began.

    Raises:
        UserError: something in model, recipe or data is wrong, or nothing fits; before training starts.
    """
    source = model if isinstance(model, ForceField) else load_model(model)
    path = None if isinstance(target, Recipe) else find_recipe(target)
    recipe = started_from(target if path is None else load_recipe(path, overrides), source, frames, how)
    if output is None:
        output = f"{recipe.name}-from-{source.path.stem if source.path else source.recipe.name}.keras"
    told = {"time_limit": time_limit, "resume": resume, "overwrite": overwrite, "sizes": sizes}
    return transferred(source, recipe, path, data=data, output=output, **told)


def started_from(target: Recipe, source: ForceField, frames: int | None, how: dict) -> Recipe:
    """The target's recipe with the transfer in it.

    Args:
        how: keys of `StartFrom`; None and what is missing stay what the target says, or else the defaults.

    Raises:
        RecipeError: something does not agree with the stack.
        TypeError: a key is none.
    """
    raw = resolved(target)
    given = {key: value for key, value in how.items() if value is not None}
    unknown = next((key for key in given if key not in StartFrom.model_fields or key == "model"), None)
    if unknown:
        raise TypeError(f"transfer() has no '{unknown}'")
    start = raw["training"]["start_from"] or {}
    raw["training"]["start_from"] = start | given | {"model": str(source.path or source.recipe.name)}
    if frames is not None:
        raw["data"]["split"]["frames"] = frames
    return recipe_from_dict(raw)


def transferred(
    source: ForceField,
    recipe: Recipe,
    path: Path | None,
    *,
    data: str | Path | list | None,
    time_limit: str | float | None,
    output: str | Path,
    resume: bool,
    overwrite: bool,
    callbacks: tuple = (),
    sizes: Sequence[int] | None = None,
) -> ForceField:
    """Train a recipe that names `start_from`, from the weights of `source`; see `transfer`.

    Args:
        path: where the recipe lies.
    """
    limit, output = seconds(time_limit) if isinstance(time_limit, str) else time_limit, Path(output)
    run = unfinished_run(output, recipe.name, str(source.path)) if resume else None
    check_output(output, overwrite)
    if sizes is not None:
        check_comparison(sizes, output, overwrite)
    if run is not None:
        _check_origin(run, source)
    dataset, replay = recipe_dataset(recipe, path, data), recipe.training.start_from.replay
    if replay:
        recipe = with_old_species(recipe, source, unit_factor(source, dataset.units))
    if run is not None:
        check_same(run, recipe, dataset)
    prepared = prepare(recipe, dataset, source.species if replay else ())
    if sizes is not None:
        check_held_out(prepared)
    begun = initialize_transfer(source, recipe, dataset, prepared)
    if run is not None:
        origin, begun = run.state["origin"], replace(begun, prepared=with_scales_of(run, begun.prepared))
    else:
        origin = _told_origin(begun, source, dataset)
    job = TrainingJob(begun.model, dataset, begun.prepared, origin, begun.replay)
    with open_run(job, output, run) as folder:
        outcome = fit(job, folder, time_limit=limit, resume=run is not None, callbacks=callbacks)
        job.model.info["origin"] = origin | {"forgotten": _forgotten(source, job.model, begun)}
        finish(job, folder, outcome, output, overwrite)
    if sizes is not None:
        compare(source, recipe, dataset, prepared, sizes=sizes, time_limit=limit, output=output, overwrite=overwrite)
    return job.model


def _told_origin(begun: TransferStart, source: ForceField, dataset: Dataset) -> dict:
    """Say what moves and how good it is before any training; returns the provenance of the weights."""
    _show(begun, source, dataset)
    zero_shot = error_with_own_scale(begun)
    fitted = held_out_errors(begun.model, begun.prepared, dataset, "validation")
    if fitted is not None:
        logger.info(
            f"zero-shot, with the model's own force scale: mean |dF| / mean |F| {zero_shot:.1%} on validation frames "
            f"(zero forces: 100 %); with scale and size fitted to training frames {fitted.relative:.1%}, "
            f"MAE {fitted.mae:.4g} {force_unit(dataset.units)}"
        )
    return _origin(source) | {
        "moves": begun.moves_told(),
        "gain": begun.gain,
        "zero_shot": zero_shot,
        "scale_fitted": fitted.to_json() if fitted else None,
        "pairs": _pairs(begun, dataset),
    }


def _forgotten(source: ForceField, model: ForceField, begun: TransferStart) -> dict | None:
    """Say how well the source's own substance is still known; None where that cannot be told."""
    try:
        found = forgotten(source, model, begun.weights, begun.factor, begun.gain)
    except UserError as error:
        logger.info(f"what the source knew of its own substance cannot be judged now: {error.what}")
        return None
    after = "more than 1,000 %" if found["after"] > 10 else f"{found['after']:.2%}"
    logger.info(
        f"on {found['frames']} {found['part']} frames of the source mean |dF| / mean |F| was {found['before']:.2%} "
        f"before the transfer and is {after} after it ({found['how']})"
    )
    return found


def _pairs(begun: TransferStart, dataset: Dataset) -> list[dict]:
    """What the network answers for single pairs before any training; few points, so that nothing need be compiled."""
    prepared = begun.prepared
    info = {
        "species": prepared.species,
        "types": {str(number): name for number, name in dataset.type_names.items()},
        "units": dataset.units,
        "statistics": prepared.statistics.as_dict(),
    }
    uncompiled = ForceField(begun.model.network, begun.model.recipe, info)
    uncompiled.predictor = Predictor(begun.model.network, xla=False)
    return [curve.as_dict() for curve in pair_curves(uncompiled, points=_POINTS)]


def start_model(recipe: Recipe, recipe_path: Path | None) -> ForceField:
    """The model that a recipe's `training.start_from` names.

    Raises:
        RecipeError: there is none.
        ModelError: it is none of ours, or damaged.
    """
    name = recipe.training.start_from.model
    for folder in [Path()] + ([recipe_path.parent] if recipe_path is not None else []):
        if (folder / name).exists():
            return load_model(folder / name)
    raise RecipeError(
        f"there is no model '{name}' to start from",
        location=Location(file=recipe_path, key="training.start_from.model"),
        expected="a .keras file of gnnzoo, in this folder or beside the recipe",
        hint=f"gnnzoo train {Path(name).stem} makes it, if there is a recipe of that name (gnnzoo list); another one: "
        f"gnnzoo transfer MODEL --target {recipe_path or recipe.name}",
    )


def _origin(source: ForceField) -> dict:
    """Where the weights come from: the chain of models back to one that began at random."""
    return {
        "model": str(source.path),
        "sha256": _digest(source),
        "recipe": source.recipe.name,
        "dataset": source.info.get("dataset"),
        "origin": without_curves(source.info.get("origin")),
    }


def _digest(source: ForceField) -> str | None:
    return hashlib.sha256(source.path.read_bytes()).hexdigest() if source.path else None


def _check_origin(run: Run, source: ForceField) -> None:
    """A transfer goes on only as the transfer from the model that it began with."""
    origin = run.state.get("origin")
    if origin is None or origin["model"] != str(source.path):
        began = f"from {origin['model']}" if origin else "without a transfer"
        raise UserError(
            f"{run.folder} was begun {began}, not from {source.path}",
            hint="the command that began it, with --resume",
        )
    if origin.get("sha256") != _digest(source):
        raise UserError(
            f"{source.path} is another model now than the one that {run.folder} was begun from",
            hint="put the old one back, or begin anew without --resume",
        )


def _show(begun: TransferStart, source: ForceField, dataset: Dataset) -> None:
    """The table of what moves and how it is trained, and what is to be known beside it."""
    recipe, moved = begun.model.recipe, moved_layers({"moves": begun.moves_told()})
    names = [layer.name for layer in begun.model.network.layers]
    stages = [layer_rates(phase.rates, names) for phase in training_stages(with_strategy(recipe, moved))]
    rows = []
    for move in begun.moves:
        told = told_rates(move, [rates.get(move.layer, 1.0) for rates in stages])
        if recipe.training.start_from.strategy == "lora" and move.layer in moved and "frozen" not in told.action:
            adapted = f"matrices kept, products of rank {recipe.training.start_from.rank} learned beside them"
            told = replace(told, reason="; ".join(filter(None, [told.reason, adapted])))
        weights = f"{move.weights[0]:,} of {move.weights[1]:,}" if move.weights[1] else ""
        rows.append([told.layer, told.action, weights, told.reason])
    title = f"{source.path or source.recipe.name} -> {recipe.name}, strategy {recipe.training.start_from.strategy}"
    table(title, ["layer", "what", "weights copied", "why"], rows)
    if begun.factor != 1:
        told = f"the model is in {source.units} units, the target in {dataset.units}: "
        if recipe.model.normalization == "none":
            told += f"forces are converted, x {begun.factor:.6g}"
        else:
            told += "the force scale is that of the target's own forces"
        if recipe.model.layers[0].inputs == "parameters":
            told += f"; an epsilon counts x {1 / begun.factor:.6g} where it enters the network"
        logger.info(told)
    for sentence in new_meanings(source, begun.model.network, recipe):
        logger.info(sentence)
    if begun.gain != 1:
        logger.info(f"what the heads answer is multiplied by {begun.gain:.3g}, fitted to the size of training forces")
    copied, total = (sum(move.weights[side] for move in begun.moves) for side in (0, 1))
    if copied < _LITTLE * total:
        logger.warning(
            f"only {copied / total:.0%} of the target's weights come from the model, so that it is hardly a transfer: "
            f"its recipe is '{source.recipe.name}', and a target of the same layers shares more (gnnzoo list)"
        )
