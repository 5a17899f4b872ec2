"""gnnzoo evaluate"""

import click


@click.command(name="evaluate")
@click.argument("model")
@click.argument("data", nargs=-1)
@click.option("--on", "on", multiple=True, metavar="NAME", help="An evaluation set of the model's recipe, or all.")
@click.option("--json", "json_output", metavar="OUT", help="Write the figures as JSON.")
@click.option("--plot", metavar="PNG", help="Where the parity plot goes; by default MODEL-DATA-parity.png.")
@click.option("--no-plot", is_flag=True, help="Draw no parity plot.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs; the old ones are kept beside them.")
def command(model, data, on, json_output, plot, no_plot, overwrite):
    """Judge MODEL's forces on DATA (datasets or dumps), beside the baseline of zero forces; and energies and
    virials where both have them.

    --on NAME judges on data that the model's own recipe declares, simulated if they are not here. Without DATA and
    --on, what could be given is listed.

    \b
    gnnzoo evaluate water.keras water.h5
    gnnzoo evaluate water.keras --on large
    """
    from gnnzoo.workflows.evaluate import evaluate

    evaluate(
        model, list(data) or None, on=list(on), json_output=json_output, plot=plot or not no_plot, overwrite=overwrite
    )
