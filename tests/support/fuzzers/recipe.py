"""Recipes: the installed ones with changes; what is accepted must have the values that stand in the JSON."""

import json
import random
from pathlib import Path

from fuzzers import changes
from fuzzers.fuzzer import Fuzzer
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.text.summary import summary

_RECIPES = Path(__file__).resolve().parents[3] / "recipes"


class RecipeFuzzer(Fuzzer):
    """Recipes with changes to values, keys and bytes."""

    name, file = "recipe", "input.json"

    def prepare(self, folder: Path) -> None:
        self._recipes = [json.loads(path.read_text()) for path in sorted(_RECIPES.glob("*.json"))]
        self._recipes = [recipe for recipe in self._recipes if "$schema" not in recipe or "model" in recipe]

    def write(self, path: Path, chance: random.Random) -> str:
        value, story = chance.choice(self._recipes), []
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            value, change = changes.change_json(value, chance)
            story.append(change)
        path.write_bytes(changes.dump_json(value, chance))
        return ", ".join(story)

    def read(self, path: Path) -> list[str]:
        recipe = load_recipe(path)
        summary(recipe)
        stated, read = json.loads(path.read_bytes()), recipe.model_dump(mode="json", by_alias=True)
        return [f"another value: {where}: {value!r}" for where, value in _other_values(stated, read, "")]


def _other_values(stated: object, read: object, where: str) -> list[tuple[str, object]]:
    """Values of the JSON that are others in the recipe; keys of earlier versions are not in it."""
    if isinstance(stated, dict) and isinstance(read, dict):
        shared = [key for key in stated if key in read]
        return [other for key in shared for other in _other_values(stated[key], read[key], f"{where}.{key}")]
    if isinstance(stated, list) and isinstance(read, list) and len(stated) == len(read):
        pairs = enumerate(zip(stated, read, strict=True))
        return [other for index, (a, b) in pairs for other in _other_values(a, b, f"{where}[{index}]")]
    if not (isinstance(stated, str | int | float) and isinstance(read, str | int | float)) or stated == read:
        return []
    try:  # pydantic takes numbers as text, and 2**63 - 1 where a real number is wanted
        return [] if float(stated) == float(read) else [(where, stated)]
    except ValueError:
        return [(where, stated)]
