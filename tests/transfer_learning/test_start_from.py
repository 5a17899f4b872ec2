"""Recipes whose training starts from a model: the same as a transfer, by every strategy, traced, with few frames."""

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import even_sample, training_statistics
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import RecipeError
from gnnzoo.models.files import load_model
from gnnzoo.recipe.io.load import resolved
from gnnzoo.training.checkpoints import checkpoints, load_checkpoint
from gnnzoo.training.loop import Interrupted, Trainer
from gnnzoo.workflows.train import train
from gnnzoo.workflows.transfer import start_model, started_from, transfer
from transfers import (
    ENCODER,
    HEAD,
    MESSAGES,
    SCALE,
    STACK,
    argon_h5,
    assert_same,
    begun,
    differ,
    target,
    water_model,
    weights,
)

START = {"model": "water.keras"}


pytestmark = pytest.mark.usefixtures("few_points")


@pytest.fixture(scope="module")
def argon(workshop):
    return argon_h5(workshop)


@pytest.fixture(scope="module")
def water(workshop):
    return water_model()


@pytest.fixture(scope="module")
def started(water, argon, workshop):
    """What training makes of a recipe that starts from water.keras."""
    return train(target(START), data=argon, output="started.keras")


@pytest.fixture
def beside(water, workshop, folder):
    """A working folder of its own with that model in it."""
    shutil.copy(workshop / "water.keras", folder / "water.keras")
    return folder


# --- training is a transfer ---------------------------------------------------------------------------------------


def test_a_recipe_that_starts_from_a_model_is_trained_as_the_transfer_is(started, argon, beside):
    moved = transfer("water.keras", target(), data=argon)
    assert moved.path == Path("tiny-from-water.keras")
    assert_same(weights(moved), weights(started))
    assert moved.recipe == started.recipe
    assert moved.info["origin"] == started.info["origin"]


def test_it_is_trained_from_the_weights_of_the_model(started, water, argon, workshop):
    copied = weights(begun(water, target(START), argon).model)
    assert differ(weights(started), copied)
    origin = load_model(workshop / "started.keras").info["origin"]
    actions = {layer: action for layer, action, *_ in origin["moves"]}
    assert actions == {ENCODER: "copied", MESSAGES: "copied", HEAD: "copied", SCALE: "from the target"}
    state = json.loads((workshop / "runs/started-001/run.json").read_text())
    assert state["recipe"] == resolved(target(START))
    assert (state["status"], state["origin"]["model"]) == ("done", "water.keras")


def test_a_model_that_is_not_there_is_refused_with_what_makes_it(argon, folder):
    Path("mine.json").write_text(json.dumps(resolved(target(START))))
    with pytest.raises(RecipeError, match=r"there is no model 'water\.keras' to start from") as caught:
        train("mine.json", data=argon)
    assert str(caught.value.location) == "mine.json, training.start_from.model"
    assert "gnnzoo train water makes it" in caught.value.hint
    assert "gnnzoo transfer MODEL --target mine.json" in caught.value.hint
    assert not Path("runs").exists()


def test_a_model_is_looked_up_beside_the_recipe_too(argon, beside):
    Path("recipes").mkdir()
    Path("recipes/tiny.json").write_text(json.dumps(resolved(target(START, steps=1))))
    shutil.move("water.keras", "recipes/water.keras")
    found = train("recipes/tiny.json", data=argon)
    assert found.info["origin"]["model"] == "recipes/water.keras"
    water_model("water.keras", scale=5.0)  # the working folder comes first
    assert start_model(target(START), Path("recipes/tiny.json")).path == Path("water.keras")


def test_what_a_transfer_is_told_stands_above_what_the_target_says(water):
    given = target({"model": "other.keras", "strategy": "lora", "radial": "stretch", "freeze": [ENCODER]})
    made = started_from(given, water, 3, {"strategy": "heads", "freeze": None})
    start = made.training.start_from
    assert (start.model, start.strategy, start.radial, start.freeze) == ("water.keras", "heads", "stretch", [ENCODER])
    assert made.data.split.frames == 3
    with pytest.raises(TypeError, match="has no 'stratagem'"):
        started_from(given, water, None, {"stratagem": "heads"})


# --- strategies ---------------------------------------------------------------------------------------------------

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
    model = begun(water, target(START), argon).model
    return {layer: weights(model, layer) for layer in (ENCODER, MESSAGES, HEAD)}


def farthest(model, copied, layer):
    """How far the weight of a layer has gone that went farthest."""
    found = weights(model, layer)
    return max(np.abs(found[path] - value).max() for path, value in copied[layer].items())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_makes_a_model_like_any_other(by_strategy, started, argon, strategy):
    model = by_strategy[strategy]
    assert weights(model).keys() == weights(started).keys()  # no adapter is left
    forces = model.forces(open_dataset(argon)[0])
    assert forces.shape == (8, 3)
    assert np.all(np.isfinite(forces))
    assert np.abs(forces).max() > 0
    assert model.recipe.training.start_from.strategy == strategy


def test_heads_leaves_the_layers_below_exactly_as_copied(by_strategy, copied):
    for layer in (ENCODER, MESSAGES):
        assert_same(weights(by_strategy["heads"], layer), copied[layer])
    assert farthest(by_strategy["heads"], copied, HEAD) > 1e-3


def test_heads_leaves_moving_averages_as_copied(argon, folder):
    """They are no trainable weights, but others would change what the head sees."""
    norm = {"layer": "graph_norm", "statistics": "running"}
    stack = {"layers": [STACK["layers"][0], norm, *STACK["layers"][1:]]}
    source = water_model(model=stack)
    averages = source.network.get_layer("graph_norm_1").non_trainable_weights
    assert len(averages) == 3
    for weight in averages:
        weight.assign(weight + 0.5)
    moved = transfer(source, target(model=stack, steps=1), data=argon, strategy="heads")
    assert_same(weights(moved, "graph_norm_1"), weights(source, "graph_norm_1"))


def test_staged_trains_the_head_alone_for_a_fifth(by_strategy, copied, workshop):
    first, last = checkpoints(workshop / "runs/staged-001/checkpoints")
    assert (first.step, last.step) == (1, 3)
    model = load_model(workshop / "staged.keras")
    load_checkpoint(first, model.network)
    for layer in (ENCODER, MESSAGES):
        assert_same(weights(model, layer), copied[layer])
        assert farthest(by_strategy["staged"], copied, layer) > 1e-3
    assert farthest(model, copied, HEAD) > 1e-3


def test_discriminative_moves_lower_layers_less(by_strategy, copied):
    """The first step of Adam goes as far as the learning rate, 0.01, in each weight; below the head 2.6 times less."""
    far = {layer: farthest(by_strategy["discriminative"], copied, layer) for layer in (HEAD, MESSAGES, ENCODER)}
    assert far == pytest.approx({HEAD: 0.01, MESSAGES: 0.01 / 2.6, ENCODER: 0.01 / 2.6**2}, rel=2e-3)


def test_lora_adds_narrow_products_to_matrices(by_strategy, copied):
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
    assert 2 in ranks  # the width that was asked for is used


@pytest.mark.parametrize("strategy", ["staged", "lora"])
def test_a_stopped_training_goes_on_to_the_same_end(by_strategy, argon, beside, monkeypatch, strategy):
    made, follow = of_strategy(strategy), Trainer._log_row

    def stop(self, log, step, *args):
        follow(self, log, step, *args)
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_log_row", stop)
        with pytest.raises(Interrupted):
            train(made, data=argon)
    assert not Path("tiny.keras").exists()
    resumed = train(made, data=argon, resume=True)
    assert_same(weights(resumed), weights(by_strategy[strategy]))
    assert resumed.info["training"]["steps"] == made.training.steps
    assert [path.name for path in Path("runs").iterdir()] == ["tiny-001"]


def test_a_stopped_training_goes_on_without_the_model_it_started_from(argon, beside, monkeypatch):
    """As a transfer does."""
    made, follow = target(START, epochs=2, checkpoint_every=1), Trainer._log_row

    def stop(self, *args):
        follow(self, *args)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_log_row", stop)
        with pytest.raises(Interrupted):
            train(made, data=argon)
    Path("water.keras").unlink()
    assert train(made, data=argon, resume=True).info["training"]["steps"] == 6


# --- where weights came from --------------------------------------------------------------------------------------


def test_the_chain_of_transfers_leads_back_to_the_first_model(started, argon, workshop, folder):
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
    assert "pairs" not in first  # curves of a network that nobody has
    assert info["split"] == started.info["split"]  # a thousand frames are all that there are


# --- few frames ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [None, START], ids=["scratch", "transfer"])
def test_few_frames_are_spread_and_scales_come_from_them_alone(started, argon, beside, start):
    raw = resolved(target(start, steps=1))
    raw["data"]["split"]["frames"] = 2
    Path("tiny.json").write_text(json.dumps(raw))
    model = train("tiny.json", data=argon)
    everything, few = started.info["split"], model.info["split"]
    assert few["train"] == even_sample(np.array(everything["train"]), 2).tolist()
    assert (few["validation"], few["test"]) == (everything["validation"], everything["test"])
    statistics = training_statistics(GraphSource(open_dataset(argon), ["Ar"], 6.0), np.array(few["train"]))
    assert model.info["statistics"] == json.loads(json.dumps(statistics.as_dict()))
    assert model.network.get_layer(SCALE).factor.numpy() == pytest.approx(statistics.force_rms, rel=1e-6)
    assert statistics.force_rms != pytest.approx(started.info["statistics"]["force_rms"], rel=1e-3)
