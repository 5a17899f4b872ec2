"""Strategies as learning-rate factors and stages, and the effect of a factor on a training step."""

import numpy as np
import pytest

from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.training.rates import layer_rates
from gnnzoo.training.stages import training_stages
from gnnzoo.transfer_learning.strategies import apply_strategy
from small import recipe
from trainers import STAGES, TWO_HEADS, trainer

PLAIN = {"units": 4, "hidden_layers": 0, "activation": "silu"}
LAYERS = [
    {"layer": "atom_encoder", **PLAIN, "name": "first"},
    {"layer": "graph_norm", "statistics": "running", "name": "norm"},
    {"layer": "message_passing", "combine": "sum", **PLAIN, "name": "message"},
    {"layer": "silu"},
    {"layer": "pair_force_decoder", **PLAIN, "name": "head"},
]
NAMES = ["first", "norm", "message", "silu_1", "head"]
MOVED = {"first", "norm", "message", "head"}  # silu has no weights


def strategy(kind, moved=MOVED, layers=LAYERS, start=(), **training):
    """Training settings of a recipe with a strategy."""
    start = {"model": "water.keras", "strategy": kind, **dict(start)}
    made = recipe(model={"layers": layers}, training={"start_from": start, "epochs": 10, **training})
    return apply_strategy(made, moved)


def rates(kind, moved=MOVED, **given):
    """Learning-rate factors other than 1 by layer, for each stage."""
    found = [layer_rates(phase.rates, NAMES) for phase in training_stages(strategy(kind, moved, **given))]
    return [{name: rate for name, rate in of_stage.items() if rate != 1} for of_stage in found]


# --- strategies by hand ---------------------------------------------------------------------------------------------


def test_full_trains_all_layers_at_the_full_rate():
    assert rates("full") == [{}]


def test_lora_sets_no_rates():
    assert rates("lora") == [{}]
    assert rates("lora", start={"freeze": ["norm"]}, rates={"first": 0.5}) == [{"first": 0.5, "norm": 0}]


def test_heads_freezes_copied_layers_below_the_heads():
    assert rates("heads") == [{"first": 0, "norm": 0, "message": 0}]


def test_staged_trains_the_heads_for_a_fifth_and_then_all_layers():
    assert rates("staged") == [{"first": 0, "norm": 0, "message": 0}, {}]
    training = strategy("staged")
    assert [stage.share for stage in training.stages] == pytest.approx([0.2, 0.8])
    assert {stage.head for stage in training.stages} == {None}
    assert [phase.epochs for phase in training_stages(training)] == [2, 8]


def test_discriminative_rates_fall_by_a_constant_factor_below_the_heads():
    """A normalisation, which mixes no channels, has the rate of the layer below it."""
    (found,) = rates("discriminative")
    assert found == pytest.approx({"message": 1 / 2.6, "norm": 1 / 2.6**2, "first": 1 / 2.6**2})


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("heads", [{"first": 0, "norm": 0}]),
        ("staged", [{"first": 0, "norm": 0}, {}]),
        ("discriminative", [{"norm": 1 / 2.6, "first": 1 / 2.6}]),
    ],
)
def test_layers_that_were_not_copied_are_trained_at_the_full_rate(kind, expected):
    assert rates(kind, moved=MOVED - {"message", "head"}) == [pytest.approx(of_stage) for of_stage in expected]


def test_both_of_two_heads_are_trained():
    names = layer_names(recipe(model=TWO_HEADS, training={"stages": STAGES}))
    training = strategy("heads", set(names), TWO_HEADS["layers"], stages=STAGES)
    assert training.rates == {"atom_encoder_1": 0, "message_passing_1": 0}


def test_other_training_settings_are_kept():
    for kind in ("full", "heads", "staged", "discriminative", "lora"):
        training = strategy(kind, loss="l2", seed=3)
        changes = {"rates": {}, "stages": []}
        expected = recipe(
            model={"layers": LAYERS},
            training={"start_from": {"model": "water.keras", "strategy": kind}, "epochs": 10, "loss": "l2", "seed": 3},
        )
        assert training.model_copy(update=changes) == expected.training


# --- order of precedence --------------------------------------------------------------------------------------------


def test_rates_of_the_recipe_override_those_of_the_strategy():
    own = {"message": 0.5}
    assert rates("heads", rates=own) == [{"first": 0, "norm": 0, "message": 0.5}]
    assert rates("staged", rates=own) == [{"first": 0, "norm": 0, "message": 0.5}, {"message": 0.5}]
    (found,) = rates("discriminative", rates=own | {"f*": 1})
    assert found == pytest.approx({"message": 0.5, "norm": 1 / 2.6**2})


@pytest.mark.parametrize("kind", ["full", "heads", "staged", "discriminative", "lora"])
def test_freeze_overrides_all_rates(kind):
    for of_stage in rates(kind, start={"freeze": ["m*", "head"]}, rates={"head": 0.5, "message": 2}):
        assert of_stage["head"] == of_stage["message"] == 0


@pytest.mark.parametrize("kind", ["full", "heads", "discriminative"])
def test_freeze_overrides_a_later_pattern(kind):
    (found,) = rates(kind, start={"freeze": ["message"]}, rates={"message": 0.5, "*": 0.25})
    assert found == {"first": 0.25, "norm": 0.25, "message": 0, "silu_1": 0.25, "head": 0.25}


@pytest.mark.parametrize("kind", ["full", "heads", "staged", "discriminative"])
def test_the_last_matching_rate_of_the_recipe_counts_with_any_strategy(kind):
    for of_stage in rates(kind, rates={"m*": 0.5, "message": 0.25}):
        assert of_stage["message"] == 0.25


def test_freeze_holds_in_every_stage_of_the_recipe():
    """Also in a stage with its own rates."""
    stages = [{"share": 0.5, "rates": {"norm": 0.5}}, {"share": 0.5}]
    found = rates("full", start={"freeze": ["message"]}, stages=stages)
    assert found == [{"norm": 0.5, "message": 0}, {"message": 0}]


def test_the_last_matching_pattern_counts():
    names = ["a_1", "a_2", "b_1"]
    assert layer_rates({}, names) == {"a_1": 1, "a_2": 1, "b_1": 1}
    assert layer_rates({"a_*": 0.5, "a_2": 0.1}, names) == {"a_1": 0.5, "a_2": 0.1, "b_1": 1}
    assert layer_rates({"a_2": 0.1, "a_*": 0.5}, names) == {"a_1": 0.5, "a_2": 0.5, "b_1": 1}
    assert layer_rates({"*": 0, "*_1": 1}, names) == {"a_1": 1, "a_2": 0, "b_1": 1}
    assert layer_rates({"A_*": 0, "other": 0}, names) == {"a_1": 1, "a_2": 1, "b_1": 1}  # case counts


# --- steps ----------------------------------------------------------------------------------------------------------


def stepped(run, steps):
    """Run steps of a trainer; returns the weights before and after, by path."""
    before = {weight.path: weight.numpy() for weight in run.network.weights}
    run._begin(False, None, None)
    for step in range(steps):
        run._run_step(run.sampler.batch(step), step)
    return before, {weight.path: weight.numpy() for weight in run.network.weights}


def unchanged_and_changed(before, after):
    """Layers of which no weight changed, and layers of which all weights changed."""
    layers = dict.fromkeys(path.split("/")[0] for path in before)
    same = {path: np.array_equal(before[path], after[path]) for path in before}
    of = {name: [value for path, value in same.items() if path.startswith(f"{name}/")] for name in layers}
    return {name for name in layers if all(of[name])}, {name for name in layers if not any(of[name])}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"optimizer": "adamw", "weight_decay": 0.1, "clip_norm": 0.1, "ema": {"decay": 0.5}},
        {"optimizer": "muon"},
    ],
    ids=["adam", "decay", "muon"],
)
def test_a_layer_of_rate_zero_does_not_change(tmp_path, uncompiled, more):
    run = trainer(tmp_path / "a", model={"layers": LAYERS}, rates={"first": 0, "norm": 0}, **more)
    before, after = stepped(run, 4)
    moving = [path for path in before if path.startswith("norm/moving")]
    assert len(moving) == 2 and "norm/batches" in before
    assert unchanged_and_changed(before, after) == ({"first", "norm", "force_scale"}, {"message", "head"})


def test_without_rates_all_weights_and_moving_averages_change(tmp_path, uncompiled):
    before, after = stepped(trainer(tmp_path / "a", model={"layers": LAYERS}), 2)
    moved = unchanged_and_changed(before, after)[1]
    assert moved == {"norm", "message", "head"}
    assert not np.array_equal(before["norm/moving_mean"], after["norm/moving_mean"])


def test_a_complete_training_does_not_change_frozen_layers(tmp_path, uncompiled):
    """With the averaged weights and the checkpoint that is loaded at the end."""
    given = {"rates": {"norm": 0, "m*": 0}, "epochs": 2, "ema": {"decay": 0.9}, "checkpoint_every": 1}
    run = trainer(tmp_path / "a", model={"layers": LAYERS}, **given)
    before = {weight.path: weight.numpy() for weight in run.network.weights}
    run.run()
    after = {weight.path: weight.numpy() for weight in run.network.weights}
    assert unchanged_and_changed(before, after)[0] == {"norm", "message", "force_scale"}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_half_the_rate_gives_exactly_half_the_step(tmp_path, uncompiled, optimizer):
    layers = [entry for entry in LAYERS if entry["layer"] != "graph_norm"]
    given = {"model": {"layers": layers}, "optimizer": optimizer, "warmup": {"epochs": 0}}
    before, whole = stepped(trainer(tmp_path / "a", **given), 1)
    again, half = stepped(trainer(tmp_path / "b", rates={"message": 0.5}, **given), 1)
    for path, value in before.items():
        np.testing.assert_array_equal(again[path], value)
        if not path.startswith("message/"):
            np.testing.assert_array_equal(half[path], whole[path], err_msg=path)
            continue
        step = whole[path].astype(np.float64) - value
        assert np.max(np.abs(step)) > 5e-5
        rounding = np.spacing(np.maximum(np.abs(value), np.abs(whole[path])))
        assert np.all(np.abs(half[path] - value - step / 2) <= rounding), path


def test_each_stage_has_its_own_rates(tmp_path, uncompiled):
    """Ten steps: in the first five the message layer is frozen, in the last five the head."""
    stages = [{"share": 0.5, "rates": {"message": 0}}, {"share": 0.5}]
    run = trainer(
        tmp_path / "a", model={"layers": LAYERS}, stages=stages, rates={"head": 0}, epochs=2, warmup={"epochs": 0}
    )
    before, middle = stepped(run, 5)
    assert {"message", "head"} & unchanged_and_changed(before, middle)[0] == {"message"}
    for step in range(5, 10):
        run._run_step(run.sampler.batch(step), step)
    after = {weight.path: weight.numpy() for weight in run.network.weights}
    assert {"message", "head"} & unchanged_and_changed(middle, after)[0] == {"head"}
