"""Equivariant message passing: scalars and vectors on each atom (PaiNN, arXiv 2102.03150)."""

import keras
from keras import ops

from gnnzoo.layers.basic import StackLayer
from gnnzoo.layers.neighborhood import Neighborhood
from gnnzoo.layers.registry import ATOMS, RADIAL, VECTORS, derived_seed, register

_TINY = 1e-8  # under the root of a norm, so that a vector of length zero has a gradient


def linear(layer: keras.layers.Layer, name: str, units: int, bias: bool = False) -> keras.layers.Dense:
    """A linear map that belongs to `layer`, seeded by its seed and the map's name."""
    start = keras.initializers.GlorotUniform(seed=derived_seed(layer.seed, name))
    return keras.layers.Dense(units, use_bias=bias, kernel_initializer=start, name=name, dtype=layer.dtype_policy)


@register("painn_message")
class PaiNNMessage(StackLayer):
    """Adds to scalars s and vectors v of each atom what its neighbours send (arXiv 2102.03150, eqs. 7 and 8).

        s_i += c sum_j W_s(r_ij) * a_j,   v_i += c sum_j W_r(r_ij) * b_j r_ij/|r_ij| + W_v(r_ij) * g_j v_j

    with a, b, g from a perceptron on s_j. In the paper W(r) = sum_k R_k(r) w_k holds one number for each channel
    (`filters` "channel"); with "mixing" each w_k is a matrix from channels to channels, which costs little more here
    and learns more.

    Args:
        filters: "channel" or "mixing".
        functions: how many of the radial functions are read, the first ones; None: all.
        neighbor_scale: c.
        seed: of the weights.
    """

    arguments = ("filters", "functions", "neighbor_scale", "seed")

    def __init__(self, filters: str, functions: int | None, neighbor_scale: float, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.functions, self.neighbor_scale, self.seed = filters, functions, neighbor_scale, seed

    def radial_weights(self):
        return [(weight, 1) for weight in self.summed_weights()]

    def summed_weights(self):
        return list(self.kernels.values())

    def build(self, graph):
        units = graph[ATOMS][-1]
        functions = self.functions or graph[RADIAL][-1]
        self.hidden, self.senders = linear(self, "hidden", units, bias=True), linear(self, "senders", 3 * units, True)
        self.hidden.build((None, units))
        self.senders.build((None, units))
        parts = ("scalar", "direction", "vector") if VECTORS in graph else ("scalar", "direction")
        self.kernels = {part: self._kernel(part, functions, units) for part in parts}

    def _kernel(self, part: str, functions: int, units: int):
        shape = (functions, units, units) if self.filters == "mixing" else (functions, units)
        inputs = functions * units if self.filters == "mixing" else functions
        limit = (3 / inputs) ** 0.5  # unit variance out of unit variance in
        seed = derived_seed(self.seed, part)
        start = keras.initializers.RandomUniform(-limit, limit, seed=seed)
        return self.add_weight(name=f"{part}_filter", shape=shape, initializer=start)

    def call(self, graph):
        x, count = graph[ATOMS], self.functions or graph[RADIAL].shape[-1]
        units = x.shape[-1]
        scalar, direction, gate = ops.split(self.senders(ops.silu(self.hidden(x))), 3, axis=-1)
        near = Neighborhood(graph, count)
        pointed = near.sums(direction * self.neighbor_scale, 1)  # (atoms, 3, k, units)
        vectors = self._filtered("direction", "nxkc", pointed)
        sent = [scalar]
        if VECTORS in graph:  # (atoms, 3, units) -> (atoms, 3 units)
            sent.append(ops.reshape(graph[VECTORS] * gate[:, None, :], (-1, 3 * units)))
        # (atoms, k, units or 4 units)
        plain = near.sums(ops.concatenate(sent, axis=-1) * self.neighbor_scale, 0)[:, 0]
        result = {ATOMS: x + self._filtered("scalar", "nkc", plain[..., :units])}
        if VECTORS in graph:
            carried = ops.reshape(plain[..., units:], (-1, count, 3, units))
            vectors = graph[VECTORS] + vectors + self._filtered("vector", "nkxc", carried)
        return {**result, VECTORS: vectors}

    def _filtered(self, part: str, axes: str, values):
        """Sum over radial functions k and, where filters mix, channels c."""
        free = axes.replace("k", "").replace("c", "")
        kernel, out = ("kcd", "d") if self.filters == "mixing" else ("kc", "c")
        return ops.einsum(f"{axes},{kernel}->{free}{out}", values, self.kernels[part])


@register("painn_update")
class PaiNNUpdate(StackLayer):
    """Lets scalars and vectors of each atom act on each other (arXiv 2102.03150, eqs. 9 and 10).

        s += a + b <U v, V v>,   v += g U v,   a, b, g from a perceptron on s and |V v|

    Args:
        seed: of the weights.
    """

    arguments = ("seed",)

    def __init__(self, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, graph):
        units, channels = graph[ATOMS][-1], graph[VECTORS][-1]
        self.maps = linear(self, "maps", 2 * channels)
        self.hidden, self.gates = linear(self, "hidden", units, True), linear(self, "gates", 3 * units, True)
        self.maps.build((None, 3, channels))
        self.hidden.build((None, units + channels))
        self.gates.build((None, units))

    def call(self, graph):
        x, vectors = graph[ATOMS], graph[VECTORS]
        first, second = ops.split(self.maps(vectors), 2, axis=-1)  # (atoms, 3, channels) each
        norm = ops.sqrt(ops.sum(ops.square(second), axis=1) + _TINY)
        hidden = ops.silu(self.hidden(ops.concatenate([x, norm], axis=-1)))
        add, product, gate = ops.split(self.gates(hidden), 3, axis=-1)
        scalars = x + add + product * ops.sum(first * second, axis=1)
        return {ATOMS: scalars, VECTORS: vectors + gate[:, None, :] * first}
