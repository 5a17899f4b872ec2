"""Sums over neighbours as products of matrices: the engine of the equivariant layers.

For each atom i the neighbours j enter with weights R_k(r_ij) Y_a(r_ij / |r_ij|), k a radial function and a a component
of a Cartesian tensor. All of them at once are one product of matrices per atom, (a k, slots) @ (slots, channels), which
costs a CPU less than messages on edges do, because no message is ever written to memory. In a small box, where most
atoms are neighbours, the product runs over all atoms instead, and nothing has to be gathered.
"""

from keras import ops

from gnnzoo.fields import SENDERS, SLOTS
from gnnzoo.layers.registry import DIRECTIONS, EDGE_WEIGHT, RADIAL, segment_sum

# Components of the symmetric tensor u u - 1/3: (xx, yy, zz, xy, xz, yz).
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
# With at most this many atoms for each slot a product over all atoms is faster than one over the slots.
_ATOMS_PER_SLOT = 3


class Neighborhood:
    """sum_j R_k(r_ij) Y_a x_j for features x of the neighbours j, in whatever way is fastest.

    Args:
        graph: with `RADIAL`, `EDGE_WEIGHT`, `DIRECTIONS`, `SLOTS` and `SENDERS`.
        functions: how many of the radial functions, the first ones.
        dense: whether a product over all atoms may be taken where there are few; worth it from a dozen channels on.
    """

    def __init__(self, graph: dict, functions: int, dense: bool):
        slots = graph[SLOTS]
        self.atoms, self.slots = slots.shape
        self.senders = ops.take(graph[SENDERS], slots, axis=0)
        self.radial = ops.take(graph[RADIAL][:, :functions] * graph[EDGE_WEIGHT], slots, axis=0)
        unit = ops.take(graph[DIRECTIONS], slots, axis=0)  # (atoms, slots, 3)
        self.axes = [unit[..., i : i + 1] for i in range(3)]
        known = self.atoms is not None and self.slots is not None
        self.dense = dense and known and self.atoms <= _ATOMS_PER_SLOT * self.slots

    def weights(self, rank: int):
        """R_k Y_a of every slot, zero in empty ones.

        Args:
            rank: 0: Y is 1; 1: the unit vector; 2: the traceless part of its square, as six components.

        Returns:
            (atoms, slots, components * functions), the function running fastest.
        """
        if rank == 0:
            return self.radial
        if rank == 1:
            return ops.concatenate([self.radial * axis for axis in self.axes], axis=-1)
        pairs = [self.axes[i] * self.axes[j] - (1 / 3 if i == j else 0) for i, j in _PAIRS]
        return ops.concatenate([self.radial * pair for pair in pairs], axis=-1)

    def sums(self, rank: int, features):
        """The sums over neighbours: (atoms, channels) -> (atoms, components * functions, channels)."""
        weights = self.weights(rank)
        if self.dense:
            return self._over_all_atoms(weights, features)
        return ops.matmul(ops.swapaxes(weights, 1, 2), ops.take(features, self.senders, axis=0))

    def _over_all_atoms(self, weights, features):
        n, w = self.atoms, weights.shape[-1]
        pair = ops.arange(n, dtype=self.senders.dtype)[:, None] * n + self.senders  # (atoms, slots)
        table = segment_sum(ops.reshape(weights, (n * self.slots, w)), ops.reshape(pair, (-1,)), n * n)
        # (i j, w) -> (i w, j): rows for the product with the features of all atoms j
        table = ops.reshape(ops.transpose(ops.reshape(table, (n, n, w)), (0, 2, 1)), (n * w, n))
        return ops.reshape(ops.matmul(table, features), (n, w, features.shape[-1]))


def full_tensor(components):
    """Six components of a symmetric tensor -> the tensor: (atoms, 6, c) -> (atoms, 3, 3, c)."""
    xx, yy, zz, xy, xz, yz = (components[:, i] for i in range(6))
    rows = [ops.stack(row, axis=1) for row in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))]
    return ops.stack(rows, axis=1)
