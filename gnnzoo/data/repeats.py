"""Frames that come twice, so that no frame is trained on under one number and judged on under another.

A restart writes the frames since its checkpoint once more, at first the same to the last digit and then slowly other
ones; a file may be there under two names; replicas may begin from one structure. Such frames have equal steps in
different segments, which costs nothing to find; their positions decide.
"""

from collections import defaultdict
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np

from gnnzoo.data.correlation_sample import matched, nearest_image
from gnnzoo.data.frames import Dataset, Frame

# Two positions are the same if they differ by less than this share of the cell: dumps print six digits.
_ROUNDING = 1e-5
# A frame is the other's repeat if it is nearer to it than this share of the way to its own neighbours in time.
_NEARER = 0.5
# Frames kept in memory: a pair's with their neighbours in time.
_KEPT = 16
# Atoms that are compared, evenly spaced.
_ATOMS = 512
# Pairs of segments that are looked at, in the order of their distance: restarts follow each other.
_MOST_PAIRS = 1_000


def repeated_frames(dataset: Dataset) -> np.ndarray:
    """(frames,) int: the earliest frame that each one repeats; its own number where it repeats none.

    Compared are frames of equal step in different segments: at the first, the last and a middle step that two segments
    share, and where one of these agrees, as far as they agree. Equal means within the rounding of a dump and modulo
    lattice vectors, or much nearer to its namesake than to its own neighbours in time.
    """
    steps, segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
    first = np.arange(len(steps))
    seen = _Comparison(dataset)
    for ours, theirs in _pairs_of_segments(steps, segments):
        agreed = _agreeing(seen, ours, theirs)
        for one, other in zip(ours[agreed].tolist(), theirs[agreed].tolist(), strict=True):
            root, leaf = sorted((_root(first, one), _root(first, other)))
            first[leaf] = root
    return np.array([_root(first, number) for number in range(len(first))], dtype=np.int64)


def same_positions(dataset: Dataset, one: int, other: int) -> bool:
    """Whether two frames have the same atoms at the same places, within rounding and modulo lattice vectors."""
    first, second = dataset[one], dataset[other]
    if not np.array_equal(first.ids, second.ids):
        return False
    moved = nearest_image(second.positions - first.positions, first)
    return bool(np.max(np.abs(moved), initial=0.0) <= _rounding(first))


def _rounding(frame: Frame) -> float:
    return _ROUNDING * float(np.max(np.abs(frame.cell), initial=0.0))


def _root(first: np.ndarray, number: int) -> int:
    while first[number] != number:
        number = int(first[number])
    return int(number)


def _pairs_of_segments(steps: np.ndarray, segments: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frames of equal steps, ascending, for each two segments that share some."""
    at_step = defaultdict(list)
    for number, step in enumerate(steps.tolist()):
        at_step[step].append(number)
    shared = defaultdict(list)
    for step in sorted(step for step, frames in at_step.items() if len(frames) > 1):
        frames = at_step[step]
        pairs = combinations(frames, 2) if len(frames) <= 50 else pairwise(frames)
        for one, other in pairs:
            shared[int(segments[one]), int(segments[other])].append((one, other))
    chosen = sorted((pair for pair in shared if pair[0] != pair[1]), key=lambda pair: (pair[1] - pair[0], pair))
    return [tuple(np.array(shared[pair]).T) for pair in chosen[:_MOST_PAIRS]]


def _agreeing(seen: "_Comparison", ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """(common,) bool: which of the frames of equal step agree.

    What was equal once and grows apart agrees up to some step, found by halving; where that is not the picture, all
    are compared.
    """
    last = len(ours) - 1
    probes = {place: seen.agree(ours, theirs, place) for place in {0, last // 2, last}}
    if not any(probes.values()):
        return np.zeros(len(ours), dtype=bool)
    if not probes[0]:
        return np.array([seen.agree(ours, theirs, place) for place in range(len(ours))])
    if all(probes.values()):
        return np.ones(len(ours), dtype=bool)
    low, high = (last // 2, last) if probes[last // 2] else (0, last // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if seen.agree(ours, theirs, middle) else (low, middle)
    return np.arange(len(ours)) <= low


class _Comparison:
    """Compares frames, reading each pair's frames and their neighbours in time."""

    def __init__(self, dataset: Dataset):
        self.frame = lru_cache(_KEPT)(dataset.__getitem__)
        self.segments = np.asarray(dataset.segments)

    def agree(self, ours: np.ndarray, theirs: np.ndarray, place: int) -> bool:
        """Whether the frames at `place` are one."""
        one, other = int(ours[place]), int(theirs[place])
        first, second = self.frame(one), self.frame(other)
        apart = _distance(first, second)
        if apart is None:
            return False
        if apart <= _rounding(first):
            return True
        moved = [
            _distance(frame, self.frame(near))
            for number, frame in ((one, first), (other, second))
            for near in self._neighbours(number)
        ]
        moved = [distance for distance in moved if distance is not None]
        return bool(moved) and apart < _NEARER * min(moved)

    def _neighbours(self, number: int) -> list[int]:
        return [
            near
            for near in (number - 1, number + 1)
            if 0 <= near < len(self.segments) and self.segments[near] == self.segments[number]
        ]


def _distance(first: Frame, second: Frame) -> float | None:
    """Root mean square distance of some atoms; None where the frames do not hold the same atoms, for the most part."""
    here, there, _ = matched(first, second)
    if len(here) < max(1, max(len(first), len(second)) / 2):
        return None
    chosen = np.unique(np.linspace(0, len(here) - 1, min(_ATOMS, len(here))).astype(int))
    moved = nearest_image(second.positions[there[chosen]] - first.positions[here[chosen]], first)
    return float(np.sqrt(np.mean(np.sum(moved**2, axis=1))))
