"""Radial bases and envelope: values, gradients, and a smooth end."""

import math

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo.layers.radial import BASES, bessel_basis, gaussian_basis, polynomial_envelope


def column(*values):
    return tf.constant([[v] for v in values], dtype=tf.float64)


def test_bessel_values():
    # sin(n pi d / c) c / d at d = 1, c = 2: n = 1 gives 2, n = 2 gives 0
    np.testing.assert_allclose(bessel_basis(column(1.0), 2.0, 2), [[2.0, 0.0]], atol=1e-12)


def test_bessel_at_zero_is_its_limit():
    np.testing.assert_allclose(bessel_basis(column(0.0), 5.0, 3), [[math.pi, 2 * math.pi, 3 * math.pi]], rtol=1e-6)


def test_gaussian_values():
    # centres 0, 1, 2 of width 1: at d = 1 exp(-1/2), 1, exp(-1/2)
    np.testing.assert_allclose(gaussian_basis(column(1.0), 2.0, 3), [[math.exp(-0.5), 1.0, math.exp(-0.5)]])


@pytest.mark.parametrize("basis", BASES.values(), ids=BASES)
def test_bases_have_finite_gradients_everywhere(basis):
    distance = column(0.0, 1e-9, 1.0, 5.0, 6.0)
    with tf.GradientTape() as tape:
        tape.watch(distance)
        total = tf.reduce_sum(basis(distance, 5.0, 8))
    assert np.all(np.isfinite(tape.gradient(total, distance)))


def test_envelope_ends_with_two_continuous_derivatives():
    distance = column(0.0, 2.5, 4.999999, 5.0, 5.5)
    with tf.GradientTape() as second:
        second.watch(distance)
        with tf.GradientTape() as first:
            first.watch(distance)
            value = polynomial_envelope(distance, 5.0)
        slope = first.gradient(value, distance)
    curvature = second.gradient(slope, distance)
    # x = 1/2, p = 6: 1 - 28/64 + 48/128 - 21/256 = 219/256
    np.testing.assert_allclose(np.ravel(value), [1, 219 / 256, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(np.ravel(slope)[2:], 0, atol=1e-9)
    np.testing.assert_allclose(np.ravel(curvature)[2:], 0, atol=1e-4)
