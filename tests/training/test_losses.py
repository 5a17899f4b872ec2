"""Losses by hand."""

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo.training.losses import force_loss, zero_output_penalty

PREDICTED = tf.constant([[1.0, 0.0, 0.0], [0.0, 0.0, 4.0], [9.0, 9.0, 9.0]])
TARGET = tf.constant([[3.0, 0.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
MASK = tf.constant([1.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ("kind", "expected"),
    # In units of 2: errors 1 and 1/2 over six components; the third atom is padding.
    [("l1", 1.5 / 6), ("l2", 1.25 / 6), ("huber", (0.5 + 0.125) / 6)],
)
def test_losses_are_means_over_real_components_in_network_units(kind, expected):
    np.testing.assert_allclose(force_loss(kind, PREDICTED, TARGET, MASK, 2.0), expected, rtol=1e-6)


def test_huber_is_straight_beyond_one_unit():
    # error 2 in units of 1: 2 - 1/2; the other error of 1 sits on the bend: 1/2
    np.testing.assert_allclose(force_loss("huber", PREDICTED, TARGET, MASK, 1.0), 2.0 / 6, rtol=1e-6)


def test_the_warm_up_penalty_pushes_outputs_away_from_zero():
    # sum |target| = 6, sum |output| = 5, six components
    np.testing.assert_allclose(zero_output_penalty(PREDICTED, TARGET, MASK), 6 / 5 / 6, rtol=1e-6)
    small = zero_output_penalty(PREDICTED * 1e-3, TARGET, MASK)
    assert small > 900 * zero_output_penalty(PREDICTED, TARGET, MASK)
