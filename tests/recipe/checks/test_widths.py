"""Sums of atom features of different widths are errors with the index of the entry and what would fit."""

import pytest

from errors import refused
from gnnzoo.errors import RecipeError
from gnnzoo.recipe.io.load import recipe_from_dict
from small import ARGON, recipe

ENCODER, HEAD = {"layer": "atom_encoder", "units": 8}, {"layer": "pair_force_decoder"}
SCHNET, GAMD = {"layer": "schnet_convolution", "units": 8}, {"layer": "gamd_convolution", "units": 8}
DENSE, NORM = {"layer": "dense", "units": 16}, {"layer": "graph_norm"}


def of(name):
    return {"layer": "residual", "of": name}


def stack(*layers, **graph):
    return recipe_from_dict(ARGON | {"model": {"layers": [*layers]}, "graph": ARGON["graph"] | graph})


NARROW = {"layer": "message_passing", "units": 4, "residual": True}


@pytest.mark.parametrize(
    ("layers", "key", "names"),
    [
        ([ENCODER, DENSE, SCHNET, HEAD], "[2]", ["schnet_convolution", 16, 8, '"units": 16', 'a dense of "units": 8']),
        ([ENCODER, SCHNET, GAMD | {"units": 4}, HEAD], "[2]", ["gamd_convolution", 8, 4, '"units": 8']),
        ([ENCODER, NARROW, HEAD], "[1].residual", [8, 4, '"units": 8, or no residual']),
        (
            [ENCODER, NORM, DENSE, SCHNET | {"units": 16}, of("graph_norm_1"), HEAD],
            "[4].of",
            [8, 16, "graph_norm_1", "one of dense_1, schnet_convolution_1", 'a dense of "units": 8'],
        ),
        ([ENCODER, NORM, SCHNET, of("graph_norm"), HEAD], "[3].of", ["graph_norm", "Did you mean 'graph_norm_1'?"]),
        ([ENCODER, of("schnet_convolution_1"), SCHNET, HEAD], "[1].of", ["schnet_convolution_1", "atom_encoder_1"]),
        ([ENCODER, SCHNET, of("residual_1"), HEAD], "[2].of", ["residual_1"]),
        ([ENCODER, SCHNET, {"layer": "residual"}, HEAD], "[2].of", ["missing"]),
        ([of("atom_encoder_1"), ENCODER, SCHNET, HEAD], "[0]", ["residual", "atom_encoder first"]),
    ],
)
def test_a_sum_of_different_widths_is_an_error_at_the_entry(layers, key, names):
    with refused(RecipeError, *names, key=f"model.layers{key}"):
        stack(*layers)


@pytest.mark.parametrize("layer", [SCHNET, GAMD], ids=lambda layer: layer["layer"])
def test_convolutions_need_a_distance_and_read_edges(layer):
    encoder = {"layer": "edge_encoder", "units": 4}
    with refused(RecipeError, layer["layer"], key="model.layers[1]", expected='"radial" or "distance" in graph.edges'):
        stack(ENCODER, layer, HEAD, edges=["direction"])
    with refused(RecipeError, "edge_encoder", key="model.layers[2]", expected=f"before {layer['layer']}"):
        stack(ENCODER, layer, encoder, HEAD)
    with refused(RecipeError, key="model.layers[1].bond_features", expected='"bond" in graph.edges'):
        stack(ENCODER, layer | {"bond_features": True}, HEAD)


def test_stacks_that_agree_are_accepted():
    layers = [
        *(ENCODER, {"layer": "edge_encoder", "units": 4}, SCHNET | {"name": "first"}, DENSE, {"layer": "silu"}),
        *(GAMD | {"units": 16}, {"layer": "layer_norm"}, of("dense_1"), DENSE | {"units": 8}, of("first"), HEAD),
    ]
    assert recipe(model={"layers": layers}).model.layers[9].of == "first"
