"""Fixtures of the tests of transfers: data of argon and a model of water."""

import shutil

import pytest

from gnnzoo.models.files import load_model
from gnnzoo.workflows.train import train
from small import WATER, recipe
from transfers import STACK, argon_h5, water_h5


@pytest.fixture(scope="module")
def argon(workshop):
    return argon_h5(workshop)


@pytest.fixture(scope="module")
def water(workshop):
    """A model that was trained on water for two steps."""
    data = water_h5(workshop)
    train(recipe(WATER, model=STACK, training={"steps": 2, "augmentation": {}}), data=data, output="water.keras")
    return load_model("water.keras")


@pytest.fixture
def model_copy(water, workshop, folder):
    """The water model copied to an empty working folder."""
    shutil.copy(workshop / "water.keras", folder / "water.keras")
    return folder
