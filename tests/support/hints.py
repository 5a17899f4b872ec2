"""Commands and options that the texts of gnnzoo advise, checked against the command line as it is.

A text names an option either within a command, as in "gnnzoo convert DUMP --units real", or bare, as in "--cutoff 5":
then it is an option of the command that runs.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click

import gnnzoo
from gnnzoo.cli import COMMANDS
from gnnzoo.cli.advice import NEXT, in_terms_of

PACKAGE = Path(gnnzoo.__file__).parent
_COMMAND = re.compile(rf"gnnzoo ({'|'.join(COMMANDS)})\b((?:(?!gnnzoo |; |\. |, |: |\)).)*)", re.DOTALL)
_OPTION = re.compile(r"(?<![\w-])(?:--[a-z][a-z-]*|-o)(?![\w-])")
_ALWAYS = {"--debug", "--quiet", "--help"}

# Commands that reach a module: an option without its command must be one of all of them.
_DATA = ("convert", "export", "inspect", "init", "train", "transfer", "evaluate", "md")
_WRITERS = (*_DATA, "freeze", "pairs", "simulate")
_REACHED_BY = {
    "dynamics": ("md",),
    "workflows/steps/first_frame.py": ("md",),
    "workflows/steps/md_run.py": ("md",),
    "outputs.py": _WRITERS,
    "units.py": _DATA,
    "workflows/compare.py": ("transfer",),
    "data/lammps/log_energies.py": ("convert",),
    "data/tfrecord/writer.py": ("convert",),
    "data/inspection/text_report.py": ("inspect",),
    "workflows/models.py": ("train", "transfer"),
    "workflows/recipes.py": ("validate", "list"),
    "workflows/steps/dataset_messages.py": ("convert", "train", "transfer"),
    "workflows/steps/families.py": ("init",),
    "workflows/steps/evaluation_sets.py": ("evaluate", "simulate"),
    "workflows/steps/recipe_choices.py": ("init",),
    "workflows/steps/split_messages.py": ("train", "transfer"),
    "workflows/steps/written_data.py": ("convert", "export"),
    "workflows/steps": ("train", "transfer"),
    "recipe": ("train", "transfer", "validate", "simulate"),
    "training": ("train", "transfer"),
    "transfer_learning": ("transfer",),
    "data/split": ("train", "transfer"),
    "data/inspection/data_warnings.py": ("inspect", "init"),
    "data/export": ("export",),
    "data": _DATA,
    "models": (*_DATA[3:], "freeze", "pairs"),
    "deploy": ("freeze",),
    "evaluation/pairs.py": ("pairs",),
    "evaluation": ("evaluate",),
}


def options_of(command: str) -> set[str]:
    """All spellings of the options of a command."""
    parameters = importlib.import_module(f"gnnzoo.cli.{command}").command.params
    options = {name for parameter in parameters if isinstance(parameter, click.Option) for name in parameter.opts}
    return options | _ALWAYS


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each string of a module that is no docstring; values that are filled in stand as X."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            skipped.add(id(node.body[0].value))
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
            yield node.lineno, "".join(map(str, parts))


def reached_by(path: Path) -> tuple[str, ...]:
    """Commands that may print the texts of a module; none where it is not known."""
    place = path.relative_to(PACKAGE).as_posix()
    for prefix, commands in _REACHED_BY.items():
        if place == prefix or place.startswith(prefix + "/"):
            return commands
    name = path.stem
    return (name,) if name in COMMANDS and place.split("/")[0] in ("workflows", "cli") else ()


def wrong_advice(text: str, commands: tuple[str, ...]) -> list[str]:
    """Options in a text that the command they stand with does not have; bare ones of any of `commands`.

    Advice of readers of data stands as each command prints it.
    """
    if set(commands) > {"convert", "evaluate"}:
        every = {wrong for one in commands for wrong in wrong_advice(in_terms_of(NEXT + text, options_of(one)), (one,))}
        return sorted(every)
    wrong = []

    def check(match: re.Match) -> str:
        known = options_of(match[1])
        wrong.extend(f"gnnzoo {match[1]} {option}" for option in _OPTION.findall(match[2]) if option not in known)
        return ""

    bare = _COMMAND.sub(check, text)
    for option in _OPTION.findall(bare):
        without = [command for command in commands if option not in options_of(command)]
        wrong += [f"{option} ({', '.join(without)})"] if without or not commands else []
    return wrong
