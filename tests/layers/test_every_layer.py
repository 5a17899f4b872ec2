"""Properties of every layer on atom features: invariance to order and padding, double precision, config."""

import keras
import numpy as np
import pytest

from gnnzoo import fields
from gnnzoo.layers import LAYERS
from gnnzoo.layers.registry import ATOMS
from tiny_graph import ATOM_KEYS, EDGE_KEYS, REAL, random_graph, tensors

MLP = {"units": 4, "hidden_layers": 1, "dropout": 0.0, "activation": "silu", "seed": 1}
SUM = {"units": 4, "bond_features": True, "neighbor_scale": 0.5, "seed": 1}
ENTRIES = {
    "atom_encoder": ("atom_encoder", MLP | {"table": [[1.0], [-2.0]]}),
    "message_passing": ("message_passing", MLP | SUM | {"combine": "product", "residual": True}),
    "message_passing of sums": ("message_passing", MLP | SUM | {"combine": "sum", "residual": False}),
    "schnet_convolution": ("schnet_convolution", SUM),
    "gamd_convolution": ("gamd_convolution", SUM | {"activation": "silu", "layer_norm": True}),
    "gamd_convolution without norm": ("gamd_convolution", SUM | {"activation": "prelu", "layer_norm": False}),
    "graph_norm": ("graph_norm", {"statistics": "graph", "momentum": 0.9}),
    "graph_norm, running": ("graph_norm", {"statistics": "running", "momentum": 0.9}),
    "layer_norm": ("layer_norm", {}),
    "prelu": ("prelu", {}),
    "silu": ("silu", {}),
    "dropout": ("dropout", {"rate": 0.5, "seed": 0}),
    "dense": ("dense", {"units": 6, "bias": True, "seed": 0}),
    "residual": ("residual", {"of": "first"}),
}
each_entry = pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)


def built(entry):
    """A layer in double precision, built on a graph, with random weights."""
    name, settings = entry
    layer = LAYERS[name](**settings, name="layer", dtype="float64")
    layer(tensors(random_graph()))
    random = np.random.default_rng(3)
    for weight in layer.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    if name == "graph_norm" and settings["statistics"] == "running":
        layer(tensors(random_graph()), training=True)
    return layer


def atoms(layer, arrays):
    return layer(tensors(arrays))[ATOMS].numpy()


@each_entry
def test_the_order_of_atoms_and_edges_does_not_matter(entry):
    layer, arrays = built(entry), random_graph()
    expected = atoms(layer, arrays)
    random = np.random.default_rng(1)
    order, edges = random.permutation(7), random.permutation(12)
    new_place = np.argsort(order)
    for key in ATOM_KEYS:
        arrays[key] = arrays[key][order]
    for key in EDGE_KEYS:
        arrays[key] = arrays[key][edges]
    for key in (fields.SENDERS, fields.RECEIVERS):
        arrays[key] = new_place[arrays[key]].astype(np.int32)
    np.testing.assert_allclose(atoms(layer, arrays), expected[order], rtol=1e-12, atol=1e-12)


@each_entry
def test_values_on_padding_do_not_matter(entry):
    layer, arrays = built(entry), random_graph()
    expected = atoms(layer, arrays)
    for keys, real in ((ATOM_KEYS, REAL[0]), (EDGE_KEYS, REAL[1])):
        for key in keys:
            if arrays[key].dtype != np.int32 and key not in (fields.ATOM_MASK, fields.EDGE_MASK, "edge_weight"):
                arrays[key][real:] = 1e3
    np.testing.assert_allclose(atoms(layer, arrays)[: REAL[0]], expected[: REAL[0]], rtol=1e-12, atol=1e-12)


@each_entry
def test_double_precision_is_kept(entry):
    """A change far below the precision of float32 changes the output by about as much."""
    layer, arrays = built(entry), random_graph()
    expected = atoms(layer, arrays)
    assert expected.dtype == np.float64
    arrays[ATOMS] = arrays[ATOMS] * (1 + 1e-12)
    moved = np.max(np.abs(atoms(layer, arrays) - expected))
    assert (moved == 0) == (entry[0] == "atom_encoder")  # which reads no atom features
    assert moved < 1e-9 * np.max(np.abs(expected))


@each_entry
def test_a_layer_is_rebuilt_from_its_config(entry):
    layer, arrays = built(entry), random_graph()
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
    assert set(entry[1]) <= set(layer.get_config())
    again(tensors(arrays))
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(atoms(again, arrays), atoms(layer, arrays))
