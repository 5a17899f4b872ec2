"""What a training asks that its recipe cannot give: refused with its place and what would fit."""

import pytest

from gnnzoo.errors import RecipeError
from gnnzoo.recipe.text.summary import summary
from gnnzoo.training.stages import lengths_of, training_stages
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
    ("training", "problem"),
    [
        (
            {"loss_weights": {"types": {"Arg": 2}}},
            "training.loss_weights.types.Arg: unknown species 'Arg'. Did you mean 'Ar'?",
        ),
        ({"loss_weights": {"energy": 0.1}}, "training.loss_weights.energy: the network has no energy"),
        ({"loss_weights": {"virial": 0.1}}, "training.loss_weights.virial: the network has no virial"),
        ({"loss_weights": {"forces": 0}}, "training.loss_weights.forces: nothing counts in the loss"),
        ({"momentum": 0.9}, "training.momentum: the optimizer adam has none to set"),
        ({"optimizer": "adm"}, "training.optimizer: \"adm\" is not possible. Did you mean 'adam'?"),
        ({"ema": {"decy": 0.9}}, "training.ema.decy: unknown key. Did you mean 'decay'?"),
        ({"stages": [DIRECT, ENERGY]}, "training.stages[1].head: the stack has no energy head"),
        ({"stages": [DIRECT]}, "training.stages: the shares make 0.5"),
        ({"stages": [DIRECT | {"steps": 5}, DIRECT]}, "training.stages: some stages have steps and some have none"),
        ({"stages": [DIRECT, DIRECT], "epochs": 1}, "training.epochs: fewer epochs than stages"),
        ({"stages": [LONG, LONG], "steps": 9}, "training.steps: the stages have steps of their own"),
        ({"stages": [{"head": "direct"}] * 2}, "training.stages: the stages have neither shares nor steps"),
        (
            {"stages": [DIRECT | {"steps": 5}, LONG]},
            "training.stages: some stages have a share and some have none",
        ),
        (
            {"stages": [DIRECT | {"share": 0.25}, DIRECT | {"share": 0.75}]},
            "training.warmup.epochs: a stage of 1 epochs (0.25 of 4) would be over within its warm-up",
        ),
        (
            {"stages": [LONG, LONG | {"steps": 15}], "warmup": {"epochs": 2}},
            "training.warmup.epochs: a stage of 1 epochs (0.25 of 4) would be over within its warm-up",
        ),
    ],
)
def test_refused(training, problem):
    with pytest.raises(RecipeError) as caught:
        recipe(training=training)
    assert str(caught.value).startswith(problem)


def test_a_stack_with_two_heads_ends_with_its_energy():
    model = {"layers": SMOOTH}
    assert recipe(model=model, training={"stages": [DIRECT, ENERGY], "loss_weights": {"energy": 1}})
    with pytest.raises(RecipeError, match=r"training\.stages\[1\]\.head: the last stage makes the model"):
        recipe(model=model, training={"stages": [ENERGY, DIRECT]})


def test_stages_of_steps_need_no_shares():
    training = recipe(training={"stages": [LONG, LONG | {"steps": 15}], "warmup": {"epochs": 0}}).training
    assert training.shares() == [0.25, 0.75]
    assert [phase.epochs for phase in training_stages(training)] == [1, 3]
    assert lengths_of(training, 100) == [5, 15]


def test_a_warm_up_tells_how_short_it_must_be():
    stages = [DIRECT | {"share": 0.4}, DIRECT | {"share": 0.6}]
    with pytest.raises(RecipeError) as caught:
        recipe(training={"stages": stages, "warmup": {"epochs": 3}, "epochs": 7})
    assert "a stage of 2.8 epochs (0.4 of 7)" in str(caught.value)
    assert "expected: at most 2\n  next: or training.epochs of 8 or more" in str(caught.value)
    assert recipe(training={"stages": stages, "warmup": {"epochs": 2}, "epochs": 7})
    assert recipe(training={"stages": stages, "warmup": {"epochs": 3}, "epochs": 8})


@pytest.mark.parametrize("stages", [[], [ENERGY | {"share": 1}]])
def test_a_direct_head_that_no_stage_trains_is_refused(stages):
    with pytest.raises(
        RecipeError, match=r"^training\.stages: the stack has a direct head before its energy"
    ) as caught:
        recipe(model={"layers": SMOOTH}, training={"stages": stages})
    assert '[{"head": "direct", "share": 0.4}, {"head": "energy", "share": 0.6}]' in str(caught.value)


def test_a_direct_stage_wants_forces_in_the_loss():
    weights = {"forces": 0, "energy": 1}
    with pytest.raises(RecipeError, match=r"^training\.loss_weights\.forces: nothing counts in the loss of the direct"):
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
    assert "forces 1, energy 0.5, virial 2" in dict(summary(made))["loss"]
