"""gnnzoo transfer"""

import click

from gnnzoo.cli.train import data_option, result_lines


@click.command(name="transfer")
@click.argument("model")
@click.option("--target", metavar="RECIPE", required=True, help="Recipe of the substance to go to, by name or path.")
@data_option
@click.option("--time-limit", metavar="TIME", help="Fit the schedule to a time such as 3m.")
@click.option("-o", "--output", metavar="OUT.keras", help="By default TARGET-from-SOURCE.keras.")
@click.option("--resume", is_flag=True, help="Go on with the newest unfinished run of this transfer.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a value of the target's recipe.")
@click.option("--overwrite", is_flag=True, help="Replace an existing model; the old one is kept beside it.")
def command(model, target, data, time_limit, output, resume, overrides, overwrite):
    """Carry MODEL over to another substance: copy what fits, say what moved, train on the target's data."""
    from gnnzoo.console import say
    from gnnzoo.workflows.transfer import transfer

    result = transfer(
        model,
        target,
        data=list(data) or None,
        time_limit=time_limit,
        output=output,
        resume=resume,
        overrides=overrides,
        overwrite=overwrite,
    )
    for line in result_lines(result.path, result.info):
        say(line)
