"""gnnzoo inspect"""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from gnnzoo.cli.data_options import metadata_options

if TYPE_CHECKING:
    from gnnzoo.workflows.inspect import DataInspection, ModelInspection

_WIDTH = 99


@click.command(name="inspect")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--cutoff", type=float, metavar="R", help="Estimate the cost of this cutoff, too.")
@metadata_options
@click.option("--json", metavar="OUT", help="Write the description to this file, too.")
@click.option("--html", metavar="OUT", help="Write the description to this page, with plots.")
@click.option("--overwrite", is_flag=True, help="Replace existing files; backups of them are kept.")
def command(
    files: tuple[str, ...],
    cutoff: float | None,
    units: str | None,
    types: dict[int | str, str] | None,
    columns: dict[str, str] | None,
    json: str | None,
    html: str | None,
    overwrite: bool,
) -> None:
    """Describe FILE: a LAMMPS dump (or several of one trajectory), a dataset, or a .keras model."""
    from gnnzoo.data.inspection.unit_checks import refuse_contradicted, units_hint
    from gnnzoo.workflows.inspect import DataInspection, inspect

    report = inspect(
        list(files),
        cutoff=cutoff,
        units=units,
        types=types,
        columns=columns,
        json=json,
        html=html,
        overwrite=overwrite,
    )
    if isinstance(report, DataInspection):
        _print_data(report)
        refuse_contradicted(report.data.unit_evidence, report.path, units_hint(report.source.kind))
    else:
        _print_model(report)


def _print_data(report: "DataInspection") -> None:
    from gnnzoo.cli.console import say, table, warn
    from gnnzoo.data.inspection import text_report as text
    from gnnzoo.units import force_unit, length_unit

    data = report.data
    rows = [(name, _folded(value)) for name, value in text.overview(data)]
    table(text.title(report.path, data), ("", ""), rows)
    head, *evidence = text.unit_lines(data)
    say(head)
    for line in evidence:
        say(textwrap.fill(line, _WIDTH, initial_indent="  - ", subsequent_indent="    "))
    say()
    table(f"forces, {force_unit(data.units)}", *text.force_rows(data))
    if data.drift is not None:
        say(f"along the data, in {data.drift.parts} equal parts")
        for label, *values in text.drift_rows(data):
            say(f" {label:<14}" + "".join(f"{value:>8}" for value in values))
        say()
    length = length_unit(data.units)
    sampled = f"of {data.rdf.frames} frames, evenly spaced"
    table(f"shells of neighbours, {length}, {sampled}", *text.shell_rows(data))
    if left_out := text.pairs_left_out(data):
        say(f"{left_out}\n")
    table(f"cutoffs, {length}, edges {sampled}", *text.cutoff_rows(data))
    if data.recommended_cutoff is not None:
        say(f"* recommended. Estimated for {data.cost_valid_for}")
    for line in report.warnings:
        warn(textwrap.fill(line, _WIDTH - len("warning: "), subsequent_indent="  "))


def _folded(text: str) -> str:
    return textwrap.fill(text, _WIDTH - 22)


def _print_model(report: "ModelInspection") -> None:
    from gnnzoo.cli.console import table

    info: Mapping = report.info
    wanted = ("species", "units", "cutoff", "parameters")
    rows = [(key, " ".join(info[key]) if key == "species" else info[key]) for key in wanted if key in info]
    rows += [("recipe", info["recipe"].get("name", ""))]
    if report.network is not None:
        labels = ("head", "waves up to", "prior", "holds", "does not hold")
        values = report.network.to_json().values()
        rows += [(label, _folded(_listed(value))) for label, value in zip(labels, values, strict=True) if value]
    rows += [(label, _folded(text)) for label, text in report.history]
    for part, figures in (info.get("figures") or {}).items():
        shown = [f"{name} {value:.4g}" for name, value in (figures or {}).items() if isinstance(value, int | float)]
        rows += [(part, ", ".join(shown))] if shown else []
    table(report.path, ("", ""), rows)


def _listed(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
