"""Exponential moving average of the weights, for validation and for the final model."""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf


class WeightAverage:
    """Exponential moving average of trainable weights; other weights, such as moving statistics, are used as they are.

    Keras' own (`use_ema` of an optimizer) has a constant decay without warm-up, keeps its averages among the
    optimizer's variables, which changes the layout of checkpoints, and overwrites weights rather than swapping them.

    Args:
        variables: the trainable weights of a network.
        decay: share that is kept at each step, in the long run.

    Attributes:
        raw: the weights that are trained.
        averages: their averages.
    """

    def __init__(self, variables: Sequence[keras.Variable], decay: float):
        self.raw, self.largest_decay = list(variables), decay
        self.averages = [tf.Variable(variable.value, trainable=False) for variable in self.raw]

    def decay(self, step: int) -> float:
        """Share kept at step number `step`, counted from 0: min(decay, (1 + step) / (10 + step)), as in TensorFlow's
        `ExponentialMovingAverage` with `num_updates`, so that the initial weights are soon forgotten.

        Returns:
            Between 0.1 and the decay in the long run.
        """
        return min(self.largest_decay, (1 + step) / (10 + step))

    def update(self, decay: tf.Tensor | float) -> None:
        """average <- `decay` x average + (1 - `decay`) x weight; called in the compiled step."""
        for average, variable in zip(self.averages, self.raw, strict=True):
            average.assign_sub((1 - decay) * (average - variable.value))

    @contextlib.contextmanager
    def swapped_in(self) -> Iterator[list[np.ndarray]]:
        """Give the network the averages as its weights for a block.

        Yields:
            The weights that are trained.
        """
        raw = [variable.numpy() for variable in self.raw]
        for variable, average in zip(self.raw, self.averages, strict=True):
            variable.assign(average)
        try:
            yield raw
        finally:
            for variable, value in zip(self.raw, raw, strict=True):
                variable.assign(value)

    def restore(self, raw: Sequence[np.ndarray]) -> None:
        """Take the network's present weights for the averages, and `raw` for the weights that are trained."""
        for variable, average, value in zip(self.raw, self.averages, raw, strict=True):
            average.assign(variable.value)
            variable.assign(value)
