"""Evaluation sets of a model's recipe: by name, simulated if they are missing."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import dumps
from errors import refused
from gnnzoo.cli import main
from gnnzoo.errors import DataError, RecipeError, UserError
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.evaluate import evaluate
from gnnzoo.workflows.simulate import older_source, simulate
from gnnzoo.workflows.train import train
from lines import line_with
from small import ARGON, recipe

# Sixteen argon atoms that shake about a lattice.
SCRIPT = """
variable T index 50
units real
lattice fcc 5.4
region box block 0 2 0 2 0 1
create_box 1 box
create_atoms 1 box
mass 1 39.948
pair_style lj/cut 2.6
pair_coeff 1 1 0.2378 3.405
displace_atoms all random 0.2 0.2 0.2 4711
velocity all create ${T} 4711
fix 1 all nve
dump 1 all custom 10 ${dump} id type x y z fx fy fz
run 20
"""
SETS = {
    "large": {"source": "large.h5", "simulate": {"input": "simulations/tiny.in"}},
    "hot": {"source": "hot.h5", "simulate": {"input": "simulations/tiny.in", "variables": {"T": 200}}},
    "mine": {"source": "mine.h5"},
}
DECLARING = recipe(data={"evaluation": SETS}, training={"epochs": 1})


@pytest.fixture(scope="module")
def model(workshop):
    dumps.argon_dump(workshop / "argon.lammpstrj", frames=21)
    return train(DECLARING, data=convert("argon.lammpstrj", units="real", types={1: "Ar"}))


@pytest.fixture
def scripts(folder, monkeypatch):
    (folder / "simulations").mkdir()
    (folder / "simulations/tiny.in").write_text(SCRIPT)
    monkeypatch.setattr("gnnzoo.workflows.steps.simulation_script.installed_recipes", lambda: folder)
    return folder


@pytest.fixture
def mine(folder):
    """The set without a simulation."""
    dumps.write_dump(folder / "a.lammpstrj", dumps.argon(frames=2, seed=1))
    return convert("a.lammpstrj", "mine.h5", units="real", types={1: "Ar"})


def test_a_declared_set_is_simulated_once_and_evaluated_as_a_whole(model, scripts, messages):
    result = evaluate(model, on="large")
    assert (result.part, result.forces.frames, result.forces.atoms) == ("whole", 3, 3 * 16)
    assert (result.data, result.evaluation_set, result.to_json()["on"]) == ("large.h5", "large", "large")
    assert Path("data/large.lammpstrj").exists()
    assert Path("tiny-large-parity.png").exists()
    line_with(messages(), "large.h5", "missing", "simulation")
    shutil.rmtree("data")
    assert evaluate(model, on=["large"], plot=False) == result
    assert "simulation" not in messages()


def test_sets_and_data_are_evaluated_together_and_all_is_every_set(model, scripts, mine):
    results = evaluate(model, "mine.h5", on=["hot", "hot"], plot=False)
    assert list(results) == ["mine.h5", "hot"]
    assert list(evaluate(model, on="all", plot=False)) == ["large", "hot", "mine"]
    with refused(UserError, hint="--plot"):
        evaluate(model, on="all", plot="all.png")


def test_data_of_another_simulation_are_refused(model, scripts, mine):
    evaluate(model, on="hot", plot=False)
    shutil.move("hot.h5", "large.h5")
    with refused(UserError, "T", "200", file="large.h5", hint="gnnzoo evaluate MODEL large.h5"):
        evaluate(model, on="large", plot=False)
    shutil.copy2("data/hot.lammpstrj", "data/large.lammpstrj")
    Path("large.h5").unlink()
    with refused(UserError, file="data/large.lammpstrj", hint="gnnzoo evaluate MODEL data/large.lammpstrj"):
        evaluate(model, on="large", plot=False)


def test_a_missing_set_without_a_simulation(model, folder):
    with refused(DataError, "mine.h5", key="data.evaluation.mine.source", hint="gnnzoo evaluate MODEL DATASET"):
        evaluate(model, on="mine")


def test_an_unknown_name_is_refused_before_any_evaluation(model, folder):
    with refused(UserError, "'tiny'", "'lrage'", "'large'", expected="one of large, hot, mine or all"):
        evaluate(model, "missing.h5", on=["hot", "lrage"])
    Path("other.h5").write_text("")
    with refused(UserError, hint="gnnzoo evaluate MODEL other.h5"):
        evaluate(model, on="other.h5")


@pytest.mark.parametrize("name", ["large", "all"])
def test_a_recipe_without_sets(model, folder, monkeypatch, name):
    monkeypatch.setattr(model, "recipe", recipe())
    with refused(UserError, f"'{name}'", key="data.evaluation", hint="gnnzoo evaluate MODEL DATA"):
        evaluate(model, on=name)


def test_without_data_the_possible_data_are_listed(model, workshop, folder, snapshot):
    result = CliRunner().invoke(main, ["evaluate", str(workshop / "tiny.keras")])
    assert result.exit_code == 2
    snapshot("evaluate-without-data", result.stderr, replace={str(workshop): "FOLDER"})


def test_the_command_takes_names(model, workshop, mine):
    result = CliRunner().invoke(main, ["evaluate", str(workshop / "tiny.keras"), "--on", "mine", "--no-plot"])
    assert result.exit_code == 0, result.output
    line_with(result.stdout, "mine", "whole", "2 frames")


def test_a_set_is_simulated_by_name(scripts):
    raw = ARGON | {"data": ARGON["data"] | {"evaluation": SETS}}
    Path("tiny.json").write_text(json.dumps(raw))
    dump = simulate("tiny.json", on="hot").dump
    assert dump == Path("data/hot.lammpstrj")
    assert older_source("tiny.json", [], dump, "hot") is None
    convert(dump, "hot.h5", units="real", types={1: "Ar"})
    assert older_source("tiny.json", [], dump, "hot") == Path("hot.h5")
    with refused(UserError, file="tiny.json", key="data.evaluation.mine.simulate", hint="gnnzoo evaluate MODEL DUMP"):
        simulate("tiny.json", on="mine")
    with refused(UserError, "'hot'"):
        simulate("tiny.json", on="hott")


def test_no_set_is_called_all():
    with refused(RecipeError, '"all"'):
        recipe(data={"evaluation": {"all": {"source": "a.h5"}}})


@pytest.mark.parametrize(("name", "sets"), [("water", ["large"]), ("argon-reference", ["hot"])])
def test_sets_of_the_installed_recipes(name, sets):
    assert list(load_recipe(name).data.evaluation) == sets
