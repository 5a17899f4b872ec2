"""Recognition of sets of independent configurations, whose order means nothing, as opposed to frames of a run.

Timesteps that a simulation wrote make a run. Frames without timesteps, as in most extended XYZ files, are a run if
their positions continue from frame to frame. In a run, the mean squared displacement grows with the lag: quadratically
while atoms fly, linearly while they diffuse, and to a plateau in a solid. Between independent configurations it is the
same at any lag.
"""

from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.geometry import nearest_image
from gnnzoo.records import Record
from gnnzoo.sampling import even_sample

_LAG = 4  # frames: the displacement over so many is compared with that over one
# With a correlation c(t) of displacements, the ratio of the two is about (1 - c(1)) / (1 - c(4)): 1/16 to 1/4 in a
# liquid, 0.64 in a solid with a decay time of one frame; between independent frames the median is 1, within 0.1 for 20
# windows of five atoms.
_CONTINUES = 0.7
# Windows of the same atoms that make a verdict, and their least share: a median of fewer says nothing of the whole.
_FEWEST, _FEWEST_SHARE = 3, 1 / 3
# Windows of 5 frames that are read: at most 300,000 atoms x frames (20 MB), and so many of small frames (0.1 s).
_WINDOWS, _MAX_ROWS = 32, 300_000
_STILL = 1e-6  # share of the distance of atoms, below which nothing moved: rounding


@dataclass(frozen=True)
class Arrangement(Record):
    """What the order of a dataset's frames means.

    Attributes:
        independent: the frames are configurations of their own; otherwise they are frames of one run or of several.
        reason: evidence for it, in words.
    """

    independent: bool
    reason: str


def arrangement(dataset: Dataset) -> Arrangement:
    """Determine whether the frames of a dataset are those of a run or independent configurations.

    At most 160 frames are read, and none where the frames have timesteps.

    Args:
        dataset: any.

    Returns:
        The verdict with its evidence.
    """
    steps, segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
    if len(steps) < 2:
        return Arrangement(False, "a single frame")
    alone = len(np.unique(segments)) == len(steps)
    source = dataset.provenance.get("quantities") or {}
    if not alone and source.get("has_steps", True) and not _counted(steps, segments):
        return Arrangement(False, "frames have the timesteps of a simulation")
    found = _windows(dataset, segments if not alone else np.zeros(len(steps), int))
    if len(source.get("groups", ())) > 1:
        found.differences.append(f"{len(source['groups'])} values of config_type")
    without = "no timesteps" if not alone else "timesteps never rise"
    if len(found.ratios) >= max(_FEWEST, _FEWEST_SHARE * found.windows):
        continues = float(np.median(found.ratios)) < _CONTINUES
        words = "positions continue" if continues else "positions do not continue"
        moved = f"{words}: atoms move by {found.near:.2g} from frame to frame, by {found.far:.2g} over {_LAG} frames"
        return Arrangement(not continues, "; ".join([without, *found.differences, moved]))
    if found.differences:
        return Arrangement(True, "; ".join([without, *found.differences]))
    if alone:
        return Arrangement(True, f"{without}, so each frame is one of its own")
    return Arrangement(False, "no timesteps, and nothing shows that the frames are not one run")


def _counted(steps: np.ndarray, segments: np.ndarray) -> bool:
    """Whether the steps only number the frames of each segment: 0, 1, 2, ..."""
    starts = np.concatenate([[True], np.diff(segments) != 0])
    return bool(np.all(np.diff(steps)[~starts[1:]] == 1) and np.all(steps[starts] <= 1))


@dataclass(frozen=True)
class _Found:
    """Of windows of consecutive frames: displacement over one frame by that over about four, squared, where their atoms
    are the same; typical displacements; what differs between the frames, in words."""

    windows: int
    ratios: list[float]
    near: float
    far: float
    differences: list[str]


def _windows(dataset: Dataset, segments: np.ndarray) -> _Found:
    n = len(segments)
    lag = min(_LAG, n - 1)
    starts = np.flatnonzero(segments[: n - lag] == segments[lag:])
    starts = starts if len(starts) else np.arange(n - lag)
    count = max(2, min(_WINDOWS, _MAX_ROWS // ((lag + 1) * max(1, len(dataset[0])))))
    sizes: set[int] = set()
    compositions, cells, boundaries = set(), set(), set()
    near, far = [], []
    chosen = even_sample(starts, count).tolist()
    for start in chosen:
        frames = dataset[start : start + lag + 1]
        for frame in frames:
            sizes.add(len(frame))
            compositions.add(_composition(frame))
            cells.add(tuple(float(f"{x:.4g}") for x in frame.cell.ravel()))
            boundaries.add(frame.boundary)
        moved = _mean_displacement(frames, [(n, n + 1) for n in range(lag)])
        total = _mean_displacement(frames, [(0, _LAG), (0, _LAG - 1), (1, _LAG)]) if lag == _LAG else None
        if moved is not None and total is not None and max(moved, total) > 0:
            near.append(moved)
            far.append(total)
    ratios = [a / b if b > 0 else np.inf for a, b in zip(near, far, strict=True)]
    differences = []
    if len(compositions) > 1:
        low, high = min(sizes), max(sizes)
        atoms = f"{low}" if low == high else f"{low} to {high}"
        differences.append(f"{len(compositions)} compositions of {atoms} atoms")
    if len(cells) > 1:
        differences.append(f"{len(cells)} cells")
    if len(boundaries) > 1:
        differences.append("different periodic directions")
    typical = [float(np.sqrt(np.median(squares))) if squares else 0.0 for squares in (near, far)]
    return _Found(len(chosen), ratios, typical[0], typical[1], differences)


def _composition(frame: Frame) -> tuple[tuple[int, int], ...]:
    """Type numbers with their numbers of atoms."""
    numbers, counts = np.unique(frame.types, return_counts=True)
    return tuple(zip(numbers.tolist(), counts.tolist(), strict=True))


def _mean_displacement(frames: list[Frame], pairs: list[tuple[int, int]]) -> float | None:
    """Mean over pairs of frames of their mean squared displacement; None where atoms differ."""
    moves = [_displacement(frames[one], frames[other]) for one, other in pairs]
    known = [move for move in moves if move is not None]
    return float(np.mean(known)) if len(known) == len(moves) else None


def _displacement(first: Frame, second: Frame) -> float | None:
    """Mean squared displacement of two frames' atoms about that of their centre; None where the atoms differ.

    In periodic cells it is that of scaled coordinates, because a cell that changes alone moves nothing; without
    periodic directions, after the rotation that makes it least (Kabsch, Acta Cryst. A 32, 922 (1976)).
    """
    if len(first) < 2 or not np.array_equal(first.ids, second.ids) or not np.array_equal(first.types, second.types):
        return None
    if not np.array_equal(first.pbc, second.pbc):
        return None
    if first.pbc.all() and min(first.volume, second.volume) > 0:
        one, other = (f.positions @ np.linalg.inv(f.cell) for f in (first, second))
        scaled = other - one
        moved = (scaled - np.round(scaled)) @ first.cell
    else:
        moved = nearest_image(second.positions - first.positions, first)
    moved = moved - moved.mean(axis=0)
    if not first.pbc.any():
        moved = _turned_back(first.positions - first.positions.mean(axis=0), moved)
    squares = np.sum(moved**2, axis=1)
    extent = np.ptp(first.positions, axis=0).max()
    return float(squares.mean()) if squares.max() > (_STILL * extent) ** 2 else 0.0


def _turned_back(places: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """(atoms, 3) displacements from centred places, less a rotation of the whole."""
    left, _, right = np.linalg.svd((places + moved).T @ places)
    turn = left @ np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))]) @ right
    return (places + moved) @ turn - places
