"""Which weights move from one network to another, which do not, and why: nothing is left out in silence."""

import copy

import numpy as np
import pytest

from gnnzoo.errors import ModelError
from gnnzoo.models.build import Scales, build_network, network_species
from gnnzoo.models.files import ForceField
from gnnzoo.transfer_learning.copy_weights import Move, copy_weights, unit_factor
from gnnzoo.transfer_learning.report import new_meanings
from small import ARGON, WATER, recipe
from systems import SPCFW

STACK = ["atom_encoder_1", "graph_norm_1", "message_passing_1", "prelu_1", "pair_force_decoder_1", "force_scale"]
# Width 8 everywhere, 3 atom parameters, 6 radial functions.
SIZES = {
    "atom_encoder_1": (3 * 8 + 8 + 8) + (8 * 8 + 8) + (8 * 8 + 8),  # first, hidden, last map, with PReLU slopes
    "graph_norm_1": 3 * 8,
    "message_passing_1": (8 * 8 + 8 + 8 * 8 + 6 * 8 + 8 + 8 * 8 + 8) + (8 * 8 + 8 + 8 + 8 * 8 + 8),  # message, update
    "prelu_1": 8,
    "pair_force_decoder_1": (8 * 8 + 8 + 6 * 8) + (8 + 1),
}


def changed(base, **parts):
    """A recipe from `base` with its parts replaced, and its layers by number: changed(ARGON, layers={0: {...}})."""
    raw = copy.deepcopy(base)
    for number, values in parts.pop("layers", {}).items():
        raw["model"]["layers"][number] |= values
    return recipe(raw, **parts)


def trained(made, units="real", force=2.0):
    """A model with a number of its own in every weight, as if it had been trained."""
    species = network_species(made)
    network = build_network(made, species, Scales(force=force, neighbors=9.0))
    random = np.random.default_rng(7)
    for variable in network.trainable_variables:
        variable.assign(random.normal(size=variable.shape))
    return ForceField(network, made, {"species": species, "units": units})


def moved(source, target, species=None):
    """Moves by layer, and the target's network before and after, as path -> numbers."""
    species = species or network_species(target)
    network = build_network(target, species, Scales(force=0.5, neighbors=4.0))
    before = numbers(network)
    moves = copy_weights(source, network, target, species)
    assert len({move.layer for move in moves}) == len(moves)
    return {move.layer: move for move in moves}, before, numbers(network)


def numbers(network):
    return {weight.path: weight.numpy() for weight in network.weights}


def carried(source):
    """Numbers of the source's network as the target has them: sums over 4 neighbours instead of 9 keep their size."""
    summed = ("message_passing_1/output/", "pair_force_decoder_1/output/")
    there = numbers(source.network)
    return {path: value * np.float32(2 / 3) if path.startswith(summed) else value for path, value in there.items()}


def assert_equal(found, expected, paths):
    assert paths
    for path in paths:
        np.testing.assert_array_equal(found[path], expected[path], err_msg=path)


def of(layer, weights):
    return [path for path in weights if path.startswith(f"{layer}/")]


@pytest.fixture(scope="module")
def water():
    return trained(recipe(WATER))


# --- what moves ---------------------------------------------------------------------------------------------------


def test_the_same_stack_is_copied_whole_but_for_what_states_facts(water):
    moves, before, after = moved(water, recipe(ARGON))
    assert list(moves) == STACK
    assert moves["graph_norm_1"] == Move("graph_norm_1", "copied", (24, 24), "")
    for layer, size in list(SIZES.items())[1:]:
        assert moves[layer] == Move(layer, "copied", (size, size), "")
    size = SIZES["atom_encoder_1"]  # and one species of three parameters
    assert moves["atom_encoder_1"] == Move("atom_encoder_1", "copied", (size, size + 3), "species from the target")
    assert moves["force_scale"] == Move("force_scale", "from the target", (0, 1), "scale from the target")
    facts = ["atom_encoder_1/species", "force_scale/scale"]
    assert_equal(after, before, facts)
    assert_equal(after, carried(water), [path for path in after if path not in facts])


def test_species_and_force_scale_stay_what_the_target_says(water):
    _, _, after = moved(water, recipe(ARGON))
    np.testing.assert_array_equal(after["atom_encoder_1/species"], np.float32([[0, 0.2378, 3.405]]))
    assert after["force_scale/scale"] == 0.5


def test_the_source_stays_as_it_was(water):
    before = numbers(water.network)
    moved(water, recipe(ARGON))
    assert_equal(numbers(water.network), before, list(before))


def test_weights_of_another_shape_are_named_and_the_rest_of_their_layer_is_copied(water):
    """An edge feature more has no namesake; radial functions more or less have (below)."""
    target = recipe(ARGON, graph={"edges": ["distance", "radial"]})
    moves, before, after = moved(water, target)
    size = SIZES["message_passing_1"]
    expected = Move(
        "message_passing_1",
        "copied in part",
        (size - 48, size + 8),
        "edge/kernel reads radial there, distance, radial here",
    )
    assert moves["message_passing_1"] == expected
    assert moves["pair_force_decoder_1"].action == "copied in part"
    assert moves["graph_norm_1"].action == "copied"
    assert_equal(after, before, ["message_passing_1/edge/kernel", "pair_force_decoder_1/edge/kernel"])
    same = [path for path in of("message_passing_1", after) if path != "message_passing_1/edge/kernel"]
    assert_equal(after, carried(water), same)


def test_a_weight_that_the_source_does_not_have_is_new(water):
    moves, before, after = moved(water, changed(ARGON, layers={4: {"hidden_layers": 1}}))
    move, size = moves["pair_force_decoder_1"], SIZES["pair_force_decoder_1"]
    assert (move.action, move.weights, move.reason) == ("copied in part", (size, size + 64), "dense_1/kernel is new")
    assert_equal(after, before, ["pair_force_decoder_1/dense_1/kernel"])


# --- what does not ------------------------------------------------------------------------------------------------


def test_a_layer_of_another_name_is_reset_and_the_one_it_replaces_left_behind(water):
    moves, before, after = moved(water, changed(ARGON, layers={1: {"name": "scaling"}}))
    assert list(moves) == [STACK[0], "scaling", *STACK[2:], "graph_norm_1"]  # the source's own last
    assert moves["scaling"] == Move("scaling", "reset", (0, 24), "the model has no layer of this name")
    assert moves["graph_norm_1"] == Move("graph_norm_1", "left behind", (0, 0), "the target has no such layer")
    assert_equal(after, before, of("scaling", after))


def test_a_layer_of_another_kind_is_reset(water):
    moves, before, after = moved(water, changed(ARGON, layers={3: {"layer": "graph_norm", "name": "prelu_1"}}))
    assert moves["prelu_1"] == Move("prelu_1", "reset", (0, 24), "there it is a prelu, here a graph_norm")
    assert_equal(after, before, of("prelu_1", after))


def test_a_layer_none_of_whose_weights_fits_is_reset(water):
    moves, before, after = moved(water, changed(ARGON, layers={0: {"units": 4}}))
    assert (moves["graph_norm_1"].action, moves["graph_norm_1"].weights) == ("reset", (0, 12))
    assert moves["graph_norm_1"].reason.startswith("mean_scale is 8 there, 4 here; ")
    assert moves["prelu_1"].action == "copied"
    assert_equal(after, before, of("graph_norm_1", after))


ONE_HOT = {0: {"inputs": "species"}}
FIRST = "atom_encoder_1/perceptron/dense_0/kernel"  # a row for each species


def test_one_hot_species_move_by_their_names():
    source, target = trained(changed(WATER, layers=ONE_HOT)), changed(WATER, layers=ONE_HOT)
    moves, _, after = moved(source, target, ["O", "H"])
    assert moves["atom_encoder_1"].action == "copied"
    assert_equal(after, numbers(source.network), of("atom_encoder_1", after)[1:])
    moves, _, after = moved(source, target, ["H", "O"])
    assert moves["atom_encoder_1"].action == "copied"
    np.testing.assert_array_equal(after[FIRST], numbers(source.network)[FIRST][::-1])


def test_a_species_that_the_source_does_not_know_begins_anew_or_as_another():
    source = trained(changed(WATER, layers=ONE_HOT))
    target = changed(ARGON, layers=ONE_HOT)
    moves, before, after = moved(source, target)
    size = SIZES["atom_encoder_1"] - 3 * 8 + 1 * 8
    anew = "species from the target; Ar begins anew (--map says as which species of the model)"
    assert moves["atom_encoder_1"] == Move("atom_encoder_1", "copied in part", (size - 8, size + 1), anew)
    np.testing.assert_array_equal(after[FIRST], before[FIRST])

    start = {"start_from": {"model": "water.keras", "map": {"Ar": "O"}}}
    moves, _, after = moved(source, changed(ARGON, layers=ONE_HOT, training=start))
    told = "species from the target; Ar begins as O"
    assert moves["atom_encoder_1"] == Move("atom_encoder_1", "copied", (size, size + 1), told)
    np.testing.assert_array_equal(after[FIRST], numbers(source.network)[FIRST][:1])


def test_a_map_of_species_that_are_not_there_is_refused():
    source = trained(changed(WATER, layers=ONE_HOT))
    for given, what in (
        ({"Ar": "Oh"}, "the model has no species 'Oh'"),
        ({"At": "O"}, "the target has no species 'At'"),
    ):
        start = {"start_from": {"model": "water.keras", "map": given}}
        with pytest.raises(ModelError, match=what) as caught:
            moved(source, changed(ARGON, layers=ONE_HOT, training=start))
        assert caught.value.expected.endswith("a map says MODEL'S=TARGET'S")


@pytest.mark.parametrize("there", ["parameters", "species"])
def test_parameters_are_no_species_though_both_be_three_numbers(there):
    """Three species and three parameters: the weights have one shape and two meanings."""
    here = {"parameters": "species", "species": "parameters"}[there]
    data = {"types": {"1": "O", "2": "H", "3": "X"}, "atoms": SPCFW | {"X": SPCFW["O"]}}
    source = trained(changed(WATER, layers={0: {"inputs": there}}, data=data))
    moves, before, after = moved(source, changed(WATER, layers={0: {"inputs": here}}, data=data))
    assert moves["atom_encoder_1"].action == "reset"
    assert moves["atom_encoder_1"].reason == f"its inputs are {there} there, {here} here"
    assert_equal(after, before, of("atom_encoder_1", after))


def test_nothing_that_fits_is_refused_with_the_names_on_both_sides(water):
    others = {number: {"name": f"other_{number}"} for number in range(5)}
    with pytest.raises(ModelError, match="no layer of the model fits the target's stack") as caught:
        moved(water, changed(ARGON, layers=others))
    assert "other_2" in caught.value.expected
    assert "message_passing_1" in caught.value.expected
    assert "gnnzoo list" in caught.value.hint


# --- heads, and what surrounds the weights -------------------------------------------------------------------------

SMOOTH = {"units": 8, "hidden_layers": 0, "activation": "silu"}
STAGES = [{"head": "direct", "share": 0.5}, {"head": "energy", "share": 0.5}]
BELOW = [{"layer": "atom_encoder", **SMOOTH}, {"layer": "message_passing", "combine": "sum", **SMOOTH}]
DIRECT, ENERGY = {"layer": "pair_force_decoder", **SMOOTH}, {"layer": "energy_decoder", "units": 8, "hidden_layers": 0}


def headed(base, *heads, **parts):
    stages = STAGES if len(heads) > 1 else []
    return recipe(base, model={"layers": [*BELOW, *heads]}, training={"stages": stages}, **parts)


@pytest.mark.parametrize(
    ("kept", "left"), [(DIRECT, "energy_decoder_1"), (ENERGY, "pair_force_decoder_1")], ids=["direct", "energy"]
)
def test_of_two_heads_the_one_that_the_target_has_is_copied_and_the_other_told(kept, left):
    source = trained(headed(WATER, DIRECT, ENERGY))
    moves, _, after = moved(source, headed(ARGON, kept))
    assert moves[left] == Move(left, "left behind", (0, 0), "the target has no such layer")
    name = f"{kept['layer']}_1"
    assert moves[name].action == moves["message_passing_1"].action == "copied"
    assert_equal(after, carried(source), of(name, after))


def test_a_second_head_of_the_target_is_told_to_begin_anew():
    moves, before, after = moved(trained(headed(WATER, DIRECT)), headed(ARGON, DIRECT, ENERGY))
    assert moves["energy_decoder_1"].action == "reset"
    assert moves["energy_decoder_1"].reason == "the model has no layer of this name"
    assert moves["pair_force_decoder_1"].action == "copied"
    assert_equal(after, before, of("energy_decoder_1", after))


def meanings(there, here):
    source = trained(there)
    return new_meanings(source, build_network(here, network_species(here)), here)


def with_prior(base, *kinds, **coulomb):
    known = {"coulomb": {"damping": 0.2, **coulomb}}
    return recipe(base, model=base["model"] | {"prior": [{"prior": kind, **known.get(kind, {})} for kind in kinds]})


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        (with_prior(WATER), with_prior(WATER, "coulomb"), "the prior was none and is coulomb: the terms of the target"),
        (with_prior(WATER, "coulomb", "lennard_jones"), with_prior(WATER), "was coulomb, lennard_jones and is none: "),
        (with_prior(WATER, "coulomb"), with_prior(WATER, "coulomb", damping=0.3), "the prior (coulomb) has other num"),
        (
            with_prior(WATER, "coulomb"),
            with_prior(ARGON, "coulomb"),
            "the prior (coulomb) has other numbers than there",
        ),
    ],
)
def test_another_prior_is_told(there, here, said):
    (sentence,) = meanings(there, here)
    assert said in sentence
    assert sentence.endswith("the terms of the target are taken, and copied weights learned what those there left")


def test_the_same_surroundings_are_not_told():
    assert meanings(with_prior(WATER, "coulomb"), with_prior(WATER, "coulomb")) == []


def test_other_waves_are_told_with_what_they_stretch():
    layers = [
        {"layer": "atom_encoder", **SMOOTH},
        {"layer": "wave_message"},
        {"layer": "atomic_density"},
        {"layer": "vector_force_decoder", **SMOOTH},
    ]
    there, here = (recipe(WATER, model={"layers": layers}, graph={"waves": waves}) for waves in (1.8, 1.2))
    (sentence,) = meanings(there, here)
    assert sentence.startswith("the largest wave was 1.8 and is 1.2: filters of waves count lengths in its inverse")
    assert sentence.endswith("stretched by 1.5")
    assert meanings(there, there) == []
    without = recipe(WATER, model={"layers": [layers[0], *layers[2:]]})
    assert meanings(there, without) == meanings(without, there) == []  # the table tells of the layer


# --- units --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        ("real", "real", 1),
        ("lj", "lj", 1),
        (None, None, 1),
        ("real", "metal", 0.0433641),  # 1 kcal/mol/A in eV/A
        ("metal", "real", 23.06055),
    ],
)
def test_forces_of_comparable_units_have_a_factor(water, source, target, factor):
    model = ForceField(water.network, water.recipe, {"units": source})
    assert unit_factor(model, target) == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize(
    ("source", "target", "hint"),
    [
        ("real", "lj", "a model trained on data in lj units"),
        ("lj", "metal", "a model trained on data in metal units"),
        ("real", None, "declare the target's units: --set data.units=real"),
        (None, "metal", "train the model again with its units declared"),
    ],
)
def test_other_units_are_refused(water, source, target, hint):
    model = ForceField(water.network, water.recipe, {"units": source})
    with pytest.raises(ModelError) as caught:
        unit_factor(model, target)
    names = [units or "undeclared" for units in (source, target)]
    assert caught.value.what == f"the model is in {names[0]} units, the target's data in {names[1]} units"
    assert hint in caught.value.hint
