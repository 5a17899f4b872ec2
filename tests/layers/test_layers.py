"""Layers on a tiny graph, with results computed by hand."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.layers import LAYERS
from gnnzoo.layers.dropout import HashedDropout
from gnnzoo.layers.perceptron import ChannelPReLU, PairPerceptron, Perceptron
from gnnzoo.layers.registry import ATOMS, BONDED_EDGES, EDGE_WEIGHT, EDGES, atoms_after
from tiny_graph import build, fill, graph, tensor


def test_prelu_has_one_slope_per_channel_initially_a_quarter():
    layer = ChannelPReLU()
    np.testing.assert_allclose(layer(tensor([[-4.0, 4.0]])), [[-1.0, 4.0]])
    assert layer.slope.shape == (2,)
    with tf.GradientTape() as tape:
        tape.watch(zero := tensor([[0.0, 0.0]]))
        result = layer(zero)
    np.testing.assert_allclose(tape.gradient(result, zero), [[1.25, 1.25]])  # not dead at zero, as Keras' PReLU is


def test_perceptron_is_dense_prelu_dropout_dense_prelu_dense():
    layer = Perceptron(units=2, outputs=1, hidden_layers=1, dropout=0.5, activation="prelu", seed=0, name="perceptron")
    layer.build((None, 1))
    fill(layer, 1.0)
    # 3 -> [3, 3] -> [6, 6] -> 12;  -4 -> [-4, -4] -> PReLU [-1, -1] -> [-2, -2] -> PReLU [-.5, -.5] -> -1
    np.testing.assert_allclose(layer(tensor([[3.0], [-4.0]])), [[12.0], [-1.0]])
    assert [w.name for w in layer.trainable_weights].count("bias") == 2  # the hidden layer has none


def test_the_last_map_of_a_sum_is_the_sum_of_last_maps():
    layer = Perceptron(units=3, outputs=2, hidden_layers=0, dropout=0, activation="silu", seed=1, name="p")
    rows, weights = np.random.default_rng(0).normal(size=(5, 4)), np.array([[0.5], [1], [0], [2], [0.1]])
    outputs = layer(tensor(rows))
    layer.last.bias.assign([1.0, -2.0])
    outputs = layer(tensor(rows))
    summed = tf.reduce_sum(layer.hidden(tensor(rows)) * weights, axis=0, keepdims=True)
    found = layer.output_of_sum(summed, tensor([[weights.sum()]]))
    np.testing.assert_allclose(found[0], np.sum(outputs * weights, axis=0), rtol=1e-5)


def test_symmetric_pairs_have_one_output_in_both_directions():
    layer = PairPerceptron(
        units=3, outputs=1, hidden_layers=0, dropout=0.0, activation="silu", seed=0, symmetric=True, name="p"
    )
    layer.build_pair(2, 1)
    x, e = tensor([[1.0, 2.0], [3.0, 4.0]]), tensor([[0.5], [0.5]])
    hidden = layer.hidden_pairs(x, e, tensor([0, 1], "int32"), tensor([1, 0], "int32"))
    np.testing.assert_allclose(hidden[0], hidden[1], rtol=1e-6)


PRODUCT = {
    "units": 2,
    "hidden_layers": 0,
    "dropout": 0.0,
    "activation": "prelu",
    "combine": "product",
    "bond_features": False,
    "residual": False,
    "neighbor_scale": 1.0,
    "seed": 0,
}


def test_message_passing_with_the_product_by_hand():
    layer = LAYERS["message_passing"](**PRODUCT, name="m")
    data = graph()
    build(layer, data)
    fill(layer, 1.0)
    # Edge 1->0: x_0 * x_1 = [3, 8], e = 0.5: [11.5, 11.5] -> [23, 23], weight 1. Update: [46, 46] -> [92, 92].
    # Edge 0->1: the same message with weight 0.5: half of it. Atoms 2 and 3 have no neighbours: 0.
    np.testing.assert_allclose(layer(data)[ATOMS], [[92, 92], [46, 46], [0, 0], [0, 0]])


def test_message_passing_residual_and_neighbour_scale():
    layer = LAYERS["message_passing"](**PRODUCT | {"residual": True, "neighbor_scale": 0.5}, name="m")
    data = graph()
    build(layer, data)
    fill(layer, 1.0)
    np.testing.assert_allclose(layer(data)[ATOMS], [[47, 48], [26, 27], [5, 6], [7, 8]])


def test_message_passing_with_the_sum_by_hand():
    layer = LAYERS["message_passing"](**PRODUCT | {"combine": "sum"}, name="m")
    data = graph()
    build(layer, data)
    fill(layer, 1.0)
    # Edge 1->0: (1 + 2) + (3 + 4) + 0.5 = 10.5 in both channels -> [21, 21] -> update [42, 42] -> [84, 84]
    np.testing.assert_allclose(layer(data)[ATOMS], [[84, 84], [42, 42], [0, 0], [0, 0]])


def test_edge_geometry():
    layer = LAYERS["edge_geometry"](
        features=["bond", "distance", "direction"],
        cutoff=4.0,
        basis="bessel",
        functions=2,
        envelope=False,
        envelope_order=6,
        name="g",
    )
    result = layer(graph())
    np.testing.assert_allclose(result[EDGES][0], [2, 1, 0, 0])
    np.testing.assert_allclose(result[BONDED_EDGES][1], [0, 1, 0, 2, -1, 0, 0])
    np.testing.assert_allclose(np.ravel(result[EDGE_WEIGHT]), [1, 1, 0])


def test_atom_encoder_by_hand():
    layer = LAYERS["atom_encoder"](
        table=[[1.0], [-2.0]], units=2, hidden_layers=0, dropout=0.0, activation="prelu", seed=0, name="a"
    )
    layer.build(None)
    fill(layer, 1.0)
    # 1 -> [1, 1] -> [2, 2]; -2 -> [-2, -2] -> PReLU [-.5, -.5] -> [-1, -1]
    np.testing.assert_allclose(layer(graph())[ATOMS], [[2, 2], [-1, -1], [-1, -1], [2, 2]])


def test_encoded_species_are_a_learned_embedding():
    """Without hidden layers a species is a row of its own in the first map: moving it moves no other species."""
    layer = LAYERS["atom_encoder"](
        table=[[1.0, 0.0], [0.0, 1.0]], units=2, hidden_layers=0, dropout=0.0, activation="silu", seed=0, name="a"
    )
    layer.build(None)
    before = layer(graph())[ATOMS].numpy()
    layer.perceptron.first.kernel.assign_add([[0.0, 0.0], [1.0, 1.0]])
    after = layer(graph())[ATOMS].numpy()
    np.testing.assert_array_equal(after[[0, 3]], before[[0, 3]])
    assert np.all(np.any(after[[1, 2]] != before[[1, 2]], axis=1))


def test_silu_by_hand():
    # x / (1 + e^-x) at ln 3: ln 3 / (1 + 1/3) = 3/4 ln 3; at 0: 0
    found = LAYERS["silu"](name="s")(graph(**{ATOMS: tensor([[np.log(3), 0.0]] * 4)}))[ATOMS]
    np.testing.assert_allclose(found[0], [0.75 * np.log(3), 0], rtol=1e-6)


def test_residual_by_hand():
    data = graph(**{atoms_after("first"): tensor([[10.0, 20.0]] * 4)})
    found = LAYERS["residual"](of="first", name="r")(data)[ATOMS]
    np.testing.assert_allclose(found, [[11, 22], [13, 24], [15, 26], [17, 28]])


def test_pair_forces_are_opposite_and_along_the_pair():
    layer = LAYERS["pair_force_decoder"](
        units=2,
        hidden_layers=0,
        dropout=0.0,
        activation="prelu",
        antisymmetric=True,
        bond_features=False,
        neighbor_scale=1.0,
        seed=0,
        name="d",
    )
    data = graph(**{EDGE_WEIGHT: tensor([[1.0], [1.0], [0.0]])})
    build(layer, data)
    fill(layer, 1.0)
    # strength: 10.5 in both channels -> 21; the force on atom 0 points to atom 1, which lies along +x
    np.testing.assert_allclose(layer(data)[fields.FORCES], [[21, 0, 0], [-21, 0, 0], [0, 0, 0], [0, 0, 0]])


def test_force_scale_multiplies_and_masks():
    layer = LAYERS["force_scale"](scale=3.0, name="s")
    forces = layer(graph(**{fields.FORCES: tensor(np.ones((4, 3)))}))[fields.FORCES]
    np.testing.assert_allclose(forces, [[3] * 3, [3] * 3, [3] * 3, [0] * 3])


def test_dropout_acts_in_training_only():
    layer = LAYERS["dropout"](rate=0.5, seed=0, name="d")
    data = graph(**{ATOMS: tensor(np.ones((4, 50)))})
    np.testing.assert_array_equal(layer(data)[ATOMS], data[ATOMS])
    dropped = layer(data, training=True)[ATOMS].numpy()
    assert 0.3 < np.mean(dropped == 0) < 0.7


def test_dropout_masks_are_uncorrelated():
    layer = HashedDropout(0.1, seed=3)
    ones, count = tensor(np.ones((500, 128))), 500 * 128
    masks = [layer(ones, training=True).numpy() for _ in range(4)]
    assert set(np.unique(masks)) == {0, np.float32(1 / 0.9)}
    dropped = np.array([mask.ravel() == 0 for mask in masks], dtype=float)
    # five standard deviations of a binomial share, and of the covariance of two independent masks
    assert np.all(np.abs(dropped.mean(axis=1) - 0.1) < 5 * np.sqrt(0.1 * 0.9 / count))
    neighbours = [(a[:-1], a[1:]) for a in dropped] + [(a[:-128], a[128:]) for a in dropped]
    for a, b in [*itertools.combinations(dropped, 2), *neighbours]:
        assert abs(np.mean((a - 0.1) * (b - 0.1))) < 5 * 0.1 * 0.9 / np.sqrt(count)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_known_to_keras_under_its_short_name(name):
    assert keras.saving.get_registered_name(LAYERS[name]) == f"gnnzoo>{name}"
