"""Sample of a run's frames in memory, and observables of pairs of them.

Frames are chosen so that every lag of a grid occurs between two of them, however long the run is.
"""

import math
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.geometry import molecule_numbers, nearest_image, shared_atoms
from gnnzoo.sampling import even_sample, lag_grid, longest_lag

# Frames read: at most 300,000 atoms x frames (some 20 MB), but 16 frames of any system and 400 of a small one, which
# take about a second.
_MAX_ROWS = 300_000
_MIN_FRAMES, _MAX_FRAMES = 16, 400
_MAX_RUNS = 10  # stretches that are sampled: 40 of 400 frames remain for each, enough for every lag of the grid
# Central atoms: the share kept of 160 x 12 neighbours has a standard error of 1 % per frame. Their distances to all
# atoms are limited to 2 million, 50 MB of vectors.
_CENTERS, _MAX_PAIRS = 160, 2_000_000
_SHELL = (6, 20)  # atoms of a first shell: 6 in a simple cubic crystal, 12 in a close packing, 14 in a bcc one
_NEIGHBORS = 12  # nearest atoms of each centre whose distances are followed: a close-packed shell
_FOLLOWED_PAIRS = 1000  # of them, at most
_COMPARED_ATOMS = 10_000  # atoms whose forces and displacements are averaged: a standard error of 1 %


@dataclass(frozen=True, eq=False)
class Shell:
    """Pairs of neighbours in one frame.

    Attributes:
        centers, others: (pairs,) int, rows of that frame.
        radius: distance within which they are neighbours, length unit.
        chance: share of all pairs that are neighbours, expected of uncorrelated frames.
    """

    centers: np.ndarray
    others: np.ndarray
    radius: float
    chance: float


@dataclass(frozen=True, eq=False)
class RunSample:
    """Frames read from one evenly spaced stretch of one segment.

    Attributes:
        length: frames of the stretch.
        frames: frames read, by their number in the stretch, ascending.
        origins: (origins,) int, frames from which every lag of the grid was read within the stretch.
    """

    length: int
    frames: dict[int, Frame]
    origins: np.ndarray

    @property
    def middle(self) -> Frame:
        """The middle one of the frames read."""
        return list(self.frames.values())[len(self.frames) // 2]

    def shell_radius(self, random: np.random.Generator) -> float | None:
        """Radius of the first shell of neighbours: where the density is lowest between 6 and 20 neighbours.

        Atoms of one molecule do not count as neighbours, because they never part.

        Args:
            random: chooses the central atoms.

        Returns:
            length unit; None with fewer than four other atoms per atom.
        """
        centers, distances = _distances_of_some(self.middle, random)
        ordered = np.sort(distances[np.isfinite(distances)])
        most = min(_SHELL[1], (len(ordered) / max(1, len(centers))) / 2)
        if most < 4:
            return None
        least = min(_SHELL[0], most / 2)
        low, high = ordered[int(least * len(centers))], ordered[int(most * len(centers)) - 1]
        counts, edges = np.histogram(ordered, bins=32, range=(low, max(high, low * (1 + 1e-6))))
        radii = (edges[1:] + edges[:-1]) / 2
        density = np.convolve(np.pad(counts / radii**2, 2, mode="edge"), np.ones(5) / 5, mode="valid")
        return float(radii[np.argmin(density)])

    def shell(self, origin: int, radius: float, random: np.random.Generator) -> Shell | None:
        """Neighbours of some atoms of one frame.

        Args:
            origin: number of the frame in the stretch.
            radius: length unit.
            random: chooses the central atoms.

        Returns:
            None where no atom has a neighbour.
        """
        centers, distances = _distances_of_some(self.frames[origin], random)
        rows, others = np.nonzero(distances < radius)
        if len(rows) == 0:
            return None
        return Shell(centers[rows], others, radius, len(rows) / np.count_nonzero(np.isfinite(distances)))

    def compare(self, origin: int, other: int, shell: Shell | None) -> np.ndarray:
        """Observables of two frames.

        Args:
            origin, other: numbers of the frames in the stretch.
            shell: neighbours in `origin`.

        Returns:
            (3,) correlation of forces, share of neighbours kept beyond chance, mean squared displacement (squared
            length unit); NaN where unknown.
        """
        first, second = self.frames[origin], self.frames[other]
        here, there, row_of = shared_atoms(first, second)
        if len(here) == 0:
            return np.full(3, np.nan)
        if len(here) > _COMPARED_ATOMS:
            some = np.random.default_rng(0).choice(len(here), _COMPARED_ATOMS, replace=False)
            here, there = here[some], there[some]
        moved = nearest_image(second.positions[there] - first.positions[here], second)
        moved = moved - moved.mean(axis=0)
        square = float(np.mean(np.sum(moved**2, axis=1)))
        return np.array(
            [_force_correlation(first.forces[here], second.forces[there]), _kept(shell, row_of, second), square]
        )

    def pair_distances(self, random: np.random.Generator) -> np.ndarray | None:
        """Distances of near atoms over time.

        Args:
            random: chooses the atoms.

        Returns:
            (frames, pairs) length unit, of atoms that all frames read have; None without such pairs.
        """
        frames = list(self.frames.values())
        if len(frames) < 3:
            return None
        ids = frames[0].ids
        for frame in frames[1:]:
            if not np.array_equal(ids, frame.ids):
                ids = np.intersect1d(ids, frame.ids)
        middle = self.middle
        several = len(np.unique(molecule_numbers(middle))) > 1
        centers, distances = _distances_of_some(middle, random, between_molecules=several)
        stays = np.isin(middle.ids, ids)
        distances = np.where(stays[centers][:, None] & stays[None, :], distances, np.inf)
        near = np.argsort(distances, axis=1)[:, :_NEIGHBORS]
        rows = np.repeat(np.arange(len(centers)), near.shape[1])
        good = np.isfinite(distances[rows, near.ravel()])
        pairs = np.stack([middle.ids[centers[rows]], middle.ids[near.ravel()]], axis=1)[good]
        if len(pairs) == 0:
            return None
        pairs = pairs[random.permutation(len(pairs))[:_FOLLOWED_PAIRS]]
        return np.stack([_distances(frame, *np.searchsorted(frame.ids, pairs).T) for frame in frames])


def sample_runs(dataset: Dataset) -> tuple[int | None, list[RunSample]]:
    """Read samples of the longest evenly spaced stretches of a dataset.

    Args:
        dataset: any.

    Returns:
        timesteps between frames where most are evenly spaced, else None; the samples.
    """
    every, stretches = _stretches(np.asarray(dataset.steps), np.asarray(dataset.segments))
    if len(stretches) == 0:
        return every, []
    lengths = np.diff(stretches)[:, 0]
    long = even_sample(stretches[lengths >= lengths.max() / 2], _MAX_RUNS)
    atoms = max(1, len(dataset[int(long[0, 0])]))
    count = max(2, int(np.clip(_MAX_ROWS // atoms, _MIN_FRAMES, _MAX_FRAMES)) // len(long))
    runs = []
    for start, stop in long.tolist():
        origins, offsets = _offsets(stop - start, count)
        runs.append(RunSample(stop - start, {n: dataset[start + n] for n in offsets.tolist()}, origins))
    return every, runs


def _stretches(steps: np.ndarray, segments: np.ndarray) -> tuple[int | None, np.ndarray]:
    """Most common distance in timesteps, and (stretches, 2) [start, stop) of two or more frames that keep it."""
    apart = np.where(np.diff(segments) == 0, np.diff(steps), -1)
    values, counts = np.unique(apart[apart >= 0], return_counts=True)
    if len(values) == 0:
        return None, np.empty((0, 2), int)
    every = int(values[np.argmax(counts)])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], apart == every, [False]]).astype(int)))
    return (every if 2 * counts.max() >= counts.sum() else None), edges.reshape(-1, 2) + np.array([0, 1])


def _offsets(length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Origins, and frames that hold each lag of the grid from them on: at most `count` of `length`."""
    if length <= count:
        return np.arange(length), np.arange(length)
    grid = even_sample(lag_grid(longest_lag(length)), count)
    origins = even_sample(np.arange(length - grid[-1]), max(1, count // len(grid)))
    return origins, np.unique(origins[:, None] + grid[None, :])


def _distances_of_some(
    frame: Frame, random: np.random.Generator, between_molecules: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Some atoms, and their (centers, atoms) distances to all; infinite to themselves and within their molecule."""
    count = min(len(frame), int(np.clip(_MAX_PAIRS // max(1, len(frame)), 8, _CENTERS)))
    centers = np.sort(random.choice(len(frame), count, replace=False))
    vectors = nearest_image(frame.positions[None, :] - frame.positions[centers][:, None], frame)
    distances = np.sqrt(np.einsum("ijk,ijk->ij", vectors, vectors))
    distances[np.arange(count), centers] = np.inf
    if between_molecules:
        number = molecule_numbers(frame)
        distances[number[centers][:, None] == number[None, :]] = np.inf
    return centers, distances


def _distances(frame: Frame, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(pairs,) distances between pairs of atoms, nearest images."""
    return np.linalg.norm(nearest_image(frame.positions[others] - frame.positions[rows], frame), axis=1)


def _kept(shell: Shell | None, row_of: np.ndarray, later: Frame) -> float:
    """Share of a shell's neighbours that are neighbours in a later frame too, 0 for uncorrelated frames."""
    if shell is None or shell.chance >= 1:
        return math.nan
    pairs = row_of[np.stack([shell.centers, shell.others])]
    centers, others = pairs[:, np.all(pairs >= 0, axis=0)]
    if len(centers) == 0:
        return math.nan
    return (float(np.mean(_distances(later, centers, others) < shell.radius)) - shell.chance) / (1 - shell.chance)


def _force_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of (atoms, 3) forces about the mean force of each frame; NaN where all are zero."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    size = math.sqrt(float(np.sum(first**2)) * float(np.sum(second**2)))
    return float(np.sum(first * second)) / size if size > 0 else math.nan
