"""What training minimises."""

import tensorflow as tf

# Below this many network units the length of an error vector is bent to be smooth at zero.
_BEND = 1e-4


def force_loss(kind: str, predicted, target, weights, scale):
    """Weighted mean over the force components of real atoms, in network units, whatever the unit style.

    Args:
        kind: "l1", "l2", "huber" (bent at one network unit), or "vector": the mean length of the error vector.
        predicted, target: (atoms, 3), force unit.
        weights: (atoms,), of each atom; 0 on padding.
        scale: force unit per network unit, a number or (atoms, 1).
    """
    error = (predicted - target) / scale
    if kind == "vector":  # (atoms, 3) -> (atoms,)
        values = tf.sqrt(tf.reduce_sum(tf.square(error), axis=-1) + _BEND**2) - _BEND
    else:
        values = tf.reduce_mean(_component_loss(kind, error), axis=-1)
    return tf.reduce_sum(values * weights) / tf.maximum(tf.reduce_sum(weights), _TINY)


def energy_loss(kind: str, predicted, target, mask, graph_sizes, scale: float):
    """Mean over graphs of the loss of the energy's error per atom, in network units of force times length.

    Args:
        kind: as of `force_loss`; "vector" is "l1" here.
        predicted, target: (graphs,), energy unit.
        mask: (graphs,), 1 where the target is known.
        graph_sizes: (graphs,), real atoms of each graph.
        scale: energy unit per network unit, which is that of the force.
    """
    error = (predicted - target) * mask / (scale * tf.maximum(graph_sizes, 1))
    return tf.reduce_sum(_component_loss(kind, error)) / tf.maximum(tf.reduce_sum(mask), 1)


def virial_loss(kind: str, predicted, target, mask, graph_sizes, scale: float):
    """Mean over graphs and the nine components of the loss of the virial's error per atom, as `energy_loss`.

    Args:
        kind: as of `force_loss`; "vector" is "l1" here.
        predicted, target: (graphs, 3, 3), energy unit.
        mask: (graphs,), 1 where the target is known.
        graph_sizes: (graphs,), real atoms of each graph.
        scale: energy unit per network unit, which is that of the force.
    """
    error = (predicted - target) * (mask / (scale * tf.maximum(graph_sizes, 1)))[:, None, None]
    return tf.reduce_sum(_component_loss(kind, error)) / (9 * tf.maximum(tf.reduce_sum(mask), 1))


def zero_output_penalty(predicted, target, mask):
    """(sum |target|) / (sum |output|) per component: grows without bound as all outputs go to zero.

    Added to the loss during warm-up. A network that ends in PReLU can otherwise settle at zero output, where half the
    error of a force distribution around zero is already gone and the gradient with it.
    """
    size = lambda forces: tf.reduce_sum(tf.abs(forces) * mask[:, None])  # noqa: E731
    tiny = tf.constant(1e-12, predicted.dtype)
    return size(target) / (size(predicted) + tiny) / (3 * tf.maximum(tf.reduce_sum(mask), 1))


_TINY = 1e-12


def _component_loss(kind: str, error):
    size = tf.abs(error)
    if kind == "l2":
        return tf.square(error)
    if kind == "huber":
        return tf.where(size < 1, 0.5 * tf.square(error), size - 0.5)
    return size
