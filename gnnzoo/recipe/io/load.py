"""Reading a recipe: its file is found, parsed, changed by overrides, and validated as a whole."""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from gnnzoo.errors import Location, RecipeError, UserError
from gnnzoo.file_formats import COMPRESSIONS, DUMP, HDF5, check_regular, read_head
from gnnzoo.recipe.checks.all import check
from gnnzoo.recipe.io import json_positions
from gnnzoo.recipe.io.find import find_recipe
from gnnzoo.recipe.io.json_positions import JsonValue
from gnnzoo.recipe.io.old_keys import at_old_keys
from gnnzoo.recipe.io.validation_errors import Problem, dotted, validation_problems
from gnnzoo.recipe.layer_registry import warn_about_broken_layers
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.upgrade import upgraded

logger = logging.getLogger(__name__)

Locations = dict[json_positions.Path, Location]

_LONGEST = 1_000_000  # bytes; recipes have some kB, or 100 kB with thousands of named files
_MOST_PROBLEMS = 50  # that are reported at once


def load_recipe(path_or_name: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read and validate a recipe.

    Args:
        path_or_name: its path, or a name that `gnnzoo list` shows.
        overrides: changes such as "training.epochs=3" or "model.layers[3].units=64", made before the recipe is
            validated; the value is JSON, or a text where it is not.

    Returns:
        The recipe.

    Raises:
        RecipeError: it cannot be found or read, or it is not valid: then with all its problems.
    """
    path = find_recipe(path_or_name)
    logger.debug(f"recipe '{path_or_name}': {path}")
    raw, lines = _read(path)
    locations = {key: Location(file=path, line=line, key=dotted(key)) for key, line in lines.items()}
    for text in overrides:
        _override(raw, text, locations)
    return _validated(raw, locations, path)


def recipe_from_dict(raw: Mapping) -> Recipe:
    """Validate a recipe that is already a dict, with the same checks as one from a file.

    Args:
        raw: what the JSON of a recipe holds.

    Returns:
        The recipe.

    Raises:
        RecipeError: it is not valid.
    """
    return _validated(dict(raw), {}, None)


def resolved(recipe: Recipe) -> dict:
    """Convert a recipe to JSON values with every default written out.

    Args:
        recipe: any.

    Returns:
        A dict that validates as the same recipe.
    """
    return recipe.model_dump(mode="json", by_alias=True)


# First bytes of data that are given as a recipe.
_DATA = (DUMP, *COMPRESSIONS, HDF5)


def _read(path: Path) -> tuple[dict[str, JsonValue], dict[json_positions.Path, int]]:
    check_regular(path, "a recipe", RecipeError)
    try:
        if read_head(path).startswith(_DATA):
            hint = f"gnnzoo init {path} writes a recipe for them"
            raise RecipeError("these are data, not a recipe", location=Location(file=path), hint=hint)
        if path.stat().st_size > _LONGEST:
            what = f"is too long for a recipe: {path.stat().st_size:,} bytes"
            raise RecipeError(what, location=Location(file=path), expected=f"at most {_LONGEST:,} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RecipeError("is not text", location=Location(file=path), expected="a recipe: JSON in UTF-8") from None
    except OSError as error:
        raise RecipeError(f"cannot be read: {error.strerror}", location=Location(file=path)) from None
    try:
        raw, lines = json_positions.parse(text)
    except json_positions.JsonError as error:
        key = dotted(error.path) if error.path else f"column {error.column}"
        what = error.what if error.path else f"not JSON: {error.what}"
        raise RecipeError(what, location=Location(file=path, line=error.line, key=key)) from None
    if not isinstance(raw, dict):
        location = Location(file=path, line=1)
        raise RecipeError("is not a recipe", location=location, expected='{ "name": ..., "data": ... }')
    return raw, lines


# --- validation -----------------------------------------------------------------------------------------------------


def _validated(raw: dict[str, JsonValue], locations: Locations, file: Path | None) -> Recipe:
    warn_about_broken_layers()
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        problems = validation_problems(error.errors()[:_MOST_PROBLEMS], upgraded(raw))
    else:
        problems = check(recipe)
        if not problems:
            return recipe
    errors = [_located(problem, locations, file) for problem in at_old_keys(problems, raw)]
    errors.sort(key=lambda error: (error.location and error.location.line) or 0)
    if len(errors) == 1:
        raise errors[0]
    raise RecipeError(f"{len(errors)} problems", location=Location(file=file), problems=errors)


def _located(problem: Problem, locations: Locations, file: Path | None) -> RecipeError:
    """A problem as an error with file and line: those of its key, or of the nearest part around it in the text."""
    path = problem.path
    while path and path not in locations:
        path = path[:-1]
    near = locations.get(path, Location(file=file))
    # An override names the key itself.
    key = None if near.key is None and locations.get(problem.path) is near else dotted(problem.path)
    location = Location(file=near.file, line=near.line, key=key)
    return RecipeError(problem.what, location=location, expected=problem.expected, hint=problem.hint)


# --- overrides ------------------------------------------------------------------------------------------------------

_STEP = re.compile(r"\.?([^.\[\]=]+)|\[(\d+)\]")


def _override(raw: dict[str, JsonValue], text: str, locations: Locations) -> None:
    """Change `raw` as `key.path=value` says; errors about the changed part name the override in place of a line."""
    option = f"--set {text}"
    key, equals, value = text.partition("=")
    steps = list(_STEP.finditer(key))
    if not equals or not steps or "".join(step[0] for step in steps) != key or key.startswith("."):
        what = f"'{option}' cannot be parsed"
        raise UserError(what, expected="--set key.path=value", hint="--set training.epochs=3")
    path: json_positions.Path = tuple(int(step[2]) if step[2] else step[1] for step in steps)
    node: JsonValue = raw
    for depth, part in enumerate(path[:-1]):
        node = _inside(node, part, path[:depth], option)
    last = path[-1]
    if isinstance(node, list):
        _inside(node, last, path[:-1], option)  # an index that does not exist is an error
        node[int(last)] = _json_or_text(value)
    elif isinstance(node, dict) and isinstance(last, str):
        node[last] = _json_or_text(value)
    else:
        raise _no_such_part(node, last, path[:-1], option)
    for known in [known for known in locations if known[: len(path)] == path]:
        del locations[known]
    for depth in range(1, len(path)):
        locations.setdefault(path[:depth], Location(file=option))  # objects that the override made
    locations[path] = Location(file=option)


def _inside(node: JsonValue, part: str | int, path: json_positions.Path, option: str) -> JsonValue:
    """What stands under `part`; an object is made where a key has none yet."""
    if isinstance(node, list) and str(part).isdigit() and int(part) < len(node):
        return node[int(part)]
    if isinstance(node, dict) and isinstance(part, str):
        if node.get(part) is None:
            node[part] = {}
        return node[part]
    raise _no_such_part(node, part, path, option)


def _no_such_part(node: JsonValue, part: str | int, path: json_positions.Path, option: str) -> RecipeError:
    where, expected = dotted(path), None
    if isinstance(node, list):
        what, expected = f"{where} has no entry '{part}'", f"{where}[0] to {where}[{len(node) - 1}]"
    elif isinstance(node, dict):
        what, expected = f"{where} is not a list", f"{where}.key"
    else:
        what = f"{where} is {json.dumps(node)}, there is nothing inside it to set"
    return RecipeError(what, location=Location(file=option), expected=expected)


def _json_or_text(value: str) -> JsonValue:
    try:
        return json_positions.parse(value.strip())[0]
    except json_positions.JsonError as error:
        if value.strip().startswith(("{", "[", '"')):
            raise UserError(f"'--set ...={value}' is not JSON: {error.what}", expected="JSON, or plain text") from None
        return value
