"""Sums over neighbours as products of matrices: the engine of the equivariant layers.

For each atom i the neighbours j enter with weights R_k(r_ij) Y_a(r_ij / |r_ij|), k a radial function and a a component
of a Cartesian tensor. All of them at once are one product of matrices per atom, which costs a CPU less than messages on
edges do, because no message is ever written to memory. What stands on its two sides decides what is written instead:

* many channels: (a k, slots) @ (slots, channels). In a small box, where most atoms are neighbours, this product runs
  over all atoms instead of slots, and no features have to be gathered;
* few channels: (k, slots) @ (slots, a channels), whose second side is smaller then than R_k Y_a would be.
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
    """

    def __init__(self, graph: dict, functions: int):
        slots = graph[SLOTS]
        self.atoms, self.slots = slots.shape
        self.senders = ops.take(graph[SENDERS], slots, axis=0)
        self.radial = ops.take(graph[RADIAL][:, :functions] * graph[EDGE_WEIGHT], slots, axis=0)
        unit = ops.take(graph[DIRECTIONS], slots, axis=0)  # (atoms, slots, 3)
        self.axes = [unit[..., i : i + 1] for i in range(3)]
        known = self.atoms is not None and self.slots is not None
        self.dense = known and self.atoms <= _ATOMS_PER_SLOT * self.slots

    def harmonics(self, rank: int) -> list:
        """The components of Y, each (atoms, slots, 1): of rank 0 None, which is 1; of rank 1 the unit vector; of rank 2
        the traceless part of its square.
        """
        if rank == 0:
            return [None]
        if rank == 1:
            return self.axes
        return [self.axes[i] * self.axes[j] - (1 / 3 if i == j else 0) for i, j in _PAIRS]

    def sums(self, features, *ranks: int):
        """The sums over neighbours, with the components of all `ranks` one after the other.

        Args:
            features: (atoms, channels), of the neighbours.
            ranks: of Y, 0 to 2.

        Returns:
            (atoms, components, functions, channels).
        """
        components = [component for rank in ranks for component in self.harmonics(rank)]
        channels, functions, count = features.shape[-1], self.radial.shape[-1], len(components)
        if channels < functions:
            sent = _products(ops.take(features, self.senders, axis=0), components)
            found = ops.matmul(ops.swapaxes(self.radial, 1, 2), sent)  # (atoms, functions, components * channels)
            return ops.swapaxes(ops.reshape(found, (-1, functions, count, channels)), 1, 2)
        weights = _products(self.radial, components)
        if self.dense:
            found = self._over_all_atoms(weights, features)
        else:
            found = ops.matmul(ops.swapaxes(weights, 1, 2), ops.take(features, self.senders, axis=0))
        return ops.reshape(found, (-1, count, functions, channels))

    def _over_all_atoms(self, weights, features):
        n, w = self.atoms, weights.shape[-1]
        pair = ops.arange(n, dtype=self.senders.dtype)[:, None] * n + self.senders  # (atoms, slots)
        table = segment_sum(ops.reshape(weights, (n * self.slots, w)), ops.reshape(pair, (-1,)), n * n)
        # (i j, w) -> (i w, j): rows for the product with the features of all atoms j
        table = ops.reshape(ops.transpose(ops.reshape(table, (n, n, w)), (0, 2, 1)), (n * w, n))
        return ops.reshape(ops.matmul(table, features), (n, w, features.shape[-1]))


def _products(values, components: list):
    """Values of every slot times each component: (atoms, slots, n) -> (atoms, slots, components * n)."""
    products = [values if component is None else values * component for component in components]
    return products[0] if len(products) == 1 else ops.concatenate(products, axis=-1)


def full_tensor(components):
    """Six components of a symmetric tensor -> the tensor: (atoms, 6, c) -> (atoms, 3, 3, c)."""
    xx, yy, zz, xy, xz, yz = (components[:, i] for i in range(6))
    rows = [ops.stack(row, axis=1) for row in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))]
    return ops.stack(rows, axis=1)
