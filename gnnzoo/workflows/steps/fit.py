"""From a network that stands ready to a model's file: what training and transfer share."""

import contextlib
import logging
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gnnzoo import __version__
from gnnzoo.data.frames import Dataset
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import Location, UserError
from gnnzoo.formatting import duration
from gnnzoo.models.files import ForceField, save_model
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.outputs import OutputError, check_writable, refuse_existing
from gnnzoo.recipe.io.load import resolved
from gnnzoo.recipe.schema.training import Training
from gnnzoo.training.batches import Replay
from gnnzoo.training.checkpoints import checkpoints
from gnnzoo.training.loop import Interrupted, Outcome, Trainer
from gnnzoo.training.memory import keep_freed_memory
from gnnzoo.training.prepare import Prepared
from gnnzoo.training.runs import Run, new_run
from gnnzoo.training.targets import check_targets
from gnnzoo.transfer_learning.training_settings import adapters, resolve_training_settings
from gnnzoo.units import force_unit
from gnnzoo.workflows.steps.model_info import dataset_info, model_info, parameters
from gnnzoo.workflows.steps.split_messages import report_split

logger = logging.getLogger(__name__)

# Of its schedule a training should do this share, or its learning rate is still high at the end.
_MOST_OF_IT = 0.8


def check_output(output: Path, overwrite: bool) -> None:
    """Refuse an output that exists, could not be a model or could not be written, before anything long begins."""
    if output.suffix != ".keras":
        raise UserError(
            f"a model's file ends in .keras, not '{output.suffix}'",
            location=Location(file=output),
            hint=f"-o {output.stem}.keras",
        )
    refuse_existing(output, overwrite)
    check_writable(output)


def fit(
    model: ForceField,
    dataset: Dataset,
    prepared: Prepared,
    run: Run | None,
    time_limit: float | None,
    output: Path,
    overwrite: bool,
    callbacks: tuple = (),
    origin: dict | None = None,
    replay: Replay | None = None,
    afterwards: Callable[[ForceField], dict] = lambda model: {},
) -> ForceField:
    """Train a network that stands ready, judge it, write it: what `train` and `transfer` share.

    Args:
        model: network and recipe; its `info` is filled in.
        dataset: the data `prepared` was made from.
        prepared: split, statistics, graphs.
        run: the run to go on with; None begins a new one.
        time_limit: seconds.
        output: where the model goes; checked already.
        overwrite: keep what is there under another name.
        callbacks: Keras callbacks.
        origin: what the model was transferred from, for its provenance.
        replay: frames of that model to go on with.
        afterwards: called with the trained model; adds to `origin`.
    """
    keep_freed_memory()
    settings = resolve_training_settings(model.recipe, origin)
    check_targets(settings, prepared.source, prepared.split)
    resume = run is not None
    run = run or new_run(output.stem)
    with run.lock():
        _announce(model, dataset, prepared, run)
        run.update(
            status="running",
            recipe=resolved(model.recipe),
            dataset=dataset_info(dataset),
            scales=asdict(prepared.scales),
            split_report=prepared.split_report.as_dict(),
            output=str(output),
            origin=origin,
            started=time.strftime("%Y-%m-%d %H:%M:%S"),
            gnnzoo=__version__,
        )
        with _ending(run), adapters(model, prepared, origin):
            trainer = _trainer(model, settings, dataset, prepared, run, callbacks, replay)
            outcome = trainer.run(time_limit=time_limit, resume=resume, until=run.state.get("trained"))
            run.update(trained=outcome.steps)
        with _ending(run):
            model.info = model_info(model, dataset, prepared, outcome, run, origin)
            _tell_end(outcome, settings, run, model)
            if origin is not None:
                model.info["origin"] = origin | afterwards(model)
            save_model(model, output, overwrite)
        run.update(status="done", steps=outcome.steps, seconds=round(outcome.seconds, 1), best=outcome.best.step)
    return model


@contextlib.contextmanager
def _ending(run: Run) -> Iterator[None]:
    """Write down how a run ended if it did not end well, and say how to go on with it."""
    try:
        yield
    except KeyboardInterrupt as error:
        saved = "all is saved" if isinstance(error, Interrupted) else "what was saved before is"
        if not checkpoints(run.folder / "checkpoints"):
            saved = "nothing was trained yet"
        _leave(run, "interrupted", f"stopped; {saved} in {run.folder}. To go on, the same command with --resume")
        raise
    except OutputError:
        trained = "the training is complete and kept" if "trained" in run.state else "the run is kept"
        elsewhere = " and, for another place, -o OTHER.keras" if "trained" in run.state else ""
        _leave(run, "failed", f"{trained} in {run.folder}. To go on, the same command with --resume{elsewhere}")
        raise
    except Exception:
        _leave(run, "failed")
        raise


def _leave(run: Run, status: str, text: str | None = None) -> None:
    with contextlib.suppress(OutputError):  # of a full disk there is an error on its way already
        run.update(status=status)
    if text:
        logger.info(text)


def _trainer(
    model: ForceField,
    settings: Training,
    dataset: Dataset,
    prepared: Prepared,
    run: Run,
    callbacks: tuple,
    replay: Replay | None,
) -> Trainer:
    unit = force_unit(dataset.units)
    return Trainer(
        model.network,
        settings,
        prepared.source,
        prepared.split,
        prepared.statistics,
        prepared.scales.force,
        run.folder,
        report=lambda row, zero, left: logger.info(_live_line(row, zero, left, unit)),
        callbacks=callbacks,
        predictor=model.predictor,
        replay=replay,
    )


def _announce(model: ForceField, dataset: Dataset, prepared: Prepared, run: Run) -> None:
    split, statistics = prepared.split, prepared.statistics
    unit = force_unit(dataset.units)
    report_split(dataset, split, prepared.split_report)
    logger.info(f"a frame: {_composition(dataset)}; units {dataset.units or 'undeclared'}")
    distance = _distance(dataset, split)
    if distance is not None:
        logger.info(f"a held-out frame and a training frame are {distance:,} timesteps apart or more")
    logger.info(
        f"training frames: force component RMS {statistics.force_rms:.4g} {unit}, "
        f"{statistics.mean_neighbors:.1f} neighbours per atom within {model.recipe.graph.cutoff:g}"
    )
    if prepared.prior_residual_fraction is not None:
        kinds = ", ".join(prior.prior.replace("_", "-") for prior in model.recipe.model.prior)
        logger.info(
            f"the prior ({kinds}) leaves {prepared.prior_residual_fraction:.1%} of mean |F| on training frames "
            "to the network"
        )
        if prepared.prior_residual_fraction >= 1:
            logger.warning(
                "the prior makes the error larger than no force at all: its parameters are not those of these data"
            )
    if reads_molecules(model.recipe) and not dataset.has_molecules:
        logger.info("the data carry no molecule ids: all pairs count as of different molecules")
    if dataset.units is None:
        logger.warning(
            "the data's units are undeclared, and so are those of the errors. To declare them: --set data.units=real"
        )
    logger.info(f"network of {parameters(model):,} parameters; run folder {run.folder}")


def _composition(dataset: Dataset) -> str:
    """Each species, how many atoms of it, of which types: 8 O (type 1), 16 H (types 2, 3)."""
    counts = dict(zip(*(part.tolist() for part in np.unique(dataset[0].types, return_counts=True)), strict=True))
    types: dict[str, list[int]] = {}
    for number, name in sorted(dataset.type_names.items()):
        types.setdefault(name, []).append(number)
    return ", ".join(
        f"{sum(counts.get(number, 0) for number in numbers)} {name} "
        f"(type{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))})"
        for name, numbers in types.items()
    )


def _distance(dataset: Dataset, split: Split) -> int | None:
    """The fewest timesteps between a training and a held-out frame of one segment; None where none has both."""
    train, held_out = split.train, np.concatenate([split.validation, split.test])
    steps, segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
    found = []
    for segment in np.intersect1d(segments[train], segments[held_out]):
        ours = np.sort(steps[train[segments[train] == segment]])
        theirs = steps[held_out[segments[held_out] == segment]]
        after = np.searchsorted(ours, theirs)
        found += [np.abs(ours[np.clip(index, 0, len(ours) - 1)] - theirs).min() for index in (after - 1, after)]
    return int(min(found)) if found else None


def _live_line(row: dict, zero: float, left: float, unit: str) -> str:
    share = f" ({row['mae'] / zero:.1%} of the zero-force error)" if zero else ""
    return (
        f"epoch {row['epoch']:5.1f}  step {row['step']:>6}  loss {row['loss']:.4f}  "
        f"validation MAE {row['mae']:.4g} {unit}{share}  "
        f"x/y/z {row['mae_x']:.3g}/{row['mae_y']:.3g}/{row['mae_z']:.3g}  {duration(max(0, left))} left"
    )


def _tell_end(outcome: Outcome, settings: Training, run: Run, model: ForceField) -> None:
    plan = outcome.schedule
    logger.info(
        f"{outcome.steps} steps in {duration(outcome.seconds)}; "
        f"best of the checkpoints by validation: step {outcome.best.step}"
    )
    _tell_errors(outcome, model)
    if "energy" in _heads_left_out(outcome):
        logger.warning(
            "it ended within the direct stage, so that the energy head, with which the model answers, was never "
            "trained: a longer --time-limit, or a larger share of the energy stage"
        )
    if outcome.stopped_early:
        patience = settings.early_stopping.patience
        epochs = f"{patience} epoch{'s' if patience > 1 else ''}"
        logger.info(f"it ended {plan.steps - outcome.steps} steps early: the error had not fallen for {epochs}")
    elif outcome.steps < plan.steps:
        logger.info(f"it ended {plan.steps - outcome.steps} steps before the schedule's end")
        if outcome.steps < _MOST_OF_IT * plan.steps:
            logger.warning(
                f"only {outcome.steps / plan.steps:.0%} of the schedule was done, so the learning rate had not "
                "come down: the steps were slower than those tried at first. A longer --time-limit does better"
            )
    repeat = f"the same command with {_repeat(outcome, settings)} and without a time limit"
    logger.info(f"to repeat it exactly: {repeat}; log: {run.folder}/log.csv")


def _heads_left_out(outcome: Outcome) -> set[str | None]:
    """Heads that stages were to train, but none that was begun did."""
    plan = outcome.schedule
    begun = [phase.head for phase, begin in zip(plan.phases, plan.begins, strict=True) if begin < outcome.steps]
    return {phase.head for phase in plan.phases} - set(begun)


def _repeat(outcome: Outcome, settings: Training) -> str:
    """The options with which a run of fixed length does what this one did."""
    lengths = outcome.schedule.lengths
    changes = {"steps": settings.steps or lengths[0]}
    if len(lengths) > 1 and settings.steps is None:  # else the shares of these steps come out the same
        changes = {f"stages[{number}].steps": steps for number, steps in enumerate(lengths)}
    if outcome.follow_every > 1:
        changes["validate_every"] = outcome.follow_every
    if outcome.steps < outcome.schedule.steps and not outcome.stopped_early:
        changes["stop_after"] = outcome.steps
    return " ".join(f"--set {shlex.quote(f'training.{key}={value}')}" for key, value in changes.items())


def _tell_errors(outcome: Outcome, model: ForceField) -> None:
    """The relative error at the best checkpoint by species, and by quarters of the atoms from small to large forces."""
    rows = [row for row in outcome.log if row["step"] == outcome.best.step and np.isfinite(row["relative"])]
    if not rows:
        return
    share = lambda name: f"{rows[-1][f'relative_{name}']:.1%}"  # noqa: E731
    by_species = "  ".join(
        f"{name} {share(name)}" for name in model.species if np.isfinite(rows[-1][f"relative_{name}"])
    )
    bounds = [f"{bound:.3g}" for bound in outcome.force_bounds]
    names = [f"below {bounds[0]}", *(f"to {bound}" for bound in bounds[1:]), f"above {bounds[-1]}"]
    by_size = "  ".join(f"{name}: {share(f'bin{number}')}" for number, name in enumerate(names, 1))
    logger.info(f"mean |dF| / mean |F| there: {by_species}; by |F|, in {force_unit(model.units)}: {by_size}")
