"""The data of a recipe: found or simulated, and converted once if they are dumps."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.data.data_source import DataSource, PathLike, Source, SourceKind, kind_of_name, resolve_source, source_files
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.inspection.unit_checks import checked_units, unit_warning
from gnnzoo.data.lammps.run import is_simulation_record
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.recipe.io.find import find_source_files
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.steps.evaluation_sets import as_recipe
from gnnzoo.workflows.steps.simulation_script import check_place

logger = logging.getLogger(__name__)

DATA = Path("data")


@dataclass(frozen=True)
class _Role:
    """What data are used for; names the recipe's key and the option for other data in errors.

    Attributes:
        on: the declared evaluation set; None for the training data.
    """

    on: str | None = None

    @property
    def key(self) -> str:
        return "data" if self.on is None else f"data.evaluation.{self.on}"

    def using(self, path: PathLike) -> str:
        """How data are used without any check of their simulation."""
        return f"--data {path}" if self.on is None else f"gnnzoo evaluate MODEL {path}"


def recipe_dataset(
    recipe: Recipe, recipe_path: Path | None, data: Source | None = None, trust: bool = False
) -> Dataset:
    """Open the training data of a recipe.

    Args:
        recipe: names the data, unless `data` does, and their units and types.
        recipe_path: of the recipe's file; None where it has none.
        data: a dataset, a dump, a glob or a list of dumps, instead of the recipe's source.
        trust: whether missing data may be made by a script that is not one of gnnzoo.

    Returns:
        The dataset; dumps are converted first, into data/.

    Raises:
        DataError: there are no data and no simulation that makes them, or they contradict the recipe, or the numbers
            contradict the units.
        UserError: the recipe's source was made by another simulation than the recipe declares.
    """
    if data is None:
        return _declared(recipe, recipe_path, _Role(), trust)
    return _opened(resolve_source(data), recipe)


def evaluation_dataset(recipe: Recipe, recipe_path: Path | None, name: str) -> Dataset:
    """Open an evaluation set of a recipe, simulated or converted first as training data are.

    Args:
        recipe: declares it in `data.evaluation`.
        recipe_path: of the recipe's file; None where it has none.
        name: of the set.

    Returns:
        The dataset.

    Raises:
        DataError, UserError: see `recipe_dataset`.
    """
    return _declared(recipe, recipe_path, _Role(name), trust=None)


def _declared(recipe: Recipe, recipe_path: Path | None, role: _Role, trust: bool | None) -> Dataset:
    """Open the source of a recipe, or of an evaluation set of it."""
    wanted = recipe if role.on is None else as_recipe(recipe, role.on)
    paths = find_source_files(wanted, recipe_path)
    logger.debug(f"{role.key}.source: {', '.join(map(str, paths)) or 'missing'}")
    source = resolve_source(paths) if paths else _simulated(recipe, wanted, recipe_path, role, trust)
    dataset = _opened(source, wanted)
    try:
        _refuse_other_simulation(wanted, recipe_path, dataset, source.path, role)
    except UserError:
        dataset.close()
        raise
    return dataset


def _opened(source: DataSource, recipe: Recipe) -> Dataset:
    """A dataset, converted first if necessary; its units are checked against the numbers."""
    if source.parts:
        parts = tuple(_as_dataset(part, recipe, of_several=True) for part in source.parts)
        source = DataSource(SourceKind.SEVERAL, tuple(part.path for part in parts), parts)
    else:
        source = _as_dataset(source, recipe)
    dataset = open_dataset(source, units=recipe.data.units, types=recipe.data.types)
    try:
        hint = "--set data.units={style}, or where the data declare it: gnnzoo convert DUMP --units {style}"
        doubt = unit_warning(checked_units(dataset, hint=hint))
    except UserError:
        dataset.close()
        raise
    if doubt:
        logger.warning(doubt)
    return dataset


def _as_dataset(source: DataSource, recipe: Recipe, of_several: bool = False) -> DataSource:
    """A source that needs no conversion, or its conversion; extended XYZ among several sources names its own types."""
    if source.is_dataset:
        return source
    types = None if of_several and not source.kind.is_dump else recipe.data.types
    return DataSource(SourceKind.H5MD, (_converted(source, recipe, types),))


def _refuse_other_simulation(
    recipe: Recipe, recipe_path: Path | None, dataset: Dataset, source: Path, role: _Role
) -> None:
    """Raise if the data record that another simulation made them."""
    record = dataset.provenance.get("simulation")
    if record is None or recipe.data.simulate is None or not is_simulation_record(record):
        return
    from gnnzoo.workflows.simulate import differences

    different = differences(recipe, recipe_path, record)
    if different:
        raise UserError(
            f"another simulation made these data than the recipe declares: {'; '.join(different)}",
            location=Location(file=source),
            hint=f"remove or rename {source} to run the simulation again; or {role.using(source)} uses it unchanged",
        )


def _simulated(recipe: Recipe, wanted: Recipe, recipe_path: Path | None, role: _Role, trust: bool | None) -> DataSource:
    """Make the missing source by the simulation that the recipe declares."""
    source = wanted.data.source
    if wanted.data.simulate is None:
        names = source if isinstance(source, str) else ", ".join(source)
        raise DataError(
            f"the data '{names}' are missing, and the recipe declares no simulation that makes them",
            location=Location(file=recipe_path, key=f"{role.key}.source"),
            hint=f"gnnzoo convert {Path(names).stem}.lammpstrj, or {role.using('DATASET')}",
        )
    from gnnzoo.workflows.simulate import simulate

    logger.info(f"{source} is missing: running the simulation that the recipe declares")
    check_place(wanted, recipe_path, trust, role.key)
    made_by = simulate(recipe, recipe_path=recipe_path, on=role.on, trust=trust)
    dump = DataSource(SourceKind.DUMP, (made_by.dump,))
    output = Path(source if isinstance(source, str) else source[0])
    kind = kind_of_name(output)
    if not kind.is_dataset:
        return dump
    wanted_log = wanted.data.simulate.log if kind is SourceKind.H5MD else None
    log = None if wanted_log is None else made_by.log
    columns = {**(wanted.data.columns or {}), "virial": "c_virial"} if wanted_log == "virials" else None
    made = convert(dump, output, recipe=wanted, log=log, columns=columns)  # for shards its cutoff and bonds, too
    logger.info(made.summary)
    return DataSource(kind, (made.path,))


# Version of the contents of converted datasets; increased when they contain more, so that dumps are converted again.
CONTENT = 4  # the groups of extended XYZ


def _converted(source: DataSource, recipe: Recipe, types: Mapping[str, str] | None) -> Path:
    """Convert dumps into data/, once: the file's name has a hash of what it was made from."""
    files = [file for path in source.paths for file in source_files(path)]
    key = [[str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    digest = hashlib.sha256(
        json.dumps([CONTENT, key, recipe.data.units, types, recipe.data.columns]).encode()
    ).hexdigest()[:10]
    output = DATA / f"{source.path.name.split('.')[0]}-{digest}.h5"
    if output.exists():
        count = len(source.paths)
        logger.info(f"{source.label if count > 1 else source.path} already converted: {output}")
        return output
    try:
        made = convert(source, output, units=recipe.data.units, types=types, columns=recipe.data.columns)
    except UserError:
        if not output.exists():
            raise
        logger.info(f"another training converted them meanwhile: {output}")  # the same by its name
        return output
    logger.info(made.summary)
    return made.path
