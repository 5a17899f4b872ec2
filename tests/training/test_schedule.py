"""Learning rate, warm-up and checkpoints as functions of the step."""

import pytest

from errors import refused
from gnnzoo.errors import UserError
from gnnzoo.training.schedule import Schedule, seconds


def schedule(steps=500, **changes):
    values = {"epochs": 50, "initial": 1e-3, "decay": 0.9, "warmup_epochs": 5, "checkpoint_every": 6} | changes
    return Schedule(steps, **values)


def test_the_warm_up_is_a_linear_ramp():
    s = schedule()
    assert s.learning_rate(0) == pytest.approx(1e-3 / 50)
    assert s.learning_rate(24) == pytest.approx(1e-3 / 2)
    assert s.learning_rate(49) == pytest.approx(1e-3)
    assert s.in_warmup(49) and not s.in_warmup(50)


def test_then_it_decays_by_the_factor_each_epoch():
    s = schedule()
    assert s.learning_rate(50) == pytest.approx(1e-3)
    assert s.learning_rate(60) == pytest.approx(0.9e-3)
    assert s.learning_rate(499) == pytest.approx(1e-3 * 0.9**44.9)


@pytest.mark.parametrize(("shape", "half"), [("cosine", 0.5), ("linear", 0.5)])
def test_others_come_down_to_zero_at_the_end(shape, half):
    s = schedule(shape=shape)  # 50 steps of warm-up, 450 after it
    assert s.learning_rate(49) == pytest.approx(1e-3)
    assert s.learning_rate(50) == pytest.approx(1e-3)
    assert s.learning_rate(275) == pytest.approx(half * 1e-3)
    assert 0 < s.learning_rate(499) < 3e-6
    assert s.learning_rate(500) == pytest.approx(0, abs=1e-18)


def test_a_cosine_is_flat_at_its_ends_and_a_line_is_not():
    quarter = 50 + 450 // 4
    assert schedule(shape="cosine").learning_rate(quarter) == pytest.approx(0.8545e-3, rel=1e-3)  # (1 + cos 45 deg) / 2
    assert schedule(shape="linear").learning_rate(quarter) == pytest.approx(0.7511e-3, rel=1e-3)


def test_a_plateau_schedule_is_constant_by_itself():
    assert schedule(shape="plateau").learning_rate(499) == 1e-3


def test_a_warm_up_as_long_as_the_schedule():
    s = schedule(5, epochs=5, shape="linear")
    assert s.learning_rate(4) == pytest.approx(1e-3)


def test_a_schedule_of_another_length_keeps_its_proportions():
    long, short = schedule(5000), schedule(500)
    for share in (0.05, 0.2, 0.5, 0.99):
        assert long.learning_rate(int(5000 * share)) == pytest.approx(short.learning_rate(int(500 * share)), rel=0.1)


def test_a_checkpoint_every_six_epochs_and_at_the_end():
    assert sorted(schedule().checkpoint_steps()) == [60, 120, 180, 240, 300, 360, 420, 480, 500]
    assert schedule().checkpoint_steps() <= schedule().validation_steps()


def test_fewer_steps_than_epochs_still_ends():
    s = schedule(7)
    assert max(s.validation_steps()) == 7
    assert s.learning_rate(0) > 0


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("8m", 480), ("1h30m", 5400), ("45", 45), ("0.5h", 1800), ("1d", 86400)]
)
def test_times(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["soon", "8 minutes", "-3m", "0s", "", "m8"])
def test_what_is_no_time_is_refused_with_an_example(text):
    with refused(UserError, f"'{text}'", hint="--time-limit 8m"):
        seconds(text)
