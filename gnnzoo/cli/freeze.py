"""gnnzoo freeze"""

import click


@click.command(name="freeze")
@click.argument("model", required=False)
@click.option("-o", "--output", metavar="DIR", help="The folder; by default NAME-frozen, here.")
@click.option("--overwrite", is_flag=True, help="Replace an existing folder; the old one is kept beside it.")
def command(model, output, overwrite):
    """Turn MODEL into a folder that runs with TensorFlow alone, without gnnzoo.

    Without MODEL: the newest model in this folder. The folder holds a SavedModel with the neighbour search inside, a
    card that says how it is called, and an example to try it on.
    """
    from gnnzoo.cli.console import say
    from gnnzoo.workflows.freeze import freeze

    folder = freeze(model, output, overwrite=overwrite)
    say(f"wrote {folder}/: {folder}/README.md says how it is called")
