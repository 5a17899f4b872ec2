"""Atomic density: a many-body description of each atom's neighbourhood, before any message passing."""

from typing import Unpack

import keras
from keras import ops

from gnnzoo.layers.neighborhood import Neighborhood, full_octupole, full_tensor
from gnnzoo.layers.perceptron import seeded_dense
from gnnzoo.layers.registry import ATOMS, RADIAL, VECTORS, register
from gnnzoo.layers.stack_layer import GraphShapes, GraphTensors, LayerOptions, StackLayer, Tensor


@register("atomic_density")
class AtomicDensity(StackLayer):
    """Scalars and vectors from the Cartesian density of neighbours and its products (cf. arXiv 2402.07472):

        A_i[k, a, c] = n sum_j R_k(r_ij) Y_a(r_ij / |r_ij|) q_j[c]

    with radial functions R, Cartesian tensors Y of rank 0 to `rank`, and `channels` learned linear combinations q of
    the atom features. Linear maps over k and c turn A into `units` scalars, vectors d, and symmetric traceless tensors
    T of rank 2 and O of rank 3; all but the scalars are scaled by factors that are linear in the receiver's features.
    Added to d are linear maps of T d and of O : T, to the scalars those of T : T, O : O, d . (O : T) and tr T^3: terms
    of up to four bodies in T, of up to five where O takes part. Terms in d . d follow with a `painn_update`. The cost
    is below that of one message-passing layer, because the density has few channels.

    Args:
        channels: channels of the density; as many as there are species distinguish them all.
        rank: highest rank of Y, 1 to 3.
        functions: number of radial functions that are used, the first ones; None: all.
        neighbor_scale: n.
        seed: of the initial weights.
    """

    def __init__(
        self,
        channels: int,
        rank: int,
        functions: int | None,
        neighbor_scale: float,
        seed: int,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.channels, self.rank, self.functions = channels, rank, functions
        self.neighbor_scale, self.seed = neighbor_scale, seed

    def radial_weights(self) -> list[tuple[keras.Variable, int]]:
        return [(weight, self.channels) for weight in self.summed_weights()]

    def summed_weights(self) -> list[keras.Variable]:
        maps = [self.scalars, self.vectors]
        maps += [self.tensors] if self.rank >= 2 else []
        maps += [self.octupoles] if self.rank == 3 else []
        return [linear_map.kernel for linear_map in maps]

    def build(self, graph: GraphShapes) -> None:
        units = graph[ATOMS][-1]
        size = (self.functions or graph[RADIAL][-1]) * self.channels
        self.sent = seeded_dense(self, "sent", self.channels, bias=False)
        self.scalars = seeded_dense(self, "scalars", units, bias=False)
        self.vectors = seeded_dense(self, "vectors", units, bias=False)
        self.receivers = seeded_dense(self, "receivers", self.rank * units)
        for layer, inputs in ((self.sent, units), (self.scalars, size), (self.vectors, size), (self.receivers, units)):
            layer.build((None, inputs))
        if self.rank >= 2:
            self.tensors = seeded_dense(self, "tensors", units, bias=False)
            self.turned = seeded_dense(self, "turned", units, bias=False)
            self.squares = seeded_dense(self, "squares", units, bias=False)
            for layer, inputs in ((self.tensors, size), (self.turned, units), (self.squares, units)):
                layer.build((None, inputs))
        if self.rank == 3:
            self.octupoles = seeded_dense(self, "octupoles", units, bias=False)
            self.contracted = seeded_dense(self, "contracted", units, bias=False)
            self.cubes = seeded_dense(self, "cubes", units, bias=False)
            for layer, inputs in ((self.octupoles, size), (self.contracted, units), (self.cubes, 3 * units)):
                layer.build((None, inputs))

    def call(self, graph: GraphTensors) -> GraphTensors:
        x, count = graph[ATOMS], self.functions or graph[RADIAL].shape[-1]
        neighborhood, sent = Neighborhood(graph, count), self.sent(x) * self.neighbor_scale
        sums = neighborhood.sums(sent, *range(self.rank + 1))  # (atoms, components of all ranks, k, channels)
        sums = ops.reshape(sums, (-1, sums.shape[1], count * self.channels))
        gates = 1 + self.receivers(x)[:, None, :]
        units = x.shape[-1]
        scalars = x + self.scalars(sums[:, 0])
        vectors = self.vectors(sums[:, 1:4]) * gates[..., :units]  # (atoms, 3, units)
        if self.rank >= 2:
            tensors = full_tensor(self.tensors(sums[:, 4:10]) * gates[..., units : 2 * units])  # (atoms, 3, 3, units)
            # (atoms, 3, 3, units), (atoms, 1, 3, units) -> (atoms, 3, units)
            vectors = vectors + self.turned(ops.sum(tensors * vectors[:, None], axis=2))
            scalars = scalars + self.squares(ops.sum(ops.square(tensors), axis=(1, 2)))
        if self.rank == 3:
            octupoles = full_octupole(self.octupoles(sums[:, 10:]) * gates[..., 2 * units :])
            scalars = scalars + self.cubes(_cubic_invariants(vectors, tensors, octupoles))
            vectors = vectors + self.contracted(ops.sum(octupoles * tensors[:, None], axis=(2, 3)))
        if VECTORS in graph:
            vectors = graph[VECTORS] + vectors
        return {ATOMS: scalars, VECTORS: vectors}


def _cubic_invariants(vectors: Tensor, tensors: Tensor, octupoles: Tensor) -> Tensor:
    """O : O, d . (O : T) and tr T^3, channel by channel: (atoms, 3 c)."""
    turned = ops.sum(octupoles * tensors[:, None], axis=(2, 3))  # (atoms, 3, c)
    squared = ops.sum(tensors[:, :, :, None] * tensors[:, None], axis=2)  # T T: (atoms, 3, 3, c)
    values = [
        ops.sum(ops.square(octupoles), axis=(1, 2, 3)),
        ops.sum(turned * vectors, axis=1),
        ops.sum(tensors * squared, axis=(1, 2)),
    ]
    return ops.concatenate(values, axis=-1)
