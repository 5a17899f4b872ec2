"""The data that a recipe asks for: found, or simulated, and converted once where they are dumps."""

import hashlib
import json
from pathlib import Path

from gnnzoo.console import note
from gnnzoo.data.frames import Dataset
from gnnzoo.errors import DataError, Place
from gnnzoo.recipe.load import resolve_source
from gnnzoo.recipe.schema import Recipe
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.datasets import open_dataset

DATA = Path("data")


def recipe_dataset(recipe: Recipe, recipe_path: Path | None, data: str | Path | list | None = None) -> Dataset:
    """Open the data to train on.

    Args:
        recipe: says where the data are, unless `data` does, and what units and types they must have.
        recipe_path: where the recipe lies.
        data: a dataset, a dump, a glob or a list of dumps, instead of the recipe's source.

    Raises:
        DataError: there are no data and no simulation that makes them, or they contradict the recipe.
    """
    paths = _given(data) if data is not None else resolve_source(recipe, recipe_path)
    if not paths:
        paths = [_simulated(recipe, recipe_path)]
    if _is_dataset(paths[0]):
        if len(paths) > 1:
            raise DataError(f"{len(paths)} datasets were given, one is wanted", place=Place(file=paths[1]))
        path = paths[0]
    else:
        path = _converted(paths, recipe)
    return open_dataset(path, units=recipe.data.units, types=recipe.data.types)


def _is_dataset(path: Path) -> bool:
    return path.suffix in (".h5", ".hdf5", ".h5md", ".tfrecord") or path.is_dir()


def _given(data) -> list[Path]:
    """Paths named by the user; each must lead somewhere."""
    paths = []
    for item in [data] if isinstance(data, str | Path) else data:
        path = Path(item)
        found = [path] if path.exists() else sorted(path.parent.glob(path.name))
        if not found:
            raise DataError(
                "there is no such file", place=Place(file=path), hint="--data DATASET.h5 or --data 'dumps/*.lammpstrj'"
            )
        paths += found
    return paths


def _simulated(recipe: Recipe, recipe_path: Path | None) -> Path:
    """Make the missing source by the recipe's simulation."""
    if recipe.data.simulate is None:
        source = recipe.data.source
        wanted = source if isinstance(source, str) else ", ".join(source)
        stem = Path(wanted).stem
        raise DataError(
            f"the data '{wanted}' are not here, and the recipe names no simulation that would make them",
            place=Place(file=recipe_path, key="data.source"),
            hint=f"gnnzoo convert {stem}.lammpstrj, or --data DATASET",
        )
    from gnnzoo.workflows.simulate import simulate

    note(f"{recipe.data.source} is not here: running the simulation that the recipe names")
    dump = simulate(recipe, recipe_path=recipe_path)
    source = recipe.data.source if isinstance(recipe.data.source, str) else recipe.data.source[0]
    output = Path(source)
    if not _is_dataset(output):
        return dump
    return convert([dump], output, units=recipe.data.units, types=recipe.data.types)


def _converted(dumps: list[Path], recipe: Recipe) -> Path:
    """Convert dumps into data/, once: the file's name holds what it was made from."""
    key = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in dumps]
    digest = hashlib.sha256(json.dumps([key, recipe.data.units, recipe.data.types]).encode()).hexdigest()[:10]
    output = DATA / f"{dumps[0].name.split('.')[0]}-{digest}.h5"
    if output.exists():
        note(f"{len(dumps)} dump{'s' if len(dumps) > 1 else ''} already converted: {output}")
        return output
    return convert(dumps, output, units=recipe.data.units, types=recipe.data.types)
