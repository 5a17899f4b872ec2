"""Finding recipes by path or name, and the data sources that a recipe names."""

import contextlib
import fnmatch
import glob
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from gnnzoo.errors import Location, RecipeError, did_you_mean
from gnnzoo.file_formats import check_regular, natural_key
from gnnzoo.recipe.schema.recipe import Recipe

# Files and folders that are looked at for the pattern of a recipe, which may be of unknown origin: /**/x has no end.
_MOST_LOOKED_AT = 100_000


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
    path = Path(os.path.expanduser(name))
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
    found = [_first_match(source, folders, recipe_path) for source in sources]
    missing = [source for source, paths in zip(sources, found, strict=True) if not paths]
    if missing and len(missing) < len(sources):
        raise RecipeError(
            f"some of the sources do not exist: {', '.join(missing)}",
            location=Location(file=recipe_path, key="data.source"),
        )
    return [path for paths in found for path in paths]


def _first_match(source: str, folders: list[Path], recipe_path: Path | str | None) -> list[Path]:
    """Files that `source` matches in the first folder where it matches any."""
    for folder in folders:
        path = folder / os.path.expanduser(source)
        if path.exists():
            return [path]
        matches = _matching(path) if glob.has_magic(source) else set()
        if matches is None:
            raise RecipeError(
                f"the pattern '{source}' leads through more than {_MOST_LOOKED_AT:,} files and folders",
                location=Location(file=recipe_path, key="data.source"),
                expected="a pattern that names more of the path, such as runs/*/argon.lammpstrj",
            )
        if matches:
            return sorted(matches, key=natural_key)
    return []


def _matching(pattern: Path) -> set[Path] | None:
    """Paths that match a pattern, in which `**` is any folders, none included; None where it leads too far."""
    parts, found, looked_at = pattern.parts, set(), 0
    waiting = [(Path(), 0)]  # a path, and how many parts of the pattern it matches
    while waiting and looked_at <= _MOST_LOOKED_AT:
        path, at = waiting.pop()
        looked_at += 1
        if at == len(parts):
            found.add(path)
        elif not glob.has_magic(parts[at]):
            waiting += [(path / parts[at], at + 1)] if os.path.lexists(path / parts[at]) else []
        else:
            waiting += [(path, at + 1)] if parts[at] == "**" else []
            for entry in itertools.islice(_entries(path), _MOST_LOOKED_AT - looked_at + 1):
                looked_at += 1
                if parts[at] != "**":
                    waiting += [(path / entry.name, at + 1)] if _fits(entry.name, parts[at]) else []
                elif entry.is_dir(follow_symlinks=False) and _fits(entry.name, "*"):
                    waiting.append((path / entry.name, at))
                elif at + 1 == len(parts) and _fits(entry.name, "*"):
                    waiting.append((path / entry.name, at + 1))
    return found if looked_at <= _MOST_LOOKED_AT else None


def _entries(folder: Path) -> Iterator[os.DirEntry]:
    """Files and folders in a folder; none where it is no folder or cannot be read."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from entries


def _fits(name: str, pattern: str) -> bool:
    """Whether a name matches a pattern; hidden files only match patterns that begin with a dot."""
    return fnmatch.fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))
