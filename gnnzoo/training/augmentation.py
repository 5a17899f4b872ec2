"""Random changes of a batch: rotations, uniform on SO(3), and displacements of atoms."""

import tensorflow as tf

from gnnzoo import fields


def random_rotations(count: int, seed, dtype=tf.float32):
    """(count, 3, 3) rotation matrices, uniform on SO(3).

    A quaternion with independent normal components, normalised, is uniform on the unit sphere in four dimensions, and
    that is the uniform distribution of rotations (Shoemake, Graphics Gems III, 1992, p. 124).

    Args:
        seed: (2,) int32; equal seeds give equal rotations.
    """
    quaternion = tf.random.stateless_normal((count, 4), seed=seed, dtype=dtype)
    w, x, y, z = tf.unstack(quaternion / tf.norm(quaternion, axis=-1, keepdims=True), axis=-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)


def rotate(batch: dict, rotations) -> dict:
    """Turn all that has a direction in each graph by its rotation: v -> R v, and of a virial W -> R W R^T.

    Waves turn with the box that they fit.

    Args:
        batch: model inputs, "forces" and "virial".
        rotations: (graphs, 3, 3).
    """
    of_atom = tf.gather(rotations, batch[fields.GRAPH_INDEX])  # (atoms, 3, 3)
    turns = {
        fields.EDGE_VECTORS: tf.gather(of_atom, batch[fields.RECEIVERS]),  # (edges, 3, 3)
        fields.FORCES: of_atom,
        fields.POSITIONS: of_atom,
        fields.WAVES: tf.gather(rotations, batch[fields.WAVE_GRAPH]),  # (waves, 3, 3)
    }
    turned = {key: tf.einsum("nij,nj->ni", turn, batch[key]) for key, turn in turns.items()}
    return batch | turned | {fields.VIRIAL: rotations @ batch[fields.VIRIAL] @ tf.linalg.matrix_transpose(rotations)}


def displace(batch: dict, deviation: float, seed) -> dict:
    """Move each atom by a normal displacement; forces and virial stay those of the undisturbed positions.

    Args:
        batch: model inputs.
        deviation: standard deviation along each axis, length unit.
        seed: (2,) int32; equal seeds give equal displacements.
    """
    vectors = batch[fields.EDGE_VECTORS]
    shape = (tf.shape(batch[fields.SPECIES])[0], 3)
    moved = deviation * tf.random.stateless_normal(shape, seed=seed, dtype=vectors.dtype)
    # r_ij = r_j - r_i; a padding edge joins an atom to itself and stays
    change = tf.gather(moved, batch[fields.SENDERS]) - tf.gather(moved, batch[fields.RECEIVERS])
    return {**batch, fields.EDGE_VECTORS: vectors + change, fields.POSITIONS: batch[fields.POSITIONS] + moved}
