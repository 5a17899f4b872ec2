"""Rounding errors of printed numbers."""

from collections.abc import Sequence

import numpy as np

SCALED = {"xs", "xsu"}  # columns of scaled coordinates, in units of the lattice vectors
_FIXED_DECIMALS = range(9)  # numbers of decimals that are tried for a fixed-point format


def printed_steps(values: np.ndarray, digits: int) -> np.ndarray:
    """Size of the last printed digit of each number.

    Args:
        values: any shape, as printed.
        digits: significant digits of the format; where all numbers end at one decimal, as %.3f prints them, that
            decimal counts.

    Returns:
        Same shape; 0 where a zero may have been printed with any number of digits.
    """
    sizes = np.abs(values)
    with np.errstate(divide="ignore"):  # 0 has no digit
        steps = 10.0 ** (np.floor(np.log10(sizes)) + 1 - digits)
    for decimals in _FIXED_DECIMALS:
        if all(_end_at(part, decimals) for part in (sizes.ravel()[:100], sizes)):
            return np.maximum(steps, 10.0**-decimals)
    return steps


def _end_at(sizes: np.ndarray, decimals: int) -> bool:
    scaled = sizes * 10.0**decimals
    return bool(np.all(np.abs(scaled - np.round(scaled)) < 1e-9 * np.maximum(scaled, 1)))


def rms_rounding(values: np.ndarray, digits: int) -> float:
    """Root mean square error that printing made of numbers.

    Errors uniform over a last digit of size s have the root mean square s / sqrt(12).

    Args:
        values: any shape; zeros are left out.
        digits: significant digits of the format, see `printed_steps`.

    Returns:
        In the unit of the values.
    """
    printed = values[values != 0]
    return root_mean_square(printed_steps(printed, digits)) / 12**0.5 if len(printed) else 0.0


def root_mean_square(values: Sequence[float] | np.ndarray) -> float:
    """Root mean square of `values`, without overflow of their squares."""
    largest = float(np.max(values))
    return largest * float(np.sqrt(np.mean(np.square(np.asarray(values) / largest)))) if largest > 0 else 0.0
