"""Radial bases and the smooth end at the cutoff: pure functions of the distance, safe at zero."""

import math

from keras import ops


def bessel_basis(distance, cutoff: float, functions: int):
    """Spherical Bessel functions of order zero: sqrt(2/c) sin(n pi d / c) / d (arXiv 2003.03123, eq. 7).

    Multiplied by sqrt(c^3/2)/c so that the values are of order one whatever the length unit.

    Args:
        distance: (edges, 1), length unit, not negative.
        cutoff: length unit.
        functions: how many.

    Returns:
        (edges, functions), dimensionless; at distance zero the limit n pi.
    """
    orders = ops.arange(1, functions + 1, dtype=distance.dtype) * math.pi
    scaled = distance / cutoff
    # (edges, 1), (functions,) -> (edges, functions); sin(n pi x) / x, with x kept off zero for value and gradient
    safe = ops.maximum(scaled, ops.cast(1e-6, distance.dtype))
    return ops.sin(orders * safe) / safe


def gaussian_basis(distance, cutoff: float, functions: int):
    """Gaussians with centres evenly spaced from 0 to the cutoff, as wide as they are apart (arXiv 1706.08566).

    Args and returns as `bessel_basis`.
    """
    spacing = cutoff / max(1, functions - 1)
    centres = ops.arange(functions, dtype=distance.dtype) * spacing
    return ops.exp(-0.5 * ops.square((distance - centres) / spacing))


BASES = {"bessel": bessel_basis, "gaussian": gaussian_basis}


def polynomial_envelope(distance, cutoff: float, p: int = 6):
    """1 at zero, 0 from the cutoff on, with two continuous derivatives there (arXiv 2003.03123, eq. 8).

    Args:
        distance: (edges, 1), length unit.
        cutoff: length unit.
        p: order; higher stays near 1 for longer.
    """
    x = distance / cutoff
    value = (
        1
        - (p + 1) * (p + 2) / 2 * ops.power(x, p)
        + p * (p + 2) * ops.power(x, p + 1)
        - p * (p + 1) / 2 * ops.power(x, p + 2)
    )
    return ops.where(x < 1, value, ops.zeros_like(value))
