"""Duplicate frames: frames that a dataset holds twice, which must not be both trained on and held out.

A restart writes the frames since its checkpoint again, at first identical to the last digit and then slowly diverging;
a file may be present under two names; replicas may start from one structure. Equal frames have equal signatures (see
`Dataset.signatures`), which finds them at any step; diverging frames have equal steps in different segments. Signatures
only select candidates: all atoms are compared.
"""

import bisect
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.geometry import nearest_image, shared_atoms
from gnnzoo.data.lammps.printed_digits import SCALED, printed_steps
from gnnzoo.sampling import even_sample

# Where the printed digits are unknown: positions are equal within this share of the mean distance of atoms (1e-4 A in a
# liquid, what %g leaves of coordinates of 100 A), forces within this share of the largest (six digits).
_ROUNDING, _FORCE_ROUNDING = 3e-5, 1e-5
# A frame duplicates another if it is nearer to it than half the way to its own neighbours in time: what lies halfway
# between two frames is as much the one as the other.
_NEARER = 0.5
# Relative difference of the signatures of equal frames, which may be summed in another order (1e-16 x root of the
# atoms), and of frames that may be near, with forces printed to three digits or more.
_EQUAL, _ALIKE = 1e-12, 1e-3
_CANDIDATES = 3  # frames of one step are compared with those of the next three signatures
_CACHED = 16  # frames kept in memory: two with their neighbours in time, and some more
_FIRST_ATOMS = 64  # atoms that are compared first: most frames differ in these
_TRIED = 32  # frames that one is compared with at most, of those with nearly the same positional hash
_ALL = slice(None)


@np.errstate(over="ignore", invalid="ignore")  # squares of absurd forces are infinite: their positions decide
def duplicate_frames(dataset: Dataset) -> np.ndarray:
    """Find frames that repeat earlier ones.

    A frame repeats another if all atoms have the same ids, types, positions and forces in the same cell, within what
    printing rounds and modulo lattice vectors, wherever the two are; or if both have the same step in different
    segments, and each is much nearer to the other than to its own neighbours in time. May read all frames.

    Args:
        dataset: any.

    Returns:
        (frames,) int, the earliest frame that each one repeats; its own number where it repeats none.
    """
    first = np.arange(len(dataset))
    if len(first) < 2:
        return first
    compare = _Comparison(dataset)
    signatures = np.asarray(dataset.signatures)
    equal = [pair for group in _equal_signatures(signatures) for pair in compare.equal_frames(group)]
    for one, other in equal:
        _unite(first, one, other)
    for one, other in [*equal, *_similar_signatures(signatures, compare)]:
        _follow(first, compare, one, other)
    return first


def same_frames(dataset: Dataset, one: int, other: int) -> bool:
    """Whether two frames have the same atoms at the same positions, in the same cell and with the same forces.

    Args:
        dataset: its printed digits give the rounding of positions and forces.
        one, other: numbers of the frames.

    Returns:
        True where nothing differs, within rounding and modulo lattice vectors.
    """
    return _same_frames(dataset[one], dataset[other], dataset.provenance)


def _unite(first: np.ndarray, one: int, other: int) -> None:
    """Let all frames that repeat the later one's original repeat the earlier one's."""
    low, high = sorted((int(first[one]), int(first[other])))
    first[first == high] = low


# --- candidates -----------------------------------------------------------------------------------------------------


def _equal_signatures(signatures: np.ndarray) -> list[np.ndarray]:
    """Frames of each signature that occurs more than once, ascending."""
    order = np.argsort(signatures, kind="stable")
    ordered = signatures[order]
    apart = np.flatnonzero(np.diff(ordered) > _EQUAL * np.abs(ordered[1:])) + 1
    return [np.sort(group) for group in np.split(order, apart) if len(group) > 1]


def _similar_signatures(signatures: np.ndarray, compare: "_Comparison") -> list[tuple[int, int]]:
    """Pairs of frames of one step in different segments whose signatures are close and not zero."""
    order = np.lexsort((signatures, compare.steps))
    pairs: list[tuple[int, int]] = []
    for away in range(1, _CANDIDATES + 1):
        one, other = order[:-away], order[away:]
        close = np.abs(signatures[other] - signatures[one]) <= _ALIKE * np.abs(signatures[other])
        close &= (compare.steps[one] == compare.steps[other]) & (compare.segments[one] != compare.segments[other])
        close &= signatures[one] > 0
        pairs += zip(one[close].tolist(), other[close].tolist(), strict=True)
    return pairs


def _follow(first: np.ndarray, compare: "_Comparison", one: int, other: int) -> None:
    """Unite two frames that agree, then those before and after them at equal steps as long as they agree."""
    if compare.steps[one] != compare.steps[other] or compare.segments[one] == compare.segments[other]:
        return
    if first[one] != first[other]:
        if not compare.agree(one, other):
            return
        _unite(first, one, other)
    for direction in (1, -1):
        pair = compare.next_pair(one, other, direction)
        # Pairs already united are followed from there.
        while pair is not None and first[pair[0]] != first[pair[1]] and compare.agree(*pair):
            _unite(first, *pair)
            pair = compare.next_pair(*pair, direction)


class _Comparison:
    """Compares frames, and caches those that were read last."""

    def __init__(self, dataset: Dataset):
        self.frame = lru_cache(_CACHED)(dataset.read)
        self.steps, self.segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
        self._provenance = dataset.provenance

    def equal_frames(self, group: np.ndarray) -> list[tuple[int, int]]:
        """Pairs (earlier, later) of equal frames in a group of equal signature.

        Where no atom has a force, all signatures are equal; a hash of all positions selects which of so many frames to
        compare.
        """
        hashes = [_positional_hash(self.frame(index), self._provenance) for index in group.tolist()]
        window = 2 * max(width for _, width in hashes)
        originals: list[tuple[float, int]] = []  # sorted
        pairs = []
        for index, (number, _) in zip(group.tolist(), hashes, strict=True):
            low = bisect.bisect_left(originals, (number - window, -1))
            high = bisect.bisect_right(originals, (number + window, len(self.steps)))
            near = sorted(originals[low:high], key=lambda known: abs(known[0] - number))[:_TRIED]
            same = next((known for _, known in near if self.equal(known, index)), None)
            if same is None:
                bisect.insort(originals, (number, index))
            else:
                pairs.append((same, index))
        return pairs

    def equal(self, one: int, other: int) -> bool:
        """Whether two frames have the same atoms with the same forces at the same positions."""
        return _same_frames(self.frame(one), self.frame(other), self._provenance)

    def agree(self, one: int, other: int) -> bool:
        """Whether two frames of one step are equal, or much nearer to each other than to their neighbours in time."""
        if self.equal(one, other):
            return True
        first, second = self.frame(one), self.frame(other)
        before_after = [self._neighbours(one), self._neighbours(other)]
        if not all(before_after) or not _same_atoms(first, second):
            return False
        moves = [
            _changes(frame, self.frame(near))
            for frame, neighbours in zip((first, second), before_after, strict=True)
            for near in neighbours
        ]
        known = [move for move in moves if move is not None]
        apart = _changes(first, second)
        if apart is None or not np.any(known):
            return False
        # In the mean and at most: one atom in another place makes another frame.
        return bool(np.all(apart <= _NEARER * np.min(known, axis=0)))

    def _neighbours(self, number: int) -> list[int]:
        """Frames before and after one in its segment, if their steps differ."""
        return [
            near
            for near in (number - 1, number + 1)
            if 0 <= near < len(self.segments)
            and self.segments[near] == self.segments[number]
            and self.steps[near] != self.steps[number]
        ]

    def next_pair(self, one: int, other: int, direction: int) -> tuple[int, int] | None:
        """The next two frames of equal step in the segments of two, forwards or backwards; None at an end."""
        segments = self.segments[[one, other]]
        one, other = one + direction, other + direction
        while min(one, other) >= 0 and max(one, other) < len(self.steps):
            if np.any(self.segments[[one, other]] != segments):
                return None
            ahead = direction * int(self.steps[one] - self.steps[other])
            if ahead == 0:
                return one, other
            one, other = (one, other + direction) if ahead > 0 else (one + direction, other)
        return None


# --- two frames -----------------------------------------------------------------------------------------------------


def _same_atoms(first: Frame, second: Frame) -> bool:
    return np.array_equal(first.ids, second.ids) and np.array_equal(first.types, second.types)


def _same_frames(first: Frame, second: Frame, provenance: Mapping) -> bool:
    return _same_positions(first, second, provenance) and _same_forces(first, second, provenance)


def _same_positions(first: Frame, second: Frame, provenance: Mapping) -> bool:
    if not _same_atoms(first, second) or not np.array_equal(first.pbc, second.pbc):
        return False
    if len(first) == 0:
        return True
    if np.any(np.abs(second.cell - first.cell) > np.max(_rounding(first, provenance))):
        return False
    for rows in (even_sample(np.arange(len(first)), _FIRST_ATOMS), _ALL):
        moved = nearest_image(second.positions[rows] - first.positions[rows], first)
        allowed = (_rounding(first, provenance, rows) + _rounding(second, provenance, rows)) / 2
        if np.any(np.abs(moved) > allowed):
            return False
    return True


def _same_forces(first: Frame, second: Frame, provenance: Mapping) -> bool:
    digits = (provenance.get("digits") or {}).get("forces")
    if digits:
        allowed = 1.01 * np.maximum(printed_steps(first.forces, digits), printed_steps(second.forces, digits))
    else:
        largest = max(float(np.max(np.abs(frame.forces), initial=0.0)) for frame in (first, second))
        allowed = _FORCE_ROUNDING * largest
    return bool(np.all(np.abs(second.forces - first.forces) <= allowed))


def _rounding(frame: Frame, provenance: Mapping, rows: np.ndarray | slice = _ALL) -> np.ndarray:
    """(atoms or 1, 3) how far printing, and wrapping into the cell, may move atoms, length unit."""
    digits = (provenance.get("digits") or {}).get("positions")
    least = 1e-12 * float(np.max(np.abs(frame.cell), initial=0.0))
    if not digits:
        mean = (frame.volume / max(1, len(frame))) ** (1 / 3)
        return np.full((1, 3), max(_ROUNDING * mean, least))
    if SCALED & set(provenance.get("columns", ())):
        # The last digit of a scaled coordinate moves the atom along that lattice vector.
        return np.sum(np.abs(frame.cell), axis=0)[None] * 10.0**-digits + least
    return 1.01 * printed_steps(frame.positions[rows], digits) + least


def _positional_hash(frame: Frame, provenance: Mapping) -> tuple[float, float]:
    """A number that equal types at equal positions modulo lattice vectors share, and how much rounding changes it.

    It is sum_i w_i (t_i + cos(2 pi s_i)) over types t_i and scaled coordinates s_i, with fixed random weights w_i, and
    in the same way a sum over the components of the cell, so that alloys on one lattice, or one atom in cells of many
    sizes, do not share it.
    """
    weights, of_cell = _weights(len(frame)), _weights(3)
    inverse = np.linalg.inv(frame.cell) if abs(np.linalg.det(frame.cell)) > 0 else np.eye(3)
    number = float(np.sum(weights * (frame.types[:, None] + np.cos(2 * np.pi * frame.positions @ inverse))))
    number += float(np.sum(of_cell * frame.cell))
    rounding = float(np.max(_rounding(frame, provenance), initial=0.0))
    largest = rounding * np.max(np.sum(np.abs(inverse), axis=0))
    window = 6 * 2 * np.pi * largest * np.sqrt(3 * len(frame)) + float(np.sum(np.abs(of_cell))) * rounding
    return number, window + 1e-12 * (len(frame) + np.abs(number))


@lru_cache(_CACHED)
def _weights(atoms: int) -> np.ndarray:
    """(atoms, 3) standard normal numbers, always the same ones."""
    return np.random.default_rng(0).normal(size=(atoms, 3))


def _changes(first: Frame, second: Frame) -> np.ndarray | None:
    """(4,) RMS and largest displacement, RMS and largest change of force; None where most atoms differ."""
    here, there, _ = shared_atoms(first, second)
    if len(here) < max(1, max(len(first), len(second)) / 2):
        return None
    moved = nearest_image(second.positions[there] - first.positions[here], first)
    pushed = second.forces[there] - first.forces[here]
    squares = [np.sum(change**2, axis=1) for change in (moved, pushed)]
    return np.sqrt([value for square in squares for value in (square.mean(), square.max())])
