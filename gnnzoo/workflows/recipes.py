"""What there is and whether it is in order: recipes and models, before anything runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.errors import RecipeError, UserError
from gnnzoo.models.archive import read_info
from gnnzoo.recipe.io.load import load_recipe, recipe_names
from gnnzoo.recipe.schema.recipe import Recipe


def validate(recipes: Iterable[str | Path], overrides: Iterable[str] = ()) -> list[Recipe]:
    """Check recipes as a whole, each to the end.

    Args:
        recipes: paths or names.
        overrides: changes made to each of them, see `gnnzoo.load_recipe`.

    Raises:
        RecipeError: some are wrong; with the problems of all of them.
    """
    recipes, overrides = list(recipes), list(overrides)
    good, wrong = [], []
    for recipe in recipes:
        try:
            good.append(load_recipe(recipe, overrides))
        except RecipeError as error:
            wrong.append(error)
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise RecipeError(f"{len(wrong)} of {len(recipes)} recipes are wrong", problems=wrong)
    return good


@dataclass(frozen=True)
class ListedRecipe:
    """A recipe found by name; `recipe` is None where it is not in order."""

    name: str
    path: Path
    recipe: Recipe | None


@dataclass(frozen=True)
class ListedModel:
    """A model of the working folder with what it says of itself; `info` is None where it says nothing."""

    path: Path
    info: dict | None


def list_recipes() -> list[ListedRecipe]:
    """The recipes that are found by name, in alphabetical order."""
    return [ListedRecipe(name, path, _or_none(load_recipe, path)) for name, path in sorted(recipe_names().items())]


def list_models(folder: Path | str = ".") -> list[ListedModel]:
    """The .keras files of a folder, the newest first."""
    found = sorted(Path(folder).glob("*.keras"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [ListedModel(path, _or_none(read_info, path)) for path in found]


def _or_none(read, path: Path):
    try:
        return read(path)
    except UserError:
        return None
