"""A recipe from a dump: each choice against the numbers it comes from, and a training on it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import dumps
from errors import refused
from frames_in_memory import Frames
from gnnzoo.data.inspection.cost_estimate import TRAINING
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.inspection.matter import kind_of_matter
from gnnzoo.data.inspection.pair_sample import pairs_of
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.elements import MASSES
from gnnzoo.errors import DataError, UserError
from gnnzoo.outputs import OutputError
from gnnzoo.recipe.io.find import installed_recipes
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.io.template import as_name, installed_recipe, recipe_text
from gnnzoo.recipe.schema.data import Split
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.init import init
from gnnzoo.workflows.steps.recipe_choices import names_by_mass, schedule
from gnnzoo.workflows.train import train
from lines import line_with
from systems import changed, water_frame

WATER = {"units": "real", "types": {"1": "O", "2": "H"}}


def text_of(result, label: str) -> str:
    """The choice of this label, with its reason."""
    return " | ".join(choice.text for choice in result.choices if choice.label == label)


def with_columns(path, snapshots, base=dumps.ARGON_COLUMNS, **columns):
    """A dump with further columns, by type."""
    for snapshot in snapshots:
        for name, by_type in columns.items():
            snapshot.columns[name] = np.array([by_type[number] for number in snapshot.types])
    return dumps.write_dump(path, snapshots, (*base, *columns))


# --- a recipe that is complete --------------------------------------------------------------------------------------


def test_argon(folder):
    dumps.argon_dump(folder / "argon.lammpstrj", frames=30)
    result = init("argon.lammpstrj", units="real", types={1: "Ar"})
    assert result.path == Path("argon.json")
    recipe, known = load_recipe("argon.json"), load_recipe("recipes/argon-conservative.json")
    assert recipe == result.recipe
    assert (recipe.name, recipe.data.source, recipe.data.units) == ("argon", "argon.lammpstrj", "real")
    assert recipe.data.types == {"1": "Ar"}
    assert recipe.data.atoms == known.data.atoms
    assert recipe.model.layers == known.model.layers
    assert recipe.data.simulate is None
    report = describe_dataset(open_dataset("argon.lammpstrj", **{"units": "real", "types": {1: "Ar"}}))
    assert recipe.graph.cutoff == report.recommended_cutoff
    labels = [choice.label for choice in result.choices]
    assert labels == ["source", "units", "types", "atoms", "cutoff", "model", "prior", "split", "split", "training"]
    line_with(text_of(result, "cutoff"), "shell", "edges per atom")
    assert "30 frames" in text_of(result, "split")
    assert json.loads(json.dumps(result.to_json()))["choices"][1]["label"] == "units"


def test_molecules_of_water_give_its_bonds(folder):
    dumps.water_dump(folder / "w.dump", frames=20, side=3)
    result = init("w.dump", **WATER, name="flexible")
    recipe = load_recipe(result.path)
    known = load_recipe("recipes/water-conservative.json")
    assert recipe.name == "flexible"
    assert recipe.graph.waves == round(10 / recipe.graph.cutoff, 2)
    assert recipe.data.atoms == known.data.atoms
    assert recipe.model.layers == known.model.layers
    assert [prior.prior for prior in recipe.model.prior] == ["repulsion"]
    line_with(text_of(result, "model"), "molecular-liquid", "3 atoms by their ids")


def test_several_dumps_and_their_common_name(folder):
    for number, first in ((2, 0), (11, 200)):
        dumps.write_dump(folder / f"run.{number}.lammpstrj", dumps.argon(frames=20, seed=number, first=first))
    recipe = init(["run.2.lammpstrj", "run.11.lammpstrj"], units="real").recipe
    assert (recipe.name, recipe.data.source) == ("run", ["run.2.lammpstrj", "run.11.lammpstrj"])
    recipe = init("run.*.lammpstrj", "b.json", units="real").recipe
    assert recipe.data.source == "run.*.lammpstrj"


def test_a_recipe_in_another_folder_finds_its_data(folder, monkeypatch):
    dumps.argon_dump(folder / "a.lammpstrj", frames=20)
    (folder / "recipes").mkdir()
    (folder / "recipes/recipe.schema.json").write_text("{}")
    path = init("a.lammpstrj", "recipes/a.json", units="real").path
    assert load_recipe(path).data.source == "../a.lammpstrj"
    assert json.loads(path.read_text())["$schema"] == "recipe.schema.json"
    (folder / "inner").mkdir()
    dumps.argon_dump(folder / "inner/b.lammpstrj", frames=20)
    dumps.argon_dump(folder / "b.lammpstrj", frames=20)
    monkeypatch.chdir(folder / "inner")
    (folder / "inner/recipes").mkdir()
    # ../b.lammpstrj is another file when looked up from here
    assert init("b.lammpstrj", "recipes/b.json", units="real").recipe.data.source == "b.lammpstrj"


@pytest.mark.parametrize("form", ["a.h5", "a.tfrecord"])
def test_datasets(folder, form):
    dumps.argon_dump(folder / "a.lammpstrj", frames=20)
    convert("a.lammpstrj", form, units="real", types={1: "Ar"}, cutoff=6.0 if form == "a.tfrecord" else None)
    recipe = init(form).recipe
    assert (recipe.data.source, recipe.data.units, recipe.data.types) == (form, "real", {"1": "Ar"})


# --- units ----------------------------------------------------------------------------------------------------------


def test_inferred_units_are_written_with_a_warning(folder):
    dumps.water_dump(folder / "w.dump", frames=20, side=3)
    result = init("w.dump")
    assert result.recipe.data.units == "real"
    assert "inferred" in text_of(result, "units")
    assert "--units" in result.warnings[0]


def test_unknown_units_are_an_error(folder):
    snapshots = dumps.argon(frames=4)
    for snapshot in snapshots:
        snapshot.forces = 0.0 * snapshot.forces
    dumps.write_dump(folder / "a.dump", snapshots)
    with refused(DataError, "atoms per cubed length", file="a.dump", hint="--units real", expected="metal"):
        init("a.dump")
    assert not Path("a.json").exists()


def test_impossible_units_are_an_error(folder):
    snapshots = dumps.argon(frames=4, side=4)
    for snapshot in snapshots:
        snapshot.positions, snapshot.cell = snapshot.positions / 10, snapshot.cell / 10
    dumps.write_dump(folder / "a.dump", snapshots)
    with refused(DataError, "units real", file="a.dump", hint="--units lj"):
        init("a.dump", units="real")
    assert init("a.dump").recipe.data.units == "lj"


# --- types and atoms ------------------------------------------------------------------------------------------------


def test_types_without_a_name_keep_their_number(folder):
    dumps.water_dump(folder / "w.dump", frames=20)
    result = init("w.dump", units="real")
    recipe = load_recipe(result.path)
    assert recipe.data.types == {"1": "1", "2": "2"}
    assert recipe.model.layers[0].inputs == "species"
    assert recipe.data.atoms == {}
    assert "--types 1=NAME,2=NAME" in text_of(result, "types")


def test_types_are_named_by_element_or_by_mass(folder):
    with_columns(folder / "e.dump", dumps.water(frames=20), dumps.WATER_COLUMNS, element={1: "O", 2: "H"})
    assert init("e.dump", units="real").recipe.data.types == {"1": "O", "2": "H"}
    with_columns(folder / "m.dump", dumps.water(frames=20), dumps.WATER_COLUMNS, mass={1: 15.9994, 2: 1.008})
    result = init("m.dump", units="real")
    assert load_recipe(result.path).data.types == {"1": "O", "2": "H"}
    line_with(text_of(result, "types"), "15.9994 is O", "1.008 is H")


def test_masses_of_no_element_name_nothing(folder):
    # united atoms CH2 and CH3, and two kinds of carbon
    snapshots = dumps.argon(frames=1)
    for snapshot in snapshots:
        snapshot.types = np.arange(27) % 4 + 1
    with_columns(folder / "c.dump", snapshots, mass={1: 14.027, 2: 15.035, 3: 12.011, 4: 12.01})
    dataset = open_dataset("c.dump")
    assert names_by_mass(dataset, [1, 2, 3, 4]) == {3: "C3", 4: "C4"}
    assert names_by_mass(dataset, [1, 2, 3]) == {3: "C"}
    assert names_by_mass(open_dataset("c.dump", units="lj"), [1, 2, 3, 4]) == {}


def test_names_that_are_not_possible_in_a_recipe(folder):
    with_columns(folder / "s.dump", dumps.argon(frames=20), element={1: "Na+"})
    assert init("s.dump", units="real").recipe.data.types is None
    with refused(UserError, "'Na+'", hint="--types"):
        init("s.dump", types={1: "Na+"}, name="other")


def test_parameters_of_a_known_recipe_need_its_charges(folder):
    with_columns(folder / "a.dump", dumps.water(frames=20), dumps.WATER_COLUMNS, q={1: -0.82, 2: 0.41})
    assert init("a.dump", **WATER).recipe.data.atoms["O"].charge == -0.82
    with_columns(folder / "b.dump", dumps.water(frames=20), dumps.WATER_COLUMNS, q={1: -0.834, 2: 0.417})
    result = init("b.dump", **WATER)
    assert result.recipe.data.atoms == {}
    assert result.recipe.model.layers[0].inputs == "species"
    line_with(text_of(result, "atoms"), "H +0.417", "O -0.834")


@pytest.mark.parametrize("names", [{1: "C"}, {1: "C", 2: "H"}, {1: "B", 2: "F"}, {1: "H"}, {1: "Ar", 2: "H"}])
def test_no_parameters_from_a_recipe_of_other_species(folder, names):
    snapshots = dumps.water(frames=20)
    for snapshot in snapshots:
        snapshot.types = np.resize(sorted(names), len(snapshot.types))
    dumps.write_dump(folder / "a.dump", snapshots)
    result = init("a.dump", units="real", types=names)
    assert result.recipe.data.atoms == {} and result.recipe.model.layers[0].inputs == "species"


def test_no_parameters_of_water_for_other_compositions_of_its_species(folder):
    snapshots = dumps.water(frames=20)
    for snapshot in snapshots:
        snapshot.types = np.resize([1, 1, 2, 2], len(snapshot.types))  # as in hydrogen peroxide
    dumps.write_dump(folder / "a.dump", snapshots)
    assert init("a.dump", **WATER).recipe.data.atoms == {}


def test_species_of_installed_recipes_that_are_elements_have_the_parameters_of_these():
    known = {"Ar": (0.0, 0.2378, 3.405), "O": (-0.82, 0.155, 3.165), "H": (0.41, 0.0, 0.0)}
    for path in sorted(installed_recipes().glob("*.json")):
        if path.name != "recipe.schema.json":
            for name, atom in load_recipe(path).data.atoms.items():
                assert name not in MASSES or (atom.charge, atom.epsilon, atom.sigma) == known[name], path


# --- sets of configurations ---------------------------------------------------------------------------------------


def test_a_set_of_configurations_is_split_at_random(folder):
    random = np.random.default_rng(0)
    lines = []
    for number in range(40):
        atoms = 4 + number % 3
        rows = [f"Cu {' '.join(f'{x:.6f}' for x in random.uniform(0, 6, 3))} 0.1 0 0" for _ in range(atoms)]
        lines += [str(atoms), 'Lattice="6 0 0 0 6 0 0 0 6" Properties=species:S:1:pos:R:3:forces:R:3 energy=1', *rows]
    (folder / "a.extxyz").write_text("\n".join(lines) + "\n")
    result = init("a.extxyz", units="metal", name="a")
    assert result.recipe.data.split.method == "random"
    line_with(text_of(result, "split"), "at random", "independent configurations")
    assert "4 to 6 atoms" in result.recipe.description
    assert not any("gaps of" in choice.text for choice in result.choices if choice.label == "split")


# --- cutoff, split, schedule ----------------------------------------------------------------------------------------


def test_the_cutoff_asked_for(folder):
    dumps.argon_dump(folder / "a.dump", frames=20)
    result = init("a.dump", units="real", cutoff=4.25)
    assert result.recipe.graph.cutoff == 4.25
    line_with(text_of(result, "cutoff"), "4.25 A", "asked for")
    with refused(UserError, "cutoff of 0", hint="--cutoff 5"):
        init("a.dump", units="real", cutoff=0.0, name="b")
    with refused(UserError, "cutoff of 0.5", file="a.dump", hint="--cutoff R"):
        init("a.dump", units="real", cutoff=0.5, name="b")


def test_few_frames_have_no_test_part(folder):
    dumps.argon_dump(folder / "a.dump", frames=4)
    result = init("a.dump", units="real")
    split = result.recipe.data.split
    assert (split.train, split.validation, split.test) == (0.8, 0.2, 0.0)
    assert "no test" in text_of(result, "split")
    dumps.argon_dump(folder / "b.dump", frames=1)
    with refused(DataError, "1 frame", file="b.dump", hint="gnnzoo init DUMP DUMP"):
        init("b.dump", units="real")


def test_errors_about_too_few_frames_count_duplicates(folder):
    snapshots = dumps.argon(frames=1) * 30
    snapshots = [dataclasses.replace(snapshot, step=10 * number) for number, snapshot in enumerate(snapshots)]
    dumps.write_dump(folder / "a.dump", snapshots)
    with refused(DataError, "30 frames", "29 of them", file="a.dump", hint="gnnzoo init DUMP DUMP") as refusal:
        init("a.dump", units="real")
    assert "--set" not in refusal.error.hint


def test_the_split_is_that_of_the_schema(folder):
    dumps.argon_dump(folder / "a.dump", frames=40)
    assert init("a.dump", units="real").recipe.data.split == Split()
    assert Split().train == TRAINING  # which the cost estimate assumes


@pytest.mark.parametrize("sign", [1, 0, -1])
def test_molecule_ids_of_zero_bond_nothing(sign):
    frame = water_frame()
    data = Frames([changed(frame, molecules=frame.molecules * sign)])
    assert pairs_of(data[0], 3.0).inside.any() == (sign > 0)
    assert ("by their ids" in kind_of_matter(data, periodic=True).reason) == (sign > 0)


def test_the_schedule_has_the_shape_of_the_one_it_is_made_from():
    shape = installed_recipe("argon")["training"]
    found = schedule(100, 400, 0.04, shape)
    assert (found["epochs"], found["batch_size"]) == (100, 1)  # 10,000 steps: less than half an hour
    # the learning rate ends where it ends in the recipe: 0.9^50 = 0.9487^100
    assert found["learning_rate"] == {"initial": 0.005, "decay": 0.9487}
    assert (found["warmup"], found["checkpoint_every"]) == ({"epochs": 4}, 12)
    assert schedule(100, 40_000, 4.0, shape)["epochs"] == 4  # 450 steps in half an hour
    assert schedule(1000, 50, 0.004, shape)["batch_size"] == 8  # 400 atoms a step
    assert schedule(2, 50, 0.004, shape)["batch_size"] == 1


def test_columns_of_energies_are_pointed_out(folder):
    with_columns(folder / "a.dump", dumps.argon(frames=20), c_pe={1: -1.0}, c_other={1: 0.0})
    assert "--column energy=c_pe" in text_of(init("a.dump", units="real"), "energies")
    result = init("a.dump", units="real", columns={"energy": "c_pe"}, name="b")
    assert result.recipe.data.columns == {"energy": "c_pe"}
    assert not text_of(result, "energies")


# --- the file -------------------------------------------------------------------------------------------------------


def test_an_existing_recipe_is_kept(folder):
    dumps.argon_dump(folder / "a.dump", frames=20)
    path = init("a.dump", units="real").path
    before = path.read_text()
    with refused(OutputError, file="a.json", hint="--overwrite"):
        init("a.dump", units="real", cutoff=5.0)
    init("a.dump", units="real", cutoff=5.0, overwrite=True)
    assert Path("a.json.old-1").read_text() == before != path.read_text()
    with refused(UserError, ".yaml", file="b.yaml", hint="-o b.json"):
        init("a.dump", "b.yaml", units="real")


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
def test_names_from_file_names(text, name):
    assert as_name(text) == name


# --- and then it trains ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [{1: "O", 2: "H"}, None], ids=["named", "nameless"])
def test_training_on_the_new_recipe(workshop, folder, names):
    dumps.water_dump(folder / "w.dump", frames=20)
    path = init("w.dump", units="real", types=names)
    model = train(path, overrides=["training.steps=2"])
    assert model.info["species"] == (["O", "H"] if names else ["1", "2"])
    assert Path("w.keras").exists()
