"""From a dataset to its split: what the run itself says of the gap that a split needs, and what came of it.

The gap is a property of the run, measured over all its frames like its length. It is no scale: no number of it enters
a network, so nothing that is held out is learned from.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gnnzoo.data.frames import Dataset
from gnnzoo.data.graphs.training_statistics import even_sample
from gnnzoo.data.split.correlation import Correlations, correlations
from gnnzoo.data.split.duplicates import duplicate_frames, same_positions
from gnnzoo.data.split.methods import Shares, Split, SplitResult, Timeline, split_frames

# Frames of each part, or of each fifth of the run, whose mean force is looked at.
_FORCE_SAMPLE = 6
_STRETCHES = 5
# The force drifts if its mean differs by this factor between two fifths, and by so many standard errors.
_DRIFT, _ERRORS = 1.15, 4


@dataclass(frozen=True)
class SplitReport:
    """How a split came about; plain numbers, for JSON.

    Attributes:
        method: `blocks`, `cut`, `random` or `file`.
        blocks: number of blocks; 0 where frames were not cut into blocks.
        gap: frames left out between two neighbouring parts of one run.
        every: timesteps from frame to frame; None where they are not evenly spaced.
        declared: whether the recipe gave the gap.
        wanted: frames after which the structure is a new one; None where that is not known.
        reason: why the structure was judged by that observable.
        structure: that observable: `neighbours` or `distances`; None where none could be measured.
        files: number of files the frames come from.
        apart: how far the nearest frames of two parts are from each other, in frames; None where no run is in two.
        structure_left, forces_left: correlation of frames `left_at` apart; None where unknown.
        left_at: `apart`, or the longest lag that could be measured where that is shorter.
        known: whether the run is long enough to know how fast its structure changes.
        gaps, repeats: frames left out, between the parts and because they come twice.
        force_along: mean |F| along the run, by fifths of it.
        drifts: whether it differs along the run by more than it fluctuates.
        force_of: mean |F| of each part.
        curves: see `Correlations.as_dict`.
    """

    method: str
    blocks: int
    gap: int
    every: int | None
    declared: bool
    wanted: int | None
    reason: str
    structure: str | None
    files: int
    apart: float | None
    left_at: float
    structure_left: float | None
    forces_left: float | None
    known: bool
    gaps: int
    repeats: int
    force_along: list[float]
    drifts: bool
    force_of: dict[str, float]
    curves: dict

    def as_dict(self) -> dict:
        """Plain numbers, for JSON."""
        return asdict(self)


def make_split(
    dataset: Dataset,
    shares: Shares,
    *,
    method: str,
    blocks: int,
    gap: int | str,
    seed: int,
    validation_files: tuple[str, ...] = (),
    test_files: tuple[str, ...] = (),
) -> tuple[Split, SplitReport]:
    """Split a dataset.

    Args:
        gap: frames, or `auto`: as many as its structure needs to become a new one, if they fit.
        method, blocks, seed, validation_files, test_files: see `split_frames`.

    Raises:
        DataError: see `split_frames`.
    """
    found = correlations(dataset)
    auto = gap == "auto"
    wanted = wanted_gap(found)
    if auto:
        gap = len(dataset) if wanted is None else wanted
    division = split_frames(
        _timeline(dataset, found, auto),
        shares,
        method=method,
        blocks=blocks,
        gap=gap,
        seed=seed,
        shrink=auto,
        validation_files=validation_files,
        test_files=test_files,
    )
    return division.split, _report(dataset, method, not auto, wanted, division, found)


def wanted_gap(found: Correlations) -> int | None:
    """Frames to leave out between two parts of one run: as many as its structure needs to become another one.

    Returns:
        None where the run is too short to know.
    """
    return None if found.too_short else max(1, math.ceil(found.structure.decay))


def _timeline(dataset: Dataset, found: Correlations, by_steps: bool) -> Timeline:
    """Where a gap was measured it is one of time, and frames further apart in steps than others need fewer of them."""
    frames = np.arange(len(dataset))
    steps = np.asarray(dataset.steps)
    clock = (steps - steps[:1]) / found.every if by_steps and found.every else frames
    return Timeline(
        segments=np.asarray(dataset.segments).astype(np.int64),
        clock=clock.astype(float),
        first=duplicate_frames(dataset),
        files=np.asarray(dataset.files),
        names=tuple(str(source.get("file", "")) for source in dataset.provenance.get("sources", []))
        or (Path(dataset.path).name,),
        same=lambda one, other: same_positions(dataset, one, other),
    )


def _report(
    dataset: Dataset, method: str, declared: bool, wanted: int | None, division: SplitResult, found: Correlations
) -> SplitReport:
    left_at = found.longest if division.apart is None else min(found.longest, division.apart)
    plain = found.as_dict()
    parts = {"train": division.split.train, "validation": division.split.validation, "test": division.split.test}
    along, drifts = _force_along(dataset)
    return SplitReport(
        method=method,
        blocks=division.blocks,
        gap=division.gap,
        every=found.every,
        declared=declared,
        wanted=wanted,
        reason=found.reason,
        structure=plain["structure"],
        files=len(np.unique(dataset.files)),
        apart=division.apart,
        left_at=left_at,
        structure_left=None if found.structure is None else found.structure.at(left_at),
        forces_left=None if found.forces is None else found.forces.at(left_at),
        known=not found.too_short,
        gaps=division.gaps,
        repeats=division.repeats,
        force_along=along,
        drifts=drifts,
        force_of={part: float(np.mean(_forces(dataset, indices))) for part, indices in parts.items() if len(indices)},
        curves=plain["curves"],
    )


def _force_along(dataset: Dataset) -> tuple[list[float], bool]:
    """Mean |F| of each fifth of a run, and whether it drifts: by more than its frames scatter about their fifth."""
    stretches = np.array_split(np.arange(len(dataset)), min(_STRETCHES, len(dataset)))
    sizes = [_forces(dataset, stretch) for stretch in stretches]
    along = [float(size.mean()) for size in sizes]
    if min(map(len, sizes)) < 2:
        return along, False
    error = float(np.sqrt(np.mean([size.var(ddof=1) for size in sizes]) / min(map(len, sizes))))
    far = max(along) - min(along)
    return along, max(along) > _DRIFT * min(along) and far > _ERRORS * error


def _forces(dataset: Dataset, indices: np.ndarray) -> np.ndarray:
    """(sample,) mean |F| of each frame of an even sample."""
    return np.array(
        [np.linalg.norm(dataset[int(index)].forces, axis=1).mean() for index in even_sample(indices, _FORCE_SAMPLE)]
    )
