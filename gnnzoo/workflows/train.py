"""Train the model that a recipe declares."""

from collections.abc import Iterable
from pathlib import Path

from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from gnnzoo.recipe.io.load import find_recipe, load_recipe
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.training.prepare import prepare
from gnnzoo.training.resume import check_same, origin_of, source_of, with_scales_of, with_start_of
from gnnzoo.training.runs import unfinished_run
from gnnzoo.training.schedule import seconds
from gnnzoo.workflows.steps.fit import check_output, fit
from gnnzoo.workflows.steps.training_data import recipe_dataset
from gnnzoo.workflows.transfer import start_model, transferred


def train(
    recipe: Recipe | str | Path,
    *,
    data: str | Path | list | None = None,
    time_limit: str | float | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    overrides: Iterable[str] = (),
    callbacks: tuple = (),
) -> ForceField:
    """Train a recipe's model and write NAME.keras and runs/NAME-001/.

    Args:
        recipe: a recipe, its path, or its name.
        data: a dataset, a dump, a glob or a list of dumps, instead of the recipe's source.
        time_limit: seconds, or text such as "8m"; the schedule is fitted to it, counted from the start of training.
        output: where the model goes; by default NAME.keras in the working folder.
        resume: go on with the newest unfinished run that was to end in this output, or where there is none of its
            name, with the newest one of the recipe.
        overwrite: replace an existing model, keeping the old one beside it.
        overrides: changes of the recipe such as "training.epochs=3".
        callbacks: Keras callbacks.

    Returns:
        The trained model; its `info` says how it was made and how good it is.

    Raises:
        UserError: something in recipe, data or options is wrong; before training starts.
        Interrupted: training was stopped by a signal, after its state was saved.
    """
    limit = seconds(time_limit) if isinstance(time_limit, str) else time_limit
    path = None if isinstance(recipe, Recipe) else find_recipe(recipe)
    recipe = recipe if path is None else load_recipe(path, overrides)
    output = Path(output) if output is not None else Path(f"{recipe.name}.keras")
    declared, source = recipe.training.start_from is not None, None
    run = unfinished_run(output, recipe.name) if resume else None
    if run is not None:
        recipe = recipe if declared else with_start_of(run, recipe)
        source = source_of(run)
    elif declared:
        source = start_model(recipe, path)
    if source is not None:
        told = {"data": data, "time_limit": time_limit, "resume": resume, "overwrite": overwrite}
        return transferred(source, recipe, path, output=output, callbacks=callbacks, **told)
    check_output(output, overwrite)
    dataset = recipe_dataset(recipe, path, data)
    prepared = prepare(recipe, dataset)
    origin = None
    if run is not None:
        check_same(run, recipe, dataset)
        prepared = with_scales_of(run, prepared)
        origin = origin_of(run)
    network = build_network(recipe, prepared.species, prepared.scales)
    return fit(ForceField(network, recipe), dataset, prepared, run, limit, output, overwrite, callbacks, origin)
