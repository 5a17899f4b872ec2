"""Checks inside an exported model: input that has no forces is an error of TensorFlow that names the reason.

The limits are those of `gnnzoo.data.graphs.frame_checks`. LAMMPS, or a script, that passes what a simulation left
behind when it became unstable gets an error in place of forces that look calm.
"""

import tensorflow as tf

from gnnzoo.data.graphs.frame_checks import FARTHEST, MAX_IMAGES, SAME_PLACE


def checked_atoms(
    positions: tf.Tensor, cell: tf.Tensor, pbc: tf.Tensor, types: tf.Tensor, molecules: tf.Tensor | None, cutoff: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pass on positions and cell of atoms for which a neighbour list can be made.

    Args:
        positions: (atoms, 3) float64, length unit.
        cell: (3, 3) float64, rows are lattice vectors.
        pbc: (3,) bool.
        types: (atoms,) int32.
        molecules: (atoms,) int64, or None.
        cutoff: length unit.

    Returns:
        Positions and cell, which depend on the checks; those fail with `tf.errors.InvalidArgumentError`.
    """
    atoms = tf.shape(positions)[0]
    checks = [_same_length(atoms, types, "types"), _some_atoms(atoms)]
    if molecules is not None:
        checks.append(_same_length(atoms, molecules, "molecules"))
    checks += [_finite(positions, "a position"), _finite(cell, "the cell")]
    with tf.control_dependencies(checks):
        cell = tf.identity(cell)
    flat = tf.debugging.Assert(
        _images_within(cell, pbc, cutoff) <= MAX_IMAGES,
        ["the cell is flat along a periodic direction; pbc is false along directions without images. cell:", cell],
        summarize=9,
    )
    with tf.control_dependencies([flat]):
        return tf.identity(positions), tf.identity(cell)


def checked_edges(
    atoms: tf.Tensor, senders: tf.Tensor, receivers: tf.Tensor, vectors: tf.Tensor, edge_class: tf.Tensor, classes: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pass on the ends of edges that a caller has made.

    Args:
        atoms: () int32, number of atoms.
        senders, receivers: (edges,) int32.
        vectors: (edges, 3) float32, length unit.
        edge_class: (edges,) int32.
        classes: number of classes of edges.

    Returns:
        Senders and receivers, which depend on the checks.
    """
    edges = tf.shape(vectors)[0]
    checks = [_some_atoms(atoms), _finite(vectors, "a vector of an edge"), _distinct(vectors)]
    for values, name, count in (
        (senders, "senders", atoms),
        (receivers, "receivers", atoms),
        (edge_class, "edge_class", classes),
    ):
        inside = tf.reduce_all((values >= 0) & (values < count))
        checks += [
            tf.debugging.Assert(inside, [f"{name} of the edges must be at least 0 and below", count]),
            tf.debugging.assert_equal(tf.shape(values)[0], edges, f"{name} and vectors differ in length"),
        ]
    with tf.control_dependencies(checks):
        return tf.identity(senders), tf.identity(receivers)


def checked_vectors(vectors: tf.Tensor) -> tf.Tensor:
    """Pass on vectors of edges, none of which is shorter than `SAME_PLACE`.

    Args:
        vectors: (edges, 3).

    Returns:
        The same, depending on the check.
    """
    with tf.control_dependencies([_distinct(vectors)]):
        return tf.identity(vectors)


def checked_outputs(outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Pass on outputs of a model that are finite.

    Args:
        outputs: by name.

    Returns:
        The same, depending on the check.
    """
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in outputs.values()])
    message = "the model's output is not finite: atoms are closer together than any in its training data"
    with tf.control_dependencies([tf.debugging.Assert(finite, [message])]):
        return {name: tf.identity(value) for name, value in outputs.items()}


def _same_length(atoms: tf.Tensor, values: tf.Tensor, name: str) -> tf.Operation:
    return tf.debugging.assert_equal(tf.shape(values)[0], atoms, f"{name} and positions differ in length")


def _some_atoms(atoms: tf.Tensor) -> tf.Operation:
    return tf.debugging.Assert(atoms > 0, ["there are no atoms: a frame without atoms has no forces"])


def _finite(values: tf.Tensor, name: str) -> tf.Operation:
    limit = tf.cast(FARTHEST, values.dtype)
    inside = tf.reduce_all(tf.abs(values) <= limit)  # false for values that are not finite as well
    return tf.debugging.Assert(inside, [f"{name} is not finite, or beyond {FARTHEST:g}: the simulation is unstable"])


def _distinct(vectors: tf.Tensor) -> tf.Operation:
    apart = tf.reduce_all(tf.reduce_sum(tf.square(vectors), axis=1) > SAME_PLACE**2)
    return tf.debugging.Assert(apart, ["two atoms are at the same place: their forces have no direction"])


def _images_within(cell: tf.Tensor, pbc: tf.Tensor, cutoff: float) -> tf.Tensor:
    """() largest number of images that the cutoff reaches over; infinity where the periodic vectors are dependent.

    As `data.graphs.frame_checks.images_within`, of all directions.
    """
    periodic = tf.cast(pbc, cell.dtype)
    lattice = cell * periodic[:, None]
    values = tf.linalg.svd(lattice, compute_uv=False)
    rank = tf.reduce_sum(tf.cast(values > 1e-14 * values[0], cell.dtype))
    reach = tf.reduce_max(cutoff * tf.norm(tf.linalg.pinv(lattice), axis=0) * periodic)
    return tf.where(rank < tf.reduce_sum(periodic), tf.constant(float("inf"), cell.dtype), reach)
