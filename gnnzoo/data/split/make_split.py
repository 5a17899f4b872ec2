"""Splits a dataset, with gaps from the autocorrelation time of its structure, and reports the result.

The gap is a property of the run and is measured over all its frames, held-out ones included. It enters no model: no
scale or statistic of the training is taken from it.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.split.correlation import Correlations, correlations
from gnnzoo.data.split.duplicates import duplicate_frames, same_frames
from gnnzoo.data.split.methods import Shares, Split, SplitResult, Timeline, split_frames
from gnnzoo.records import Record
from gnnzoo.sampling import even_sample

# Mean |F| is taken from 6 frames of each part, and of each fifth of the run: enough for a tendency, read in no time.
_FORCE_SAMPLE = 6
_STRETCHES = 5
# The force drifts if its mean differs between two fifths by 15 %, what matters to a model, and by 4 standard errors of
# such a mean: about the 5 % point of the range of five equal means (Tukey's q is 4.15).
_DRIFT, _ERRORS = 1.15, 4


@dataclass(frozen=True)
class SplitReport(Record):
    """How a split was made, and how far its parts are apart.

    Attributes:
        method: `blocks`, `cut`, `random` or `file`.
        blocks: number of blocks; 0 where frames were not cut into blocks.
        gap: frames left out between two neighbouring parts of one run.
        every: timesteps from frame to frame; None where they are not evenly spaced.
        declared: whether the recipe gave the gap.
        required_gap: structural autocorrelation time in frames; None where it is unknown.
        reason: why that observable stands for the structure.
        structure: the observable: `neighbours` or `distances`; None where none could be measured.
        files: number of files the frames come from.
        separation: frames between the nearest frames of two parts; None where no run is in two.
        lag: `separation`, or the longest lag measured where that is shorter.
        structure_correlation, force_correlation: of frames `lag` apart; None where unknown.
        decay_known: whether the run is long enough to determine the structural autocorrelation time.
        gap_frames, duplicates: frames left out, in gaps and as duplicates.
        configurations: whether the frames are independent configurations instead of those of a run; then `reason` says
            what shows it.
        force_by_fifth: mean |F| of each fifth of the run, force unit; none of independent configurations.
        drifts: whether it changes along the run by more than it fluctuates.
        force_by_part: mean |F| of each part, force unit.
        curves: see `Correlations.to_json`.
    """

    method: str
    blocks: int
    gap: int
    every: int | None
    declared: bool
    required_gap: int | None = field(metadata={"key": "wanted"})
    reason: str
    structure: str | None
    files: int
    separation: float | None = field(metadata={"key": "apart"})
    lag: float = field(metadata={"key": "left_at"})
    structure_correlation: float | None = field(metadata={"key": "structure_left"})
    force_correlation: float | None = field(metadata={"key": "forces_left"})
    decay_known: bool = field(metadata={"key": "known"})
    gap_frames: int = field(metadata={"key": "gaps"})
    duplicates: int = field(metadata={"key": "repeats"})
    configurations: bool
    force_by_fifth: list[float] = field(metadata={"key": "force_along"})
    drifts: bool
    force_by_part: dict[str, float] = field(metadata={"key": "force_of"})
    curves: dict[str, dict[str, object]]


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
    """Split a dataset into training, validation and test frames.

    Args:
        dataset: any; duplicate frames are left out.
        shares: of each part.
        gap: frames, or `auto`: the structural autocorrelation time, as far as it fits.
        method, blocks, seed, validation_files, test_files: see `split_frames`.

    Returns:
        The split, and how it was made.

    Raises:
        DataError: see `split_frames`.
    """
    measured = correlations(dataset)
    auto = gap == "auto"
    result = split_frames(
        _timeline(dataset, measured.every if auto else None),
        shares,
        method=method,
        blocks=blocks,
        gap=int(gap) if not auto else len(dataset) if measured.gap is None else measured.gap,
        seed=seed,
        shrink=auto,
        validation_files=validation_files,
        test_files=test_files,
    )
    return result.split, _report(dataset, method, not auto, result, measured)


def _timeline(dataset: Dataset, every: int | None) -> Timeline:
    """Positions of the frames in time, in units of `every` timesteps: a gap that was measured is one of time."""
    steps, sources = np.asarray(dataset.steps), dataset.provenance.get("sources", [])
    return Timeline(
        segments=np.asarray(dataset.segments).astype(np.int64),
        clock=(steps - steps[:1]) / every if every else np.arange(len(dataset), dtype=float),
        first=duplicate_frames(dataset),
        files=np.asarray(dataset.files),
        names=tuple(str(source.get("file", "")) for source in sources) or (Path(dataset.path).name,),
        datasets=tuple(str(source.get("dataset") or source.get("file", "")) for source in sources),
        same=lambda one, other: same_frames(dataset, one, other),
    )


def _report(dataset: Dataset, method: str, declared: bool, result: SplitResult, measured: Correlations) -> SplitReport:
    lag = measured.longest if result.separation is None else min(measured.longest, result.separation)
    structure, forces = measured.structure, measured.forces
    by_fifth, drifts = ([], False) if measured.configurations else _force_drift(dataset)
    parts = result.split.parts()
    return SplitReport(
        method=method,
        blocks=result.blocks,
        gap=result.gap,
        every=measured.every,
        declared=declared,
        required_gap=measured.gap,
        reason=measured.reason,
        structure=None if structure is None else structure.observable,
        files=len(np.unique(dataset.files)),
        separation=result.separation,
        lag=lag,
        structure_correlation=None if structure is None else structure.at(lag),
        force_correlation=None if forces is None else forces.at(lag),
        decay_known=not measured.too_short,
        gap_frames=result.gap_frames,
        duplicates=result.duplicates,
        configurations=measured.configurations,
        force_by_fifth=by_fifth,
        drifts=drifts,
        force_by_part={part: float(np.mean(_forces(dataset, frames))) for part, frames in parts.items() if len(frames)},
        curves={name: curve.to_json() for name, curve in measured.curves.items()},
    )


def _force_drift(dataset: Dataset) -> tuple[list[float], bool]:
    """Mean |F| of each fifth of the run, and whether it drifts: by more than frames scatter about their fifth."""
    fifths = np.array_split(np.arange(len(dataset)), min(_STRETCHES, len(dataset)))
    samples = [_forces(dataset, fifth) for fifth in fifths]
    means, smallest = [float(sample.mean()) for sample in samples], min(map(len, samples))
    if smallest < 2:
        return means, False
    error = float(np.sqrt(np.mean([sample.var(ddof=1) for sample in samples]) / smallest))
    return means, max(means) > _DRIFT * min(means) and max(means) - min(means) > _ERRORS * error


def _forces(dataset: Dataset, indices: np.ndarray) -> np.ndarray:
    """(sample,) mean |F| of each frame of an even sample."""
    sample = even_sample(indices, _FORCE_SAMPLE)
    return np.array([np.linalg.norm(dataset[int(index)].forces, axis=1).mean() for index in sample])
