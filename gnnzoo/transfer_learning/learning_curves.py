"""Learning curves with and without transfer, and the gain of a transfer in error, data and time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from gnnzoo.records import Record

# Factors in error below this one count as no difference: repeated trainings with other seeds differ by as much.
SIGNIFICANT_FACTOR = 1.2
# Lower bounds that keep ratios finite: rounding of float32 forces, and the resolution of the log's seconds.
_MIN_ERROR, _MIN_SECONDS = 1e-8, 0.01


@dataclass(frozen=True)
class LearningCurve(Record):
    """One training.

    Attributes:
        start: "transfer" or "scratch".
        frames: number of training frames.
        zero_shot: mean |dF| / mean |F| before training with the source's force scale; None from scratch.
        before: the same before training, with scale and gain fitted to the training frames.
        error: the same of the final model, on the test part, or on the validation part if there is no test part.
        steps: number of steps.
        seconds: duration, including compilation.
        points: (step, frames seen, seconds, error on the validation sample) during training.
    """

    start: Literal["transfer", "scratch"]
    frames: int
    zero_shot: float | None
    before: float
    error: float
    steps: int
    seconds: float
    points: list[tuple[int, int, float, float]] = field(repr=False)

    @property
    def best(self) -> float:
        """Smallest error on the validation sample."""
        return min(error for *_, error in self.points)

    def first_at_most(self, error: float) -> tuple[int, float] | None:
        """Step and seconds at which the validation error was first at most `error`.

        Returns:
            (step, seconds), or None if it never was.
        """
        return next(((step, seconds) for step, _, seconds, found in self.points if found <= error), None)


@dataclass(frozen=True)
class TransferGain(Record):
    """Gain of a transfer over training from scratch at one number of training frames.

    Attributes:
        frames: number of training frames.
        transfer, scratch: error of both models.
        error: error from scratch over error of the transfer.
        data: ratio of the frames that training from scratch needs for the same error; None if even its smallest
            training set gives a smaller error.
        data_is_lower_bound: whether no training from scratch reaches that error, so that `data` is a lower bound.
        steps, seconds: ratio of the steps and seconds to reach the smallest validation error of training from scratch;
            None if the transfer never reaches it.
    """

    frames: int
    transfer: float
    scratch: float
    error: float
    data: float | None
    data_is_lower_bound: bool = field(metadata={"key": "most"})
    steps: float | None
    seconds: float | None


def gains(curves: Sequence[LearningCurve]) -> list[TransferGain]:
    """Gains at all numbers of training frames that were trained both ways.

    Args:
        curves: trainings of both kinds, in any order.

    Returns:
        One gain for each number of frames, ascending.
    """
    transfers, scratches = (
        {curve.frames: curve for curve in curves if curve.start == start} for start in ("transfer", "scratch")
    )
    scratch_errors = sorted((curve.frames, curve.error) for curve in scratches.values())
    result = []
    for frames in sorted(transfers.keys() & scratches.keys()):
        transfer, scratch = transfers[frames], scratches[frames]
        frames_needed, is_lower_bound = frames_to_reach(transfer.error, scratch_errors)
        transfer_time, scratch_time = transfer.first_at_most(scratch.best), scratch.first_at_most(scratch.best)
        steps = seconds = None
        if transfer_time is not None and scratch_time is not None:
            steps = scratch_time[0] / transfer_time[0]
            seconds = max(scratch_time[1], _MIN_SECONDS) / max(transfer_time[1], _MIN_SECONDS)
        result.append(
            TransferGain(
                frames=frames,
                transfer=transfer.error,
                scratch=scratch.error,
                error=max(scratch.error, _MIN_ERROR) / max(transfer.error, _MIN_ERROR),
                data=None if frames_needed is None else frames_needed / frames,
                data_is_lower_bound=is_lower_bound,
                steps=steps,
                seconds=seconds,
            )
        )
    return result


def frames_to_reach(error: float, known: Sequence[tuple[int, float]]) -> tuple[float | None, bool]:
    """Number of training frames that gives an error, interpolated linearly in log(frames) and log(error).

    Args:
        error: the error to reach.
        known: (frames, error) of trainings, frames ascending.

    Returns:
        The number of frames, None if even the fewest frames give a smaller error; and whether it is a lower bound,
        because no training reaches the error.
    """
    error = max(error, _MIN_ERROR)
    points = [(frames, max(found, _MIN_ERROR)) for frames, found in known]
    if points[0][1] <= error:
        return (float(points[0][0]), False) if points[0][1] == error else (None, False)
    for (few, large), (many, small) in pairwise(points):
        if small <= error:
            share = math.log(large / error) / math.log(large / small)
            return few * (many / few) ** share, False
    return float(points[-1][0]), True


def verdict(found: Sequence[TransferGain]) -> str:
    """Summarise gains in one sentence: where the transfer reduces the error, where it does not, where it increases it.

    Args:
        found: gains at one or more numbers of frames.

    Returns:
        The sentence.
    """
    better = [gain for gain in found if gain.error >= SIGNIFICANT_FACTOR]
    worse = [gain for gain in found if gain.error <= 1 / SIGNIFICANT_FACTOR]
    same = [gain for gain in found if gain not in better and gain not in worse]
    parts = []
    if better:
        parts.append(f"with {_frames(better)} the error is {_factors(better)} times smaller than from scratch")
    if same:
        parts.append(f"with {_frames(same)} there is no difference (less than a factor of {SIGNIFICANT_FACTOR:g})")
    if worse:
        factors = _factors([replace(gain, error=1 / gain.error) for gain in worse])
        parts.append(f"with {_frames(worse)} it is {factors} times larger")
    return "; ".join([f"the transfer {'helps' if better else 'does not help'}", *parts])


def _frames(found: Sequence[TransferGain]) -> str:
    """ "1 frame", "3, 10 and 30 frames"."""
    numbers = [str(gain.frames) for gain in found]
    if len(numbers) == 1:
        return f"{numbers[0]} frame" + ("" if numbers == ["1"] else "s")
    return f"{', '.join(numbers[:-1])} and {numbers[-1]} frames"


def _factors(found: Sequence[TransferGain]) -> str:
    """ "2", or "2 to 3.2" for several gains."""
    low, high = (f"{choose(gain.error for gain in found):.2g}" for choose in (min, max))
    return low if low == high else f"{low} to {high}"
