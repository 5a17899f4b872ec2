"""gnnzoo inspect"""

import textwrap

import click

from gnnzoo.cli.data_options import metadata_options

_WIDTH = 99


@click.command(name="inspect")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--cutoff", type=float, metavar="R", help="Count edges up to here, and forecast their cost.")
@metadata_options
@click.option("--json", metavar="OUT", help="Write everything to this file, too.")
@click.option("--html", metavar="OUT", help="Write everything to this page, with plots.")
@click.option("--overwrite", is_flag=True, help="Replace existing files; the old ones are kept beside them.")
def command(files, **options):
    """What FILE holds: a LAMMPS dump (or several of one trajectory), a dataset, or a .keras model."""
    from gnnzoo.workflows.inspect import inspect

    report = inspect(list(files), **options)
    if report["kind"] == "model":
        _show_model(report)
        return
    _show_data(report)
    from gnnzoo.data.inspection.unit_checks import refuse_contradicted

    refuse_contradicted(report["unit_evidence"], report["path"])


def _show_data(report: dict) -> None:
    from gnnzoo.cli.console import say, table, warn
    from gnnzoo.data.inspection import text_report as data_text
    from gnnzoo.units import force_unit, length_unit

    table(data_text.title(report), ("", ""), [(name, _folded(value)) for name, value in data_text.overview(report)])
    head, *evidence = data_text.unit_lines(report)
    say(head)
    for line in evidence:
        say(textwrap.fill(line, _WIDTH, initial_indent="  - ", subsequent_indent="    "))
    say()
    table(f"forces, {force_unit(report['units'])}", *data_text.force_rows(report))
    say(f"along the data, in {report['drift']['parts']} equal parts")
    for label, *values in data_text.drift_lines(report):
        say(f" {label:<14}" + "".join(f"{value:>8}" for value in values))
    say()
    length = length_unit(report["units"])
    sampled = f"of {report['rdf']['frames']} frames, evenly spaced"
    table(f"shells of neighbours, {length}, {sampled}", *data_text.shell_rows(report))
    if data_text.pairs_left_out(report):
        say(f"{data_text.pairs_left_out(report)}\n")
    header, rows = data_text.cutoff_rows(report)
    table(f"cutoffs, {length}, edges {sampled}", header, rows)
    if report["recommended_cutoff"] is not None:
        say(f"* to begin with. Forecast for {report['forecast_holds_for']}")
    for line in report["doubts"]:
        warn(textwrap.fill(line, _WIDTH - len("warning: "), subsequent_indent="  "))


def _folded(text: str) -> str:
    return textwrap.fill(text, _WIDTH - 22)


def _show_model(info: dict) -> None:
    from gnnzoo.cli.console import table

    wanted = ("species", "units", "cutoff", "parameters")
    rows = [(key, " ".join(info[key]) if key == "species" else info[key]) for key in wanted if key in info]
    rows += [("recipe", info["recipe"]["name"])] if "recipe" in info else []
    network = info.get("network") or {}
    named = {"heads": "head", "waves": "waves up to", "prior": "prior", "holds": "holds", "holds_not": "does not hold"}
    rows += [(label, _folded(_listed(network[key]))) for key, label in named.items() if network.get(key)]
    rows += [(label, _folded(text)) for label, text in info.get("origin_told", ())]
    for part, figures in (info.get("figures") or {}).items():
        if figures:
            rows.append(
                (part, ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if _is_number(value)))
            )
    table(info["path"], ("", ""), rows)


def _listed(value) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _is_number(value) -> bool:
    return isinstance(value, int | float)
