"""A recipe from a dump: each choice against the numbers it comes from, and a training that takes it as it is."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import dumps
from frames_in_memory import Frames
from gnnzoo.data.inspection.cost_estimate import TRAINING
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.inspection.pair_sample import pairs_of
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, UserError
from gnnzoo.outputs import OutputError
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.io.template import as_name, installed_recipe, recipe_text
from gnnzoo.recipe.schema.data import Split
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.init import init
from gnnzoo.workflows.steps.recipe_choices import bonded_species, names_by_mass, schedule
from gnnzoo.workflows.train import train
from systems import changed, water_frame

WATER = {"units": "real", "types": {"1": "O", "2": "H"}}


def heard(capsys) -> str:
    """What was said, on one line."""
    return " ".join(capsys.readouterr().err.split())


def with_columns(path, snapshots, base=dumps.ARGON_COLUMNS, **columns):
    """A dump with further columns, by type."""
    for snapshot in snapshots:
        for name, by_type in columns.items():
            snapshot.columns[name] = np.array([by_type[number] for number in snapshot.types])
    return dumps.write_dump(path, snapshots, (*base, *columns))


# --- a recipe that is complete --------------------------------------------------------------------------------------


def test_argon(folder, capsys):
    dumps.argon_dump(folder / "argon.lammpstrj", frames=30)
    assert init("argon.lammpstrj", units="real", types={1: "Ar"}) == Path("argon.json")
    recipe, known = load_recipe("argon.json"), load_recipe("recipes/argon.json")
    assert (recipe.name, recipe.data.source, recipe.data.units) == ("argon", "argon.lammpstrj", "real")
    assert recipe.data.types == {"1": "Ar"}
    assert recipe.data.atoms == known.data.atoms
    assert recipe.model == known.model
    assert recipe.data.simulate is None
    report = describe_dataset(open_dataset("argon.lammpstrj", **{"units": "real", "types": {1: "Ar"}}))
    assert recipe.graph.cutoff == report["recommended_cutoff"]
    said = heard(capsys)
    for text in ("units real: declared", "as in the recipe argon", "end of shell", "ms for a frame", "--time-limit"):
        assert text in said
    assert (
        "30 frames; " in said.partition("argon.lammpstrj: ")[2].partition("argon.lammpstrj: ")[2]
    )  # the split, in the words of the training


def test_water_knows_its_molecules(folder, capsys):
    dumps.water_dump(folder / "w.dump", frames=20, side=3)
    recipe = load_recipe(init("w.dump", **WATER, name="flexible"))
    known = load_recipe("recipes/water.json")
    assert recipe.name == "flexible"
    assert recipe.graph.bonds == [("O", "H")]
    assert recipe.data.atoms == known.data.atoms
    assert recipe.model == known.model
    assert "O-H in one molecule are bonded" in heard(capsys)


def test_several_dumps_and_their_common_name(folder):
    for number, first in ((2, 0), (11, 200)):
        dumps.write_dump(folder / f"run.{number}.lammpstrj", dumps.argon(frames=20, seed=number, first=first))
    recipe = load_recipe(init(["run.2.lammpstrj", "run.11.lammpstrj"], units="real"))
    assert (recipe.name, recipe.data.source) == ("run", ["run.2.lammpstrj", "run.11.lammpstrj"])
    recipe = load_recipe(init("run.*.lammpstrj", "b.json", units="real"))
    assert recipe.data.source == "run.*.lammpstrj"


def test_a_recipe_elsewhere_finds_its_data_from_both_folders(folder, monkeypatch):
    dumps.argon_dump(folder / "a.lammpstrj", frames=20)
    (folder / "recipes").mkdir()
    (folder / "recipes/recipe.schema.json").write_text("{}")
    path = init("a.lammpstrj", "recipes/a.json", units="real")
    assert load_recipe(path).data.source == "../a.lammpstrj"
    assert json.loads(path.read_text())["$schema"] == "recipe.schema.json"
    (folder / "inner").mkdir()
    dumps.argon_dump(folder / "inner/b.lammpstrj", frames=20)
    dumps.argon_dump(folder / "b.lammpstrj", frames=20)
    monkeypatch.chdir(folder / "inner")
    (folder / "inner/recipes").mkdir()
    # ../b.lammpstrj is another file when looked up from here
    assert load_recipe(init("b.lammpstrj", "recipes/b.json", units="real")).data.source == "b.lammpstrj"


@pytest.mark.parametrize("form", ["a.h5", "a.tfrecord"])
def test_datasets_are_taken_too(folder, form):
    dumps.argon_dump(folder / "a.lammpstrj", frames=20)
    convert("a.lammpstrj", form, units="real", types={1: "Ar"}, cutoff=6.0 if form == "a.tfrecord" else None)
    recipe = load_recipe(init(form))
    assert (recipe.data.source, recipe.data.units, recipe.data.types) == (form, "real", {"1": "Ar"})


# --- units ----------------------------------------------------------------------------------------------------------


def test_units_that_are_inferred_are_written_and_warned_of(folder, capsys):
    dumps.water_dump(folder / "w.dump", frames=20, side=3)
    assert load_recipe(init("w.dump")).data.units == "real"
    said = heard(capsys)
    assert "units real: inferred, not declared: along " in said
    assert "warning: the data do not tell their units. If they are not real, the same command with --units" in said


def test_units_that_cannot_be_told_are_asked_for(folder):
    snapshots = dumps.argon(frames=4)
    for snapshot in snapshots:
        snapshot.forces = 0.0 * snapshot.forces
    dumps.write_dump(folder / "a.dump", snapshots)
    with pytest.raises(DataError, match=r"cannot be told from the numbers: .* atoms per cubed length") as caught:
        init("a.dump")
    assert "--units real" in caught.value.hint
    assert not Path("a.json").exists()


def test_units_that_cannot_be_are_refused(folder):
    snapshots = dumps.argon(frames=4, side=4)
    for snapshot in snapshots:
        snapshot.positions, snapshot.cell = snapshot.positions / 10, snapshot.cell / 10
    dumps.write_dump(folder / "a.dump", snapshots)
    with pytest.raises(DataError, match="units real are declared, but cannot be"):
        init("a.dump", units="real")
    assert load_recipe(init("a.dump")).data.units == "lj"


# --- types and atoms ------------------------------------------------------------------------------------------------


def test_types_without_a_name_keep_their_number(folder, capsys):
    dumps.water_dump(folder / "w.dump", frames=20)
    recipe = load_recipe(init("w.dump", units="real"))
    assert recipe.data.types == {"1": "1", "2": "2"}
    assert recipe.graph.bonds == [("1", "2")]
    assert recipe.model.layers[0].inputs == "species"
    assert recipe.data.atoms == {}
    assert "--types 1=NAME,2=NAME" in heard(capsys)


def test_types_are_named_by_element_or_by_mass(folder, capsys):
    with_columns(folder / "e.dump", dumps.water(frames=20), dumps.WATER_COLUMNS, element={1: "O", 2: "H"})
    assert load_recipe(init("e.dump", units="real")).data.types == {"1": "O", "2": "H"}
    with_columns(folder / "m.dump", dumps.water(frames=20), dumps.WATER_COLUMNS, mass={1: 15.9994, 2: 1.008})
    assert load_recipe(init("m.dump", units="real")).data.types == {"1": "O", "2": "H"}
    assert "by the masses in the dump, 15.9994 is O, 1.008 is H" in heard(capsys)


def test_masses_that_no_element_has_name_nothing(folder):
    # united atoms CH2 and CH3, and two kinds of carbon
    snapshots = dumps.argon(frames=1)
    for snapshot in snapshots:
        snapshot.types = np.arange(27) % 4 + 1
    with_columns(folder / "c.dump", snapshots, mass={1: 14.027, 2: 15.035, 3: 12.011, 4: 12.01})
    dataset = open_dataset("c.dump")
    assert names_by_mass(dataset, [1, 2, 3, 4]) == {3: "C3", 4: "C4"}
    assert names_by_mass(dataset, [1, 2, 3]) == {3: "C"}
    assert names_by_mass(open_dataset("c.dump", units="lj"), [1, 2, 3, 4]) == {}


def test_names_that_a_recipe_cannot_write_are_left_to_the_data(folder, capsys):
    with_columns(folder / "s.dump", dumps.argon(frames=20), element={1: "Na+"})
    recipe = load_recipe(init("s.dump", units="real"))
    assert recipe.data.types is None
    assert "so it leaves them to the data" in heard(capsys)
    with pytest.raises(UserError, match=r"cannot call anything 'Na\+'"):
        init("s.dump", types={1: "Na+"}, name="other")


def test_charges_that_are_not_those_of_a_known_recipe_speak_against_it(folder, capsys):
    with_columns(folder / "a.dump", dumps.water(frames=20), dumps.WATER_COLUMNS, q={1: -0.82, 2: 0.41})
    assert load_recipe(init("a.dump", **WATER)).data.atoms["O"].charge == -0.82
    capsys.readouterr()
    with_columns(folder / "b.dump", dumps.water(frames=20), dumps.WATER_COLUMNS, q={1: -0.834, 2: 0.417})
    recipe = load_recipe(init("b.dump", **WATER))
    assert recipe.data.atoms == {}
    assert recipe.model.layers[0].inputs == "species"
    assert "H +0.417, O -0.834, which are not those of the recipe water" in heard(capsys)


# --- cutoff, split, schedule ----------------------------------------------------------------------------------------


def test_the_cutoff_asked_for_is_taken(folder, capsys):
    dumps.argon_dump(folder / "a.dump", frames=20)
    assert load_recipe(init("a.dump", units="real", cutoff=4.25)).graph.cutoff == 4.25
    assert "cutoff 4.25 A: asked for" in heard(capsys)
    with pytest.raises(UserError, match="gives no edges"):
        init("a.dump", units="real", cutoff=0.0, name="b")
    with pytest.raises(UserError, match=r"no two atoms are nearer than the cutoff of 0\.5"):
        init("a.dump", units="real", cutoff=0.5, name="b")


def test_few_frames_have_no_test_part(folder, capsys):
    dumps.argon_dump(folder / "a.dump", frames=4)
    split = load_recipe(init("a.dump", units="real")).data.split
    assert (split.train, split.validation, split.test) == (0.8, 0.2, 0.0)
    assert "no test part: 4 frames are too few" in heard(capsys)
    dumps.argon_dump(folder / "b.dump", frames=1)
    with pytest.raises(DataError, match="1 frame is too few"):
        init("b.dump", units="real")


def test_frames_that_come_twice_are_counted_where_they_are_too_few(folder):
    snapshots = dumps.argon(frames=1) * 30
    snapshots = [dataclasses.replace(snapshot, step=10 * number) for number, snapshot in enumerate(snapshots)]
    dumps.write_dump(folder / "a.dump", snapshots)
    with pytest.raises(DataError, match=r"30 frames are too few .* 29 of them come twice") as caught:
        init("a.dump", units="real")
    assert "--set" not in caught.value.hint
    assert "gnnzoo init DUMP DUMP" in caught.value.hint


def test_the_split_is_that_of_the_schema(folder):
    dumps.argon_dump(folder / "a.dump", frames=40)
    assert load_recipe(init("a.dump", units="real")).data.split == Split()
    assert Split().train == TRAINING  # of which the forecast speaks


@pytest.mark.parametrize(("ids", "bonded"), [((1, 1, 1), [["O", "H"]]), ((0, 0, 0), None), ((-1, -1, -1), None)])
def test_ids_of_no_molecule_bond_nothing(ids, bonded):
    frame = water_frame()
    molecules = frame.molecules * np.tile(ids, 8)
    data = Frames([changed(frame, molecules=molecules)])
    assert bonded_species(data) == bonded
    assert pairs_of(data[0], 3.0).inside.any() == bool(bonded)


def test_the_schedule_bends_like_the_one_it_is_made_from():
    shape = installed_recipe("argon")["training"]
    found = schedule(100, 400, 0.04, shape)
    assert (found["epochs"], found["batch_size"]) == (100, 1)  # 10,000 steps: less than half an hour
    # the learning rate ends where it ends in the recipe: 0.9^50 = 0.9487^100
    assert found["learning_rate"] == {"initial": 0.005, "decay": 0.9487}
    assert (found["warmup"], found["checkpoint_every"]) == ({"epochs": 4}, 12)
    assert schedule(100, 40_000, 4.0, shape)["epochs"] == 4  # 450 steps in half an hour
    assert schedule(1000, 50, 0.004, shape)["batch_size"] == 8  # 400 atoms a step
    assert schedule(2, 50, 0.004, shape)["batch_size"] == 1


def test_energies_of_atoms_are_pointed_at(folder, capsys):
    with_columns(folder / "a.dump", dumps.argon(frames=20), c_pe={1: -1.0}, c_other={1: 0.0})
    init("a.dump", units="real")
    assert "--column energy=c_pe" in heard(capsys)
    recipe = load_recipe(init("a.dump", units="real", columns={"energy": "c_pe"}, name="b"))
    assert recipe.data.columns == {"energy": "c_pe"}
    assert "--column" not in heard(capsys)


# --- the file -------------------------------------------------------------------------------------------------------


def test_a_recipe_is_never_overwritten_in_silence(folder):
    dumps.argon_dump(folder / "a.dump", frames=20)
    path = init("a.dump", units="real")
    before = path.read_text()
    with pytest.raises(OutputError, match="exists already"):
        init("a.dump", units="real", cutoff=5.0)
    init("a.dump", units="real", cutoff=5.0, overwrite=True)
    assert Path("a.json.old-1").read_text() == before != path.read_text()
    with pytest.raises(UserError, match=r"ends in \.json") as caught:
        init("a.dump", "b.yaml", units="real")
    assert caught.value.hint == "-o b.json"


@pytest.mark.parametrize("name", ["argon", "water-reference"])
def test_the_text_of_a_recipe_is_that_recipe(name):
    raw = installed_recipe(name)
    text = recipe_text(raw)
    assert json.loads(text) == raw
    assert list(json.loads(text)) == list(raw)
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("text", "name"), [("run.", "run"), ("my run (2)", "my-run-2"), ("N216.81", "N216.81"), ("...", "dump")]
)
def test_names_are_made_of_what_a_recipe_may_hold(text, name):
    assert as_name(text) == name


# --- and then it trains ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [{1: "O", 2: "H"}, None], ids=["named", "nameless"])
def test_the_recipe_trains_as_it_is(workshop, folder, names):
    dumps.water_dump(folder / "w.dump", frames=20)
    path = init("w.dump", units="real", types=names)
    model = train(path, overrides=["training.steps=2"])
    assert model.info["species"] == (["O", "H"] if names else ["1", "2"])
    assert Path("w.keras").exists()
