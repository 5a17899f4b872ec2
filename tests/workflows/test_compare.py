"""Comparison of a transfer with training from scratch: equal trainings except for the initial weights."""

import csv
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from errors import refused
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import training_statistics
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import UserError
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField
from gnnzoo.outputs import OutputError
from gnnzoo.recipe.io.load import recipe_from_dict, resolved
from gnnzoo.sampling import even_sample
from gnnzoo.training.log import read_log
from gnnzoo.training.loop import Trainer
from gnnzoo.transfer_learning.learning_curves import LearningCurve, gains, verdict
from gnnzoo.workflows import compare as comparing
from gnnzoo.workflows import transfer as transferring
from gnnzoo.workflows.compare import comparison_files
from gnnzoo.workflows.evaluate import evaluate
from gnnzoo.workflows.train import train
from gnnzoo.workflows.transfer import transfer
from transfers import argon_h5, assert_same, target, transfer_start, water_model, weights

START = {"model": "water.keras", "strategy": "full"}
SIZES = [2, 100]  # there are six training frames, by two


class Seen(Trainer):
    """A trainer that records its split and its initial weights."""

    trainers: list = []  # noqa: RUF012

    def __init__(self, network, settings, prepared, *args, **options):
        super().__init__(network, settings, prepared, *args, **options)
        self.split, self.first = prepared.split, {v.path: v.numpy() for v in network.variables}
        Seen.trainers.append(self)


@pytest.fixture(scope="module")
def argon(workshop):
    return argon_h5(workshop)


@pytest.fixture(scope="module")
def compared(argon, workshop):
    """The model of a transfer, the .json of its comparison, and the trainers by start and frames."""
    water_model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transferring, "PAIR_POINTS", 2)
        patch.setattr(comparing, "Trainer", Seen)
        model = transfer("water.keras", target(START), data=argon, sizes=SIZES)
    trainers, Seen.trainers = Seen.trainers, []
    result = json.loads(Path("tiny-from-water-compare.json").read_text())
    names = [(curve["start"], curve["frames"]) for curve in result["runs"]]
    return model, result, dict(zip(names, trainers, strict=True))


def curve_of(result, start, frames):
    (found,) = [curve for curve in result["runs"] if (curve["start"], curve["frames"]) == (start, frames)]
    return found


# --- what is compared -----------------------------------------------------------------------------------------------


def test_a_size_above_the_number_of_training_frames_means_all(compared):
    _, _, trainers = compared
    assert list(trainers) == [("transfer", 2), ("scratch", 2), ("transfer", 6), ("scratch", 6)]
    for (_, frames), trainer in trainers.items():
        assert len(trainer.split.train) == frames


def test_both_trainings_have_the_same_frames_steps_and_seed(compared):
    model, result, trainers = compared
    everything = model.info["split"]
    for (_, frames), trainer in trainers.items():
        assert trainer.split.train.tolist() == even_sample(np.array(everything["train"]), frames).tolist()
        assert trainer.split.validation.tolist() == everything["validation"]
        assert trainer.split.test.tolist() == everything["test"]
        assert trainer.settings.seed == model.recipe.training.seed
    assert {curve["steps"] for curve in result["runs"]} == {result["steps"]} == {3}  # an epoch of all frames
    for frames in (2, 6):
        moved, scratch = (trainers[start, frames] for start in ("transfer", "scratch"))
        for step in range(3):
            assert moved.sampler.frames(step).tolist() == scratch.sampler.frames(step).tolist()


def test_initial_weights_are_copied_or_those_of_a_training_from_scratch(compared, argon, workshop):
    model, _, trainers = compared
    copied = weights(transfer_start(transferring.load_model("water.keras"), target(START), argon).model)
    assert_same({path: trainers["transfer", 6].first[path] for path in copied}, copied)
    few, all_of_them = trainers["scratch", 2].first, trainers["scratch", 6].first
    scales = model.info["statistics"]
    random = build_network(target(), ["Ar"], Scales(scales["force_rms"], scales["mean_neighbors"]))
    for weight in random.trainable_variables:
        np.testing.assert_array_equal(all_of_them[weight.path], weight.numpy())
        np.testing.assert_array_equal(few[weight.path], weight.numpy())


def test_the_largest_transfer_equals_the_transfer_itself(compared, workshop):
    model, result, _ = compared
    curve = curve_of(result, "transfer", 6)
    assert curve["error"] == model.info["figures"]["test"]["relative"]
    ours = read_log(workshop / "runs/tiny-from-water-001/log.csv")
    theirs = {row["step"]: row for row in read_log(workshop / "runs/tiny-from-water-compare-001/transfer-0006/log.csv")}
    for row in ours:
        assert theirs[row["step"]]["relative"] == row["relative"]


def test_the_largest_training_from_scratch_equals_training_the_recipe(compared, argon, folder):
    _, result, trainers = compared
    model = train(target(), data=argon)
    curve = curve_of(result, "scratch", 6)
    assert curve["error"] == model.info["figures"]["test"]["relative"]
    for weight in trainers["scratch", 6].network.trainable_variables:
        np.testing.assert_array_equal(weight.numpy(), weights(model)[weight.path])


def test_the_error_before_training_is_that_of_the_copied_weights(compared, argon, workshop):
    """With the scales of the training frames, on the test frames."""
    model, result, trainers = compared
    for frames in (2, 6):
        trainer = trainers["transfer", frames]
        statistics = training_statistics(GraphSource(open_dataset(argon), ["Ar"], 6.0), trainer.split.train)
        before = build_network(model.recipe, ["Ar"], Scales(statistics.force_rms, statistics.mean_neighbors))
        for weight in before.trainable_variables:
            weight.assign(trainer.first[weight.path])
        errors = evaluate(ForceField(before, model.recipe, model.info), argon, plot=False)
        assert (errors.part, errors.forces.frames) == ("test", 2)
        relative = errors.forces.overall.relative
        assert curve_of(result, "transfer", frames)["before"] == pytest.approx(relative, rel=1e-5)
    befores = [curve["before"] for curve in result["runs"]]
    assert len(set(befores)) == 4


# --- results --------------------------------------------------------------------------------------------------------


def test_gains_and_verdict_follow_from_the_runs(compared):
    model, result, _ = compared
    curves = [LearningCurve(**curve | {"points": [tuple(p) for p in curve["points"]]}) for curve in result["runs"]]
    found = gains(curves)
    assert result["gains"] == [gain.to_json() for gain in found]
    assert [gain.frames for gain in found] == [2, 6]
    assert result["verdict"] == verdict(found)
    assert (result["source"], result["target"], result["strategy"]) == ("water.keras", "tiny", "full")
    assert (result["held_out"], result["validation_frames"], result["seed"]) == ("test", 2, 0)
    assert result["dataset"] == str(open_dataset(model.info["dataset"]["path"]).path)


def test_the_csv_has_a_row_for_each_validation_and_the_plot_is_a_png(compared, workshop):
    _, result, _ = compared
    with Path("tiny-from-water-compare.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["start", "training_frames", "step", "frames_seen", "seconds", "relative_error"]
    expected = [[curve["start"], curve["frames"], *point] for curve in result["runs"] for point in curve["points"]]
    assert [[row[0], *map(float, row[1:])] for row in rows] == expected
    for curve in result["runs"]:
        steps, seen = zip(*(point[:2] for point in curve["points"]), strict=True)
        assert steps == (1, 2, 3)  # powers of two, and the end
        assert seen == (2, 4, 6)  # two frames a step
    png = Path("tiny-from-water-compare.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1800, 552)


def test_the_result_is_that_of_the_json_and_progress_is_logged(argon, folder, caplog, monkeypatch):
    monkeypatch.setattr(transferring, "PAIR_POINTS", 2)
    caplog.set_level("INFO", "gnnzoo")
    water_model()
    made = target(steps=1, validation_frames=1)
    result = transferring.transfer_to("water.keras", made, {}, data=argon, sizes=[100, 3], output="a.keras").comparison
    raw = json.loads(Path("a-compare.json").read_text())
    assert json.loads(json.dumps(result.to_json())) == raw
    assert result.files == comparison_files(Path("a.keras"))
    assert all(path.is_file() for path in result.files.values())
    assert any("100" in text and "there are 6" in text for text in caplog.messages)
    assert any("3, 6" in text and "1 steps" in text for text in caplog.messages)
    for curve in raw["runs"]:
        (message,) = [text for text in caplog.messages if f"{curve['frames']} frames, {curve['start']}:" in text]
        assert f"{curve['before']:.1%}" in message


# --- what is refused before training --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["json", "csv", "png"])
def test_existing_results_are_refused(argon, folder, kind):
    water_model()
    path = comparison_files(Path("a.keras"))[kind]
    assert path.name == f"a-compare.{kind}"
    path.write_text("precious")
    with refused(OutputError, file=path.name, hint="--overwrite"):
        transfer("water.keras", target(), data=argon, output="a.keras", sizes=[2])
    assert path.read_text() == "precious"
    assert not Path("runs").exists()
    assert not Path("a.keras").exists()


def test_zero_training_frames_are_refused(argon, folder):
    water_model()
    with refused(UserError, expected="--sizes 1,3"):
        transfer("water.keras", target(steps=1), data=argon, sizes=[0])
    assert not Path("runs").exists()


def test_a_split_without_held_out_frames_is_refused(argon, folder):
    water_model()
    raw = resolved(target(START, steps=1))
    raw["data"]["split"] |= {"train": 1.0, "validation": 0.0, "test": 0.0}
    with refused(UserError, hint="--set data.split.validation=0.1"):
        transfer("water.keras", recipe_from_dict(raw), data=argon, sizes=[2])
    assert not Path("runs").exists()


def test_early_stopping_of_one_training_does_not_shorten_the_others(argon, folder, monkeypatch):
    """With this learning rate the error rises at once."""
    monkeypatch.setattr(transferring, "PAIR_POINTS", 2)
    water_model()
    rate = {"learning_rate": {"initial": 1.0}, "warmup": {"epochs": 0}}
    made = target(START, epochs=3, early_stopping={"patience": 1}, validation_frames=1, **rate)
    transfer("water.keras", made, data=argon, sizes=[2, 4], output="a.keras")
    result = json.loads(Path("a-compare.json").read_text())
    assert result["steps"] == 6
    assert {curve["steps"] for curve in result["runs"]} <= {4, 6}  # of three epochs of two steps, two or three
