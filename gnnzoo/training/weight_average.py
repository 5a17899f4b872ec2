"""An exponential moving average of the weights, which is judged and kept while training goes on from the weights."""

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf


class WeightAverage:
    """The average of trainable weights; what is not trained, such as running statistics, is taken as it is.

    Args:
        variables: the trainable weights of a network.
        decay: share that is kept at each step, in the long run.
    """

    def __init__(self, variables: list, decay: float):
        self.raw, self.largest_decay = list(variables), decay
        self.averages = [tf.Variable(variable.value, trainable=False) for variable in self.raw]

    def decay(self, step: int) -> float:
        """Share kept at step number `step`, counted from 0: small at first, so that the start is soon forgotten."""
        return min(self.largest_decay, (1 + step) / (10 + step))

    def update(self, decay) -> None:
        """average <- decay x average + (1 - decay) x weight; for the compiled step."""
        for average, variable in zip(self.averages, self.raw, strict=True):
            average.assign_sub((1 - decay) * (average - variable.value))

    @contextlib.contextmanager
    def swapped_in(self) -> Iterator[list[np.ndarray]]:
        """The network has the average as its weights while this is entered; gives the weights themselves."""
        raw = [variable.numpy() for variable in self.raw]
        for variable, average in zip(self.raw, self.averages, strict=True):
            variable.assign(average)
        try:
            yield raw
        finally:
            for variable, value in zip(self.raw, raw, strict=True):
                variable.assign(value)

    def restore(self, raw: list[np.ndarray]) -> None:
        """Take the network's weights for the average, and give it `raw` to go on from."""
        for variable, average, value in zip(self.raw, self.averages, raw, strict=True):
            average.assign(variable.value)
            variable.assign(value)
