"""The convolutions of SchNet and GAMD by hand."""

import numpy as np

from gnnzoo.layers import LAYERS
from gnnzoo.layers.perceptron import shifted_softplus
from gnnzoo.layers.registry import ATOMS
from tiny_graph import build, fill, graph, tensor

LN2, LN3 = np.log(2), np.log(3)


def test_shifted_softplus():
    # ln(e^x / 2 + 1 / 2): at 0 it is 0; at ln 3 it is ln 2; far to the right x - ln 2
    np.testing.assert_allclose(shifted_softplus(tensor([0, LN3, 50.0])), [0, LN2, 50 - LN2], atol=1e-6)


def test_schnet_convolution_by_hand():
    layer = LAYERS["schnet_convolution"](units=2, bond_features=False, neighbor_scale=1 / 3, seed=0, name="c")
    build(layer, graph())
    fill(layer, 1.0)
    layer.filter.first.kernel.assign([[2 * LN3, 2 * LN3]])
    layer.filter.last.kernel.assign(np.full((2, 2), 1.5 / LN2))
    layer.update.first.kernel.assign(np.eye(2) * LN3 / 7)
    layer.update.last.kernel.assign(np.eye(2) / LN2)
    # The filter of every edge: 0.5 -> [ln 3, ln 3] -> ssp [ln 2, ln 2] -> [3, 3].
    # Edge 1->0: U x_1 = [7, 7] -> [21, 21], weight 1, c = 1/3: [7, 7] -> [ln 3, ln 3] -> ssp [ln 2, ln 2] -> [1, 1].
    # Edge 0->1: U x_0 = [3, 3] -> [9, 9], weight 0.5, c = 1/3: [1.5, 1.5] -> [1.5/7 ln 3] -> ssp
    other = np.log((3 ** (1.5 / 7) + 1) / 2) / LN2
    # Atoms 2 and 3 have no neighbours: ssp(0) = 0.
    np.testing.assert_allclose(layer(graph())[ATOMS], [[2, 3], [3 + other, 4 + other], [5, 6], [7, 8]], rtol=1e-5)


def gamd(layer_norm):
    layer = LAYERS["gamd_convolution"](
        units=2,
        bond_features=False,
        neighbor_scale=0.5,
        seed=0,
        activation="prelu",
        layer_norm=layer_norm,
        name="c",
    )
    build(layer, graph())
    return layer


def test_gamd_convolution_by_hand():
    layer = gamd(layer_norm=False)
    fill(layer, 1.0)
    # E: 0.5 -> [.5, .5] -> [1, 1]. Edge 1->0: 1 + A x_0 + B x_1 = 1 + 3 + 7 = 11 -> T [22, 22] -> [44, 44]; times
    # x_1: [132, 176], weight 1, c = 0.5: [66, 88]. P x_0 + Q of it: 3 + 154 = 157 -> V [314, 314].
    # Edge 0->1: 11 -> [44, 44] times x_0: [44, 88], weight 0.5, c = 0.5: [11, 22]. 7 + 33 = 40 -> [80, 80].
    # Atoms 2 and 3 have no neighbours: 11 -> 22, and 15 -> 30.
    np.testing.assert_allclose(layer(graph())[ATOMS], [[315, 316], [83, 84], [27, 28], [37, 38]], rtol=1e-6)


def test_gamd_convolution_with_layer_norm_by_hand():
    layer = gamd(layer_norm=True)
    fill(layer, 1.0)
    layer.norm.beta.assign([0, 0])
    layer.neighbors.kernel.assign([[0, 0], [1, 1]])
    # h = [-1, 1] for every atom, so A h = B h = P h = 0. E = 1 -> T [2, 2] -> [4, 4]; times h: [-4, 4].
    # Atom 0: weight 1, c = 0.5, Q reads the second channel: 2 -> V [4, 4]. Atom 1: weight 0.5: 1 -> [2, 2].
    np.testing.assert_allclose(layer(graph())[ATOMS], [[5, 6], [5, 6], [5, 6], [7, 8]], rtol=1e-4)
