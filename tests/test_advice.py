"""Every option that a text of gnnzoo advises is one of the command it stands with, or of the command that runs."""

import pytest

from hints import PACKAGE, reached_by, texts, wrong_advice

MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def test_advice_names_options_that_the_command_has():
    found = [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {wrong} in: {text}"
        for path in MODULES
        if not {"cli", "schema"} & set(path.relative_to(PACKAGE).parts)  # options declared, and descriptions of keys
        for line, text in texts(path)
        for wrong in wrong_advice(text, reached_by(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "commands", "wrong"),
    [
        ("gnnzoo convert DUMP --units real", (), 0),
        ("gnnzoo evaluate MODEL --units real", (), 1),
        ("--cutoff 5, or --recipe RECIPE", ("convert",), 0),
        ("--cutoff 5", ("convert", "train"), 1),
        ("leave out --plot", ("evaluate",), 0),
        ("pip install -U X", ("train",), 0),
    ],
)
def test_the_check_itself(text, commands, wrong):
    assert len(wrong_advice(text, commands)) == wrong
