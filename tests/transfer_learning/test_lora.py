"""Low-rank adapters: zero at first, trained in place of matrices, merged into a plain network."""

import numpy as np
import pytest

from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.predict import Predictor
from gnnzoo.transfer_learning.lora import add_adapters, merge_adapters
from small import WATER, recipe
from systems import water_frame

pytestmark = pytest.mark.usefixtures("uncompiled")

RANK = 3
PLAIN = {"units": 8, "hidden_layers": 0, "activation": "prelu"}
MADE = recipe(
    WATER,
    model={
        "layers": [
            {"layer": "atom_encoder", **PLAIN},
            {"layer": "graph_norm"},
            {"layer": "atomic_density", "channels": 2},
            {"layer": "painn_message"},
            {"layer": "painn_message", "filters": "channel"},
            {"layer": "painn_update"},
            {"layer": "layer_norm"},
            {"layer": "message_passing", "combine": "sum", **PLAIN},
            {"layer": "message_passing", "combine": "product", **PLAIN},
            {"layer": "layer_norm"},
            {"layer": "vector_force_decoder", **PLAIN},
        ]
    },
)
SCALES = Scales(neighbors=1000.0)
MOVED = ["graph_norm_1", "message_passing_1", "message_passing_2", "atomic_density_1", "painn_message_1"]
GRAPH = graph_of(water_frame(molecules=4, box=5.0), ["O", "H"], MADE.graph.cutoff, None)


def built():
    """The network with weights that differ from their initial values."""
    network, random = build_network(MADE, ["O", "H"], SCALES), np.random.default_rng(7)
    for variable in network.trainable_variables:
        variable.assign(variable + random.normal(scale=0.1, size=variable.shape))
    return network


def forces(network):
    return Predictor(network, xla=False).forces(GRAPH)


def products(network):
    """Weights of adapters by path."""
    return {weight.path: weight.numpy() for weight in network.weights if "lora" in weight.path}


def changed(network):
    """The network with all trainable weights changed, adapters included."""
    random = np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign(variable + random.normal(scale=0.1, size=variable.shape))
    return network


@pytest.fixture(scope="module")
def adapted():
    """A network with untrained adapters, its forces before they were added, and their number."""
    network = built()
    before = forces(network)
    return network, before, add_adapters(network, MOVED, RANK, seed=5)


def test_untrained_adapters_do_not_change_the_forces(adapted):
    network, before, count = adapted
    found = products(network)
    assert len(found) == 2 * count > 0
    assert all(np.any(value) == path.endswith("kernel_a") for path, value in found.items())
    assert 0.01 < np.max(np.abs(before)) < 1000
    np.testing.assert_array_equal(forces(network), before)


def test_adapters_have_the_requested_rank_and_belong_to_matrices_of_the_named_layers(adapted):
    network, _, count = adapted
    shapes = {weight.path: tuple(weight.shape) for weight in network.weights}
    paths = {path.removesuffix("/lora_kernel_a") for path in shapes if path.endswith("/lora_kernel_a")}
    assert len(paths) == count
    assert {path.split("/")[0] for path in paths} == {name for name in MOVED if "norm" not in name}
    for path in paths:
        inputs, outputs = shapes[f"{path}/kernel"]
        assert shapes[f"{path}/lora_kernel_a"] == (inputs, RANK)
        assert shapes[f"{path}/lora_kernel_b"] == (RANK, outputs)
        assert min(inputs, outputs) > RANK


@pytest.mark.parametrize("layer", [*MOVED, "painn_message_2"])
def test_of_an_adapted_layer_adapters_vectors_and_narrow_matrices_are_trainable(adapted, layer):
    network = adapted[0]
    if layer not in MOVED:
        network = built()
        add_adapters(network, [layer], RANK, seed=5)
    weights = network.get_layer(layer).weights
    wide = {w.path for w in weights if len(w.shape) > 1 and min(w.shape) > RANK and "lora" not in w.path}
    assert {w.path for w in weights if not w.trainable} == wide
    assert bool(wide) == (layer != "graph_norm_1")


def test_matrices_narrower_than_the_rank_are_trained_themselves(adapted):
    """The density has two channels: its map to them is 8 x 2, and a product of width 3 would be no smaller."""
    sent = adapted[0].get_layer("atomic_density_1").sent
    assert sent.kernel.shape == (8, 2)
    assert [weight.path for weight in sent.weights] == ["atomic_density_1/sent/kernel"]
    assert sent.kernel.trainable
    network = built()
    assert add_adapters(network, MOVED, rank=8, seed=0) == 0  # no matrix here is wider than eight on both sides
    assert not products(network)
    kernels = [weight for weight in network.weights if weight.path.endswith("kernel")]
    assert all(weight.trainable for weight in kernels)


def test_other_layers_are_not_changed(adapted):
    others = [layer for layer in adapted[0].layers if layer.name not in MOVED and layer.weights]
    assert {"atom_encoder_1", "painn_update_1", "vector_force_decoder_1"} < {layer.name for layer in others}
    weights = [weight for layer in others for weight in layer.weights]
    assert not [weight.path for weight in weights if "lora" in weight.path]
    facts = ["atom_encoder_1/species", "force_scale/scale"]
    assert [weight.path for weight in weights if not weight.trainable] == facts


def test_initial_adapters_are_determined_by_the_seed(adapted):
    first = products(adapted[0])
    again, other = built(), built()
    add_adapters(again, MOVED, RANK, seed=5)
    add_adapters(other, MOVED, RANK, seed=6)
    again, other = products(again), products(other)
    assert list(first) == list(again) == list(other)
    for path, value in first.items():
        np.testing.assert_array_equal(value, again[path])
        if path.endswith("kernel_a"):
            assert not np.any(value == other[path])
    square = [value for path, value in first.items() if path.endswith("kernel_a") and value.shape == (8, RANK)]
    assert len(square) > 10
    assert len({value.tobytes() for value in square}) == len(square)  # no two are equal


def test_the_merged_network_is_plain_and_predicts_the_same_forces():
    network = built()
    before = forces(network)
    add_adapters(network, MOVED, RANK, seed=5)
    expected = forces(changed(network))
    plain = build_network(MADE, ["O", "H"], SCALES)
    found = merge_adapters(network, plain)
    assert found is plain
    assert [weight.path for weight in found.weights] == [w.path for w in network.weights if "lora" not in w.path]
    assert all(weight.trainable for layer in found.layers if layer.name in MOVED for weight in layer.weights)
    size = np.max(np.abs(expected))
    assert np.max(np.abs(before - expected)) > 0.05 * size  # the changes have an effect
    np.testing.assert_allclose(forces(found), expected, rtol=0, atol=1e-5 * size)


def test_merging_keeps_weights_that_are_not_trained():
    """Running averages, the species table and the force scale."""
    layers = [{"layer": "atom_encoder", **PLAIN}, {"layer": "graph_norm", "statistics": "running"}]
    made = recipe(WATER, model={"layers": [*layers, {"layer": "pair_force_decoder", **PLAIN}]})
    network = build_network(made, ["O", "H"], Scales(force=3.0))
    add_adapters(network, ["atom_encoder_1", "graph_norm_1"], RANK, seed=0)
    expected = {}
    for number, weight in enumerate(network.get_layer("graph_norm_1").weights):
        weight.assign(weight * 0 + number + 2)
        expected[weight.path] = weight.numpy()
    assert any("moving" in path for path in expected)
    plain = {weight.path: weight.numpy() for weight in merge_adapters(network, build_network(made, ["O", "H"])).weights}
    for path, value in expected.items():
        np.testing.assert_array_equal(plain[path], value)
    assert plain["force_scale/scale"] == 3
