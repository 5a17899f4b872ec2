"""What is said when a training with stages ends: which head was never trained, and how to repeat it."""

import pytest

import dumps
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.train import train
from small import recipe
from trainers import STAGES, TWO_HEADS

UNTRAINED = "the energy head, whose output the model returns, was never trained"


@pytest.fixture(scope="module")
def argon(workshop):
    dumps.argon_dump(workshop / "argon.lammpstrj", frames=20)
    return convert("argon.lammpstrj", units="real", types={1: "Ar"}).path.resolve()


def said(argon, capsys, **training):
    settings = {"stages": STAGES, "warmup": {"epochs": 0}, "validation_frames": 1}
    train(recipe(model=TWO_HEADS, training=settings | training), data=argon)
    return capsys.readouterr().err


@pytest.mark.parametrize(("stop_after", "warned"), [(2, True), (3, False)])
def test_an_energy_head_that_was_never_trained_is_told(argon, folder, capsys, stop_after, warned):
    told = said(argon, capsys, steps=4, stop_after=stop_after)  # two of each stage
    assert (UNTRAINED in told) == warned


def test_stages_of_a_fixed_number_of_steps_are_repeated_by_that_number(argon, folder, capsys):
    assert "with --set training.steps=4 and without a time limit" in said(argon, capsys, steps=4)


def test_stages_may_have_steps_alone(argon, folder, capsys):
    stages = [{"head": stage["head"], "steps": 2} for stage in STAGES]
    told = said(argon, capsys, stages=stages)
    assert "--set 'training.stages[0].steps=2' --set 'training.stages[1].steps=2'" in told
    assert UNTRAINED not in told
