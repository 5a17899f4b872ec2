"""Does a transfer help? The same recipe trained with and without the weights of another model, side by side."""

import csv
import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gnnzoo.console import say, table
from gnnzoo.data.frames import Dataset
from gnnzoo.errors import UserError
from gnnzoo.formatting import duration
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.training import Training
from gnnzoo.training.batches import Replay
from gnnzoo.training.loop import Trainer
from gnnzoo.training.memory import keep_freed_memory
from gnnzoo.training.prepare import Prepared, fewer
from gnnzoo.training.runs import new_run
from gnnzoo.transfer_learning.initialize import error_with_own_scale, initialize_transfer
from gnnzoo.transfer_learning.learning_curve_plot import learning_curve_plot
from gnnzoo.transfer_learning.learning_curves import LearningCurve, TransferGain, gains, verdict
from gnnzoo.transfer_learning.training_settings import adapters, resolve_training_settings
from gnnzoo.workflows.steps.model_info import held_out_errors

logger = logging.getLogger(__name__)

SIZES = (1, 3, 10, 30, 100)
_COLUMNS = ("start", "training_frames", "step", "frames_seen", "seconds", "relative_error")


def comparison_files(output: Path) -> dict[str, Path]:
    """Where a comparison goes, by kind, beside the model of its transfer."""
    return {kind: output.with_name(f"{output.stem}-compare.{kind}") for kind in ("json", "csv", "png")}


def check_comparison(sizes: Sequence[int], output: Path, overwrite: bool) -> None:
    """Refuse numbers that are none, and existing results, before anything long begins."""
    if any(size < 1 for size in sizes) or not sizes:
        raise UserError("a number of training frames is at least 1", expected="--sizes 1,3,10,30,100")
    for path in comparison_files(output).values():
        refuse_existing(path, overwrite)


def check_held_out(prepared: Prepared) -> None:
    """Refuse a split without frames to compare on."""
    if not len(prepared.split.validation):
        raise UserError("no frame is held out to compare on", hint="--set data.split.validation=0.1")


def compare(
    source: ForceField,
    recipe: Recipe,
    dataset: Dataset,
    prepared: Prepared,
    *,
    sizes: Sequence[int] = SIZES,
    time_limit: float | None = None,
    output: Path,
    overwrite: bool = False,
) -> dict:
    """Train with and without the source's weights at several numbers of training frames, and say what it is worth.

    All trainings have the same number of steps, the same seed, validation and test frames; of one number of frames the
    same frames.

    Args:
        source: the trained model.
        recipe: of the target, with `training.start_from`.
        dataset: the data that `prepared` was made from.
        prepared: split and statistics of all training frames.
        sizes: numbers of training frames; more than there are stand for all.
        time_limit: seconds for each training: as many steps as a training with most frames does in them.
        output: of the transfer's model; the results are named after it, see `comparison_files`.
        overwrite: keep existing results under other names.

    Returns:
        what the .json holds: runs with their courses, gains, verdict.
    """
    keep_freed_memory()
    sizes = _possible(sizes, len(prepared.split.train))
    run = new_run(f"{output.stem}-compare")
    steps = _steps(recipe, fewer(prepared, recipe, max(sizes)), run.folder, time_limit)
    held_out = "test" if len(prepared.split.test) else "validation"
    logger.info(
        f"comparing at {', '.join(map(str, sizes))} training frames, each with and without the weights of {source.path}"
        f", {steps:,} steps each; run folder {run.folder}"
    )
    courses = list(_courses(source, recipe, dataset, prepared, sizes, run.folder, steps, held_out))
    found = gains(courses)
    result = {
        "source": str(source.path),
        "target": recipe.name,
        "strategy": recipe.training.start_from.strategy,
        "dataset": str(dataset.path),
        "held_out": held_out,
        "validation_frames": len(prepared.split.validation),
        "seed": recipe.training.seed,
        "steps": steps,
        "runs": [course.as_dict() for course in courses],
        "gains": [gain.as_dict() for gain in found],
        "verdict": verdict(found),
    }
    _tell(result, found, courses)
    _write(result, courses, output, overwrite)
    return result


def _courses(
    source: ForceField,
    recipe: Recipe,
    dataset: Dataset,
    prepared: Prepared,
    sizes: Sequence[int],
    folder: Path,
    steps: int,
    held_out: str,
) -> Iterator[LearningCurve]:
    """Train one after the other, tell each, and write it down at once: what is done stays, whatever ends them."""
    for frames in sizes:
        few = fewer(prepared, recipe, frames)
        for start, begins_with in (("transfer", source), ("scratch", None)):
            place = folder / f"{start}-{frames:04d}"
            made = course(begins_with, recipe, dataset, few, place, steps)
            with atomic_write(place / "course.json") as temporary:
                temporary.write_text(json.dumps(made.as_dict()) + "\n")
            logger.info(
                f"  {frames} frames, {start}: {made.before:.1%} before, {made.error:.3%} after {made.steps:,} steps "
                f"({duration(made.seconds)}), on the {held_out} frames"
            )
            yield made


def _possible(sizes: Sequence[int], known: int) -> list[int]:
    """The numbers of frames that there are, ascending; what is larger than all of them is all of them."""
    found = sorted({min(size, known) for size in sizes})
    if max(sizes) > known:
        logger.info(f"there are {known} training frames: {', '.join(str(s) for s in sizes if s > known)} cannot be had")
    return found


def _steps(recipe: Recipe, prepared: Prepared, folder: Path, time_limit: float | None) -> int:
    """Steps of every training: those of the recipe with most frames, or as many as fit into the time."""
    training, frames = recipe.training, len(prepared.split.train)
    if training.steps is not None or time_limit is None:
        if any(stage.steps for stage in training.stages):
            return sum(stage.steps for stage in training.stages)
        return training.steps or training.epochs * math.ceil(frames / min(training.batch_size, frames))
    plain = recipe.model_copy(update={"training": training.model_copy(update={"start_from": None})})
    model = ForceField(build_network(plain, prepared.species, prepared.scales), plain)
    return _trainer(model, plain.training, prepared, folder, None).steps_within(time_limit)


def _held_out_error(model: ForceField, prepared: Prepared) -> float:
    """mean |dF| / mean |F| on the test part, or on the validation part where there is no test."""
    dataset = prepared.source.dataset
    parts = (held_out_errors(model, prepared, dataset, part) for part in ("test", "validation"))
    return next(errors.relative for errors in parts if errors is not None)


def _trainer(model: ForceField, settings: Training, prepared: Prepared, folder: Path, replay: Replay | None) -> Trainer:
    """As for a training on its own, but followed more often at first."""
    return Trainer(
        model.network,
        settings,
        prepared.source,
        prepared.split,
        prepared.statistics,
        prepared.scales.force,
        folder,
        predictor=model.predictor,
        replay=replay,
        follow_at=[2**n for n in range(20)],
    )


def course(
    source: ForceField | None,
    recipe: Recipe,
    dataset: Dataset,
    prepared: Prepared,
    folder: Path,
    steps: int,
    error: Callable[[ForceField, Prepared], float] = _held_out_error,
) -> LearningCurve:
    """One training, from the source's weights or from random ones where there is no source.

    Args:
        recipe: with `training.start_from`, which counts where there is a source.
        folder: is made, for the log and the checkpoints.
        steps: length of the schedule.
        error: judges the model, before and after.
    """
    training = recipe.training.model_copy(
        update={"steps": steps} | ({} if source is not None else {"start_from": None})
    )
    recipe = recipe.model_copy(update={"training": training})
    zero_shot = None
    if source is None:
        model, origin, replay = ForceField(build_network(recipe, prepared.species, prepared.scales), recipe), None, None
    else:
        begun = initialize_transfer(source, recipe, dataset, prepared)
        model, prepared, replay = begun.model, begun.prepared, begun.replay
        origin, zero_shot = {"moves": begun.moves_told()}, error_with_own_scale(begun)
    start, frames = "scratch" if source is None else "transfer", len(prepared.split.train)
    folder.mkdir(parents=True)
    before = error(model, prepared)
    with adapters(model, prepared, origin):
        trainer = _trainer(model, resolve_training_settings(recipe, origin), prepared, folder, replay)
        outcome = trainer.run()
    batch = trainer.feed.batch_size
    points = [
        (row["step"], row["step"] * batch, row["seconds"], row["relative"])
        for row in outcome.log
        if math.isfinite(row["relative"])
    ]
    return LearningCurve(
        start, frames, zero_shot, before, error(model, prepared), outcome.steps, outcome.seconds, points
    )


# --- what is told and written -------------------------------------------------------------------------------------


def _tell(result: dict, found: Sequence[TransferGain], courses: Sequence[LearningCurve]) -> None:
    begun = {course.frames: course for course in courses if course.start == "transfer"}
    rows = [
        [
            str(gain.frames),
            f"{begun[gain.frames].zero_shot:.1%}",
            f"{begun[gain.frames].before:.1%}",
            f"{gain.scratch:.3%}",
            f"{gain.transfer:.3%}",
            f"{gain.error:.2f}",
            "" if gain.data is None else f"{'> ' if gain.most else ''}{gain.data:.2g}",
            "never" if gain.steps is None else f"{gain.steps:.2g}",
            "never" if gain.seconds is None else f"{gain.seconds:.2g}",
        ]
        for gain in found
    ]
    columns = (
        "frames",
        "zero-shot",
        "scale fitted",
        "from scratch",
        "transfer",
        "x less error",
        "x less data",
        "x fewer steps",
        "x less time",
    )
    title = (
        f"{result['source']} -> {result['target']}, strategy {result['strategy']}: mean |dF| / mean |F| on "
        f"{result['held_out']} frames after {result['steps']:,} steps (zero forces: 100 %)"
    )
    table(title, columns, rows)
    if result["validation_frames"]:
        logger.info(
            f"in each training the best checkpoint was chosen on {result['validation_frames']} validation frames"
        )
    (say if any(gain.error > 1 for gain in found) else logger.warning)(result["verdict"])


def _write(result: dict, courses: Sequence[LearningCurve], output: Path, overwrite: bool) -> None:
    files = comparison_files(output)
    with atomic_write(files["json"], overwrite) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    with atomic_write(files["csv"], overwrite) as temporary, temporary.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        for course in courses:
            rows.writerows([course.start, course.frames, *point] for point in course.points)
    learning_curve_plot(courses, f"{result['source']} to {result['target']}", files["png"], overwrite)
    say(f"wrote {files['png']}, {files['csv']} and {files['json']}")
