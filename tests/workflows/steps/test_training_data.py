"""The data of a recipe: converted once, and never those of another simulation than it declares."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import dumps
from errors import refused
from gnnzoo.data.lammps.run import script_digest
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, RecipeError, UserError
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.simulate import older_source, simulate
from gnnzoo.workflows.steps import training_data as sources
from gnnzoo.workflows.steps.training_data import recipe_dataset
from small import ARGON, WATER, recipe

DECLARED = {"units": "real", "types": {1: "Ar"}}


def simulated(source="tiny.h5", script="scripts/tiny.in", **variables):
    """A recipe whose source is made by a script."""
    return recipe(data={"source": source, "simulate": {"input": script, "variables": variables}})


@pytest.fixture
def script(folder):
    (folder / "scripts").mkdir()
    script = folder / "scripts/tiny.in"
    script.write_text("# a simulation")
    return script


@pytest.fixture
def dump(script, folder):
    """data/tiny.lammpstrj as the script made it at T = 90."""
    (folder / "data").mkdir()
    dumps.argon_dump(folder / "data/tiny.lammpstrj")
    made_by = {"input": "tiny.in", "sha256": script_digest(script), "variables": {"T": 90}}
    (folder / "data/tiny.simulation.json").write_text(json.dumps(made_by))
    return Path("data/tiny.lammpstrj")


def assert_other_simulation(recipe, *names, file="tiny.h5"):
    with refused(UserError, *names, file=file, hint="--data"):
        recipe_dataset(recipe, None)


@pytest.mark.parametrize("form", ["tiny.h5", "tiny.tfrecord", "tiny.lammpstrj"])
def test_data_of_another_simulation_are_not_trained_on(dump, script, folder, form):
    if form == "tiny.lammpstrj":
        shutil.copy2("data/tiny.simulation.json", ".")
        shutil.copy2(dump, form)
    else:
        convert(dump, form, cutoff=4.0 if form == "tiny.tfrecord" else None, **DECLARED)

    def declared(**variables):
        return simulated(form, **variables)

    assert len(recipe_dataset(declared(T=90), None)) == 4
    assert_other_simulation(declared(T=200), "T", "90", "200", file=form)
    assert_other_simulation(declared(T=90, frames=7), "frames", "7", file=form)
    assert_other_simulation(declared(), "T", "90", file=form)
    assert len(recipe_dataset(declared(T=200), None, data=form)) == 4  # named by the user: used unchanged
    script.write_text("# another simulation")
    assert_other_simulation(declared(T=90), "scripts/tiny.in", file=form)
    script.unlink()
    assert len(recipe_dataset(declared(T=90), None)) == 4


@pytest.mark.parametrize("form", ["tiny.h5", "tiny.tfrecord"])
def test_a_missing_source_is_made_in_the_declared_format(dump, form):
    dataset = recipe_dataset(simulated(form, T=90), None)  # the dump of this very simulation is there
    assert (str(dataset.path), len(dataset), dataset.units) == (form, 4, "real")
    if form == "tiny.tfrecord":
        assert dataset.cutoff == 6.0


def test_another_input_script_is_another_simulation(dump, folder):
    convert(dump, "tiny.h5", **DECLARED)
    assert_other_simulation(simulated(script="scripts/other.in"), "tiny.in", "scripts/other.in")


def test_data_without_a_record_of_their_simulation_are_used(dump, folder):
    Path("data/tiny.simulation.json").unlink()
    convert(dump, "tiny.h5", **DECLARED)
    assert len(recipe_dataset(simulated(T=200), None)) == 4
    (folder / "data/tiny.simulation.json").write_text("[]")
    convert(dump, "tiny.h5", overwrite=True, **DECLARED)
    assert len(recipe_dataset(simulated(T=200), None)) == 4


def test_the_source_used_instead_of_a_new_dump_is_named(dump, script, folder):
    recipe_text = ARGON | {"data": ARGON["data"] | {"source": "tiny.h5", "simulate": {"input": "scripts/tiny.in"}}}
    (folder / "tiny.json").write_text(json.dumps(recipe_text))
    change = ["data.simulate.variables.T=90"]
    assert simulate("tiny.json", overrides=change).dump == dump
    assert older_source("tiny.json", change, dump) is None
    convert(dump, "tiny.h5", **DECLARED)
    assert older_source("tiny.json", change, dump) == Path("tiny.h5")
    assert older_source("tiny.json", [*change, f"data.source={dump}"], dump) is None


def test_a_dump_that_another_training_converted_meanwhile_is_used(folder, monkeypatch, caplog):
    dumps.argon_dump(folder / "argon.lammpstrj")
    theirs = []

    def twice(*arguments, **options):
        theirs.append(convert(*arguments, **options))
        return convert(*arguments, **options)

    monkeypatch.setattr(sources, "convert", twice)
    dataset = recipe_dataset(recipe(), None)
    assert [made.path for made in theirs] == [dataset.path]
    assert any("meanwhile" in record.message and str(dataset.path) in record.message for record in caplog.records)

    def failing(*_arguments, **_options):
        raise UserError("the disk is full")

    monkeypatch.setattr(sources, "convert", failing)
    with refused(UserError, "disk"):
        recipe_dataset(recipe(data={"units": None}), None)


def test_data_are_resolved_as_by_open_dataset(folder):
    for number in (2, 11):
        dumps.write_dump(folder / f"N.{number}.trj", dumps.argon(frames=1, seed=number, first=number))
    assert recipe_dataset(recipe(), None, data="N.*.trj").steps.tolist() == [2, 11]
    nameless = convert("N.2.trj", **DECLARED).path.rename("nameless")  # HDF5 by its first bytes
    assert recipe_dataset(recipe(), None, data=nameless).path == nameless
    with refused(DataError, "'M.2.trj'"):
        recipe_dataset(recipe(), None, data="M.2.trj")
    with recipe_dataset(recipe(), None, data=["N.11.trj", nameless]) as several:
        assert several.steps.tolist() == [11, 2]


def test_data_are_opened_once(folder, monkeypatch):
    dumps.argon_dump(folder / "argon.lammpstrj")
    opened = []
    monkeypatch.setattr(sources, "open_dataset", lambda *given, **options: opened.append(given) or open_dataset(*given))
    monkeypatch.setattr("gnnzoo.workflows.convert.open_dataset", None)
    assert len(recipe_dataset(recipe(), None)) == 4
    assert len(opened) == 1


def test_the_record_of_a_simulation_is_kept_with_the_data(dump):
    made_by = json.loads(Path("data/tiny.simulation.json").read_text())
    assert open_dataset(dump).provenance["simulation"] == made_by
    assert open_dataset(convert(dump)).provenance["simulation"] == made_by


# --- units checked against the numbers -------------------------------------------------------------------------------


def reduced(path, units=None):
    """A dump of argon in reduced units."""
    snapshots = dumps.argon(frames=3, side=4)
    for snapshot in snapshots:
        snapshot.positions, snapshot.cell = snapshot.positions / 10, snapshot.cell / 10
    return dumps.write_dump(path, snapshots, units=units)


@pytest.mark.parametrize("form", ["a.h5", "a.tfrecord"])
def test_impossible_units_are_not_converted(folder, form):
    reduced(folder / "a.lammpstrj")
    with refused(DataError, "units real", file="a.lammpstrj", hint="--units lj", expected="units lj") as caught:
        convert("a.lammpstrj", form, units="real", cutoff=1.5 if form == "a.tfrecord" else None)
    assert "ITEM: UNITS" in caught.error.hint
    assert [path.name for path in folder.iterdir()] == ["a.lammpstrj"]


def test_impossible_units_are_not_trained_on(folder):
    assert any("--units lj" in doubt for doubt in convert(reduced(folder / "a.lammpstrj"), "a.h5").doubts)
    with refused(DataError, "units real", file="a.h5", hint="--set data.units=lj"):
        recipe_dataset(recipe(data={"source": "a.h5"}), None)
    assert len(recipe_dataset(recipe(data={"source": "a.h5", "units": "lj"}), None)) == 3


def test_doubtful_units_are_reported(folder, caplog):
    dumps.water_dump(folder / "w.lammpstrj", frames=6)
    metal = {"source": "w.h5", "units": "metal", "types": {"1": "O", "2": "H"}}
    assert any("units metal" in doubt for doubt in convert("w.lammpstrj", units="metal").doubts)
    caplog.clear()
    recipe_dataset(recipe(WATER, data=metal), None)
    (doubt,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "kcal/mol/A^2" in doubt
    assert not any("units" in doubt for doubt in convert("w.lammpstrj", units="real", overwrite=True).doubts)
    caplog.clear()
    recipe_dataset(recipe(WATER, data=metal | {"units": "real"}), None)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_simulation_gives_energies_and_virials_of_its_frames(folder):
    small = {"frames": 3, "atoms": 64, "spacing": 50, "settle": 500}
    data = {"source": "tiny.h5", "simulate": {"input": "simulations/argon.in", "log": "virials", "variables": small}}
    dataset = recipe_dataset(recipe(data=data), None)
    names, *rows = [line.split() for line in Path("data/tiny.log").read_text().split("Per MPI")[-1].splitlines()[1:]]
    printed = {int(row[0]): dict(zip(names, row, strict=True)) for row in rows[:3]}
    assert len(dataset) == 3
    for frame in dataset:
        line = {name: float(value) for name, value in printed[frame.step].items()}
        assert frame.energy == pytest.approx(line["PotEng"], rel=1e-9)
        kinetic = line["TotEng"] - line["PotEng"]
        pressure = (2 * kinetic + np.trace(frame.virial)) / (3 * np.linalg.det(frame.cell)) * 68568.415  # atm
        assert pressure == pytest.approx(line["Press"], rel=1e-5)


def test_a_log_is_joined_to_an_h5_alone():
    with refused(RecipeError, "simulate.log", key="data"):
        recipe(data={"source": "a.tfrecord", "simulate": {"input": "a.in", "log": "energies"}})
