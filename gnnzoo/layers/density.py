"""The density of neighbours around each atom and its products: what an atom sees, before any message is passed."""

from keras import ops

from gnnzoo.layers.basic import StackLayer
from gnnzoo.layers.neighborhood import Neighborhood, full_tensor
from gnnzoo.layers.painn import linear
from gnnzoo.layers.registry import ATOMS, RADIAL, VECTORS, register


@register("atomic_density")
class AtomicDensity(StackLayer):
    """Scalars and vectors from the Cartesian density of neighbours, up to products of three densities.

    A_i[k, a, c] = n sum_j R_k(r_ij) Y_a(r_ij/|r_ij|) x_j[c], with Y of rank 0, 1 and 2, in `channels` channels that are
    linear in the features of the atoms (the density A of arXiv 2402.07472). Linear maps over k and c make `units`
    scalars, vectors d and traceless tensors T of it; vectors and tensors are scaled by what the receiver is. The
    products T d (added to d) and T : T (mapped and added to the scalars) reach four bodies; those with d d follow in a
    `painn_update`. All of it costs less than one message: the density has few channels.

    Args:
        channels: channels of the density; as many as there are species tell them all apart.
        rank: highest rank of Y, 1 or 2.
        functions: how many of the radial functions are read, the first ones; None: all.
        neighbor_scale: n.
        seed: of the weights.
    """

    arguments = ("channels", "rank", "functions", "neighbor_scale", "seed")

    def __init__(self, channels: int, rank: int, functions: int | None, neighbor_scale: float, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.rank, self.functions = channels, rank, functions
        self.neighbor_scale, self.seed = neighbor_scale, seed

    def radial_weights(self):
        return [(weight, self.channels) for weight in self.summed_weights()]

    def summed_weights(self):
        maps = [self.scalars, self.vectors, *([self.tensors] if self.rank == 2 else [])]
        return [linear_map.kernel for linear_map in maps]

    def build(self, graph):
        units = graph[ATOMS][-1]
        size = (self.functions or graph[RADIAL][-1]) * self.channels
        self.sent = linear(self, "sent", self.channels)
        self.scalars = linear(self, "scalars", units)
        self.vectors = linear(self, "vectors", units)
        self.receivers = linear(self, "receivers", self.rank * units, bias=True)
        for layer, inputs in ((self.sent, units), (self.scalars, size), (self.vectors, size), (self.receivers, units)):
            layer.build((None, inputs))
        if self.rank == 2:
            self.tensors, self.turned = linear(self, "tensors", units), linear(self, "turned", units)
            self.squares = linear(self, "squares", units)
            for layer, inputs in ((self.tensors, size), (self.turned, units), (self.squares, units)):
                layer.build((None, inputs))

    def call(self, graph):
        x, count = graph[ATOMS], self.functions or graph[RADIAL].shape[-1]
        near, sent = Neighborhood(graph, count), self.sent(x) * self.neighbor_scale
        sums = near.sums(sent, *range(self.rank + 1))  # (atoms, components of all ranks, k, channels)
        sums = ops.reshape(sums, (-1, sums.shape[1], count * self.channels))
        gates = 1 + self.receivers(x)[:, None, :]
        units = x.shape[-1]
        scalars = x + self.scalars(sums[:, 0])
        vectors = self.vectors(sums[:, 1:4]) * gates[..., :units]  # (atoms, 3, units)
        if self.rank == 2:
            tensors = full_tensor(self.tensors(sums[:, 4:]) * gates[..., units:])  # (atoms, 3, 3, units)
            # (atoms, 3, 3, units), (atoms, 1, 3, units) -> (atoms, 3, units)
            vectors = vectors + self.turned(ops.sum(tensors * vectors[:, None], axis=2))
            scalars = scalars + self.squares(ops.sum(ops.square(tensors), axis=(1, 2)))
        if VECTORS in graph:
            vectors = graph[VECTORS] + vectors
        return {ATOMS: scalars, VECTORS: vectors}
