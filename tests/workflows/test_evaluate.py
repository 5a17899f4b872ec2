"""Evaluation of a model: on held-out frames, in the model's units, with undeclared metadata taken from the model."""

import hashlib
import json
import shutil

import h5py
import numpy as np
import pytest

import dumps
from errors import refused
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, UserError
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.outputs import OutputError
from gnnzoo.transfer_learning.replay import open_training_dataset
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.evaluate import evaluate
from gnnzoo.workflows.train import train
from lines import line_with
from small import argon_dataset, recipe
from systems import changed
from trainers import with_energies, with_virials

EV_PER_KCAL_MOL = 0.0433641
DECLARED = {"units": "real", "types": {1: "Ar"}}


@pytest.fixture(scope="module")
def model(workshop):
    """Trained on argon.h5, whose test part is its last four frames."""
    dumps.argon_dump(workshop / "argon.lammpstrj", frames=21)
    return train(recipe(training={"epochs": 1}), data=convert("argon.lammpstrj", **DECLARED))


@pytest.fixture
def own(model, workshop):
    """The dataset that the model was trained on."""
    return workshop / "argon.h5"


@pytest.fixture(scope="module")
def foreign(workshop):
    """A dataset that the model has never seen."""
    return foreign_h5(workshop / "other.h5", **DECLARED)


def foreign_h5(path, factor=1.0, **declared):
    """Five frames of argon, their forces multiplied by `factor`."""
    snapshots = dumps.argon(frames=5, seed=1)
    for snapshot in snapshots:
        snapshot.forces *= factor
    dumps.write_dump(path.with_suffix(".lammpstrj"), snapshots, number="%.9g")
    return convert(path.with_suffix(".lammpstrj"), path, **declared)


def errors_of(model, path, frames):
    """(atoms of all frames, 3) what the model's forces are off by."""
    dataset = open_dataset(path, types={1: "Ar"})
    return np.concatenate([model.forces(dataset[frame]) - dataset[frame].forces for frame in frames])


# --- which frames -------------------------------------------------------------------------------------------------


def test_the_training_dataset_is_evaluated_on_its_test_part(model, own, folder, messages):
    result = evaluate(model, own, plot=False)
    assert (result.part, result.forces.frames, result.forces.atoms) == ("test", 4, 4 * 27)
    assert result.forces.overall.mae == pytest.approx(np.abs(errors_of(model, own, [11, 12, 13, 14])).mean(), rel=1e-6)
    assert result.forces.overall.to_json() == pytest.approx(model.info["figures"]["test"])
    line_with(messages(), own, "test part")


def test_the_training_dataset_is_identified_by_its_content(model, own, workshop, folder):
    shutil.copy2(own, "renamed.h5")
    expected = evaluate(model, own, plot=False).forces
    for data in ("renamed.h5", workshop / "argon.lammpstrj"):
        result = evaluate(model, data, plot=False)
        assert (result.part, result.forces) == ("test", expected)


def test_the_same_numbers_in_other_units_are_refused(model, own, folder):
    again = convert(own.with_suffix(".lammpstrj"), "again.h5", units="metal", types={1: "Ar"})
    with refused(DataError, "metal", "real", file=again, hint="--units real"):
        evaluate(model, again, plot=False)


def test_other_data_are_evaluated_as_a_whole(model, foreign, folder):
    result = evaluate(model, foreign, plot=False)
    assert (result.part, result.forces.frames) == ("whole", 5)
    assert result.forces.overall.mae == pytest.approx(np.abs(errors_of(model, foreign, range(5))).mean(), rel=1e-6)
    forces = np.concatenate([frame.forces for frame in open_dataset(foreign)])
    assert result.forces.mean_force == pytest.approx(np.linalg.norm(forces, axis=1).mean(), rel=1e-6)
    assert (result.model, result.data, result.forces.units) == ("tiny.keras", str(foreign), "real")


def test_without_a_test_part_the_validation_part_is_used(model, own, folder, messages):
    split = model.info["split"]
    chosen = ForceField(model.network, model.recipe, model.info | {"split": split | {"test": []}})
    result = evaluate(chosen, own, plot=False)
    assert (result.part, result.forces.frames, result.model) == ("validation", 4, "tiny")
    errors = errors_of(model, own, split["validation"])
    assert result.forces.overall.mae == pytest.approx(np.abs(errors).mean(), rel=1e-6)
    line_with(messages(), "validation", "chosen")
    chosen.info["split"] |= {"validation": []}
    with refused(DataError, file=own, hint="data.split.test"):
        evaluate(chosen, own, plot=False)


def with_dataset(model, recipe=None, origin=None, **dataset):
    """The model with other entries about its training dataset."""
    info = model.info | {"dataset": model.info["dataset"] | dataset, "origin": origin}
    return ForceField(model.network, recipe or model.recipe, info)


def test_data_from_a_file_of_the_training_are_evaluated_with_a_warning(model, foreign, workshop, folder, messages):
    digest = hashlib.sha256((workshop / "argon.lammpstrj").read_bytes()).hexdigest()
    both = [workshop / "argon.lammpstrj", workshop / "other.lammpstrj"]
    convert(both, "both.h5", **DECLARED)
    messages()
    trained = with_dataset(model, sources=[digest])
    transferred = with_dataset(model, origin={"dataset": None, "origin": {"dataset": {"sources": [digest]}}})
    for known in (trained, transferred):
        result = evaluate(known, "both.h5", plot=False)
        assert (result.part, result.forces.frames) == ("whole, partly trained on", 26)
        line_with(messages(), "warning: ", "both.h5", "trained on")
        assert evaluate(known, foreign, plot=False).part == "whole"
        assert "warning" not in messages()
    assert evaluate(trained, workshop / "argon.lammpstrj", plot=False).part == "test"


def test_each_dump_of_a_training_on_several_is_identified(workshop, folder):
    for number in (1, 2):
        dumps.write_dump(folder / f"N.{number}.trj", dumps.argon(frames=10, seed=number, first=100 * number))
    dumps.write_dump(folder / "M.trj", dumps.argon(frames=2, seed=3))
    several = train(recipe(training={"epochs": 1}), data="N.*.trj")
    results = evaluate(several, ["N.1.trj", "N.2.trj", "M.trj"], plot=False)
    parts = {name: result.part for name, result in results.items()}
    assert parts == {"N.1.trj": "whole, partly trained on", "N.2.trj": "whole, partly trained on", "M.trj": "whole"}
    assert evaluate(several, "N.*.trj", plot=False).part == "test"


def test_each_dataset_of_a_training_on_several_is_evaluated_on_its_held_out_frames(workshop, folder):
    """20 frames each, of which a random split holds out different ones of each dataset."""
    files = []
    for number in (1, 2):
        dump = dumps.write_dump(folder / f"{number}.trj", dumps.argon(frames=20, seed=number))
        files.append(str(convert(dump, f"{number}.h5", units="real", types={1: "Ar"})))
    made = train(recipe(training={"epochs": 1}, data={"split": {"method": "random"}}), data=files, output="two.keras")
    whole, parts = evaluate(made, [files], plot=False), [evaluate(made, file, plot=False) for file in files]
    assert [result.part for result in (whole, *parts)] == ["test"] * 3
    assert sum(result.forces.frames for result in parts) == whole.forces.frames == len(made.split["test"])
    mean = np.average([part.forces.overall.mae for part in parts], weights=[part.forces.frames for part in parts])
    assert mean == pytest.approx(whole.forces.overall.mae, rel=1e-6)
    with open_training_dataset(load_model("two.keras")) as dataset:
        assert len(dataset) == 40


def test_the_dataset_of_the_source_model_is_identified(model, foreign, folder):
    fingerprint = open_dataset(foreign).fingerprint
    transferred = with_dataset(model, origin={"dataset": {"fingerprint": fingerprint}})
    assert evaluate(transferred, foreign, plot=False).part == "whole, partly trained on"


def test_molecule_ids_in_either_data_only_are_a_warning(model, folder, messages):
    snapshots = dumps.argon(frames=2)
    for snapshot in snapshots:
        snapshot.columns["mol"] = np.arange(1, 28)
    dumps.write_dump(folder / "with.lammpstrj", snapshots, (*dumps.ARGON_COLUMNS, "mol"))
    dumps.write_dump(folder / "without.lammpstrj", snapshots)
    prior = recipe(model={"prior": [{"prior": "lennard_jones"}]})
    recipes = {"bonds": recipe(graph={"edges": ["bond", "radial"]}), "prior": prior, "plain": model.recipe}
    logged = {
        (data, molecules, asked): logged_by(with_dataset(model, recipes[asked], molecules=molecules), data, messages)
        for data in ("with.lammpstrj", "without.lammpstrj")
        for molecules in (True, False)
        for asked in recipes
    }
    for asked in ("bonds", "prior"):
        without, with_ids = logged.pop(("without.lammpstrj", True, asked)), logged.pop(("with.lammpstrj", False, asked))
        line_with(without, "warning: ", "without.lammpstrj", "no molecule ids", "trained with them")
        line_with(with_ids, "warning: ", "with.lammpstrj", "carries molecule ids", "trained without")
    assert not any("molecule ids" in text for text in logged.values())


def logged_by(model, data, messages):
    """Messages of an evaluation."""
    messages()
    evaluate(model, data, plot=False)
    return messages()


def test_truncated_frames_of_a_dump_are_a_warning(model, folder, messages):
    text = dumps.dump_text(dumps.argon(frames=3))
    (folder / "short.lammpstrj").write_text(text[:-30])
    line_with(logged_by(model, "short.lammpstrj", messages), "warning: ", "short.lammpstrj", "line 73")
    convert("short.lammpstrj", **DECLARED)
    assert "line 73" not in logged_by(model, "short.h5", messages)  # reported by the conversion


def test_a_cutoff_too_large_for_the_data_is_an_error_at_their_file(model, folder):
    snapshots = dumps.argon(frames=1)
    for snapshot in snapshots:
        snapshot.positions, snapshot.cell = snapshot.positions * 0.2, snapshot.cell * 0.2
    dumps.write_dump(folder / "dense.lammpstrj", snapshots)
    with refused(DataError, "cutoff of 6", file="dense.lammpstrj", hint="gnnzoo inspect dense.lammpstrj") as caught:
        evaluate(model, "dense.lammpstrj", plot=False)
    assert "--set" not in caught.error.hint


# --- units and types ----------------------------------------------------------------------------------------------


def test_forces_in_metal_units_are_converted_to_those_of_the_model(model, foreign, folder, messages):
    metal = foreign_h5(folder / "metal.h5", EV_PER_KCAL_MOL, units="metal", types={1: "Ar"})
    result, expected = (evaluate(model, data, plot=False) for data in (metal, foreign))
    assert result.forces.units == "real"
    assert result.forces.overall.to_json() == pytest.approx(expected.forces.overall.to_json(), rel=1e-5)
    assert result.forces.mean_force == pytest.approx(expected.forces.mean_force, rel=1e-6)
    line_with(messages(), "metal", "real", "23.0605")


def test_forces_in_reduced_units_are_refused(model, folder):
    reduced = foreign_h5(folder / "lj.h5", units="lj", types={1: "Ar"})
    with refused(UserError, "lj", "real"):
        evaluate(model, reduced, plot=False)


def test_undeclared_units_and_types_are_those_of_the_model(model, foreign, folder, messages):
    silent = foreign_h5(folder / "silent.h5")
    messages()
    assert evaluate(model, silent, plot=False).forces == evaluate(model, foreign, plot=False).forces
    logged = messages()
    line_with(logged, silent, "units", "real")
    line_with(logged, silent, "types", "1=Ar")
    assert str(foreign) not in logged


def test_an_unknown_species_is_refused(model, folder):
    krypton = foreign_h5(folder / "krypton.h5", units="real", types={1: "Kr"})
    with refused(DataError, "'Kr'", "Ar"):
        evaluate(model, krypton, plot=False)


def test_a_force_that_is_not_a_number_is_refused(model, folder):
    wrong = foreign_h5(folder / "wrong.h5", **DECLARED)
    with h5py.File(wrong, "a") as file:
        file["particles/all/force/value"][3, 5, 0] = np.nan
    with refused(DataError, "frame 3", file=wrong):
        evaluate(model, wrong)
    assert not list(folder.glob("*.png"))


# --- what is written ----------------------------------------------------------------------------------------------


def test_errors_are_written_as_json(model, foreign, folder):
    result = evaluate(model, foreign, json_output="figures.json", plot=False)
    written = json.loads((folder / "figures.json").read_text())
    assert written == json.loads(json.dumps(result.to_json()))
    assert written["force"]["relative"] == result.forces.overall.relative
    assert {"force", "per_type", "baseline", "energy", "virial", "model", "data", "part"} <= set(written)
    assert [path.name for path in folder.iterdir()] == ["figures.json"]


def test_several_datasets_are_evaluated_separately(model, own, foreign, folder):
    results = evaluate(model, [own, foreign], json_output="figures.json")
    assert list(results) == [str(own), str(foreign)]
    assert [result.part for result in results.values()] == ["test", "whole"]
    written = json.loads((folder / "figures.json").read_text())
    assert written == {name: result.to_json() for name, result in results.items()}
    drawn = {path.name for path in folder.glob("*.png")}
    assert drawn == {"tiny-argon-parity.png", "tiny-other-parity.png"}
    with refused(UserError, hint="--plot"):
        evaluate(model, [own, foreign], plot="both.png")


def test_a_glob_and_its_first_file_are_two_datasets(model, folder):
    for number in (1, 2):
        dumps.write_dump(folder / f"N.{number}.trj", dumps.argon(frames=1, seed=number, first=number))
    results = evaluate(model, ["N.*.trj", "N.1.trj"])
    assert {name: (result.data, result.forces.frames) for name, result in results.items()} == {
        "N.*.trj": ("N.*.trj", 2),
        "N.1.trj": ("N.1.trj", 1),
    }
    assert {path.name for path in folder.glob("*.png")} == {"tiny-N-parity.png", "tiny-N.1-parity.png"}


def test_data_are_opened_once_and_closed(model, folder, monkeypatch):
    silent, opened = foreign_h5(folder / "silent.h5"), []
    monkeypatch.setattr(
        "gnnzoo.workflows.evaluate.open_dataset", lambda path: opened.append(open_dataset(path)) or opened[-1]
    )
    evaluate(model, silent, plot=False)
    (dataset,) = opened
    with refused(DataError, "read", file=silent):
        dataset[0]
    with open_dataset(silent, **DECLARED) as mine:
        evaluate(model, mine, plot=False)
        assert len(mine[0]) == 27


def test_existing_outputs_are_refused_before_any_evaluation(model, folder):
    (folder / "precious").write_text("precious")
    for options in ({"json_output": "precious"}, {"plot": "precious"}):
        with refused(OutputError, file="precious", hint="--overwrite"):
            evaluate(model, "missing.h5", **options)
    assert (folder / "precious").read_text() == "precious"


def test_overwriting_keeps_the_old_ones(model, foreign, folder):
    for name in ("figures.json", "parity.png"):
        (folder / name).write_text("precious")
    evaluate(model, foreign, json_output="figures.json", plot="parity.png", overwrite=True)
    for name in ("figures.json", "parity.png"):
        assert (folder / f"{name}.old-1").read_text() == "precious"
    assert (folder / "parity.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / "figures.json").read_text())["part"] == "whole"


def test_the_plot_of_the_default_name_is_replaced(model, foreign, folder):
    (folder / "tiny-other-parity.png").write_text("of yesterday")
    evaluate(model, foreign)
    assert [path.name for path in folder.iterdir()] == ["tiny-other-parity.png"]
    assert (folder / "tiny-other-parity.png").read_bytes().startswith(b"\x89PNG")


# --- energies -----------------------------------------------------------------------------------------------------


def test_energies_and_virials_are_evaluated_where_model_and_data_have_them(own, foreign, folder):
    silu = {"units": 8, "hidden_layers": 0, "activation": "silu"}
    layers = [{"layer": "atom_encoder", **silu}, {"layer": "atomic_density"}, {"layer": "energy_decoder", **silu}]
    conservative = train(recipe(model={"layers": layers}, training={"steps": 1}), data=own)
    data = with_virials(with_energies(argon_dataset(frames=3), per_atom=-2.0))
    data.frames[1] = changed(data.frames[1], energy=-1.0 * len(data.frames[1]))
    found = np.array([conservative.energy(frame) / len(frame) for frame in data.frames])
    errors = found - [-2, -1, -2]
    result = evaluate(conservative, data, plot=False)
    assert result.energy.frames == result.virial.frames == 3
    assert result.energy.difference.mae == pytest.approx(np.abs(errors - errors.mean()).mean(), rel=1e-5)
    assert result.energy.absolute is None, "trained on forces alone"
    assert result.energy.baseline.mae == pytest.approx(4 / 9)
    graphs = [graph_of(frame, ["Ar"], conservative.cutoff, None) for frame in data.frames]
    virials = np.array([conservative.predictor.results(graph)["virial"][0] for graph in graphs])
    off = np.abs(virials / 27 - np.diag([1.0, -2.0, 3.0]))
    assert result.virial.mae == pytest.approx(off.mean(), rel=1e-5)
    assert result.virial.baseline.mae == pytest.approx(6 / 9)
    without = evaluate(conservative, foreign, plot=False)
    assert without.energy is without.virial is None
    data.units = "metal"
    baseline = evaluate(conservative, data, plot=False).virial.baseline
    assert baseline.mae == pytest.approx(6 / 9 / EV_PER_KCAL_MOL, rel=1e-5)


def test_a_model_of_forces_has_no_energy_errors(model, folder):
    result = evaluate(model, with_virials(with_energies(argon_dataset(frames=2))), plot=False)
    assert result.energy is result.virial is None
