"""Transfers and rates of layers that contradict the stack are errors with their key and what would fit."""

import pytest

from errors import refused
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
def test_a_name_that_no_layer_has_is_an_error_with_the_nearest(training, location, nearest):
    expected = f"one of {NAMES}, or a pattern such as pair_force_decoder*"
    with refused(RecipeError, f"Did you mean '{nearest}'?", key=f"training.{location}", expected=expected):
        recipe(training=training)


def test_a_name_near_to_none_is_an_error_without_a_suggestion():
    with refused(RecipeError, "wave_*", key="training.rates.wave_*") as found:
        recipe(training={"rates": {"wave_*": 0}})
    assert "Did you mean" not in str(found.error)


def test_names_are_those_of_the_recipe_where_it_gives_some():
    layers = [entry | {"name": f"step.{number}"} for number, entry in enumerate(ARGON["model"]["layers"])]
    model = {"layers": layers}
    made = recipe(model=model, training={"rates": {"step.1": 0.5, "*.2": 0, "step.[34]": 2}})
    assert list(made.training.rates) == ["step.1", "*.2", "step.[34]"]
    with refused(RecipeError, key="training.rates.graph_norm_1"):
        recipe(model=model, training={"rates": {"graph_norm_1": 0.5}})


def test_each_misspelt_name_is_reported():
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


def test_staged_next_to_stages_of_the_recipe_is_an_error():
    training = {"stages": [HALF, HALF], "start_from": START | {"strategy": "staged"}}
    expected = "another strategy, or no training.stages"
    with refused(RecipeError, "staged", key="training.start_from.strategy", expected=expected):
        recipe(training=training)
    for fine in (
        training | {"stages": [], "epochs": 10},
        training | {"start_from": START | {"strategy": "discriminative"}},
    ):
        assert recipe(training=fine)


def test_a_first_stage_within_its_warm_up_is_refused():
    """A fifth of 4 epochs trains the heads alone, and the first epoch is a ramp."""
    with refused(RecipeError, "0.8 epochs", key="training.start_from.strategy", expected="warmup.epochs below 0.8"):
        recipe(training={"start_from": START | {"strategy": "staged"}})


def test_a_map_of_species_needs_learned_species():
    start = {"start_from": START | {"map": {"Ar": "O"}}}
    with refused(RecipeError, "atom_encoder", key="training.start_from.map", expected='"inputs": "species"'):
        recipe(training=start)
    assert recipe(model=one_hot(), training=start).training.start_from.map == {"Ar": "O"}


@pytest.mark.parametrize("freeze", [["*"], ["*_1"], NAMES.split(", ")])
def test_everything_frozen_is_an_error(freeze):
    with refused(RecipeError, "frozen", key="training.start_from.freeze", expected="fewer"):
        recipe(training={"start_from": START | {"freeze": freeze}})
    assert recipe(training={"start_from": START | {"freeze": ["[!p]*"]}})


@pytest.mark.parametrize(
    ("training", "key"),
    [
        ({"rates": {"*": 0}}, "rates"),
        ({"rates": {"*": 0}, "start_from": START}, "rates"),
        ({"stages": [HALF | {"rates": {"*": 0}}, HALF]}, "stages[0].rates"),
        ({"rates": {"graph*": 0}, "start_from": START | {"freeze": ["[!g]*"]}}, "rates"),
    ],
    ids=["rates", "rates of a transfer", "a stage", "rates and freeze"],
)
def test_everything_frozen_by_rates_is_an_error(training, key):
    with refused(RecipeError, "frozen", key=f"training.{key}"):
        recipe(training=training)


def test_layers_without_weights_do_not_count_as_trained():
    layers = [*ARGON["model"]["layers"][:3], {"layer": "silu"}, ARGON["model"]["layers"][4]]
    with refused(RecipeError, "frozen", key="training.start_from.freeze"):
        recipe(model={"layers": layers}, training={"start_from": START | {"freeze": ["[!s]*"]}})


# --- stages -------------------------------------------------------------------------------------------------------


def test_a_stage_without_a_head_is_fine_where_there_is_one():
    stages = [HALF | {"rates": {"atom_encoder_1": 0}}, HALF | {"head": "direct"}]
    training = recipe(training={"stages": stages}).training
    assert [stage.head for stage in training.stages] == [None, "direct"]
    energy = {"layers": [*SMOOTH[:2], SMOOTH[3]]}
    assert recipe(model=energy, training={"stages": [HALF, HALF | {"head": "energy"}]})


@pytest.mark.parametrize("number", [0, 1])
def test_a_stage_without_a_head_is_an_error_where_there_are_two(number):
    stages = [HALF | {"head": "direct"}, HALF | {"head": "direct"}, {"head": "energy", "share": 0.5}]
    stages = [stage | {"share": 1 / 3} for stage in stages]
    assert recipe(model={"layers": SMOOTH}, training={"stages": stages, "epochs": 6})
    del stages[number]["head"]
    with refused(RecipeError, key=f"training.stages[{number}].head", expected="one of direct, energy"):
        recipe(model={"layers": SMOOTH}, training={"stages": stages, "epochs": 6})


# --- the part itself ----------------------------------------------------------------------------------------------


def test_by_default_everything_moves_and_is_trained():
    start = recipe(training={"start_from": START}).training.start_from
    assert start == StartFrom(model="water.keras")
    assert start.freeze == start.reset == []
    assert (start.map, start.replay) == ({}, 0)
    assert recipe().training.start_from is None


@pytest.mark.parametrize(
    ("start", "key", "names"),
    [
        ({"strategy": "stagd"}, "start_from.strategy", ["stagd", "Did you mean 'staged'?"]),
        ({"radial": "extended"}, "start_from.radial", ["extended", "Did you mean 'extend'?"]),
        ({"frezze": []}, "start_from.frezze", ["Did you mean 'freeze'?"]),
        ({"replay": 1.0}, "start_from.replay", [1.0]),
        ({"rank": 0}, "start_from.rank", [0]),
        ({"model": None}, "start_from.model", ["null"]),
    ],
)
def test_impossible_values_are_an_error_at_their_key(start, key, names):
    with refused(RecipeError, *names, key=f"training.{key}"):
        recipe(training={"start_from": START | start})


def test_a_rate_is_not_negative():
    with refused(RecipeError, -0.5, key="training.rates.prelu_1"):
        recipe(training={"rates": {"prelu_1": -0.5}})
