"""New recipes made from installed ones, and the layout of a recipe as text.

Stack and schedule of a new recipe are copied from an installed one, so that they are stated once.
"""

import json
import re
from functools import cache

from gnnzoo.errors import RecipeError
from gnnzoo.recipe.io.find import installed_recipes
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.schema.recipe import Recipe

_WIDTH = 117  # of a line, so that a comma and a space fit into 119
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # as `Name` of the schema


def installed_recipe(name: str) -> dict:
    """Read the JSON of an installed recipe.

    Args:
        name: without ".json".

    Returns:
        A new dict, which the caller may change.
    """
    raw: dict = json.loads((installed_recipes() / f"{name}.json").read_text(encoding="utf-8"))
    return raw


def is_name(text: str) -> bool:
    """Whether `text` is a valid name in a recipe."""
    return _NAME.fullmatch(text) is not None


def as_name(text: str) -> str:
    """Convert a text to a valid name.

    Args:
        text: any, such as the stem of a file.

    Returns:
        `text` with "-" in place of other characters; "dump" where nothing is left.
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("_.-") or "dump"


def known_parameters(names: list[str], units: str | None) -> tuple[str, dict[str, dict[str, float]]] | None:
    """Find the parameters of species in the installed recipes.

    A recipe is about the same substance only if it has these species and no others: a carbon of hydrocarbons is not
    that of carbon dioxide.

    Args:
        names: of all species.
        units: unit style of the parameters.

    Returns:
        Name of the first recipe of exactly these species, and its `data.atoms`; None where there is none.
    """
    for recipe in _installed():
        atoms = recipe.data.atoms
        if recipe.data.units == units and set(names) == set(atoms):
            return recipe.name, {name: atoms[name].model_dump() for name in dict.fromkeys(names)}
    return None


@cache
def _installed() -> list[Recipe]:
    """Installed recipes, those with short names first: argon before argon-reference."""
    found = []
    for path in sorted(installed_recipes().glob("*.json"), key=lambda path: len(path.name)):
        if not path.name.endswith(".schema.json"):
            try:
                found.append(load_recipe(path))
            except RecipeError:  # a file that a user put there
                continue
    return found


# --- text -----------------------------------------------------------------------------------------------------------


def recipe_text(raw: dict) -> str:
    """Lay out a recipe as JSON text.

    Args:
        raw: JSON values of the recipe.

    Returns:
        Text in which sections and their keys have a line each, and what is deeper shares lines.
    """
    return _text(raw, 0) + "\n"


def _text(value: object, depth: int, before: int = 0) -> str:
    """JSON of a value at a depth of nesting, after `before` characters on its line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or (depth > 1 and 2 * depth + before + len(flat) <= _WIDTH):
        return flat
    start, end = "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, dict):
        keys = {key: f"{json.dumps(key, ensure_ascii=False)}: " for key in value}
        parts = [keys[key] + _text(part, depth + 1, len(keys[key])) for key, part in value.items()]
        inside = list(value.values())
    else:
        parts, inside = [_text(part, depth + 1) for part in value], value
    lines: list[str] = []
    fills_lines = depth > 1 and not any(isinstance(part, dict | list) for part in inside)
    for number, part in enumerate(parts):
        text = part + ("," if number < len(parts) - 1 else "")
        if fills_lines and lines and len(lines[-1]) + 1 + len(text) <= _WIDTH:
            lines[-1] += f" {text}"
        else:
            lines.append("  " * (depth + 1) + text)
    return "\n".join([start, *lines, "  " * depth + end])
