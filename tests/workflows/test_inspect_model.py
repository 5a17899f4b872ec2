"""Inspection of a model: heads, reciprocal space, prior, and symmetries."""

import json
import logging
import zipfile

import pytest
from click.testing import CliRunner

from errors import refused
from gnnzoo.cli import main
from gnnzoo.errors import ModelError
from gnnzoo.recipe.io.load import resolved
from gnnzoo.workflows.inspect import inspect
from small import WATER, recipe
from trainers import STAGES, TWO_HEADS

SMOOTH = {"units": 4, "activation": "silu"}
WAVES = {
    "layers": [
        {"layer": "atom_encoder", **SMOOTH},
        {"layer": "wave_message"},
        {"layer": "atomic_density"},
        {"layer": "vector_force_decoder", **SMOOTH},
    ],
    "prior": [{"prior": "repulsion"}],
}


@pytest.fixture
def model(folder):
    """Writes the file of a model with a recipe, without its network."""

    def write(made):
        with zipfile.ZipFile("made.keras", "w") as archive:
            archive.writestr("gnnzoo.json", json.dumps({"species": ["O", "H"], "recipe": made}))
        return "made.keras"

    return write


def test_a_model_with_reciprocal_space_and_a_prior(model):
    path = model(resolved(recipe(WATER, model=WAVES, graph={"waves": 1.5, "envelope": False})))
    network = inspect(path).network
    assert (network.heads, network.waves, network.prior) == (["vector_force_decoder"], 1.5, ["repulsion"])
    assert (len(network.holds), len(network.holds_not)) == (1, 4)
    assert "rotate" in network.holds[0]
    out = " ".join(CliRunner().invoke(main, ["inspect", path]).stdout.split())
    for part in ("vector_force_decoder", "1.5", "repulsion", network.holds[0], ", ".join(network.holds_not)):
        assert part in out


def test_a_model_of_two_heads_has_the_symmetries_of_its_energy(model):
    report = inspect(model(resolved(recipe(model=TWO_HEADS, training={"stages": STAGES}))))
    network = report.network
    assert network.heads == ["pair_force_decoder", "energy_decoder"]
    assert (network.waves, network.prior) == (None, [])
    assert len(network.holds) == 5 and network.holds_not == []
    assert json.loads(json.dumps(report.to_json()))["network"]["heads"] == network.heads
    out = CliRunner().invoke(main, ["inspect", report.path]).stdout
    assert "energy_decoder" in out
    assert "waves" not in out and "does not hold" not in out


def test_a_recipe_of_another_version_has_unknown_symmetries(model, caplog):
    with caplog.at_level(logging.INFO, "gnnzoo"):
        assert inspect(model({"name": "old"})).network is None
    assert "another version" in caplog.text


def test_a_missing_model_is_refused_with_the_command_that_lists_models(folder):
    with refused(ModelError, "nofile.keras", expected="a model", hint="gnnzoo list"):
        inspect("nofile.keras")
