"""Wave vectors of a periodic box in TensorFlow, so that an exported model contains their construction."""

import math

import tensorflow as tf

from gnnzoo import fields


def wave_inputs(positions: tf.Tensor, cell: tf.Tensor, pbc: tf.Tensor, largest: float) -> dict[str, tf.Tensor]:
    """Make the inputs of a network with reciprocal-space layers, as `data.graphs.wave_vectors` does.

    Args:
        positions: (atoms, 3) float64, length unit, wrapped or not.
        cell: (3, 3) float64, rows are lattice vectors.
        pbc: (3,) bool; anything but all true is an error when it is run.
        largest: largest wave number, inverse length unit.

    Returns:
        Wrapped positions, wave vectors, their graph and their weight, by the keys of `gnnzoo.fields`.
    """
    periodic = tf.debugging.Assert(tf.reduce_all(pbc), ["this model needs a box that is periodic in all directions"])
    with tf.control_dependencies([periodic]):
        inverse = tf.linalg.inv(cell)
    # wrapped, so that float32 keeps the digits
    wrapped = positions - tf.floor(positions @ inverse) @ cell
    reach = tf.cast(tf.floor(largest * tf.norm(cell, axis=1) / (2 * math.pi)), tf.int32)
    grids = tf.meshgrid(*(tf.range(-n, n + 1) for n in tf.unstack(reach)), indexing="ij")
    numbers = tf.reshape(tf.stack(grids, axis=-1), (-1, 3))
    x, y, z = tf.unstack(numbers, axis=1)
    vectors = 2 * math.pi * tf.cast(numbers, cell.dtype) @ tf.transpose(inverse)
    # of n and -n the one whose first component that is not zero is positive
    half = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
    vectors = tf.boolean_mask(vectors, half & (tf.norm(vectors, axis=1) < largest))
    weight = tf.cast(2 / tf.abs(tf.linalg.det(cell)), tf.float32)
    count = tf.shape(vectors)[0]
    return {
        fields.POSITIONS: tf.cast(wrapped, tf.float32),
        fields.WAVE_VECTORS: tf.cast(vectors, tf.float32),
        fields.WAVE_GRAPH: tf.zeros(count, tf.int32),
        fields.WAVE_WEIGHT: tf.fill([count], weight),
    }


def empty_wave_inputs(species: tf.Tensor) -> dict[str, tf.Tensor]:
    """Make the same inputs for a network without reciprocal-space layers.

    Args:
        species: (atoms,), which gives the number of atoms.

    Returns:
        Positions of zeros and no wave vectors.
    """
    return {
        fields.POSITIONS: tf.zeros((tf.size(species), 3)),
        fields.WAVE_VECTORS: tf.zeros((0, 3)),
        fields.WAVE_GRAPH: tf.zeros(0, tf.int32),
        fields.WAVE_WEIGHT: tf.zeros(0),
    }
