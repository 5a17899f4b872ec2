"""How many steps fit into a time limit: steps and validations are timed, each stage by itself, without compilation."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gnnzoo.recipe.schema.training import Training
from gnnzoo.training.batches import BatchSampler
from gnnzoo.training.stages import Plan, TrainingStage

# Of the time that is left after calibration, this share is planned; the rest covers steps that turn out slower.
_PLANNED_SHARE = 0.95
_STEPS = 12
# Following the error may cost this share of the time, checkpoints aside; then it is done less often.
_VALIDATION_SHARE = 0.05


@dataclass(frozen=True)
class Cost:
    """Seconds of one step and of one validation, once both are compiled."""

    step: float
    validation: float


def time_step(feed: BatchSampler, run: Callable[[dict, int], None], shapes: Callable[[], int], until: float) -> float:
    """Seconds of a step, over steps for which nothing had to be compiled.

    Args:
        feed: batches.
        run: does a step with a batch; may raise what ends it all.
        shapes: for how many shapes steps are compiled by now.
        until: when to be content with fewer steps, by `time.monotonic`.
    """
    running, took = [], 0.0
    for step in range(4 * _STEPS):
        batch = feed.batch(step)
        start, known = time.monotonic(), shapes()
        run(batch, step)
        took = time.monotonic() - start
        if shapes() == known:
            running.append(took)
        if len(running) >= _STEPS or (running and time.monotonic() > until):
            break
    return float(np.mean(running)) if running else took


def time_validation(follow: Callable[[], object]) -> float:
    """Seconds of a validation after one that compiles."""
    follow()
    start = time.monotonic()
    follow()
    return time.monotonic() - start


def steps_for_time_limit(
    settings: Training, phases: list[TrainingStage], costs: list[Cost], left: float
) -> tuple[list[int], int]:
    """Steps of each stage, by its share of the `left` seconds, and epochs between validations."""
    budgets = [left * _PLANNED_SHARE * phase.share for phase in phases]
    every = settings.validate_every or max(
        math.ceil(phase.epochs / max(1, int(budget * _VALIDATION_SHARE / cost.validation)))
        for phase, cost, budget in zip(phases, costs, budgets, strict=True)
    )
    lengths = []
    for phase, cost, budget in zip(phases, costs, budgets, strict=True):
        validations = len(phase.schedule(phase.epochs, settings).validation_steps(every))
        lengths.append(max(phase.epochs, int((budget - validations * cost.validation) / cost.step)))
    return lengths, every


def trial_plan(settings: Training, phases: list[TrainingStage]) -> Plan:
    """A plan so long that its first steps hardly move anything."""
    return Plan(settings, [10**6] * len(phases))
