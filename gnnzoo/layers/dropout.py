"""Dropout whose masks cost next to nothing."""

import keras
import tensorflow as tf


def _mixed(bits):
    """A permutation of the 32-bit numbers in which neighbours land anywhere.

    `lowbias32` of hash-prospector, https://github.com/skeeto/hash-prospector (public domain).
    """
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits = bits * tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))


@keras.saving.register_keras_serializable(package="gnnzoo")
class HashedDropout(keras.layers.Dropout):
    """Keras' dropout with random bits that are a hash of each element's number and the seed.

    The generators of TensorFlow take most of a training step on a CPU; masks do not need their quality.
    """

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        first, second = tf.unstack(tf.cast(self.seed_generator.next(), tf.uint32))
        key = _mixed(first + _mixed(second))
        shape = tf.shape(inputs)
        numbers = tf.cast(tf.range(tf.reduce_prod(shape)), tf.uint32)
        bits = tf.reshape(_mixed(tf.bitwise.bitwise_xor(_mixed(numbers), key)), shape)
        keep = bits >= tf.constant(int(self.rate * 2**32), tf.uint32)
        return tf.where(keep, inputs / (1 - self.rate), 0)
