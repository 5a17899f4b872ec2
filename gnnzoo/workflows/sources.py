"""The data that a recipe asks for: found, or simulated, and converted once where they are dumps."""

import hashlib
import json
from pathlib import Path

from gnnzoo.console import note, warn
from gnnzoo.data.frames import Dataset
from gnnzoo.errors import DataError, Place, UserError
from gnnzoo.recipe.load import resolve_source
from gnnzoo.recipe.schema import Recipe
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.datasets import find_files, is_dataset, open_dataset
from gnnzoo.workflows.unit_doubts import checked_units, unit_doubt

DATA = Path("data")


def recipe_dataset(recipe: Recipe, recipe_path: Path | None, data: str | Path | list | None = None) -> Dataset:
    """Open the data to train on.

    Args:
        recipe: says where the data are, unless `data` does, and what units and types they must have.
        recipe_path: where the recipe lies.
        data: a dataset, a dump, a glob or a list of dumps, instead of the recipe's source.

    Raises:
        DataError: there are no data and no simulation that makes them, or they contradict the recipe, or the numbers
            the units.
        UserError: the recipe's source was made by another simulation than the recipe names.
    """
    paths = find_files(data) if data is not None else resolve_source(recipe, recipe_path)
    if not paths:
        paths = [_simulated(recipe, recipe_path)]
    if is_dataset(paths[0]):
        if len(paths) > 1:
            raise DataError(f"{len(paths)} datasets were given, one is wanted", place=Place(file=paths[1]))
        path = paths[0]
    else:
        path = _converted(paths, recipe)
    dataset = open_dataset(path, units=recipe.data.units, types=recipe.data.types)
    try:
        if data is None:
            _refuse_other_simulation(recipe, recipe_path, dataset, paths[0])
        hint = "--set data.units={style}, or where the data say it themselves: gnnzoo convert DUMP --units {style}"
        doubt = unit_doubt(checked_units(dataset, hint=hint))
    except UserError:
        dataset.close()
        raise
    if doubt:
        warn(doubt)
    return dataset


def _refuse_other_simulation(recipe: Recipe, recipe_path: Path | None, dataset: Dataset, source: Path) -> None:
    """Refuse data that say of themselves that another simulation made them."""
    record = dataset.provenance.get("simulation")
    if record is None or recipe.data.simulate is None:
        return
    from gnnzoo.workflows.simulate import differences

    told = differences(recipe, recipe_path, record)
    if told:
        raise UserError(
            f"another simulation made these data than the recipe names: {'; '.join(told)}",
            place=Place(file=source),
            hint=f"remove or rename {source}, and the simulation runs anew; or --data {source} takes it as it is",
        )


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
    if not is_dataset(output):
        return dump
    return convert([dump], output, recipe=recipe)  # cutoff and bonds too, for TFRecord shards


def _converted(dumps: list[Path], recipe: Recipe) -> Path:
    """Convert dumps into data/, once: the file's name holds what it was made from."""
    key = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in dumps]
    digest = hashlib.sha256(
        json.dumps([key, recipe.data.units, recipe.data.types, recipe.data.columns]).encode()
    ).hexdigest()[:10]
    output = DATA / f"{dumps[0].name.split('.')[0]}-{digest}.h5"
    if output.exists():
        note(f"{len(dumps)} dump{'s' if len(dumps) > 1 else ''} already converted: {output}")
        return output
    try:
        return convert(dumps, output, units=recipe.data.units, types=recipe.data.types, columns=recipe.data.columns)
    except UserError:
        if not output.exists():
            raise
        note(f"another training converted them meanwhile: {output}")  # by its name it is the very same
        return output
