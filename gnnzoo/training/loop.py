"""The training loop: schedule, steps, validation, checkpoints, and a clean stop whenever one is asked for."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import keras
import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.pipeline import GraphSource, Prefetcher
from gnnzoo.data.splits import Split
from gnnzoo.data.statistics import TrainingStatistics, even_sample
from gnnzoo.errors import UserError
from gnnzoo.models.predict import PerShape, Predictor
from gnnzoo.recipe.training_part import Training
from gnnzoo.training.augmentation import random_rotations, rotate
from gnnzoo.training.checkpoints import Checkpoint, checkpoints, load_checkpoint, save_checkpoint
from gnnzoo.training.feed import BatchFeed
from gnnzoo.training.interrupt import StopRequest
from gnnzoo.training.log import RunLog, read_log
from gnnzoo.training.losses import force_loss, zero_output_penalty
from gnnzoo.training.schedule import Schedule

_OPTIMIZERS = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW, "nadam": keras.optimizers.Nadam}
# Of the time that is left after calibration, this share is planned; the rest covers steps that turn out slower.
_PLANNED_SHARE = 0.95
_CALIBRATION_STEPS = 12
# Under a time limit following the error may cost this share of it, checkpoints aside; then it is done less often.
_VALIDATION_SHARE = 0.05


class Interrupted(KeyboardInterrupt):
    """Training was stopped by a signal, after its state, if there was one yet, was saved."""


@dataclass
class Outcome:
    """How a training ended.

    Attributes:
        schedule: the schedule it followed.
        steps: steps done; fewer than the schedule's where time ran out.
        seconds: from the start of training, compilation included; over all sessions of a resumed run.
        best: the checkpoint with the smallest validation error, now loaded into the network.
        log: one row a validation.
    """

    schedule: Schedule
    steps: int
    seconds: float
    best: Checkpoint
    log: list[dict] = field(repr=False)


class Trainer:
    """Trains one network on one dataset.

    Args:
        network: dict batch -> {"forces"}; its weights are changed in place.
        settings: the recipe's `training`.
        source: graphs with forces.
        split: which frames are for what.
        statistics: of the training split.
        force_scale: force unit per network unit, in which the loss is measured.
        folder: the run's folder, which exists.
        report: called with each row of the log, the zero-force baseline of the validation frames and the seconds left.
        callbacks: Keras callbacks; told of the beginning, of each validation as the end of an epoch, and of the end.
        xla: whether to compile with XLA.
        predictor: of the network, where there is one already: it compiles but once.
    """

    def __init__(
        self,
        network: keras.Model,
        settings: Training,
        source: GraphSource,
        split: Split,
        statistics: TrainingStatistics,
        force_scale: float,
        folder: Path,
        report: Callable[[dict, float, float], None] = lambda row, zero, left: None,
        callbacks: tuple = (),
        xla: bool = True,
        predictor: Predictor | None = None,
    ):
        self.network, self.settings, self.source, self.split = network, settings, source, split
        self.force_scale, self.folder, self.report = force_scale, folder, report
        self.feed = BatchFeed(source, split.train, settings.batch_size, statistics.max_atoms, settings.seed)
        self.validation = even_sample(split.validation, settings.validation_frames)
        self.optimizer = _OPTIMIZERS[settings.optimizer](settings.learning_rate.initial)
        self.optimizer.build(network.trainable_variables)
        self.callbacks = keras.callbacks.CallbackList(list(callbacks), model=network)
        self._predictor = predictor or Predictor(network, xla=xla)
        self._step = PerShape(self._train_step, xla)
        self._seconds_before = 0.0
        self._follow_every = 1  # epochs

    # --- one step -------------------------------------------------------------------------------------------------

    def _train_step(self, batch: dict, step, penalty):
        """Loss of a batch; the weights are moved against its gradient. `penalty` weighs the warm-up's extra term."""
        settings, variables = self.settings, self.network.trainable_variables
        if settings.augmentation.rotation:
            seed = tf.stack([tf.constant(settings.seed, tf.int32), step])
            batch = rotate(batch, random_rotations(self.feed.batch_size, seed))
        target, mask = batch[fields.FORCES], batch[fields.ATOM_MASK]
        with tf.GradientTape() as tape:
            inputs = {key: batch[key] for key in fields.MODEL_INPUTS}
            predicted = self.network(inputs, training=True)[fields.FORCES]
            loss = force_loss(settings.loss, predicted, target, mask, self.force_scale)
            total = loss
            if settings.warmup.loss == "nonzero_output":
                total = total + penalty * zero_output_penalty(predicted, target, mask)
        gradients = tape.gradient(total, variables)
        self.optimizer.apply(gradients, variables)
        return loss

    def _run_step(self, batch: dict, step: int, schedule: Schedule) -> float:
        self.optimizer.learning_rate.assign(schedule.learning_rate(step))
        penalty = tf.constant(float(schedule.in_warmup(step)))
        return float(self._step(batch, tf.constant(step, tf.int32), penalty))

    # --- the schedule ---------------------------------------------------------------------------------------------

    def _schedule(self, steps: int) -> Schedule:
        s = self.settings
        return Schedule(
            steps, s.epochs, s.learning_rate.initial, s.learning_rate.decay, s.warmup.epochs, s.checkpoint_every
        )

    def _fitted_schedule(self, deadline: float, stop: StopRequest) -> Schedule:
        """The schedule that fits into the time until `deadline`, from steps tried out and then undone."""
        variables = [*self.network.variables, *self.optimizer.variables]
        before = [variable.numpy() for variable in variables]
        trial, running = self._schedule(10**6), []
        began = time.monotonic()
        for step in range(4 * _CALIBRATION_STEPS):
            batch = self.feed.batch(step)
            start, known = time.monotonic(), len(self._step)
            self._run_step(batch, step, trial)
            if len(self._step) == known:  # else it was compiled in this step
                running.append(time.monotonic() - start)
            if stop.name:  # nothing is worth saving yet
                raise Interrupted(stop.name)
            if len(running) >= _CALIBRATION_STEPS or (running and time.monotonic() > (began + deadline) / 2):
                break
        self._follow()  # compiles
        start = time.monotonic()
        self._follow()
        validation = time.monotonic() - start
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        left = (deadline - time.monotonic()) * _PLANNED_SHARE
        affordable = max(1, int(left * _VALIDATION_SHARE / validation))
        self._follow_every = math.ceil(self.settings.epochs / affordable)
        follow = len(self._schedule(self.settings.epochs).validation_steps(self._follow_every)) * validation
        return self._schedule(max(self.settings.epochs, int((left - follow) / float(np.mean(running)))))

    # --- validation and state -------------------------------------------------------------------------------------

    def _follow(self) -> dict[str, float]:
        """Errors on the followed validation frames, and `zero`, the mean |component| of the true forces there."""
        sums, atoms, vector, size, zero = np.zeros(3), 0, 0.0, 0.0, 0.0
        for graph, predicted in self._predictor(self.source.graph(index) for index in self.validation):
            error = predicted.astype(np.float64) - graph.forces
            sums += np.abs(error).sum(axis=0)
            vector += np.linalg.norm(error, axis=1).sum()
            size += np.linalg.norm(graph.forces, axis=1).sum()
            zero += np.abs(graph.forces).sum() / 3
            atoms += len(error)
        x, y, z = sums / atoms if atoms else np.full(3, np.nan)
        errors = {"mae": (x + y + z) / 3, "mae_x": x, "mae_y": y, "mae_z": z, "sum_abs": x + y + z}
        errors |= {"vector_mae": vector / max(atoms, 1), "relative": vector / size if size else np.nan}
        return {name: float(value) for name, value in errors.items()} | {"zero": float(zero / max(atoms, 1))}

    def _save(self, step: int, schedule: Schedule, seconds: float) -> Checkpoint:
        """A checkpoint; the loss belonged to the weights before the last update, so they are looked at once more."""
        if not all(np.all(np.isfinite(variable.numpy())) for variable in self.network.variables):
            self._diverged(f"after step {step} a weight")
        state = {"steps": schedule.steps, "seconds": seconds}
        return save_checkpoint(self.folder / "checkpoints", step, self.network, self.optimizer, state)

    def _begin(self, resume: bool, deadline: float | None, stop: StopRequest) -> tuple[int, Schedule]:
        """The first step to do, and the schedule."""
        saved = checkpoints(self.folder / "checkpoints")
        if resume and saved:
            state = load_checkpoint(saved[-1], self.network, self.optimizer)
            self._seconds_before = state["seconds"]
            return saved[-1].step, self._schedule(state["steps"])
        if self.settings.steps is not None:
            return 0, self._schedule(self.settings.steps)
        if deadline is not None:
            return 0, self._fitted_schedule(deadline, stop)
        return 0, self._schedule(self.settings.epochs * self.feed.steps_per_epoch)

    # --- the run --------------------------------------------------------------------------------------------------

    def run(self, *, time_limit: float | None = None, resume: bool = False, until: int | None = None) -> Outcome:
        """Train to the end of the schedule, or until `time_limit` seconds are over; the best checkpoint is loaded.

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
            step, schedule = self._begin(resume, deadline, stop)
            self.callbacks.on_train_begin()
            last = min(schedule.steps, self.settings.stop_after or schedule.steps, until or schedule.steps)
            step = self._steps(step, last, schedule, start, deadline, stop)
            seconds = self._seconds_before + time.monotonic() - start
            self._save(step, schedule, seconds)
            if stop.name is not None:
                raise Interrupted(stop.name)
        self.callbacks.on_train_end()
        log = read_log(self.folder / "log.csv")
        best = self._best(log, schedule.checkpoint_steps() | {step})
        load_checkpoint(best, self.network)
        return Outcome(schedule, step, seconds, best, log)

    def _steps(
        self, step: int, last: int, schedule: Schedule, start: float, deadline: float | None, stop: StopRequest
    ) -> int:
        """Run the steps; returns how many are done when `last`, the time or the user ends them."""
        follow_at, save_at = schedule.validation_steps(self._follow_every) | {last}, schedule.checkpoint_steps()
        losses, first, began = [], step, time.monotonic()
        with RunLog(self.folder, step) as log, Prefetcher(range(step, last), self.feed.batch) as batches:
            for batch in batches:
                losses.append(self._run_step(batch, step, schedule))
                step += 1
                if not np.isfinite(losses[-1]):
                    self._diverged(f"the loss of step {step}")
                now = time.monotonic()
                out_of_time = deadline is not None and now > deadline
                if step in follow_at or out_of_time or stop.name:
                    seconds = self._seconds_before + now - start
                    left = (now - began) / (step - first) * (last - step)
                    left = left if deadline is None else min(left, deadline - now)
                    self._log_row(log, step, schedule, seconds, float(np.mean(losses)), left)
                    losses, first, began = [], step, now  # the next stretch foretells better than the one that compiled
                if step in save_at:
                    self._save(step, schedule, self._seconds_before + now - start)
                if out_of_time or stop.name:
                    break
        return step

    def _log_row(self, log: RunLog, step: int, schedule: Schedule, seconds: float, loss: float, left: float) -> None:
        errors = self._follow()
        if len(self.validation) and not np.isfinite(errors["mae"]):
            self._diverged(f"after step {step} the error on the validation frames")
        zero = errors.pop("zero")
        row = {
            "step": step,
            "epoch": round(schedule.epoch(step), 3),
            "seconds": round(seconds, 2),
            "learning_rate": schedule.learning_rate(step - 1),
            "loss": loss,
            **errors,
        }
        log.write(row)
        self.report(row, zero, left)
        self.callbacks.on_epoch_end(round(schedule.epoch(step)), row)

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
