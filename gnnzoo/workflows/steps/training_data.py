"""The data that a recipe asks for: found, or simulated, and converted once where they are dumps."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.data.frames import Dataset
from gnnzoo.data.inspection.unit_checks import checked_units, unit_warning
from gnnzoo.data.open_dataset import find_files, is_dataset, open_dataset
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.recipe.io.load import resolve_source
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.steps.evaluation_sets import as_recipe

logger = logging.getLogger(__name__)

DATA = Path("data")


@dataclass(frozen=True)
class _Role:
    """What data are wanted for, so that errors name the recipe's key and the option by which others are taken.

    Attributes:
        on: the declared evaluation set; None for the data to train on.
    """

    on: str | None = None

    @property
    def key(self) -> str:
        return "data" if self.on is None else f"data.evaluation.{self.on}"

    def taking(self, path) -> str:
        """How data are taken as they are."""
        return f"--data {path}" if self.on is None else f"gnnzoo evaluate MODEL {path}"


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
    if data is None:
        return _declared(recipe, recipe_path, _Role())
    return _opened(find_files(data), recipe)


def evaluation_dataset(recipe: Recipe, recipe_path: Path | None, name: str) -> Dataset:
    """Open the data that a recipe declares for judging; simulated or converted first, as those to train on are.

    Args:
        recipe: declares them in `data.evaluation`.
        recipe_path: where the recipe lies.
        name: which of them.

    Raises:
        DataError, UserError: see `recipe_dataset`.
    """
    return _declared(recipe, recipe_path, _Role(name))


def _declared(recipe: Recipe, recipe_path: Path | None, role: _Role) -> Dataset:
    """Open the source that a recipe, or an evaluation set of it, names."""
    wanted = recipe if role.on is None else as_recipe(recipe, role.on)
    paths = resolve_source(wanted, recipe_path)
    if not paths:
        paths = [_simulated(recipe, wanted, recipe_path, role)]
    dataset = _opened(paths, wanted)
    try:
        _refuse_other_simulation(wanted, recipe_path, dataset, paths[0], role)
    except UserError:
        dataset.close()
        raise
    return dataset


def _opened(paths: list[Path], recipe: Recipe) -> Dataset:
    """One dataset, or dumps that are converted first; with the recipe's units and types, held against the numbers."""
    if is_dataset(paths[0]):
        if len(paths) > 1:
            raise DataError(f"{len(paths)} datasets were given, one is wanted", location=Location(file=paths[1]))
        path = paths[0]
    else:
        path = _converted(paths, recipe)
    dataset = open_dataset(path, units=recipe.data.units, types=recipe.data.types)
    try:
        hint = "--set data.units={style}, or where the data say it themselves: gnnzoo convert DUMP --units {style}"
        doubt = unit_warning(checked_units(dataset, hint=hint))
    except UserError:
        dataset.close()
        raise
    if doubt:
        logger.warning(doubt)
    return dataset


def _refuse_other_simulation(
    recipe: Recipe, recipe_path: Path | None, dataset: Dataset, source: Path, role: _Role
) -> None:
    """Refuse data that say of themselves that another simulation made them."""
    record = dataset.provenance.get("simulation")
    if record is None or recipe.data.simulate is None:
        return
    from gnnzoo.workflows.simulate import differences

    told = differences(recipe, recipe_path, record)
    if told:
        raise UserError(
            f"another simulation made these data than the recipe names: {'; '.join(told)}",
            location=Location(file=source),
            hint=f"remove or rename {source}, and the simulation runs anew; or {role.taking(source)} takes it as it is",
        )


def _simulated(recipe: Recipe, wanted: Recipe, recipe_path: Path | None, role: _Role) -> Path:
    """Make the missing source by the simulation that the recipe names for it."""
    source = wanted.data.source
    if wanted.data.simulate is None:
        names = source if isinstance(source, str) else ", ".join(source)
        raise DataError(
            f"the data '{names}' are not here, and the recipe names no simulation that would make them",
            location=Location(file=recipe_path, key=f"{role.key}.source"),
            hint=f"gnnzoo convert {Path(names).stem}.lammpstrj, or {role.taking('DATASET')}",
        )
    from gnnzoo.workflows.simulate import simulate

    logger.info(f"{source} is not here: running the simulation that the recipe names")
    dump = simulate(recipe, recipe_path=recipe_path, on=role.on)
    output = Path(source if isinstance(source, str) else source[0])
    if not is_dataset(output):
        return dump
    return convert([dump], output, recipe=wanted)  # cutoff and bonds too, for TFRecord shards


# What datasets hold; another number where they hold more, so that older conversions are made anew.
CONTENT = 2  # virials


def _converted(dumps: list[Path], recipe: Recipe) -> Path:
    """Convert dumps into data/, once: the file's name holds what it was made from."""
    key = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in dumps]
    digest = hashlib.sha256(
        json.dumps([CONTENT, key, recipe.data.units, recipe.data.types, recipe.data.columns]).encode()
    ).hexdigest()[:10]
    output = DATA / f"{dumps[0].name.split('.')[0]}-{digest}.h5"
    if output.exists():
        logger.info(f"{len(dumps)} dump{'s' if len(dumps) > 1 else ''} already converted: {output}")
        return output
    try:
        return convert(dumps, output, units=recipe.data.units, types=recipe.data.types, columns=recipe.data.columns)
    except UserError:
        if not output.exists():
            raise
        logger.info(f"another training converted them meanwhile: {output}")  # by its name it is the very same
        return output
