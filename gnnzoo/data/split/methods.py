"""Ways to divide frames into training, validation and test parts without leakage from one to another.

Neighbouring frames of a run are nearly the same frame. A random split therefore evaluates a model on what it was
trained on; a single cut in time evaluates it on another state than it was trained on, if the run drifts. Blocks do
neither: the run is cut into blocks, each block into parts, and frames between two parts are left out. Frames of
different runs are independent, unless they are duplicates.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.split.matching_files import matching_files
from gnnzoo.errors import DataError

PARTS = ("train", "validation", "test")
# Share of the frames that gaps may take: with the default shares they leave three quarters of the training part.
_MOST_LEFT_OUT = 0.2
# The end of a part moves to the end of a run that is nearer than a quarter of the part: no gap is needed there.
_SNAP = 0.25
# Frames that each half of a held-out part must hold, or it is not divided: fewer leave no error estimate of its own.
_LEAST_STRETCH = 5


@dataclass(frozen=True)
class Split:
    """Frame indices of each part, ascending; disjoint."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def parts(self) -> dict[str, np.ndarray]:
        """The parts by name.

        Returns:
            (frames,) indices of each.
        """
        return {part: getattr(self, part) for part in PARTS}

    def to_json(self) -> dict[str, list[int]]:
        """The parts as plain values, for JSON.

        Returns:
            Name -> list of indices.
        """
        return {part: frames.tolist() for part, frames in self.parts().items()}

    @classmethod
    def from_json(cls, parts: dict[str, list[int]]) -> "Split":
        """The inverse of `to_json`.

        Args:
            parts: lists of indices by name of the part.

        Returns:
            The split.
        """
        return cls(**{part: np.asarray(parts[part], dtype=np.int64) for part in PARTS})


@dataclass(frozen=True, eq=False)
class Timeline:
    """Which frames are near which in time.

    Attributes:
        segments: (frames,) int, number of the run of each frame, not decreasing.
        clock: (frames,) float, time of each frame counted in frames; ascending within a segment.
        first: (frames,) int, the earliest frame that each one repeats; its own number where it repeats none.
        files: (frames,) int, number of the file of each frame.
        names: name of each file.
        datasets: name of the dataset that each file came with; none where there is one dataset.
        same: whether two frames are the same configuration with the same forces.
    """

    segments: np.ndarray
    clock: np.ndarray
    first: np.ndarray
    files: np.ndarray
    names: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    same: Callable[[int, int], bool] | None = None

    @classmethod
    def of(cls, n_frames: int) -> "Timeline":
        """One run of `n_frames` evenly spaced frames from one file.

        Returns:
            Its timeline.
        """
        frames, zeros = np.arange(n_frames), np.zeros(n_frames, dtype=int)
        return cls(zeros, frames.astype(float), frames, zeros, ("",))

    @property
    def far(self) -> float:
        """A distance larger than that of any two frames of one run, in frames."""
        return float(np.ptp(self.clock) + len(self.clock) + 1)

    def distances(self, marked: np.ndarray) -> np.ndarray:
        """Distance of each frame to the nearest marked one, along its run and through duplicates.

        Args:
            marked: (frames,) bool.

        Returns:
            (frames,) float, in frames; `far` where no frame of the run is marked.
        """
        far = self.far
        start = (self.segments - self.segments[0]) * 4 * far + self.clock  # runs are farther apart than `far`
        nearest = np.where(marked, 0.0, far)
        twins = np.flatnonzero(np.bincount(self.first, minlength=len(nearest))[self.first] > 1)
        originals = self.first[twins]
        while True:
            before = np.minimum.accumulate(nearest - start) + start
            after = (np.minimum.accumulate((nearest + start)[::-1]))[::-1] - start
            nearest = np.minimum(nearest, np.minimum(before, after))
            of_original = np.full(len(nearest), far)
            np.minimum.at(of_original, originals, nearest[twins])
            if np.all(of_original[originals] >= nearest[twins]):
                return nearest
            nearest[twins] = of_original[originals]


@dataclass(frozen=True)
class Shares:
    """Shares of the frames for each part, summing to 1; gaps are taken from the training share."""

    train: float
    validation: float
    test: float

    def frames(self, n_frames: int) -> dict[str, int]:
        """Sizes of the held-out parts of `n_frames` frames.

        Returns:
            Name -> number of frames, at least one of a share that is not zero.
        """
        shares = {part: getattr(self, part) for part in PARTS[1:]}
        return {part: max(1, round(n_frames * share)) if share > 0 else 0 for part, share in shares.items()}


@dataclass(frozen=True)
class SplitResult:
    """A split and how it was made.

    Attributes:
        split: the parts.
        blocks: number of blocks; 0 where frames were not cut into blocks.
        gap: frames left out between two neighbouring parts.
        gap_frames: frames left out in gaps.
        duplicates: frames left out as duplicates.
        separation: frames between the nearest frames of two parts; None where no run is in two.
    """

    split: Split
    blocks: int
    gap: int
    gap_frames: int
    duplicates: int
    separation: float | None


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
    """Divide the frames of a timeline into training, validation and test.

    Args:
        timeline: which frames are near which.
        shares: of each part.
        method: `blocks`, `cut`, `random` or `file`.
        blocks: largest number of blocks (`blocks` only).
        gap: frames left out between neighbouring parts of one run (not for `random`).
        seed: for `random`.
        shrink: whether the gap may be made smaller where it would take more than a fifth of the frames.
        validation_files, test_files: names or patterns of whole files (`file` only).

    Returns:
        The parts, and how they were made.

    Raises:
        DataError: a part that should hold frames would hold none, or a pattern matches no file.
    """
    n_frames = len(timeline.segments)
    labels = np.full(n_frames, "duplicate", dtype=object)
    kept = np.flatnonzero(timeline.first == np.arange(n_frames))
    if method == "blocks":
        labels[kept], blocks, gap = _fit_blocks(timeline, kept, shares, blocks, gap, shrink)
    else:
        gap = 0 if method == "random" else min(gap, int(_MOST_LEFT_OUT * n_frames / 2)) if shrink else gap
        blocks = int(method == "cut")
        if method == "file":
            labels[kept] = _by_file(timeline, kept, shares, validation_files, test_files)
        else:
            order = np.random.default_rng(seed).permutation(len(kept)) if method == "random" else np.arange(len(kept))
            labels[kept[order]] = _cut(len(kept), shares, gap)
        _open_gaps(labels, timeline, gap)
    _drop_stalled(labels, timeline)
    split = Split(*(np.flatnonzero(labels == part) for part in PARTS))
    left_out = int(np.sum(labels == "gap")), int(np.sum(labels == "duplicate"))
    for part, frames in split.parts().items():
        if getattr(shares, part) > 0 and len(frames) == 0:
            raise _too_few(n_frames, shares, part, gap, *left_out)
    return SplitResult(split, blocks, gap, *left_out, _separation(labels, timeline))


def _too_few(n_frames: int, shares: Shares, part: str, gap: int, gap_frames: int, duplicates: int) -> DataError:
    """The error of a part without frames: what takes them, and what would leave it some."""
    share = getattr(shares, part)
    taken = [f"{duplicates} of them {'is a duplicate' if duplicates == 1 else 'are duplicates'}"] if duplicates else []
    if gap:
        taken.append(f"gaps of {gap} leave out {gap_frames}" if gap_frames else f"gaps of {gap} leave no room")
    ways = ["more frames", *(["--set data.split.gap=0"] if gap else [])]
    if part != "train":
        ways.append(f"--set data.split.{part}=0 --set data.split.train={shares.train + share:g}")
    return DataError(
        f"{n_frames} frames are too few for a {part} part of {share:.0%}" + (f": {', '.join(taken)}" if taken else ""),
        hint=", or ".join(ways),
    )


# --- blocks -------------------------------------------------------------------------------------------------------


def _fit_blocks(
    timeline: Timeline, kept: np.ndarray, shares: Shares, blocks: int, gap: int, shrink: bool
) -> tuple[np.ndarray, int, int]:
    """As many blocks as the gap allows; where it allows none and may shrink, two blocks with the gap that fits."""
    allowed = _MOST_LEFT_OUT * len(kept)
    smallest = len(kept) * min((share for share in (shares.validation, shares.test) if share > 0), default=0.0)
    blocks = max(1, min(blocks, int(smallest)))

    def fits(count: int, gap: int) -> bool:
        labels = _blocks(timeline, kept, shares, count, gap)
        return labels is not None and np.sum(labels == "gap") <= allowed

    count = next((count for count in range(blocks, 0, -1) if fits(count, gap)), 0)
    if not count:
        count = min(blocks, 2) if shrink and smallest >= 2 * _LEAST_STRETCH else 1
        if shrink:
            low, high = 0, gap  # a gap of 0 leaves nothing out and fits
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if fits(count, middle) else (low, middle)
            gap = low
    labels = _blocks(timeline, kept, shares, count, gap)
    return (np.full(len(kept), "train", dtype=object) if labels is None else labels), count, gap


def _blocks(timeline: Timeline, kept: np.ndarray, shares: Shares, count: int, gap: int) -> np.ndarray | None:
    """(kept,) labels; None where a block cannot hold its parts.

    Each block is training, validation, test, training; validation and test change places in every other block, so that
    on average both come from the same times.
    """
    labels = np.full(len(timeline.segments), "duplicate", dtype=object)
    apart = (np.diff(timeline.segments[kept]) != 0) | (np.diff(timeline.clock[kept]) > gap)
    starts = np.concatenate([[0], np.flatnonzero(apart) + 1, [len(kept)]])
    line = np.full(len(kept), "train", dtype=object)
    edges = np.linspace(0, len(kept), count + 1).round().astype(int)
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        sizes = [(part, size) for part, size in shares.frames(stop - start).items() if size][:: -1 if number % 2 else 1]
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
    """The nearest start of a run if it is near, else the place itself."""
    nearest = int(starts[np.argmin(np.abs(starts - place))])
    return nearest if abs(nearest - place) <= _SNAP * size else place


# --- the other methods --------------------------------------------------------------------------------------------


def _cut(n_frames: int, shares: Shares, gap: int) -> np.ndarray:
    """(frames,) labels: training, then validation, then test."""
    validation, test = shares.frames(n_frames).values()
    labels = np.full(n_frames, "train", dtype=object)
    first = max(0, n_frames - validation - (gap if validation and test else 0) - test)
    labels[first:] = "gap"
    labels[first : first + validation] = "validation"
    labels[n_frames - test :] = "test"
    return labels


def _by_file(
    timeline: Timeline, kept: np.ndarray, shares: Shares, validation: tuple[str, ...], test: tuple[str, ...]
) -> np.ndarray:
    """(kept,) labels: whole files, the named ones, or evenly spaced ones by their share of the files."""
    present = np.unique(timeline.files[kept])
    if len(present) < 1 + (shares.validation > 0) + (shares.test > 0):
        raise DataError(
            f"the data come from {len(present)} file{'s' if len(present) > 1 else ''}, too few for whole files in each "
            "part",
            expected="at least one file for each part",
            hint='--set data.split.method="blocks"',
        )
    part_of = dict.fromkeys(present.tolist(), "train")
    if validation or test:
        for part, patterns in (("validation", validation), ("test", test)):
            for number in itertools.chain.from_iterable(
                matching_files(p, part, timeline.names, timeline.datasets, present) for p in patterns
            ):
                if part_of[number] not in ("train", part):
                    raise DataError(
                        f"'{timeline.names[number]}' is named for validation and for test",
                        expected="each file in one of data.split.validation_files and data.split.test_files",
                    )
                part_of[number] = part
    else:
        counts = list(shares.frames(len(present)).values())
        places = ((np.arange(sum(counts)) + 0.5) / sum(counts) * len(present)).astype(int)
        for number, place in enumerate(places):  # in turn while both are left
            turn = "test" if (number % 2 and counts[1]) or not counts[0] else "validation"
            counts[turn == "test"] -= 1
            part_of[int(present[place])] = turn
    return np.array([part_of[number] for number in timeline.files[kept].tolist()], dtype=object)


# --- all methods --------------------------------------------------------------------------------------------------


def _open_gaps(labels: np.ndarray, timeline: Timeline, gap: int) -> None:
    """Leave out frames within `gap`: of validation near the test part, then of training near the held-out parts."""
    if len(labels) == 0:
        return
    near = timeline.distances(labels == "test") <= gap
    labels[near & (labels == "validation")] = "gap"
    near = timeline.distances((labels == "validation") | (labels == "test")) <= gap
    labels[near & (labels == "train")] = "gap"


def _separation(labels: np.ndarray, timeline: Timeline) -> float | None:
    """Shortest distance between frames of two parts; None where no run, nor its duplicates, is in two."""
    found = []
    for part in PARTS[1:]:
        others = np.isin(labels, PARTS) & (labels != part)
        if np.any(labels == part) and np.any(others):
            found.append(float(timeline.distances(labels == part)[others].min()))
    return min((distance for distance in found if distance < timeline.far), default=None)


def _drop_stalled(labels: np.ndarray, timeline: Timeline) -> None:
    """Leave out frames without motion across a border between two parts of one run."""
    if timeline.same is None:
        return
    last: list[int] = []
    for frame in np.flatnonzero(np.isin(labels, PARTS)).tolist():
        if last and timeline.segments[last[-1]] != timeline.segments[frame]:
            last = []
        while last and labels[last[-1]] != labels[frame] and timeline.same(last[-1], frame):
            if labels[last[-1]] != "train":
                labels[frame] = "duplicate"
                break
            labels[last.pop()] = "duplicate"
        if labels[frame] != "duplicate":
            last.append(frame)
