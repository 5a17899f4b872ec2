"""Losses by hand."""

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo.training.losses import energy_loss, force_loss, virial_loss, zero_output_penalty

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


def test_the_vector_loss_is_the_mean_length_of_the_error_and_smooth_at_zero():
    predicted = tf.Variable([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = force_loss("vector", predicted, tf.zeros((2, 3)), tf.ones(2), 1.0)
    np.testing.assert_allclose(loss, 2.5, rtol=1e-4)  # lengths 5 and 0
    np.testing.assert_allclose(tape.gradient(loss, predicted), [[0.3, 0.4, 0], [0, 0, 0]], rtol=1e-6)


def test_weights_of_atoms_weigh_their_errors():
    # |dF| sums to 2 on the first atom and 1 on the second, means over components 2/3 and 1/3: (3 x 2/3 + 1/3) / 4
    found = force_loss("l1", PREDICTED, TARGET, tf.constant([3.0, 1.0, 0.0]), 1.0)
    np.testing.assert_allclose(found, (3 * 2 / 3 + 1 / 3) / 4, rtol=1e-6)


def test_energies_count_per_atom_where_they_are_known():
    """Errors of 6 on 3 atoms and 4 on 1 atom, in units of 2: 1 and 2; the third graph's energy is unknown."""
    arguments = [tf.constant(values) for values in ([7.0, 5.0, 9.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [3.0, 1.0, 2.0])]
    np.testing.assert_allclose(energy_loss("l1", *arguments, 2.0), 1.5, rtol=1e-6)
    np.testing.assert_allclose(energy_loss("l2", *arguments, 2.0), 2.5, rtol=1e-6)


def test_virials_count_per_atom_and_component_where_they_are_known():
    """In units of 2, one component off by 12 on 3 atoms, one by 4 on 1 atom: 2 and 2; the third virial is unknown."""
    predicted, target = np.zeros((3, 3, 3), np.float32), np.ones((3, 3, 3), np.float32)
    predicted[:2] = 1
    predicted[0, 0, 2] += 12
    predicted[1, 1, 1] -= 4
    arguments = [tf.constant(values) for values in (predicted, target, [1.0, 1.0, 0.0], [3.0, 1.0, 2.0])]
    np.testing.assert_allclose(virial_loss("l1", *arguments, 2.0), 4 / 18, rtol=1e-6)
    np.testing.assert_allclose(virial_loss("l2", *arguments, 2.0), 8 / 18, rtol=1e-6)
    np.testing.assert_allclose(virial_loss("vector", *arguments, 2.0), 4 / 18, rtol=1e-6)
