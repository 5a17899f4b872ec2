"""gnnzoo evaluate"""

import click


@click.command(name="evaluate")
@click.argument("model")
@click.argument("data", nargs=-1, required=True)
@click.option("--json", "json_output", metavar="OUT", help="Write the figures as JSON.")
@click.option("--plot", metavar="PNG", help="Where the parity plot goes; by default MODEL-DATA-parity.png.")
@click.option("--no-plot", is_flag=True, help="Draw no parity plot.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs; the old ones are kept beside them.")
def command(model, data, json_output, plot, no_plot, overwrite):
    """Judge MODEL's forces on DATA (datasets or dumps), beside the baseline of zero forces."""
    from gnnzoo.workflows.evaluate import evaluate

    evaluate(model, list(data), json_output=json_output, plot=plot or not no_plot, overwrite=overwrite)
