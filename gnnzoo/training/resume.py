"""Resuming an interrupted run: with the same recipe, data, scales and source model, or not at all."""

from dataclasses import fields, replace
from pathlib import Path

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.models.build import Scales
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.models.info import Origin
from gnnzoo.recipe.io.load import resolved
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.training.checkpoints import checkpoints
from gnnzoo.training.prepare import Prepared
from gnnzoo.training.runs import Run

# Where a recipe finds its data, which may change between the sessions of a run: the data's fingerprint may not.
_LOCATION_KEYS = {("data", "source"), ("data", "simulate")}


def check_same(run: Run, recipe: Recipe, dataset: Dataset) -> None:
    """Check that a run is resumed with the recipe and the data that it was started with; the data may have moved.

    Args:
        run: the interrupted run.
        recipe: as it is now.
        dataset: as it is now.

    Raises:
        UserError: the recipe differs.
        DataError: the data differ.
    """
    state, now = run.state, resolved(recipe)
    then = resolved(recipe_of(run))
    for part in ("data", "graph", "model", "training"):
        for key, value in now[part].items():
            before = then[part].get(key)
            if (part, key) not in _LOCATION_KEYS and before != value:
                raise UserError(
                    f"{run.folder} was started with {part}.{key} = {before}, not {value}",
                    hint="the unchanged recipe resumes that run; without --resume a new one is started",
                )
    if state["dataset"].get("fingerprint") != dataset.fingerprint:
        raise DataError(
            f"is not the data that {run.folder} was started with ({state['dataset'].get('path')})",
            location=Location(file=dataset.path),
            hint=f"--data {state['dataset'].get('path')}",
        )


def recipe_of(run: Run) -> Recipe:
    """The recipe that a run was started with.

    Args:
        run: the interrupted run.

    Returns:
        The recipe.

    Raises:
        UserError: it is of another version, or not valid.
    """
    try:
        return Recipe.model_validate(run.state["recipe"])
    except ValueError as error:
        hint = "without --resume a new one is started"
        raise UserError(f"{run.folder} was started with a recipe of another version", hint=hint) from error


def with_scales_of(run: Run, prepared: Prepared) -> Prepared:
    """Prepared data with the scales that a run was started with; those of a transfer may be its source model's.

    Args:
        run: the interrupted run.
        prepared: as it is now.

    Returns:
        `prepared` with the run's scales.
    """
    scales = run.state.get("scales")
    if not scales:
        return prepared
    known = {field.name: scales[field.name] for field in fields(Scales) if field.name in scales}
    return replace(prepared, scales=Scales(**known))


def with_start_of(run: Run, recipe: Recipe) -> Recipe:
    """A recipe with the `start_from` that a run was started with, which may come from the command and not the recipe.

    Args:
        run: the interrupted run.
        recipe: as it is now.

    Returns:
        `recipe` with the run's `training.start_from`.
    """
    start = recipe_of(run).training.start_from
    if start is None:
        return recipe
    training = recipe.training.model_copy(update={"start_from": start})
    return recipe.model_copy(update={"training": training})


def source_of(run: Run) -> ForceField | None:
    """The model that `run` was transferred from.

    Returns:
        None where there is none, or where the file is gone and a checkpoint is enough.

    Raises:
        UserError: the run replays that model's frames, and the model is gone.
    """
    origin = run.state.get("origin")
    if origin is None:
        return None
    if Path(origin["model"]).exists():
        return load_model(origin["model"])
    start = recipe_of(run).training.start_from
    if start is not None and start.replay:
        raise UserError(f"{run.folder} replays the training frames of {origin['model']}, which is gone")
    return None


def origin_of(run: Run) -> Origin | None:
    """Provenance of the weights that `run` was started with.

    Returns:
        "origin" of run.json; None where it is no transfer.

    Raises:
        UserError: no checkpoint holds these weights yet.
    """
    origin = run.state.get("origin")
    if origin and not checkpoints(run.folder / "checkpoints"):
        raise UserError(
            f"{run.folder} was started with the weights of {origin['model']}, and no checkpoint holds them yet",
            hint="the gnnzoo transfer that started it, with --resume",
        )
    return origin
