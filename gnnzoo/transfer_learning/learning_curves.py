"""Trainings with and without the weights of another model side by side: what those are worth in data and time."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise

# A factor below this is within what another seed would give.
WORTH = 1.2
# Errors and seconds below these are as good as none: of float32, and of a log that counts hundredths.
_TINY, _CLOCK = 1e-8, 0.01


@dataclass(frozen=True)
class LearningCurve:
    """One training.

    Attributes:
        start: "transfer" or "scratch".
        frames: training frames.
        zero_shot: of a transfer, the error with the source's own force scale: mean |dF| / mean |F|; else None.
        before: error before the first step, with force scale and size fitted to the training frames.
        error: that of the model, on the test part, or on the validation part where there is no test.
        steps, seconds: how long it took, compilation included.
        points: (step, frames seen, seconds, error on the validation sample) along the training.
    """

    start: str
    frames: int
    zero_shot: float | None
    before: float
    error: float
    steps: int
    seconds: float
    points: list[tuple[int, int, float, float]] = field(repr=False)

    def as_dict(self) -> dict:
        """Plain values, for JSON."""
        return asdict(self)

    @property
    def best(self) -> float:
        """The smallest error on the validation sample."""
        return min(error for *_, error in self.points)

    def first_below(self, error: float) -> tuple[int, float] | None:
        """Step and seconds at which the validation error was first no larger than `error`; None where it never was."""
        return next(((step, seconds) for step, _, seconds, found in self.points if found <= error), None)


@dataclass(frozen=True)
class TransferGain:
    """What a transfer is worth at one number of training frames.

    Attributes:
        frames: that number.
        transfer, scratch: errors of both.
        error: how many times smaller the error of the transfer is.
        data: how many times more frames a training from scratch needs for the error of the transfer; None where the
            trainings from scratch do not tell.
        most: whether `data` is what it is at least, as the largest training from scratch does not reach that error.
        steps, seconds: how many times earlier the transfer reaches the smallest validation error of the training from
            scratch; None where it never does.
    """

    frames: int
    transfer: float
    scratch: float
    error: float
    data: float | None
    most: bool
    steps: float | None
    seconds: float | None

    def as_dict(self) -> dict:
        """Plain values, for JSON."""
        return asdict(self)


def gains(courses: Sequence[LearningCurve]) -> list[TransferGain]:
    """What the transfer is worth at each number of frames that both were trained on, ascending."""
    by_start = {
        start: {course.frames: course for course in courses if course.start == start}
        for start in ("transfer", "scratch")
    }
    scratch = sorted((course.frames, course.error) for course in by_start["scratch"].values())
    found = []
    for frames in sorted(by_start["transfer"].keys() & by_start["scratch"].keys()):
        moved, plain = by_start["transfer"][frames], by_start["scratch"][frames]
        needed, most = frames_for(moved.error, scratch)
        reached = moved.first_below(plain.best)
        there = plain.first_below(plain.best)
        found.append(
            TransferGain(
                frames=frames,
                transfer=moved.error,
                scratch=plain.error,
                error=max(plain.error, _TINY) / max(moved.error, _TINY),
                data=None if needed is None else needed / frames,
                most=most,
                steps=there[0] / reached[0] if reached else None,
                seconds=max(there[1], _CLOCK) / max(reached[1], _CLOCK) if reached else None,
            )
        )
    return found


def frames_for(error: float, known: Sequence[tuple[int, float]]) -> tuple[float | None, bool]:
    """How many frames a training needs to reach an error, between those that are known, both on logarithmic scales.

    Args:
        error: to be reached.
        known: (frames, error), frames ascending.

    Returns:
        frames, and whether it is only a lower bound; None where even the fewest frames reach it.
    """
    error = max(error, _TINY)
    known = [(frames, max(found, _TINY)) for frames, found in known]
    if known[0][1] <= error:
        return (float(known[0][0]), False) if known[0][1] == error else (None, False)
    for (few, large), (many, small) in pairwise(known):
        if small <= error:
            share = math.log(large / error) / math.log(large / small)
            return few * (many / few) ** share, False
    return float(known[-1][0]), True


def verdict(found: Sequence[TransferGain]) -> str:
    """One sentence: where the transfer helps, where it does not, where it harms."""
    helps = [gain for gain in found if gain.error >= WORTH]
    harms = [gain for gain in found if gain.error <= 1 / WORTH]
    same = [gain for gain in found if gain not in helps and gain not in harms]
    parts = []
    if helps:
        parts.append(f"with {_sizes(helps)} the transfer errs {_times(helps)} times less than training from scratch")
    if same:
        parts.append(f"with {_sizes(same)} it makes no difference (less than a factor of {WORTH:g})")
    if harms:
        times = _times([TransferGain(**{**gain.as_dict(), "error": 1 / gain.error}) for gain in harms])
        parts.append(f"with {_sizes(harms)} it errs {times} times more")
    if not helps:
        parts.insert(0, "the transfer does not help")
    return "; ".join(parts)


def _sizes(found: Sequence[TransferGain]) -> str:
    numbers = [str(gain.frames) for gain in found]
    if len(numbers) == 1:
        return f"{numbers[0]} frame" + ("" if numbers == ["1"] else "s")
    return f"{', '.join(numbers[:-1])} and {numbers[-1]} frames"


def _times(found: Sequence[TransferGain]) -> str:
    low, high = (f"{choose(gain.error for gain in found):.2g}" for choose in (min, max))
    return low if low == high else f"{low} to {high}"
