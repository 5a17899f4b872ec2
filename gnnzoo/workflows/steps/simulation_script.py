"""Which simulations of a recipe may run: scripts of gnnzoo, and any other only where the user trusts it.

A LAMMPS script is a program: its command `shell` runs anything, and `dump` or `write_data` writes to any file. So a
recipe of unknown origin, or one in a model's file, must not choose the script that is run. This module alone decides.
"""

from pathlib import Path

from gnnzoo.data.lammps.run import script_digest
from gnnzoo.errors import Location, UserError
from gnnzoo.recipe.io.find import installed_recipes
from gnnzoo.recipe.schema.data import Simulation
from gnnzoo.recipe.schema.recipe import Recipe

TRUST = "read it; if you trust it, the same command with --trust (trust=True in Python)"
# A file of weights does not choose programs.
FROM_MODEL = (
    "the recipe is that inside a model, which chooses no programs: gnnzoo simulate RECIPE --on NAME --trust, with the "
    "recipe's own file, makes the data; then the same command"
)


def find_script(simulation: Simulation, recipe_path: Path | None) -> Path:
    """Find an input script: from the working folder, the folder of the recipe, or gnnzoo's own.

    Args:
        simulation: names the script.
        recipe_path: of the recipe's file; None where it has none.

    Returns:
        An existing file.

    Raises:
        UserError: there is none.
    """
    recipe_folder = [Path(recipe_path).parent] if recipe_path is not None else []
    folders = [Path(), *recipe_folder, installed_recipes()]
    for folder in folders:
        if (folder / simulation.input).is_file():
            return folder / simulation.input
    raise UserError(
        f"there is no input script '{simulation.input}'",
        location=Location(file=recipe_path, key="data.simulate.input"),
        expected="a path from " + ", ".join(str(folder.resolve()) for folder in folders),
    )


def permitted_script(simulation: Simulation, recipe_path: Path | None, trust: bool | None) -> Path:
    """Find the input script of a simulation and decide whether it may run.

    Args:
        simulation: names the script.
        recipe_path: of the recipe's file; None where it has none.
        trust: whether the user trusts scripts that are not gnnzoo's own; None for the recipe of a model, which must
            not choose any.

    Returns:
        The script; that of gnnzoo where both hold the same.

    Raises:
        UserError: there is none, or it is not gnnzoo's own and not trusted.
    """
    found = find_script(simulation, recipe_path)
    own = installed_recipes().resolve() / "simulations"
    if trust or found.resolve().is_relative_to(own):
        return found
    same_name = own / found.name
    if same_name.is_file() and script_digest(same_name) == script_digest(found):
        return same_name
    raise UserError(
        f"the script {found} is not one of gnnzoo, and a LAMMPS script is a program that can run any command",
        location=Location(file=recipe_path, key="data.simulate.input"),
        expected="one of " + ", ".join(sorted(f"simulations/{path.name}" for path in own.glob("*.in"))),
        hint=FROM_MODEL if trust is None else TRUST,
    )


def check_place(recipe: Recipe, recipe_path: Path | None, trust: bool | None, key: str = "data") -> None:
    """Check that the data of a simulation are written inside the working folder.

    Args:
        recipe: names the missing data that its simulation makes.
        recipe_path: of the recipe's file; None where it has none.
        trust: whether the user trusts the recipe; None for that of a model.
        key: of the data in the recipe's file, for errors.

    Raises:
        UserError: they would be written elsewhere.
    """
    sources = [recipe.data.source] if isinstance(recipe.data.source, str) else recipe.data.source
    outside = next((source for source in sources if source.startswith(("~", "/")) or ".." in Path(source).parts), None)
    if outside is not None and not trust:
        raise UserError(
            f"the simulated data would be written to {outside}, outside the working folder",
            location=Location(file=recipe_path, key=f"{key}.source"),
            expected="a path below the working folder",
            hint=FROM_MODEL
            if trust is None
            else "if you trust the recipe, the same command with --trust (trust=True in Python)",
        )
