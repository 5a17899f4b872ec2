"""Trainings with and without another model's weights side by side: the same but for where they begin."""

import csv
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import even_sample, training_statistics
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import UserError
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField
from gnnzoo.recipe.io.load import recipe_from_dict, resolved
from gnnzoo.training.log import read_log
from gnnzoo.training.loop import Trainer
from gnnzoo.transfer_learning.learning_curves import LearningCurve, gains, verdict
from gnnzoo.workflows import compare as comparing
from gnnzoo.workflows import transfer as transferring
from gnnzoo.workflows.compare import comparison_files
from gnnzoo.workflows.evaluate import evaluate
from gnnzoo.workflows.train import train
from gnnzoo.workflows.transfer import transfer
from transfers import argon_h5, assert_same, begun, target, water_model, weights

START = {"model": "water.keras", "strategy": "full"}
SIZES = [2, 100]  # there are six training frames, by two


class Seen(Trainer):
    """A trainer that leaves behind what it was given and what it made."""

    trainers: list = []  # noqa: RUF012

    def __init__(self, network, settings, source, split, *args, **options):
        super().__init__(network, settings, source, split, *args, **options)
        self.split, self.first = split, {v.path: v.numpy() for v in network.variables}
        Seen.trainers.append(self)


@pytest.fixture(scope="module")
def argon(workshop):
    return argon_h5(workshop)


@pytest.fixture(scope="module")
def compared(argon, workshop):
    """The model of a transfer, its comparison as the .json tells it, and the trainers, by start and frames."""
    water_model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transferring, "_POINTS", 2)
        patch.setattr(comparing, "Trainer", Seen)
        model = transfer("water.keras", target(START), data=argon, sizes=SIZES)
    trainers, Seen.trainers = Seen.trainers, []
    result = json.loads(Path("tiny-from-water-compare.json").read_text())
    names = [(course["start"], course["frames"]) for course in result["runs"]]
    return model, result, dict(zip(names, trainers, strict=True))


def course_of(result, start, frames):
    (found,) = [course for course in result["runs"] if (course["start"], course["frames"]) == (start, frames)]
    return found


# --- what is compared ---------------------------------------------------------------------------------------------


def test_sizes_beyond_the_training_frames_are_all_of_them(compared):
    _, _, trainers = compared
    assert list(trainers) == [("transfer", 2), ("scratch", 2), ("transfer", 6), ("scratch", 6)]
    for (_, frames), trainer in trainers.items():
        assert len(trainer.split.train) == frames


def test_both_sides_have_the_same_frames_steps_and_seed(compared):
    model, result, trainers = compared
    everything = model.info["split"]
    for (_, frames), trainer in trainers.items():
        assert trainer.split.train.tolist() == even_sample(np.array(everything["train"]), frames).tolist()
        assert trainer.split.validation.tolist() == everything["validation"]
        assert trainer.split.test.tolist() == everything["test"]
        assert trainer.settings.seed == model.recipe.training.seed
    assert {course["steps"] for course in result["runs"]} == {result["steps"]} == {3}  # an epoch of all frames
    for frames in (2, 6):
        moved, scratch = (trainers[start, frames] for start in ("transfer", "scratch"))
        for step in range(3):
            assert moved.feed.frames(step).tolist() == scratch.feed.frames(step).tolist()


def test_they_begin_with_the_models_weights_and_with_those_of_a_training(compared, argon, workshop):
    model, _, trainers = compared
    copied = weights(begun(transferring.load_model("water.keras"), target(START), argon).model)
    assert_same({path: trainers["transfer", 6].first[path] for path in copied}, copied)
    few, all_of_them = trainers["scratch", 2].first, trainers["scratch", 6].first
    scales = model.info["statistics"]
    random = build_network(target(), ["Ar"], Scales(scales["force_rms"], scales["mean_neighbors"]))
    for weight in random.trainable_variables:
        np.testing.assert_array_equal(all_of_them[weight.path], weight.numpy())
        np.testing.assert_array_equal(few[weight.path], weight.numpy())


def test_the_transfer_with_all_frames_is_the_transfer_itself(compared, workshop):
    model, result, _ = compared
    course = course_of(result, "transfer", 6)
    assert course["error"] == model.info["figures"]["test"]["relative"]
    ours = read_log(workshop / "runs/tiny-from-water-001/log.csv")
    theirs = {row["step"]: row for row in read_log(workshop / "runs/tiny-from-water-compare-001/transfer-0006/log.csv")}
    for row in ours:
        assert theirs[row["step"]]["relative"] == row["relative"]


def test_scratch_with_all_frames_is_the_training_of_the_same_recipe(compared, argon, folder):
    _, result, trainers = compared
    model = train(target(), data=argon)
    course = course_of(result, "scratch", 6)
    assert course["error"] == model.info["figures"]["test"]["relative"]
    for weight in trainers["scratch", 6].network.trainable_variables:
        np.testing.assert_array_equal(weight.numpy(), weights(model)[weight.path])


def test_before_is_the_error_of_the_copied_weights(compared, argon, workshop):
    """With the scales of its own frames, on the test frames, before the first step."""
    model, result, trainers = compared
    for frames in (2, 6):
        trainer = trainers["transfer", frames]
        statistics = training_statistics(GraphSource(open_dataset(argon), ["Ar"], 6.0), trainer.split.train)
        before = build_network(model.recipe, ["Ar"], Scales(statistics.force_rms, statistics.mean_neighbors))
        for weight in before.trainable_variables:
            weight.assign(trainer.first[weight.path])
        judged = evaluate(ForceField(before, model.recipe, model.info), argon, plot=False)
        assert (judged["part"], judged["frames"]) == ("test", 2)
        assert course_of(result, "transfer", frames)["before"] == pytest.approx(judged["force"]["relative"], rel=1e-5)
    befores = [course["before"] for course in result["runs"]]
    assert len(set(befores)) == 4


# --- what is told and written -------------------------------------------------------------------------------------


def test_gains_and_verdict_follow_from_the_runs(compared):
    model, result, _ = compared
    courses = [LearningCurve(**course | {"points": [tuple(p) for p in course["points"]]}) for course in result["runs"]]
    found = gains(courses)
    assert result["gains"] == [gain.as_dict() for gain in found]
    assert [gain.frames for gain in found] == [2, 6]
    assert result["verdict"] == verdict(found)
    assert (result["source"], result["target"], result["strategy"]) == ("water.keras", "tiny", "full")
    assert (result["held_out"], result["validation_frames"], result["seed"]) == ("test", 2, 0)
    assert result["dataset"] == str(open_dataset(model.info["dataset"]["path"]).path)


def test_every_followed_step_is_a_row_and_the_picture_is_one(compared, workshop):
    _, result, _ = compared
    with Path("tiny-from-water-compare.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["start", "training_frames", "step", "frames_seen", "seconds", "relative_error"]
    told = [[course["start"], course["frames"], *point] for course in result["runs"] for point in course["points"]]
    assert [[row[0], *map(float, row[1:])] for row in rows] == told
    for course in result["runs"]:
        steps, seen = zip(*(point[:2] for point in course["points"]), strict=True)
        assert steps == (1, 2, 3)  # powers of two, and the end
        assert seen == (2, 4, 6)  # two frames a step
    png = Path("tiny-from-water-compare.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1800, 552)


def test_a_comparison_says_what_it_does_and_what_came_of_it(argon, folder, capsys, monkeypatch):
    monkeypatch.setattr(transferring, "_POINTS", 2)
    water_model()
    transfer("water.keras", target(steps=1, validation_frames=1), data=argon, sizes=[100, 3], output="a.keras")
    said = capsys.readouterr()
    result = json.loads(Path("a-compare.json").read_text())
    assert result["verdict"] in said.out + said.err
    assert "there are 6 training frames: 100 cannot be had" in said.err
    assert "comparing at 3, 6 training frames, each with and without the weights of water.keras, 1 steps" in said.err
    for course in result["runs"]:
        assert f"{course['frames']} frames, {course['start']}: {course['before']:.1%} before" in said.err
    lines = [line.split() for line in said.out.splitlines()]
    for gain in result["gains"]:
        (row,) = [line for line in lines if line[:1] == [str(gain["frames"])]]
        made = course_of(result, "transfer", gain["frames"])
        assert row[1:5] == [
            f"{made['zero_shot']:.1%}",
            f"{made['before']:.1%}",
            f"{gain['scratch']:.3%}",
            f"{gain['transfer']:.3%}",
        ]


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["json", "csv", "png"])
def test_existing_results_are_refused_before_any_training(argon, folder, kind):
    water_model()
    path = comparison_files(Path("a.keras"))[kind]
    assert path.name == f"a-compare.{kind}"
    path.write_text("precious")
    with pytest.raises(UserError, match="exists already") as caught:
        transfer("water.keras", target(), data=argon, output="a.keras", sizes=[2])
    assert str(caught.value.location) == path.name
    assert path.read_text() == "precious"
    assert not Path("runs").exists()
    assert not Path("a.keras").exists()


@pytest.mark.parametrize("case", ["no frames", "nothing held out"])
def test_what_cannot_be_compared_is_refused_before_any_training(argon, folder, monkeypatch, case):
    monkeypatch.setattr(transferring, "_POINTS", 2)
    water_model()
    raw, sizes = resolved(target(START, steps=1)), [0] if case == "no frames" else [2]
    if case == "nothing held out":
        raw["data"]["split"] |= {"train": 1.0, "validation": 0.0, "test": 0.0}
    with pytest.raises(UserError, match=r"at least 1|no frame is held out"):
        transfer("water.keras", recipe_from_dict(raw), data=argon, sizes=sizes)
    assert not Path("runs").exists()


def test_trainings_that_end_early_do_not_shorten_the_others(argon, folder, monkeypatch):
    """With such a rate the error rises at once."""
    monkeypatch.setattr(transferring, "_POINTS", 2)
    water_model()
    rate = {"learning_rate": {"initial": 1.0}, "warmup": {"epochs": 0}}
    made = target(START, epochs=3, early_stopping={"patience": 1}, validation_frames=1, **rate)
    transfer("water.keras", made, data=argon, sizes=[2, 4], output="a.keras")
    result = json.loads(Path("a-compare.json").read_text())
    assert result["steps"] == 6
    assert {course["steps"] for course in result["runs"]} <= {4, 6}  # of three epochs of two steps, two or three
