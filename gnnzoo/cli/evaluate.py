"""gnnzoo evaluate"""

from typing import TYPE_CHECKING

import click

from gnnzoo.cli.model_argument import check_models

if TYPE_CHECKING:
    from gnnzoo.workflows.evaluate import Evaluation


@click.command(name="evaluate")
@click.argument("model")
@click.argument("data", nargs=-1)
@click.option("--on", "on", multiple=True, metavar="NAME", help="An evaluation set of the model's recipe, or all.")
@click.option("--json", "json_output", metavar="OUT", help="Write the errors as JSON.")
@click.option("--plot", metavar="PNG", help="Path of the parity plot; by default MODEL-DATA-parity.png.")
@click.option("--no-plot", is_flag=True, help="Draw no parity plot.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs, keeping the old ones as backups.")
def command(
    model: str,
    data: tuple[str, ...],
    on: tuple[str, ...],
    json_output: str | None,
    plot: str | None,
    no_plot: bool,
    overwrite: bool,
) -> None:
    """Evaluate MODEL on DATA (datasets or dumps): errors of forces next to zero forces, and of energies and virials
    where model and data have both.

    --on NAME evaluates on data that the model's own recipe declares; missing ones are simulated, by scripts of gnnzoo
    alone. Without DATA and --on, possible data are listed.

    \b
    gnnzoo evaluate water.keras water.h5
    gnnzoo evaluate water.keras --on large
    """
    check_models(model)
    from gnnzoo.workflows.evaluate import evaluate_each

    for result in evaluate_each(
        model, data or None, on=on, json_output=json_output, plot=plot or not no_plot, overwrite=overwrite
    ):
        show_evaluation(result)


def show_evaluation(result: "Evaluation") -> None:
    """Print the tables of errors.

    Args:
        result: of one dataset.
    """
    from gnnzoo.cli.console import table
    from gnnzoo.evaluation import report

    forces, units = result.forces, result.forces.units
    table(
        f"{result.model} on {result.name} ({result.part}, {forces.frames} frames)",
        report.FORCE_COLUMNS,
        report.force_rows(forces),
    )
    if result.energy is not None and (rows := report.energy_rows(result.energy, units)):
        table(report.energy_title(result.energy), report.ENERGY_COLUMNS, rows)
    if result.virial is not None:
        rows = report.virial_rows(result.virial, units)
        table(f"virials of {result.virial.frames} frames", report.VIRIAL_COLUMNS, rows)
        if (stress := result.virial.stress) is not None:
            table(f"stresses of {stress.frames} frames", report.STRESS_COLUMNS, report.stress_rows(stress, units))
    if len(result.groups) > 1:
        table("by kind of configuration", *report.group_table(result.groups, units))
