"""gnnzoo freeze"""

import click

from gnnzoo.cli.model_argument import check_models


@click.command(name="freeze")
@click.argument("model", required=False)
@click.option("-o", "--output", metavar="DIR", help="The folder; by default NAME-frozen, here.")
@click.option("--overwrite", is_flag=True, help="Replace an existing folder, keeping the old one as a backup.")
@click.option("--force", is_flag=True, help="Export a model that is no better than zero forces as well.")
@click.option("--table", is_flag=True, help="Write tables for LAMMPS' pair_style table as well, of a pair model.")
def command(model: str | None, output: str | None, overwrite: bool, force: bool, table: bool) -> None:
    """Export MODEL as a folder that runs with TensorFlow alone, without gnnzoo.

    Without MODEL: the newest model in this folder. The exported folder holds a SavedModel with the neighbour search
    inside, a card that says how to call it, and an example.
    """
    check_models(model)
    from gnnzoo.cli.console import say
    from gnnzoo.workflows.freeze import freeze

    folder = freeze(model, output, overwrite=overwrite, force=force, table=table).folder
    say(f"wrote {folder}/: {folder}/README.md says how it is called")
