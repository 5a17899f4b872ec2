"""An exported folder runs with TensorFlow alone and returns the forces of the live model."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from errors import refused
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.deploy.comparison import TOLERANCE
from gnnzoo.errors import ModelError
from gnnzoo.models.build import Scales, build_network, network_species
from gnnzoo.models.files import ForceField, load_model, save_model
from gnnzoo.outputs import OutputError
from gnnzoo.units import EV_PER_KCAL_MOL
from gnnzoo.workflows.check import check
from gnnzoo.workflows.freeze import freeze
from small import WATER, recipe
from systems import changed, replicated, water_frame

pytestmark = pytest.mark.usefixtures("uncompiled")  # the exported model is the one that runs compiled


def water_model() -> ForceField:
    """An untrained network for water that reads the bond one-hot, with weights of every size."""
    settings = recipe(
        WATER,
        graph={"edges": ["bond", "radial"], "cutoff": 3.5},
        model={
            "layers": [
                {"layer": "atom_encoder", "units": 8, "hidden_layers": 1},
                {"layer": "graph_norm"},
                {"layer": "message_passing", "combine": "sum", "units": 8, "hidden_layers": 0, "bond_features": True},
                {"layer": "prelu"},
                {"layer": "pair_force_decoder", "units": 8, "hidden_layers": 0, "activation": "silu"},
            ]
        },
    )
    species = network_species(settings)
    network = build_network(settings, species, Scales(force=20.0, neighbors=12.0))
    frame = water_frame()
    info = {
        "species": species,
        "types": {"1": "O", "2": "H"},
        "units": "real",
        "trained": "2026-01-01 00:00:00",
        "figures": {"validation": None, "test": None},
        "dataset": {"path": "gone.h5", "fingerprint": "none"},
        "split": {"train": [0], "validation": [], "test": []},
        "example": {
            "positions": frame.positions.tolist(),
            "cell": frame.cell.tolist(),
            "pbc": frame.pbc.tolist(),
            "types": frame.types.tolist(),
            "molecules": frame.molecules.tolist(),
            "forces": frame.forces.tolist(),
        },
    }
    return ForceField(network, settings, info)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """The folder, and the model it was made from."""
    folder = tmp_path_factory.mktemp("frozen")
    model = load_model(save_model(water_model(), folder / "water.keras"))
    return freeze(model, folder / "water-frozen").folder, model


def arguments(frame, molecules=True):
    parts = [frame.positions, frame.cell, frame.pbc, frame.types]
    return parts + ([frame.molecules] if molecules else [])


def test_forces_equal_the_live_ones_for_any_size_and_box(frozen):
    folder, model = frozen
    loaded = tf.saved_model.load(str(folder))
    tilted = water_frame(cell=np.array([[6.3, 0, 0], [1.0, 6.2, 0], [-0.8, 0.5, 6.4]]))
    small = water_frame(molecules=2, box=4.0)  # smaller than twice the cutoff
    for frame in (water_frame(), tilted, small, replicated(small, (2, 2, 1))):
        live = model.forces(frame)
        assert np.max(np.abs(live)) > 0.1
        np.testing.assert_allclose(loaded.forces(*arguments(frame)), live, atol=1e-5 * np.max(np.abs(live)))
        without = model.forces(changed(frame, molecules=None))
        assert np.max(np.abs(without - live)) > 1e-3 * np.max(np.abs(live))
        np.testing.assert_allclose(
            loaded.forces(*arguments(frame, molecules=False)), without, atol=1e-5 * np.max(np.abs(without))
        )


def test_edges_may_come_in_any_order(frozen):
    folder, model = frozen
    frame = water_frame()
    graph = graph_of(frame, model.species, model.cutoff, model.recipe.graph.bonds)
    order = np.random.default_rng(0).permutation(len(graph.senders))
    edges = [tf.constant(part[order]) for part in (graph.senders, graph.receivers, graph.vectors, graph.edge_class)]
    module = tf.saved_model.load(str(folder))  # kept: it holds the variables of its functions
    found = module.forces_from_edges(tf.constant(frame.types, tf.int32), *edges).numpy()
    np.testing.assert_allclose(found, model.forces(frame), rtol=0, atol=1e-4 * np.abs(found).max())


def test_the_example_of_the_readme_runs_without_gnnzoo_and_keras(frozen):
    folder, _ = frozen
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL).group(1)
    alone = "import sys\nfor name in ('gnnzoo', 'keras', 'tf_keras'): sys.modules[name] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", alone + code], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    label, difference = done.stdout.strip().rsplit(" ", 1)
    assert label.startswith("largest difference")
    assert float(difference) < 1e-5 * np.max(np.abs(np.load(folder / "example.npz")["forces"]))


def test_the_script_for_ase_runs_the_model(frozen, folder, monkeypatch, capsys):
    path, model = frozen
    monkeypatch.setattr(sys, "argv", ["run_ase.py", "90", "20"])
    ran = runpy.run_path(str(path / "run_ase.py"))
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["step", "temperature_K"]  # this model has no energy
    assert [int(row.split()[0]) for row in rows] == [0, 10, 20]
    assert float(rows[0].split()[1]) == pytest.approx(90, rel=0.5)
    atoms, frame = ran["atoms"], water_frame()
    assert atoms.get_chemical_symbols() == frame.names.tolist()
    assert (ran["timestep"], np.ptp(atoms.positions - frame.positions) > 0) == (0.5, True)
    moved = changed(frame, positions=atoms.positions, molecules=None)  # it was trained without
    expected = model.forces(moved) * EV_PER_KCAL_MOL
    np.testing.assert_allclose(atoms.get_forces(), expected, atol=TOLERANCE * np.abs(expected).max())


def test_signatures_have_named_arguments(frozen):
    folder, model = frozen
    loaded = tf.saved_model.load(str(folder))
    assert set(loaded.signatures) == {
        "forces",
        "forces_with_molecules",
        "forces_from_edges",
        "forces_from_classified_edges",
        "edges",
        "edges_float64",
    }
    frame = water_frame()
    outputs = loaded.signatures["forces_with_molecules"](
        positions=tf.constant(frame.positions),
        cell=tf.constant(frame.cell),
        pbc=tf.constant(frame.pbc),
        types=tf.constant(frame.types),
        molecules=tf.constant(frame.molecules),
    )
    live = model.forces(frame)
    np.testing.assert_allclose(outputs["forces"], live, atol=1e-5 * np.max(np.abs(live)))


def test_an_unknown_type_is_refused_with_the_known_ones(frozen):
    loaded = tf.saved_model.load(str(frozen[0]))
    frame = water_frame()
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 = O, 2 = H"):
        loaded.forces(*arguments(changed(frame, types=np.where(frame.types == 2, 3, 1).astype(np.int32))))


def test_the_card_describes_the_functions(frozen):
    folder, model = frozen
    card = json.loads((folder / "card.json").read_text())
    assert card["units"] == {"style": "real", "length": "A", "force": "kcal/mol/A"}
    assert card["cutoff"] == 3.5
    assert card["types"] == {"1": "O", "2": "H"}
    assert [argument["name"] for argument in card["functions"]["forces"]] == [
        "positions",
        "cell",
        "pbc",
        "types",
        "molecules",
    ]
    assert card["recipe"]["model"]["layers"][0]["layer"] == "atom_encoder"
    assert card["compared"]["largest_difference"] <= TOLERANCE * card["compared"]["largest_force"]
    text = (folder / "README.md").read_text()
    for part in ("1 = O, 2 = H", "cutoff: 3.5 A", "kcal/mol/A", "forces_from_edges", model.recipe.name):
        assert part in text


def test_a_folder_is_verified(frozen):
    folder, _ = frozen
    found = check(folder)
    assert [one.name for one in found.functions] == ["forces", "edges", "edges_float64"]
    assert all(one.difference <= 1e-5 for one in found.functions)
    assert found.files == sum(path.is_file() for path in folder.rglob("*")) - 1
    assert (found.atoms, found.units) == (len(water_frame()), "real")


CHANGES = {
    "a constant": lambda folder: (folder / "plugin.txt").write_text("format 2\n"),
    "no weights": lambda folder: (folder / "variables/variables.index").unlink(),
    "no list": lambda folder: (folder / "SHA256SUMS").unlink(),
    "another list": lambda folder: (folder / "SHA256SUMS").write_text(f"{'0' * 64}  ../../etc/passwd\n"),
    "nothing": shutil.rmtree,
}


@pytest.mark.parametrize(
    ("change", "name"),
    list(zip(CHANGES, ("plugin.txt", "variables.index", "SHA256SUMS", "SHA256SUMS", "copy"), strict=True)),
)
def test_a_folder_that_was_changed_is_refused(frozen, folder, change, name):
    shutil.copytree(frozen[0], "copy")
    CHANGES[change](folder / "copy")
    with pytest.raises(ModelError) as caught:
        check("copy")
    assert caught.value.location.file.name == name and "gnnzoo freeze" in caught.value.hint


@pytest.fixture
def few_functions(monkeypatch):
    """Exports hold no compiled functions: for tests that do not look at them."""
    names = ["forces", "forces_with_molecules", "forces_from_edges", "forces_from_classified_edges"]
    monkeypatch.setattr("gnnzoo.deploy.freeze.signature_names", lambda model: names)


def test_an_export_that_differs_from_the_live_model_is_not_written(folder, monkeypatch, few_functions):
    model = water_model()
    monkeypatch.setattr("gnnzoo.deploy.freeze.bonded_species", lambda model: np.zeros((2, 2), bool))
    with pytest.raises(RuntimeError, match="differ"):
        freeze(model, "wrong")
    assert not list(folder.iterdir())


def test_the_newest_model_is_the_default(folder, messages, few_functions):
    with refused(ModelError, hint="gnnzoo train"):
        freeze()
    save_model(water_model(), "water.keras")
    result = freeze()
    assert result.folder == Path("water-frozen")
    assert json.loads(json.dumps(result.to_json()))["compared_on"] == "the model's own example"
    assert "water.keras" in messages()
    with refused(OutputError, file="water-frozen", hint="--overwrite"):
        freeze()


def test_a_table_is_refused_before_anything_is_written(folder):
    with refused(ModelError, hint="--table"):
        freeze(water_model(), "frozen", table=True)
    assert not Path("frozen").exists()
