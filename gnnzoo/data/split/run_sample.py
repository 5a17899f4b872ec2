"""A sample of a run's frames held in memory, and what two of them have in common.

Which frames are read is chosen so that every lag of a grid is met between some two of them, however long the run.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gnnzoo.data.frames import Dataset, Frame

# Atoms times frames that are read at most, and frames.
_MOST_ROWS = 300_000
_MOST_FRAMES, _LEAST_FRAMES = 400, 16
# Stretches that are looked at.
_MOST_RUNS = 10
# Atoms whose neighbours are followed, in each frame.
_CENTRES = 160
# Pairs of a centre and any atom that are looked through for neighbours at most.
_MOST_PAIRS = 2_000_000
# A first shell holds about this many atoms; between them lies the emptiest distance.
_SHELL = (6, 20)
# Atoms whose forces and displacements are compared.
_COMPARED = 10_000
# Pairs whose distances are followed.
_FOLLOWED = 1000


@dataclass(frozen=True, eq=False)
class Shell:
    """Pairs of neighbours in one frame.

    Attributes:
        centres, others: (pairs,) int, rows of that frame.
        radius: within which they are neighbours.
        chance: share of them that would be neighbours if atoms were anywhere.
    """

    centres: np.ndarray
    others: np.ndarray
    radius: float
    chance: float


@dataclass(eq=False)
class RunSample:
    """Frames read from one evenly spaced stretch of one segment.

    Attributes:
        length: frames of the stretch.
        frames: those that were read, by their number in the stretch.
        origins: frames from which every lag of the grid was read, as far as it goes.
    """

    length: int
    frames: dict[int, Frame]
    origins: np.ndarray

    @cached_property
    def offsets(self) -> frozenset[int]:
        return frozenset(self.frames)

    @cached_property
    def sorted_offsets(self) -> np.ndarray:
        return np.array(sorted(self.frames))

    def shell_radius(self, random: np.random.Generator) -> float | None:
        """Where the first shell of neighbours ends: the emptiest distance among those that hold 6 to 20 atoms.

        Atoms of one molecule are no neighbours here, because they never part. None where there are too few others.
        """
        frame = self.frames[int(self.sorted_offsets[len(self.frames) // 2])]
        centres, distances = _around(frame, random)
        found = np.sort(distances[np.isfinite(distances)])
        most = min(_SHELL[1], (len(found) / max(1, len(centres))) / 2)
        if most < 4:
            return None
        least = min(_SHELL[0], most / 2)
        low, high = found[int(least * len(centres))], found[int(most * len(centres)) - 1]
        counts, edges = np.histogram(found, bins=32, range=(low, max(high, low * (1 + 1e-6))))
        middles = (edges[1:] + edges[:-1]) / 2
        density = np.convolve(np.pad(counts / middles**2, 2, mode="edge"), np.ones(5) / 5, mode="valid")
        return float(middles[np.argmin(density)])

    def shell(self, origin: int, radius: float | None, random: np.random.Generator) -> Shell | None:
        """Some atoms of frame `origin` with their neighbours within `radius`."""
        if radius is None:
            return None
        centres, distances = _around(self.frames[origin], random)
        rows, others = np.nonzero(distances < radius)
        if len(rows) == 0:
            return None
        possible = np.count_nonzero(np.isfinite(distances))
        return Shell(centres[rows], others, radius, len(rows) / possible)

    def compare(self, origin: int, other: int, shell: Shell | None) -> tuple[float | None, float | None, float | None]:
        """Two frames: correlation of forces, share of the neighbours kept beyond chance, mean squared displacement."""
        first, second = self.frames[origin], self.frames[other]
        here, there, row_of = matched(first, second)
        if len(here) == 0:
            return None, None, None
        if len(here) > _COMPARED:
            some = np.random.default_rng(0).choice(len(here), _COMPARED, replace=False)
            here, there = here[some], there[some]
        forces = _force_correlation(first.forces[here], second.forces[there])
        moved = nearest_image(second.positions[there] - first.positions[here], second)
        moved = moved - moved.mean(axis=0)
        square = float(np.mean(np.sum(moved**2, axis=1)))
        kept = None
        if shell is not None:
            centres, others = row_of[shell.centres], row_of[shell.others]
            both = (centres >= 0) & (others >= 0)
            if np.any(both) and shell.chance < 1:
                vectors = second.positions[others[both]] - second.positions[centres[both]]
                distances = np.linalg.norm(nearest_image(vectors, second), axis=1)
                kept = (float(np.mean(distances < shell.radius)) - shell.chance) / (1 - shell.chance)
        return forces, kept, square

    def pair_distances(self, random: np.random.Generator) -> np.ndarray | None:
        """(frames, pairs) distances between near atoms that are there in every frame read; None without such pairs."""
        frames = [self.frames[int(offset)] for offset in self.sorted_offsets]
        if len(frames) < 3:
            return None
        ids = frames[0].ids
        for frame in frames[1:]:
            if not np.array_equal(ids, frame.ids):
                ids = np.intersect1d(ids, frame.ids)
        middle = frames[len(frames) // 2]
        centres, distances = _around(middle, random, molecules=len(np.unique(_molecules(middle))) > 1)
        stays = np.isin(middle.ids, ids)
        distances = np.where(stays[centres][:, None] & stays[None, :], distances, np.inf)
        near = np.argsort(distances, axis=1)[:, :12]
        rows = np.repeat(np.arange(len(centres)), near.shape[1])
        good = np.isfinite(distances[rows, near.ravel()])
        pairs = np.stack([middle.ids[centres[rows]], middle.ids[near.ravel()]], axis=1)[good]
        if len(pairs) == 0:
            return None
        pairs = pairs[random.permutation(len(pairs))[:_FOLLOWED]]
        return np.stack([_distances_of(frame, pairs) for frame in frames])


def sample_runs(dataset: Dataset) -> tuple[int | None, list[RunSample]]:
    """The timesteps between frames where most are evenly spaced, and samples of the longest such stretches."""
    every, stretches = _stretches(np.asarray(dataset.steps), np.asarray(dataset.segments))
    if not stretches:
        return every, []
    longest = max(stop - start for start, stop in stretches)
    long = [stretch for stretch in stretches if stretch[1] - stretch[0] >= longest / 2]
    if len(long) > _MOST_RUNS:
        long = [long[number] for number in np.linspace(0, len(long) - 1, _MOST_RUNS).round().astype(int)]
    atoms = max(1, len(dataset[long[0][0]]))
    share = max(2, int(np.clip(_MOST_ROWS // atoms, _LEAST_FRAMES, _MOST_FRAMES)) // len(long))
    runs = []
    for start, stop in long:
        origins, offsets = _offsets(stop - start, share)
        frames = {int(offset): dataset[int(start + offset)] for offset in offsets}
        runs.append(RunSample(stop - start, frames, origins))
    return every, runs


def lag_grid(longest: int) -> np.ndarray:
    """(lags,) 0 and about nine lags for each tenfold, up to `longest`, that is itself among them."""
    lags, lag = [0], 1.0
    while round(lag) <= longest:
        lags.append(round(lag))
        lag = max(lag + 1, lag * 1.25)
    return np.unique([*lags, longest])


def longest_lag(length: int) -> int:
    """The longest lag that a stretch of so many frames tells of: half of it, or too few pairs are left, all alike."""
    return max(1, length // 2)


def _stretches(steps: np.ndarray, segments: np.ndarray) -> tuple[int | None, list[tuple[int, int]]]:
    """The most common distance in timesteps, and the [start, stop) of two frames or more that keep it."""
    apart = np.where(np.diff(segments) == 0, np.diff(steps), -1)
    values, counts = np.unique(apart[apart >= 0], return_counts=True)
    if len(values) == 0:
        return None, []
    every = int(values[np.argmax(counts)])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], apart == every, [False]]).astype(int)))
    stretches = [(int(start), int(stop) + 1) for start, stop in edges.reshape(-1, 2)]
    return (every if 2 * counts.max() >= counts.sum() else None), stretches


def _offsets(length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Origins, and the frames that hold each lag of the grid from them on: `count` of `length` at the most."""
    if length <= count:
        return np.arange(length), np.arange(length)
    grid = lag_grid(longest_lag(length))
    if len(grid) > count:
        grid = grid[np.unique(np.linspace(0, len(grid) - 1, max(2, count)).round().astype(int))]
    origins = np.linspace(0, length - 1 - grid[-1], max(1, count // len(grid))).round().astype(int)
    return origins, np.unique(origins[:, None] + grid[None, :])


def matched(first: Frame, second: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the atoms that both frames hold, by id.

    Returns:
        rows of the first, rows of the second, and for each row of the first its row in the second or -1.
    """
    if np.array_equal(first.ids, second.ids):
        rows = np.arange(len(first.ids))
        return rows, rows, rows
    _, here, there = np.intersect1d(first.ids, second.ids, return_indices=True)
    row_of = np.full(len(first.ids), -1)
    row_of[here] = there
    return here, there, row_of


def nearest_image(vectors: np.ndarray, frame: Frame) -> np.ndarray:
    """(..., 3) vectors less the lattice vectors of a frame's periodic directions that make them short."""
    if not np.any(frame.pbc) or abs(np.linalg.det(frame.cell)) < 1e-12:
        return vectors
    turns = np.round(vectors @ np.linalg.inv(frame.cell)) * frame.pbc
    return vectors - turns @ frame.cell


def _molecules(frame: Frame) -> np.ndarray:
    """(atoms,) molecule ids; an atom without one is one of its own."""
    alone = -1 - np.arange(len(frame))
    return alone if frame.molecules is None else np.where(frame.molecules > 0, frame.molecules, alone)


def _around(frame: Frame, random: np.random.Generator, molecules: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Some atoms of a frame, and their (centres, atoms) distances to all; infinite to themselves and their molecule."""
    count = min(len(frame), int(np.clip(_MOST_PAIRS // max(1, len(frame)), 8, _CENTRES)))
    centres = np.sort(random.choice(len(frame), count, replace=False))
    vectors = nearest_image(frame.positions[None, :] - frame.positions[centres][:, None], frame)
    distances = np.sqrt(np.einsum("ijk,ijk->ij", vectors, vectors))
    distances[np.arange(count), centres] = np.inf
    if molecules:
        number = _molecules(frame)
        distances[number[centres][:, None] == number[None, :]] = np.inf
    return centres, distances


def _distances_of(frame: Frame, pairs: np.ndarray) -> np.ndarray:
    """(pairs,) distances of pairs of atoms named by ids."""
    order = np.argsort(frame.ids)
    rows = order[np.searchsorted(frame.ids, pairs, sorter=order)]
    return np.linalg.norm(nearest_image(frame.positions[rows[:, 1]] - frame.positions[rows[:, 0]], frame), axis=1)


def _force_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Of (atoms, 3) forces about the mean force of each frame; None where there are none."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    size = math.sqrt(float(np.sum(first**2)) * float(np.sum(second**2)))
    return float(np.sum(first * second)) / size if size > 0 else None
