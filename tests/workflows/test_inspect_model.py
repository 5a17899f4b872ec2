"""What `gnnzoo inspect` tells of a model: heads, waves, prior, and what it promises."""

import json
import zipfile

import pytest
from click.testing import CliRunner

from gnnzoo.cli import main
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


def test_a_model_of_waves_and_a_prior(model):
    raw = resolved(recipe(WATER, model=WAVES, graph={"waves": 1.5, "envelope": False}))
    path = model(raw)
    assert inspect(path)["network"] == {
        "heads": ["vector_force_decoder"],
        "waves": 1.5,
        "prior": ["repulsion"],
        "holds": ["forces turn with the atoms"],
        "holds_not": [
            "smooth at the cutoff",
            "derived from an energy",
            "sum to zero",
            "far groups do not feel each other",
        ],
    }
    said = " ".join(CliRunner().invoke(main, ["inspect", path]).stdout.split())
    for part in (
        "head vector_force_decoder",
        "waves up to 1.5",
        "prior repulsion",
        "holds forces turn with the atoms",
        "does not hold smooth at the cutoff, derived from an energy, sum to zero",
    ):
        assert part in said


def test_a_model_of_two_heads_answers_with_its_energy(model):
    path = model(resolved(recipe(model=TWO_HEADS, training={"stages": STAGES})))
    network = inspect(path)["network"]
    assert network["heads"] == ["pair_force_decoder", "energy_decoder"]
    assert (network["waves"], network["prior"]) == (None, [])
    assert len(network["holds"]) == 5 and network["holds_not"] == []
    said = " ".join(CliRunner().invoke(main, ["inspect", path]).stdout.split())
    assert "head pair_force_decoder, energy_decoder" in said
    assert "derived from an energy" in said
    assert "waves" not in said and "does not hold" not in said


def test_a_recipe_of_another_version_promises_nothing(model, capsys):
    assert inspect(model({"name": "old"}))["network"] is None
    assert "its recipe is of another version" in capsys.readouterr().err
