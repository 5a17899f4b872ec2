"""Stages in a row, and how a time limit is shared out among them."""

import time

import pytest

from gnnzoo.recipe.schema.training import Training
from gnnzoo.training.stages import Plan, stage_lengths, training_stages
from gnnzoo.training.time_limit import StageCost, steps_for_time_limit, time_step

TWO = Training(
    epochs=10,
    warmup={"epochs": 1},
    checkpoint_every=4,
    stages=[
        {"head": "direct", "share": 0.6},
        {"head": "energy", "share": 0.4, "loss": "vector", "learning_rate": {"initial": 1e-4, "schedule": "linear"}},
    ],
)


def test_without_stages_there_is_one_and_no_choice_of_a_head():
    (stage,) = training_stages(Training(epochs=7))
    assert (stage.head, stage.loss, stage.epochs, stage.share) == (None, "l1", 7, 1.0)
    assert stage_lengths(Training(), 100) == [100]


def test_a_stage_takes_its_share_and_its_defaults_from_the_whole():
    first, second = training_stages(TWO)
    assert (first.head, first.loss, first.rate.initial, first.epochs) == ("direct", "l1", 1e-3, 6)
    assert (second.head, second.loss, second.rate.initial, second.epochs) == ("energy", "vector", 1e-4, 4)
    assert stage_lengths(TWO, 105) == [63, 42]


def test_each_stage_has_a_schedule_of_its_own():
    plan = Plan(TWO, [60, 20])
    assert [plan.stage(step) for step in (0, 59, 60, 79)] == [0, 0, 1, 1]
    assert [plan.epoch(step) for step in (30, 60, 70, 80)] == [3, 6, 8, 10]
    assert plan.learning_rate(9) == pytest.approx(1e-3)  # the end of the warm-up
    assert plan.learning_rate(60) == pytest.approx(1e-4 / 5)  # five steps of it
    assert plan.learning_rate(65) == pytest.approx(1e-4)
    assert plan.in_warmup(9) and not plan.in_warmup(10) and plan.in_warmup(64)
    assert plan.checkpoint_steps() == {40, 60, 80}
    assert plan.checkpoint_steps(last_stage=True) == {80}
    assert sorted(plan.validation_steps()) == [10, 20, 30, 40, 50, 60, 65, 70, 75, 80]


def test_shares_of_a_time_limit_are_shares_of_time():
    """100 s, 95 of them planned: 57 s and 38 s. A step costs 0.1 and 0.4 s, each of 6 and 4 validations 0.2 s."""
    lengths, every = steps_for_time_limit(TWO, [StageCost(0.1, 0.2), StageCost(0.4, 0.2)], 100)
    assert (lengths, every) == ([int((57 - 1.2) / 0.1), int((38 - 0.8) / 0.4)], 1)


def test_expensive_validations_become_rare():
    """A twentieth of 57 s buys five validations of 0.5 s in six epochs: every second epoch."""
    _, every = steps_for_time_limit(TWO, [StageCost(0.1, 0.5), StageCost(0.4, 0.2)], 100)
    assert every == 2
    assert (
        steps_for_time_limit(TWO.model_copy(update={"validate_every": 3}), [StageCost(1, 9), StageCost(1, 9)], 99)[1]
        == 3
    )


def test_steps_that_compile_are_not_timed(monkeypatch):
    clock, known = [0.0], [0]
    monkeypatch.setattr("gnnzoo.training.time_limit.time.monotonic", lambda: clock[0])

    class Numbers:
        def batch(self, step):
            return step

    def run(batch, step):
        compiles = step in (0, 3)
        known[0] += compiles
        clock[0] += 20.0 if compiles else 0.5

    assert time_step(Numbers(), run, lambda: known[0], 1e9, time.monotonic) == 0.5
