"""Dropout with cheap random masks."""

import keras
import tensorflow as tf

from gnnzoo.layers.stack_layer import Tensor


def _hash(bits: tf.Tensor) -> tf.Tensor:
    """Integer hash, a permutation of the 32-bit numbers: uint32 -> uint32.

    `lowbias32` of hash-prospector, https://github.com/skeeto/hash-prospector (public domain).
    """
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits = bits * tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))


@keras.saving.register_keras_serializable(package="gnnzoo")
class HashedDropout(keras.layers.Dropout):
    """Keras' dropout with masks from a hash of each element's index and the seed.

    TensorFlow's random generators take most of a training step on a CPU; masks do not need their quality.
    """

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        first, second = tf.unstack(tf.cast(self.seed_generator.next(), tf.uint32))
        key = _hash(first + _hash(second))
        shape = tf.shape(inputs)
        numbers = tf.cast(tf.range(tf.reduce_prod(shape)), tf.uint32)
        bits = tf.reshape(_hash(tf.bitwise.bitwise_xor(_hash(numbers), key)), shape)
        keep = bits >= tf.constant(int(self.rate * 2**32), tf.uint32)
        return tf.where(keep, inputs / (1 - self.rate), 0)
