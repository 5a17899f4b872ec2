"""Radial bases and the smooth end at the cutoff: pure functions of the distance, safe at zero."""

import math

from keras import ops


def bessel_basis(distance, cutoff: float, functions: int):
    """Spherical Bessel functions of order zero: sqrt(2/c) sin(n pi d / c) / d (arXiv 2003.03123, eq. 7).

    Multiplied by sqrt(c^3/2), which makes it sin(n pi x) / x with x = d/c: of order one whatever the length unit.

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
    """exp(-(d - mu_k)^2 / (2 s^2)), centres mu_k evenly spaced from 0 to the cutoff, s the space between them.

    arXiv 1706.08566, sec. 4.1, with widths that follow from the number of functions.
    Args and returns as `bessel_basis`.
    """
    spacing = cutoff / max(1, functions - 1)
    centres = ops.arange(functions, dtype=distance.dtype) * spacing
    return ops.exp(-0.5 * ops.square((distance - centres) / spacing))


# Decay lengths within the cutoff; with a cutoff of 5 Angstrom the basis is that of the paper, which counts in Angstrom.
_DECAYS = 5.0


def exp_normal_basis(distance, cutoff: float, functions: int):
    """exp(-beta (y - mu_k)^2) with y = exp(-5 d/c): Gaussians of a decaying exponential (arXiv 1902.08408).

    The K centres mu_k are evenly spaced from the y of the cutoff to 1, the y of distance zero, and
    beta = (2/K (1 - y(c)))^-2. Short distances are resolved better than long ones. The paper's own cutoff function is
    left to the envelope.
    Args and returns as `bessel_basis`.
    """
    last = math.exp(-_DECAYS)
    centres = last + (1 - last) / max(1, functions - 1) * ops.arange(functions, dtype=distance.dtype)
    beta = (2 / functions * (1 - last)) ** -2
    # (edges, 1), (functions,) -> (edges, functions)
    return ops.exp(-beta * ops.square(ops.exp(-_DECAYS / cutoff * distance) - centres))


BASES = {"bessel": bessel_basis, "gaussian": gaussian_basis, "exp_normal": exp_normal_basis}


def polynomial_envelope(distance, cutoff: float, p: int):
    """1 at zero, 0 from the cutoff on, with two continuous derivatives there (arXiv 2003.03123, eq. 8).

    1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2) with x = d/c, written with its factor (1 - x)^3, so that
    rounding leaves no step at the cutoff. At zero the derivatives below the p-th vanish.

    Args:
        distance: (edges, 1), length unit.
        cutoff: length unit.
        p: order; higher stays near 1 for longer.
    """
    x = ops.minimum(distance / cutoff, 1)
    rest = ops.zeros_like(x)
    for k in range(p, 0, -1):  # the first p terms of the series of (1 - x)^-3: sum_k k(k+1)/2 x^(k-1)
        rest = rest * x + k * (k + 1) / 2
    return (1 - x) ** 3 * rest
