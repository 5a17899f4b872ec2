"""Compare a transfer with training from scratch: the same recipe trained both ways on growing numbers of frames."""

import csv
import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gnnzoo.choices import COMPARISON_SIZES
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.errors import UserError
from gnnzoo.formatting import duration
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.training import Training
from gnnzoo.records import Record, json_text
from gnnzoo.training.batches import Replay
from gnnzoo.training.loop import Trainer
from gnnzoo.training.memory import keep_freed_memory
from gnnzoo.training.prepare import Prepared, fewer
from gnnzoo.training.runs import new_run
from gnnzoo.transfer_learning.initialize import initialize_transfer, zero_shot_error
from gnnzoo.transfer_learning.learning_curve_plot import learning_curve_plot
from gnnzoo.transfer_learning.learning_curves import LearningCurve, TransferGain, gains, verdict
from gnnzoo.transfer_learning.provenance import LayerTransfer
from gnnzoo.transfer_learning.strategies import transfer_settings
from gnnzoo.transfer_learning.training_settings import lora_adapters, resolve_training_settings
from gnnzoo.workflows.steps.model_info import held_out_errors

logger = logging.getLogger(__name__)

_COLUMNS = ("start", "training_frames", "step", "frames_seen", "seconds", "relative_error")
# Steps at which the validation error is measured in addition to every epoch: powers of two, as curves are drawn on a
# logarithmic axis; 2^19 is beyond the length of any training here.
_VALIDATION_STEPS = [2**n for n in range(20)]


@dataclass(frozen=True)
class ComparisonResult(Record):
    """Trainings with and without transfer, and what the transfer gains.

    Attributes:
        source: path of the source model.
        target: name of the target's recipe.
        strategy: strategy of the transfer.
        dataset: path of the target's dataset.
        held_out: part of the split that errors are measured on, "test" or "validation".
        validation_frames: number of frames on which the best checkpoint of each training is chosen.
        seed: of all trainings.
        steps: of each training.
        runs: learning curves.
        gains: at each number of training frames.
        verdict: summary in one sentence.
        files: the files that were written, by "json", "csv" and "png".
    """

    source: str
    target: str
    strategy: str
    dataset: str
    held_out: str
    validation_frames: int
    seed: int
    steps: int
    runs: list[LearningCurve]
    gains: list[TransferGain]
    verdict: str
    files: dict[str, Path] = field(metadata={"key": None})


def comparison_files(output: Path) -> dict[str, Path]:
    """Paths of a comparison's files, next to the transferred model `output`, by "json", "csv" and "png".

    Returns:
        The paths.
    """
    return {kind: output.with_name(f"{output.stem}-compare.{kind}") for kind in ("json", "csv", "png")}


def check_comparison(sizes: Sequence[int], output: Path, overwrite: bool) -> None:
    """Refuse invalid numbers of frames and existing results before training.

    Args:
        sizes: numbers of training frames.
        output: path of the transferred model.
        overwrite: whether existing results may be replaced.

    Raises:
        UserError: a number is below 1, or a result exists.
    """
    if any(size < 1 for size in sizes) or not sizes:
        raise UserError(
            "a number of training frames is at least 1", expected=f"--sizes {','.join(map(str, COMPARISON_SIZES))}"
        )
    for path in comparison_files(output).values():
        refuse_existing(path, overwrite)


def check_held_out(prepared: Prepared) -> None:
    """Refuse a split without validation frames; `prepared` holds the split."""
    if not len(prepared.split.validation):
        raise UserError("no frame is held out to compare on", hint="--set data.split.validation=0.1")


def compare(
    source: ForceField,
    recipe: Recipe,
    dataset: Dataset,
    prepared: Prepared,
    *,
    sizes: Sequence[int] = COMPARISON_SIZES,
    time_limit: float | None = None,
    output: Path,
    overwrite: bool = False,
) -> ComparisonResult:
    """Train with and without the source's weights at several numbers of training frames, and write the results.

    All trainings have the same number of steps, seed, validation and test frames; both trainings of one size have the
    same training frames.

    Args:
        source: the trained model.
        recipe: target recipe with `training.start_from`.
        dataset: the data that `prepared` was made from.
        prepared: split and statistics of all training frames.
        sizes: numbers of training frames; larger ones than available stand for all.
        time_limit: seconds for each training: the number of steps is what the largest training does in that time.
        output: path of the transferred model; results are named after it, see `comparison_files`.
        overwrite: keep existing results under other names.

    Returns:
        Learning curves, gains, and a verdict.
    """
    keep_freed_memory()
    possible = _possible_sizes(sizes, len(prepared.split.train))
    run = new_run(f"{output.stem}-compare")
    steps = _steps(recipe, fewer(prepared, recipe, max(possible)), run.folder, time_limit)
    held_out = "test" if len(prepared.split.test) else "validation"
    logger.info(
        f"comparing at {', '.join(map(str, possible))} training frames, each with and without the weights of "
        f"{source.path}, {steps:,} steps each; the best checkpoint of each is chosen on "
        f"{len(prepared.split.validation)} validation frames; run folder {run.folder}"
    )
    curves = list(_learning_curves(source, recipe, dataset, prepared, possible, run.folder, steps, held_out))
    curve_gains = gains(curves)
    result = ComparisonResult(
        source=str(source.path),
        target=recipe.name,
        strategy=transfer_settings(recipe).strategy,
        dataset=str(dataset.path),
        held_out=held_out,
        validation_frames=len(prepared.split.validation),
        seed=recipe.training.seed,
        steps=steps,
        runs=curves,
        gains=curve_gains,
        verdict=verdict(curve_gains),
        files=comparison_files(output),
    )
    _write(result, overwrite)
    return result


def _possible_sizes(sizes: Sequence[int], available: int) -> list[int]:
    """The requested numbers of frames, ascending, at most as many as there are."""
    too_large = [str(size) for size in sizes if size > available]
    if too_large:
        logger.info(f"{', '.join(too_large)} training frames are not available: there are {available}")
    return sorted({min(size, available) for size in sizes})


def _steps(recipe: Recipe, prepared: Prepared, folder: Path, time_limit: float | None) -> int:
    """Steps of every training: those of the recipe with most frames, or as many as fit into the time limit."""
    training, frames = recipe.training, len(prepared.split.train)
    if training.steps is not None or time_limit is None:
        stage_steps = [stage.steps for stage in training.stages if stage.steps is not None]
        if any(stage_steps):
            return sum(stage_steps)
        return training.steps or training.epochs * math.ceil(frames / min(training.batch_size, frames))
    plain = recipe.model_copy(update={"training": training.model_copy(update={"start_from": None})})
    model = ForceField(build_network(plain, prepared.species, prepared.scales), plain)
    return _trainer(model, plain.training, prepared, folder, None).steps_within(time_limit)


def _learning_curves(
    source: ForceField,
    recipe: Recipe,
    dataset: Dataset,
    prepared: Prepared,
    sizes: Sequence[int],
    folder: Path,
    steps: int,
    held_out: str,
) -> Iterator[LearningCurve]:
    """Train one after the other; each curve is written to the run folder at once, in case a later training fails."""
    for frames in sizes:
        few = fewer(prepared, recipe, frames)
        for start, initial in (("transfer", source), ("scratch", None)):
            run_folder = folder / f"{start}-{frames:04d}"
            curve = train_curve(initial, recipe, dataset, few, run_folder, steps)
            with atomic_write(run_folder / "course.json") as temporary:
                temporary.write_text(json.dumps(curve.to_json()) + "\n")
            logger.info(
                f"  {frames} frames, {start}: {curve.before:.1%} before, {curve.error:.3%} after {curve.steps:,} steps "
                f"({duration(curve.seconds)}), on the {held_out} frames"
            )
            yield curve


def held_out_error(model: ForceField, prepared: Prepared) -> float:
    """Error on held-out frames.

    Args:
        model: the model.
        prepared: its data.

    Returns:
        mean |dF| / mean |F| on the test part, or on the validation part if there is no test part.

    Raises:
        UserError: there are no held-out frames, or all their forces are zero.
    """
    for part in ("test", "validation"):
        errors = held_out_errors(model, prepared, prepared.source.dataset, part)
        if errors is not None and errors.relative is not None:
            return errors.relative
    raise UserError("no held-out frame has forces other than zero", hint="--set data.split.validation=0.1")


def train_curve(
    source: ForceField | None,
    recipe: Recipe,
    dataset: Dataset,
    prepared: Prepared,
    folder: Path,
    steps: int,
    error: Callable[[ForceField, Prepared], float] = held_out_error,
) -> LearningCurve:
    """Train once, from the source's weights or from scratch.

    Args:
        source: the trained model; None for random initial weights.
        recipe: target recipe with `training.start_from`, which is ignored without a source.
        dataset: the data that `prepared` was made from.
        prepared: split and statistics of the training frames.
        folder: made for the log and the checkpoints.
        steps: length of the schedule.
        error: measures the model before and after training.

    Returns:
        The learning curve.
    """
    changes: dict[str, object] = {"steps": steps}
    if source is None:
        changes["start_from"] = None
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update=changes)})
    zero_shot, replay, layers = None, None, list[LayerTransfer]()
    if source is None:
        model = ForceField(build_network(recipe, prepared.species, prepared.scales), recipe)
    else:
        start = initialize_transfer(source, recipe, dataset, prepared)
        model, prepared, layers, replay = start.model, start.prepared, start.layers, start.replay
        zero_shot = zero_shot_error(start)
    folder.mkdir(parents=True)
    before = error(model, prepared)
    with lora_adapters(model, prepared, layers):
        trainer = _trainer(model, resolve_training_settings(recipe, layers), prepared, folder, replay)
        outcome = trainer.run()
    return LearningCurve(
        start="scratch" if source is None else "transfer",
        frames=len(prepared.split.train),
        zero_shot=zero_shot,
        before=before,
        error=error(model, prepared),
        steps=outcome.steps,
        seconds=outcome.seconds,
        points=[
            (int(row["step"]), int(row["step"]) * trainer.sampler.batch_size, row["seconds"], row["relative"])
            for row in outcome.log
            if math.isfinite(row["relative"])
        ],
    )


def _trainer(model: ForceField, settings: Training, prepared: Prepared, folder: Path, replay: Replay | None) -> Trainer:
    """A trainer that also validates at `_VALIDATION_STEPS`."""
    return Trainer(
        model.network,
        settings,
        prepared,
        folder,
        predictor=model.predictor,
        replay=replay,
        validate_at=_VALIDATION_STEPS,
    )


def _write(result: ComparisonResult, overwrite: bool) -> None:
    """Write the result as JSON, its curves as CSV, and their plot."""
    files = result.files
    with atomic_write(files["json"], overwrite) as temporary:
        temporary.write_text(json_text(result.to_json(), indent=1) + "\n")
    with atomic_write(files["csv"], overwrite) as temporary, temporary.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        for curve in result.runs:
            rows.writerows([curve.start, curve.frames, *point] for point in curve.points)
    learning_curve_plot(result.runs, f"{result.source} to {result.target}", files["png"], overwrite)
