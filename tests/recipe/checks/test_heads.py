"""Which heads may end a stack, and what they need before them, said when a recipe is validated."""

import copy

import pytest

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


def refusal(*layers, **graph):
    with pytest.raises(RecipeError) as caught:
        recipe_from_dict(raw(*layers, **graph))
    return str(caught.value)


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


@pytest.mark.parametrize(
    ("layers", "graph", "message"),
    [
        ((ATOM, DENSITY, UPDATE), {}, "model.layers[2]: the stack ends with painn_update"),
        ((ATOM, VECTOR, DENSITY, VECTOR), {}, "model.layers[1]: two heads of one kind: vector_force_decoder and"),
        (
            (ATOM, DENSITY, VECTOR, PAIR),
            {},
            "model.layers[2]: two heads of one kind: vector_force_decoder and pair_for",
        ),
        ((ATOM, DENSITY, ENERGY, VECTOR), {}, "model.layers[2]: a second head, vector_force_decoder, after energy_dec"),
        ((ATOM, DENSITY, ENERGY, ENERGY), {}, "model.layers[2]: a second head, energy_decoder, after energy_decoder"),
        ((ATOM, DENSITY, VECTOR, UPDATE, ENERGY), {}, "model.layers[2]: vector_force_decoder is not at the end"),
        ((ATOM, VECTOR), {}, "model.layers[1]: vector_force_decoder reads vectors, and no layer before it makes them"),
        ((ATOM, UPDATE, DENSITY, VECTOR), {}, "model.layers[1]: painn_update reads vectors, and no layer before it"),
        ((ATOM, DENSITY, VECTOR), {"edges": ["distance"]}, "model.layers[1]: atomic_density: edges carry no radial"),
        (
            (ATOM, DENSITY, {"layer": "dense", "units": 8}, UPDATE, VECTOR),
            {},
            "model.layers[3]: painn_update: 8 scalars and 16 vectors for each atom",
        ),
        ((ATOM, DENSITY, WAVE, VECTOR), {}, "model.layers[2]: wave_message: the graph has no waves"),
        ((ATOM, DENSITY, VECTOR), {"waves": 1.7}, "graph.waves: no layer reads waves"),
        (
            (ATOM, {"layer": "atomic_density", "functions": 11}, VECTOR),
            {},
            "model.layers[1].functions: 11 radial functions, and graph.radial has 10",
        ),
        ((ATOM, DENSITY, ENERGY), {"envelope": False}, "graph.envelope: an energy_decoder wants a smooth end"),
        ((ATOM, DENSITY, {"layer": "prelu"}, ENERGY), {}, "model.layers[2]: prelu has a kink"),
        (
            (ATOM, DENSITY, {"layer": "message_passing", "units": 16, "activation": "prelu"}, ENERGY),
            {},
            "model.layers[2].activation: message_passing has a kink (prelu)",
        ),
    ],
)
def test_stacks_that_cannot_be_built_are_refused_by_entry(layers, graph, message):
    assert message in refusal(*layers, **graph)


def test_a_kink_in_a_direct_head_beside_an_energy_is_allowed():
    head = {"layer": "vector_force_decoder", "activation": "prelu"}
    assert recipe_from_dict(two_heads(ATOM, DENSITY, head, ENERGY)).model.layers[2].activation == "prelu"


def test_the_gaussians_of_waves_are_no_radial_functions():
    waves = WAVE | {"functions": 11}
    assert recipe_from_dict(raw(ATOM, waves, DENSITY, VECTOR, waves=1.7)).model.layers[1].functions == 11


@pytest.mark.parametrize(("waves", "said"), [(0.49, "0.49 is below 3 over the cutoff"), (5.1, "5.1 is above 30 over")])
def test_waves_begin_where_edges_end(waves, said):
    """The cutoff is 6: from 0.5 to 5."""
    text = refusal(ATOM, WAVE, DENSITY, VECTOR, waves=waves)
    assert text.startswith(f"graph.waves: {said}")
    assert "about 10 over the cutoff: 1.7" in text
    for within in (0.51, 4.99):
        assert recipe_from_dict(raw(ATOM, WAVE, DENSITY, VECTOR, waves=within)).graph.waves == within


@pytest.mark.parametrize("name", ["force_scale", "prior", "edge_geometry", "species", "wave_weight"])
def test_names_that_every_network_has_are_refused(name):
    text = refusal(ATOM, DENSITY, UPDATE, UPDATE | {"name": name}, VECTOR)
    assert text.startswith(f"model.layers[3].name: '{name}' is what every network has beside its stack")
    assert "expected: another name, or none: then it is painn_update_2" in text
