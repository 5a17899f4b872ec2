"""Atoms at the same place, found while frames go by, at the cost of sorting one number of each atom.

The number is a sum of the scaled coordinates with irrational weights: two atoms at the same place share it, and other
atoms hardly ever do. Pairs that are merely close are not found.
"""

import numpy as np

from gnnzoo.data.frames.blocks import FrameBlock

_WEIGHTS = np.array([1.0, np.sqrt(2.0), np.sqrt(3.0)])
# Scaled coordinates of a periodic image differ by rounding of float64 at most.
_SAME = 1e-12
# Frames of at most so many atoms are searched, which costs a hundredth of a conversion; sorting larger ones costs more
# than reading them. Inspection and training search all.
_LARGEST = 2000
_SHOWN = 3  # pairs that are named
DOUBT = "atoms at the same place: "  # how the warning begins


class CoincidentAtoms:
    """Counts small frames with two atoms at the same place; to be updated with their blocks in order."""

    def __init__(self) -> None:
        self.frames = self._seen = 0
        self.pairs: list[tuple[int, int, int]] = []  # frame and the ids of two atoms, of the first ones

    def update(self, block: FrameBlock) -> None:
        """Add the frames of a `block`."""
        start, self._seen = self._seen, self._seen + len(block)
        if len(block.ids) > _LARGEST:
            return
        scaled = _scaled(block)
        for frame in np.flatnonzero(_shared(scaled @ _WEIGHTS)).tolist():
            pair = _pair(scaled[frame])
            if pair is not None:
                self.frames += 1
                one, other = sorted((int(block.ids[pair[0]]), int(block.ids[pair[1]])))
                self.pairs = [*self.pairs, (start + frame, one, other)][:_SHOWN]

    def doubts(self) -> list[str]:
        """A warning that names the first pairs.

        Returns:
            None or one sentence.
        """
        if not self.frames:
            return []
        shown = ", ".join(f"{one} and {other} of frame {frame}" for frame, one, other in self.pairs)
        more = f", and in {self.frames - len(self.pairs)} more frames" if self.frames > len(self.pairs) else ""
        return [f"{DOUBT}{shown}{more}. Training refuses such a frame: remove it"]


def _scaled(block: FrameBlock) -> np.ndarray:
    """(frames, atoms, 3) coordinates in units of the lattice vectors, within the cell along periodic directions."""
    volumes = np.abs(np.linalg.det(block.cells))
    cells = np.where((volumes > 0)[:, None, None], block.cells, np.eye(3))
    scaled = (block.arrays["positions"] - block.origins[:, None]) @ np.linalg.inv(cells)
    periodic = np.array(block.boundaries) == "pp"
    periodic &= (volumes > 0)[:, None]
    images = np.floor(scaled)
    if not periodic.all():
        images *= periodic[:, None]
    scaled -= images
    return scaled


def _shared(numbers: np.ndarray) -> np.ndarray:
    """(frames,) bool: whether two of the (frames, atoms) numbers of a frame are equal."""
    ordered = np.sort(numbers, axis=1)
    return np.any(np.diff(ordered, axis=1) <= _SAME * np.maximum(1.0, np.abs(ordered[:, 1:])), axis=1)


def _pair(scaled: np.ndarray) -> tuple[int, int] | None:
    """Rows of the first two atoms at one place; None where only their numbers are equal."""
    order = np.argsort(scaled @ _WEIGHTS, kind="stable")
    apart = np.abs(scaled[order[1:]] - scaled[order[:-1]]).max(axis=1)
    near = np.flatnonzero(apart <= _SAME * np.maximum(1.0, np.abs(scaled[order[1:]]).max(axis=1)))
    return (int(order[near[0]]), int(order[near[0] + 1])) if len(near) else None
