"""gnnzoo train"""

import click

data_option = click.option(
    "--data",
    "data",
    metavar="DATASET",
    multiple=True,
    help="Train on this instead: a dataset, a dump, or a glob in quotes.",
)


@click.command(name="train")
@click.argument("recipe")
@data_option
@click.option("--time-limit", metavar="TIME", help="Fit the schedule to a time such as 8m or 1h30m.")
@click.option("-o", "--output", metavar="OUT.keras", help="Where the model goes; by default NAME.keras.")
@click.option("--resume", is_flag=True, help="Go on with the newest unfinished run of this recipe.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a value of the recipe.")
@click.option("--overwrite", is_flag=True, help="Replace an existing model; the old one is kept beside it.")
def command(recipe, data, time_limit, output, resume, overrides, overwrite):
    """Train the model that RECIPE declares (a path, or a name that `gnnzoo list` shows)."""
    from gnnzoo.cli.console import say
    from gnnzoo.cli.transfer_tables import print_report
    from gnnzoo.workflows.train import train

    model = train(
        recipe,
        data=list(data) or None,
        time_limit=time_limit,
        output=output,
        resume=resume,
        overrides=overrides,
        overwrite=overwrite,
        on_report=print_report,
    )
    for line in result_lines(model.path, model.info):
        say(line)


def result_lines(path, info: dict) -> list[str]:
    """What was made and how good it is on what was held out."""
    from gnnzoo.units import force_unit

    unit = force_unit(info["units"])
    lines = [f"wrote {path}: {info['parameters']:,} parameters, species {' '.join(info['species'])}"]
    for part, figures in info["figures"].items():
        if figures is not None:
            lines.append(
                f"  {part + ':':<12}mean |dF| / mean |F| {figures['relative']:.2%} (zero forces: 100 %)   "
                f"MAE {figures['mae']:.4g} {unit} per component   sum of |components| {figures['sum_abs']:.4g} per atom"
            )
    lines.append(f"next: gnnzoo evaluate {path} DATA, gnnzoo freeze {path}")
    return lines
