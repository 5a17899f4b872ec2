"""Messages at the end of a training with stages: untrained heads, and options to repeat it."""

import pytest

import dumps
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.train import train
from lines import repeated_options
from small import recipe
from trainers import STAGES, TWO_HEADS

UNTRAINED = "energy head"


@pytest.fixture(scope="module")
def argon(workshop):
    dumps.argon_dump(workshop / "argon.lammpstrj", frames=21)
    return convert("argon.lammpstrj", units="real", types={1: "Ar"}).path.resolve()


def logged(argon, messages, **training):
    settings = {"stages": STAGES, "warmup": {"epochs": 0}, "validation_frames": 1}
    train(recipe(model=TWO_HEADS, training=settings | training), data=argon)
    return messages()


@pytest.mark.parametrize(("stop_after", "warned"), [(2, True), (3, False)])
def test_an_untrained_energy_head_is_a_warning(argon, folder, messages, stop_after, warned):
    text = logged(argon, messages, steps=4, stop_after=stop_after)  # two of each stage
    assert (UNTRAINED in text) == warned


def test_stages_of_a_fixed_number_of_steps_are_repeated_by_that_number(argon, folder, messages):
    assert repeated_options(logged(argon, messages, steps=4)) == ["--set", "training.steps=4"]


def test_stages_may_have_steps_alone(argon, folder, messages):
    stages = [{"head": stage["head"], "steps": 2} for stage in STAGES]
    text = logged(argon, messages, stages=stages)
    assert repeated_options(text) == ["--set", "training.stages[0].steps=2", "--set", "training.stages[1].steps=2"]
    assert UNTRAINED not in text
