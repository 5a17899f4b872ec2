"""Weight averages, plateau schedules, early stopping and stages, and that each resumes exactly."""

import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from errors import refused
from gnnzoo import fields
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import DataError, RecipeError
from gnnzoo.models.build import build_network
from gnnzoo.models.predict import Predictor
from gnnzoo.training.checkpoints import checkpoints
from gnnzoo.training.loop import Interrupted
from gnnzoo.training.prepare import prepare
from gnnzoo.training.step import TrainStep
from gnnzoo.training.targets import check_targets
from small import argon_dataset, recipe
from systems import changed
from trainers import ONE_HEAD, STAGES, TWO_HEADS, trainer, weights, with_energies, with_virials, without_times

pytestmark = pytest.mark.usefixtures("uncompiled")
PLATEAU = {"initial": 0.3, "schedule": "plateau", "factor": 0.5, "patience": 1}


class StopInside(TrainStep):
    """A training step that sends the process a signal before a step in the middle of an epoch."""

    at = 8

    def __call__(self, batch, step, penalty, decay):
        if step == self.at:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().__call__(batch, step, penalty, decay)


@pytest.mark.parametrize(
    ("model", "training"),
    [
        (ONE_HEAD, {"ema": {"decay": 0.9}, "loss": "vector", "augmentation": {"noise": 0.05}, "epochs": 3}),
        (ONE_HEAD, {"learning_rate": PLATEAU}),
        (TWO_HEADS, {"stages": STAGES, "ema": {"decay": 0.9}, "learning_rate": PLATEAU, "epochs": 3}),
    ],
    ids=["average", "plateau", "stages"],
)
def test_a_run_stopped_within_an_epoch_ends_as_one_without_a_stop(tmp_path, monkeypatch, model, training):
    given = {"model": model} | training
    whole = trainer(tmp_path / "whole", **given)
    expected = whole.run()
    with monkeypatch.context() as patch:
        patch.setattr("gnnzoo.training.loop.TrainStep", StopInside)
        with pytest.raises(Interrupted):
            trainer(tmp_path / "parts", **given).run()
    assert checkpoints(tmp_path / "parts" / "checkpoints")[-1].step == StopInside.at + 1  # five steps an epoch
    resumed = trainer(tmp_path / "parts", **given)
    found = resumed.run(resume=True)
    assert without_times(found.log) == without_times(expected.log)
    assert found.best.step == expected.best.step
    for a, b in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_array_equal(a, b)


# --- average of the weights ---------------------------------------------------------------------------------------


def test_the_average_is_validated_and_kept_while_training_continues_from_the_weights(tmp_path):
    plain, averaged = trainer(tmp_path / "a"), trainer(tmp_path / "b", ema={"decay": 0.9})
    without, outcome = plain.run(), averaged.run()
    assert [row["loss"] for row in without.log] == [row["loss"] for row in outcome.log]
    assert all(a["mae"] != b["mae"] for a, b in zip(without.log, outcome.log, strict=True))
    kept = {row["step"]: row["mae"] for row in outcome.log}[outcome.best.step]
    assert averaged.monitor.errors(averaged._predictors[0]).mae == kept  # the network has the best average now
    names = [variable.path for variable in averaged.network.variables]
    with np.load(outcome.best.path) as arrays:
        for number, variable in enumerate(averaged.average.raw):
            assert np.any(arrays[f"network/{names.index(variable.path)}"] != arrays[f"raw/{number}"])


# --- plateau and early ends ---------------------------------------------------------------------------------------


def test_a_plateau_lowers_the_learning_rate_where_the_error_does_not_fall(tmp_path):
    outcome = trainer(tmp_path / "a", learning_rate=PLATEAU, epochs=8, warmup={"epochs": 0}).run()
    best, factor = np.inf, 1.0
    for row in outcome.log:
        assert row["learning_rate"] == pytest.approx(0.3 * factor)
        factor *= 1.0 if row["mae"] < best else 0.5
        best = min(best, row["mae"])
    assert factor < 1


def test_training_stops_where_the_error_no_longer_falls_and_does_not_resume(tmp_path):
    given = {"early_stopping": {"patience": 2}, "learning_rate": {"initial": 0.6, "decay": 1.0}, "epochs": 40}
    outcome = trainer(tmp_path / "a", **given).run()
    assert outcome.stopped_early
    assert outcome.steps < outcome.plan.steps == 200
    errors = [row["mae"] for row in outcome.log]
    assert min(errors[:-2]) == min(errors) and np.argmin(errors) == len(errors) - 3
    assert outcome.best.step == outcome.steps - 2 * 5
    again = trainer(tmp_path / "a", **given).run(resume=True)
    assert (again.steps, again.stopped_early, again.log) == (outcome.steps, True, outcome.log)


# --- stages -------------------------------------------------------------------------------------------------------


def test_stages_train_one_head_after_the_other(tmp_path):
    stages = [STAGES[0] | {"share": 0.6}, STAGES[1] | {"share": 0.4, "learning_rate": {"initial": 0.003}, "loss": "l2"}]
    outcome = trainer(tmp_path / "a", model=TWO_HEADS, stages=stages, epochs=5).run()
    assert outcome.plan.lengths == [15, 10]
    assert [row["step"] for row in outcome.log] == [5, 10, 15, 20, 25]
    rates = [row["learning_rate"] for row in outcome.log]
    assert rates[0] == pytest.approx(0.01) and rates[3] == pytest.approx(0.003)  # the end of each warm-up
    assert rates[2] < rates[0]
    assert outcome.best.step in (20, 25)  # of the last stage, whatever the others' errors


def test_in_the_first_stage_the_energy_head_stays_as_it_was(tmp_path):
    run = trainer(tmp_path / "a", model=TWO_HEADS, stages=STAGES, epochs=2, warmup={"epochs": 0})
    names = [variable.path for variable in run.network.trainable_variables]
    before = [variable.numpy() for variable in run.network.trainable_variables]
    run._begin(False, None, None)
    for step in range(5):
        run._run_step(run.sampler.batch(step), step)
    still = {
        name
        for name, a, b in zip(names, before, run.network.trainable_variables, strict=True)
        if np.array_equal(a, b.numpy())
    }
    assert still == {name for name in names if "energy_decoder" in name}


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])  # one begins at zeros, the other does not
def test_a_later_stage_resets_the_optimizer(tmp_path, optimizer):
    """The energy head gets its first gradient then: its step is that of an optimizer that has done nothing before."""
    given = {"model": TWO_HEADS, "stages": STAGES, "epochs": 2, "optimizer": optimizer, "warmup": {"epochs": 0}}
    run, fresh = trainer(tmp_path / "a", **given), trainer(tmp_path / "b", **given)
    for one in (run, fresh):
        one._begin(False, None, None)
    for step in range(5):
        run._run_step(run.sampler.batch(step), step)
    fresh.network.set_weights(run.network.get_weights())
    for one in (run, fresh):
        one._run_step(one.sampler.batch(5), 5)
        assert int(one.optimizer.iterations) == 1
    for a, b in zip(weights(run), weights(fresh), strict=True):
        np.testing.assert_array_equal(a, b)
    run._run_step(run.sampler.batch(6), 6)
    assert int(run.optimizer.iterations) == 2


def test_a_run_stopped_between_two_stages_ends_as_one_without_a_stop(tmp_path):
    given = {"model": TWO_HEADS, "stages": STAGES, "epochs": 2, "ema": {"decay": 0.9}, "warmup": {"epochs": 0}}
    whole = trainer(tmp_path / "whole", **given)
    expected = whole.run()
    trainer(tmp_path / "parts", **given).run(until=5)
    assert checkpoints(tmp_path / "parts" / "checkpoints")[-1].step == expected.plan.first_steps[1] == 5
    resumed = trainer(tmp_path / "parts", **given)
    assert without_times(resumed.run(resume=True).log) == without_times(expected.log)
    for a, b in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_array_equal(a, b)


def test_stages_under_a_time_limit_are_repeated_by_their_steps(tmp_path, monkeypatch):
    """Whatever was tried out before is undone, of the averages too."""
    given = {"model": TWO_HEADS, "epochs": 2, "ema": {"decay": 0.9}, "validation_frames": 1, "warmup": {"epochs": 0}}
    with monkeypatch.context() as patch:
        patch.setattr("gnnzoo.training.time_limit._STEPS", 1)
        patch.setattr("gnnzoo.training.loop.steps_for_time_limit", lambda *given: ([4, 2], 1))
        limited = trainer(tmp_path / "a", stages=STAGES, **given).run(time_limit=1000)
    stages = [stage | {"steps": steps} for stage, steps in zip(STAGES, (4, 2), strict=True)]
    repeated = trainer(tmp_path / "b", stages=stages, **given).run()
    assert repeated.steps == 6
    assert without_times(repeated.log) == without_times(limited.log)


# --- energies and weights -----------------------------------------------------------------------------------------


def test_energies_enter_the_loss_per_atom_in_network_units(tmp_path):
    data = with_energies(argon_dataset())
    one_head = {"layers": [layer for layer in TWO_HEADS["layers"] if "force" not in layer["layer"]]}
    run = trainer(tmp_path / "a", model=one_head, dataset=data, loss_weights={"forces": 0, "energy": 0.5})
    batch, step = run.sampler.batch(0), run._train_steps[0]
    found = {fields.FORCES: batch[fields.FORCES] + 1, fields.ENERGY: batch[fields.ENERGY] + tf.constant([27.0, -81.0])}
    # all of -54 is the arbitrary zero of 27 atoms, which is subtracted
    np.testing.assert_allclose(batch[fields.ENERGY], [0, 0], atol=1e-9)
    # errors of 1 and 3 an atom
    assert float(step._loss(found, batch)) == pytest.approx(0.5 * 2 / step.force_scale, rel=1e-5)
    assert "energy_mae" in run.monitor.columns
    assert "energy_mae" not in trainer(tmp_path / "b", model=one_head).monitor.columns


def test_energies_that_no_frame_has_are_refused(tmp_path):
    with refused(DataError, "energy", file="memory", hint="gnnzoo convert DUMP --log"):
        trainer(tmp_path / "a", model=TWO_HEADS, stages=STAGES, loss_weights={"energy": 1})


ENERGY_ALONE = {"layers": [layer for layer in TWO_HEADS["layers"] if "force" not in layer["layer"]]}


def test_virials_enter_the_loss_per_atom_in_network_units(tmp_path):
    data = with_virials(argon_dataset())
    run = trainer(tmp_path / "a", model=ENERGY_ALONE, dataset=data, loss_weights={"forces": 0, "virial": 0.5})
    batch, step = run.sampler.batch(0), run._train_steps[0]
    np.testing.assert_array_equal(batch[fields.VIRIAL_MASK], [1, 1])
    off = np.zeros((2, 3, 3), np.float32)
    off[0, 1, 2], off[1] = 27 * 9, 27  # of 27 atoms each: one component off by 9 an atom, all by 1
    found = {fields.FORCES: batch[fields.FORCES] + 1, fields.VIRIAL: batch[fields.VIRIAL] + off}
    assert float(step._loss(found, batch)) == pytest.approx(0.5 * 1 / step.force_scale, rel=1e-5)
    assert "virial_mae" in run.monitor.columns
    assert "virial_mae" not in trainer(tmp_path / "b", model=ENERGY_ALONE).monitor.columns


def test_a_network_learns_virials(tmp_path):
    """Those of a network of other weights, from them alone; turned and turned back at each step."""
    made = recipe(model=ENERGY_ALONE, training={"seed": 5})
    ready = prepare(made, argon_dataset())
    teacher = Predictor(build_network(made, ready.species, ready.scales), xla=False)
    data = with_virials(argon_dataset(), lambda frame: teacher.results(graph_of(frame, ["Ar"], 6.0, None))["virial"][0])
    given = {"model": ENERGY_ALONE, "dataset": data, "epochs": 5, "augmentation": {"rotation": True}}
    run = trainer(tmp_path / "a", loss_weights={"forces": 0, "virial": 1}, **given)
    before = run.monitor.errors(run._predictors[0]).virial_mae
    log = run.run().log
    assert log[-1]["virial_mae"] < 0.5 * before


def test_virials_that_no_frame_has_are_refused(tmp_path):
    with refused(DataError, "virial", file="memory", hint="--set training.loss_weights.virial=0"):
        trainer(tmp_path / "a", model=ENERGY_ALONE, loss_weights={"virial": 1})


def in_groups(dataset):
    """The dataset with every other frame in the group "b", the others in "a"."""
    for number, frame in enumerate(dataset.frames):
        dataset.frames[number] = changed(frame, group="ab"[number % 2])
    return dataset


@pytest.mark.parametrize("groups", [{"a": 3}, {"b": 0.5, "a": 1.5}, {"a": 0}], ids=str)
def test_frames_weigh_by_their_group_in_all_terms_of_the_loss(tmp_path, groups):
    data = in_groups(with_virials(with_energies(argon_dataset())))
    given = {"forces": 1, "energy": 0.5, "virial": 0.25}
    run = trainer(tmp_path / "a", model=ENERGY_ALONE, dataset=data, loss_weights=given | {"groups": groups})
    step, sampler = run._train_steps[0], run.sampler
    for number in range(sampler.steps_per_epoch):
        batch, weights = sampler.batch(number), [groups.get("ab"[i % 2], 1.0) for i in sampler.frames(number)]
        np.testing.assert_array_equal(batch[fields.GRAPH_WEIGHT], weights)
        if len(set(weights)) == 1 and weights[0]:
            continue
        # each error is 1 in the first frame and 3 in the second, per component or per atom of 27
        off = np.repeat([1.0, 3.0], 27)[:, None].astype(np.float32)
        found = {
            fields.FORCES: batch[fields.FORCES] + off,
            fields.ENERGY: batch[fields.ENERGY] + tf.constant([27.0, 81.0]),
            fields.VIRIAL: batch[fields.VIRIAL] + 27 * tf.constant([1.0, 3.0])[:, None, None],
        }
        mean = np.average([1.0, 3.0], weights=weights) if any(weights) else 0.0
        assert float(step._loss(found, batch)) == pytest.approx(1.75 * mean / step.force_scale, rel=1e-5)


def test_weights_of_groups_that_no_frame_is_of_are_refused(tmp_path):
    weights = {"groups": {"bulk": 2}}
    with refused(RecipeError, "'bulk'", key="training.loss_weights.groups.bulk", expected="a, b"):
        trainer(tmp_path / "a", dataset=in_groups(argon_dataset()), loss_weights=weights)
    with refused(RecipeError, "'bulk'", key="training.loss_weights.groups.bulk", expected="config_type"):
        trainer(tmp_path / "b", loss_weights=weights)


@pytest.mark.parametrize(
    ("training", "key"),
    [
        ({"early_stopping": {"patience": 1}}, "training.early_stopping"),
        ({"learning_rate": PLATEAU}, "training.learning_rate.schedule"),
    ],
)
def test_waiting_for_a_validation_error_without_validation_frames_is_refused(tmp_path, training, key):
    source = trainer(tmp_path / "a").sampler.source
    split = Split(train=np.arange(10), validation=np.array([], int), test=np.arange(10, 12))
    with refused(RecipeError, key=key, hint="--set data.split.validation="):
        check_targets(recipe(training=training).training, source, split)


class Epochs(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(epoch)


def test_validation_may_be_rarer_than_epochs(tmp_path):
    callback = Epochs()
    trainer(tmp_path / "a", callbacks=(callback,), validate_every=2, checkpoint_every=4).run()
    assert callback.seen == [2, 4]
