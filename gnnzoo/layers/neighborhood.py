"""Sums over neighbours as matrix products, which the equivariant layers are made of.

For each atom i its neighbours j are summed with weights R_k(r_ij) Y_a(r_ij / |r_ij|), where k counts radial functions
and a the components of a Cartesian tensor. All sums of an atom are one matrix product, which is cheaper on a CPU than
messages on edges because no message is written to memory. The operands depend on the number of channels:

* many channels: (a k, slots) @ (slots, channels). In a small box, where most atoms are neighbours of each other, the
  product runs over all atoms instead of slots, so that no features are gathered;
* few channels: (k, slots) @ (slots, a channels), whose second operand is then smaller than R_k Y_a.
"""

import itertools

import numpy as np
from keras import ops

from gnnzoo.fields import SENDERS, SLOTS
from gnnzoo.layers.registry import DIRECTIONS, EDGE_WEIGHT, RADIAL, segment_sum
from gnnzoo.layers.stack_layer import GraphTensors, Tensor

# Components of the symmetric tensor u u - 1/3: (xx, yy, zz, xy, xz, yz).
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
# Components of the symmetric tensor of rank 3, as indices in ascending order.
_TRIPLES = tuple(itertools.combinations_with_replacement(range(3), 3))
# Up to this many atoms per slot a product over all atoms was measured to be faster than one over slots, on a CPU.
_ATOMS_PER_SLOT = 3


class Neighborhood:
    """Sums over neighbours sum_j R_k(r_ij) Y_a(r_ij / |r_ij|) x_j, computed in the fastest way for their sizes.

    Args:
        graph: tensors by key, with `RADIAL`, `EDGE_WEIGHT`, `DIRECTIONS`, `SLOTS` and `SENDERS`.
        functions: number of radial functions that are used, the first ones.
    """

    def __init__(self, graph: GraphTensors, functions: int) -> None:
        slots = graph[SLOTS]
        self.atoms, self.slots = slots.shape
        self.senders = ops.take(graph[SENDERS], slots, axis=0)
        self.radial = ops.take(graph[RADIAL][:, :functions] * graph[EDGE_WEIGHT], slots, axis=0)
        unit = ops.take(graph[DIRECTIONS], slots, axis=0)  # (atoms, slots, 3)
        self.axes = [unit[..., i : i + 1] for i in range(3)]
        known = self.atoms is not None and self.slots is not None
        self.dense = known and self.atoms <= _ATOMS_PER_SLOT * self.slots

    def harmonics(self, rank: int) -> list[Tensor | None]:
        """Components of the Cartesian tensor Y of unit vectors u.

        Args:
            rank: 0 to 3.

        Returns:
            The components, each (atoms, slots, 1): for rank 0 [None], which stands for 1; for rank 1 those of u; for
            rank 2 the six of the traceless tensor u u - 1/3; for rank 3 the ten of the traceless tensor
            u_i u_j u_k - (u_i d_jk + u_j d_ik + u_k d_ij) / 5.
        """
        if rank == 0:
            return [None]
        if rank == 1:
            return self.axes
        if rank == 2:
            return [self.axes[i] * self.axes[j] - (1 / 3 if i == j else 0) for i, j in _PAIRS]
        u = self.axes
        return [u[i] * u[j] * u[k] - _trace_part(u, i, j, k) for i, j, k in _TRIPLES]

    def sums(self, features: Tensor, *ranks: int) -> Tensor:
        """Sum over neighbours.

        Args:
            features: (atoms, channels) features x.
            ranks: ranks of Y, 0 to 3.

        Returns:
            (atoms, components, functions, channels), with the components of all `ranks` one after the other.
        """
        components = [component for rank in ranks for component in self.harmonics(rank)]
        channels, functions, count = features.shape[-1], self.radial.shape[-1], len(components)
        if channels < functions:
            sent = _products(ops.take(features, self.senders, axis=0), components)
            sums = ops.matmul(ops.swapaxes(self.radial, 1, 2), sent)  # (atoms, functions, components * channels)
            return ops.swapaxes(ops.reshape(sums, (-1, functions, count, channels)), 1, 2)
        weights = _products(self.radial, components)
        if self.dense:
            sums = self._over_all_atoms(weights, features)
        else:
            sums = ops.matmul(ops.swapaxes(weights, 1, 2), ops.take(features, self.senders, axis=0))
        return ops.reshape(sums, (-1, count, functions, channels))

    def _over_all_atoms(self, weights: Tensor, features: Tensor) -> Tensor:
        """(atoms, slots, w), (atoms, channels) -> (atoms, w, channels)."""
        n, w = self.atoms, weights.shape[-1]
        pair = ops.arange(n, dtype=self.senders.dtype)[:, None] * n + self.senders  # (atoms, slots)
        table = segment_sum(ops.reshape(weights, (n * self.slots, w)), ops.reshape(pair, (-1,)), n * n)
        # (i j, w) -> (i w, j): rows for the product with the features of all atoms j
        table = ops.reshape(ops.transpose(ops.reshape(table, (n, n, w)), (0, 2, 1)), (n * w, n))
        return ops.reshape(ops.matmul(table, features), (n, w, features.shape[-1]))


def _products(values: Tensor, components: list[Tensor | None]) -> Tensor:
    """Values of every slot times each component: (atoms, slots, n) -> (atoms, slots, components * n)."""
    products = [values if component is None else values * component for component in components]
    return products[0] if len(products) == 1 else ops.concatenate(products, axis=-1)


def _trace_part(u: list[Tensor], i: int, j: int, k: int) -> Tensor | float:
    """(u_i d_jk + u_j d_ik + u_k d_ij) / 5, what makes a product of three components traceless."""
    return sum((u[a] for a, b, c in ((i, j, k), (j, i, k), (k, i, j)) if b == c), 0.0) / 5


def full_tensor(components: Tensor) -> Tensor:
    """Expand symmetric tensors to all nine components.

    Args:
        components: (atoms, 6, c), in the order xx, yy, zz, xy, xz, yz.

    Returns:
        (atoms, 3, 3, c).
    """
    xx, yy, zz, xy, xz, yz = (components[:, i] for i in range(6))
    rows = [ops.stack(row, axis=1) for row in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))]
    return ops.stack(rows, axis=1)


def full_octupole(components: Tensor) -> Tensor:
    """Expand symmetric tensors of rank 3 to all 27 components.

    Args:
        components: (atoms, 10, c), with indices in ascending order.

    Returns:
        (atoms, 3, 3, 3, c).
    """
    places = [_TRIPLES.index(tuple(sorted(indices))) for indices in np.ndindex(3, 3, 3)]
    full = ops.stack([components[:, place] for place in places], axis=1)
    return ops.reshape(full, (-1, 3, 3, 3, components.shape[-1]))
