"""Number of steps that fit into a time limit: steps and validations of each stage are timed without compilation."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gnnzoo.recipe.schema.training import Training
from gnnzoo.training.batches import Batch
from gnnzoo.training.stages import Plan, training_stages

# Share of the remaining time that is planned: steps within one run vary by a few per cent on a shared machine.
_PLANNED_SHARE = 0.95
# Timed steps: their mean is then good to some per cent, which `_PLANNED_SHARE` allows for, at a cost of seconds.
_STEPS = 12
# Validation may take this share of the time, checkpoints aside; otherwise it is done less often.
_VALIDATION_SHARE = 0.05
# Length of the stages of a trial plan: so long that warm-up leaves the learning rate of the first steps near zero.
_TRIAL_STEPS = 10**6


class Sampler(Protocol):
    """Anything that makes batches by step number."""

    def batch(self, step: int) -> Batch:
        """Batch of step number `step`.

        Returns:
            Model inputs and reference values.
        """


@dataclass(frozen=True)
class StageCost:
    """Seconds of one step and of one validation of a stage, once both are compiled."""

    step: float
    validation: float


def time_step(
    sampler: Sampler,
    run: Callable[[Batch, int], None],
    shapes: Callable[[], int],
    until: float,
    clock: Callable[[], float],
) -> float:
    """Time a step, over steps for which nothing has to be compiled.

    Args:
        sampler: makes the batches.
        run: does a step with a batch; an exception of it ends the trial.
        shapes: number of shapes for which steps are compiled by now.
        until: when to be content with fewer steps, by `clock`.
        clock: seconds, without those of compilation.

    Returns:
        Mean seconds of a step.
    """
    timed, seconds = [], 0.0
    for step in range(4 * _STEPS):
        batch = sampler.batch(step)
        start, known = time.monotonic(), shapes()
        run(batch, step)
        seconds = time.monotonic() - start
        if shapes() == known:
            timed.append(seconds)
        if len(timed) >= _STEPS or (timed and clock() > until):
            break
    return float(np.mean(timed)) if timed else seconds


def time_validation(validate: Callable[[], object]) -> float:
    """Time a validation, after one that compiles.

    Args:
        validate: does one.

    Returns:
        Seconds.
    """
    validate()
    start = time.monotonic()
    validate()
    return time.monotonic() - start


def steps_for_time_limit(settings: Training, costs: list[StageCost], seconds: float) -> tuple[list[int], int]:
    """Lengths of the stages that fit into a time limit.

    Args:
        settings: the recipe's `training`.
        costs: of each stage.
        seconds: left for training; each stage gets its share.

    Returns:
        Steps of each stage, and epochs between validations.
    """
    stages = training_stages(settings)
    budgets = [seconds * _PLANNED_SHARE * stage.share for stage in stages]
    every = settings.validate_every or max(
        math.ceil(stage.epochs / max(1, int(budget * _VALIDATION_SHARE / cost.validation)))
        for stage, cost, budget in zip(stages, costs, budgets, strict=True)
    )
    lengths = []
    for stage, cost, budget in zip(stages, costs, budgets, strict=True):
        validations = len(stage.schedule(stage.epochs, settings).validation_steps(every))
        lengths.append(max(stage.epochs, int((budget - validations * cost.validation) / cost.step)))
    return lengths, every


def trial_plan(settings: Training) -> Plan:
    """Plan so long that its first steps hardly change the weights.

    Args:
        settings: the recipe's `training`.

    Returns:
        A plan to time steps with.
    """
    return Plan(settings, [_TRIAL_STEPS] * len(training_stages(settings)))
