"""Advice of errors in the options of the command that runs, as it can be typed."""

import importlib
import re
import shlex

import pytest

import dumps
from gnnzoo.cli import main
from gnnzoo.cli.advice import in_terms_of
from gnnzoo.recipe.io.load import load_recipe
from hints import options_of

COMMANDS = ("convert", "export", "inspect", "init", "train", "transfer", "evaluate")
_WITH_RECIPE = {"train": ["RECIPE"], "transfer": ["MODEL", "--target", "RECIPE"]}
_ARGUMENTS = _WITH_RECIPE | {"export": ["DATA", "OUT"]}


def advised(hint, command):
    first, line = in_terms_of(f"what is wrong\n  next: {hint}", options_of(command)).splitlines()
    assert first == "what is wrong"
    return line.removeprefix("  next: ")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "options", ["--units real", "--types 1=O,2=H", "--column energy=c_pe", "--column 'fx=f_1[1]' --column fy=f_1[2]"]
)
def test_declarations_can_be_typed_for_every_command(command, options):
    words = shlex.split(advised(options, command))
    if words[0] == "gnnzoo":  # of a command that takes converted data
        assert words[:3] == ["gnnzoo", "convert", "DATA"]
        command, words = "convert", words[3:]
    arguments = [*_ARGUMENTS.get(command, ["DATA"]), *words]
    context = importlib.import_module(f"gnnzoo.cli.{command}").command.make_context(command, arguments)
    if command in _WITH_RECIPE:
        data = load_recipe("water", context.params["overrides"]).data
        given = dict(
            pair.split("=", 1) for word in shlex.split(options)[1::2] for pair in word.split(",") if "=" in pair
        )
        declared = {"--units": data.units, "--types": data.types, "--column": data.columns}[options.split()[0]]
        assert declared == (given or "real")


def test_sentences_keep_their_words():
    assert advised("leave --units out", "train") == "leave data.units out"
    assert advised("--units metal (or real, lj) states it", "train") == "--set data.units=metal (or real, lj) states it"
    whole = "gnnzoo convert a.xyz --units real, or a log of --units real"
    assert advised(whole, "train") == "gnnzoo convert a.xyz --units real, or a log of --set data.units=real"
    assert advised("--units real or --units metal", "inspect") == "--units real or --units metal"


def test_undeclared_units_are_not_guessed_in_advice(folder, capsys):
    # forces that fit 58 K in real and 1,300 K in metal
    snapshots = dumps.argon(frames=20, side=3)
    for snapshot in snapshots:
        snapshot.forces = snapshot.forces * 1.1
    dumps.write_dump(folder / "a.lammpstrj", snapshots)

    def typed(*words):
        with pytest.raises(SystemExit) as ending:
            main.main([*words])
        return ending.value.code, capsys.readouterr().err

    code, text = typed("init", "a.lammpstrj")
    assert code == 2
    options = re.findall(r"--units (\w+)", text.split("next:")[1])
    assert {"real", "metal"} <= set(options)
    for style in options:
        assert typed("init", "a.lammpstrj", "--units", style, "--name", style)[0] == 0
