"""gnnzoo report: a model's physics"""

import click

from gnnzoo.cli.model_argument import check_models


@click.command(name="report")
@click.argument("model")
@click.argument("data")
@click.option("--steps", type=click.IntRange(0), default=2000, show_default=True, help="Timesteps of the run; 0: none.")
@click.option("--timestep", type=float, metavar="FS", help="By default 0.5 with hydrogen, 1 without.")
@click.option("--temperature", type=float, metavar="K", help="Of first velocities; by default that of the data.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of velocities and displacements.")
@click.option("-o", "--output", metavar="FOLDER", help="Folder of the report; by default NAME-report.")
@click.option("--overwrite", is_flag=True, help="Replace an existing folder; a backup of the old one is kept.")
def command(
    model: str,
    data: str,
    steps: int,
    timestep: float | None,
    temperature: float | None,
    seed: int,
    output: str | None,
    overwrite: bool,
) -> None:
    """Report on MODEL with DATA: errors, symmetries, dimer curves, and a short run at constant energy next to the data.

    FOLDER gets report.html, which needs no other file, report.json, the plots and the run. The page ends with a verdict
    whose limits stand on it. Of the dataset of the training, the held-out frames are evaluated.

    \b
    gnnzoo report water.keras water.h5
    gnnzoo report argon.keras argon.h5 --steps 20000 --temperature 90
    """
    check_models(model)
    from gnnzoo.cli.console import say, table
    from gnnzoo.workflows.report import report

    result = report(
        model,
        data,
        steps=steps,
        timestep=timestep,
        temperature=temperature,
        seed=seed,
        output=output,
        overwrite=overwrite,
    )
    marks = {True: "kept", False: "exceeded", None: ""}
    rows = [(one.name, one.value, one.limit, marks[one.within], one.meaning) for one in result.findings]
    table(f"{result.model} on {result.data}", ("quantity", "value", "limit", "", "meaning"), rows)
    say(f"verdict: {result.verdict}")
    say(f"wrote {result.folder}: open {result.folder}/report.html in a browser")
