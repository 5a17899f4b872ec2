"""Transfer a trained model to another substance and train it there."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import keras

from gnnzoo.choices import RadialTransfer, Strategy
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.errors import Location, RecipeError, UserError
from gnnzoo.evaluation.pairs import pair_curves
from gnnzoo.models.archive import without_curves
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.models.info import ModelInfo, Origin, PairCurveInfo, StatisticsInfo
from gnnzoo.models.predict import Predictor
from gnnzoo.progress_bar import displays_progress
from gnnzoo.recipe.io.find import find_recipe
from gnnzoo.recipe.io.load import load_recipe, recipe_from_dict, resolved
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.training.prepare import prepare
from gnnzoo.training.resume import check_same, with_scales_of
from gnnzoo.training.runs import Run, unfinished_run
from gnnzoo.training.schedule import seconds
from gnnzoo.transfer_learning.copy_weights import unit_factor
from gnnzoo.transfer_learning.forgetting import measure_forgetting
from gnnzoo.transfer_learning.initialize import TransferStart, initialize_transfer, zero_shot_error
from gnnzoo.transfer_learning.provenance import Forgetting, TransferOrigin, file_digest
from gnnzoo.transfer_learning.replay import add_source_species
from gnnzoo.transfer_learning.report import TransferReport, transfer_report
from gnnzoo.transfer_learning.strategies import transfer_settings
from gnnzoo.units import force_unit
from gnnzoo.workflows.compare import ComparisonResult, check_comparison, check_held_out, compare
from gnnzoo.workflows.steps.fit import TrainingJob, check_output, finish, fit, open_run
from gnnzoo.workflows.steps.model_info import held_out_errors
from gnnzoo.workflows.steps.training_data import recipe_dataset

logger = logging.getLogger(__name__)

OnReport = Callable[[TransferReport], None]  # called before training

# Distances of the dimer force curves before training: enough for a smooth plot line; each one is a prediction.
PAIR_POINTS = 60
# Relative error above which the forgetting is reported as "more than": the exact number has no meaning there.
_LARGE_ERROR = 10.0


@dataclass(frozen=True)
class TransferResult:
    """Result of a transfer.

    Attributes:
        model: the new model.
        report: what was copied; None where a run was resumed.
        comparison: with training from scratch; None without `sizes`.
    """

    model: ForceField
    report: TransferReport | None = None
    comparison: ComparisonResult | None = None


@displays_progress
def transfer(
    model: str | Path | ForceField,
    target: Recipe | str | Path,
    *,
    data: str | Path | Sequence[str | Path] | None = None,
    frames: int | None = None,
    strategy: Strategy | None = None,
    freeze: Sequence[str] | None = None,
    reset: Sequence[str] | None = None,
    radial: RadialTransfer | None = None,
    map: Mapping[str, str] | None = None,
    rank: int | None = None,
    replay: float | None = None,
    time_limit: str | float | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    overrides: Iterable[str] = (),
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
    sizes: Sequence[int] | None = None,
    on_report: OnReport | None = None,
    trust: bool = False,
    progress: bool = False,
) -> ForceField:
    """Copy weights of a trained model into the target's model, train it, and write TARGET-from-SOURCE.keras.

    The same as training a recipe with `training.start_from`: its keys are the arguments from `strategy` to `replay`;
    None keeps the value of the target's recipe or the default.

    Args:
        model: the trained model (source), or its path.
        target: recipe of the target, its path, or its name.
        data: a dataset, a dump, a glob or a list of dumps, instead of the target's source.
        frames: maximum number of training frames.
        strategy: layers that are trained: "full", "heads", "staged", "discriminative" (default) or "lora".
        freeze, reset: layers that are not trained, or start from random weights: names or patterns ("atom_encoder*").
        radial: "extend" (default) keeps radial functions in length units, "stretch" scales them with the cutoff.
        map: for learned species, the source species that each target species starts as, such as {"Ar": "O"}.
        rank: width of the adapters of strategy "lora".
        replay: fraction of the steps that train on the source's own training frames.
        time_limit: seconds, or text such as "3m"; with `sizes` for each training.
        output: path of the new model.
        resume: continue the newest unfinished run with this output.
        overwrite: replace an existing output, and keep the old one under another name.
        overrides: changes of the target's recipe such as "training.epochs=3".
        callbacks: Keras callbacks; each validation is the end of an epoch.
        sizes: numbers of training frames at which to compare with training from scratch; the comparison is written to
            files next to the model, see `workflows.compare`, and is an attribute of what `transfer_to` returns.
        on_report: called with the `TransferReport` before training.
        trust: run a simulation by a script that is not one of gnnzoo, see `gnnzoo.simulate`.
        progress: show a progress bar.

    Returns:
        The new model; `info["origin"]` is the provenance of its initial weights.

    Raises:
        UserError: model, recipe, data or options are invalid, or no weight can be copied; before training starts.
        Interrupted: training was stopped by a signal, after its state was saved.
    """
    return transfer_to(
        model,
        target,
        dict(strategy=strategy, freeze=freeze, reset=reset, radial=radial, map=map, rank=rank, replay=replay),
        data=data,
        frames=frames,
        time_limit=time_limit,
        output=output,
        resume=resume,
        overwrite=overwrite,
        overrides=overrides,
        callbacks=callbacks,
        sizes=sizes,
        on_report=on_report,
        trust=trust,
    ).model


def transfer_to(
    model: str | Path | ForceField,
    target: Recipe | str | Path,
    settings: Mapping[str, object],
    *,
    data: str | Path | Sequence[str | Path] | None = None,
    frames: int | None = None,
    time_limit: str | float | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    overrides: Iterable[str] = (),
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
    sizes: Sequence[int] | None = None,
    on_report: OnReport | None = None,
    trust: bool = False,
) -> TransferResult:
    """Do what `transfer` does, and return its report and comparison with the model.

    Args:
        model, target: source and recipe of the target.
        settings: keys of `training.start_from`; None keeps the recipe's value or the default.
        data, frames, time_limit, output, resume, overwrite, overrides, callbacks, sizes, on_report, trust: as those of
            `transfer`.

    Returns:
        The new model with report and comparison.

    Raises:
        UserError, Interrupted: see `transfer`.
    """
    source = model if isinstance(model, ForceField) else load_model(model)
    declared = target if isinstance(target, Recipe) else load_recipe(target, overrides)
    return run_transfer(
        source,
        transfer_recipe(declared, source, settings, frames),
        None if isinstance(target, Recipe) else find_recipe(target),
        data=data,
        time_limit=time_limit,
        output=output,
        resume=resume,
        overwrite=overwrite,
        callbacks=callbacks,
        sizes=sizes,
        on_report=on_report,
        trust=trust,
    )


def transfer_recipe(
    target: Recipe, source: ForceField, settings: Mapping[str, object], frames: int | None = None
) -> Recipe:
    """Add a transfer to the target's recipe.

    Args:
        target: recipe of the target.
        source: the trained model.
        settings: keys of `training.start_from`; None keeps the recipe's value or the default.
        frames: maximum number of training frames; None keeps the recipe's.

    Returns:
        The recipe with `training.start_from`.

    Raises:
        RecipeError: a setting is invalid or contradicts the stack.
    """
    raw = resolved(target)
    given = {key: value for key, value in settings.items() if value is not None}
    start = raw["training"]["start_from"] or {}
    raw["training"]["start_from"] = start | given | {"model": str(source.path or source.recipe.name)}
    if frames is not None:
        raw["data"]["split"]["frames"] = frames
    return recipe_from_dict(raw)


def run_transfer(
    source: ForceField,
    recipe: Recipe,
    recipe_path: Path | None,
    *,
    data: str | Path | Sequence[str | Path] | None,
    time_limit: str | float | None,
    output: str | Path | None,
    resume: bool,
    overwrite: bool,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
    sizes: Sequence[int] | None = None,
    on_report: OnReport | None = None,
    trust: bool = False,
) -> TransferResult:
    """Train a recipe that declares `training.start_from`, starting from the weights of a model.

    Args:
        source: the trained model.
        recipe: the target's recipe.
        recipe_path: where it was read from.
        data, time_limit, output, resume, overwrite, callbacks, sizes, on_report, trust: see `transfer`.

    Returns:
        The new model with report and comparison.

    Raises:
        UserError, Interrupted: see `transfer`.
    """
    limit = seconds(time_limit) if isinstance(time_limit, str) else time_limit
    file = Path(output or f"{recipe.name}-from-{source.path.stem if source.path else source.recipe.name}.keras")
    replay = transfer_settings(recipe).replay
    run = unfinished_run(file, recipe.name, str(source.path)) if resume else None
    check_output(file, overwrite)
    if sizes is not None:
        check_comparison(sizes, file, overwrite)
    if run is not None:
        _check_origin(run, source)
    dataset = recipe_dataset(recipe, recipe_path, data, trust)
    if replay:
        recipe = add_source_species(recipe, source, unit_factor(source, dataset.units))
    if run is not None:
        check_same(run, recipe, dataset)
    prepared = prepare(recipe, dataset, source.species if replay else ())
    if sizes is not None:
        check_held_out(prepared)
    start = initialize_transfer(source, recipe, dataset, prepared)
    report = comparison = None
    if run is None:
        report = transfer_report(source, start, dataset.units)
        if on_report is not None:
            on_report(report)
        origin = _origin(source, start, dataset, report)
    else:
        origin = TransferOrigin.from_json(run.state["origin"])
        start = replace(start, prepared=with_scales_of(run, start.prepared))
    job = TrainingJob(start.model, dataset, start.prepared, origin, start.replay)
    with open_run(job, file, run) as folder:
        outcome = fit(job, folder, time_limit=limit, resume=run is not None, callbacks=callbacks)
        job.model.info["origin"] = origin.after_training(_forgetting(source, job.model, start)).to_json()
        finish(job, folder, outcome, file, overwrite)
    if sizes is not None:
        comparison = compare(
            source, recipe, dataset, prepared, sizes=sizes, time_limit=limit, output=file, overwrite=overwrite
        )
    return TransferResult(job.model, report, comparison)


def start_model(recipe: Recipe, recipe_path: Path | None) -> ForceField:
    """Load the model that a recipe's `training.start_from` names, from the working folder or the recipe's.

    Args:
        recipe: the target's recipe.
        recipe_path: where it was read from.

    Returns:
        The source model.

    Raises:
        RecipeError: the file is missing.
        ModelError: it is not a model of gnnzoo, or damaged.
    """
    name = transfer_settings(recipe).model
    for folder in [Path()] + ([recipe_path.parent] if recipe_path is not None else []):
        if (folder / name).exists():
            return load_model(folder / name)
    raise RecipeError(
        f"there is no model '{name}' to start from",
        location=Location(file=recipe_path, key="training.start_from.model"),
        expected="a .keras file of gnnzoo, in the working folder or next to the recipe",
        hint=f"gnnzoo train {Path(name).stem} makes it, if there is a recipe of that name (gnnzoo list); another one: "
        f"gnnzoo transfer MODEL --target {recipe_path or recipe.name}",
    )


def _origin(source: ForceField, start: TransferStart, dataset: Dataset, report: TransferReport) -> TransferOrigin:
    """Log what was copied, and measure errors and dimer force curves before training."""
    for remark in report.remarks:
        logger.info(remark)
    if report.warning is not None:
        logger.warning(report.warning)
    zero_shot = zero_shot_error(start)
    fitted = held_out_errors(start.model, start.prepared, dataset, "validation")
    if fitted is not None:
        logger.info(
            f"zero-shot, with the model's own force scale: mean |dF| / mean |F| {zero_shot:.1%} on validation "
            f"frames (zero forces: 100 %); with scale and gain fitted to training frames {fitted.relative:.1%}, "
            f"MAE {fitted.mae:.4g} {force_unit(dataset.units)}"
        )
    return TransferOrigin(
        model=str(source.path),
        sha256=file_digest(source.path),
        recipe=source.recipe.name,
        dataset=source.info.get("dataset"),
        origin=without_curves(source.info.get("origin")),
        layers=start.layers,
        output_gain=start.output_gain,
        zero_shot=zero_shot,
        scale_fitted=None if fitted is None else fitted.to_json(),
        pairs=_pair_curves(start, dataset),
    )


def _pair_curves(start: TransferStart, dataset: Dataset) -> list[PairCurveInfo]:
    """Dimer force curves before training; the few predictions run uncompiled."""
    prepared = start.prepared
    info: ModelInfo = {
        "species": prepared.species,
        "types": {str(number): name for number, name in dataset.type_names.items()},
        "units": dataset.units,
        # to_json has these keys; data/ stands below models/info and cannot name the type
        "statistics": cast(StatisticsInfo, prepared.statistics.to_json()),
    }
    uncompiled = ForceField(start.model.network, start.model.recipe, info)
    uncompiled.predictor = Predictor(start.model.network, xla=False)
    # to_json has these keys
    return [cast(PairCurveInfo, curve.to_json()) for curve in pair_curves(uncompiled, points=PAIR_POINTS)]


def _forgetting(source: ForceField, model: ForceField, start: TransferStart) -> Forgetting | None:
    """Measure and report the forgetting; None if the source's data are not available."""
    try:
        result = measure_forgetting(source, model, start.initial_weights, start.factor, start.output_gain)
    except UserError as error:
        logger.info(f"forgetting of the source's data cannot be measured: {error.what}")
        return None
    after = f"{result.after:.2%}" if result.after <= _LARGE_ERROR else f"more than {100 * _LARGE_ERROR:,.0f} %"
    logger.info(
        f"on {result.frames} {result.part} frames of the source mean |dF| / mean |F| was {result.before:.2%} before "
        f"the transfer and is {after} after it ({result.how})"
    )
    return result


def _check_origin(run: Run, source: ForceField) -> None:
    """Refuse to resume a run with another source model than it was started with."""
    origin: Origin | None = run.state.get("origin")
    if origin is None or origin["model"] != str(source.path):
        started = f"from {origin['model']}" if origin else "without a transfer"
        raise UserError(
            f"{run.folder} was started {started}, not from {source.path}",
            hint="the command that started it, with --resume",
        )
    if origin.get("sha256") != file_digest(source.path):
        raise UserError(
            f"{source.path} has changed since {run.folder} was started from it",
            hint="restore the old model, or start again without --resume",
        )
