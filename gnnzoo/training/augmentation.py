"""Data augmentation: random rotations, uniform on SO(3), and random displacements of atoms."""

import tensorflow as tf

from gnnzoo import fields
from gnnzoo.training.batches import Batch


def random_rotations(count: int, seed: tf.Tensor | list[int], dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Random rotation matrices, uniform on SO(3).

    A quaternion with independent normal components, normalised, is uniform on the unit sphere in four dimensions, and
    that is the uniform distribution of rotations (Shoemake, Graphics Gems III, 1992, p. 124).

    Args:
        count: number of rotations.
        seed: (2,) int32; equal seeds give equal rotations.
        dtype: of the matrices.

    Returns:
        (count, 3, 3).
    """
    quaternion = tf.random.stateless_normal((count, 4), seed=seed, dtype=dtype)
    w, x, y, z = tf.unstack(quaternion / tf.norm(quaternion, axis=-1, keepdims=True), axis=-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)


def rotate(batch: Batch, rotations: tf.Tensor) -> Batch:
    """Rotate each graph: vectors v -> R v (edges, positions, forces, wave vectors) and the virial W -> R W R^T.

    Args:
        batch: model inputs, "forces" and "virial".
        rotations: (graphs, 3, 3).

    Returns:
        The rotated batch.
    """
    of_atom = tf.gather(rotations, batch[fields.GRAPH_INDEX])  # (atoms, 3, 3)
    matrices = {
        fields.EDGE_VECTORS: tf.gather(of_atom, batch[fields.RECEIVERS]),  # (edges, 3, 3)
        fields.FORCES: of_atom,
        fields.POSITIONS: of_atom,
        fields.WAVE_VECTORS: tf.gather(rotations, batch[fields.WAVE_GRAPH]),  # (waves, 3, 3)
    }
    rotated = {key: tf.einsum("nij,nj->ni", matrix, batch[key]) for key, matrix in matrices.items()}
    return batch | rotated | {fields.VIRIAL: rotations @ batch[fields.VIRIAL] @ tf.linalg.matrix_transpose(rotations)}


def displace(batch: Batch, deviation: float, seed: tf.Tensor | list[int]) -> Batch:
    """Displace each atom by Gaussian noise; forces and virial stay those of the original positions.

    Args:
        batch: model inputs.
        deviation: standard deviation along each axis, length unit.
        seed: (2,) int32; equal seeds give equal displacements.

    Returns:
        The batch with displaced positions and edges.
    """
    vectors = batch[fields.EDGE_VECTORS]
    shape = (tf.shape(batch[fields.SPECIES])[0], 3)
    moved = deviation * tf.random.stateless_normal(shape, seed=seed, dtype=vectors.dtype)
    # r_ij = r_j - r_i; a padding edge joins an atom to itself and stays
    change = tf.gather(moved, batch[fields.SENDERS]) - tf.gather(moved, batch[fields.RECEIVERS])
    return {**batch, fields.EDGE_VECTORS: vectors + change, fields.POSITIONS: batch[fields.POSITIONS] + moved}
