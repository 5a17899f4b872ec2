"""gnnzoo inspect"""

import click

from gnnzoo.cli.convert import parse_types


@click.command(name="inspect")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--cutoff", type=float, metavar="R", help="Count the edges per atom up to here.")
@click.option("--units", metavar="STYLE", help="LAMMPS unit style, where the data do not tell it.")
@click.option(
    "--types", metavar="1=O,2=H", callback=parse_types, help="Names of types, where the data do not tell them."
)
@click.option("--json", metavar="OUT", help="Write everything to this file, too.")
def command(files, **options):
    """What FILE holds: a LAMMPS dump (or several of one trajectory), a dataset, or a .keras model."""
    from gnnzoo.workflows.inspect import inspect

    report = inspect(list(files), **options)
    (_show_model if report["kind"] == "model" else _show_data)(report)


def _show_data(report: dict) -> None:
    from gnnzoo.console import say, table, warn
    from gnnzoo.units import force_unit, length_unit

    force, length = force_unit(report["units"]), length_unit(report["units"])
    table(report["path"], ("", ""), _data_rows(report, force, length))
    per_type = report["forces"]["per_type"]
    rows = [
        (name, *(f"{means[key]:.5g}" for key in ("mean_norm", "mean_sum_abs", "rms_component")))
        for name, means in {"all": report["forces"], **(per_type if len(per_type) > 1 else {})}.items()
    ]
    table(f"forces, {force}", ("type", "mean |F|", "mean sum of |components|", "RMS component"), rows)
    drift = "  ".join(f"{mean:.3g}" for mean in report["drift"])
    say(f"mean |F| along the data, in {len(report['drift'])} equal parts:  {drift}")
    geometry = report["geometry"]
    rows = [(cutoff, f"{edges['mean']:.1f}", edges["max"]) for cutoff, edges in geometry["edges_per_atom"].items()]
    table("edges per atom", (f"cutoff, {length}", f"mean of {geometry['frames']} frames", "largest"), rows)
    for line in _doubts(report):
        warn(line)


def _data_rows(report: dict, force: str, length: str) -> list[tuple[str, str]]:
    """Name and value of what is told in a line each."""
    provenance, steps, closest = report["provenance"], report["steps"], report["geometry"]["smallest_distance"]
    types = ", ".join(f"{number}={kind['name']} ({kind['atoms']:,})" for number, kind in report["types"].items())
    spacing = "" if steps["spacing"] is None else f", {'' if steps['regular'] else 'mostly '}every {steps['spacing']}"
    segments = f", {steps['segments']} segments" if steps["segments"] > 1 else ""
    rows = [
        ("frames", f"{report['frames']:,}"),
        ("atoms", f"{report['atoms']:,}"),
        ("types", types),
        ("units", report["units"] or "not declared"),
        ("columns", " ".join(provenance["columns"]) if "columns" in provenance else "positions and forces"),
        ("steps", f"{steps['first']} to {steps['last']}{spacing}{segments}"),
        ("box", _box(report["box"])),
        ("density", _density(report["density"], length) + (", on average" if report["box"]["changes"] else "")),
        ("net force", f"mean {report['net_force']['mean']:.3g}, largest {report['net_force']['max']:.3g} {force}"),
    ]
    if closest is not None:
        names, ids = "-".join(closest["names"]), " and ".join(map(str, closest["ids"]))
        rows.append(
            (
                "smallest distance",
                f"{closest['distance']:.4g} {length}, {names}, atoms {ids} in step {closest['step']} "
                f"(of {report['geometry']['frames']} frames, evenly spaced)",
            )
        )
    if "digits" in provenance:
        digits = provenance["digits"]
        rows.append(("digits printed", f"{digits['positions']} in positions, {digits['forces']} in forces"))
    return rows


def _box(box: dict) -> str:
    first, last = (" x ".join(f"{sum(x * x for x in row) ** 0.5:.5g}" for row in box[key]) for key in ("first", "last"))
    tilted = any(row[column] for i, row in enumerate(box["first"]) for column in range(3) if column != i)
    change = f", at last {last}" if box["changes"] else ", constant"
    return f"{first}{' (tilted)' if tilted else ''}{change}; {' '.join(box['boundary'])}"


def _density(density: dict, length: str) -> str:
    if density["g_cm3"] is not None:
        return f"{density['g_cm3']:.4g} g/cm3 ({density['masses']})"
    return f"{density['atoms_per_volume']:.4g} atoms/{length}^3"


def _doubts(report: dict) -> list[str]:
    """Whatever about the data should be known before training."""
    from gnnzoo.workflows.datasets import events_told

    provenance, still = report["provenance"], report["frames_equal_to_the_one_before"]
    lines = list(provenance.get("doubts", []))
    lines += events_told(provenance)
    if still:
        lines.append(f"{len(still)} frames have the very positions of the frame before, the first is number {still[0]}")
    if report["units"] is None:
        lines.append("the data do not tell their units")
    if any(kind["name"] == number for number, kind in report["types"].items()):
        lines.append("the data do not tell what their types are")
    return lines


def _show_model(info: dict) -> None:
    from gnnzoo.console import table

    wanted = ("species", "units", "cutoff", "parameters")
    rows = [(key, " ".join(info[key]) if key == "species" else info[key]) for key in wanted if key in info]
    rows += [("recipe", info["recipe"]["name"])] if "recipe" in info else []
    for part, figures in (info.get("figures") or {}).items():
        if figures:
            rows.append(
                (part, ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if _is_number(value)))
            )
    table(info["path"], ("", ""), rows)


def _is_number(value) -> bool:
    return isinstance(value, int | float)
