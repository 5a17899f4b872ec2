"""Equivariant layers, by hand and by their symmetries."""

import numpy as np
import pytest

from gnnzoo import fields
from gnnzoo.layers import LAYERS
from gnnzoo.layers.neighborhood import Neighborhood, full_tensor
from gnnzoo.layers.registry import ATOM_ENERGIES, ATOMS, DIRECTIONS, EDGE_WEIGHT, RADIAL, VECTORS
from systems import random_rotation
from tiny_graph import build, graph, random_graph, tensor, tensors


def silu(x):
    return x / (1 + np.exp(-x))


def tiny(**changes):
    """The tiny graph with one feature and two radial functions; atom 0 receives edge 0, atom 1 edge 1."""
    return graph(
        **{
            ATOMS: tensor([[1.0], [3.0], [5.0], [7.0]]),
            RADIAL: tensor([[2.0, 3.0], [2.0, 3.0], [9.0, 9.0]]),
            fields.SLOTS: tensor([[0, 2], [1, 2], [2, 2], [2, 2]], "int32"),
        }
        | changes
    )


def large(vectors: bool, width: int = 4):
    """The random graph with slots, radial functions and, if asked for, vectors."""
    random, data = np.random.default_rng(1), random_graph(width)
    data[RADIAL] = random.normal(size=(12, 3))
    edges = [np.flatnonzero(data[fields.RECEIVERS][:9] == atom) for atom in range(7)]
    data[fields.SLOTS] = np.array([[*own, *[11] * (4 - len(own))] for own in edges], np.int32)
    if vectors:
        data[VECTORS] = random.normal(size=(7, 3, width))
    return data


# --- sums over neighbours -----------------------------------------------------------------------------------------


def test_sums_by_hand():
    near = Neighborhood(tiny(), functions=2)
    x = tiny()[ATOMS]  # one channel, fewer than functions: atom 0 receives 3 from atom 1 along +x with R = 2, 3
    np.testing.assert_allclose(near.sums(x, 0)[0, :, :, 0], [[6, 9]])
    np.testing.assert_allclose(near.sums(x, 1)[0, :, :, 0], [[6, 9], [0, 0], [0, 0]])
    third = [-2, -3]  # R x (xx - 1/3), (yy - 1/3), (zz - 1/3), xy ...
    np.testing.assert_allclose(near.sums(x, 2)[0, :, :, 0], [[4, 6], third, third, *[[0, 0]] * 3], rtol=1e-6)
    np.testing.assert_allclose(near.sums(x, 0, 1)[0, :, :, 0], [[6, 9], [6, 9], [0, 0], [0, 0]])
    # atom 1 receives 1 from atom 0 along -x, with weight 1/2; the others have empty slots
    np.testing.assert_allclose(near.sums(x, 1)[1, 0, :, 0], [-1, -1.5], rtol=1e-6)
    assert not near.sums(x, 0)[2:].numpy().any()


def test_fewer_functions_are_the_first_ones():
    np.testing.assert_allclose(
        Neighborhood(tiny(), functions=1).sums(tiny()[ATOMS], 0)[:, 0, :, 0], [[6], [1], [0], [0]]
    )


@pytest.mark.parametrize("method", ["few channels", "slots", "all atoms"])
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_sums_run_over_the_edges_of_each_receiver(rank, method):
    data = large(vectors=False, width=2 if method == "few channels" else 4)
    near = Neighborhood(tensors(data), 3)
    assert near.dense
    near.dense = method == "all atoms"
    expected = np.zeros((7, [1, 3, 6, 10][rank], 3, data[ATOMS].shape[1]))
    for e in range(9):
        u = data[DIRECTIONS][e]
        square = np.outer(u, u) - np.eye(3) / 3
        cube = np.einsum("i,j,k->ijk", u, u, u)
        cube -= sum(np.einsum(f"i,jk->{axes}", u, np.eye(3)) for axes in ("ijk", "jik", "jki")) / 5
        upper = cube[[0, 0, 0, 0, 0, 0, 1, 1, 1, 2], [0, 0, 0, 1, 1, 2, 1, 1, 2, 2], [0, 1, 2, 1, 2, 2, 1, 2, 2, 2]]
        angular = [[1.0], u, square[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]], upper][rank]
        weight = data[EDGE_WEIGHT][e] * data[RADIAL][e]
        sent = data[ATOMS][data[fields.SENDERS][e]]
        expected[data[fields.RECEIVERS][e]] += np.array(angular)[:, None, None] * weight[:, None] * sent
    found = near.sums(tensors(data)[ATOMS], rank).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-12)
    several = near.sums(tensors(data)[ATOMS], 0, rank).numpy()
    np.testing.assert_allclose(several[:, 1:], expected, atol=1e-12)


def test_products_over_all_atoms_are_for_dense_neighborhoods_only():
    data = large(vectors=False)
    few = data | {fields.SLOTS: data[fields.SLOTS][:, :2]}
    assert not Neighborhood(tensors(few), 3).dense


def test_a_tensor_from_its_six_components():
    tensor_ = full_tensor(tensor(np.arange(1.0, 7)[None, :, None])).numpy()[0, :, :, 0]
    assert tensor_.tolist() == [[1, 4, 5], [4, 2, 6], [5, 6, 3]]


# --- PaiNN ----------------------------------------------------------------------------------------------------------


def message(data, filters="channel", scale=0.5):
    layer = LAYERS["painn_message"](filters=filters, functions=None, neighbor_scale=scale, seed=0, name="m")
    return build(layer, data)


def test_painn_message_by_hand():
    data = tiny(**{VECTORS: tensor([[[0.0], [1], [0]], [[0], [0], [2]], [[0], [0], [0]], [[0], [0], [0]]])})
    layer = message(data)
    layer.hidden.kernel.assign([[1.0]])
    layer.senders.kernel.assign([[1.0, 10.0, 100.0]])
    for number, part in enumerate(("scalar", "direction", "vector"), start=1):
        layer.kernels[part].assign([[number], [0]])  # the first radial function alone, times 1, 2, 3
    result = layer(data)
    # Edge 1->0: a, b, g = silu(3) (1, 10, 100); R = 2, w = 1, c = 1/2: scalars + 1 a; vectors + 2 b x + 3 g v_1.
    sent = silu(3)
    np.testing.assert_allclose(result[ATOMS][0], [1 + sent], rtol=1e-6)
    np.testing.assert_allclose(result[VECTORS][0, :, 0], [20 * sent, 1, 3 * 100 * sent * 2], rtol=1e-6)
    # Edge 0->1: a, b, g = silu(1) (1, 10, 100); weight 1/2, along -x
    sent = silu(1)
    np.testing.assert_allclose(result[ATOMS][1], [3 + 0.5 * sent], rtol=1e-6)
    np.testing.assert_allclose(result[VECTORS][1, :, 0], [-10 * sent, 1.5 * 100 * sent, 2], rtol=1e-6)
    # Atoms 2 and 3 have no neighbours.
    np.testing.assert_allclose(result[ATOMS][2:], data[ATOMS][2:])


def test_mixing_filters_are_channel_filters_where_their_matrices_are_diagonal():
    data = tensors(large(vectors=True))
    channel, mixing = message(data, "channel"), message(data, "mixing")
    for ours, theirs in zip((mixing.hidden, mixing.senders), (channel.hidden, channel.senders), strict=True):
        ours.set_weights(theirs.get_weights())
    for part, kernel in channel.kernels.items():
        mixing.kernels[part].assign(np.einsum("kc,cd->kcd", kernel.numpy(), np.eye(4)))
    for key in (ATOMS, VECTORS):
        np.testing.assert_allclose(mixing(data)[key], channel(data)[key], rtol=1e-5, atol=1e-6)


def test_painn_update_by_hand():
    data = tiny(**{VECTORS: tensor([[[3.0], [4], [0]]] * 4)})
    layer = build(LAYERS["painn_update"](seed=0, name="u"), data)
    layer.maps.kernel.assign([[2.0, 1.0]])  # U v = 2 v, V v = v
    layer.hidden.kernel.assign([[1.0], [1.0]])
    layer.gates.kernel.assign([[1.0, 10.0, 100.0]])
    result = layer(data)
    # |V v| = 5, <U v, V v> = 50; atom 0: h = silu(1 + 5); s = 1 + h + 10 h 50; v = (1 + 2 100 h) v
    h = silu(6)
    np.testing.assert_allclose(result[ATOMS][0], [1 + h + 500 * h], rtol=1e-6)
    np.testing.assert_allclose(result[VECTORS][0, :, 0], np.array([3, 4, 0]) * (1 + 200 * h), rtol=1e-6)


# --- density --------------------------------------------------------------------------------------------------------


def density(data, rank=2, scale=0.5):
    layer = LAYERS["atomic_density"](channels=1, rank=rank, functions=None, neighbor_scale=scale, seed=0, name="d")
    return build(layer, data)


def test_atomic_density_by_hand():
    data = tiny()
    layer = density(data)
    for part, value in ((layer.sent, 1.0), (layer.turned, 1.0), (layer.squares, 1.0)):
        part.kernel.assign([[value]])
    for part, value in ((layer.scalars, 1.0), (layer.vectors, 2.0), (layer.tensors, 3.0)):
        part.kernel.assign([[value], [0.0]])  # the first radial function alone
    layer.receivers.kernel.assign([[0.0, 0.0]])
    layer.receivers.bias.assign([1.0, 0.0])  # vectors times 1 + 1, tensors times 1
    result = layer(data)
    # Edge 1->0: n w R x_1 = 1/2 1 2 3 = 3 along x: scalars 3, vectors 2 3 2 = 12 x, tensors 9 diag(2/3, -1/3, -1/3):
    # T d = 72 x; T : T = 81 (4 + 1 + 1) / 9 = 54
    np.testing.assert_allclose(result[ATOMS][0], [1 + 3 + 54], rtol=1e-6)
    np.testing.assert_allclose(result[VECTORS][0, :, 0], [84, 0, 0], atol=1e-5)
    # Edge 0->1: 1/2 1/2 2 1 = 1/2 along -x: scalars 1/2, vectors -2 x, tensors 3/2 diag: T d = -2 x; T : T = 3/2
    np.testing.assert_allclose(result[ATOMS][1], [3 + 0.5 + 1.5], rtol=1e-6)
    np.testing.assert_allclose(result[VECTORS][1, :, 0], [-4, 0, 0], atol=1e-5)


def test_atomic_density_of_rank_3_by_hand():
    data = tiny()
    layer, second = density(data, rank=3), density(data, rank=2)
    for part in ("sent", "scalars", "vectors", "tensors", "turned", "squares"):
        kernel = getattr(second, part).kernel
        getattr(layer, part).kernel.assign(kernel)
    layer.receivers.kernel.assign(np.zeros((1, 3)))
    second.receivers.kernel.assign(np.zeros((1, 2)))
    layer.sent.kernel.assign([[1.0]])
    second.sent.kernel.assign([[1.0]])
    for part in (layer.octupoles, layer.tensors, second.tensors):
        part.kernel.assign([[1.0], [0.0]])  # the first radial function alone
    layer.contracted.kernel.assign([[1.0]])
    layer.cubes.kernel.assign([[1.0], [0.0], [1.0]])
    result, without = layer(data), second(data)
    # Edge 1->0: n w R x_1 = 3 along x: O_xxx = 3 (1 - 3/5) = 6/5, O_xyy = O_xzz = -3/5; T = 3 diag(2/3, -1/3, -1/3):
    # O : O = 36/25 + 6 9/25 = 18/5 and tr T^3 = 27 (8 - 1 - 1) / 27 = 6; O : T = 6/5 2 + 2 3/5 = 18/5 along x
    np.testing.assert_allclose(result[ATOMS][0] - without[ATOMS][0], [18 / 5 + 6], rtol=1e-5)
    np.testing.assert_allclose(result[VECTORS][0, :, 0] - without[VECTORS][0, :, 0], [18 / 5, 0, 0], atol=1e-5)


def test_a_density_of_rank_one_has_no_tensors():
    data = tensors(large(vectors=False))
    assert set(density(data, rank=1)(data)) == {ATOMS, VECTORS}
    assert len(density(data, rank=1).weights) < len(density(data, rank=2).weights)


# --- heads ----------------------------------------------------------------------------------------------------------

MLP = {"units": 1, "hidden_layers": 0, "dropout": 0.0, "activation": "silu", "seed": 0}


def test_vector_force_decoder_by_hand():
    data = tiny(**{VECTORS: tensor([[[3.0], [4], [0]]] * 4)})
    layer = build(LAYERS["vector_force_decoder"](**MLP, name="h"), data)
    layer.gate.first.kernel.assign([[1.0]])
    layer.gate.last.kernel.assign([[2.0]])
    layer.map.kernel.assign([[5.0]])
    # gate of atom 0: 2 silu(1); forces 2 silu(1) 5 v
    np.testing.assert_allclose(layer(data)[fields.FORCES][0], 10 * silu(1) * np.array([3, 4, 0]), rtol=1e-6)


def test_energy_decoder_by_hand():
    layer = build(LAYERS["energy_decoder"](**MLP, name="h"), tiny())
    layer.perceptron.first.kernel.assign([[1.0]])
    layer.perceptron.last.kernel.assign([[2.0]])
    np.testing.assert_allclose(layer(tiny())[ATOM_ENERGIES][:, 0], 2 * silu(np.array([1, 3, 5, 7])), rtol=1e-6)


def test_energies_are_scaled_and_masked():
    data = tiny(**{ATOM_ENERGIES: tensor([[1.0], [2], [3], [4]])})
    layer = build(LAYERS["force_scale"](scale=10.0, name="scale"), data)
    np.testing.assert_allclose(layer(data)[ATOM_ENERGIES][:, 0], [10, 20, 30, 0])


# --- symmetries of each layer ----------------------------------------------------------------------------------------

STACKS = {
    "painn_message": {"filters": "mixing", "functions": 2, "neighbor_scale": 0.3},
    "painn_update": {},
    "atomic_density": {"channels": 2, "rank": 2, "functions": None, "neighbor_scale": 0.3},
    "atomic_density, rank 3": {"channels": 2, "rank": 3, "functions": None, "neighbor_scale": 0.3},
    "vector_force_decoder": {k: v for k, v in MLP.items() if k != "seed"} | {"units": 4},
}


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("mirror", [1, -1])
def test_scalars_are_invariant_and_vectors_equivariant(name, mirror):
    data, turn = large(vectors=True), mirror * random_rotation(2)
    layer = build(LAYERS[name.partition(",")[0]](**STACKS[name], seed=3, name="layer", dtype="float64"), data)
    turned = data | {DIRECTIONS: data[DIRECTIONS] @ turn.T, VECTORS: np.einsum("xy,ayc->axc", turn, data[VECTORS])}
    before, after = (layer(tensors(given)) for given in (data, turned))
    if ATOMS in before:
        assert np.abs(before[ATOMS] - data[ATOMS])[:5].max() > 1e-3
        np.testing.assert_allclose(after[ATOMS], before[ATOMS], atol=1e-12)
    key = VECTORS if VECTORS in before else fields.FORCES
    np.testing.assert_allclose(after[key], np.einsum("xy,ay...->ax...", turn, before[key]), atol=1e-12)


@pytest.mark.parametrize("name", ["painn_message", "atomic_density", "atomic_density, rank 3"])
def test_padding_changes_nothing(name):
    data = large(vectors=True)
    layer = build(LAYERS[name.partition(",")[0]](**STACKS[name], seed=3, name="layer", dtype="float64"), data)
    wilder = {key: value.copy() for key, value in data.items()}
    for key in (DIRECTIONS, RADIAL):
        wilder[key][9:] = 7.0
    for key in (ATOMS, VECTORS):
        wilder[key][5:] = -3.0
    wider = np.pad(wilder[fields.SLOTS], ((0, 0), (0, 5)), constant_values=10)
    for key in (ATOMS, VECTORS):
        found = layer(tensors(wilder | {fields.SLOTS: wider}))[key][:5]
        np.testing.assert_allclose(found, layer(tensors(data))[key][:5], atol=1e-12)
