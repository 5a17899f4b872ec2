"""Schedule of a training: learning rate, warm-up and checkpoints as functions of the step alone, so that a resumed run,
or one repeated with the same number of steps, follows the same curve."""

import math
import re
from dataclasses import dataclass

from gnnzoo.errors import UserError


@dataclass(frozen=True)
class Schedule:
    """A schedule of `steps` steps in `epochs` epochs.

    With a number of steps or a time limit instead of epochs, its epochs are shares of the whole rather than passes over
    the data, so that warm-up and decay keep their proportions.

    Attributes:
        steps: length in steps.
        epochs: length in epochs of the recipe.
        initial: learning rate at the end of the warm-up.
        decay: factor per epoch after the warm-up, for the exponential shape.
        warmup_epochs: length of the linear ramp.
        checkpoint_every: epochs between checkpoints.
        shape: "exponential", "cosine", "linear" or "plateau" (constant here; see `progress.Patience`).
    """

    steps: int
    epochs: int
    initial: float
    decay: float
    warmup_epochs: int
    checkpoint_every: int
    shape: str = "exponential"

    def epoch(self, step: int) -> float:
        """Epochs done after `step` steps.

        Returns:
            Epochs of the recipe.
        """
        return self.epochs * step / self.steps

    def in_warmup(self, step: int) -> bool:
        """Whether step number `step`, counted from 0, belongs to the warm-up.

        Returns:
            True within the warm-up.
        """
        return self.epoch(step) < self.warmup_epochs

    def learning_rate(self, step: int) -> float:
        """Learning rate of step number `step`, counted from 0.

        Returns:
            Learning rate.
        """
        if self.in_warmup(step):
            return self.initial * min(1.0, self.epoch(step + 1) / self.warmup_epochs)
        after = self.epoch(step) - self.warmup_epochs
        if self.shape == "exponential":
            return self.initial * self.decay**after
        done = after / (self.epochs - self.warmup_epochs)  # 0 at the end of the warm-up, 1 at the end of all
        if self.shape == "cosine":
            return self.initial * 0.5 * (1 + math.cos(math.pi * done))
        return self.initial * (1 - done) if self.shape == "linear" else self.initial

    def step_of_epoch(self, epoch: int) -> int:
        """Steps done when `epoch` epochs are complete.

        Returns:
            Number of steps.
        """
        return min(self.steps, math.ceil(self.steps * epoch / self.epochs))

    def checkpoint_steps(self) -> set[int]:
        """Numbers of steps after which a checkpoint is written.

        Returns:
            Numbers of steps, the last one included.
        """
        every = range(self.checkpoint_every, self.epochs, self.checkpoint_every)
        return {self.step_of_epoch(epoch) for epoch in every} | {self.steps}

    def validation_steps(self, every: int = 1) -> set[int]:
        """Numbers of steps after which to validate: every `every` epochs, and at each checkpoint.

        Returns:
            Numbers of steps.
        """
        return {self.step_of_epoch(epoch) for epoch in range(every, self.epochs + 1, every)} | self.checkpoint_steps()


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """Parse a duration such as '90s', '8m', '1h30m', '2h' or plain seconds.

    Args:
        text: as the user gave it.

    Returns:
        Seconds, more than zero.

    Raises:
        UserError: it is none of these, or zero.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip())
    rebuilt = "".join(number + unit for number, unit in parts)
    total = sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    if rebuilt != text.replace(" ", "") or total <= 0:
        raise UserError(f"'{text}' is not a time", expected="a time such as 90s, 8m or 1h30m", hint="--time-limit 8m")
    return total
