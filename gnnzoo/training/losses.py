"""Losses of forces, energies and virials, in network units, whatever the unit style of the data."""

import tensorflow as tf

# Below this many network units the length of an error vector becomes quadratic, so that its gradient is smooth at zero:
# far below any error that training reaches, and far above the resolution of float32.
_BEND = 1e-4
_TINY = 1e-12  # instead of a sum of weights or outputs of zero


def force_loss(
    kind: str, predicted: tf.Tensor, target: tf.Tensor, weights: tf.Tensor, scale: float | tf.Tensor
) -> tf.Tensor:
    """Weighted mean loss over the force components of real atoms.

    Args:
        kind: "l1", "l2", "huber" (quadratic below one network unit), or "vector": mean length of the error vector.
        predicted, target: (atoms, 3), force unit.
        weights: (atoms,), 0 on padding.
        scale: force unit per network unit, a number or (atoms, 1).

    Returns:
        Scalar.
    """
    error = (predicted - target) / scale
    if kind == "vector":  # (atoms, 3) -> (atoms,)
        values = tf.sqrt(tf.reduce_sum(tf.square(error), axis=-1) + _BEND**2) - _BEND
    else:
        values = tf.reduce_mean(_component_loss(kind, error), axis=-1)
    return tf.reduce_sum(values * weights) / tf.maximum(tf.reduce_sum(weights), _TINY)


def energy_loss(
    kind: str,
    predicted: tf.Tensor,
    target: tf.Tensor,
    mask: tf.Tensor,
    graph_sizes: tf.Tensor,
    scale: float | list[float],
    weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """Mean over graphs of the loss of the energy error per atom, in network units of force times length.

    Args:
        kind: as of `force_loss`; "vector" is "l1" here.
        predicted, target: (graphs,), energy unit.
        mask: (graphs,), 1 where the target is known.
        graph_sizes: (graphs,), real atoms of each graph.
        scale: energy unit per network unit, which equals that of the force; a replay, whose species have scales of
            their own, has no energies.
        weights: (graphs,) weight of each graph; None for 1.

    Returns:
        Scalar.
    """
    error = (predicted - target) * mask / (scale * tf.maximum(graph_sizes, 1))
    return _mean_over_graphs(_component_loss(kind, error), mask, weights)


def virial_loss(
    kind: str,
    predicted: tf.Tensor,
    target: tf.Tensor,
    mask: tf.Tensor,
    graph_sizes: tf.Tensor,
    scale: float | list[float],
    weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """Mean over graphs and the nine components of the loss of the virial error per atom, as `energy_loss`.

    Args:
        kind: as of `force_loss`; "vector" is "l1" here.
        predicted, target: (graphs, 3, 3), energy unit.
        mask: (graphs,), 1 where the target is known.
        graph_sizes: (graphs,), real atoms of each graph.
        scale, weights: as of `energy_loss`.

    Returns:
        Scalar.
    """
    error = (predicted - target) * (mask / (scale * tf.maximum(graph_sizes, 1)))[:, None, None]
    return _mean_over_graphs(tf.reduce_mean(_component_loss(kind, error), axis=(1, 2)), mask, weights)


def _mean_over_graphs(values: tf.Tensor, mask: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Weighted mean of (graphs,) values, which are zero where the mask is."""
    if weights is None:
        return tf.reduce_sum(values) / tf.maximum(tf.reduce_sum(mask), 1)
    return tf.reduce_sum(values * weights) / tf.maximum(tf.reduce_sum(mask * weights), _TINY)


def zero_output_penalty(predicted: tf.Tensor, target: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """(sum |target|) / (sum |output|) per component, which diverges as all outputs go to zero.

    Added to the loss during warm-up. A network that ends in PReLU can otherwise settle at zero output, where half the
    error of a force distribution around zero is already gone and the gradient with it.

    Args:
        predicted, target: (atoms, 3), force unit.
        mask: (atoms,), 0 on padding.

    Returns:
        Scalar.
    """
    sums = [tf.reduce_sum(tf.abs(forces) * mask[:, None]) for forces in (target, predicted)]
    tiny = tf.constant(_TINY, predicted.dtype)
    return sums[0] / (sums[1] + tiny) / (3 * tf.maximum(tf.reduce_sum(mask), 1))


def _component_loss(kind: str, error: tf.Tensor) -> tf.Tensor:
    size = tf.abs(error)
    if kind == "l2":
        return tf.square(error)
    if kind == "huber":
        return tf.where(size < 1, 0.5 * tf.square(error), size - 0.5)
    return size
