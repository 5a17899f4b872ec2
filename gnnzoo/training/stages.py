"""A training as one or several stages in a row, each with a schedule of its own."""

from dataclasses import dataclass, field

from gnnzoo.recipe.schema.training import LearningRate, Training
from gnnzoo.training.schedule import Schedule


@dataclass(frozen=True)
class TrainingStage:
    """One stage with all settings resolved, whether or not its length is known yet.

    Attributes:
        head: which head of the network is trained; None where it has only one.
        loss: kind of loss.
        rate: learning rate.
        share: of the whole training.
        epochs: of the recipe's.
        rates: factors of the learning rate by names or patterns of layers.
    """

    head: str | None
    loss: str
    rate: LearningRate
    share: float
    epochs: int
    rates: dict[str, float] = field(default_factory=dict)

    def schedule(self, steps: int, settings: Training) -> Schedule:
        """Schedule of this stage.

        Args:
            steps: its length.
            settings: the recipe's `training`.

        Returns:
            Learning rate, warm-up and checkpoints by step.
        """
        return Schedule(
            steps,
            self.epochs,
            self.rate.initial,
            self.rate.decay,
            settings.warmup.epochs,
            settings.checkpoint_every,
            self.rate.schedule,
        )


def training_stages(settings: Training) -> list[TrainingStage]:
    """Stages of a training.

    Args:
        settings: the recipe's `training`.

    Returns:
        A single stage where the recipe names none.
    """
    if not settings.stages:
        return [TrainingStage(None, settings.loss, settings.learning_rate, 1.0, settings.epochs, settings.rates)]
    one_head = len({stage.head for stage in settings.stages}) == 1
    shares = settings.shares()
    return [
        TrainingStage(
            None if one_head else stage.head,
            stage.loss or settings.loss,
            stage.learning_rate or settings.learning_rate,
            share,
            epochs,
            settings.rates if stage.rates is None else stage.rates,
        )
        for stage, share, epochs in zip(settings.stages, shares, _apportioned(settings.epochs, shares), strict=True)
    ]


def stage_lengths(settings: Training, steps: int) -> list[int]:
    """Steps of each stage.

    Args:
        settings: the recipe's `training`.
        steps: of all stages together, unless the stages name their own.

    Returns:
        Steps that the stages name, or their shares of `steps`; at least one each.
    """
    named = [stage.steps for stage in settings.stages if stage.steps is not None]
    return named or _apportioned(steps, [stage.share for stage in training_stages(settings)])


def _apportioned(total: int, shares: list[float]) -> list[int]:
    """A total divided by shares of 1, rounded so that the parts sum up to it; at least 1 each."""
    parts, done = [], 0.0
    for share in shares:
        before, done = round(total * done), done + share
        parts.append(max(1, round(total * done) - before))
    return parts


class Plan:
    """Schedule of a whole training: which stage a step belongs to, and what follows from it.

    Args:
        settings: the recipe's `training`.
        lengths: steps of each stage.

    Attributes:
        stages, schedules: of the training, in order.
        first_steps: number of each stage's first step.
        steps: of all stages together.
    """

    def __init__(self, settings: Training, lengths: list[int]):
        self.lengths, self.stages = list(lengths), training_stages(settings)
        pairs = zip(self.stages, self.lengths, strict=True)
        self.schedules = [stage.schedule(steps, settings) for stage, steps in pairs]
        self.first_steps = [sum(self.lengths[:number]) for number in range(len(self.lengths))]
        self._epochs_before = [sum(stage.epochs for stage in self.stages[:n]) for n in range(len(self.stages))]
        self.steps = sum(self.lengths)

    def stage(self, step: int) -> int:
        """Number of the stage of step number `step`, counted from 0.

        Returns:
            Index into `stages`.
        """
        return max(number for number, first in enumerate(self.first_steps) if first <= step)

    def step_in_stage(self, step: int) -> int:
        """Number of step number `step` within its stage.

        Returns:
            Counted from 0.
        """
        return step - self.first_steps[self.stage(step)]

    def epoch(self, step: int) -> float:
        """Epochs done after `step` steps.

        Returns:
            Epochs of the recipe.
        """
        number = self.stage(max(step - 1, 0))
        return self._epochs_before[number] + self.schedules[number].epoch(step - self.first_steps[number])

    def learning_rate(self, step: int) -> float:
        """Learning rate of step number `step`, before the factor of a plateau schedule.

        Returns:
            Learning rate.
        """
        return self.schedules[self.stage(step)].learning_rate(self.step_in_stage(step))

    def in_warmup(self, step: int) -> bool:
        """Whether step number `step` belongs to the warm-up of its stage.

        Returns:
            True within the warm-up.
        """
        return self.schedules[self.stage(step)].in_warmup(self.step_in_stage(step))

    def checkpoint_steps(self, last_stage: bool = False) -> set[int]:
        """Numbers of steps after which a checkpoint is written.

        Args:
            last_stage: leave out those of the stages before the last one.

        Returns:
            Steps of the whole training.
        """
        numbers = range(len(self.schedules))[-1:] if last_stage else range(len(self.schedules))
        return {self.first_steps[n] + step for n in numbers for step in self.schedules[n].checkpoint_steps()}

    def validation_steps(self, every: int = 1) -> set[int]:
        """Numbers of steps after which to validate: every `every` epochs, and at each checkpoint.

        Returns:
            Steps of the whole training.
        """
        return {
            first + step
            for first, schedule in zip(self.first_steps, self.schedules, strict=True)
            for step in schedule.validation_steps(every)
        }
