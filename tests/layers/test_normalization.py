"""Normalisation by hand; running statistics in training, in a file and in a transfer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.layers import LAYERS
from gnnzoo.layers.registry import ATOMS
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from gnnzoo.transfer_learning.copy_weights import copy_weights
from gnnzoo.transfer_learning.provenance import LayerTransfer
from small import ARGON, recipe
from tiny_graph import build, graph, tensor


def norm(statistics="graph", momentum=0.5, **kwargs):
    return LAYERS["graph_norm"](statistics=statistics, momentum=momentum, name="n", **kwargs)


def test_graph_norm_by_hand():
    result = norm()(graph())[ATOMS].numpy()
    # Graph 0 holds [1, 2] and [3, 4]: mean [2, 3], deviation 1 each. Graph 1 holds one atom: nothing is left of it.
    np.testing.assert_allclose(result[:3], [[-1, -1], [1, 1], [0, 0]], atol=1e-4)


def test_graph_norm_keeps_a_share_of_the_mean():
    layer = norm()
    layer.build({ATOMS: (None, 2)})
    layer.alpha.assign([0.0, 1.0])
    result = layer(graph())[ATOMS].numpy()
    # channel 0 keeps its mean: x / sqrt(mean x^2) = [1, 3] / sqrt(5)
    np.testing.assert_allclose(result[:2, 0], np.array([1, 3]) / np.sqrt(5), rtol=1e-4)


def test_layer_norm_by_hand():
    layer = build(LAYERS["layer_norm"](name="n"), graph())
    layer.function.gamma.assign([2.0, 2.0])
    layer.function.beta.assign([0.0, 1.0])
    # [1, 2]: mean 1.5, deviation 0.5 -> [-1, 1] -> [-2, 3]; so for every atom
    np.testing.assert_allclose(layer(graph())[ATOMS], [[-2, 3]] * 4, atol=1e-3)


# --- moving statistics ----------------------------------------------------------------------------------------------

# Real atoms of the tiny graph, channel by channel: 1 3 5 and 2 4 6. Means 3 and 4, variances 8/3.
OTHER = tensor([[5.0, 2.0], [5.0, 2.0], [5.0, 8.0], [1e9, 1e9]])  # means 5 and 4, the last atom is padding


def test_running_statistics_start_as_the_identity():
    np.testing.assert_allclose(norm("running")(graph())[ATOMS], graph()[ATOMS], rtol=1e-4)


def test_moving_statistics_by_hand():
    layer = norm("running")
    first = layer(graph(), training=True)[ATOMS].numpy()
    # The first batch counts whole.
    np.testing.assert_allclose(layer.mean, [3, 4])
    np.testing.assert_allclose(layer.variance, [8 / 3, 8 / 3], rtol=1e-6)
    np.testing.assert_allclose(first[0], np.array([-2, -2]) / np.sqrt(8 / 3), rtol=1e-5)
    second = layer(graph(**{ATOMS: OTHER}), training=True)[ATOMS].numpy()
    # The second by half: means 3 + (5 - 3)/2 = 4 and 4. Squares about them: 1 1 1 and 4 4 16, that is 1 and 8 on
    # average; variances (8/3 + 1)/2 = 11/6 and (8/3 + 8)/2 = 16/3.
    np.testing.assert_allclose(layer.mean, [4, 4])
    np.testing.assert_allclose(layer.variance, [11 / 6, 16 / 3], rtol=1e-6)
    np.testing.assert_allclose(second[0], [1 / np.sqrt(11 / 6), -2 / np.sqrt(16 / 3)], rtol=1e-5)
    # Afterwards they are used as they are, and what was used in training is what is used now.
    np.testing.assert_array_equal(layer(graph(**{ATOMS: OTHER}))[ATOMS], second)
    np.testing.assert_allclose(layer.mean, [4, 4])


def test_the_first_running_averages_are_plain_means():
    layer = norm("running", momentum=0.9)
    values = np.random.default_rng(0).normal(size=(30, 4, 2)).astype(np.float32)
    for value in values[:10]:
        layer(graph(**{ATOMS: tensor(value)}), training=True)
    means = values[:, :3].mean(axis=1)
    np.testing.assert_allclose(layer.mean, means[:10].mean(axis=0), rtol=1e-5)
    old = layer.mean.numpy()
    layer(graph(**{ATOMS: tensor(values[10])}), training=True)
    np.testing.assert_allclose(layer.mean, 0.9 * old + 0.1 * means[10], rtol=1e-5)


def test_gradients_stop_at_running_statistics():
    layer, x = norm("running"), graph()[ATOMS]
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(graph(**{ATOMS: x}), training=True)[ATOMS][:1])
    # only the first atom's own features, divided by the deviation; with statistics of the batch the others' too
    expected = np.zeros((4, 2))
    expected[0] = 1 / np.sqrt(8 / 3)
    np.testing.assert_allclose(tape.gradient(total, x), expected, rtol=1e-5)


@pytest.mark.parametrize(("statistics", "alone"), [("graph", False), ("running", True)])
def test_running_statistics_do_not_couple_atoms(statistics, alone):
    layer = norm(statistics)
    layer(graph(), training=True)
    changed = graph()[ATOMS].numpy()
    changed[1] += 1.0  # the other atom of the same graph
    moved = layer(graph(**{ATOMS: tensor(changed)}))[ATOMS][0] - layer(graph())[ATOMS][0]
    assert (np.abs(moved).max() == 0) == alone


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_running_statistics_are_updated_in_compiled_training(dtype):
    layer = norm("running", dtype=dtype)
    data = {key: tf.cast(value, dtype) if value.dtype == tf.float32 else value for key, value in graph().items()}
    build(layer, data)

    @tf.function(jit_compile=True)
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer({**data, ATOMS: x}, training=True)[ATOMS] ** 2)
        for weight, gradient in zip(layer.trainable_weights, tape.gradient(loss, layer.trainable_weights), strict=True):
            weight.assign_sub(0.01 * gradient)
        return loss

    step(data[ATOMS])
    step(tf.cast(OTHER, dtype))
    np.testing.assert_allclose(layer.mean, [4, 4], rtol=1e-6)
    np.testing.assert_allclose(layer.variance, [11 / 6, 16 / 3], rtol=1e-6)
    assert layer.batches == 2
    assert np.all(layer.gamma.numpy() != 1)


# --- in a network ---------------------------------------------------------------------------------------------------


@pytest.fixture
def trained():
    """A network whose running statistics have been updated."""
    layers = [*ARGON["model"]["layers"]]
    layers[1] = {"layer": "graph_norm", "statistics": "running"}
    made = recipe(ARGON, model={"layers": layers})
    network = build_network(made, ["Ar"])
    layer = network.get_layer("graph_norm_1")
    layer.mean.assign(np.arange(8.0))
    layer.variance.assign(np.arange(8.0) + 1)
    layer.batches.assign(7)
    return ForceField(network, made, {"species": ["Ar"], "units": "real"})


def test_running_statistics_are_saved_and_not_trainable(trained, tmp_path):
    names = [variable.path for variable in trained.network.trainable_variables]
    assert not [name for name in names if "moving" in name or "batches" in name]
    trained.network.save(tmp_path / "n.keras")
    again = keras.models.load_model(tmp_path / "n.keras", compile=False).get_layer("graph_norm_1")
    np.testing.assert_array_equal(again.mean, np.arange(8))
    np.testing.assert_array_equal(again.variance, np.arange(8) + 1)
    assert (again.batches.numpy(), again.statistics, again.momentum) == (7, "running", 0.999)


def test_transfer_copies_running_statistics(trained):
    """The layers above were trained on features so normalised; training on the target moves them on."""
    network = build_network(trained.recipe, ["Ar"])
    records = {record.layer: record for record in copy_weights(trained, network, trained.recipe, ["Ar"])}
    assert records["graph_norm_1"] == LayerTransfer("graph_norm_1", "copied", 4 * 8 + 1, 4 * 8 + 1)
    np.testing.assert_array_equal(network.get_layer("graph_norm_1").mean, np.arange(8))
    assert fields.FORCES in network.output
