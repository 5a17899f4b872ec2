"""Radial bases and the cutoff envelope: pure functions of the distance with finite values and gradients at zero."""

import math

from keras import ops

from gnnzoo.layers.stack_layer import Tensor
from gnnzoo.layers.trigonometry import sin_pi


def bessel_basis(distance: Tensor, cutoff: float, functions: int) -> Tensor:
    """Spherical Bessel functions of order zero (arXiv 2003.03123, eq. 7), scaled by sqrt(c^3 / 2):

        R_n(d) = sin(n pi x) / x,   x = d / c,   n = 1 ... functions

    The scaling makes them of order one in any length unit.

    Args:
        distance: (edges, 1), length unit, not negative.
        cutoff: c, length unit.
        functions: number of functions.

    Returns:
        (edges, functions), dimensionless; n pi at distance zero.
    """
    orders = ops.arange(1, functions + 1, dtype=distance.dtype)
    scaled = distance / cutoff
    # (edges, 1), (functions,) -> (edges, functions); x is bounded from below for a finite value and gradient
    safe = ops.maximum(scaled, ops.cast(1e-6, distance.dtype))
    return sin_pi(orders * safe) / safe


def gaussian_basis(distance: Tensor, cutoff: float, functions: int) -> Tensor:
    """Gaussians with evenly spaced centres from 0 to the cutoff (arXiv 1706.08566, sec. 4.1):

        R_k(d) = exp(-(d - mu_k)^2 / (2 s^2)),   mu_k = k s,   s = c / (functions - 1)

    The paper has a fixed width; here it follows from the number of functions.

    Args:
        distance: (edges, 1), length unit, not negative.
        cutoff: c, length unit.
        functions: number of functions.

    Returns:
        (edges, functions), dimensionless.
    """
    spacing = cutoff / max(1, functions - 1)
    centres = ops.arange(functions, dtype=distance.dtype) * spacing
    return ops.exp(-0.5 * ops.square((distance - centres) / spacing))


# exp(-d / A) in the paper: with a cutoff of 5 A, as there, the basis is that of the paper.
_DECAYS = 5.0


def exp_normal_basis(distance: Tensor, cutoff: float, functions: int) -> Tensor:
    """Gaussians of a decaying exponential, which resolve short distances better than long ones (arXiv 1902.08408):

        R_k(d) = exp(-beta (y - mu_k)^2),   y = exp(-5 d / c),   beta = (2 / K (1 - exp(-5)))^-2

    The K centres mu_k are evenly spaced from exp(-5), the y of the cutoff, to 1, that of distance zero. The cutoff
    function of the paper is replaced by the envelope.

    Args:
        distance: (edges, 1), length unit, not negative.
        cutoff: c, length unit.
        functions: K, number of functions.

    Returns:
        (edges, functions), dimensionless.
    """
    last = math.exp(-_DECAYS)
    centres = last + (1 - last) / max(1, functions - 1) * ops.arange(functions, dtype=distance.dtype)
    beta = (2 / functions * (1 - last)) ** -2
    # (edges, 1), (functions,) -> (edges, functions)
    return ops.exp(-beta * ops.square(ops.exp(-_DECAYS / cutoff * distance) - centres))


BASES = {"bessel": bessel_basis, "gaussian": gaussian_basis, "exp_normal": exp_normal_basis}


def polynomial_envelope(distance: Tensor, cutoff: float, p: int) -> Tensor:
    """Polynomial cutoff function, 1 at zero, with two continuous derivatives at the cutoff (arXiv 2003.03123, eq. 8):

        u(x) = 1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2),   x = d / c

    Evaluated in factored form, (1 - x)^3 sum_k k(k+1)/2 x^(k-1) with k = 1 ... p, so that rounding leaves no step at
    the cutoff. At zero all derivatives below the p-th vanish.

    Args:
        distance: (edges, 1), length unit.
        cutoff: c, length unit.
        p: order; a higher one stays close to 1 for longer.

    Returns:
        u, of the shape of `distance`; 0 beyond the cutoff.
    """
    x = ops.minimum(distance / cutoff, 1)
    series = ops.zeros_like(x)
    for k in range(p, 0, -1):  # Horner's scheme for the first p terms of the series of (1 - x)^-3
        series = series * x + k * (k + 1) / 2
    return (1 - x) ** 3 * series
