"""Search of all frames for their closest atoms, and for atoms that overlap."""

from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.frames.geometry import spacing, with_volume
from gnnzoo.data.graphs.neighbors import search_pairs
from gnnzoo.records import Record

# Atoms nearer than this overlap, A or sigma: the shortest chemical bond, of H2, has 0.74 A, and at half a sigma the
# Lennard-Jones potential is 16,000 epsilon. Undeclared lengths may be in any unit: there it is a third of the mean
# distance of atoms, if that is less.
_OVERLAP, _OVERLAP_SHARE = 0.5, 1 / 3
# Pairs are searched within a mean distance of atoms, where an atom of a liquid has one neighbour or none; at first
# within two A or sigma, because clusters have much space around them, and step by step farther until one is found;
# then within the closest distance so far. In the densest packing atoms are 1.12 mean distances apart.
_FIRST, _FIRST_SHARE, _STEP, _LAST_SHARE = 2.0, 0.9, 1.3, 1.2
_CELLS = 1e6  # cells of the search, as wide as its reach: more take seconds
_SHOWN = 5  # pairs that are named


@dataclass(frozen=True)
class ClosePair(Record):
    """Two close atoms: distance (length unit), atom ids, names, number and timestep of the frame."""

    distance: float
    ids: list[int]
    names: list[str]
    frame: int
    step: int


@dataclass(frozen=True)
class Overlaps(Record):
    """Atoms that overlap: frames and pairs that do, and the closest of them."""

    frames: int
    pairs: int
    closest: list[ClosePair]


class CloseAtoms:
    """Finds the closest pair of atoms of a dataset and those that overlap; to be updated with its frames in order.

    Args:
        units: LAMMPS unit style, or None.
    """

    def __init__(self, units: str | None):
        self._declared = units is not None
        self._index = self._frames = self._pairs = 0
        self._overlapping: list[ClosePair] = []
        self.closest: ClosePair | None = None

    def update(self, frame: Frame) -> None:
        """Add the next `frame`."""
        index, self._index = self._index, self._index + 1
        mean = spacing(frame)
        limit = _OVERLAP if self._declared else min(_OVERLAP, _OVERLAP_SHARE * mean)
        first, second, distances = self._search(with_volume(frame), mean, limit)
        if len(distances) == 0:
            return
        order = np.argsort(distances, kind="stable")[:_SHOWN]
        found = [_pair(frame, index, int(first[at]), int(second[at]), float(distances[at])) for at in order.tolist()]
        if self.closest is None or found[0].distance < self.closest.distance:
            self.closest = found[0]
        count = int(np.count_nonzero(distances < limit))
        if count:
            self._frames, self._pairs = self._frames + 1, self._pairs + count
            every = [*self._overlapping, *(pair for pair in found if pair.distance < limit)]
            self._overlapping = sorted(every, key=lambda pair: pair.distance)[:_SHOWN]

    def _search(self, frame: Frame, mean: float, limit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairs of a frame nearer than all so far, and those that overlap."""
        last, reach = _LAST_SHARE * mean, _FIRST_SHARE * mean
        reach = max(limit, min(reach, _FIRST) if self._declared else reach)
        if self.closest is not None:
            return _near_pairs(frame, max(reach, min(self.closest.distance, last)))
        while True:
            found = _near_pairs(frame, reach)
            if len(found[2]) or reach >= last:
                return found
            reach = min(reach * _STEP, last)

    def overlaps(self) -> Overlaps:
        """The atoms that overlap in the frames so far."""
        return Overlaps(self._frames, self._pairs, self._overlapping)


def _pair(frame: Frame, index: int, first: int, second: int, distance: float) -> ClosePair:
    rows = sorted((first, second))
    return ClosePair(
        distance, [int(frame.ids[row]) for row in rows], [str(frame.names[row]) for row in rows], index, frame.step
    )


def _near_pairs(frame: Frame, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(pairs,) rows of both atoms and distances, each pair once, of all atoms nearer than `reach` or a little more."""
    extent = np.maximum(np.linalg.norm(frame.cell, axis=1), np.ptp(frame.positions, axis=0)).prod()
    reach = max(reach, float((extent / _CELLS) ** (1 / 3)))
    scaled = frame.positions / reach, frame.cell / reach  # in units of the reach
    first, second, distances = search_pairs(*scaled, frame.pbc, 1.0, "ijd", full=False)
    return first, second, distances * reach
