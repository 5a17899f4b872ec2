"""A layer of another package from recipe to frozen model, for tests/models/test_layer_packages.py."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import dumps
from gnnzoo import freeze, load_model, train, transfer
from gnnzoo.models.archive import read_info
from small import ARGON, recipe

FOLDER = Path(os.environ["GNNZOO_TEST_FOLDER"])  # where the outer test looks for the models afterwards
LAYERS = [*ARGON["model"]["layers"][:3], {"layer": "filtered_sum"}, ARGON["model"]["layers"][4]]


@pytest.fixture(scope="module", autouse=True)
def working_folder():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(FOLDER)
        patch.setattr("gnnzoo.workflows.transfer.PAIR_POINTS", 2)
        dumps.argon_dump(FOLDER / "argon.lammpstrj", frames=10, side=2)
        yield


def made(name, **graph):
    return recipe(name=name, model={"layers": LAYERS}, graph=graph, training={"epochs": 1, "warmup": {"epochs": 0}})


def test_it_is_trained_saved_loaded_frozen_and_transferred():
    tf.config.run_functions_eagerly(True)
    model = train(made("first"), data="argon.lammpstrj")
    frame = model.info["example"]
    moved = transfer("first.keras", made("second", cutoff=5.0), data="argon.lammpstrj", output="second.keras")
    tf.config.run_functions_eagerly(False)

    assert read_info("first.keras")["layer_packages"] == {
        "filtered_sum": {"package": "gnnzoo-example-layer", "version": "0.1.0"}
    }
    sys.modules.pop("gnnzoo_example_layer.keras_layer")
    again = load_model("first.keras")
    names = [layer.name for layer in again.network.layers]
    assert "filtered_sum_1" in names
    for ours, theirs in zip(again.network.weights, model.network.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert again.info["example"] == frame
    moves = {move[0]: (move[1], move[-1]) for move in moved.info["origin"]["moves"]}
    action, reason = moves["filtered_sum_1"]
    assert action == "copied" and "extended" in reason, "radial weights are fitted to the new cutoff"
    assert list(Path(freeze("first.keras")).rglob("saved_model.pb"))
