"""Makes the data of a recipe with the LAMMPS simulation that it names."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from gnnzoo.data.lammps.run import record_path, run_lammps, script_digest, simulation_record
from gnnzoo.errors import Location, UserError
from gnnzoo.outputs import atomic_write
from gnnzoo.progress import track
from gnnzoo.recipe.io.find import find_recipe, installed_recipes
from gnnzoo.recipe.io.load import find_source_files, load_recipe
from gnnzoo.recipe.schema.data import Simulation
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.workflows.steps.evaluation_sets import as_recipe

logger = logging.getLogger(__name__)


def simulate(
    recipe: Recipe | str | Path,
    *,
    recipe_path: Path | None = None,
    overrides: Iterable[str] = (),
    on: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Run a recipe's simulation in the working folder's `data/`.

    A dump that the same simulation made before is kept.

    Args:
        recipe: a recipe, its path or its name.
        recipe_path: where a recipe given as an object lies; its scripts are looked up there too.
        overrides: changes to a recipe given by path or name, see `gnnzoo.load_recipe`.
        on: the evaluation set whose data are wanted, instead of those to train on.
        overwrite: run again where a dump exists; the old one is kept beside it.

    Returns:
        The dump, data/NAME.lammpstrj, NAME being that of the recipe's source.

    Raises:
        UserError: the recipe names no simulation, LAMMPS is missing or stops with an error, or another simulation's
            dump is in the way.
    """
    if not isinstance(recipe, Recipe):
        recipe_path = find_recipe(recipe)
        recipe = load_recipe(recipe_path, overrides)
    recipe, key = (recipe, "data") if on is None else (as_recipe(recipe, on), f"data.evaluation.{on}")
    take = "gnnzoo train RECIPE --data" if on is None else "gnnzoo evaluate MODEL"
    if recipe.data.simulate is None:
        raise UserError(
            f"recipe '{recipe.name}' names no simulation",
            location=Location(file=recipe_path, key=f"{key}.simulate"),
            expected='"simulate": {"input": "simulations/argon.in"}',
            hint=f"bring data of your own: {take} DUMP",
        )
    script = _script(recipe.data.simulate, recipe_path)
    folder, name = Path("data"), _data_name(recipe)
    dump = folder / f"{name}.lammpstrj"
    made_by = _record(script, recipe.data.simulate)
    if dump.exists() and not overwrite and simulation_record(dump) == made_by:
        logger.info(f"kept {dump}: the same simulation made it before")
        return dump
    if dump.exists() and not overwrite:
        raise UserError(
            "exists already, made by another simulation or by hand",
            location=Location(file=dump),
            hint=f"{take} {dump} takes it as it is; gnnzoo simulate --overwrite runs again and keeps it beside",
        )
    log = folder / f"{name}.log"
    logger.info(f"simulating {name} with LAMMPS: {script}, log in {log}")
    with atomic_write(dump, overwrite) as temporary:
        _run(script, temporary, recipe.data.simulate, log)
    record_path(dump).write_text(json.dumps(made_by, indent=2) + "\n")
    return dump


def older_source(recipe: str | Path, overrides: Iterable[str], dump: Path, on: str | None = None) -> Path | None:
    """Data other than this dump that the recipe's training, or the judging `on` a set, would take; None where the dump
    would be converted.
    """
    path = find_recipe(recipe)
    wanted = load_recipe(path, overrides)
    wanted = wanted if on is None else as_recipe(wanted, on)
    return next((source for source in find_source_files(wanted, path) if source != dump), None)


def differences(recipe: Recipe, recipe_path: Path | None, record: dict) -> list[str]:
    """In what the simulation that made some data differs from that of the recipe; nothing where they are the same.

    Args:
        recipe: names a simulation.
        recipe_path: where the recipe lies.
        record: as `gnnzoo.data.lammps.run.simulation_record` has it.
    """
    simulation = recipe.data.simulate
    made, wanted = record["variables"], simulation.variables
    told = [
        f"{name} was {made.get(name, 'not set')}, the recipe says {wanted.get(name, 'nothing')}"
        for name in dict.fromkeys([*wanted, *made])
        if made.get(name) != wanted.get(name)
    ]
    if record["input"] != Path(simulation.input).name:
        return [f"the input was {record['input']}, the recipe says {simulation.input}", *told]
    try:
        script = _script(simulation, recipe_path)
    except UserError:  # the script has gone, the data are there
        return told
    changed = script_digest(script) != record["sha256"]
    return [*told, *([f"{script} has changed since"] if changed else [])]


def _run(script: Path, dump: Path, simulation: Simulation, log: Path) -> None:
    with track("simulating", None, unit="steps") as shown:

        def on_steps(steps) -> None:
            shown.expect(steps.total)
            shown.advance(steps.done - shown.done)

        run_lammps(script, dump, simulation.variables, log, on_steps)


def _script(simulation: Simulation, recipe_path: Path | None) -> Path:
    """The input script: from the working folder, beside the recipe, or among those that come with gnnzoo."""
    beside = [Path(recipe_path).parent] if recipe_path is not None else []
    folders = [Path(), *beside, installed_recipes()]
    for folder in folders:
        if (folder / simulation.input).is_file():
            return folder / simulation.input
    raise UserError(
        f"there is no input script '{simulation.input}'",
        location=Location(file=recipe_path, key="data.simulate.input"),
        expected="a path from " + ", ".join(str(folder.resolve()) for folder in folders),
    )


def _data_name(recipe: Recipe) -> str:
    """What the data are called: the source's name without its ending, or the recipe's where there are several."""
    source = recipe.data.source
    if isinstance(source, list) or "*" in source:
        return recipe.name
    return Path(source).name.split(".")[0] or recipe.name


def _record(script: Path, simulation: Simulation) -> dict:
    return {"input": script.name, "sha256": script_digest(script), "variables": simulation.variables}
