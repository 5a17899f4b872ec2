"""What a training asks that its recipe cannot give: refused with its place and what would fit."""

import pytest

from gnnzoo.errors import RecipeError
from small import ARGON, recipe

DIRECT = {"head": "direct", "share": 0.5}
ENERGY = {"head": "energy", "share": 0.5}
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
        ({"loss_weights": {"forces": 0}}, "training.loss_weights.forces: nothing counts in the loss"),
        ({"momentum": 0.9}, "training.momentum: the optimizer adam has none to set"),
        ({"optimizer": "adm"}, "training.optimizer: \"adm\" is not possible. Did you mean 'adam'?"),
        ({"ema": {"decy": 0.9}}, "training.ema.decy: unknown key. Did you mean 'decay'?"),
        ({"stages": [DIRECT, ENERGY]}, "training.stages[1].head: the stack has no energy head"),
        ({"stages": [DIRECT]}, "training.stages: the shares make 0.5"),
        ({"stages": [DIRECT | {"steps": 5}, DIRECT]}, "training.stages: some stages have steps and some have none"),
        ({"stages": [DIRECT, DIRECT], "epochs": 1}, "training.epochs: fewer epochs than stages"),
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


def test_where_the_recipe_names_no_species_the_data_decide():
    layers = [ARGON["model"]["layers"][0] | {"inputs": "species"}, *ARGON["model"]["layers"][1:]]
    loose = {"types": None, "atoms": {}}
    assert recipe(data=loose, model={"layers": layers}, training={"loss_weights": {"types": {"anything": 2}}})
