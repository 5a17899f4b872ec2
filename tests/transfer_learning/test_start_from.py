"""Recipes with `training.start_from`: equal to a transfer, all strategies, provenance, few training frames."""

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from errors import refused
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import training_statistics
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import RecipeError
from gnnzoo.models.files import load_model
from gnnzoo.recipe.io.load import resolved
from gnnzoo.sampling import even_sample
from gnnzoo.training.checkpoints import checkpoints, load_checkpoint
from gnnzoo.training.loop import Interrupted, Trainer
from gnnzoo.workflows.train import train
from gnnzoo.workflows.transfer import start_model, transfer, transfer_recipe
from lines import line_with
from transfers import (
    ENCODER,
    HEAD,
    MESSAGES,
    SCALE,
    STACK,
    assert_same,
    target,
    transfer_start,
    water_model,
    weights,
    weights_differ,
)

START = {"model": "water.keras"}


pytestmark = pytest.mark.usefixtures("few_points")


@pytest.fixture(scope="module")
def water(workshop):
    return water_model()


@pytest.fixture(scope="module")
def started(water, argon, workshop):
    """The trained model of a recipe that starts from water.keras."""
    return train(target(START), data=argon, output="started.keras")


# --- training with start_from is a transfer -------------------------------------------------------------------------


def test_training_a_recipe_with_start_from_equals_the_transfer(started, argon, model_copy):
    moved = transfer("water.keras", target(), data=argon)
    assert moved.path == Path("tiny-from-water.keras")
    assert_same(weights(moved), weights(started))
    assert moved.recipe == started.recipe
    assert moved.info["origin"] == started.info["origin"]


def test_provenance_of_the_initial_weights(started, water, argon, workshop):
    copied = weights(transfer_start(water, target(START), argon).model)
    assert weights_differ(weights(started), copied)
    origin = load_model(workshop / "started.keras").info["origin"]
    actions = {layer: action for layer, action, *_ in origin["moves"]}
    assert actions == {ENCODER: "copied", MESSAGES: "copied", HEAD: "copied", SCALE: "from the target"}
    state = json.loads((workshop / "runs/started-001/run.json").read_text())
    assert state["recipe"] == resolved(target(START))
    assert (state["status"], state["origin"]["model"]) == ("done", "water.keras")


def test_a_missing_source_model_is_refused(argon, folder):
    Path("mine.json").write_text(json.dumps(resolved(target(START))))
    with refused(
        RecipeError, "'water.keras'", file="mine.json", key="training.start_from.model", hint="gnnzoo train water"
    ) as caught:
        train("mine.json", data=argon)
    line_with(caught.error.hint, "gnnzoo transfer", "--target mine.json")
    assert not Path("runs").exists()


def test_the_source_model_may_be_in_the_folder_of_the_recipe(argon, model_copy):
    Path("recipes").mkdir()
    Path("recipes/tiny.json").write_text(json.dumps(resolved(target(START, steps=1))))
    shutil.move("water.keras", "recipes/water.keras")
    found = train("recipes/tiny.json", data=argon)
    assert found.info["origin"]["model"] == "recipes/water.keras"
    water_model("water.keras", scale=5.0)  # the working folder comes first
    assert start_model(target(START), Path("recipes/tiny.json")).path == Path("water.keras")


def test_arguments_of_a_transfer_override_the_recipe(water):
    given = target({"model": "other.keras", "strategy": "lora", "radial": "stretch", "freeze": [ENCODER]})
    made = transfer_recipe(given, water, {"strategy": "heads", "freeze": None}, frames=3)
    start = made.training.start_from
    assert (start.model, start.strategy, start.radial, start.freeze) == ("water.keras", "heads", "stretch", [ENCODER])
    assert made.data.split.frames == 3
    with refused(RecipeError, "stratagem"):
        transfer_recipe(given, water, {"stratagem": "heads"})


# --- strategies -----------------------------------------------------------------------------------------------------

# The last checkpoint is the only one of its stage, so that it is the model however good it is.
LAST = {"epochs": 5, "checkpoint_every": 100, "warmup": {"epochs": 0}, "validation_frames": 1}
STRATEGIES = {"heads": 1, "staged": 3, "discriminative": 1, "lora": 3}  # how many steps suffice to see them


def of_strategy(strategy):
    rank = {"rank": 2} if strategy == "lora" else {}
    return target(START | {"strategy": strategy} | rank, **LAST, steps=STRATEGIES[strategy])


@pytest.fixture(scope="module")
def by_strategy(water, argon, workshop):
    """Models by strategy, read from their files."""
    for strategy in STRATEGIES:
        train(of_strategy(strategy), data=argon, output=f"{strategy}.keras")
    return {strategy: load_model(f"{strategy}.keras") for strategy in STRATEGIES}


@pytest.fixture(scope="module")
def copied(water, argon, workshop):
    """The weights before any training, by layer."""
    model = transfer_start(water, target(START), argon).model
    return {layer: weights(model, layer) for layer in (ENCODER, MESSAGES, HEAD)}


def largest_change(model, copied, layer):
    """Largest change of a weight in a layer."""
    found = weights(model, layer)
    return max(np.abs(found[path] - value).max() for path, value in copied[layer].items())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_gives_a_plain_model(by_strategy, started, argon, strategy):
    model = by_strategy[strategy]
    assert weights(model).keys() == weights(started).keys()  # without adapters
    forces = model.forces(open_dataset(argon)[0])
    assert forces.shape == (8, 3)
    assert np.all(np.isfinite(forces))
    assert np.abs(forces).max() > 0
    assert model.recipe.training.start_from.strategy == strategy


def test_heads_keeps_the_copied_layers_below_exactly(by_strategy, copied):
    for layer in (ENCODER, MESSAGES):
        assert_same(weights(by_strategy["heads"], layer), copied[layer])
    assert largest_change(by_strategy["heads"], copied, HEAD) > 1e-3


def test_heads_keeps_copied_moving_averages(argon, folder):
    """They are not trainable, but would change the input of the head."""
    norm = {"layer": "graph_norm", "statistics": "running"}
    stack = {"layers": [STACK["layers"][0], norm, *STACK["layers"][1:]]}
    source = water_model(model=stack)
    averages = source.network.get_layer("graph_norm_1").non_trainable_weights
    assert len(averages) == 3
    for weight in averages:
        weight.assign(weight + 0.5)
    moved = transfer(source, target(model=stack, steps=1), data=argon, strategy="heads")
    assert_same(weights(moved, "graph_norm_1"), weights(source, "graph_norm_1"))


def test_staged_trains_only_the_head_for_a_fifth(by_strategy, copied, workshop):
    first, last = checkpoints(workshop / "runs/staged-001/checkpoints")
    assert (first.step, last.step) == (1, 3)
    model = load_model(workshop / "staged.keras")
    load_checkpoint(first, model.network)
    for layer in (ENCODER, MESSAGES):
        assert_same(weights(model, layer), copied[layer])
        assert largest_change(by_strategy["staged"], copied, layer) > 1e-3
    assert largest_change(model, copied, HEAD) > 1e-3


def test_discriminative_changes_lower_layers_less(by_strategy, copied):
    """The first step of Adam changes each weight by the learning rate, 0.01; below the head 2.6 times less."""
    changes = {
        layer: largest_change(by_strategy["discriminative"], copied, layer) for layer in (HEAD, MESSAGES, ENCODER)
    }
    assert changes == pytest.approx({HEAD: 0.01, MESSAGES: 0.01 / 2.6, ENCODER: 0.01 / 2.6**2}, rel=2e-3)


def test_lora_adds_products_of_low_rank_to_matrices(by_strategy, copied):
    ranks = []
    for layer, before in copied.items():
        found = weights(by_strategy["lora"], layer)
        for path, value in before.items():
            if path.endswith("kernel") and min(value.shape) > 2:
                sizes = np.linalg.svd(found[path] - value, compute_uv=False)
                assert sizes[0] > 1e-4
                assert sizes[2:].max() < 1e-3 * sizes[0]
                ranks.append(int(np.sum(sizes > 1e-3 * sizes[0])))
    assert len(ranks) >= 6
    assert 2 in ranks  # the requested rank is used


@pytest.mark.parametrize("strategy", ["staged", "lora"])
def test_a_resumed_training_gives_the_same_model(by_strategy, argon, model_copy, monkeypatch, strategy):
    made, follow = of_strategy(strategy), Trainer._validate

    def stop(self, log, step, *args):
        follow(self, log, step, *args)
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_validate", stop)
        with pytest.raises(Interrupted):
            train(made, data=argon)
    assert not Path("tiny.keras").exists()
    resumed = train(made, data=argon, resume=True)
    assert_same(weights(resumed), weights(by_strategy[strategy]))
    assert resumed.info["training"]["steps"] == made.training.steps
    assert [path.name for path in Path("runs").iterdir()] == ["tiny-001"]


def test_a_training_is_resumed_without_the_source_model(argon, model_copy, monkeypatch):
    made, follow = target(START, epochs=2, checkpoint_every=1), Trainer._validate

    def stop(self, *args):
        follow(self, *args)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_validate", stop)
        with pytest.raises(Interrupted):
            train(made, data=argon)
    Path("water.keras").unlink()
    assert train(made, data=argon, resume=True).info["training"]["steps"] == 6


# --- provenance -----------------------------------------------------------------------------------------------------


def test_provenance_goes_back_to_the_first_model(started, argon, workshop, folder):
    last = workshop / "started.keras"
    transfer(last, target(steps=1), data=argon, frames=1000, output="again.keras")
    info = load_model("again.keras").info
    origin, first = info["origin"], info["origin"]["origin"]
    assert (origin["model"], origin["recipe"], origin["dataset"]["path"]) == (str(last), "tiny", str(argon))
    assert origin["sha256"] == hashlib.sha256(last.read_bytes()).hexdigest()
    assert (first["model"], first["recipe"], first["origin"]) == ("water.keras", "tinywater", None)
    assert first["sha256"] == hashlib.sha256((workshop / "water.keras").read_bytes()).hexdigest()
    assert first["moves"] == started.info["origin"]["moves"]
    assert "pairs" in origin
    assert "pairs" not in first  # of a network that was not saved
    assert info["split"] == started.info["split"]  # a thousand frames are all that there are


# --- few frames -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [None, START], ids=["scratch", "transfer"])
def test_few_frames_are_evenly_spaced_and_determine_the_scales(started, argon, model_copy, start):
    raw = resolved(target(start, steps=1))
    raw["data"]["split"]["frames"] = 2
    Path("tiny.json").write_text(json.dumps(raw))
    model = train("tiny.json", data=argon)
    everything, few = started.info["split"], model.info["split"]
    assert few["train"] == even_sample(np.array(everything["train"]), 2).tolist()
    assert (few["validation"], few["test"]) == (everything["validation"], everything["test"])
    statistics = training_statistics(GraphSource(open_dataset(argon), ["Ar"], 6.0), np.array(few["train"]))
    assert model.info["statistics"] == json.loads(json.dumps(statistics.to_json()))
    assert model.network.get_layer(SCALE).factor.numpy() == pytest.approx(statistics.force_rms, rel=1e-6)
    assert statistics.force_rms != pytest.approx(started.info["statistics"]["force_rms"], rel=1e-3)
