"""Sine and cosine of half turns: values, slopes and curvatures next to NumPy's in double precision."""

import math

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo.layers.trigonometry import cos_pi, sin_pi

HALF_TURNS = np.concatenate([np.linspace(-20, 20, 4001), np.arange(-40, 41) / 2])
EXACT = {sin_pi: (np.sin, np.cos), cos_pi: (np.cos, lambda angle: -np.sin(angle))}

each_function = pytest.mark.parametrize("function", EXACT, ids=["sine", "cosine"])
each_type = pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=["float32", "float64"])


def found(function, dtype):
    """Value, slope and curvature at HALF_TURNS, and these as they were rounded to the type."""
    t = tf.constant(HALF_TURNS, dtype)
    with tf.GradientTape() as second:
        second.watch(t)
        with tf.GradientTape() as first:
            first.watch(t)
            value = function(t)
        slope = first.gradient(value, t)
    return value, slope, second.gradient(slope, t), t.numpy().astype(np.float64)


@each_function
@each_type
def test_value_slope_and_curvature(function, dtype):
    value, slope, curvature, t = found(function, dtype)
    of_value, of_slope = EXACT[function]
    digits = np.finfo(dtype.as_numpy_dtype).eps
    assert value.dtype == dtype
    # pi t of NumPy has an error of its own, of up to 60 eps of float64
    np.testing.assert_allclose(value, of_value(math.pi * t), atol=max(2 * digits, 1e-14))
    np.testing.assert_allclose(slope, math.pi * of_slope(math.pi * t), atol=max(4 * digits, 1e-13) * math.pi)
    allowed = max(10 * digits, 1e-12) * math.pi**2
    np.testing.assert_allclose(curvature, -(math.pi**2) * of_value(math.pi * t), atol=allowed)


@each_function
@each_type
def test_whole_and_half_numbers_are_exact_to_the_last_digit(function, dtype):
    halves = tf.constant([0, 0.5, 1, 1.5, 2, -0.5, -1, 7.5, 1000], dtype)
    sines = [0, 1, 0, -1, 0, -1, 0, -1, 0]
    cosines = [1, 0, -1, 0, 1, 0, -1, 0, 1]
    digits = np.finfo(dtype.as_numpy_dtype).eps
    np.testing.assert_allclose(function(halves), sines if function is sin_pi else cosines, atol=digits)
