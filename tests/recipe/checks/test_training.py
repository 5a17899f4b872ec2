"""Settings of the training that contradict the recipe are errors with their key and what would fit."""

import pytest

from errors import refused
from gnnzoo.errors import RecipeError
from gnnzoo.recipe.text.summary import summary
from gnnzoo.training.stages import stage_lengths, training_stages
from lines import line_with
from small import ARGON, recipe

DIRECT = {"head": "direct", "share": 0.5}
ENERGY = {"head": "energy", "share": 0.5}
LONG = {"head": "direct", "steps": 5}
SMOOTH = [
    {"layer": "atom_encoder", "units": 4, "activation": "silu"},
    {"layer": "message_passing", "units": 4, "combine": "sum", "activation": "silu"},
    {"layer": "pair_force_decoder", "units": 4, "activation": "silu"},
    {"layer": "energy_decoder", "units": 4},
]


@pytest.mark.parametrize(
    ("training", "key", "names"),
    [
        ({"loss_weights": {"types": {"Arg": 2}}}, "loss_weights.types.Arg", ["Arg", "Did you mean 'Ar'?"]),
        ({"loss_weights": {"energy": 0.1}}, "loss_weights.energy", ["energy_decoder"]),
        ({"loss_weights": {"virial": 0.1}}, "loss_weights.virial", ["energy_decoder"]),
        ({"loss_weights": {"forces": 0}}, "loss_weights.forces", ["above 0"]),
        ({"momentum": 0.9}, "momentum", ["adam", "null", "sgd"]),
        ({"optimizer": "adm"}, "optimizer", ["adm", "Did you mean 'adam'?"]),
        ({"ema": {"decy": 0.9}}, "ema.decy", ["Did you mean 'decay'?"]),
        ({"stages": [DIRECT, ENERGY]}, "stages[1].head", ["no energy head", "direct"]),
        ({"stages": [DIRECT]}, "stages", [0.5, 1]),
        ({"stages": [DIRECT | {"steps": 5}, DIRECT]}, "stages", ["some stages have steps"]),
        ({"stages": [DIRECT, DIRECT], "epochs": 1}, "epochs", ["at least 2"]),
        ({"stages": [LONG, LONG], "steps": 9}, "steps", ["null"]),
        ({"stages": [{"head": "direct"}] * 2}, "stages", ["neither shares nor steps", '"share": 0.5']),
        ({"stages": [DIRECT | {"steps": 5}, LONG]}, "stages", ["some stages have a share"]),
        ({"stages": [DIRECT | {"share": 0.25}, DIRECT | {"share": 0.75}]}, "warmup.epochs", ["0.25 of 4", "at most 0"]),
        ({"stages": [LONG, LONG | {"steps": 15}], "warmup": {"epochs": 2}}, "warmup.epochs", ["0.25 of 4"]),
    ],
)
def test_contradictions_are_an_error_at_their_key(training, key, names):
    with refused(RecipeError, *names, key=f"training.{key}"):
        recipe(training=training)


def test_a_stack_with_two_heads_ends_with_its_energy():
    model = {"layers": SMOOTH}
    assert recipe(model=model, training={"stages": [DIRECT, ENERGY], "loss_weights": {"energy": 1}})
    with refused(RecipeError, "last stage", key="training.stages[1].head", expected="energy"):
        recipe(model=model, training={"stages": [ENERGY, DIRECT]})


def test_stages_of_steps_need_no_shares():
    training = recipe(training={"stages": [LONG, LONG | {"steps": 15}], "warmup": {"epochs": 0}}).training
    assert training.shares() == [0.25, 0.75]
    assert [phase.epochs for phase in training_stages(training)] == [1, 3]
    assert stage_lengths(training, 100) == [5, 15]


def test_the_error_about_a_warm_up_states_the_longest_possible():
    stages = [DIRECT | {"share": 0.4}, DIRECT | {"share": 0.6}]
    with refused(RecipeError, 2.8, "0.4 of 7", key="training.warmup.epochs", expected="at most 2", hint="8 or more"):
        recipe(training={"stages": stages, "warmup": {"epochs": 3}, "epochs": 7})
    assert recipe(training={"stages": stages, "warmup": {"epochs": 2}, "epochs": 7})
    assert recipe(training={"stages": stages, "warmup": {"epochs": 3}, "epochs": 8})


@pytest.mark.parametrize("stages", [[], [ENERGY | {"share": 1}]])
def test_a_direct_head_that_no_stage_trains_is_refused(stages):
    example = '[{"head": "direct", "share": 0.4}, {"head": "energy", "share": 0.6}]'
    with refused(RecipeError, key="training.stages", expected=example):
        recipe(model={"layers": SMOOTH}, training={"stages": stages})


def test_a_direct_stage_needs_forces_in_the_loss():
    weights = {"forces": 0, "energy": 1}
    with refused(RecipeError, "direct stage", key="training.loss_weights.forces"):
        recipe(model={"layers": SMOOTH}, training={"stages": [DIRECT, ENERGY], "loss_weights": weights})
    alone = {"layers": [*SMOOTH[:2], SMOOTH[3]]}
    assert recipe(model=alone, training={"loss_weights": weights}).training.loss_weights.forces == 0


def test_where_the_recipe_names_no_species_the_data_decide():
    layers = [ARGON["model"]["layers"][0] | {"inputs": "species"}, *ARGON["model"]["layers"][1:]]
    loose = {"types": None, "atoms": {}}
    assert recipe(data=loose, model={"layers": layers}, training={"loss_weights": {"types": {"anything": 2}}})


def test_weights_of_energies_and_virials_are_summed_up():
    layers = [layer for layer in SMOOTH if "force" not in layer["layer"]]
    made = recipe(model={"layers": layers}, training={"loss_weights": {"energy": 0.5, "virial": 2}})
    line_with(dict(summary(made))["loss"], "forces 1", "energy 0.5", "virial 2")
