"""Checks of a recipe's sources that need no reading: what their names and kinds decide."""

import glob
from pathlib import Path

import numpy as np

from gnnzoo.data.data_source import kind_of_name, resolve_source
from gnnzoo.data.split.matching_files import matching_files
from gnnzoo.errors import DataError, Location, RecipeError
from gnnzoo.recipe.io.find import find_source_files
from gnnzoo.recipe.schema.recipe import Recipe


def check_sources(recipe: Recipe, recipe_path: Path | None) -> None:
    """Check sources that exist, and that a split by file names some of them.

    Missing sources are no error, as training may make them. Datasets know the files that they were converted from,
    which the names here do not show: a split by file is then left to the training.

    Args:
        recipe: valid.
        recipe_path: of the recipe's file; None where it has none.

    Raises:
        RecipeError: training would refuse the sources or the names of the split.
    """
    data = recipe.data
    names = [data.source] if isinstance(data.source, str) else data.source
    try:
        found = find_source_files(recipe, recipe_path)
    except RecipeError:  # some are missing
        found = []
    try:
        files = list(resolve_source(found).paths) if found else [Path(name) for name in names]
        unknown = any(path.is_dir() or kind_of_name(path).is_dataset or glob.has_magic(str(path)) for path in files)
        if data.split.method != "file" or unknown:
            return
        _check_split(recipe, [str(path) for path in files])
    except DataError as error:
        location = Location(file=recipe_path, key="data.source") if error.location is None else error.location
        raise RecipeError(error.what, location=location, expected=error.expected, hint=error.hint) from error


def _check_split(recipe: Recipe, files: list[str]) -> None:
    split = recipe.data.split
    present = np.arange(len(files))
    for part, patterns in (("validation", split.validation_files), ("test", split.test_files)):
        for pattern in patterns:
            matching_files(pattern, part, files, (), present)
    parts = 1 + (split.validation > 0) + (split.test > 0)
    if len(files) < parts:
        raise DataError(
            f"data.source names {len(files)} file{'s' if len(files) > 1 else ''}, too few for whole files in each part",
            expected=f"at least {parts} files",
            hint='--set data.split.method="blocks"',
        )
