"""The training loop: steps, validation, checkpoints, and a clean stop whenever one is asked for."""

import contextlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import keras
import numpy as np

from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import TrainingStatistics, even_sample
from gnnzoo.data.split.methods import Split
from gnnzoo.data.threads import Prefetcher
from gnnzoo.errors import UserError
from gnnzoo.models.predict import Predictor, largest_wave
from gnnzoo.progress import track
from gnnzoo.recipe.schema.training import Training
from gnnzoo.training.batches import BatchSampler, Replay, ReplaySampler
from gnnzoo.training.checkpoints import Checkpoint, checkpoints, load_checkpoint, save_checkpoint
from gnnzoo.training.interrupt import StopRequest
from gnnzoo.training.log import RunLog, read_log
from gnnzoo.training.optimizers import make_optimizer
from gnnzoo.training.progress import TrainingState
from gnnzoo.training.stages import Plan, lengths_of, training_stages
from gnnzoo.training.step import TrainStep
from gnnzoo.training.targets import check_targets
from gnnzoo.training.time_limit import Cost, steps_for_time_limit, time_step, time_validation, trial_plan
from gnnzoo.training.validation import ValidationErrors, ValidationMonitor
from gnnzoo.training.weight_average import WeightAverage


class Interrupted(KeyboardInterrupt):
    """Training was stopped by a signal, after its state, if there was one yet, was saved."""


@dataclass
class Outcome:
    """How a training ended.

    Attributes:
        schedule: the plan it followed.
        steps: steps done; fewer than the plan's where time ran out or the error no longer fell.
        seconds: from the start of training, compilation included; over all sessions of a resumed run.
        best: the checkpoint with the smallest validation error, now loaded into the network.
        stopped_early: whether it ended because the error no longer fell.
        follow_every: epochs between validations.
        force_bounds: (3,) sizes of the force between the bins of the log, force unit.
        log: one row a validation.
    """

    schedule: Plan
    steps: int
    seconds: float
    best: Checkpoint
    stopped_early: bool
    follow_every: int
    force_bounds: np.ndarray
    log: list[dict] = field(repr=False)


class Trainer:
    """Trains one network on one dataset.

    Args:
        network: dict batch -> {"forces"}; its weights are changed in place. One with two heads also takes `head`.
        settings: the recipe's `training`.
        source: graphs with forces.
        split: which frames are for what.
        statistics: of the training split.
        force_scale: force unit per network unit, of all species or of each, in which the loss is measured.
        folder: the run's folder, which exists.
        report: called with each row of the log, the zero-force baseline of the validation frames and the seconds left.
        callbacks: Keras callbacks; told of the beginning, of each validation as the end of an epoch, and of the end.
        xla: whether to compile with XLA.
        predictor: of the network, where there is one already: it compiles but once.
        replay: other frames that some of the steps are done with.
        follow_at: steps after which the error is followed beside those of the schedule.
    """

    def __init__(
        self,
        network: keras.Model,
        settings: Training,
        source: GraphSource,
        split: Split,
        statistics: TrainingStatistics,
        force_scale: float | list[float],
        folder: Path,
        report: Callable[[dict, float, float], None] = lambda row, zero, left: None,
        callbacks: tuple = (),
        xla: bool = True,
        predictor: Predictor | None = None,
        replay: Replay | None = None,
        follow_at: Collection[int] = (),
    ):
        check_targets(settings, source, split)
        self.network, self.settings = network, settings
        self.folder, self.report, self.follow_at = folder, report, set(follow_at)
        wave = largest_wave(network)
        self.feed = BatchSampler(source, split.train, settings.batch_size, statistics, settings.seed, wave)
        if replay is not None:
            old = BatchSampler(replay.source, replay.train, settings.batch_size, replay.statistics, settings.seed, wave)
            self.feed = ReplaySampler(self.feed, old, replay.share)
        validation = even_sample(split.validation, settings.validation_frames)
        weights = settings.loss_weights
        self.monitor = ValidationMonitor(
            source, validation, split.train, energy=weights.energy > 0, virial=weights.virial > 0
        )
        self.optimizer = make_optimizer(settings, network.trainable_variables)
        self._fresh = [variable.numpy() for variable in self.optimizer.variables] if settings.stages else []
        self.average = WeightAverage(network.trainable_variables, settings.ema.decay) if settings.ema else None
        self.callbacks = keras.callbacks.CallbackList(list(callbacks), model=network)
        self.phases = training_stages(settings)
        self.plan = trial_plan(settings, self.phases)
        self.progress = TrainingState(self.plan.lengths)
        of_species = [weights.types.get(name, 1.0) for name in source.species]
        shared = (of_species, force_scale, self.average, xla)
        self._train_steps = [TrainStep(network, self.optimizer, settings, phase, *shared) for phase in self.phases]
        main = predictor or Predictor(network, xla=xla)  # answers with the energy head where there are two
        self._predictors = [
            Predictor(network, xla=xla, head="direct") if phase.head == "direct" else main for phase in self.phases
        ]

    # --- one step, one validation ---------------------------------------------------------------------------------

    def _run_step(self, batch: dict, step: int) -> float:
        plan, number = self.plan, self.plan.stage(step)
        self.progress.enter(number, plan.epoch(step))
        if step in plan.begins[1:]:  # weights that move for the first time now have nothing to do with steps before
            for variable, value in zip(self.optimizer.variables, self._fresh, strict=True):
                variable.assign(value)
        self.optimizer.learning_rate.assign(plan.learning_rate(step) * self.progress.factor)
        decay = self.average.decay(plan.local(step)) if self.average else 0.0
        return self._train_steps[number](batch, step, float(plan.in_warmup(step)), decay)

    def _follow(self, stage: int) -> ValidationErrors:
        """Errors with the head of a stage, and with the averaged weights where there are any."""
        with self.average.swapped_in() if self.average else contextlib.nullcontext():
            return self.monitor.errors(self._predictors[stage])

    # --- the plan -------------------------------------------------------------------------------------------------

    def _fit_plan(self, deadline: float, stop: StopRequest) -> None:
        """A plan that fits into the time until `deadline`, from steps tried out and then undone."""
        averages = self.average.averages if self.average else []
        variables = [*self.network.variables, *self.optimizer.variables, *averages]
        before = [variable.numpy() for variable in variables]
        costs, began = [], time.monotonic()
        for number, begin in enumerate(self.plan.begins):

            def run(batch, step, begin=begin):
                self._run_step(batch, begin + step)
                if stop.name:  # nothing is worth saving yet
                    raise Interrupted(stop.name)

            until = began + (deadline - began) / 2 * (number + 1) / len(self.phases)
            train_step = self._train_steps[number]
            step_cost = time_step(self.feed, run, lambda step=train_step: step.shapes, until)
            costs.append(Cost(step_cost, time_validation(lambda number=number: self._follow(number))))
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        self._set_plan(*steps_for_time_limit(self.settings, self.phases, costs, deadline - time.monotonic()))

    def _set_plan(self, lengths: list[int], follow_every: int) -> None:
        self.plan, self.progress = Plan(self.settings, lengths), TrainingState(lengths, follow_every)

    def _begin(self, resume: bool, deadline: float | None, stop: StopRequest) -> int:
        """Make plan and progress; returns the first step to do."""
        settings, saved = self.settings, checkpoints(self.folder / "checkpoints")
        if resume and saved:
            state = load_checkpoint(saved[-1], self.network, self.optimizer, self.average)
            self.progress = TrainingState.from_dict(state)
            self.plan = Plan(settings, self.progress.lengths)
            return saved[-1].step
        fixed = settings.steps is not None or any(stage.steps for stage in settings.stages)
        if deadline is not None and not fixed:
            self._fit_plan(deadline, stop)
        else:
            steps = settings.steps or settings.epochs * self.feed.steps_per_epoch
            self._set_plan(lengths_of(settings, steps), settings.validate_every or 1)
        return 0

    def steps_within(self, time_limit: float) -> int:
        """How many steps a training does in `time_limit` seconds; steps are tried out and undone."""
        with StopRequest() as stop:
            self._fit_plan(time.monotonic() + time_limit, stop)
        return self.plan.steps

    # --- the run --------------------------------------------------------------------------------------------------

    def run(self, *, time_limit: float | None = None, resume: bool = False, until: int | None = None) -> Outcome:
        """Train to the end of the plan, or until `time_limit` seconds are over; the best checkpoint is loaded.

        Args:
            time_limit: seconds.
            resume: go on from the newest checkpoint, if there is one.
            until: where an earlier session came to its end: no step is done beyond it.

        Raises:
            Interrupted: a signal came; the state is saved.
            UserError: loss, weights or error are no longer numbers; the last good checkpoint is kept.
        """
        start = time.monotonic()
        deadline = None if time_limit is None else start + time_limit
        (self.folder / "checkpoints").mkdir(exist_ok=True)
        with StopRequest() as stop:
            step = self._begin(resume, deadline, stop)
            self.callbacks.on_train_begin()
            plan, began = self.plan, start - self.progress.seconds
            last = min(plan.steps, self.settings.stop_after or plan.steps, until or plan.steps)
            step = self._steps(step, last, began, deadline, stop)
            self.progress.seconds = time.monotonic() - began
            self._save(step)
            if stop.name is not None:
                raise Interrupted(stop.name)
        self.callbacks.on_train_end()
        log = read_log(self.folder / "log.csv")
        best = self._best(log, plan.checkpoint_steps(last_stage=step > plan.begins[-1]) | {step})
        load_checkpoint(best, self.network)
        progress, early = self.progress, self.progress.stopped and step < plan.steps
        bounds = self.monitor.bounds
        return Outcome(plan, step, progress.seconds, best, early, progress.follow_every, bounds, log)

    def _steps(self, step: int, last: int, began: float, deadline: float | None, stop: StopRequest) -> int:
        """Run the steps; returns how many are done when `last`, the time, the error or the user ends them.

        Args:
            step: the first to do.
            last: steps of the plan to do at most.
            began: when the run would have begun, had it run in one session.
        """
        plan, progress = self.plan, self.progress
        regular, save_at = plan.validation_steps(progress.follow_every), plan.checkpoint_steps()
        follow_at, last = regular | self.follow_at | {last}, step if progress.stopped else last
        first, since = step, time.monotonic()
        columns = self.monitor.columns
        with (
            RunLog(self.folder, step, columns, keep=follow_at) as log,
            Prefetcher(range(step, last), self.feed.batch) as batches,
            track("training", last - step, "steps", transient=True) as task,
        ):
            for batch in batches:
                progress.losses.append(self._run_step(batch, step))
                step += 1
                task.advance()
                if not np.isfinite(progress.losses[-1]):
                    self._diverged(f"the loss of step {step}")
                now = time.monotonic()
                progress.seconds = now - began
                out_of_time = deadline is not None and now > deadline
                if step in follow_at or out_of_time or stop.name:
                    left = (now - since) / (step - first) * (last - step)
                    self._log_row(log, step, left if deadline is None else min(left, deadline - now), step in regular)
                    first, since = step, now  # the next stretch foretells better than the one that compiled
                    if step in follow_at:
                        progress.losses = []
                if step in save_at:
                    self._save(step)
                if out_of_time or stop.name or progress.stopped:
                    break
        return step

    def _log_row(self, log: RunLog, step: int, left: float, regular: bool) -> None:
        """Judge, write and tell; a regular validation also counts for plateau and early stopping."""
        plan, progress = self.plan, self.progress
        errors = self._follow(plan.stage(step - 1))
        if len(self.monitor.validation) and not np.isfinite(errors.mae):
            self._diverged(f"after step {step} the error on the validation frames")
        row = {
            "step": step,
            "epoch": round(plan.epoch(step), 3),
            "seconds": round(progress.seconds, 2),
            "learning_rate": plan.learning_rate(step - 1) * progress.factor,
            "loss": float(np.mean(progress.losses)),
            **errors.row(),
        }
        if regular:
            self._wait(step, errors.mae)
        log.write(row)
        self.report(row, errors.forces.baseline.mae or 0.0, left)
        self.callbacks.on_epoch_end(round(plan.epoch(step)), row)

    def _wait(self, step: int, error: float) -> None:
        """Lower the learning rate, or end, where the error has not fallen for long enough."""
        progress, epoch = self.progress, self.plan.epoch(step)
        stage = self.plan.stage(step - 1)
        rate, stopping = self.phases[stage].rate, self.settings.early_stopping
        if rate.schedule == "plateau" and progress.plateau.exhausted(epoch, error, rate.patience):
            progress.factor, progress.plateau.since = progress.factor * rate.factor, epoch
        if stopping and stage == len(self.phases) - 1:
            progress.stopped = progress.stopping.exhausted(epoch, error, stopping.patience)

    # --- what is kept ---------------------------------------------------------------------------------------------

    def _save(self, step: int) -> Checkpoint:
        """A checkpoint; the loss belonged to the weights before the last update, so they are looked at once more."""
        if not all(np.all(np.isfinite(variable.numpy())) for variable in self.network.variables):
            self._diverged(f"after step {step} a weight")
        folder, state = self.folder / "checkpoints", self.progress.as_dict()
        if self.average is None:
            return save_checkpoint(folder, step, self.network, self.optimizer, state)
        with self.average.swapped_in() as raw:
            return save_checkpoint(folder, step, self.network, self.optimizer, state, raw)

    def _diverged(self, what: str) -> NoReturn:
        saved = checkpoints(self.folder / "checkpoints")
        kept = f"the last good checkpoint is {saved[-1].path}" if saved else "no checkpoint had been made yet"
        rate = self.settings.learning_rate.initial
        raise UserError(
            f"training diverged: {what} is not a number; {kept}",
            hint=f"a smaller learning rate: --set training.learning_rate.initial={rate / 3:.1g}",
        )

    def _best(self, log: list[dict], steps: set[int]) -> Checkpoint:
        """Of the checkpoints at `steps` the one with the smallest validation error; the last where nothing is held out.

        Those that a stop left behind are passed over, so that a resumed run ends as one without a stop.
        """
        saved = [c for c in checkpoints(self.folder / "checkpoints") if c.step in steps]
        error = {row["step"]: row["mae"] for row in log}
        followed = [c for c in saved if np.isfinite(error.get(c.step, np.nan))]
        return min(followed, key=lambda c: error[c.step]) if followed else saved[-1]
