"""Positions of heads, and what they need before them, checked when a recipe is validated."""

import copy

import pytest

from errors import refused
from gnnzoo.errors import RecipeError
from gnnzoo.recipe.io.load import load_recipe, recipe_from_dict

ATOM = {"layer": "atom_encoder", "units": 16, "hidden_layers": 0, "activation": "silu", "inputs": "species"}
DENSITY, UPDATE, MESSAGE = {"layer": "atomic_density"}, {"layer": "painn_update"}, {"layer": "painn_message"}
WAVE = {"layer": "wave_message"}
VECTOR = {"layer": "vector_force_decoder", "activation": "silu"}
PAIR = {"layer": "pair_force_decoder", "activation": "silu"}
ENERGY = {"layer": "energy_decoder"}


def raw(*layers, **graph):
    base = load_recipe("water-equivariant").model_dump(mode="json", by_alias=True, exclude_none=True)
    base = copy.deepcopy(base)
    base["model"]["layers"] = list(layers)
    base["graph"] |= {"waves": None, "radial": {"functions": 10}} | graph
    return base


def two_heads(*layers):
    stages = [{"head": "direct", "share": 0.4}, {"head": "energy", "share": 0.6}]
    made = raw(*layers)
    return made | {"training": made["training"] | {"stages": stages}}


@pytest.mark.parametrize(
    "layers",
    [
        (ATOM, DENSITY, VECTOR),
        (ATOM, MESSAGE, UPDATE, VECTOR),
        (ATOM, DENSITY, UPDATE, ENERGY),
        (ATOM, DENSITY, {"layer": "painn_message", "functions": 10}, VECTOR),
    ],
)
def test_stacks_that_can_be_built(layers):
    assert len(recipe_from_dict(raw(*layers)).model.layers) == len(layers)


def test_a_direct_head_may_stand_before_an_energy():
    assert len(recipe_from_dict(two_heads(ATOM, DENSITY, UPDATE, VECTOR, ENERGY)).model.layers) == 5


DENSE = {"layer": "dense", "units": 8}
KINKED = {"layer": "message_passing", "units": 16, "activation": "prelu"}


@pytest.mark.parametrize(
    ("layers", "graph", "key", "names"),
    [
        ((ATOM, DENSITY, UPDATE), {}, "model.layers[2]", ["painn_update", "energy_decoder", "force_decoder"]),
        ((ATOM, VECTOR, DENSITY, VECTOR), {}, "model.layers[1]", ["two", "vector_force_decoder"]),
        ((ATOM, DENSITY, VECTOR, PAIR), {}, "model.layers[2]", ["two", "vector_force_decoder", "pair_force_decoder"]),
        ((ATOM, DENSITY, ENERGY, VECTOR), {}, "model.layers[2]", ["second", "vector_force_decoder", "energy_decoder"]),
        ((ATOM, DENSITY, ENERGY, ENERGY), {}, "model.layers[2]", ["second", "energy_decoder"]),
        ((ATOM, DENSITY, VECTOR, UPDATE, ENERGY), {}, "model.layers[2]", ["vector_force_decoder", "not at the end"]),
        ((ATOM, VECTOR), {}, "model.layers[1]", ["vector_force_decoder reads vectors", "atomic_density"]),
        ((ATOM, UPDATE, DENSITY, VECTOR), {}, "model.layers[1]", ["painn_update reads vectors", "painn_message"]),
        ((ATOM, DENSITY, VECTOR), {"edges": ["distance"]}, "model.layers[1]", ["atomic_density", '"radial" in']),
        ((ATOM, DENSITY, DENSE, UPDATE, VECTOR), {}, "model.layers[3]", ["painn_update", 8, 16]),
        ((ATOM, DENSITY, WAVE, VECTOR), {}, "model.layers[2]", ["wave_message", '"waves": 1.7']),
        ((ATOM, DENSITY, VECTOR), {"waves": 1.7}, "graph.waves", ["wave_message"]),
        ((ATOM, DENSITY | {"functions": 11}, VECTOR), {}, "model.layers[1].functions", [11, 10]),
        ((ATOM, DENSITY, ENERGY), {"envelope": False}, "graph.envelope", ["energy_decoder", '"envelope": true']),
        ((ATOM, DENSITY, {"layer": "prelu"}, ENERGY), {}, "model.layers[2]", ["prelu", '{"layer": "silu"}']),
        ((ATOM, DENSITY, KINKED, ENERGY), {}, "model.layers[2].activation", ["prelu", '"activation": "silu"']),
    ],
)
def test_a_stack_that_cannot_be_built_is_an_error_at_the_entry(layers, graph, key, names):
    with refused(RecipeError, *names, key=key):
        recipe_from_dict(raw(*layers, **graph))


def test_a_kink_in_a_direct_head_next_to_an_energy_head_is_allowed():
    head = {"layer": "vector_force_decoder", "activation": "prelu"}
    assert recipe_from_dict(two_heads(ATOM, DENSITY, head, ENERGY)).model.layers[2].activation == "prelu"


def test_functions_of_a_wave_message_are_not_radial_functions():
    waves = WAVE | {"functions": 11}
    assert recipe_from_dict(raw(ATOM, waves, DENSITY, VECTOR, waves=1.7)).model.layers[1].functions == 11


@pytest.mark.parametrize(("waves", "bound"), [(0.49, 3), (5.1, 30)])
def test_waves_begin_where_edges_end(waves, bound):
    """The cutoff is 6: from 0.5 to 5."""
    with refused(RecipeError, waves, bound, key="graph.waves", expected="1.7"):
        recipe_from_dict(raw(ATOM, WAVE, DENSITY, VECTOR, waves=waves))
    for within in (0.51, 4.99):
        assert recipe_from_dict(raw(ATOM, WAVE, DENSITY, VECTOR, waves=within)).graph.waves == within


@pytest.mark.parametrize("name", ["force_scale", "prior", "edge_geometry", "species", "wave_weight"])
def test_reserved_names_are_an_error_with_the_default_name(name):
    with refused(RecipeError, name, key="model.layers[3].name", expected="painn_update_2"):
        recipe_from_dict(raw(ATOM, DENSITY, UPDATE, UPDATE | {"name": name}, VECTOR))
