"""Run the LAMMPS simulation that a recipe declares for its data."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gnnzoo.data.lammps.run import PLAIN_NAME, record_path, run_lammps, script_digest, simulation_record
from gnnzoo.errors import Location, UserError
from gnnzoo.outputs import atomic_write
from gnnzoo.progress import track
from gnnzoo.recipe.io.find import find_recipe, find_source_files
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.schema.data import Simulation
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.records import Record, json_text
from gnnzoo.workflows.steps.evaluation_sets import as_recipe
from gnnzoo.workflows.steps.simulation_script import find_script, permitted_script

if TYPE_CHECKING:
    from gnnzoo.data.lammps.run import Steps

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SimulationResult(Record):
    """The dump of a simulation.

    Attributes:
        dump: data/NAME.lammpstrj.
        log: log file of LAMMPS.
        kept: whether the same simulation had made the dump before.
    """

    dump: Path
    log: Path
    kept: bool


def simulate(
    recipe: Recipe | str | Path,
    *,
    recipe_path: Path | None = None,
    overrides: Iterable[str] = (),
    on: str | None = None,
    overwrite: bool = False,
    trust: bool | None = False,
) -> SimulationResult:
    """Run a recipe's simulation in the folder `data/` of the working folder; an equal one is not run again.

    Args:
        recipe: a recipe, its path or its name.
        recipe_path: path of a recipe given as an object; its scripts are searched there too.
        overrides: changes to a recipe given by path or name, see `gnnzoo.load_recipe`.
        on: evaluation set to simulate, instead of the training data.
        overwrite: run again where a dump exists, which is kept as a backup.
        trust: run a script that is not one of gnnzoo; a LAMMPS script is a program that can run any command. None for
            the recipe of a model, which chooses none.

    Returns:
        The dump data/NAME.lammpstrj, with NAME from the recipe's source.

    Raises:
        UserError: the recipe declares no simulation, or a script that is not trusted; LAMMPS is missing or fails; or a
            dump of another simulation exists.
    """
    if not isinstance(recipe, Recipe):
        recipe_path = find_recipe(recipe)
        recipe = load_recipe(recipe_path, overrides)
    wanted, key = (recipe, "data") if on is None else (as_recipe(recipe, on), f"data.evaluation.{on}")
    take = "gnnzoo train RECIPE --data" if on is None else "gnnzoo evaluate MODEL"
    simulation = wanted.data.simulate
    if simulation is None:
        raise UserError(
            f"recipe '{wanted.name}' names no simulation",
            location=Location(file=recipe_path, key=f"{key}.simulate"),
            expected='"simulate": {"input": "simulations/argon.in"}',
            hint=f"bring data of your own: {take} DUMP",
        )
    script = find_script(simulation, recipe_path)
    name = _data_name(wanted)
    dump, log = Path("data") / f"{name}.lammpstrj", Path("data") / f"{name}.log"
    record = {"input": script.name, "sha256": script_digest(script), "variables": simulation.variables}
    if dump.exists() and not overwrite:
        if simulation_record(dump) == record:
            logger.info(f"kept {dump}: the same simulation made it before")
            return SimulationResult(dump, log, kept=True)
        raise UserError(
            "exists already, made by another simulation or by hand",
            location=Location(file=dump),
            hint=f"{take} {dump} takes it as it is; gnnzoo simulate --overwrite runs again and keeps a backup of it",
        )
    script = permitted_script(simulation, recipe_path, trust)
    logger.info(f"simulating {name} with LAMMPS: {script}, log in {log}")
    if log.is_symlink():  # LAMMPS would write to the file that it names
        log.unlink()
    with atomic_write(dump, overwrite) as temporary:
        _run(script, temporary, simulation, log)
    with atomic_write(record_path(dump), overwrite=True) as temporary:
        temporary.write_text(json_text(record, indent=2) + "\n")
    return SimulationResult(dump, log, kept=False)


def older_source(recipe: str | Path, overrides: Iterable[str], dump: Path, on: str | None = None) -> Path | None:
    """Find data that training or evaluation would use in place of a new dump.

    Args:
        recipe: path or name.
        overrides: changes to the recipe.
        dump: the new dump.
        on: evaluation set that the dump is for; None for training data.

    Returns:
        The path, or None where the dump would be used.
    """
    path = find_recipe(recipe)
    loaded = load_recipe(path, overrides)
    wanted = loaded if on is None else as_recipe(loaded, on)
    return next((source for source in find_source_files(wanted, path) if source != dump), None)


def differences(recipe: Recipe, recipe_path: Path | None, record: dict) -> list[str]:
    """Compare the simulation that made a dataset with that of a recipe.

    Args:
        recipe: declares a simulation.
        recipe_path: path of the recipe.
        record: see `gnnzoo.data.lammps.run.simulation_record`.

    Returns:
        One text for each difference.

    Raises:
        ValueError: the recipe declares no simulation.
    """
    simulation = recipe.data.simulate
    if simulation is None:
        raise ValueError(f"recipe '{recipe.name}' declares no simulation")
    made, wanted = record["variables"], simulation.variables
    changed = [
        f"{name} was {made.get(name, 'not set')}, the recipe says {wanted.get(name, 'nothing')}"
        for name in dict.fromkeys([*wanted, *made])
        if made.get(name) != wanted.get(name)
    ]
    if record["input"] != Path(simulation.input).name:
        return [f"the input was {record['input']}, the recipe says {simulation.input}", *changed]
    try:
        script = find_script(simulation, recipe_path)
    except UserError:  # the data outlive the script
        return changed
    return [*changed, *([f"{script} has changed since"] if script_digest(script) != record["sha256"] else [])]


def _run(script: Path, dump: Path, simulation: Simulation, log: Path) -> None:
    with track("simulating", None, unit="steps") as task:

        def on_steps(steps: "Steps") -> None:
            task.expect(steps.total)
            task.advance(steps.done - task.done)

        run_lammps(script, dump, simulation.variables, log, on_steps)


def _data_name(recipe: Recipe) -> str:
    """Name of the dump: that of the source without its endings, or the recipe's where that is no plain name."""
    source = recipe.data.source
    name = Path(source).name.split(".")[0] if isinstance(source, str) else ""
    return name if PLAIN_NAME.fullmatch(name) else recipe.name
