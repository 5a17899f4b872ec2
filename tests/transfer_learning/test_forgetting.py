"""Forgetting: the error on the source's own frames before and after a transfer."""

import json
import shutil

import pytest

from gnnzoo.models.files import load_model
from gnnzoo.recipe.io.load import recipe_from_dict, resolved
from gnnzoo.transfer_learning.forgetting import measure_forgetting
from gnnzoo.workflows.transfer import transfer
from transfers import ENCODER, HEAD, MESSAGES, STACK, argon_h5, stir, target, transfer_start

START = {"model": "water.keras", "strategy": "full"}
RAW = STACK | {"normalization": "none"}  # keeps the scales of the source

pytestmark = pytest.mark.usefixtures("few_points")


def untrained(water, made, data):
    """The target model before training, with the other arguments of `measure_forgetting`."""
    start = transfer_start(water, made, data)
    start.model.info = {"species": ["Ar"], "units": made.data.units}
    return start.model, start.initial_weights, start.factor, start.output_gain


@pytest.mark.parametrize("model", [RAW, STACK], ids=["source scales", "target scales"])
def test_an_untrained_target_has_forgotten_nothing(water, argon, model):
    found = measure_forgetting(water, *untrained(water, target(START, model=model), argon))
    assert found.before == water.info["figures"]["test"]["relative"]
    assert found.after == pytest.approx(found.before, rel=1e-5)
    assert (found.frames, found.part) == (2, "test") and "source" in found.how


def test_a_conversion_of_units_is_no_forgetting(water, workshop):
    """Forces of the target are in eV/A, and so is epsilon at the input of the network."""
    raw = resolved(target(START, model=RAW))
    raw["data"]["units"] = "metal"
    model, *rest = untrained(water, recipe_from_dict(raw), argon_h5(workshop, "metal"))
    assert rest[1] == pytest.approx(0.0433641, rel=1e-5)
    found = measure_forgetting(water, model, *rest)
    assert found.after == pytest.approx(found.before, rel=1e-4)


def test_changed_weights_have_forgotten(water, argon):
    model, *rest = untrained(water, target(START, model=RAW), argon)
    stir(model.network, by=1.0)
    found = measure_forgetting(water, model, *rest)
    assert found.after > 2 * found.before
    for weight in model.network.get_layer(HEAD).trainable_variables:
        weight.assign(weight * 0)
    assert measure_forgetting(water, model, *rest).after == pytest.approx(1.0)  # the error of zero forces
    assert found.before == water.info["figures"]["test"]["relative"]  # the source is not changed


def test_reset_layers_keep_the_weights_of_the_source(water, argon):
    """No weight was copied to them, so nothing can be forgotten in them."""
    model, *rest = untrained(water, target(START | {"reset": [HEAD]}, model=RAW), argon)
    stir(model.network.get_layer(HEAD), by=1.0)
    found = measure_forgetting(water, model, *rest)
    assert found.after == pytest.approx(found.before, rel=1e-5)


def test_forgetting_is_logged_and_stored_in_the_model(water, argon, model_copy, caplog):
    caplog.set_level("INFO", "gnnzoo")
    model = transfer("water.keras", target(steps=1), data=argon, freeze=[ENCODER, MESSAGES])
    stored = load_model(model.path).info["origin"]["forgotten"]
    assert stored["after"] != stored["before"]
    assert stored["before"] == water.info["figures"]["test"]["relative"]
    (message,) = [text for text in caplog.messages if "frames of the source" in text]
    for number in (f"{stored['before']:.2%}", f"{stored['after']:.2%}", "2 test frames"):
        assert number in message


def test_without_the_source_data_forgetting_is_unknown(model_copy, workshop, argon, caplog):
    caplog.set_level("INFO", "gnnzoo")
    shutil.move(workshop / "water.h5", workshop / "elsewhere.h5")
    try:
        model = transfer("water.keras", target(steps=1), data=argon)
    finally:
        shutil.move(workshop / "elsewhere.h5", workshop / "water.h5")
    assert json.loads(json.dumps(load_model(model.path).info["origin"]))["forgotten"] is None
    assert any("water.h5" in text and "missing" in text for text in caplog.messages)
