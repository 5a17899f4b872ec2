"""Autocorrelation times of forces and structure.

Frames closer in time than the autocorrelation time are nearly the same frame: they add little information, and a split
that puts them on both sides makes held-out errors too small. Forces of flexible molecules decorrelate within
femtoseconds, the structure around them within picoseconds, so the two are measured separately, on a sample whose cost
does not grow with the run.

Structure is measured by what moves. In a liquid atoms exchange their neighbours, and the share of neighbours kept
decays (neighbour-list correlation of Rabani, Gezelter and Berne, J. Chem. Phys. 107, 6867 (1997), eq. 5). In a solid
they never do; there the distances to the neighbours fluctuate about their means, and these fluctuations decorrelate.
"""

import math
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.split.arrangement import Arrangement, arrangement
from gnnzoo.data.split.run_sample import RunSample, sample_runs
from gnnzoo.records import Record
from gnnzoo.sampling import even_sample, lag_grid, longest_lag

# Fluctuations are taken about the run's own mean, which holds 2 / n of their variance in a run of n decay times: with 8
# the decay comes out a third too short, with fewer it cannot be distinguished from a drift.
_DECAYS_IN_A_RUN = 8
# From half the longest lag to all of it, squared displacements stay the same where atoms vibrate about sites and double
# where they diffuse; slow diffusion, as t^0.4, gives this factor.
_STAYS = 1.3
# Time origins of all runs together: the share of 24 x 160 x 12 neighbours kept has a standard error below 1 %.
_ORIGINS = 24
_MAX_PRODUCTS = 200  # pairs of frames per lag in the correlation of distances, each of up to 1000 pairs of atoms
_DECAYED = math.exp(-1)


@dataclass(frozen=True, eq=False)
class Curve(Record):
    """Autocorrelation function of one observable.

    Attributes:
        observable: `forces`, `neighbours` (share of the first shell kept, beyond chance) or `distances` (to the
            neighbours, about their means).
        lags: (lags,) int, frames apart, ascending from 0.
        values: (lags,) 1 at lag 0.
        decay: lag in frames at which it falls below 1/e, interpolated; None where it does not within the lags.
        too_short: the run is too short to determine the decay.
        inefficiency: statistical inefficiency, 1 + 2 sum of the curve up to its first zero: frames per independent
            frame (Chodera et al., J. Chem. Theory Comput. 3, 26 (2007), eq. 3); a lower bound if `too_short`.
    """

    observable: str
    lags: np.ndarray
    values: np.ndarray
    decay: float | None
    too_short: bool
    inefficiency: float

    def at(self, lag: float) -> float:
        """Correlation of frames `lag` apart.

        Returns:
            Interpolated; beyond the longest lag, the value there.
        """
        return float(np.interp(lag, self.lags, self.values))

    def to_json(self) -> dict[str, object]:
        """Plain values.

        Returns:
            Without the name of the observable; the correlations to four digits.
        """
        return {
            "lags": self.lags.tolist(),
            "values": [round(float(value), 4) for value in self.values],
            "decay": self.decay,
            "too_short": self.too_short,
            "inefficiency": self.inefficiency,
        }


@dataclass(frozen=True, eq=False)
class Correlations(Record):
    """Autocorrelation of a dataset's forces and structure.

    Attributes:
        forces: of the force vectors; None where no two evenly spaced frames share atoms, or all forces are zero.
        neighbours, distances: of the structure; None where they cannot be measured.
        structure: the one of these two that decays with the structure of this system; None without either.
        reason: why that one, in words.
        frames: number of frames of the dataset.
        every: timesteps between neighbouring frames where most are evenly spaced; None otherwise.
        longest: longest lag measured, in frames.
        sampled: frames that were read.
        configurations: the frames are independent configurations, between which no gap is needed; nothing was measured.
    """

    forces: Curve | None
    neighbours: Curve | None
    distances: Curve | None
    structure: Curve | None
    reason: str
    frames: int
    every: int | None
    longest: int
    sampled: int
    configurations: bool = False

    @property
    def curves(self) -> dict[str, Curve]:
        """The curves that were measured, by observable."""
        return {curve.observable: curve for curve in (self.forces, self.neighbours, self.distances) if curve}

    @property
    def too_short(self) -> bool:
        """Whether the run is too short to determine the autocorrelation time of its structure."""
        return not self.configurations and (self.structure is None or self.structure.too_short)

    @property
    def gap(self) -> int | None:
        """Frames to leave out between two parts of one run: its structural autocorrelation time; None if unknown."""
        if self.configurations:
            return 0
        if self.structure is None or self.structure.too_short or self.structure.decay is None:
            return None
        return max(1, math.ceil(self.structure.decay))

    def independent(self, curve: Curve | None) -> float | None:
        """Number of independent frames by one `curve`.

        Returns:
            Frames over its statistical inefficiency; an upper bound where the run is too short.
        """
        return None if curve is None else self.frames / curve.inefficiency

    def to_json(self) -> dict[str, object]:
        """Plain values.

        Returns:
            `curves` by observable.
        """
        return {
            "every": self.every,
            "longest": self.longest,
            "sampled": self.sampled,
            "structure": None if self.structure is None else self.structure.observable,
            "reason": self.reason,
            "independent_forces": self.independent(self.forces),
            "independent_structure": self.independent(self.structure),
            "curves": {name: curve.to_json() for name, curve in self.curves.items()},
            "gap": self.gap,
            "configurations": self.configurations,
        }


def correlations(dataset: Dataset, seed: int = 0, order: Arrangement | None = None) -> Correlations:
    """Measure the autocorrelation of a dataset's forces and structure.

    Frames are compared within one segment only, and only where their steps are evenly spaced; atoms that come and go
    are matched by id. At most 400 frames are read, fewer of large ones; none of independent configurations, which have
    no autocorrelation time.

    Args:
        dataset: any. The result describes the run; no scale of a model is taken from it.
        seed: of the sample of atoms.
        order: the `arrangement` of the frames, where it is known already.

    Returns:
        The curves, and which of them decays with the structure.
    """
    order = order or arrangement(dataset)
    if order.independent:
        return Correlations(None, None, None, None, order.reason, len(dataset), None, 0, 0, configurations=True)
    every, runs = sample_runs(dataset)
    length = max((run.length for run in runs), default=0)
    lags = lag_grid(longest_lag(length))
    random = np.random.default_rng(seed)
    forces, neighbours, squares = _over_pairs(runs, lags, random)
    distances = _distance_correlation(runs, lags, random)
    forces_curve = _curve("forces", lags, forces)
    neighbours_curve = _curve("neighbours", lags, neighbours)
    distances_curve = _curve("distances", lags, distances, length / _DECAYS_IN_A_RUN)
    structure, reason = _governing(neighbours_curve, distances_curve, lags, squares)
    return Correlations(
        forces=forces_curve,
        neighbours=neighbours_curve,
        distances=distances_curve,
        structure=structure,
        reason=reason,
        frames=len(dataset),
        every=every,
        longest=int(lags[-1]),
        sampled=sum(len(run.frames) for run in runs),
    )


def _over_pairs(runs: list[RunSample], lags: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(3, lags) means over pairs of frames of the observables of `RunSample.compare`; NaN where unknown."""
    sums, counts = np.zeros((3, len(lags))), np.zeros((3, len(lags)))
    total = sum(len(run.frames) for run in runs)
    radius = next((found for run in runs if (found := run.shell_radius(random)) is not None), None)
    for run in runs:
        for origin in even_sample(run.origins, max(1, math.ceil(_ORIGINS * len(run.frames) / total))).tolist():
            shell = None if radius is None else run.shell(origin, radius, random)
            for number, lag in enumerate(lags.tolist()):
                for other in {origin + lag, origin - lag} & run.frames.keys():
                    values = run.compare(origin, other, shell)
                    known = ~np.isnan(values)
                    sums[known, number] += values[known]
                    counts[known, number] += 1
    return sums / np.where(counts > 0, counts, np.nan)


def _distance_correlation(runs: list[RunSample], lags: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(lags,) correlation of the distances to the neighbours about their means over each run; NaN where unknown."""
    products, counts = np.zeros(len(lags)), np.zeros(len(lags))
    for run in runs:
        series = run.pair_distances(random)
        if series is None:
            continue
        series = series - series.mean(axis=0)
        offsets = np.array(list(run.frames))
        for number, lag in enumerate(lags):
            first = np.flatnonzero(np.isin(offsets + lag, offsets))
            first = first[:: max(1, len(first) // _MAX_PRODUCTS)]
            for one, other in zip(first, np.searchsorted(offsets, offsets[first] + lag), strict=True):
                products[number] += float(np.mean(series[one] * series[other]))
            counts[number] += len(first)
    if counts[0] == 0 or products[0] <= 0:
        return np.full(len(lags), np.nan)
    means = products / np.where(counts > 0, counts, np.nan)
    return means / means[0]


def _curve(observable: str, lags: np.ndarray, values: np.ndarray, longest: float = math.inf) -> Curve | None:
    """The curve through the lags that were measured; a decay of more than `longest` frames counts as unknown."""
    measured = np.isfinite(values)
    lags, values = lags[measured], values[measured]
    if len(lags) < 2 or lags[0] != 0:
        return None
    decay = decay_lag(lags, values)
    return Curve(
        observable, lags, values, decay, decay is None or decay > max(1.0, longest), inefficiency(lags, values)
    )


def decay_lag(lags: np.ndarray, values: np.ndarray) -> float | None:
    """Lag at which a correlation function first falls below 1/e.

    Args:
        lags: (lags,) ascending.
        values: (lags,) 1 at the first lag.

    Returns:
        Interpolated exponentially between positive values, else linearly; None where it does not fall that far.
    """
    below = np.flatnonzero(values < _DECAYED)
    if len(below) == 0:
        return None
    after = int(below[0])
    (start, end), (high, low) = lags[after - 1 : after + 1], values[after - 1 : after + 1]
    level = _DECAYED
    if low > 0:
        high, low, level = math.log(high), math.log(low), -1.0
    return float(start + (end - start) * (high - level) / (high - low))


def inefficiency(lags: np.ndarray, values: np.ndarray) -> float:
    """Statistical inefficiency of a correlation function, 1 + 2 sum up to its first value of zero or less.

    Args:
        lags: (lags,) ascending from 0.
        values: (lags,) interpolated linearly between the lags.

    Returns:
        Frames per independent frame.
    """
    curve = np.interp(np.arange(1, int(lags[-1]) + 1), lags, values)
    zeros = np.flatnonzero(curve <= 0)
    return float(1 + 2 * np.sum(curve[: zeros[0] if len(zeros) else None]))


def _governing(
    neighbours: Curve | None, distances: Curve | None, lags: np.ndarray, squares: np.ndarray
) -> tuple[Curve | None, str]:
    """The observable that decays with the structure, and why that one."""
    if neighbours is None and distances is None:
        return None, "no two evenly spaced frames of one segment share enough atoms to be compared"
    if neighbours is None:
        return distances, "too few atoms for neighbour shells: distances between atoms are used"
    if neighbours.decay is not None:
        return neighbours, "atoms exchange their neighbours"
    known = np.flatnonzero(np.isfinite(squares))
    half = known[np.argmin(np.abs(lags[known] - lags[known[-1]] / 2))]
    if half in (0, known[-1]):
        return neighbours, "too few frames to know whether atoms diffuse"
    if squares[known[-1]] <= _STAYS * squares[half] and distances is not None:
        return distances, "atoms stay at their sites: distances to the neighbours are used"
    return neighbours, "atoms diffuse, but hardly any exchanged its neighbours within the run"
