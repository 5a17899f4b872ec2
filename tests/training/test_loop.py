"""The training loop: it learns, is reproducible, resumes exactly, and stops cleanly on errors and signals."""

import functools
import os
import signal
import time

import keras
import numpy as np
import pytest

from errors import refused
from gnnzoo.errors import ModelError, UserError
from gnnzoo.training.checkpoints import checkpoints, load_checkpoint
from gnnzoo.training.loop import Interrupted, Trainer
from gnnzoo.training.step import TrainStep
from trainers import trainer

whole_stack = functools.partial(trainer, model={})  # that of the small recipe


class StopAt(keras.callbacks.Callback):
    """Sends the process a signal after a given epoch."""

    def __init__(self, epoch, number=signal.SIGTERM):
        super().__init__()
        self.epoch, self.number = epoch, number

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            os.kill(os.getpid(), self.number)


def weights(run):
    return [variable.numpy() for variable in run.network.variables]


def without_times(log):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in log]


def test_two_runs_agree(tmp_path):
    """Compiled with XLA; dropout, rotations, noise, average and the order of frames included."""
    given = {"epochs": 2, "ema": {"decay": 0.9}, "augmentation": {"rotation": True, "noise": 0.01}}
    first, second = (whole_stack(tmp_path / name, xla=True, **given) for name in "ab")
    assert without_times(first.run().log) == without_times(second.run().log)
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_stopped_run_goes_on_along_the_same_curve(tmp_path):
    first = whole_stack(tmp_path / "whole")
    whole = first.run()
    with pytest.raises(Interrupted, match="SIGTERM"):
        whole_stack(tmp_path / "parts", callbacks=(StopAt(2),)).run()
    assert checkpoints(tmp_path / "parts" / "checkpoints")[-1].step < whole.steps
    resumed = whole_stack(tmp_path / "parts")
    outcome = resumed.run(resume=True)
    assert without_times(outcome.log) == without_times(whole.log)
    for a, b in zip(weights(first), weights(resumed), strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_learns(tmp_path):
    outcome = trainer(tmp_path / "a", epochs=30, checkpoint_every=30).run()
    assert outcome.log[-1]["mae"] < 0.6 * outcome.log[0]["mae"]
    assert outcome.log[-1]["mae"] == pytest.approx(np.mean([outcome.log[-1][f"mae_{axis}"] for axis in "xyz"]))


def test_a_time_limit_fits_the_schedule_and_is_repeated_exactly_by_steps(tmp_path):
    limited = trainer(tmp_path / "a").run(time_limit=2)
    repeated = trainer(tmp_path / "b", steps=limited.plan.steps, stop_after=limited.steps).run()
    assert without_times(repeated.log)[-1] == without_times(limited.log)[-1]


def test_compilation_is_outside_of_a_time_limit(tmp_path, monkeypatch):
    """By a clock that only tracing (100 s) and steps (0.1 s) advance: 5 s hold 0.95 x 5 / 0.1 steps less the trials."""
    clock, step, traced = [0.0], Trainer._run_step, TrainStep._step
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def slow_trace(*arguments):
        clock[0] += 100
        return traced(*arguments)

    def timed_step(*arguments):
        clock[0] += 0.1
        return step(*arguments)

    monkeypatch.setattr(TrainStep, "_step", slow_trace)
    monkeypatch.setattr(Trainer, "_run_step", timed_step)
    outcome = trainer(tmp_path / "a", validate_every=1).run(time_limit=5)
    assert outcome.compile_seconds >= 100
    assert outcome.steps == outcome.plan.steps
    assert 20 < outcome.steps <= 48
    assert [row["epoch"] for row in outcome.log][-1] == outcome.steps / 5, "passes over the training frames"


def test_the_best_checkpoint_by_validation_is_taken(tmp_path):
    run = trainer(tmp_path / "a", epochs=6, learning_rate={"initial": 0.3, "decay": 1.0})
    outcome = run.run()
    errors = {row["step"]: row["mae"] for row in outcome.log}
    assert errors[outcome.best.step] == min(errors[c.step] for c in checkpoints(tmp_path / "a" / "checkpoints"))


class Poison(keras.callbacks.Callback):
    """Makes a weight NaN after a given epoch, as an update can whose loss was still a number."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            weight = self.model.trainable_variables[0]
            weight.assign(np.full(weight.shape, np.nan))


@pytest.mark.parametrize(
    ("epoch", "every", "names"),
    [
        (3, 2, ("loss", "step 16")),  # five steps an epoch, and no checkpoint after the third
        (2, 1, ("weight", "step 10")),
        (4, 1, ("weight", "step 20")),  # at the very end
    ],
)
def test_weights_that_are_not_finite_stop_it_and_the_checkpoint_that_is_named_is_good(tmp_path, epoch, every, names):
    with refused(UserError, *names, hint="--set training.learning_rate.initial=") as caught:
        trainer(tmp_path / "a", callbacks=(Poison(epoch),), checkpoint_every=every).run()
    (named,) = [c for c in checkpoints(tmp_path / "a" / "checkpoints") if str(c.path) in caught.error.what]
    assert named == checkpoints(tmp_path / "a" / "checkpoints")[-1]
    fresh = trainer(tmp_path / "b")
    load_checkpoint(named, fresh.network)
    assert all(np.all(np.isfinite(value)) for value in weights(fresh))


def test_a_single_step_too_far_is_noticed_by_the_validation_error(tmp_path):
    wild = trainer(tmp_path / "a", steps=1, learning_rate={"initial": 1e38}, warmup={"epochs": 0})
    with refused(UserError, "step 1", "validation", "no checkpoint"):
        wild.run()


def test_a_signal_while_the_schedule_is_fitted_stops_it(tmp_path):
    run = trainer(tmp_path / "a")
    draw, drawn = run.sampler.batch, []

    def batch(step):
        os.kill(os.getpid(), signal.SIGTERM)
        drawn.append(step)
        return draw(step)

    run.sampler.batch = batch
    with pytest.raises(Interrupted, match="SIGTERM"):
        run.run(time_limit=60)
    assert drawn == [0]


def test_a_damaged_checkpoint_is_named(tmp_path):
    trainer(tmp_path / "a", epochs=1).run()
    last = checkpoints(tmp_path / "a" / "checkpoints")[-1]
    last.path.write_bytes(last.path.read_bytes()[:200])
    with refused(ModelError, file=last.path, hint="delete it"):
        trainer(tmp_path / "a", epochs=1).run(resume=True)
