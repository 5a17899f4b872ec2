"""A whole training as stages in a row, each with a schedule of its own; most trainings have one."""

from dataclasses import dataclass, field

from gnnzoo.recipe.schema.training import LearningRate, Training
from gnnzoo.training.schedule import Schedule


@dataclass(frozen=True)
class TrainingStage:
    """What a stage of the recipe comes to, whether or not its length is known already.

    Attributes:
        head: which head of the network answers; None where it has but one.
        loss: kind of loss.
        rate: learning rate.
        share: of the whole.
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
        """Its schedule, `steps` steps long."""
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
    """The stages of a recipe; one where it names none."""
    if not settings.stages:
        return [TrainingStage(None, settings.loss, settings.learning_rate, 1.0, settings.epochs, settings.rates)]
    one_head = len({stage.head for stage in settings.stages}) == 1
    found, done = [], 0.0
    for stage, share in zip(settings.stages, settings.shares(), strict=True):
        before, done = round(settings.epochs * done), done + share
        found.append(
            TrainingStage(
                None if one_head else stage.head,
                stage.loss or settings.loss,
                stage.learning_rate or settings.learning_rate,
                share,
                max(1, round(settings.epochs * done) - before),
                settings.rates if stage.rates is None else stage.rates,
            )
        )
    return found


def lengths_of(settings: Training, steps: int) -> list[int]:
    """Steps of each stage: those that it names, or its share of `steps`; none is empty."""
    if settings.stages and settings.stages[0].steps is not None:
        return [stage.steps for stage in settings.stages]
    found, done = [], 0.0
    for phase in training_stages(settings):
        before, done = round(steps * done), done + phase.share
        found.append(max(1, round(steps * done) - before))
    return found


class Plan:
    """Which stage a step belongs to, and all that follows from it, by steps of the whole.

    Args:
        settings: the recipe's `training`.
        lengths: steps of each stage.
    """

    def __init__(self, settings: Training, lengths: list[int]):
        self.lengths, self.phases = list(lengths), training_stages(settings)
        self.schedules = [
            phase.schedule(steps, settings) for phase, steps in zip(self.phases, self.lengths, strict=True)
        ]
        self.begins = [sum(self.lengths[:number]) for number in range(len(self.lengths))]
        self._epochs_before = [
            sum(phase.epochs for phase in self.phases[:number]) for number in range(len(self.phases))
        ]
        self.steps = sum(self.lengths)

    def stage(self, step: int) -> int:
        """The stage of step number `step`, counted from 0."""
        return max(number for number, begin in enumerate(self.begins) if begin <= step)

    def local(self, step: int) -> int:
        """Number of the step within its stage."""
        return step - self.begins[self.stage(step)]

    def epoch(self, step: int) -> float:
        """Epochs done after `step` steps."""
        number = self.stage(max(step - 1, 0))
        return self._epochs_before[number] + self.schedules[number].epoch(step - self.begins[number])

    def learning_rate(self, step: int) -> float:
        """Learning rate of step number `step`, before a plateau has its say."""
        return self.schedules[self.stage(step)].learning_rate(self.local(step))

    def in_warmup(self, step: int) -> bool:
        """Whether step number `step` belongs to the warm-up of its stage."""
        return self.schedules[self.stage(step)].in_warmup(self.local(step))

    def checkpoint_steps(self, last_stage: bool = False) -> set[int]:
        """After how many steps a checkpoint is made; `last_stage` leaves out those of the stages before it."""
        numbers = range(len(self.schedules))[-1:] if last_stage else range(len(self.schedules))
        return {self.begins[n] + step for n in numbers for step in self.schedules[n].checkpoint_steps()}

    def validation_steps(self, every: int = 1) -> set[int]:
        """After how many steps the error is followed: every so many epochs, and at each checkpoint."""
        return {
            begin + step
            for begin, schedule in zip(self.begins, self.schedules, strict=True)
            for step in schedule.validation_steps(every)
        }
