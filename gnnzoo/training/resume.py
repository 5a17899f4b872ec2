"""Going on with a run that was stopped: with the same recipe, data, scales and origin, or not at all."""

from dataclasses import replace
from pathlib import Path

from gnnzoo.data.frames import Dataset
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.models.build import Scales
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.models.info import Origin
from gnnzoo.recipe.io.load import resolved
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.transfer import StartFrom
from gnnzoo.training.checkpoints import checkpoints
from gnnzoo.training.prepare import Prepared
from gnnzoo.training.runs import Run

# Where a recipe finds its data, which may change between the sessions of a run: their fingerprint may not.
_WHERE = {("data", "source"), ("data", "simulate")}


def check_same(run: Run, recipe: Recipe, dataset: Dataset) -> None:
    """A run goes on only with the recipe and the data that it began with; the data may have moved."""
    state, now = run.state, resolved(recipe)
    for part in ("data", "graph", "model", "training"):
        for key, value in now[part].items():
            if (part, key) not in _WHERE and state["recipe"][part].get(key) != value:
                raise UserError(
                    f"{run.folder} was begun with {part}.{key} = {state['recipe'][part].get(key)}, not {value}",
                    hint="leave the recipe as it was to go on with that run, or begin a new one without --resume",
                )
    if state["dataset"]["fingerprint"] != dataset.fingerprint:
        raise DataError(
            f"is not what {run.folder} was begun with ({state['dataset']['path']})",
            location=Location(file=dataset.path),
            hint=f"--data {state['dataset']['path']}",
        )


def with_scales_of(run: Run, prepared: Prepared) -> Prepared:
    """What was prepared, with the scales that a run began with; a transfer's may be those of its source."""
    scales = run.state.get("scales")
    return replace(prepared, scales=Scales(**scales)) if scales else prepared


def with_start_of(run: Run, recipe: Recipe) -> Recipe:
    """The recipe with the transfer that a run began as; the command that began it knew, the recipe may not."""
    start = run.state["recipe"]["training"].get("start_from")
    if start is None:
        return recipe
    training = recipe.training.model_copy(update={"start_from": StartFrom(**start)})
    return recipe.model_copy(update={"training": training})


def source_of(run: Run) -> ForceField | None:
    """The model that a run was transferred from; None where there is none, or where a checkpoint must do without it.

    Raises:
        UserError: the run goes on with that model's frames, and the model is gone.
    """
    origin = run.state.get("origin")
    if origin is None:
        return None
    if Path(origin["model"]).exists():
        return load_model(origin["model"])
    if (run.state["recipe"]["training"].get("start_from") or {}).get("replay"):
        raise UserError(f"{run.folder} goes on with the training frames of {origin['model']}, which is gone")
    return None


def origin_of(run: Run) -> Origin | None:
    """What a run was transferred from; its weights must be in a checkpoint by now."""
    origin = run.state.get("origin")
    if origin and not checkpoints(run.folder / "checkpoints"):
        raise UserError(
            f"{run.folder} was begun with the weights of {origin['model']}, and no checkpoint holds them yet",
            hint="the gnnzoo transfer that began it, with --resume",
        )
    return origin
