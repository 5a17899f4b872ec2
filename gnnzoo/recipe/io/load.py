"""From a recipe's file to a `Recipe`: found, read, changed by --set, validated as a whole."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from gnnzoo.errors import Location, RecipeError, UserError
from gnnzoo.file_formats import COMPRESSIONS, DUMP, HDF5, read_head
from gnnzoo.recipe.checks.all import check
from gnnzoo.recipe.io import json_positions as jsontext
from gnnzoo.recipe.io.find import find_recipe, find_source_files, recipe_names
from gnnzoo.recipe.io.validation_errors import Problem, dotted, validation_problems
from gnnzoo.recipe.schema.recipe import Recipe

__all__ = ["find_recipe", "find_source_files", "load_recipe", "recipe_from_dict", "recipe_names", "resolved"]


def load_recipe(path_or_name: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        path_or_name: its path, or a name that `gnnzoo list` shows.
        overrides: changes such as "training.epochs=3" or "model.layers[3].units=64", made before the recipe is checked;
            the value is JSON, or a text where it is none.

    Raises:
        RecipeError: it cannot be found or read, or something in it is wrong: then with all its problems.
    """
    path = find_recipe(path_or_name)
    raw, lines = _read(path)
    places = {key: Location(file=path, line=line, key=dotted(key)) for key, line in lines.items()}
    for text in overrides:
        _override(raw, text, places)
    return _validated(raw, places, path)


def recipe_from_dict(raw: dict) -> Recipe:
    """A recipe from what its JSON holds, checked like one from a file."""
    return _validated(raw, {}, None)


def resolved(recipe: Recipe) -> dict:
    """The whole recipe as JSON values, every default written out; it validates again."""
    return recipe.model_dump(mode="json", by_alias=True)


# First bytes of data that are given as a recipe.
_DATA = (DUMP, *COMPRESSIONS, HDF5)


def _read(path: Path) -> tuple[dict, dict[jsontext.Path, int]]:
    try:
        if read_head(path).startswith(_DATA):
            raise RecipeError(
                "these are data, not a recipe",
                location=Location(file=path),
                hint=f"gnnzoo init {path} writes a recipe for them",
            )
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RecipeError("is not text", location=Location(file=path), expected="a recipe: JSON in UTF-8") from None
    except OSError as error:
        raise RecipeError(f"cannot be read: {error.strerror}", location=Location(file=path)) from None
    try:
        raw, lines = jsontext.parse(text)
    except jsontext.JsonError as error:
        key = dotted(error.path) if error.path else f"column {error.column}"
        what = error.what if error.path else f"not JSON: {error.what}"
        raise RecipeError(what, location=Location(file=path, line=error.line, key=key)) from None
    if not isinstance(raw, dict):
        raise RecipeError(
            "is not a recipe", location=Location(file=path, line=1), expected='{ "name": ..., "data": ... }'
        )
    return raw, lines


# --- validation -----------------------------------------------------------------------------------------------------


def _validated(raw: dict, places: dict[jsontext.Path, Location], file: Path | None) -> Recipe:
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        problems = validation_problems(error.errors(), raw)
    else:
        problems = check(recipe)
        if not problems:
            return recipe
    errors = [_placed(problem, places, file) for problem in problems]
    errors.sort(key=lambda error: error.location.line or 0)
    if len(errors) == 1:
        raise errors[0]
    raise RecipeError(f"{len(errors)} problems", location=Location(file=file), problems=errors)


def _placed(problem: Problem, places: dict[jsontext.Path, Location], file: Path | None) -> RecipeError:
    """A problem with its file and line: those of its key, or of the nearest thing around it that stands in the text."""
    path = problem.path
    while path and path not in places:
        path = path[:-1]
    near = places.get(path, Location(file=file))
    key = dotted(problem.path)
    if near.key is None and places.get(problem.path) is near:  # an override names the key itself
        key = None
    location = Location(file=near.file, line=near.line, key=key)
    return RecipeError(problem.what, location=location, expected=problem.expected, hint=problem.hint)


# --- overrides ------------------------------------------------------------------------------------------------------

_STEP = re.compile(r"\.?([^.\[\]=]+)|\[(\d+)\]")


def _override(raw: dict, text: str, places: dict[jsontext.Path, Location]) -> None:
    """Change `raw` as `key.path=value` says; errors about the changed part name the override instead of a line."""
    option = f"--set {text}"
    key, equals, value = text.partition("=")
    steps = list(_STEP.finditer(key))
    if not equals or not steps or "".join(step[0] for step in steps) != key or key.startswith("."):
        raise UserError(
            f"'{option}' is not understood", expected="--set key.path=value", hint="--set training.epochs=3"
        )
    path = tuple(int(step[2]) if step[2] else step[1] for step in steps)
    node = raw
    for depth, part in enumerate(path[:-1]):
        node = _inside(node, part, path[:depth], option)
    last = path[-1]
    if isinstance(node, list):
        _inside(node, last, path[:-1], option)  # refuses an index that does not exist
        last = int(last)
    elif not isinstance(node, dict) or isinstance(last, int):
        raise _no_such_place(node, last, path[:-1], option)
    node[last] = _json_or_text(value)
    for known in [known for known in places if known[: len(path)] == path]:
        del places[known]
    for depth in range(1, len(path)):
        places.setdefault(path[:depth], Location(file=option))  # objects that the override made
    places[path] = Location(file=option)


def _inside(node: object, part: str | int, path: jsontext.Path, option: str) -> object:
    """What stands under `part`; an object is made where a key has none yet."""
    if isinstance(node, list) and str(part).isdigit() and int(part) < len(node):
        return node[int(part)]
    if isinstance(node, dict) and isinstance(part, str):
        if node.get(part) is None:
            node[part] = {}
        return node[part]
    raise _no_such_place(node, part, path, option)


def _no_such_place(node: object, part: str | int, path: jsontext.Path, option: str) -> RecipeError:
    where = dotted(path)
    if isinstance(node, list):
        expected = f"{where}[0] to {where}[{len(node) - 1}]"
        return RecipeError(f"{where} has no entry '{part}'", location=Location(file=option), expected=expected)
    if isinstance(node, dict):
        return RecipeError(f"{where} is no list", location=Location(file=option), expected=f"{where}.key")
    what = f"{where} is {json.dumps(node)}, there is nothing inside it to set"
    return RecipeError(what, location=Location(file=option))


def _json_or_text(value: str) -> object:
    try:
        return jsontext.parse(value.strip())[0]
    except jsontext.JsonError as error:
        if value.strip().startswith(("{", "[", '"')):
            raise UserError(f"'--set ...={value}' is not JSON: {error.what}", expected="JSON, or plain text") from None
        return value
