"""How frames are divided among training, validation and test so that nothing leaks from one into another.

Neighbouring frames of a run are nearly the same frame. A random split therefore judges a model on what it has seen; a
single cut in time judges it on another state than it was trained on when the run drifts. Blocks do neither: the run is
cut into blocks, each block into parts, and the frames between two parts are left out. Frames of different runs are
apart by themselves, unless they come twice.
"""

import fnmatch
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnzoo.errors import DataError, did_you_mean

PARTS = ("train", "validation", "test")
# Of all frames this share may be left out between the parts; more would be paid by the training.
_MOST_LEFT_OUT = 0.2
# The end of a part moves to the end of a run if that lies within this share of the part.
_SNAP = 0.25
# A held-out part is cut in two only where each half holds this many frames.
_LEAST_STRETCH = 5


@dataclass(frozen=True)
class Split:
    """Frame indices of each part, ascending; disjoint."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def as_dict(self) -> dict[str, list[int]]:
        """Plain lists, for JSON."""
        return {part: getattr(self, part).tolist() for part in PARTS}

    @classmethod
    def from_dict(cls, parts: dict[str, list[int]]) -> "Split":
        """The inverse of `as_dict`."""
        return cls(**{part: np.asarray(parts[part], dtype=np.int64) for part in PARTS})


@dataclass(frozen=True, eq=False)
class Timeline:
    """Which frames are near which.

    Attributes:
        segments: (frames,) int, number of the run of each frame, not decreasing.
        clock: (frames,) float, time of each frame counted in frames; ascending within a segment.
        first: (frames,) int, the earliest frame that each one repeats; its own number where it repeats none.
        files: (frames,) int, number of the file of each frame.
        names: name of each file.
        same: whether two frames have the same positions.
    """

    segments: np.ndarray
    clock: np.ndarray
    first: np.ndarray
    files: np.ndarray
    names: tuple[str, ...] = ()
    same: Callable[[int, int], bool] | None = None

    @classmethod
    def of(cls, n_frames: int) -> "Timeline":
        """One run of evenly spaced frames from one file."""
        frames, zeros = np.arange(n_frames), np.zeros(n_frames, dtype=int)
        return cls(zeros, frames.astype(float), frames, zeros, ("",))

    @property
    def far(self) -> float:
        """Farther than any two frames of one run are from each other."""
        return float(np.ptp(self.clock) + len(self.clock) + 1)

    def distances(self, marked: np.ndarray) -> np.ndarray:
        """(frames,) how far, in frames, the nearest of the marked ones is: along its run, and through its repeats.

        `far` where none of its run is marked.
        """
        far = self.far
        start = (self.segments - self.segments[0]) * 4 * far + self.clock
        found = np.where(marked, 0.0, far)
        twins = np.flatnonzero(np.bincount(self.first, minlength=len(found))[self.first] > 1)
        while True:
            before = np.minimum.accumulate(found - start) + start
            after = (np.minimum.accumulate((found + start)[::-1]))[::-1] - start
            found = np.minimum(found, np.minimum(before, after))
            nearest = np.full(len(found), far)
            np.minimum.at(nearest, self.first[twins], found[twins])
            if np.all(nearest[self.first[twins]] >= found[twins]):
                return found
            found[twins] = nearest[self.first[twins]]


@dataclass(frozen=True)
class Shares:
    """Shares of the frames for each part, summing to 1; gaps are taken from the training share."""

    train: float
    validation: float
    test: float


@dataclass(frozen=True)
class SplitResult:
    """A split and how it came about.

    Attributes:
        split: the parts.
        blocks: number of blocks; 0 where frames were not cut into blocks.
        gap: frames left out between two neighbouring parts.
        gaps: frames left out for the gaps.
        repeats: frames left out because they come twice.
        apart: how far the nearest frames of two parts are from each other, in frames; None where no run is in two.
    """

    split: Split
    blocks: int
    gap: int
    gaps: int
    repeats: int
    apart: float | None


def split_frames(
    timeline: Timeline,
    shares: Shares,
    *,
    method: str,
    blocks: int,
    gap: int,
    seed: int,
    shrink: bool = False,
    validation_files: tuple[str, ...] = (),
    test_files: tuple[str, ...] = (),
) -> SplitResult:
    """Divide the frames of a timeline.

    Args:
        method: `blocks`, `cut`, `random` or `file`.
        blocks: number of blocks at the most (`blocks` only).
        gap: frames left out between neighbouring parts of one run (not for `random`).
        seed: for `random`.
        shrink: whether the gap may be made smaller where it would take more than a fifth of the frames.
        validation_files, test_files: names or patterns of whole files (`file` only).

    Raises:
        DataError: a part that should hold frames would hold none, or a pattern fits no file.
    """
    n_frames = len(timeline.segments)
    labels = np.full(n_frames, "repeat", dtype=object)
    kept = np.flatnonzero(timeline.first == np.arange(n_frames))
    if method == "blocks":
        labels[kept], blocks, gap = _fitting(timeline, kept, shares, blocks, gap, shrink)
    else:
        gap = 0 if method == "random" else min(gap, int(_MOST_LEFT_OUT * n_frames / 2)) if shrink else gap
        blocks = int(method == "cut")
        if method == "cut":
            labels[kept] = _cut(len(kept), shares, gap)
        elif method == "random":
            labels[kept] = _random(len(kept), shares, seed)
        else:
            labels[kept] = _by_file(timeline, kept, shares, validation_files, test_files)
        _open_gaps(labels, timeline, gap)
    _part_stalled(labels, timeline)
    split = Split(*(np.flatnonzero(labels == part) for part in PARTS))
    left_out = [int(np.sum(labels == why)) for why in ("gap", "repeat")]
    for part in PARTS:
        if getattr(shares, part) > 0 and len(getattr(split, part)) == 0:
            raise _too_few(n_frames, shares, part, gap, *left_out)
    return SplitResult(split, blocks, gap, *left_out, _apart(labels, timeline))


def _too_few(n_frames: int, shares: Shares, part: str, gap: int, gaps: int, repeats: int) -> DataError:
    """What takes the frames of a part that gets none, and what would leave it some."""
    share = getattr(shares, part)
    taken = [f"{repeats} of them come{'s' if repeats == 1 else ''} twice"] if repeats else []
    if gap:
        taken.append(f"gaps of {gap} leave out {gaps}" if gaps else f"gaps of {gap} leave no room")
    ways = ["more frames", *(["--set data.split.gap=0"] if gap else [])]
    if part != "train":
        ways.append(f"--set data.split.{part}=0 --set data.split.train={shares.train + share:g}")
    return DataError(
        f"{n_frames} frames are too few for a {part} part of {share:.0%}" + (f": {', '.join(taken)}" if taken else ""),
        hint=", or ".join(ways),
    )


def _share(n_frames: int, share: float) -> int:
    return max(1, round(n_frames * share)) if share > 0 else 0


# --- blocks -------------------------------------------------------------------------------------------------------


def _fitting(
    timeline: Timeline, kept: np.ndarray, shares: Shares, blocks: int, gap: int, shrink: bool
) -> tuple[np.ndarray, int, int]:
    """As many blocks as the gap allows; where it allows none and may shrink, two blocks with the gap that fits."""
    allowed = _MOST_LEFT_OUT * len(kept)
    smallest = len(kept) * min((share for share in (shares.validation, shares.test) if share > 0), default=0.0)
    blocks = max(1, min(blocks, int(smallest))) if smallest else 1

    def fits(labels: np.ndarray | None) -> bool:
        return labels is not None and np.sum(labels == "gap") <= allowed

    for count in range(blocks, 0, -1):
        labels = _blocks(timeline, kept, shares, count, gap)
        if fits(labels):
            return labels, count, gap
    count = min(blocks, 2) if smallest >= 2 * _LEAST_STRETCH else 1
    if shrink:
        low, high = 0, gap  # the gap of 0 is taken as it is: it leaves nothing out
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(_blocks(timeline, kept, shares, count, middle)) else (low, middle)
        gap = low
    else:
        count = 1
    labels = _blocks(timeline, kept, shares, count, gap)
    return (np.full(len(kept), "train", dtype=object) if labels is None else labels), count, gap


def _blocks(timeline: Timeline, kept: np.ndarray, shares: Shares, count: int, gap: int) -> np.ndarray | None:
    """(kept,) labels; None where a block cannot hold its parts.

    Each block is training, validation, test, training, with validation and test changing places in every other block,
    so that both see, on the average, the same times.
    """
    labels = np.full(len(timeline.segments), "repeat", dtype=object)
    apart = (np.diff(timeline.segments[kept]) != 0) | (np.diff(timeline.clock[kept]) > gap)
    starts = np.concatenate([[0], np.flatnonzero(apart) + 1, [len(kept)]])
    line = np.full(len(kept), "train", dtype=object)
    edges = np.linspace(0, len(kept), count + 1).round().astype(int)
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        sizes = [(part, _share(stop - start, getattr(shares, part))) for part in PARTS[1:]]
        sizes = [(part, size) for part, size in sizes if size][:: -1 if number % 2 else 1]
        held_out = sum(size for _, size in sizes) + gap * (len(sizes) - 1)
        if held_out >= stop - start and sizes:
            return None
        place = start + (stop - start - held_out + 1) // 2
        end = start
        for part, size in sizes:
            place = max(end, _snapped(place, size, starts))
            end = _snapped(place + size, size, starts)
            line[place:end] = part
            place = end if end in starts else end + gap
    labels[kept] = line
    _open_gaps(labels, timeline, gap)
    return labels[kept] if all(np.any(labels == part) for part in PARTS if getattr(shares, part) > 0) else None


def _snapped(place: int, size: int, starts: np.ndarray) -> int:
    """The nearest start of a run, if it is near; the place itself otherwise."""
    nearest = int(starts[np.argmin(np.abs(starts - place))])
    return nearest if abs(nearest - place) <= _SNAP * size else place


# --- the other methods --------------------------------------------------------------------------------------------


def _cut(n_frames: int, shares: Shares, gap: int) -> np.ndarray:
    """(frames,) labels: training, then validation, then test."""
    n_validation, n_test = _share(n_frames, shares.validation), _share(n_frames, shares.test)
    labels = np.full(n_frames, "train", dtype=object)
    between = gap if n_validation and n_test else 0
    first = max(0, n_frames - n_validation - between - n_test)
    labels[first:] = "gap"
    labels[first : first + n_validation] = "validation"
    labels[n_frames - n_test :] = "test"
    return labels


def _random(n_frames: int, shares: Shares, seed: int) -> np.ndarray:
    """(frames,) labels at random."""
    order = np.random.default_rng(seed).permutation(n_frames)
    n_validation, n_test = _share(n_frames, shares.validation), _share(n_frames, shares.test)
    labels = np.full(n_frames, "train", dtype=object)
    labels[order[n_frames - n_validation - n_test : n_frames - n_test]] = "validation"
    labels[order[n_frames - n_test :]] = "test"
    return labels


def _by_file(
    timeline: Timeline, kept: np.ndarray, shares: Shares, validation: tuple[str, ...], test: tuple[str, ...]
) -> np.ndarray:
    """(kept,) labels: whole files, those that are named, or evenly spaced ones by their share of the files."""
    present = np.unique(timeline.files[kept])
    if len(present) < 1 + (shares.validation > 0) + (shares.test > 0):
        raise DataError(
            f"the data come from {len(present)} file{'s' if len(present) > 1 else ''}, too few to give whole files to "
            "each part",
            expected="a file for each part at the least",
            hint='--set data.split.method="blocks"',
        )
    part_of = dict.fromkeys(present.tolist(), "train")
    if validation or test:
        for part, patterns in (("validation", validation), ("test", test)):
            for pattern in patterns:
                for number in _matching(pattern, part, timeline.names, present):
                    if part_of[number] not in ("train", part):
                        raise DataError(
                            f"'{timeline.names[number]}' is named for validation and for test",
                            expected="each file in one of data.split.validation_files and data.split.test_files",
                        )
                    part_of[number] = part
    else:
        counts = [_share(len(present), share) for share in (shares.validation, shares.test)]
        places = ((np.arange(sum(counts)) + 0.5) / sum(counts) * len(present)).astype(int)
        for number, place in enumerate(places):  # in turn while both are left
            turn = "test" if (number % 2 and counts[1]) or not counts[0] else "validation"
            counts[turn == "test"] -= 1
            part_of[int(present[place])] = turn
    return np.array([part_of[number] for number in timeline.files[kept].tolist()], dtype=object)


def _matching(pattern: str, part: str, names: tuple[str, ...], present: np.ndarray) -> list[int]:
    """Numbers of the files whose name, with its folder or without, fits a pattern."""
    found = [
        int(number)
        for number in present
        if fnmatch.fnmatchcase(names[number], pattern) or fnmatch.fnmatchcase(Path(names[number]).name, pattern)
    ]
    if not found:
        short = [Path(names[number]).name for number in present]
        shown = ", ".join(short[:5]) + (f" and {len(short) - 5} more" if len(short) > 5 else "")
        raise DataError(
            f"data.split.{part}_files: no file of the data is named '{pattern}'." + did_you_mean(pattern, short),
            expected=f"one of {shown}, or a pattern such as '*{Path(short[0]).suffix}'",
        )
    return found


# --- what holds for all -------------------------------------------------------------------------------------------


def _open_gaps(labels: np.ndarray, timeline: Timeline, gap: int) -> None:
    """Leave out what is nearer than `gap`: to the test frames of the others, then to the held-out ones of training."""
    if len(labels) == 0:
        return
    near = timeline.distances(labels == "test") <= gap
    labels[near & (labels == "validation")] = "gap"
    near = timeline.distances((labels == "validation") | (labels == "test")) <= gap
    labels[near & (labels == "train")] = "gap"


def _apart(labels: np.ndarray, timeline: Timeline) -> float | None:
    """The shortest distance between frames of two parts; None where no run, nor its repeats, is in two."""
    found = []
    for part in PARTS[1:]:
        others = np.isin(labels, PARTS) & (labels != part)
        if np.any(labels == part) and np.any(others):
            found.append(float(timeline.distances(labels == part)[others].min()))
    return min((distance for distance in found if distance < timeline.far), default=None)


def _part_stalled(labels: np.ndarray, timeline: Timeline) -> None:
    """Leave out frames that stand still across a border between two parts of one run."""
    if timeline.same is None:
        return
    last: list[int] = []
    for frame in np.flatnonzero(np.isin(labels, PARTS)).tolist():
        if last and timeline.segments[last[-1]] != timeline.segments[frame]:
            last = []
        while last and labels[last[-1]] != labels[frame] and timeline.same(last[-1], frame):
            if labels[last[-1]] != "train":
                labels[frame] = "repeat"
                break
            labels[last.pop()] = "repeat"
        if labels[frame] != "repeat":
            last.append(frame)
