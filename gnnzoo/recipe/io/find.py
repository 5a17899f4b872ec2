"""Finding recipes by path or name, and the data sources that a recipe names."""

import glob
from pathlib import Path

from gnnzoo.errors import Location, RecipeError, did_you_mean
from gnnzoo.file_formats import check_regular, natural_key
from gnnzoo.recipe.schema.recipe import Recipe


def installed_recipes() -> Path:
    """Folder of the recipes that come with gnnzoo: in the package when installed, next to it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def recipe_names() -> dict[str, Path]:
    """Recipes that can be named without a path: those in ./recipes, and the installed ones with other names.

    Returns:
        Path of each recipe by its name.
    """
    found: dict[str, Path] = {}
    for folder in (Path("recipes"), installed_recipes()):
        for path in sorted(folder.glob("*.json")):
            if path.is_file() and not path.name.endswith(".schema.json"):
                found.setdefault(path.stem, path)
    return found


def find_recipe(name: str | Path) -> Path:
    """Find the file of a recipe.

    A path in a folder `recipes` that does not exist stands for the installed recipe of that name, so that
    `gnnzoo train recipes/water.json` works in any folder.

    Args:
        name: a path ("recipes/water.json"), or a name ("water", "water.json").

    Returns:
        An existing file.

    Raises:
        RecipeError: there is none.
    """
    path = Path(name).expanduser()
    for candidate in (path, path.parent / f"{path.name}.json"):
        if candidate.is_file():
            return candidate
    known = recipe_names()
    stem = path.name.removesuffix(".json")
    if stem in known and path.parent.name in ("", "recipes"):
        return known[stem]
    check_regular(path, "a recipe", RecipeError)
    raise RecipeError(
        f"there is no recipe '{name}'." + did_you_mean(stem, known),
        expected=f"a recipe's path, or one of {', '.join(known)}",
        hint="gnnzoo list",
    )


def find_source_files(recipe: Recipe, recipe_path: Path | str | None = None) -> list[Path]:
    """Find the files that `data.source` names, in the working folder or in that of the recipe.

    Args:
        recipe: its `data.source` is read.
        recipe_path: file of the recipe, if it has one.

    Returns:
        Existing paths in the order of the list, files of one glob in the order of the numbers in their names; empty
        where nothing exists.

    Raises:
        RecipeError: some of the listed sources exist and others do not.
    """
    sources = [recipe.data.source] if isinstance(recipe.data.source, str) else recipe.data.source
    folders = [Path()] + ([Path(recipe_path).parent] if recipe_path is not None else [])
    found = [_first_match(source, folders) for source in sources]
    missing = [source for source, paths in zip(sources, found, strict=True) if not paths]
    if missing and len(missing) < len(sources):
        raise RecipeError(
            f"some of the sources do not exist: {', '.join(missing)}",
            location=Location(file=recipe_path, key="data.source"),
        )
    return [path for paths in found for path in paths]


def _first_match(source: str, folders: list[Path]) -> list[Path]:
    """Files that `source` matches in the first folder where it matches any."""
    for folder in folders:
        path = folder / Path(source).expanduser()
        if path.exists():
            return [path]
        matches = sorted(glob.glob(str(path), recursive=True), key=natural_key)
        if matches:
            return [Path(match) for match in matches]
    return []
