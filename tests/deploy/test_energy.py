"""A frozen model that has an energy answers with it, and its card says what it is."""

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo.deploy.card import _card, _readme
from gnnzoo.deploy.freeze import Comparison, save, signature_names
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from small import argon_dataset, recipe

SILU = {"units": 8, "hidden_layers": 0, "activation": "silu"}
LAYERS = [{"layer": "atom_encoder", **SILU}, {"layer": "atomic_density"}, {"layer": "energy_decoder", **SILU}]
NAMES = ["results", "results_with_molecules"]


def force_field(layers=LAYERS, **info) -> ForceField:
    made = recipe(model={"layers": layers}, training=info.pop("training", {}))
    known = {"species": ["Ar"], "types": {"1": "Ar"}, "units": "real"}
    return ForceField(build_network(made, ["Ar"]), made, known | info)


def test_energy_and_virial_come_with_the_forces(tmp_path):
    model, frame = (
        force_field(energy_offsets=[-5e6]),
        argon_dataset(frames=1)[0],
    )  # so far from zero float32 would lose the rest
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
    ("training", "said"),
    [({}, "from a zero of its own"), ({"loss_weights": {"energy": 1}}, "from the zero of the data")],
)
def test_the_card_says_where_the_zero_of_the_energy_is(training, said):
    model = force_field(training=training)
    card = _card(model, Comparison(frames=1, atoms=3, largest=0.0, scale=1.0))
    assert [argument["name"] for argument in card["functions"]["results"]][:2] == ["positions", "cell"]
    assert "-dE/d(strain)" in card["returns"]["virial"] and said in card["returns"]["energy"]
    assert said in _readme(model, card) and "kcal/mol" in _readme(model, card)


def test_forces_alone_have_no_energy():
    pair = force_field([*LAYERS[:-1], {"layer": "pair_force_decoder", **SILU}])
    assert not set(NAMES) & set(signature_names(pair))
    text = _readme(pair, _card(pair, Comparison(frames=1, atoms=3, largest=0.0, scale=1.0)))
    assert "virial" not in text
    assert set(NAMES) < set(signature_names(force_field()))
