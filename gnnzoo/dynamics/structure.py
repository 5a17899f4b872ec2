"""Structure and diffusion of a run next to those of the data: radial distributions, mean squared displacements."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.inspection.pair_sample import sample_pairs
from gnnzoo.data.inspection.rdf import RadialDistributions, radial_distributions
from gnnzoo.records import Record

_FRAMES = 40  # of each side, at most
_LAGS = 400  # frames of a mean squared displacement


@dataclass(frozen=True)
class Displacements(Record):
    """Mean squared displacement of one species.

    Attributes:
        lags: time differences, in the time unit of the data, ascending from 0.
        msd: length unit squared.
    """

    lags: list[float]
    msd: list[float]


def distributions(dataset: Dataset, frames: Sequence[int], reach: float) -> RadialDistributions:
    """Radial distributions of some frames of a dataset.

    Args:
        dataset: the data.
        frames: their indices.
        reach: largest distance, length unit.

    Returns:
        The distributions by pair of types.
    """
    pairs = sample_pairs(dataset, reach, frames=_FRAMES, order=np.array(frames))
    return radial_distributions(pairs, dataset.type_names, reach)


def largest_difference(one: RadialDistributions, other: RadialDistributions) -> float | None:
    """The largest difference of two sets of radial distributions.

    Args:
        one: with the same bins as `other`.
        other: the reference.

    Returns:
        Over all pairs of types of both, |g - g'| as a share of the highest peak of the reference's pair, smoothed over
        three bins; None where they share no pair.
    """
    kernel = np.ones(3) / 3
    found = []
    for name in set(one.pairs) & set(other.pairs):
        ours, theirs = (np.convolve(of.pairs[name].g, kernel, mode="valid") for of in (one, other))
        if theirs.max() > 0:
            found.append(float(np.abs(ours - theirs).max() / theirs.max()))
    return max(found, default=None)


def displacements(dataset: Dataset, frames: Sequence[int]) -> dict[str, Displacements]:
    """Mean squared displacements from the first of consecutive frames on, averaged over atoms and all earlier starts.

    Positions are unwrapped from frame to frame, so that no atom may move by more than half a box in between.

    Args:
        dataset: frames of the same atoms, with times.
        frames: consecutive indices.

    Returns:
        By species; none where times are unknown, or atoms change.
    """
    taken = [dataset[int(index)] for index in frames[:_LAGS]]
    if len(taken) < 3 or not _comparable(taken):
        return {}
    paths = _unwrapped(taken)
    times = np.array([frame.time for frame in taken], dtype=float)
    lags = np.arange(len(taken) // 2)
    found = {}
    for name in np.unique(taken[0].names).tolist():
        path = paths[:, taken[0].names == name]
        msd = [float(np.mean(np.sum((path[lag:] - path[: len(path) - lag]) ** 2, axis=-1))) for lag in lags]
        found[name] = Displacements((times[lags] - times[0]).tolist(), msd)
    return found


def _comparable(frames: list[Frame]) -> bool:
    """Frames of one run at equal distances in time."""
    times = [frame.time for frame in frames]
    if any(time is None for time in times) or not all(
        np.array_equal(frame.ids, frames[0].ids) and frame.segment == frames[0].segment for frame in frames
    ):
        return False
    steps = np.diff(np.array(times, dtype=float))
    return bool(np.all(steps > 0) and np.allclose(steps, steps[0], rtol=1e-3))


def _unwrapped(frames: list[Frame]) -> np.ndarray:
    """(frames, atoms, 3) continuous positions, without the motion of their mean."""
    paths = [frames[0].positions]
    for before, after in itertools.pairwise(frames):
        step = after.positions - before.positions
        if after.pbc.any():
            scaled = step @ np.linalg.inv(after.cell)
            step = step - np.where(after.pbc, np.round(scaled), 0.0) @ after.cell
        paths.append(paths[-1] + step)
    found = np.array(paths)
    return found - found.mean(axis=1, keepdims=True)
