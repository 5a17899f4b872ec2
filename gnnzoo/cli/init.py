"""gnnzoo init"""

import click

from gnnzoo.cli.data_options import metadata_options


@click.command(name="init")
@click.argument("data", metavar="DUMP...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="RECIPE.json", help="The recipe; by default NAME.json, here.")
@metadata_options
@click.option("--cutoff", type=float, metavar="R", help="Reach of the edges, instead of one from the shells.")
@click.option("--name", metavar="NAME", help="The recipe's name; by default that of the dump.")
@click.option("--overwrite", is_flag=True, help="Replace an existing recipe; the old one is kept beside it.")
def command(data, **options):
    """Write a recipe that fits the data: a dump, several of one trajectory, or a dataset.

    Every choice is told with its reason; whatever you know better, change in the recipe before training.

    \b
    gnnzoo init argon.lammpstrj --units real --types 1=Ar
    gnnzoo train argon.json
    """
    from gnnzoo.cli.console import say
    from gnnzoo.workflows.init import init

    path = init(list(data), **options)
    say(f"wrote {path}")
    say(f"next: gnnzoo train {path}")
