"""What a transfer and the rates of layers ask of the stack: refused with its place and what would fit."""

import pytest

from gnnzoo.errors import RecipeError
from gnnzoo.recipe.schema.transfer import StartFrom, matching
from small import ARGON, recipe

START = {"model": "water.keras"}
HALF = {"share": 0.5}
SMOOTH = [
    {"layer": "atom_encoder", "units": 4, "activation": "silu"},
    {"layer": "message_passing", "units": 4, "combine": "sum", "activation": "silu"},
    {"layer": "pair_force_decoder", "units": 4, "activation": "silu"},
    {"layer": "energy_decoder", "units": 4},
]
NAMES = "atom_encoder_1, graph_norm_1, message_passing_1, prelu_1, pair_force_decoder_1"


def one_hot():
    """The small stack, its atom encoder with learned species."""
    layers = [ARGON["model"]["layers"][0] | {"inputs": "species"}, *ARGON["model"]["layers"][1:]]
    return {"layers": layers}


# --- names of layers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("training", "location", "nearest"),
    [
        ({"rates": {"prelu_2": 0.5}}, "rates.prelu_2", "prelu_1"),
        ({"rates": {"graph_norm_1": 1, "mesage_passing_*": 0}}, "rates.mesage_passing_*", "message_passing_1"),
        ({"stages": [HALF, HALF | {"rates": {"prelu1": 0}}]}, "stages[1].rates.prelu1", "prelu_1"),
        ({"start_from": START | {"freeze": ["prelu_1", "graphnorm_1"]}}, "start_from.freeze[1]", "graph_norm_1"),
        ({"start_from": START | {"reset": ["pair_force_decodr*"]}}, "start_from.reset[0]", "pair_force_decoder_1"),
        ({"start_from": START | {"reset": ["Prelu_1"]}}, "start_from.reset[0]", "prelu_1"),  # case counts
    ],
)
def test_a_name_that_no_layer_has_is_refused_with_the_nearest(training, location, nearest):
    with pytest.raises(RecipeError) as caught:
        recipe(training=training)
    assert caught.value.location.key == f"training.{location}"
    assert caught.value.what.startswith("no layer is called '")
    assert caught.value.what.endswith(f"Did you mean '{nearest}'?")
    assert caught.value.expected == f"one of {NAMES}, or a pattern such as pair_force_decoder*"


def test_a_name_near_to_none_is_refused_without_one():
    with pytest.raises(RecipeError) as caught:
        recipe(training={"rates": {"wave_*": 0}})
    assert caught.value.what == "no layer is called 'wave_*'."


def test_names_are_those_of_the_recipe_where_it_gives_some():
    layers = [entry | {"name": f"step.{number}"} for number, entry in enumerate(ARGON["model"]["layers"])]
    model = {"layers": layers}
    made = recipe(model=model, training={"rates": {"step.1": 0.5, "*.2": 0, "step.[34]": 2}})
    assert list(made.training.rates) == ["step.1", "*.2", "step.[34]"]
    with pytest.raises(RecipeError, match="no layer is called 'graph_norm_1'"):
        recipe(model=model, training={"rates": {"graph_norm_1": 0.5}})


def test_each_misspelt_name_is_told():
    training = {"rates": {"prelu": 0}, "start_from": START | {"freeze": ["graph_norm"], "reset": ["prelu_1"]}}
    with pytest.raises(RecipeError) as caught:
        recipe(training=training)
    places = [problem.location.key for problem in caught.value.problems]
    assert places == ["training.rates.prelu", "training.start_from.freeze[0]"]


def test_patterns_stand_for_the_names_that_they_match():
    names = ["message_passing_1", "message_passing_2", "prelu_1"]
    assert matching(["message*", "prelu_?"], names) == set(names)
    assert matching(["*_2"], names) == {"message_passing_2"}
    assert matching(["Message*", "passing", "prelu"], names) == matching([], names) == set()


# --- what a strategy asks -----------------------------------------------------------------------------------------


def test_staged_and_stages_of_ones_own_are_refused():
    training = {"stages": [HALF, HALF], "start_from": START | {"strategy": "staged"}}
    with pytest.raises(RecipeError) as caught:
        recipe(training=training)
    assert caught.value.location.key == "training.start_from.strategy"
    assert caught.value.what == "staged makes two stages of the training, and the recipe has stages of its own"
    assert caught.value.expected == "another strategy, or no training.stages"
    for fine in (
        training | {"stages": [], "epochs": 10},
        training | {"start_from": START | {"strategy": "discriminative"}},
    ):
        assert recipe(training=fine)


def test_a_first_stage_within_its_warm_up_is_refused():
    """A fifth of 4 epochs trains the heads alone, and the first epoch is a ramp."""
    with pytest.raises(RecipeError, match=r"the first stage of 0\.8 epochs, of the heads alone") as caught:
        recipe(training={"start_from": START | {"strategy": "staged"}})
    assert caught.value.location.key == "training.start_from.strategy"


def test_a_map_of_species_wants_learned_species():
    start = {"start_from": START | {"map": {"Ar": "O"}}}
    with pytest.raises(RecipeError) as caught:
        recipe(training=start)
    assert caught.value.location.key == "training.start_from.map"
    assert caught.value.what == "species are mapped, but the atom_encoder knows them by charge, epsilon and sigma"
    assert '"inputs": "species"' in caught.value.expected
    assert recipe(model=one_hot(), training=start).training.start_from.map == {"Ar": "O"}


@pytest.mark.parametrize("freeze", [["*"], ["*_1"], NAMES.split(", ")])
def test_everything_frozen_is_refused(freeze):
    with pytest.raises(RecipeError, match="every layer is frozen: nothing is left to be trained") as caught:
        recipe(training={"start_from": START | {"freeze": freeze}})
    assert caught.value.location.key == "training.start_from.freeze"
    assert caught.value.expected == "fewer of them"
    assert recipe(training={"start_from": START | {"freeze": ["[!p]*"]}})


@pytest.mark.parametrize(
    "training",
    [
        {"rates": {"*": 0}},
        {"rates": {"*": 0}, "start_from": START},
        {"stages": [HALF | {"rates": {"*": 0}}, HALF]},
        {"rates": {"graph*": 0}, "start_from": START | {"freeze": ["[!g]*"]}},
    ],
    ids=["rates", "rates of a transfer", "a stage", "rates and freeze"],
)
def test_everything_frozen_by_rates_is_refused(training):
    with pytest.raises(RecipeError, match=r"^training\..*nothing is left to be trained"):
        recipe(training=training)


def test_frozen_layers_without_weights_count_for_nothing():
    """An activation has no weights: what is left beside it is nothing to be trained."""
    layers = [*ARGON["model"]["layers"][:3], {"layer": "silu"}, ARGON["model"]["layers"][4]]
    with pytest.raises(RecipeError, match="nothing is left to be trained"):
        recipe(model={"layers": layers}, training={"start_from": START | {"freeze": ["[!s]*"]}})


# --- stages -------------------------------------------------------------------------------------------------------


def test_a_stage_without_a_head_is_fine_where_there_is_one():
    stages = [HALF | {"rates": {"atom_encoder_1": 0}}, HALF | {"head": "direct"}]
    training = recipe(training={"stages": stages}).training
    assert [stage.head for stage in training.stages] == [None, "direct"]
    energy = {"layers": [*SMOOTH[:2], SMOOTH[3]]}
    assert recipe(model=energy, training={"stages": [HALF, HALF | {"head": "energy"}]})


@pytest.mark.parametrize("number", [0, 1])
def test_a_stage_without_a_head_is_refused_where_there_are_two(number):
    stages = [HALF | {"head": "direct"}, HALF | {"head": "direct"}, {"head": "energy", "share": 0.5}]
    stages = [stage | {"share": 1 / 3} for stage in stages]
    assert recipe(model={"layers": SMOOTH}, training={"stages": stages, "epochs": 6})
    del stages[number]["head"]
    with pytest.raises(RecipeError) as caught:
        recipe(model={"layers": SMOOTH}, training={"stages": stages, "epochs": 6})
    assert str(caught.value).startswith(f"training.stages[{number}].head: the stack has two heads\n")
    assert caught.value.expected == "one of direct, energy"


# --- the part itself ----------------------------------------------------------------------------------------------


def test_by_default_everything_moves_and_is_trained():
    start = recipe(training={"start_from": START}).training.start_from
    assert start == StartFrom(model="water.keras")
    assert start.freeze == start.reset == []
    assert (start.map, start.replay) == ({}, 0)
    assert recipe().training.start_from is None


@pytest.mark.parametrize(
    ("start", "problem"),
    [
        ({"strategy": "stagd"}, "training.start_from.strategy: \"stagd\" is not possible. Did you mean 'staged'?"),
        ({"radial": "extended"}, "training.start_from.radial: \"extended\" is not possible. Did you mean 'extend'?"),
        ({"frezze": []}, "training.start_from.frezze: unknown key. Did you mean 'freeze'?"),
        ({"replay": 1.0}, "training.start_from.replay: 1.0 is not possible"),
        ({"rank": 0}, "training.start_from.rank: 0 is not possible"),
        ({"model": None}, "training.start_from.model: null is not possible"),
    ],
)
def test_what_it_cannot_be(start, problem):
    with pytest.raises(RecipeError) as caught:
        recipe(training={"start_from": START | start})
    assert str(caught.value).startswith(problem)


def test_a_rate_is_not_negative():
    with pytest.raises(RecipeError, match=r"^training\.rates\.prelu_1: -0.5 is not possible"):
        recipe(training={"rates": {"prelu_1": -0.5}})
