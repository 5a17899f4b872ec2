"""Copying weights layer by layer: what is copied, what is not, and the reason recorded for it."""

import copy

import numpy as np
import pytest

from errors import refused
from gnnzoo.errors import ModelError
from gnnzoo.models.build import Scales, build_network, network_species
from gnnzoo.models.files import ForceField
from gnnzoo.transfer_learning.copy_weights import copy_weights, unit_factor
from gnnzoo.transfer_learning.provenance import LayerTransfer
from gnnzoo.transfer_learning.report import target_differences
from lines import line_with
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
    """A model with a different number in every weight, as if it had been trained."""
    species = network_species(made)
    network = build_network(made, species, Scales(force=force, neighbors=9.0))
    random = np.random.default_rng(7)
    for variable in network.trainable_variables:
        variable.assign(random.normal(size=variable.shape))
    return ForceField(network, made, {"species": species, "units": units})


def copied(source, target, species=None):
    """Records by layer, and the weights of the target's network before and after, by path."""
    species = species or network_species(target)
    network = build_network(target, species, Scales(force=0.5, neighbors=4.0))
    before = weights(network)
    records = copy_weights(source, network, target, species)
    assert len({record.layer for record in records}) == len(records)
    return {record.layer: record for record in records}, before, weights(network)


def weights(network):
    return {weight.path: weight.numpy() for weight in network.weights}


def expected(source):
    """Weights of the source as the target has them: sums over 4 neighbours instead of 9 keep their size."""
    summed = ("message_passing_1/output/", "pair_force_decoder_1/output/")
    return {
        path: value * np.float32(2 / 3) if path.startswith(summed) else value
        for path, value in weights(source.network).items()
    }


def assert_equal(found, wanted, paths):
    assert paths
    for path in paths:
        np.testing.assert_array_equal(found[path], wanted[path], err_msg=path)


def of(layer, found):
    return [path for path in found if path.startswith(f"{layer}/")]


@pytest.fixture(scope="module")
def water():
    return trained(recipe(WATER))


# --- what is copied -------------------------------------------------------------------------------------------------


def test_the_same_stack_is_copied_except_for_weights_set_from_data(water):
    records, before, after = copied(water, recipe(ARGON))
    assert list(records) == STACK
    for layer, size in list(SIZES.items())[1:]:
        assert records[layer] == LayerTransfer(layer, "copied", size, size)
    size = SIZES["atom_encoder_1"]  # plus one species of three parameters
    encoder = LayerTransfer("atom_encoder_1", "copied", size, size + 3, "species from the target")
    assert records["atom_encoder_1"] == encoder
    assert records["force_scale"] == LayerTransfer("force_scale", "from the target", 0, 1, "scale from the target")
    set_from_data = ["atom_encoder_1/species", "force_scale/scale"]
    assert_equal(after, before, set_from_data)
    assert_equal(after, expected(water), [path for path in after if path not in set_from_data])
    np.testing.assert_array_equal(after["atom_encoder_1/species"], np.float32([[0, 0.2378, 3.405]]))
    assert after["force_scale/scale"] == 0.5


def test_the_source_is_not_changed(water):
    before = weights(water.network)
    copied(water, recipe(ARGON))
    assert_equal(weights(water.network), before, list(before))


def test_weights_that_read_other_edge_features_are_not_copied_but_the_rest_of_their_layer_is(water):
    target = recipe(ARGON, graph={"edges": ["distance", "radial"]})
    records, before, after = copied(water, target)
    record, size = records["message_passing_1"], SIZES["message_passing_1"]
    assert (record.action, record.copied, record.total) == ("copied in part", size - 48, size + 8)
    line_with(record.reason, "edge/kernel", "radial in the source", "distance, radial in")
    assert records["pair_force_decoder_1"].action == "copied in part"
    assert records["graph_norm_1"].action == "copied"
    assert_equal(after, before, ["message_passing_1/edge/kernel", "pair_force_decoder_1/edge/kernel"])
    same = [path for path in of("message_passing_1", after) if path != "message_passing_1/edge/kernel"]
    assert_equal(after, expected(water), same)


def test_a_weight_that_the_source_does_not_have_is_new(water):
    records, before, after = copied(water, changed(ARGON, layers={4: {"hidden_layers": 1}}))
    size = SIZES["pair_force_decoder_1"]
    wanted = LayerTransfer("pair_force_decoder_1", "copied in part", size, size + 64, "dense_1/kernel is new")
    assert records["pair_force_decoder_1"] == wanted
    assert_equal(after, before, ["pair_force_decoder_1/dense_1/kernel"])


# --- what is not copied ---------------------------------------------------------------------------------------------


def test_a_layer_of_another_name_is_reset_and_the_one_it_replaces_is_listed(water):
    records, before, after = copied(water, changed(ARGON, layers={1: {"name": "scaling"}}))
    assert list(records) == [STACK[0], "scaling", *STACK[2:], "graph_norm_1"]  # layers of the source alone come last
    assert records["scaling"].to_row()[1:4] == ["reset", 0, 24]
    assert records["graph_norm_1"].to_row()[1:4] == ["left behind", 0, 0]
    assert records["scaling"].reason and records["graph_norm_1"].reason
    assert_equal(after, before, of("scaling", after))


def test_a_layer_of_another_kind_is_reset(water):
    records, before, after = copied(water, changed(ARGON, layers={3: {"layer": "graph_norm", "name": "prelu_1"}}))
    reason = "prelu in the source, graph_norm in the target"
    assert records["prelu_1"] == LayerTransfer("prelu_1", "reset", 0, 24, reason)
    assert_equal(after, before, of("prelu_1", after))


def test_a_layer_whose_weights_all_have_other_shapes_is_reset(water):
    records, before, after = copied(water, changed(ARGON, layers={0: {"units": 4}}))
    assert records["graph_norm_1"].to_row()[1:4] == ["reset", 0, 12]
    line_with(records["graph_norm_1"].reason, "mean_scale", "8 in the source", "4 in the target")
    assert records["prelu_1"].action == "copied"
    assert_equal(after, before, of("graph_norm_1", after))


ONE_HOT = {0: {"inputs": "species"}}
FIRST = "atom_encoder_1/perceptron/dense_0/kernel"  # a row for each species


def test_learned_species_are_copied_by_name():
    source, target = trained(changed(WATER, layers=ONE_HOT)), changed(WATER, layers=ONE_HOT)
    records, _, after = copied(source, target, ["O", "H"])
    assert records["atom_encoder_1"].action == "copied"
    assert_equal(after, weights(source.network), of("atom_encoder_1", after)[1:])
    records, _, after = copied(source, target, ["H", "O"])
    assert records["atom_encoder_1"].action == "copied"
    np.testing.assert_array_equal(after[FIRST], weights(source.network)[FIRST][::-1])


def test_a_species_unknown_to_the_source_starts_at_random_or_as_another_one():
    source = trained(changed(WATER, layers=ONE_HOT))
    records, before, after = copied(source, changed(ARGON, layers=ONE_HOT))
    size = SIZES["atom_encoder_1"] - 3 * 8 + 1 * 8
    assert records["atom_encoder_1"].to_row()[1:4] == ["copied in part", size - 8, size + 1]
    assert "Ar" in records["atom_encoder_1"].reason and "--map" in records["atom_encoder_1"].reason
    np.testing.assert_array_equal(after[FIRST], before[FIRST])

    start = {"start_from": {"model": "water.keras", "map": {"Ar": "O"}}}
    records, _, after = copied(source, changed(ARGON, layers=ONE_HOT, training=start))
    reason = "species from the target; Ar starts as O"
    assert records["atom_encoder_1"] == LayerTransfer("atom_encoder_1", "copied", size, size + 1, reason)
    np.testing.assert_array_equal(after[FIRST], weights(source.network)[FIRST][:1])


@pytest.mark.parametrize(("mapping", "name"), [({"Ar": "Oh"}, "'Oh'"), ({"At": "O"}, "'At'")], ids=["source", "target"])
def test_a_map_with_an_unknown_species_is_refused(mapping, name):
    source = trained(changed(WATER, layers=ONE_HOT))
    start = {"start_from": {"model": "water.keras", "map": mapping}}
    with refused(ModelError, name, expected="MODEL'S=TARGET'S"):
        copied(source, changed(ARGON, layers=ONE_HOT, training=start))


@pytest.mark.parametrize("inputs", ["parameters", "species"])
def test_parameters_and_learned_species_are_not_exchanged(inputs):
    """Three species and three parameters: the weights have the same shape, but another meaning."""
    other = {"parameters": "species", "species": "parameters"}[inputs]
    data = {"types": {"1": "O", "2": "H", "3": "X"}, "atoms": SPCFW | {"X": SPCFW["O"]}}
    source = trained(changed(WATER, layers={0: {"inputs": inputs}}, data=data))
    records, before, after = copied(source, changed(WATER, layers={0: {"inputs": other}}, data=data))
    assert records["atom_encoder_1"].action == "reset"
    assert inputs in records["atom_encoder_1"].reason and other in records["atom_encoder_1"].reason
    assert_equal(after, before, of("atom_encoder_1", after))


def test_a_source_without_any_matching_layer_is_refused(water):
    others = {number: {"name": f"other_{number}"} for number in range(5)}
    with refused(ModelError, hint="gnnzoo list", expected="other_2") as caught:
        copied(water, changed(ARGON, layers=others))
    assert "message_passing_1" in caught.error.expected


# --- heads ----------------------------------------------------------------------------------------------------------

SMOOTH = {"units": 8, "hidden_layers": 0, "activation": "silu"}
STAGES = [{"head": "direct", "share": 0.5}, {"head": "energy", "share": 0.5}]
BELOW = [{"layer": "atom_encoder", **SMOOTH}, {"layer": "message_passing", "combine": "sum", **SMOOTH}]
DIRECT, ENERGY = {"layer": "pair_force_decoder", **SMOOTH}, {"layer": "energy_decoder", "units": 8, "hidden_layers": 0}


def with_heads(base, *heads, **parts):
    stages = STAGES if len(heads) > 1 else []
    return recipe(base, model={"layers": [*BELOW, *heads]}, training={"stages": stages}, **parts)


@pytest.mark.parametrize(
    ("kept", "other"), [(DIRECT, "energy_decoder_1"), (ENERGY, "pair_force_decoder_1")], ids=["direct", "energy"]
)
def test_of_two_heads_the_one_in_the_target_is_copied(kept, other):
    source = trained(with_heads(WATER, DIRECT, ENERGY))
    records, _, after = copied(source, with_heads(ARGON, kept))
    assert records[other].action == "left behind"
    name = f"{kept['layer']}_1"
    assert records[name].action == records["message_passing_1"].action == "copied"
    assert_equal(after, expected(source), of(name, after))


def test_a_second_head_of_the_target_is_reset():
    records, before, after = copied(trained(with_heads(WATER, DIRECT)), with_heads(ARGON, DIRECT, ENERGY))
    assert records["energy_decoder_1"].action == "reset"
    assert records["pair_force_decoder_1"].action == "copied"
    assert_equal(after, before, of("energy_decoder_1", after))


# --- differences between source and target --------------------------------------------------------------------------


def differences(source_recipe, target_recipe):
    source = trained(source_recipe)
    return target_differences(source, build_network(target_recipe, network_species(target_recipe)), target_recipe)


def with_prior(base, *kinds, **coulomb):
    known = {"coulomb": {"damping": 0.2, **coulomb}}
    return recipe(base, model=base["model"] | {"prior": [{"prior": kind, **known.get(kind, {})} for kind in kinds]})


@pytest.mark.parametrize(
    ("source", "target", "names"),
    [
        (with_prior(WATER), with_prior(WATER, "coulomb"), ("was none", "is coulomb")),
        (with_prior(WATER, "coulomb", "lennard_jones"), with_prior(WATER), ("was coulomb, lennard_jones", "is none")),
        (with_prior(WATER, "coulomb"), with_prior(WATER, "coulomb", damping=0.3), ("(coulomb)", "other parameters")),
        (with_prior(WATER, "coulomb"), with_prior(ARGON, "coulomb"), ("(coulomb)", "other parameters")),
    ],
    ids=["added", "removed", "damping", "charges"],
)
def test_another_prior_is_reported(source, target, names):
    (sentence,) = differences(source, target)
    assert "prior" in sentence
    for name in names:
        assert name in sentence


def test_equal_settings_have_no_differences():
    assert differences(with_prior(WATER, "coulomb"), with_prior(WATER, "coulomb")) == []


def test_another_largest_wave_number_is_reported_with_the_stretch_of_lengths():
    layers = [
        {"layer": "atom_encoder", **SMOOTH},
        {"layer": "wave_message"},
        {"layer": "atomic_density"},
        {"layer": "vector_force_decoder", **SMOOTH},
    ]
    source, target = (recipe(WATER, model={"layers": layers}, graph={"waves": waves}) for waves in (1.8, 1.2))
    (sentence,) = differences(source, target)
    for number in ("was 1.8", "is 1.2", "by 1.5"):
        assert number in sentence
    assert differences(source, source) == []
    without = recipe(WATER, model={"layers": [layers[0], *layers[2:]]})
    assert differences(source, without) == differences(without, source) == []  # the layer table shows it


# --- units ----------------------------------------------------------------------------------------------------------


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
def test_conversion_factor_of_comparable_units(water, source, target, factor):
    model = ForceField(water.network, water.recipe, {"units": source})
    assert unit_factor(model, target) == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize(
    ("source", "target", "hint"),
    [
        ("real", "lj", "a model trained on data in lj units"),
        ("lj", "metal", "a model trained on data in metal units"),
        ("real", None, "--set data.units=real"),
        (None, "metal", "gnnzoo train RECIPE --set data.units=STYLE"),
    ],
)
def test_units_without_a_conversion_factor_are_refused(water, source, target, hint):
    model = ForceField(water.network, water.recipe, {"units": source})
    with refused(ModelError, *(f"{units or 'undeclared'} units" for units in (source, target)), hint=hint):
        unit_factor(model, target)
