"""The waves of a periodic box written in TensorFlow, so that a frozen model carries them with it."""

import math

import tensorflow as tf

from gnnzoo import fields


def waves_of(positions, cell, pbc, largest: float) -> dict[str, tf.Tensor]:
    """What a network with waves reads of positions and cell, as in `data.graphs.wave_vectors`.

    Args:
        positions: (atoms, 3) float64, length unit; inside the cell or not.
        cell: (3, 3) float64, rows are lattice vectors.
        pbc: (3,) bool, all true.
        largest: inverse length unit.
    """
    periodic = tf.debugging.Assert(tf.reduce_all(pbc), ["this model needs a box that is periodic in all directions"])
    with tf.control_dependencies([periodic]):
        inverse = tf.linalg.inv(cell)
    # wrapped, so that float32 keeps the digits
    inside = positions - tf.floor(positions @ inverse) @ cell
    reach = tf.cast(tf.floor(largest * tf.norm(cell, axis=1) / (2 * math.pi)), tf.int32)
    grids = tf.meshgrid(*(tf.range(-n, n + 1) for n in tf.unstack(reach)), indexing="ij")
    numbers = tf.reshape(tf.stack(grids, axis=-1), (-1, 3))
    x, y, z = tf.unstack(numbers, axis=1)
    waves = 2 * math.pi * tf.cast(numbers, cell.dtype) @ tf.transpose(inverse)
    # of n and -n the one whose first component that is not zero is positive
    half = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
    waves = tf.boolean_mask(waves, half & (tf.norm(waves, axis=1) < largest))
    weight = tf.cast(2 / tf.abs(tf.linalg.det(cell)), tf.float32)
    count = tf.shape(waves)[0]
    return {
        fields.POSITIONS: tf.cast(inside, tf.float32),
        fields.WAVE_VECTORS: tf.cast(waves, tf.float32),
        fields.WAVE_GRAPH: tf.zeros(count, tf.int32),
        fields.WAVE_WEIGHT: tf.fill([count], weight),
    }


def no_waves(species) -> dict[str, tf.Tensor]:
    """The same for a network that reads none: (atoms,) species tell how many positions there are."""
    return {
        fields.POSITIONS: tf.zeros((tf.size(species), 3)),
        fields.WAVE_VECTORS: tf.zeros((0, 3)),
        fields.WAVE_GRAPH: tf.zeros(0, tf.int32),
        fields.WAVE_WEIGHT: tf.zeros(0),
    }
