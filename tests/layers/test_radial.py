"""Radial bases and envelope: values, gradients, and a smooth end."""

import math

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo.layers.radial import BASES, bessel_basis, exp_normal_basis, gaussian_basis, polynomial_envelope

each_basis = pytest.mark.parametrize("basis", BASES.values(), ids=BASES)


def column(*values, dtype=tf.float64):
    return tf.constant([[v] for v in values], dtype=dtype)


def derivatives(function, distance):
    """Value, slope and curvature of each function at each distance: three arrays (distances, functions)."""
    with tf.GradientTape() as second:
        second.watch(distance)
        with tf.GradientTape() as first:
            first.watch(distance)
            value = function(distance)
        slope = tf.squeeze(first.batch_jacobian(value, distance), -1)
    return value.numpy(), slope.numpy(), tf.squeeze(second.batch_jacobian(slope, distance), -1).numpy()


def test_bessel_values():
    # sin(n pi d / c) c / d at d = 1, c = 2: n = 1 gives 2, n = 2 gives 0
    np.testing.assert_allclose(bessel_basis(column(1.0), 2.0, 2), [[2.0, 0.0]], atol=1e-12)


def test_bessel_functions_are_those_of_the_paper_in_units_of_the_cutoff():
    d, c = 1.3, 4.0
    paper = [math.sqrt(2 / c) * math.sin(n * math.pi * d / c) / d for n in (1, 2, 3)]
    np.testing.assert_allclose(bessel_basis(column(d), c, 3)[0], np.array(paper) * math.sqrt(c**3 / 2), rtol=1e-12)


def test_bessel_at_zero_is_its_limit():
    np.testing.assert_allclose(bessel_basis(column(0.0), 5.0, 3), [[math.pi, 2 * math.pi, 3 * math.pi]], rtol=1e-6)


def test_gaussian_values():
    # centres 0, 1, 2 of width 1: at d = 1 exp(-1/2), 1, exp(-1/2)
    np.testing.assert_allclose(gaussian_basis(column(1.0), 2.0, 3), [[math.exp(-0.5), 1.0, math.exp(-0.5)]])


def test_exp_normal_values():
    # c = 5, so that y = exp(-d). Two centres: exp(-5) and 1; beta = (1 - exp(-5))^-2. At zero y = 1: the second is 1,
    # the first exp(-1). At the cutoff y = exp(-5): the other way round.
    found = exp_normal_basis(column(0.0, 5.0), 5.0, 2)
    np.testing.assert_allclose(found, [[math.exp(-1), 1], [1, math.exp(-1)]], rtol=1e-12)
    # Three centres: the middle one at (1 + exp(-5)) / 2, beta = (2/3 (1 - exp(-5)))^-2. At d = 1:
    middle = math.exp(-(((math.exp(-1) - (1 + math.exp(-5)) / 2) / (2 / 3 * (1 - math.exp(-5)))) ** 2))
    np.testing.assert_allclose(exp_normal_basis(column(1.0), 5.0, 3)[0, 1], middle, rtol=1e-12)


def test_exp_normal_resolves_short_distances_better():
    # The distances at which functions peak are nearer to each other where atoms are near.
    distance = np.linspace(0, 5, 2001)
    peaks = np.sort(distance[np.argmax(exp_normal_basis(column(*distance), 5.0, 6), axis=0)])
    assert np.all(np.diff(peaks, 2) > 0)


@each_basis
def test_bases_do_not_depend_on_the_length_unit(basis):
    np.testing.assert_allclose(basis(column(1.3), 5.0, 6), basis(column(13.0), 50.0, 6), rtol=1e-10)


@each_basis
def test_one_function_is_possible(basis):
    assert np.all(np.isfinite(basis(column(0.0, 1.0, 5.0), 5.0, 1)))


@each_basis
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_bases_keep_their_type_and_have_finite_derivatives_everywhere(basis, dtype):
    distance = column(0.0, 1e-9, 1.0, 5.0, 6.0, dtype=dtype)
    assert basis(distance, 5.0, 8).dtype == dtype
    for values in derivatives(lambda d: basis(d, 5.0, 8), distance):
        assert np.all(np.isfinite(values))


@each_basis
@pytest.mark.parametrize("p", [3, 6])
def test_with_the_envelope_a_basis_ends_with_two_continuous_derivatives(basis, p):
    inside, at_end = 2.5, 4.999999
    found = derivatives(lambda d: basis(d, 5.0, 8) * polynomial_envelope(d, 5.0, p), column(inside, at_end, 5.0, 5.5))
    for values, tolerance in zip(found, (1e-12, 1e-9, 1e-3), strict=True):
        assert np.max(np.abs(values[0])) > 0.01  # it is there before it ends
        np.testing.assert_allclose(values[1], 0, atol=tolerance)
        np.testing.assert_array_equal(values[2:], 0)


def test_envelope_values():
    # p = 6, x = 1/2: 1 - 28/64 + 48/128 - 21/256 = 219/256;  p = 3: 1 - 10/8 + 15/16 - 6/32 = 1/2
    for p, half in ((6, 219 / 256), (3, 1 / 2)):
        found = polynomial_envelope(column(0.0, 2.5, 5.0, 5.5), 5.0, p)
        np.testing.assert_allclose(np.ravel(found), [1, half, 0, 0], atol=1e-14)


def test_envelope_is_flat_at_zero():
    value, slope, curvature = derivatives(lambda d: polynomial_envelope(d, 5.0, 3), column(0.0))
    assert (value, slope, curvature) == (1, 0, 0)


def test_rounding_leaves_no_step_at_the_cutoff():
    """A thousandth before its end the envelope is a billionth: in single precision too."""
    found = polynomial_envelope(column(4.995, dtype=tf.float32), 5.0, 6)
    np.testing.assert_allclose(found, 56 * 1e-9, rtol=0.01)  # (1 - x)^3 p(p+1)(p+2)/6 at x = 0.999
