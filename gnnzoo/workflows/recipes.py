"""Validation of recipes, and lists of recipes and models."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gnnzoo.errors import RecipeError, UserError
from gnnzoo.models.archive import read_info
from gnnzoo.models.info import ModelInfo
from gnnzoo.recipe.io.find import find_recipe, recipe_names
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.workflows.steps.source_checks import check_sources

_T = TypeVar("_T")


def validate(recipes: Iterable[str | Path], overrides: Iterable[str] = ()) -> list[Recipe]:
    """Validate recipes, and report the problems of all of them.

    Args:
        recipes: paths or names.
        overrides: changes made to each of them, see `gnnzoo.load_recipe`.

    Returns:
        The recipes.

    Raises:
        RecipeError: some are invalid.
    """
    recipes, overrides = list(recipes), list(overrides)
    valid, errors = [], []
    for recipe in recipes:
        try:
            loaded = load_recipe(recipe, overrides)
            check_sources(loaded, find_recipe(recipe))
            valid.append(loaded)
        except RecipeError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise RecipeError(f"{len(errors)} of {len(recipes)} recipes are wrong", problems=errors)
    return valid


@dataclass(frozen=True)
class ListedRecipe:
    """A recipe that can be given by name; `recipe` is None if it is invalid."""

    name: str
    path: Path
    recipe: Recipe | None


@dataclass(frozen=True)
class ListedModel:
    """A .keras file and its information; where it cannot be read, `info` is None and `problem` says why."""

    path: Path
    info: ModelInfo | None
    problem: str | None = None


def list_recipes() -> list[ListedRecipe]:
    """List the recipes that can be given by name.

    Returns:
        The recipes in alphabetical order.
    """
    return [ListedRecipe(name, path, _or_none(load_recipe, path)) for name, path in sorted(recipe_names().items())]


def list_models(folder: Path | str = ".") -> list[ListedModel]:
    """List the .keras files of a folder.

    Args:
        folder: the folder.

    Returns:
        The models, the newest first.
    """
    files = sorted(Path(folder).glob("*.keras"), key=lambda path: path.lstat().st_mtime, reverse=True)
    return [_listed(path) for path in files]


def _listed(path: Path) -> ListedModel:
    try:
        return ListedModel(path, read_info(path))
    except UserError as error:
        return ListedModel(path, None, error.what)


def _or_none(read: Callable[[Path], _T], path: Path) -> _T | None:
    try:
        return read(path)
    except UserError:
        return None
