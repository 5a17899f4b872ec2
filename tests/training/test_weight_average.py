"""The moving average of weights by hand."""

import keras
import numpy as np
import pytest

from gnnzoo.training.weight_average import WeightAverage


def test_the_average_follows_the_weights():
    weight = keras.Variable([1.0])
    average = WeightAverage([weight], 0.9)
    weight.assign([2.0])
    average.update(0.75)  # 0.75 x 1 + 0.25 x 2
    weight.assign([3.25])
    average.update(0.5)  # 0.5 x 1.25 + 0.5 x 3.25
    with average.swapped_in() as raw:
        assert weight.numpy() == pytest.approx(2.25)
        np.testing.assert_array_equal(raw, [[3.25]])
    assert weight.numpy() == 3.25


def test_the_decay_is_small_at_first():
    average = WeightAverage([], 0.99)
    assert [average.decay(step) for step in (0, 8, 10_000)] == [0.1, 0.5, 0.99]


def test_averages_and_weights_are_restored_from_a_checkpoint():
    weight = keras.Variable([1.25])
    average = WeightAverage([weight], 0.9)
    weight.assign([7.0])
    with average.swapped_in() as raw:
        kept = weight.numpy()
    other = keras.Variable(kept)  # as a checkpoint has it
    again = WeightAverage([keras.Variable([0.0])], 0.9)
    again.raw = [other]
    again.restore(raw)
    assert (other.numpy(), again.averages[0].numpy()) == (7.0, 1.25)
