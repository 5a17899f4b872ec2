"""The commands validate, schema, list and simulate."""

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import dumps
from gnnzoo.cli import main
from gnnzoo.data.lammps.run import script_digest
from gnnzoo.recipe.io.find import installed_recipes, recipe_names
from gnnzoo.recipe.io.load import load_recipe, resolved
from gnnzoo.recipe.text.reference import json_schema
from gnnzoo.workflows.convert import convert
from lines import line_with


def gnnzoo(*arguments):
    return CliRunner().invoke(main, arguments)


def test_validate_prints_a_summary(folder):
    result = gnnzoo("validate", "water", "argon-reference", "--set", "training.epochs=7")
    assert result.exit_code == 0
    assert result.stdout.count("7 epochs") == 2
    assert "water: ok\n" in result.stdout
    assert result.stdout.endswith("argon-reference: ok\n")


def test_validate_prints_the_problems_of_every_recipe(folder):
    for name in ("a", "b"):
        raw = resolved(load_recipe("argon")) | {"name": name, "training": {"epoch": 3}}
        Path(f"{name}.json").write_text(json.dumps(raw))
    result = gnnzoo("validate", "a.json", "argon", "b.json")
    assert result.exit_code == 2
    assert "2 of 3" in result.stderr.splitlines()[0]
    for name in ("a", "b"):
        line_with(result.stderr, f"{name}.json", "line 1", "training.epoch", "'epochs'")


def test_schema_prints_json_or_markdown(folder):
    assert json.loads(gnnzoo("schema").stdout) == json_schema()
    line_with(gnnzoo("schema", "--markdown").stdout, "- `cutoff`", "number > 0", "required")


def test_list_shows_recipes_and_models_with_their_errors(folder):
    assert "no models" in gnnzoo("list").stdout
    figures = {"validation": {"relative": 0.5, "mae": 1}, "test": {"relative": 0.0423, "mae": 0.0312}}
    info = {"recipe": {"name": "argon"}, "species": ["Ar"], "units": "real", "figures": figures, "trained": "today"}
    with zipfile.ZipFile("mine.keras", "w") as archive:
        archive.writestr("gnnzoo.json", json.dumps(info))
    Path("other.keras").write_bytes(b"something else")
    Path("recipes").mkdir()
    Path("recipes/broken.json").write_text("{")

    result = gnnzoo("list")
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line.strip()}
    assert set(recipe_names()) <= set(rows)
    assert rows["mine.keras"][1:] == ["argon", "Ar", "4.23%", "0.0312", "kcal/mol/A", "today"]
    assert "unreadable" in line_with(result.stdout, "other.keras")
    line_with(result.stdout, "broken", "invalid", "gnnzoo validate recipes/broken.json")


def test_simulate_without_a_simulation_is_a_user_error(folder):
    result = gnnzoo("simulate", "argon", "--set", "data.simulate=null")
    assert result.exit_code == 2
    line_with(result.stderr, "error", "'argon'", "simulation")


@pytest.mark.parametrize("name", ["argon", "water"])
def test_recipes_of_the_manual_are_found(folder, name):
    assert gnnzoo("validate", f"recipes/{name}.json").exit_code == 0


def test_simulate_prints_the_next_command(folder):
    script = installed_recipes() / "simulations/argon.in"
    Path("data").mkdir()
    dumps.argon_dump(Path("data/argon.lammpstrj"))
    variables = {**load_recipe("argon").data.simulate.variables, "T": 91}
    made_by = {"input": script.name, "sha256": script_digest(script), "variables": variables}
    Path("data/argon.simulation.json").write_text(json.dumps(made_by))  # so that nothing is run
    command = ("simulate", "argon", "--set", "data.simulate.variables.T=91", "--set", "data.source=argon.h5")
    train = f"gnnzoo train {' '.join(command[1:])}"
    assert "converts" in line_with(gnnzoo(*command).stderr, train)
    convert("data/argon.lammpstrj", "argon.h5")
    printed = gnnzoo(*command).stderr
    line_with(printed, "argon.h5", "before")
    assert "converts" not in printed
