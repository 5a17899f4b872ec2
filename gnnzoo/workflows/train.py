"""Train the model that a recipe declares."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import keras

from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from gnnzoo.progress_bar import displays_progress
from gnnzoo.recipe.io.find import find_recipe
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.training.prepare import prepare
from gnnzoo.training.resume import check_same, origin_of, source_of, with_scales_of, with_start_of
from gnnzoo.training.runs import unfinished_run
from gnnzoo.training.schedule import seconds
from gnnzoo.transfer_learning.provenance import TransferOrigin
from gnnzoo.workflows.steps.fit import TrainingJob, check_output, finish, fit, open_run
from gnnzoo.workflows.steps.training_data import recipe_dataset
from gnnzoo.workflows.transfer import OnReport, run_transfer, start_model


@displays_progress
def train(
    recipe: Recipe | str | Path,
    *,
    data: str | Path | Sequence[str | Path] | None = None,
    time_limit: str | float | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    overrides: Iterable[str] = (),
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
    on_report: OnReport | None = None,
    trust: bool = False,
    progress: bool = False,
) -> ForceField:
    """Train a recipe's model; writes NAME.keras and the run folder runs/NAME-001.

    Args:
        recipe: a recipe, its path, or its name.
        data: a dataset, a dump, a glob or a list of dumps, instead of the recipe's source.
        time_limit: seconds, or text such as "8m"; the schedule is fitted to it, counted from the start of training.
        output: the model's file; by default NAME.keras in the working folder.
        resume: continue the newest unfinished run with this output or, if no run has its name, of this recipe.
        overwrite: replace an existing model, which is kept as a backup.
        overrides: changes of the recipe such as "training.epochs=3".
        callbacks: Keras callbacks; each validation is the end of an epoch.
        on_report: called with the `TransferReport` before training, if the recipe starts from another model.
        trust: run a simulation by a script that is not one of gnnzoo, see `gnnzoo.simulate`.
        progress: show a progress bar.

    Returns:
        The trained model; its `info` holds errors and provenance.

    Raises:
        UserError: an error in recipe, data or options; before training starts.
        Interrupted: training was stopped by a signal; its state was saved.
    """
    limit = seconds(time_limit) if isinstance(time_limit, str) else time_limit
    path = None if isinstance(recipe, Recipe) else find_recipe(recipe)
    declared = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, overrides)
    file = Path(output) if output is not None else Path(f"{declared.name}.keras")
    run = unfinished_run(file, declared.name) if resume else None
    start = declared.training.start_from
    resolved = declared if run is None or start is not None else with_start_of(run, declared)
    source = source_of(run) if run is not None else start_model(declared, path) if start is not None else None
    if source is not None:
        return run_transfer(
            source,
            resolved,
            path,
            data=data,
            time_limit=limit,
            output=file,
            resume=resume,
            overwrite=overwrite,
            callbacks=callbacks,
            on_report=on_report,
            trust=trust,
        ).model
    check_output(file, overwrite)
    dataset = recipe_dataset(resolved, path, data, trust)
    prepared = prepare(resolved, dataset)
    origin: TransferOrigin | None = None
    if run is not None:
        check_same(run, resolved, dataset)
        prepared, known = with_scales_of(run, prepared), origin_of(run)
        origin = TransferOrigin.from_json(known) if known else None
    model = ForceField(build_network(resolved, prepared.species, prepared.scales), resolved)
    job = TrainingJob(model, dataset, prepared, origin)
    with open_run(job, file, run) as folder:
        outcome = fit(job, folder, time_limit=limit, resume=run is not None, callbacks=callbacks)
        finish(job, folder, outcome, file, overwrite)
    return model
