"""An exported model with an energy head returns energy and virial, and its card describes them."""

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo.deploy.card import make_card
from gnnzoo.deploy.comparison import Comparison
from gnnzoo.deploy.freeze import save, signature_names
from gnnzoo.deploy.readme import readme
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from small import argon_dataset, recipe

SILU = {"units": 8, "hidden_layers": 0, "activation": "silu"}
LAYERS = [{"layer": "atom_encoder", **SILU}, {"layer": "atomic_density"}, {"layer": "energy_decoder", **SILU}]
NAMES = ["results", "results_with_molecules"]
COMPARISON = Comparison(frames=1, atoms=3, largest_difference=0.0, largest_force=1.0)

pytestmark = pytest.mark.usefixtures("uncompiled")  # the exported model is the one that runs compiled


def force_field(layers=LAYERS, **info) -> ForceField:
    made = recipe(model={"layers": layers}, training=info.pop("training", {}))
    known = {"species": ["Ar"], "types": {"1": "Ar"}, "units": "real"}
    return ForceField(build_network(made, ["Ar"]), made, known | info)


def test_energy_and_virial_come_with_the_forces(tmp_path, monkeypatch):
    names = ["forces", "forces_with_molecules", *NAMES]
    monkeypatch.setattr("gnnzoo.deploy.freeze.signature_names", lambda model: names)  # the others take longer
    model = force_field(energy_offsets=[-5e6])  # so far from zero that float32 would lose the rest
    frame = argon_dataset(frames=1)[0]
    save(model, tmp_path / "frozen")
    loaded = tf.saved_model.load(str(tmp_path / "frozen"))
    arguments = [frame.positions, frame.cell, frame.pbc, frame.types]
    found = loaded.results(*arguments)
    np.testing.assert_array_equal(found["forces"], loaded.forces(*arguments))
    live = model.predictor.results(model._graph(frame))["virial"][0]
    np.testing.assert_allclose(found["virial"], live, atol=1e-4 * np.abs(live).max())
    own = model.energy(frame) + 5e6 * len(frame)
    assert float(found["energy"]) + 5e6 * len(frame) == pytest.approx(own, rel=1e-4)
    by_name = dict(zip(("positions", "cell", "pbc", "types"), map(tf.constant, arguments), strict=True))
    assert set(loaded.signatures["results"](**by_name)) == {"forces", "energy", "virial"}


@pytest.mark.parametrize(
    ("training", "zero"),
    [({}, "arbitrary zero"), ({"loss_weights": {"energy": 1}}, "zero of the training data")],
)
def test_the_card_states_the_zero_of_the_energy(training, zero):
    model = force_field(training=training)
    card = make_card(model, COMPARISON)
    assert [argument.name for argument in card.functions["results"]][:2] == ["positions", "cell"]
    assert "-dE/d(strain)" in card.returns["virial"] and zero in card.returns["energy"]
    assert zero in readme(model, card) and "kcal/mol" in readme(model, card)


def test_a_model_of_forces_alone_has_no_energy():
    pair = force_field([*LAYERS[:-1], {"layer": "pair_force_decoder", **SILU}])
    assert not set(NAMES) & set(signature_names(pair))
    assert "energy" not in make_card(pair, COMPARISON).returns
    assert "`energies`" not in readme(pair, make_card(pair, COMPARISON))
    assert set(NAMES) < set(signature_names(force_field()))
