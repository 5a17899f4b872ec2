"""Structure and motion of a run next to those of the data: radial distributions, displacements, velocities."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.inspection.rdf import RadialDistributions
from gnnzoo.records import Record

_LAGS = 400  # frames of a mean squared displacement


@dataclass(frozen=True)
class Displacements(Record):
    """Mean squared displacement of one species.

    Attributes:
        lags: time differences, in the time unit of the data, ascending from 0.
        msd: length unit squared.
        diffusion: coefficient by Einstein's relation, a sixth of the slope over the second half of the lags, length
            unit squared per time unit; of a liquid it needs lags of picoseconds.
    """

    lags: list[float]
    msd: list[float]
    diffusion: float


@dataclass(frozen=True)
class Autocorrelation(Record):
    """Velocity autocorrelation of one species.

    Attributes:
        lags: time differences, in the time unit of the data, ascending from 0.
        correlation: <v(0) v(t)> / <v(0) v(0)>.
    """

    lags: list[float]
    correlation: list[float]


def largest_difference(one: RadialDistributions, other: RadialDistributions) -> float | None:
    """The largest difference of two sets of radial distributions.

    Args:
        one: with the same bins as `other`.
        other: the reference.

    Returns:
        Over all pairs of types of both, |g - g'| as a share of the highest peak of the reference's pair, smoothed over
        three bins; None where they share no pair.
    """
    return largest_relative_difference(*({name: pair.g for name, pair in of.pairs.items()} for of in (one, other)))


def largest_relative_difference(one: Mapping[str, list[float]], other: Mapping[str, list[float]]) -> float | None:
    """The largest difference of two sets of distributions.

    Args:
        one: (bins,) by name, with the same bins as `other`.
        other: the reference.

    Returns:
        Over all names of both, |p - p'| as a share of the highest peak of the reference, smoothed over three bins; None
        where they share no name.
    """
    kernel = np.ones(3) / 3
    found = []
    for name in set(one) & set(other):
        ours, theirs = (np.convolve(of[name], kernel, mode="valid") for of in (one, other))
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
    taken = _of_one_run(dataset, frames, fewest=3)
    if not taken:
        return {}
    paths, (lags, times), found = _unwrapped(taken), _lags(taken), {}
    for name in np.unique(taken[0].names).tolist():
        path = paths[:, taken[0].names == name]
        msd = [float(np.mean(np.sum((path[lag:] - path[: len(path) - lag]) ** 2, axis=-1))) for lag in lags]
        late = lags[len(lags) // 2 :]
        slope = float(np.polyfit(times[late], np.array(msd)[late], 1)[0]) if len(late) > 1 else 0.0
        found[name] = Displacements(times.tolist(), msd, slope / 6)
    return found


def velocity_autocorrelations(dataset: Dataset, frames: Sequence[int]) -> dict[str, Autocorrelation]:
    """Velocity autocorrelations of consecutive frames, averaged over atoms and all earlier starts.

    Args:
        dataset: frames of the same atoms, with times and velocities.
        frames: consecutive indices.

    Returns:
        By species; none where times or velocities are unknown, or atoms change.
    """
    taken = _of_one_run(dataset, frames, fewest=4)
    if not taken or any(frame.velocities is None for frame in taken):
        return {}
    velocities, (lags, times), found = np.array([frame.velocities for frame in taken], dtype=float), _lags(taken), {}
    for name in np.unique(taken[0].names).tolist():
        own = velocities[:, taken[0].names == name]
        products = [float(np.mean(np.sum(own[lag:] * own[: len(own) - lag], axis=-1))) for lag in lags]
        if products[0] > 0:
            found[name] = Autocorrelation(times.tolist(), (np.array(products) / products[0]).tolist())
    return found


def _of_one_run(dataset: Dataset, frames: Sequence[int], fewest: int) -> list[Frame]:
    """The first of the frames; none where they are fewer than these, or not of one run at equal distances in time."""
    taken = [dataset[int(index)] for index in frames[:_LAGS]]
    return taken if len(taken) >= fewest and _comparable(taken) else []


def _lags(taken: list[Frame]) -> tuple[np.ndarray, np.ndarray]:
    """Differences of up to half of the frames: (lags,) numbers of frames, and of the times."""
    lags = np.arange(len(taken) // 2)
    times = np.array([frame.time for frame in taken], dtype=float)
    return lags, times[lags] - times[0]


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
