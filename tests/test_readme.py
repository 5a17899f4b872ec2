"""The commands of the README work as printed."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest

import dumps
from gnnzoo.cli import main
from gnnzoo.recipe.io.load import recipe_from_dict
from small import ARGON, WATER

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
FOUR = [
    "gnnzoo convert argon.lammpstrj",
    "gnnzoo train recipes/water.json",
    "gnnzoo transfer water.keras --target argon",
    "gnnzoo freeze",
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def typed() -> list[str]:
    """The lines of the README's console blocks that a user types, without their comments."""
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    return [line.removeprefix("$ ").partition(" #")[0].strip() for line in lines]


def test_the_four_commands_are_in_order():
    assert [line for line in typed() if line in FOUR] == FOUR


@pytest.mark.parametrize("line", [line for line in typed() if line.startswith("gnnzoo ")])
def test_every_command_parses(line):
    name, *arguments = shlex.split(line)[1:]
    command = main.get_command(click.Context(main), name)
    assert command is not None
    command.make_context(name, list(arguments))  # refuses unknown options and missing arguments


def test_no_placeholder_is_left():
    assert not re.findall(r"@\w*@", README)


def test_named_scripts_exist():
    for script in re.findall(r"bash (tools/\S+\.sh)", README):
        assert (Path(__file__).resolve().parents[1] / script).is_file()


def test_the_recipe_is_valid():
    (shown,) = [block for block in blocks("json") if '"layers"' in block]
    assert recipe_from_dict(json.loads(shown)).name == "my-water"


def test_the_four_commands_run(folder, uncompiled, few_points):
    """With small recipes of the same names in ./recipes, which hide the installed ones."""
    dumps.argon_dump(folder / "argon.lammpstrj", frames=16)
    dumps.water_dump(folder / "water.lammpstrj", frames=16)
    (folder / "recipes").mkdir()
    for name, recipe in (("water", WATER), ("argon", ARGON)):
        epochs = 3 if name == "argon" else 1  # freeze demands a model that is better than zero forces
        brief = {"epochs": epochs, "checkpoint_every": 1, "warmup": {"epochs": 0}, "batch_size": 1}
        changes = {"training": ARGON["training"] | brief, "name": name}
        text = json.dumps(recipe | changes | {"data": recipe["data"] | {"source": _source(name)}})
        (folder / "recipes" / f"{name}.json").write_text(text)
    for line in FOUR:
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(line)[1:])
        assert ended.value.code == 0, line
    for made in ("argon.h5", "water.keras", "runs/water-001/log.csv", "argon-from-water.keras"):
        assert (folder / made).is_file(), made
    assert (folder / "argon-from-water-frozen" / "saved_model.pb").is_file()


def _source(name: str) -> str:
    return "argon.h5" if name == "argon" else "water.lammpstrj"
