"""The training loop: steps, validations, checkpoints, and a clean stop between two steps on request."""

import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import keras
import numpy as np

from gnnzoo.errors import UserError
from gnnzoo.interrupt import StopRequest
from gnnzoo.models.predict import Predictor, largest_wave
from gnnzoo.progress import track
from gnnzoo.recipe.schema.training import Training
from gnnzoo.sampling import even_sample
from gnnzoo.threads import prefetch
from gnnzoo.training.batches import Batch, BatchSampler, Replay, ReplaySampler
from gnnzoo.training.checkpoints import (
    Checkpoint,
    best_checkpoint,
    checkpoints,
    load_checkpoint,
    restored_state,
    save_checkpoint,
)
from gnnzoo.training.log import LogRow, RunLog, read_log
from gnnzoo.training.optimizers import make_optimizer
from gnnzoo.training.prepare import Prepared
from gnnzoo.training.progress import TrainingState
from gnnzoo.training.stages import Plan, stage_lengths, training_stages
from gnnzoo.training.step import TrainStep
from gnnzoo.training.targets import check_targets
from gnnzoo.training.time_limit import StageCost, steps_for_time_limit, time_step, time_validation, trial_plan
from gnnzoo.training.validation import ValidationErrors, ValidationMonitor
from gnnzoo.training.weight_average import WeightAverage


class Interrupted(KeyboardInterrupt):
    """Training was stopped by a signal, after its state, if there was any, was saved."""


@dataclass(frozen=True)
class Outcome:
    """Result of a training.

    Attributes:
        plan: the schedule that was followed.
        compile_seconds: tracing and compilation in this session, which a time limit leaves out.
        steps: steps done; fewer than the plan's if time ran out or the validation error no longer fell.
        seconds: training time including compilation, over all sessions of a resumed run.
        best: the checkpoint with the smallest validation error, which the network has now.
        stopped_early: whether early stopping ended it.
        validate_every: epochs between validations.
        force_bounds: (3,) quartiles of |F| that separate the bins of the log, force unit.
        log: one row per validation.
    """

    plan: Plan
    steps: int
    seconds: float
    compile_seconds: float
    best: Checkpoint
    stopped_early: bool
    validate_every: int
    force_bounds: np.ndarray
    log: list[LogRow] = field(repr=False)


class Trainer:
    """Trains one network on one dataset.

    Args:
        network: dict batch -> {"forces"}; its weights are changed in place. One with two heads also takes `head`.
        settings: the recipe's `training`.
        prepared: graphs, split, statistics and scales.
        folder: the run's folder, which exists.
        report: called after each validation with the row of the log, the MAE of zero forces on the validation frames
            (force unit), and the estimated seconds left.
        callbacks: Keras callbacks; they get `on_train_begin`, `on_epoch_end` after each validation with the row of the
            log, and `on_train_end`.
        xla: whether to compile with XLA.
        predictor: of the network, if there is one already, so that it is compiled only once.
        replay: other frames for a share of the steps.
        validate_at: steps after which to validate in addition to those of the schedule.
    """

    def __init__(
        self,
        network: keras.Model,
        settings: Training,
        prepared: Prepared,
        folder: Path,
        *,
        report: Callable[[LogRow, float, float], None] = lambda row, zero_mae, seconds_left: None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        xla: bool = True,
        predictor: Predictor | None = None,
        replay: Replay | None = None,
        validate_at: Collection[int] = (),
    ):
        source, split, scales = prepared.source, prepared.split, prepared.scales
        check_targets(settings, source, split)
        self.network, self.settings = network, settings
        self.folder, self.report, self.validate_at = folder, report, set(validate_at)
        shared = (settings.batch_size, settings.seed, largest_wave(network))
        groups = settings.loss_weights.groups or None
        new = BatchSampler(source, split.train, *shared, scales.energy_offsets, groups)
        self.sampler: BatchSampler | ReplaySampler = new
        if replay is not None:
            old = BatchSampler(replay.source, replay.train, *shared, group_weights=None if groups is None else {})
            self.sampler = ReplaySampler(new, old, replay.share)
        weights = settings.loss_weights
        self.monitor = ValidationMonitor(
            source,
            even_sample(split.validation, settings.validation_frames),
            split.train,
            energy=weights.energy > 0,
            virial=weights.virial > 0,
            energy_offsets=scales.energy_offsets,
        )
        self.optimizer = make_optimizer(settings, network.trainable_variables)
        self._initial_optimizer = [v.numpy() for v in self.optimizer.variables] if settings.stages else []
        self.average = WeightAverage(network.trainable_variables, settings.ema.decay) if settings.ema else None
        self.callbacks = keras.callbacks.CallbackList(list(callbacks), model=network)
        self.stages = training_stages(settings)
        self.plan = trial_plan(settings)
        self.state = TrainingState(self.plan.lengths)
        species_weights = [weights.types.get(name, 1.0) for name in source.species]
        self._train_steps = [
            TrainStep(network, self.optimizer, settings, stage, species_weights, scales.force, self.average, xla)
            for stage in self.stages
        ]
        main = predictor or Predictor(network, xla=xla)  # uses the energy head where there are two
        self._predictors = [
            Predictor(network, xla=xla, head="direct") if stage.head == "direct" else main for stage in self.stages
        ]

    # --- time -----------------------------------------------------------------------------------------------------

    @property
    def compile_seconds(self) -> float:
        """Seconds that tracing and compilation of steps and validations have taken so far."""
        predictors = {id(predictor): predictor for predictor in self._predictors}.values()  # stages may share one
        return sum(step.compile_seconds for step in self._train_steps) + sum(p.compile_seconds for p in predictors)

    def _clock(self) -> float:
        """Seconds, without those of compilation: on a busy machine these would use up a time limit of minutes."""
        return time.monotonic() - self.compile_seconds

    # --- one step, one validation ---------------------------------------------------------------------------------

    def _run_step(self, batch: Batch, step: int) -> float:
        plan, number = self.plan, self.plan.stage(step)
        self.state.enter_stage(number, plan.epoch(step))
        if step in plan.first_steps[1:]:  # the moments of the stage before do not apply to weights that move only now
            for variable, value in zip(self.optimizer.variables, self._initial_optimizer, strict=True):
                variable.assign(value)
        self.optimizer.learning_rate.assign(plan.learning_rate(step) * self.state.factor)
        decay = self.average.decay(plan.step_in_stage(step)) if self.average else 0.0
        return self._train_steps[number](batch, step, float(plan.in_warmup(step)), decay)

    def _validation_errors(self, stage: int) -> ValidationErrors:
        """Errors with the head of a stage, and with the averaged weights if there are any."""
        with self.average.swapped_in() if self.average else contextlib.nullcontext():
            return self.monitor.errors(self._predictors[stage])

    # --- the plan -------------------------------------------------------------------------------------------------

    def _fit_plan(self, deadline: float, stop: StopRequest) -> None:
        """Make a plan that fits into the time until `deadline`, by `_clock`, from trial steps that are undone."""
        averages = self.average.averages if self.average else []
        variables = [*self.network.variables, *self.optimizer.variables, *averages]
        before = [variable.numpy() for variable in variables]
        began = self._clock()
        costs = []
        for number in range(len(self.stages)):
            until = began + (deadline - began) / 2 * (number + 1) / len(self.stages)
            costs.append(self._stage_cost(number, until, stop))
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        self._set_plan(*steps_for_time_limit(self.settings, costs, deadline - self._clock()))

    def _stage_cost(self, number: int, until: float, stop: StopRequest) -> StageCost:
        first, train_step = self.plan.first_steps[number], self._train_steps[number]

        def run(batch: Batch, step: int) -> None:
            self._run_step(batch, first + step)
            if stop.name:  # nothing is worth saving yet
                raise Interrupted(stop.name)

        step_cost = time_step(self.sampler, run, lambda: train_step.shapes, until, self._clock)
        return StageCost(step_cost, time_validation(lambda: self._validation_errors(number)))

    def _set_plan(self, lengths: list[int], validate_every: int) -> None:
        self.plan, self.state = Plan(self.settings, lengths), TrainingState(lengths, validate_every)

    def _begin(self, resume: bool, deadline: float | None, stop: StopRequest) -> int:
        """Make plan and state, or restore them; returns the number of steps done."""
        settings, saved = self.settings, checkpoints(self.folder / "checkpoints")
        if resume and saved:
            state = load_checkpoint(saved[-1], self.network, self.optimizer, self.average)
            self.state = restored_state(saved[-1], state, len(self.stages))
            self.plan = Plan(settings, self.state.lengths)
            return saved[-1].step
        fixed = settings.steps is not None or any(stage.steps for stage in settings.stages)
        if deadline is not None and not fixed:
            self._fit_plan(deadline, stop)
        else:
            steps = settings.steps or settings.epochs * self.sampler.steps_per_epoch
            self._set_plan(stage_lengths(settings, steps), settings.validate_every or 1)
        return 0

    def steps_within(self, time_limit: float) -> int:
        """Number of steps of a training that takes `time_limit` seconds, from trial steps that are undone.

        Returns:
            Steps over all stages.
        """
        with StopRequest() as stop:
            self._fit_plan(self._clock() + time_limit, stop)
        return self.plan.steps

    # --- the run --------------------------------------------------------------------------------------------------

    def run(self, *, time_limit: float | None = None, resume: bool = False, until: int | None = None) -> Outcome:
        """Train to the end of the plan or of the time; the network then has the weights of the best checkpoint.

        Args:
            time_limit: seconds of steps and validations; compilation comes in addition.
            resume: continue from the newest checkpoint, if there is one.
            until: number of steps at which an earlier session came to its end; no step is done beyond it.

        Returns:
            How the training ended, and its log.

        Raises:
            Interrupted: a signal came; the state is saved.
            UserError: loss, weights or validation error are not finite; the last good checkpoint is kept.
        """
        start, compiled = time.monotonic(), self.compile_seconds
        deadline = None if time_limit is None else self._clock() + time_limit
        (self.folder / "checkpoints").mkdir(exist_ok=True)
        with StopRequest() as stop:
            step = self._begin(resume, deadline, stop)
            self.callbacks.on_train_begin()
            plan, began = self.plan, start - self.state.seconds
            last = min(plan.steps, self.settings.stop_after or plan.steps, until or plan.steps)
            step = self._steps(step, last, began, deadline, stop)
            self.state.seconds = time.monotonic() - began
            self._save(step)
            if stop.name is not None:
                raise Interrupted(stop.name)
        self.callbacks.on_train_end()
        log = read_log(self.folder / "log.csv")
        eligible = plan.checkpoint_steps(last_stage=step > plan.first_steps[-1]) | {step}
        best = best_checkpoint(self.folder / "checkpoints", eligible, {int(row["step"]): row["mae"] for row in log})
        load_checkpoint(best, self.network)
        state, early = self.state, self.state.stopped and step < plan.steps
        compiling = self.compile_seconds - compiled
        return Outcome(
            plan, step, state.seconds, compiling, best, early, state.validate_every, self.monitor.bounds, log
        )

    def _steps(self, step: int, last: int, began: float, deadline: float | None, stop: StopRequest) -> int:
        """Do steps until `last`, the time, early stopping or a signal ends them.

        Args:
            step: number of steps done before.
            last: number of steps after which to stop.
            began: when the run would have begun, had it run in one session.

        Returns:
            Number of steps done.
        """
        plan, state = self.plan, self.state
        regular, save_at = plan.validation_steps(state.validate_every), plan.checkpoint_steps()
        validate_at, last = regular | self.validate_at | {last}, step if state.stopped else last
        first, since = step, self._clock()
        with (
            RunLog(self.folder, step, self.monitor.columns, keep=validate_at) as log,
            contextlib.closing(prefetch(map(self.sampler.batch, range(step, last)), depth=3)) as batches,
            track("training", last - step, "steps", transient=True) as task,
        ):
            for batch in batches:
                state.losses.append(self._run_step(batch, step))
                step += 1
                task.advance()
                if not np.isfinite(state.losses[-1]):
                    self._diverged(f"the loss of step {step}")
                now, state.seconds = self._clock(), time.monotonic() - began
                out_of_time = deadline is not None and now > deadline
                if step in validate_at or out_of_time or stop.name:
                    seconds_left = (now - since) / (step - first) * (last - step)
                    if deadline is not None:
                        seconds_left = min(seconds_left, deadline - now)
                    self._validate(log, step, seconds_left, step in regular)
                    first, since = step, now
                    if step in validate_at:
                        state.losses = []
                if step in save_at:
                    self._save(step)
                if out_of_time or stop.name or state.stopped:
                    break
        return step

    def _validate(self, log: RunLog, step: int, seconds_left: float, regular: bool) -> None:
        """Evaluate, log and report; plateau schedule and early stopping count regular validations only."""
        plan, state = self.plan, self.state
        errors = self._validation_errors(plan.stage(step - 1))
        if len(self.monitor.validation) and not np.isfinite(errors.mae):
            self._diverged(f"after step {step} the error on the validation frames")
        row = {
            "step": step,
            "epoch": round(step / self.sampler.steps_per_epoch, 3),
            "seconds": round(state.seconds, 2),
            "learning_rate": plan.learning_rate(step - 1) * state.factor,
            "loss": float(np.mean(state.losses)),
            **errors.row(),
        }
        if regular:
            self._update_patience(step, errors.mae)
        log.write(row)
        self.report(row, errors.forces.baseline.mae or 0.0, seconds_left)
        self.callbacks.on_epoch_end(round(plan.epoch(step)), row)

    def _update_patience(self, step: int, error: float) -> None:
        """Lower the learning rate, or stop, if the validation error has not fallen for long enough."""
        state, epoch = self.state, self.plan.epoch(step)
        stage = self.plan.stage(step - 1)
        rate, stopping = self.stages[stage].rate, self.settings.early_stopping
        if rate.schedule == "plateau" and state.plateau.exhausted(epoch, error, rate.patience):
            state.factor, state.plateau.since = state.factor * rate.factor, epoch
        if stopping and stage == len(self.stages) - 1:
            state.stopped = state.stopping.exhausted(epoch, error, stopping.patience)

    # --- what is kept ---------------------------------------------------------------------------------------------

    def _save(self, step: int) -> Checkpoint:
        """Write a checkpoint; a finite loss was that of the weights before the last update, so they are checked."""
        if not all(np.all(np.isfinite(variable.numpy())) for variable in self.network.variables):
            self._diverged(f"after step {step} a weight")
        folder, state = self.folder / "checkpoints", self.state.to_json()
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
