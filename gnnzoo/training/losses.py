"""What training minimises."""

import tensorflow as tf


def force_loss(kind: str, predicted, target, mask, scale: float):
    """Mean over the force components of real atoms, in network units so that no weight depends on the unit style.

    Args:
        kind: "l1", "l2" or "huber" (bent at one network unit).
        predicted, target: (atoms, 3), force unit.
        mask: (atoms,), 1 on real atoms.
        scale: force unit per network unit.
    """
    error = (predicted - target) / scale * mask[:, None]
    if kind == "l1":
        values = tf.abs(error)
    elif kind == "l2":
        values = tf.square(error)
    else:
        size = tf.abs(error)
        values = tf.where(size < 1, 0.5 * tf.square(error), size - 0.5)
    return tf.reduce_sum(values) / _components(mask)


def zero_output_penalty(predicted, target, mask):
    """(sum |target|) / (sum |output|) per component: grows without bound as all outputs go to zero.

    Added to the loss during warm-up. A network that ends in PReLU can otherwise settle at zero output, where half the
    error of a force distribution around zero is already gone and the gradient with it.
    """
    size = lambda forces: tf.reduce_sum(tf.abs(forces) * mask[:, None])  # noqa: E731
    tiny = tf.constant(1e-12, predicted.dtype)
    return size(target) / (size(predicted) + tiny) / _components(mask)


def _components(mask):
    return 3 * tf.maximum(tf.reduce_sum(mask), 1)
