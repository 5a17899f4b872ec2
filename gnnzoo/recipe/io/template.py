"""A new recipe from one that comes with gnnzoo, and its text as a person would lay it out.

The stack and the schedule of a new recipe are those of an installed one, so that they stand in one place.
"""

import json
import re
from functools import cache

from gnnzoo.errors import RecipeError
from gnnzoo.recipe.io.find import installed_recipes
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.schema.recipe import Recipe

_WIDTH = 117  # a comma and a blank may follow
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # as the schema's `Name`


def installed_recipe(name: str) -> dict:
    """What the file of an installed recipe holds; the caller's own to change."""
    return json.loads((installed_recipes() / f"{name}.json").read_text(encoding="utf-8"))


def is_name(text: str) -> bool:
    """Whether a recipe may call something so."""
    return _NAME.fullmatch(text) is not None


def as_name(text: str) -> str:
    """The name that is nearest to a text; "dump" where nothing of it can stay."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("_.-") or "dump"


def known_parameters(names: list[str], units: str | None) -> tuple[str, dict] | None:
    """The `data.atoms` of an installed recipe that knows all of these species in these units, and that recipe's name.

    Returns:
        None where no recipe knows them all.
    """
    for recipe in _installed():
        atoms = recipe.data.atoms
        if recipe.data.units == units and set(names) <= set(atoms):
            return recipe.name, {name: atoms[name].model_dump() for name in dict.fromkeys(names)}
    return None


@cache
def _installed() -> list[Recipe]:
    found = []  # argon before argon-reference
    for path in sorted(
        installed_recipes().glob("*.json"), key=lambda path: len(path.name)
    ):  # argon before argon-reference
        if not path.name.endswith(".schema.json"):
            try:
                found.append(load_recipe(path))
            except RecipeError:  # a file that someone put there
                continue
    return found


# --- text -----------------------------------------------------------------------------------------------------------


def recipe_text(raw: dict) -> str:
    """A recipe as JSON: its parts and theirs a line each, what is deeper as many to a line as there is room for."""
    return _text(raw, 0) + "\n"


def _text(value, depth: int, before: int = 0) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or (depth > 1 and 2 * depth + before + len(flat) <= _WIDTH):
        return flat
    start, end = "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, dict):
        keys = {key: f"{json.dumps(key, ensure_ascii=False)}: " for key in value}
        parts = [keys[key] + _text(part, depth + 1, len(keys[key])) for key, part in value.items()]
    else:
        parts = [_text(part, depth + 1) for part in value]
    inner, lines = "  " * (depth + 1), []
    plain = depth > 1 and not any(isinstance(part, dict | list) for part in _values(value))
    for number, part in enumerate(parts):
        text = part + ("," if number < len(parts) - 1 else "")
        if plain and lines and len(lines[-1]) + 1 + len(text) <= _WIDTH:
            lines[-1] += f" {text}"
        else:
            lines.append(inner + text)
    return "\n".join([start, *lines, "  " * depth + end])


def _values(value: dict | list) -> list:
    return list(value.values()) if isinstance(value, dict) else value
