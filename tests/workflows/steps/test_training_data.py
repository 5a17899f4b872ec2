"""The data that a recipe asks for: converted once, and never those of another simulation than it names."""

import json
import shutil
from pathlib import Path

import pytest

import dumps
from gnnzoo.data.lammps.run import script_digest
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, UserError
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


def refused(asked) -> str:
    with pytest.raises(UserError, match="another simulation made these data") as caught:
        recipe_dataset(asked, None)
    assert "--data" in caught.value.hint
    assert caught.value.location.file.exists()
    return f"{caught.value.location.file}: {caught.value.what}"


@pytest.mark.parametrize("form", ["tiny.h5", "tiny.tfrecord", "tiny.lammpstrj"])
def test_data_of_another_simulation_are_not_trained_on(dump, script, folder, form):
    if form == "tiny.lammpstrj":
        shutil.copy2("data/tiny.simulation.json", ".")
        shutil.copy2(dump, form)
    else:
        convert(dump, form, cutoff=4.0 if form == "tiny.tfrecord" else None, **DECLARED)

    def asked(**variables):
        return simulated(form, **variables)

    assert len(recipe_dataset(asked(T=90), None)) == 4
    assert f"{form}: " in refused(asked(T=200))
    assert "T was 90, the recipe says 200" in refused(asked(T=200))
    assert "frames was not set, the recipe says 7" in refused(asked(T=90, frames=7))
    assert "T was 90, the recipe says nothing" in refused(asked())
    assert len(recipe_dataset(asked(T=200), None, data=form)) == 4  # named by the user: taken as they are
    script.write_text("# another simulation")
    assert "scripts/tiny.in has changed since" in refused(asked(T=90))
    script.unlink()
    assert len(recipe_dataset(asked(T=90), None)) == 4


@pytest.mark.parametrize("form", ["tiny.h5", "tiny.tfrecord"])
def test_a_missing_source_is_made_in_the_form_that_the_recipe_asks_for(dump, form):
    dataset = recipe_dataset(simulated(form, T=90), None)  # the dump of this very simulation is there
    assert (str(dataset.path), len(dataset), dataset.units) == (form, 4, "real")
    if form == "tiny.tfrecord":
        assert dataset.cutoff == 6.0


def test_another_input_script_is_another_simulation(dump, folder):
    convert(dump, "tiny.h5", **DECLARED)
    assert "the input was tiny.in, the recipe says scripts/other.in" in refused(simulated(script="scripts/other.in"))


def test_data_that_do_not_say_what_made_them_are_taken(dump, folder):
    Path("data/tiny.simulation.json").unlink()
    convert(dump, "tiny.h5", **DECLARED)
    assert len(recipe_dataset(simulated(T=200), None)) == 4
    (folder / "data/tiny.simulation.json").write_text("[]")
    convert(dump, "tiny.h5", overwrite=True, **DECLARED)
    assert len(recipe_dataset(simulated(T=200), None)) == 4


def test_what_is_trained_on_in_the_dump_s_stead_is_named(dump, script, folder):
    recipe_text = ARGON | {"data": ARGON["data"] | {"source": "tiny.h5", "simulate": {"input": "scripts/tiny.in"}}}
    (folder / "tiny.json").write_text(json.dumps(recipe_text))
    change = ["data.simulate.variables.T=90"]
    assert simulate("tiny.json", overrides=change) == dump
    assert older_source("tiny.json", change, dump) is None
    convert(dump, "tiny.h5", **DECLARED)
    assert older_source("tiny.json", change, dump) == Path("tiny.h5")
    assert older_source("tiny.json", [*change, f"data.source={dump}"], dump) is None


def test_a_dump_that_another_training_converted_meanwhile_is_taken(folder, monkeypatch, capsys):
    dumps.argon_dump(folder / "argon.lammpstrj")
    theirs = []

    def twice(*arguments, **options):
        theirs.append(convert(*arguments, **options))
        return convert(*arguments, **options)

    monkeypatch.setattr(sources, "convert", twice)
    dataset = recipe_dataset(recipe(), None)
    assert theirs == [dataset.path]
    assert "another training converted them meanwhile" in capsys.readouterr().err

    def failing(*_arguments, **_options):
        raise UserError("the disk is full")

    monkeypatch.setattr(sources, "convert", failing)
    with pytest.raises(UserError, match="the disk is full"):
        recipe_dataset(recipe(data={"units": None}), None)


def test_files_are_found_as_everywhere_else(folder):
    for number in (2, 11):
        dumps.write_dump(folder / f"N.{number}.trj", dumps.argon(frames=1, seed=number, first=number))
    assert recipe_dataset(recipe(), None, data="N.*.trj").steps.tolist() == [2, 11]
    nameless = convert("N.2.trj", **DECLARED).rename("nameless")  # HDF5 by its first bytes
    assert recipe_dataset(recipe(), None, data=nameless).path == nameless
    with pytest.raises(DataError, match=r"there is no file 'M\.2\.trj'"):
        recipe_dataset(recipe(), None, data="M.2.trj")


def test_the_record_of_a_simulation_stays_with_the_data(dump):
    made_by = json.loads(Path("data/tiny.simulation.json").read_text())
    assert open_dataset(dump).provenance["simulation"] == made_by
    assert open_dataset(convert(dump)).provenance["simulation"] == made_by


# --- units held against the numbers -------------------------------------------------------------------------------


def reduced(path, units=None):
    """A dump of argon in reduced units."""
    snapshots = dumps.argon(frames=3, side=4)
    for snapshot in snapshots:
        snapshot.positions, snapshot.cell = snapshot.positions / 10, snapshot.cell / 10
    return dumps.write_dump(path, snapshots, units=units)


@pytest.mark.parametrize("form", ["a.h5", "a.tfrecord"])
def test_units_that_cannot_be_are_not_converted(folder, form):
    reduced(folder / "a.lammpstrj")
    with pytest.raises(DataError, match=r"units real are declared, but cannot be: .*denser than diamond") as caught:
        convert("a.lammpstrj", form, units="real", cutoff=1.5 if form == "a.tfrecord" else None)
    assert str(caught.value.location) == "a.lammpstrj"
    assert caught.value.hint == "--units lj; if a line ITEM: UNITS of the dump says real, mend that line first"
    assert [path.name for path in folder.iterdir()] == ["a.lammpstrj"]


def test_units_that_cannot_be_are_not_trained_on(folder, capsys):
    convert(reduced(folder / "a.lammpstrj"), "a.h5")
    assert "the dump does not tell its units; they look like lj" in capsys.readouterr().err
    with pytest.raises(DataError, match="units real are declared, but cannot be") as caught:
        recipe_dataset(recipe(data={"source": "a.h5"}), None)
    assert "--set data.units=lj" in caught.value.hint
    assert len(recipe_dataset(recipe(data={"source": "a.h5", "units": "lj"}), None)) == 3


def test_units_that_are_doubtful_are_said(folder, capsys):
    dumps.water_dump(folder / "w.lammpstrj", frames=6)
    metal = {"source": "w.h5", "units": "metal", "types": {"1": "O", "2": "H"}}
    convert("w.lammpstrj", units="metal")
    assert "warning: units metal are declared, but doubtful: along " in capsys.readouterr().err
    recipe_dataset(recipe(WATER, data=metal), None)
    assert "a chemical bond in kcal/mol/A^2" in capsys.readouterr().err
    convert("w.lammpstrj", units="real", overwrite=True)
    recipe_dataset(recipe(WATER, data=metal | {"units": "real"}), None)
    assert "units" not in capsys.readouterr().err.replace("units     real", "")
