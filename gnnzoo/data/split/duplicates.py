"""Frames that come twice, so that no frame is trained on under one number and judged on under another.

A restart writes the frames since its checkpoint once more, at first the same to the last digit and then slowly other
ones; a file may be there under two names; replicas may begin from one structure. Equal frames have equal signatures
(see `Dataset.signatures`), which finds them wherever they are; what slowly becomes another frame has equal steps in
different segments. Signatures only point: all atoms decide.
"""

import bisect
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from gnnzoo.data.frames import Dataset, Frame
from gnnzoo.data.inspection.rounding_error import SCALED, printed_steps
from gnnzoo.data.split.run_sample import matched, nearest_image

# Where nobody tells how many digits were printed, two positions are the same if they differ by less than this share of
# the mean distance of atoms, and two forces by this share of the largest.
_ROUNDING, _FORCE_ROUNDING = 3e-5, 1e-5
# A frame is the other's repeat if it is nearer to it than this share of the way to its own neighbours in time.
_NEARER = 0.5
# Signatures of equal frames, summed in another order; and of frames that may be near: of one step, and nearest by them.
_EQUAL, _ALIKE, _CANDIDATES = 1e-12, 1e-3, 3
# Frames kept in memory: a pair's with their neighbours in time.
_KEPT = 16
# Atoms that are looked at first, evenly spaced: most frames differ in these.
_FIRST_ATOMS = 64
# Frames that one is compared with at the most, of those whose places give nearly the same number.
_TRIED = 32


@np.errstate(over="ignore", invalid="ignore")  # signatures of absurd forces are infinite: their places decide
def duplicate_frames(dataset: Dataset) -> np.ndarray:
    """(frames,) int: the earliest frame that each one repeats; its own number where it repeats none.

    A frame repeats another if all atoms have the same ids, types, places and forces, within what printing rounds and
    modulo lattice vectors, wherever the two are; or if both have the same step in different segments, and each is much
    nearer to the other than to its own neighbours in time. May read all frames.
    """
    first = np.arange(len(dataset))
    if len(first) < 2:
        return first
    seen = _Comparison(dataset)
    signatures = np.asarray(dataset.signatures)
    links = []
    for group in _equal_signatures(signatures):
        for earlier, later in seen.equal_frames(group):
            _unite(first, earlier, later)
            links.append((earlier, later))
    for one, other in [*links, *_alike(signatures, seen)]:
        _follow(first, seen, one, other)
    return np.array([_root(first, number) for number in range(len(first))], dtype=np.int64)


def same_positions(dataset: Dataset, one: int, other: int) -> bool:
    """Whether two frames have the same atoms at the same places, within rounding and modulo lattice vectors."""
    return _same_places(dataset[one], dataset[other], dataset.provenance)


def _root(first: np.ndarray, number: int) -> int:
    while first[number] != number:
        number = int(first[number])
    return int(number)


def _unite(first: np.ndarray, one: int, other: int) -> None:
    root, leaf = sorted((_root(first, one), _root(first, other)))
    first[leaf] = root
    first[one] = first[other] = root


# --- candidates -----------------------------------------------------------------------------------------------------


def _equal_signatures(signatures: np.ndarray) -> list[np.ndarray]:
    """The frames of each signature that comes more than once, ascending."""
    order = np.argsort(signatures, kind="stable")
    ordered = signatures[order]
    apart = np.flatnonzero(np.diff(ordered) > _EQUAL * np.abs(ordered[1:])) + 1
    return [np.sort(group) for group in np.split(order, apart) if len(group) > 1]


def _alike(signatures: np.ndarray, seen: "_Comparison") -> list[tuple[int, int]]:
    """Pairs of frames of one step in different segments whose signatures are close, and not those of no force."""
    order = np.lexsort((signatures, seen.steps))
    pairs = []
    for away in range(1, _CANDIDATES + 1):
        one, other = order[:-away], order[away:]
        close = np.abs(signatures[other] - signatures[one]) <= _ALIKE * np.abs(signatures[other])
        close &= (seen.steps[one] == seen.steps[other]) & (seen.segments[one] != seen.segments[other])
        close &= signatures[one] > 0
        pairs += np.stack([one[close], other[close]], axis=1).tolist()
    return [tuple(pair) for pair in pairs]


def _follow(first: np.ndarray, seen: "_Comparison", one: int, other: int) -> None:
    """Unite two frames if they are one, and those before and after them of equal steps as long as these are."""
    known = _root(first, one) == _root(first, other)
    if seen.steps[one] != seen.steps[other] or seen.segments[one] == seen.segments[other]:
        return
    if not known:
        if not seen.agree(one, other):
            return
        _unite(first, one, other)
    for way in (1, -1):
        pair = seen.next_pair(one, other, way)
        # What is known to be equal has been followed, or will be.
        while pair is not None and _root(first, pair[0]) != _root(first, pair[1]) and seen.agree(*pair):
            _unite(first, *pair)
            pair = seen.next_pair(*pair, way)


class _Comparison:
    """Compares frames, reading each pair's frames and their neighbours in time."""

    def __init__(self, dataset: Dataset):
        self.frame = lru_cache(_KEPT)(dataset.__getitem__)
        self.steps, self.segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
        self._provenance = dataset.provenance

    def equal_frames(self, group: np.ndarray) -> list[tuple[int, int]]:
        """Of frames of equal signature: each that repeats an earlier one, after that one.

        Where no atom has a force, all signatures are equal: a number made of all places tells which of so many frames
        to compare.
        """
        numbers = [_number_of_places(self.frame(int(index)), self._provenance) for index in group]
        window = 2 * max(width for _, width in numbers)
        originals: list[tuple[float, int]] = []  # sorted
        found = []
        for index, (number, _) in zip(group.tolist(), numbers, strict=True):
            low = bisect.bisect_left(originals, (number - window, -1))
            high = bisect.bisect_right(originals, (number + window, len(self.steps)))
            near = sorted(originals[low:high], key=lambda known: abs(known[0] - number))[:_TRIED]
            same = next((known for _, known in near if self.equal(known, index)), None)
            if same is None:
                bisect.insort(originals, (number, index))
            else:
                found.append((same, index))
        return found

    def equal(self, one: int, other: int) -> bool:
        """Whether two frames have the same atoms with the same forces at the same places."""
        first, second = self.frame(one), self.frame(other)
        return _same_places(first, second, self._provenance) and _same_forces(first, second, self._provenance)

    def agree(self, one: int, other: int) -> bool:
        """Whether two frames of one step are equal, or much nearer to each other than to their neighbours in time."""
        if self.equal(one, other):
            return True
        neighbours = [self._neighbours(one), self._neighbours(other)]
        first, second = self.frame(one), self.frame(other)
        if not all(neighbours) or not _same_atoms(first, second):
            return False
        apart = _moved(first, second)
        moved = [
            distance
            for frame, near in ((first, neighbours[0]), (second, neighbours[1]))
            for number in near
            if (distance := _moved(frame, self.frame(number))) is not None
        ]
        if not moved or not np.any(moved):
            return False
        # On the average and at the most: one atom that was put elsewhere makes another frame of it.
        return bool(np.all(apart <= _NEARER * np.min(moved, axis=0)))

    def _neighbours(self, number: int) -> list[int]:
        return [
            near
            for near in (number - 1, number + 1)
            if 0 <= near < len(self.segments)
            and self.segments[near] == self.segments[number]
            and self.steps[near] != self.steps[number]
        ]

    def next_pair(self, one: int, other: int, way: int) -> tuple[int, int] | None:
        """The next two frames of equal step in the segments of two, forwards or backwards; None at an end."""
        segments, (one, other) = (self.segments[one], self.segments[other]), (one + way, other + way)
        while all(
            0 <= n < len(self.steps) and self.segments[n] == s for n, s in zip((one, other), segments, strict=True)
        ):
            ahead = way * int(self.steps[one] - self.steps[other])
            if ahead == 0:
                return one, other
            one, other = (one, other + way) if ahead > 0 else (one + way, other)
        return None


# --- two frames -----------------------------------------------------------------------------------------------------


def _same_atoms(first: Frame, second: Frame) -> bool:
    return np.array_equal(first.ids, second.ids) and np.array_equal(first.types, second.types)


def _same_places(first: Frame, second: Frame, provenance: Mapping) -> bool:
    if not _same_atoms(first, second):
        return False
    if len(first) == 0:
        return True
    if np.any(np.abs(second.cell - first.cell) > np.max(_rounding(first, provenance))):
        return False
    few = np.unique(np.linspace(0, len(first) - 1, min(_FIRST_ATOMS, len(first))).astype(int))
    for some in (few, slice(None)):
        moved = nearest_image(second.positions[some] - first.positions[some], first)
        allowed = (_rounding(first, provenance, some) + _rounding(second, provenance, some)) / 2
        if np.any(np.abs(moved) > allowed):
            return False
    return True


def _same_forces(first: Frame, second: Frame, provenance: Mapping) -> bool:
    digits = (provenance.get("digits") or {}).get("forces")
    largest = max(float(np.max(np.abs(frame.forces), initial=0.0)) for frame in (first, second))
    allowed = _FORCE_ROUNDING * largest
    if digits:
        allowed = 1.01 * np.maximum(printed_steps(first.forces, digits), printed_steps(second.forces, digits))
    return bool(np.all(np.abs(second.forces - first.forces) <= allowed))


def _rounding(frame: Frame, provenance: Mapping, some=slice(None)) -> np.ndarray:
    """By how much printing may move a component of these atoms, length unit: their last digit, and of the wrapped."""
    digits = (provenance.get("digits") or {}).get("positions")
    least = 1e-12 * float(np.max(np.abs(frame.cell), initial=0.0))
    if not digits:
        spacing = (frame.volume / max(1, len(frame))) ** (1 / 3)
        return np.full((1, 3), max(_ROUNDING * spacing, least))
    if SCALED & set(provenance.get("columns", ())):
        # The last digit of a scaled coordinate moves the atom along that lattice vector.
        return np.sum(np.abs(frame.cell), axis=0)[None] * 10.0**-digits + least
    return 1.01 * printed_steps(frame.positions[some], digits) + least


def _number_of_places(frame: Frame, provenance: Mapping) -> tuple[float, float]:
    """A number that is the same for the same places modulo lattice vectors, and by how much rounding changes it.

    It is sum_i w_i cos(2 pi s_i) over the scaled coordinates s_i, with weights w_i drawn once and for all.
    """
    weights = _weights(len(frame))
    solid = abs(np.linalg.det(frame.cell)) > 0
    inverse = np.linalg.inv(frame.cell) if solid else np.eye(3)
    number = float(np.sum(weights * np.cos(2 * np.pi * frame.positions @ inverse)))
    largest = float(np.max(_rounding(frame, provenance), initial=0.0) * np.max(np.sum(np.abs(inverse), axis=0)))
    return number, 6 * 2 * np.pi * largest * np.sqrt(3 * len(frame)) + 1e-12 * len(frame)


@lru_cache(1)
def _weights(atoms: int) -> np.ndarray:
    """(atoms, 3) the same for the same number of atoms."""
    return np.random.default_rng(0).normal(size=(atoms, 3))


def _moved(first: Frame, second: Frame) -> np.ndarray | None:
    """Root mean square and largest displacement, then change of force, of the atoms of both; None if few."""
    here, there, _ = matched(first, second)
    if len(here) < max(1, max(len(first), len(second)) / 2):
        return None
    moved = nearest_image(second.positions[there] - first.positions[here], first)
    pushed = second.forces[there] - first.forces[here]
    squares = [np.sum(change**2, axis=1) for change in (moved, pushed)]
    return np.sqrt([figure for square in squares for figure in (square.mean(), square.max())])
