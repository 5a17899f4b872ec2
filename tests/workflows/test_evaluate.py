"""Judging a model: on frames that it has not seen, in its own units, with what the data do not say filled in."""

import hashlib
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import dumps
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, UserError
from gnnzoo.models.files import ForceField
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.evaluate import evaluate
from gnnzoo.workflows.train import train
from small import argon_dataset, recipe
from systems import changed
from trainers import with_energies, with_virials

EV_PER_KCAL_MOL = 0.0433641
DECLARED = {"units": "real", "types": {1: "Ar"}}


@pytest.fixture(scope="module")
def model(workshop):
    """Trained on argon.h5, whose test part is its last four frames."""
    dumps.argon_dump(workshop / "argon.lammpstrj", frames=20)
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


def test_the_data_it_was_trained_on_are_judged_on_their_test_part_only(model, own, folder, capsys):
    result = evaluate(model, own, plot=False)
    assert (result["part"], result["frames"], result["atoms"]) == ("test", 4, 4 * 27)
    assert result["force"]["mae"] == pytest.approx(np.abs(errors_of(model, own, [11, 12, 13, 14])).mean(), rel=1e-6)
    assert result["force"] == pytest.approx(model.info["figures"]["test"])
    said = capsys.readouterr()
    assert f"{own} is what the model was trained on: judged on its test part\n" in said.err
    assert f"{own} (test, 4 frames)" in said.out


def test_they_are_known_by_their_content_whatever_file_they_lie_in(model, own, workshop, folder):
    shutil.copy2(own, "renamed.h5")
    expected = evaluate(model, own, plot=False)["force"]
    for data in ("renamed.h5", workshop / "argon.lammpstrj"):
        result = evaluate(model, data, plot=False)
        assert (result["part"], result["frames"], result["force"]) == ("test", 4, expected)


def test_the_same_numbers_in_other_units_are_refused(model, own, folder):
    again = convert(own.with_suffix(".lammpstrj"), "again.h5", units="metal", types={1: "Ar"})
    with pytest.raises(DataError, match="in metal units; they were taken to be in real units then"):
        evaluate(model, again, plot=False)


def test_other_data_are_judged_whole(model, foreign, folder):
    result = evaluate(model, foreign, plot=False)
    assert (result["part"], result["frames"]) == ("whole", 5)
    assert result["force"]["mae"] == pytest.approx(np.abs(errors_of(model, foreign, range(5))).mean(), rel=1e-6)
    forces = np.concatenate([frame.forces for frame in open_dataset(foreign)])
    assert result["baseline"]["mean_force"] == pytest.approx(np.linalg.norm(forces, axis=1).mean(), rel=1e-6)
    assert (result["model"], result["data"], result["units"]) == ("tiny.keras", str(foreign), "real")


def test_without_a_test_part_it_is_the_validation_part_and_without_both_nothing(model, own, folder, capsys):
    split = model.info["split"]
    chosen = ForceField(model.network, model.recipe, model.info | {"split": split | {"test": []}})
    result = evaluate(chosen, own, plot=False)
    assert (result["part"], result["frames"], result["model"]) == ("validation", 4, "tiny")
    assert result["force"]["mae"] == pytest.approx(np.abs(errors_of(model, own, split["validation"])).mean(), rel=1e-6)
    assert "for there is no test part; the best checkpoint was chosen on it" in capsys.readouterr().err
    chosen.info["split"] |= {"validation": []}
    with pytest.raises(DataError, match="nothing was held out") as caught:
        evaluate(chosen, own, plot=False)
    assert caught.value.location.file == own
    assert "data.split.test" in caught.value.hint


def with_dataset(model, recipe=None, origin=None, **dataset):
    """The model, its info telling more of the dataset that it was trained on."""
    info = model.info | {"dataset": model.info["dataset"] | dataset, "origin": origin}
    return ForceField(model.network, recipe or model.recipe, info)


def test_data_made_from_a_file_of_the_training_are_judged_whole_with_a_warning(
    model, foreign, workshop, folder, capsys
):
    digest = hashlib.sha256((workshop / "argon.lammpstrj").read_bytes()).hexdigest()
    both = [workshop / "argon.lammpstrj", workshop / "other.lammpstrj"]
    convert(both, "both.h5", **DECLARED)
    capsys.readouterr()
    trained = with_dataset(model, sources=[digest])
    transferred = with_dataset(model, origin={"dataset": None, "origin": {"dataset": {"sources": [digest]}}})
    for known in (trained, transferred):
        result = evaluate(known, "both.h5", plot=False)
        assert (result["part"], result["frames"]) == ("whole, partly trained on", 25)
        assert "warning: both.h5 was made from files that the model was trained on" in capsys.readouterr().err
        assert evaluate(known, foreign, plot=False)["part"] == "whole"
        assert "warning" not in capsys.readouterr().err
    assert evaluate(trained, workshop / "argon.lammpstrj", plot=False)["part"] == "test"


def test_each_dump_of_a_training_on_several_is_known(workshop, folder, capsys):
    for number in (1, 2):
        dumps.write_dump(folder / f"N.{number}.trj", dumps.argon(frames=10, seed=number, first=100 * number))
    dumps.write_dump(folder / "M.trj", dumps.argon(frames=2, seed=3))
    several = train(recipe(training={"epochs": 1}), data="N.*.trj")
    parts = {
        name: result["part"] for name, result in evaluate(several, ["N.1.trj", "N.2.trj", "M.trj"], plot=False).items()
    }
    assert parts == {"N.1.trj": "whole, partly trained on", "N.2.trj": "whole, partly trained on", "M.trj": "whole"}
    assert evaluate(several, "N.*.trj", plot=False)["part"] == "test"


def test_the_very_data_of_the_model_transferred_from_are_known(model, foreign, folder, capsys):
    fingerprint = open_dataset(foreign).fingerprint
    transferred = with_dataset(model, origin={"dataset": {"fingerprint": fingerprint}})
    assert evaluate(transferred, foreign, plot=False)["part"] == "whole, partly trained on"


def test_molecules_on_one_side_only_are_warned_of(model, folder, capsys):
    snapshots = dumps.argon(frames=2)
    for snapshot in snapshots:
        snapshot.columns["mol"] = np.arange(1, 28)
    dumps.write_dump(folder / "with.lammpstrj", snapshots, (*dumps.ARGON_COLUMNS, "mol"))
    dumps.write_dump(folder / "without.lammpstrj", snapshots)
    prior = recipe(model={"prior": [{"prior": "lennard_jones"}]})
    recipes = {"bonds": recipe(graph={"edges": ["bond", "radial"]}), "prior": prior, "plain": model.recipe}
    heard = {
        (data, molecules, asked): said(with_dataset(model, recipes[asked], molecules=molecules), data, capsys)
        for data in ("with.lammpstrj", "without.lammpstrj")
        for molecules in (True, False)
        for asked in recipes
    }
    for asked in ("bonds", "prior"):
        lacks, has = heard.pop(("without.lammpstrj", True, asked)), heard.pop(("with.lammpstrj", False, asked))
        assert "warning: without.lammpstrj carries no molecule ids, and the model was trained with them" in lacks
        assert "warning: with.lammpstrj carries molecule ids, and the model was trained without" in has
    assert not any("molecule ids" in text for text in heard.values())


def said(model, data, capsys):
    """What an evaluation says on stderr."""
    evaluate(model, data, plot=False)
    return capsys.readouterr().err


def test_frames_cut_short_in_a_dump_are_told(model, folder, capsys):
    text = dumps.dump_text(dumps.argon(frames=3))
    (folder / "short.lammpstrj").write_text(text[:-30])
    assert "warning: short.lammpstrj, line 73: the frame of step 20 is cut short" in said(
        model, "short.lammpstrj", capsys
    )
    convert("short.lammpstrj", **DECLARED)
    capsys.readouterr()
    assert "cut short" not in said(model, "short.h5", capsys)  # the conversion said it


def test_a_cutoff_too_large_for_the_data_is_told_with_their_file(model, folder):
    snapshots = dumps.argon(frames=1)
    for snapshot in snapshots:
        snapshot.positions, snapshot.cell = snapshot.positions * 0.2, snapshot.cell * 0.2
    dumps.write_dump(folder / "dense.lammpstrj", snapshots)
    with pytest.raises(DataError, match="a cutoff of 6 would give each atom about") as caught:
        evaluate(model, "dense.lammpstrj", plot=False)
    assert caught.value.location.file == Path("dense.lammpstrj")
    assert "gnnzoo inspect dense.lammpstrj" in caught.value.hint
    assert "--set" not in caught.value.hint


# --- units and types ----------------------------------------------------------------------------------------------


def test_forces_in_metal_units_are_converted_to_those_of_the_model(model, foreign, folder, capsys):
    metal = foreign_h5(folder / "metal.h5", EV_PER_KCAL_MOL, units="metal", types={1: "Ar"})
    result, expected = (evaluate(model, data, plot=False) for data in (metal, foreign))
    assert result["units"] == "real"
    assert result["force"] == pytest.approx(expected["force"], rel=1e-5)
    assert result["baseline"]["mean_force"] == pytest.approx(expected["baseline"]["mean_force"], rel=1e-6)
    assert "metal.h5 are converted from metal to real units: x 23.0605" in capsys.readouterr().err


def test_forces_in_reduced_units_are_refused(model, folder):
    reduced = foreign_h5(folder / "lj.h5", units="lj", types={1: "Ar"})
    with pytest.raises(UserError, match="forces in lj units cannot be converted to real units"):
        evaluate(model, reduced, plot=False)


def test_what_the_data_do_not_say_is_taken_from_the_model(model, foreign, folder, capsys):
    silent = foreign_h5(folder / "silent.h5")
    assert evaluate(model, silent, plot=False)["force"] == evaluate(model, foreign, plot=False)["force"]
    said = capsys.readouterr().err
    assert f"{silent} does not say its units: taken to be real, as the model's" in said
    assert f"{silent} does not name its types: taken to be 1=Ar, as the model's" in said
    assert f"{foreign} does not" not in said


def test_a_species_that_the_model_does_not_know_is_refused(model, folder):
    krypton = foreign_h5(folder / "krypton.h5", units="real", types={1: "Kr"})
    with pytest.raises(DataError, match="species 'Kr' is in the data, but the model knows Ar"):
        evaluate(model, krypton, plot=False)


def test_a_force_that_is_not_a_number_is_refused(model, folder):
    wrong = foreign_h5(folder / "wrong.h5", **DECLARED)
    with h5py.File(wrong, "a") as file:
        file["particles/all/force/value"][3, 5, 0] = np.nan
    with pytest.raises(DataError, match="a force of frame 3 is not a number") as caught:
        evaluate(model, wrong)
    assert caught.value.location.file == wrong
    assert not list(folder.glob("*.png"))


# --- what is written ----------------------------------------------------------------------------------------------


def test_the_figures_are_printed_and_written_as_json(model, foreign, folder, capsys):
    result = evaluate(model, foreign, json_output="figures.json", plot=False)
    assert json.loads((folder / "figures.json").read_text()) == result
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.split()[:5] == ["mean", "|dF|", "/", "mean", "|F|"]]
    assert line.split()[5:] == [f"{result['force']['relative']:.2%}", "100.00%"]
    assert [path.name for path in folder.iterdir()] == ["figures.json"]


def test_several_data_are_judged_each_on_its_own(model, own, foreign, folder):
    results = evaluate(model, [own, foreign], json_output="figures.json")
    assert list(results) == [str(own), str(foreign)]
    assert [result["part"] for result in results.values()] == ["test", "whole"]
    assert json.loads((folder / "figures.json").read_text()) == results
    drawn = {path.name for path in folder.glob("*.png")}
    assert drawn == {"tiny-argon-parity.png", "tiny-other-parity.png"}
    with pytest.raises(UserError, match="one plot cannot show several datasets"):
        evaluate(model, [own, foreign], plot="both.png")


def test_a_glob_and_its_first_file_are_two(model, folder):
    for number in (1, 2):
        dumps.write_dump(folder / f"N.{number}.trj", dumps.argon(frames=1, seed=number, first=number))
    results = evaluate(model, ["N.*.trj", "N.1.trj"])
    assert {name: (result["data"], result["frames"]) for name, result in results.items()} == {
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
    with pytest.raises(DataError, match="cannot be read"):
        dataset[0]
    with open_dataset(silent, **DECLARED) as mine:
        evaluate(model, mine, plot=False)
        assert len(mine[0]) == 27


def test_existing_outputs_are_refused_before_anything_is_judged(model, folder):
    (folder / "precious").write_text("precious")
    for options in ({"json_output": "precious"}, {"plot": "precious"}):
        with pytest.raises(UserError, match="exists already"):
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


def test_the_plot_of_the_default_name_is_drawn_anew(model, foreign, folder):
    (folder / "tiny-other-parity.png").write_text("of yesterday")
    evaluate(model, foreign)
    assert [path.name for path in folder.iterdir()] == ["tiny-other-parity.png"]
    assert (folder / "tiny-other-parity.png").read_bytes().startswith(b"\x89PNG")


# --- energies -----------------------------------------------------------------------------------------------------


def test_energies_are_judged_where_model_and_data_have_them(own, foreign, folder, capsys):
    silu = {"units": 8, "hidden_layers": 0, "activation": "silu"}
    layers = [{"layer": "atom_encoder", **silu}, {"layer": "atomic_density"}, {"layer": "energy_decoder", **silu}]
    conservative = train(recipe(model={"layers": layers}, training={"steps": 1}), data=own)
    data = with_virials(with_energies(argon_dataset(frames=3), per_atom=-2.0))
    data.frames[1] = changed(data.frames[1], energy=-1.0 * len(data.frames[1]))
    found = np.array([conservative.energy(frame) / len(frame) for frame in data.frames])
    errors = found - [-2, -1, -2]
    told = evaluate(conservative, data, plot=False)
    result = told["energy"]
    assert result["difference"]["mae"] == pytest.approx(np.abs(errors - errors.mean()).mean(), rel=1e-5)
    assert result["absolute"] is None, "it was trained on forces alone"
    assert result["baseline"]["mae"] == pytest.approx(4 / 9)
    graphs = [graph_of(frame, ["Ar"], conservative.cutoff, None) for frame in data.frames]
    virials = np.array([conservative.predictor.results(graph)["virial"][0] for graph in graphs])
    off = np.abs(virials / 27 - np.diag([1.0, -2.0, 3.0]))
    assert told["virial"]["mae"] == pytest.approx(off.mean(), rel=1e-5)
    assert told["virial"]["baseline"]["mae"] == pytest.approx(6 / 9)
    said = capsys.readouterr().out
    assert "energies of 3 frames" in said and "virials of 3 frames" in said
    without = evaluate(conservative, foreign, plot=False)
    assert without["energy"] is without["virial"] is None
    data.units = "metal"
    baseline = evaluate(conservative, data, plot=False)["virial"]["baseline"]
    assert baseline["mae"] == pytest.approx(6 / 9 / EV_PER_KCAL_MOL, rel=1e-5)


def test_a_model_of_forces_has_no_energies_to_judge(model, folder, capsys):
    told = evaluate(model, with_virials(with_energies(argon_dataset(frames=2))), plot=False)
    assert told["energy"] is told["virial"] is None
    said = capsys.readouterr().out
    assert "energies" not in said and "virials" not in said
