"""Samples of frames, atoms and lags whose size does not grow with the data."""

import numpy as np


def even_sample(indices: np.ndarray, count: int) -> np.ndarray:
    """Evenly spaced elements, first and last included.

    Args:
        indices: (n, ...) any array; rows are chosen.
        count: at most so many.

    Returns:
        (min(n, count), ...) the chosen rows, in order.
    """
    indices = np.asarray(indices)
    if len(indices) <= count:
        return indices
    return indices[np.linspace(0, len(indices) - 1, count).round().astype(int)]


def ends_of_parts(length: int, count: int) -> np.ndarray:
    """Last index of each of `count` equal parts of a range of `length`.

    A run often starts from a lattice that is not representative; this sample leaves the first frame out.

    Args:
        length: length of the range.
        count: number of parts, at most `length`.

    Returns:
        (count,) int, ascending.
    """
    return (np.arange(1, count + 1) * length) // count - 1


def lag_grid(longest: int) -> np.ndarray:
    """Lags of a correlation function: 0 and about nine per decade.

    Args:
        longest: longest lag, always part of the grid.

    Returns:
        (lags,) int, ascending from 0.
    """
    lags, lag = [0], 1.0
    while round(lag) <= longest:
        lags.append(round(lag))
        lag = max(lag + 1, lag * 1.25)
    return np.unique([*lags, longest])


def longest_lag(length: int) -> int:
    """Longest lag measured in `length` frames: half of them, because longer lags average over too few pairs."""
    return max(1, length // 2)
