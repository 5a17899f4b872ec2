"""How long a run remembers itself: after how many frames its forces, and its structure, are new ones.

Frames nearer than that are nearly the same frame: they count for less than they are, and a split that puts them on both
sides judges a model on what it has seen. Forces of flexible molecules forget within femtoseconds what the structure
around them keeps for picoseconds, so the two are measured apart, on a sample whose cost does not grow with the run.

Structure is measured by what moves. In a liquid atoms exchange their neighbours, and the share kept decays (the
neighbour-list correlation of Rabani, Gezelter and Berne, J. Chem. Phys. 107, 6867 (1997), eq. 5). In a solid they never
do; there the distances to the neighbours fluctuate about their means, and that fluctuation decays.
"""

import math
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames import Dataset
from gnnzoo.data.split.run_sample import RunSample, lag_grid, longest_lag, sample_runs

# A fluctuation about the run's own mean cannot be told from a drift unless the run holds this many decays.
_DECAYS_IN_A_RUN = 8
# Displacements grow by this factor, or less, from half the longest lag to all of it where atoms stay in their places;
# where they diffuse, the squares double.
_STAYS = 1.3
# Frames from which correlations are taken.
_ORIGINS = 24
_DECAYED = math.exp(-1)


@dataclass(frozen=True, eq=False)
class Curve:
    """Correlation of one observable with itself.

    Attributes:
        observable: `forces`, `neighbours` (share of the first shell kept, beyond chance) or `distances` (to the
            neighbours, about their means).
        lags: (lags,) int, frames apart, ascending from 0.
        values: (lags,) 1 at lag 0.
        decay: lag in frames at which it falls below 1/e, interpolated; None where it does not within what was measured.
        too_short: the run is too short to know the decay.
        inefficiency: frames that are worth one independent one, 1 + 2 sum of the curve up to its first zero (Chodera et
            al., J. Chem. Theory Comput. 3, 26 (2007), eq. 3); a lower bound where the run is too short.
    """

    observable: str
    lags: np.ndarray
    values: np.ndarray
    decay: float | None
    too_short: bool
    inefficiency: float

    def at(self, lag: float) -> float:
        """The correlation of frames `lag` apart, interpolated; beyond the longest lag, the value there."""
        return float(np.interp(lag, self.lags, self.values))


@dataclass(frozen=True, eq=False)
class Correlations:
    """What `correlations` found.

    Attributes:
        forces: of the force vectors; None where no two evenly spaced frames share atoms, or all forces are zero.
        neighbours, distances: of the structure; None where they cannot be measured.
        structure: the one of these two that tells how fast this system changes; None where neither could be measured.
        reason: why that one, in words.
        frames: number of frames of the dataset.
        every: timesteps between neighbouring frames where most are evenly spaced; None otherwise.
        longest: longest lag measured, in frames.
        sampled: frames that were read.
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

    @property
    def too_short(self) -> bool:
        """Whether the run is too short to know how fast its structure changes."""
        return self.structure is None or self.structure.too_short

    @property
    def independent_forces(self) -> float | None:
        """Frames divided by the statistical inefficiency of the forces; an upper bound where the run is too short."""
        return None if self.forces is None else self.frames / self.forces.inefficiency

    @property
    def independent_structure(self) -> float | None:
        """The same for the structure."""
        return None if self.structure is None else self.frames / self.structure.inefficiency

    def as_dict(self) -> dict:
        """Plain numbers, for JSON; `curves` by observable."""
        found = [curve for curve in (self.forces, self.neighbours, self.distances) if curve is not None]
        return {
            "every": self.every,
            "longest": self.longest,
            "sampled": self.sampled,
            "structure": None if self.structure is None else self.structure.observable,
            "reason": self.reason,
            "independent_forces": self.independent_forces,
            "independent_structure": self.independent_structure,
            "curves": {
                curve.observable: {
                    "lags": curve.lags.tolist(),
                    "values": [round(float(value), 4) for value in curve.values],
                    "decay": curve.decay,
                    "too_short": curve.too_short,
                    "inefficiency": curve.inefficiency,
                }
                for curve in found
            },
        }


def correlations(dataset: Dataset, seed: int = 0) -> Correlations:
    """Measure how fast a dataset's forces and structure change.

    Frames are compared within one segment only, and only where their steps are evenly spaced; atoms that come and go
    are matched by id. At most some hundred frames are read, fewer of large ones.

    Args:
        dataset: any; what is told is a property of the run, and nothing of it becomes a scale of a model.
        seed: of the sample of atoms.
    """
    every, runs = sample_runs(dataset)
    sampled = sum(len(run.frames) for run in runs)
    length = max((run.length for run in runs), default=0)
    lags = lag_grid(longest_lag(length))
    random = np.random.default_rng(seed)
    forces, neighbours, squares = _over_pairs(runs, lags, random)
    distances = _distances(runs, lags, random)
    forces_curve = _curve("forces", lags, forces, 0)
    neighbours_curve = _curve("neighbours", lags, neighbours, 0)
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
        sampled=sampled,
    )


def _over_pairs(
    runs: list[RunSample], lags: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Averages over pairs of frames: force correlation, share of neighbours kept, squared displacement.

    Returns:
        three arrays (lags,); not a number where nothing was measured.
    """
    sums, counts = np.zeros((3, len(lags))), np.zeros((3, len(lags)))
    total = sum(len(run.frames) for run in runs)
    radius = next((found for run in runs if (found := run.shell_radius(random)) is not None), None)
    for run in runs:
        wanted = max(1, math.ceil(_ORIGINS * len(run.frames) / total))
        for origin in run.origins[np.unique(np.linspace(0, len(run.origins) - 1, wanted).round().astype(int))]:
            shell = run.shell(int(origin), radius, random)
            for number, lag in enumerate(lags):
                for other in {int(origin) + int(lag), int(origin) - int(lag)} & run.offsets:
                    for row, value in enumerate(run.compare(int(origin), other, shell)):
                        if value is not None:
                            sums[row, number] += value
                            counts[row, number] += 1
    with np.errstate(invalid="ignore"):
        return tuple(sums / np.where(counts > 0, counts, np.nan))


def _distances(runs: list[RunSample], lags: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(lags,) correlation of the distances to the neighbours about their means over each run."""
    products, counts = np.zeros(len(lags)), np.zeros(len(lags))
    for run in runs:
        series = run.pair_distances(random)
        if series is None:
            continue
        series = series - series.mean(axis=0)
        place = {int(offset): row for row, offset in enumerate(run.sorted_offsets)}
        for number, lag in enumerate(lags):
            pairs = [(row, place[offset + int(lag)]) for offset, row in place.items() if offset + int(lag) in place]
            for first, second in pairs[:: max(1, len(pairs) // 200)]:
                products[number] += float(np.mean(series[first] * series[second]))
                counts[number] += 1
    if counts[0] == 0 or products[0] <= 0:
        return np.full(len(lags), np.nan)
    with np.errstate(invalid="ignore"):
        means = products / np.where(counts > 0, counts, np.nan)
    return means / means[0]


def _curve(observable: str, lags: np.ndarray, values: np.ndarray, trusted: float) -> Curve | None:
    """A curve from what was measured; a decay beyond `trusted` frames is not known (0: any is)."""
    measured = np.isfinite(values)
    lags, values = lags[measured], values[measured]
    if len(lags) < 2 or lags[0] != 0:
        return None
    decay = decay_lag(lags, values)
    too_short = decay is None or (trusted > 0 and decay > max(1.0, trusted))
    return Curve(observable, lags, values, decay, too_short, inefficiency(lags, values))


def decay_lag(lags: np.ndarray, values: np.ndarray) -> float | None:
    """The lag at which `values`, which begin at 1, first fall below 1/e; exponential between the lags, if it can be."""
    below = np.flatnonzero(values < _DECAYED)
    if len(below) == 0:
        return None
    after = int(below[0])
    (start, end), (high, low) = lags[after - 1 : after + 1], values[after - 1 : after + 1]
    if low > 0:
        high, low, level = math.log(high), math.log(low), -1.0
    else:
        level = _DECAYED
    return float(start + (end - start) * (high - level) / (high - low))


def inefficiency(lags: np.ndarray, values: np.ndarray) -> float:
    """1 + 2 sum over lags of a correlation that is known at some of them, up to where it first is zero or less."""
    every = np.arange(1, int(lags[-1]) + 1)
    curve = np.interp(every, lags, values)
    zeros = np.flatnonzero(curve <= 0)
    return float(1 + 2 * np.sum(curve[: zeros[0] if len(zeros) else None]))


def _governing(
    neighbours: Curve | None, distances: Curve | None, lags: np.ndarray, squares: np.ndarray
) -> tuple[Curve | None, str]:
    """Which observable tells how fast the structure changes, and why."""
    if neighbours is None and distances is None:
        return None, "no two evenly spaced frames of one segment share enough atoms to be compared"
    if neighbours is None:
        return distances, "too few atoms for shells of neighbours: distances between atoms are followed"
    if neighbours.decay is not None:
        return neighbours, "atoms exchange their neighbours"
    known = np.flatnonzero(np.isfinite(squares))
    half = known[np.argmin(np.abs(lags[known] - lags[known[-1]] / 2))]
    if half in (0, known[-1]):
        return neighbours, "too few frames to tell whether atoms stay in their places"
    if squares[known[-1]] <= _STAYS * squares[half] and distances is not None:
        return distances, "atoms stay in their places: distances to the neighbours are followed"
    return neighbours, "atoms wander, but hardly any has exchanged its neighbours within the run"
