"""Sums over neighbours as products of matrices: the engine of the equivariant layers.

For each atom i the neighbours j enter with weights R_k(r_ij) Y_a(r_ij / |r_ij|), k a radial function and a a component
of a Cartesian tensor. All of them at once are one product of matrices per atom, (k a, slots) @ (slots, channels), which
costs a CPU less than messages on edges do, because no message is ever written to memory.
"""

from keras import ops

from gnnzoo.fields import SENDERS, SLOTS
from gnnzoo.layers.registry import DIRECTIONS, EDGE_WEIGHT, RADIAL

# Components of the symmetric tensor u u - 1/3: (xx, yy, zz, xy, xz, yz).
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def slot_weights(graph: dict, functions: int, rank: int):
    """R_k(r_ij) Y_a of every slot, zero in empty ones.

    Args:
        graph: with `RADIAL`, `EDGE_WEIGHT`, `DIRECTIONS` and `SLOTS`.
        functions: how many of the radial functions, the first ones.
        rank: highest tensor rank; 0: Y is 1; 1: and the unit vector; 2: and the traceless part of its square.

    Returns:
        (atoms, slots, components * functions), components 1, 4 or 10, the function running fastest.
    """
    slots = graph[SLOTS]
    radial = ops.take(graph[RADIAL][:, :functions] * graph[EDGE_WEIGHT], slots, axis=0)
    parts = [radial]
    if rank >= 1:
        unit = ops.take(graph[DIRECTIONS], slots, axis=0)  # (atoms, slots, 3)
        axes = [unit[..., i : i + 1] for i in range(3)]
        parts += [radial * axis for axis in axes]
    if rank >= 2:
        parts += [radial * (axes[i] * axes[j] - (1 / 3 if i == j else 0)) for i, j in _PAIRS]
    return ops.concatenate(parts, axis=-1)


def of_senders(features, graph: dict):
    """The features of the atom in each slot: (atoms, channels) -> (atoms, slots, channels)."""
    return ops.take(features, ops.take(graph[SENDERS], graph[SLOTS], axis=0), axis=0)


def moments(weights, features):
    """sum_j w_ij x_j for every weight and channel: (atoms, slots, w), (atoms, slots, c) -> (atoms, w, c)."""
    return ops.matmul(ops.swapaxes(weights, 1, 2), features)


def full_tensor(components):
    """Six components of a symmetric tensor -> the tensor: (atoms, 6, c) -> (atoms, 3, 3, c)."""
    xx, yy, zz, xy, xz, yz = (components[:, i] for i in range(6))
    rows = [ops.stack(row, axis=1) for row in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))]
    return ops.stack(rows, axis=1)
