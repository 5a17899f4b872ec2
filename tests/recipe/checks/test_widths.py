"""Stacks whose sums do not agree are refused with the entry's index and what would fit."""

import pytest

from gnnzoo.errors import RecipeError
from gnnzoo.recipe.io.load import recipe_from_dict
from small import ARGON, recipe

ENCODER, HEAD = {"layer": "atom_encoder", "units": 8}, {"layer": "pair_force_decoder"}
SCHNET, GAMD = {"layer": "schnet_convolution", "units": 8}, {"layer": "gamd_convolution", "units": 8}
DENSE, NORM = {"layer": "dense", "units": 16}, {"layer": "graph_norm"}


def of(name):
    return {"layer": "residual", "of": name}


def refusal(*layers, **graph):
    raw = ARGON | {"model": {"layers": [*layers]}, "graph": ARGON["graph"] | graph}
    with pytest.raises(RecipeError) as caught:
        recipe_from_dict(raw)
    return str(caught.value)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (
            [ENCODER, DENSE, SCHNET, HEAD],
            [
                "model.layers[2]: schnet_convolution adds what comes in to what goes out: 16 features come in and 8 go",
                '"units": 16, or a dense of "units": 8 before it',
            ],
        ),
        (
            [ENCODER, SCHNET, GAMD | {"units": 4}, HEAD],
            ["model.layers[2]: gamd_convolution adds what comes in to what goes out: 8 features", '"units": 8, or'],
        ),
        (
            [ENCODER, {"layer": "message_passing", "units": 4, "residual": True}, HEAD],
            ["model.layers[1].residual: residual: 8 features come in and 4 go out", '"units": 8, or no residual'],
        ),
        (
            [ENCODER, NORM, DENSE, SCHNET | {"units": 16}, of("graph_norm_1"), HEAD],
            [
                "model.layers[4].of: 8 features after 'graph_norm_1', 16 here: they cannot be added",
                "one of dense_1, schnet_convolution_1",
                'or a dense of "units": 8 before it',
            ],
        ),
        (
            [ENCODER, NORM, SCHNET, of("graph_norm"), HEAD],
            ["model.layers[3].of: no layer is named 'graph_norm'. Did you mean 'graph_norm_1'?"],
        ),
        (
            [ENCODER, of("schnet_convolution_1"), SCHNET, HEAD],
            [
                "model.layers[1].of: 'schnet_convolution_1' does not come before this entry",
                "one of atom_encoder_1",
            ],
        ),
        (
            [ENCODER, SCHNET, of("residual_1"), HEAD],
            ["model.layers[2].of: 'residual_1' does not come before this entry"],
        ),
        ([ENCODER, SCHNET, {"layer": "residual"}, HEAD], ["model.layers[2].of: is missing"]),
        ([of("atom_encoder_1"), ENCODER, SCHNET, HEAD], ["model.layers[0]: the stack begins with residual"]),
    ],
)
def test_sums_that_do_not_agree_are_refused(layers, said):
    text = refusal(*layers)
    for part in said:
        assert part in text


@pytest.mark.parametrize("layer", [SCHNET, GAMD], ids=lambda layer: layer["layer"])
def test_convolutions_want_a_distance(layer):
    text = refusal(ENCODER, layer, HEAD, edges=["direction"])
    assert f"model.layers[1]: {layer['layer']}: edges carry no distance" in text
    assert '"radial" or "distance" in graph.edges' in text


@pytest.mark.parametrize("layer", [SCHNET, GAMD], ids=lambda layer: layer["layer"])
def test_convolutions_read_edges(layer):
    encoder = {"layer": "edge_encoder", "units": 4}
    assert "model.layers[2]: edge_encoder stands after a layer that reads edges" in refusal(
        ENCODER, layer, encoder, HEAD
    )
    text = refusal(ENCODER, layer | {"bond_features": True}, HEAD)
    assert "model.layers[1].bond_features: edges carry no bond features" in text


def test_stacks_that_agree_are_accepted():
    layers = [
        *(ENCODER, {"layer": "edge_encoder", "units": 4}, SCHNET | {"name": "first"}, DENSE, {"layer": "silu"}),
        *(GAMD | {"units": 16}, {"layer": "layer_norm"}, of("dense_1"), DENSE | {"units": 8}, of("first"), HEAD),
    ]
    assert recipe(model={"layers": layers}).model.layers[9].of == "first"
