"""Equivariant message passing with scalars and vectors on each atom (PaiNN, arXiv 2102.03150)."""

from typing import Unpack

import keras
from keras import ops

from gnnzoo.layers.neighborhood import Neighborhood
from gnnzoo.layers.perceptron import seeded_dense
from gnnzoo.layers.registry import ATOMS, RADIAL, VECTORS, derived_seed, register
from gnnzoo.layers.stack_layer import GraphShapes, GraphTensors, LayerOptions, StackLayer, Tensor

_TINY = 1e-8  # under the root of a norm, for a finite gradient at zero length; as in the authors' code (SchNetPack)


@register("painn_message")
class PaiNNMessage(StackLayer):
    """Message block of PaiNN for scalars s and vectors v (arXiv 2102.03150, eqs. 7 and 8):

        s_i += c sum_j W_s(r_ij) * a_j
        v_i += c sum_j (W_r(r_ij) * b_j r_ij / |r_ij| + W_v(r_ij) * g_j v_j)

    where a, b and g are outputs of a perceptron on s_j. In the paper a filter is W(r) = sum_k R_k(r) w_k with one
    number per channel (`filters` "channel"). With "mixing" each w_k is a matrix between channels, which costs little
    more here and is more expressive.

    Args:
        filters: "channel" or "mixing".
        functions: number of radial functions that are used, the first ones; None: all.
        neighbor_scale: c; 1, or normalises by the number of neighbours.
        seed: of the initial weights.
    """

    def __init__(
        self, filters: str, functions: int | None, neighbor_scale: float, seed: int, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.functions, self.neighbor_scale, self.seed = filters, functions, neighbor_scale, seed

    def radial_weights(self) -> list[tuple[keras.Variable, int]]:
        return [(weight, 1) for weight in self.summed_weights()]

    def summed_weights(self) -> list[keras.Variable]:
        return list(self.kernels.values())

    def build(self, graph: GraphShapes) -> None:
        units = graph[ATOMS][-1]
        functions = self.functions or graph[RADIAL][-1]
        self.hidden, self.senders = seeded_dense(self, "hidden", units), seeded_dense(self, "senders", 3 * units)
        self.hidden.build((None, units))
        self.senders.build((None, units))
        parts = ("scalar", "direction", "vector") if VECTORS in graph else ("scalar", "direction")
        self.kernels = {part: self._kernel(part, functions, units) for part in parts}

    def _kernel(self, part: str, functions: int, units: int) -> keras.Variable:
        """Weights w_k of a filter; initially its output has unit variance for inputs of unit variance."""
        mixing = self.filters == "mixing"
        shape = (functions, units, units) if mixing else (functions, units)
        limit = (3 / (functions * units if mixing else functions)) ** 0.5
        start = keras.initializers.RandomUniform(-limit, limit, seed=derived_seed(self.seed, part))
        return self.add_weight(name=f"{part}_filter", shape=shape, initializer=start)

    def call(self, graph: GraphTensors) -> GraphTensors:
        x, count = graph[ATOMS], self.functions or graph[RADIAL].shape[-1]
        units = x.shape[-1]
        scalar, direction, gate = ops.split(self.senders(ops.silu(self.hidden(x))), 3, axis=-1)
        neighborhood = Neighborhood(graph, count)
        directed = neighborhood.sums(direction * self.neighbor_scale, 1)  # (atoms, 3, k, units)
        vectors = self._filtered("direction", directed)
        sent = [scalar]
        if VECTORS in graph:  # (atoms, 3, units) -> (atoms, 3 units)
            sent.append(ops.reshape(graph[VECTORS] * gate[:, None, :], (-1, 3 * units)))
        # (atoms, k, units or 4 units)
        sums = neighborhood.sums(ops.concatenate(sent, axis=-1) * self.neighbor_scale, 0)[:, 0]
        result = {ATOMS: x + self._filtered("scalar", sums[..., :units])}
        if VECTORS in graph:
            carried = ops.transpose(ops.reshape(sums[..., units:], (-1, count, 3, units)), (0, 2, 1, 3))
            vectors = graph[VECTORS] + vectors + self._filtered("vector", carried)
        return {**result, VECTORS: vectors}

    def _filtered(self, part: str, values: Tensor) -> Tensor:
        """Contract radial functions and, where filters mix them, channels: (..., k, c) -> (..., c).

        Mixing is one product of two matrices: XLA makes a batched one of an einsum, whose gradient by the weights is a
        sum over a matrix for each atom.
        """
        kernel = self.kernels[part]
        if self.filters == "channel":
            return ops.sum(values * kernel, axis=-2)
        count, units = values.shape[-2:]
        rows = ops.reshape(values, (-1, count * units))
        filtered = ops.matmul(rows, ops.reshape(kernel, (count * units, units)))
        return ops.reshape(filtered, (-1, *values.shape[1:-2], units))


@register("painn_update")
class PaiNNUpdate(StackLayer):
    """Update block of PaiNN, in which scalars s and vectors v of each atom interact (arXiv 2102.03150, eqs. 9 and 10):

        s += a + b <U v, V v>,   v += g U v

    where a, b and g are outputs of a perceptron on s and |V v|.

    Args:
        seed: of the initial weights.
    """

    def __init__(self, seed: int, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, graph: GraphShapes) -> None:
        units, channels = graph[ATOMS][-1], graph[VECTORS][-1]
        self.maps = seeded_dense(self, "maps", 2 * channels, bias=False)
        self.hidden, self.gates = seeded_dense(self, "hidden", units), seeded_dense(self, "gates", 3 * units)
        self.maps.build((None, 3, channels))
        self.hidden.build((None, units + channels))
        self.gates.build((None, units))

    def call(self, graph: GraphTensors) -> GraphTensors:
        x, vectors = graph[ATOMS], graph[VECTORS]
        first, second = ops.split(self.maps(vectors), 2, axis=-1)  # (atoms, 3, channels) each
        norm = ops.sqrt(ops.sum(ops.square(second), axis=1) + _TINY)
        hidden = ops.silu(self.hidden(ops.concatenate([x, norm], axis=-1)))
        add, product, gate = ops.split(self.gates(hidden), 3, axis=-1)
        scalars = x + add + product * ops.sum(first * second, axis=1)
        return {ATOMS: scalars, VECTORS: vectors + gate[:, None, :] * first}
