"""The page of a report on a model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo.data.inspection.rdf import RadialDistributions
from gnnzoo.evaluation import report as rows
from gnnzoo.html_page import COLORS, WIDE, embedded, escaped, image, page, panels, table
from gnnzoo.units import STYLES, force_unit, length_unit
from gnnzoo.workflows.steps.report_records import Report, RunComparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_MARKS = {True: "kept", False: "exceeded", None: "not measured"}


def report_page(report: Report, plots: Mapping[str, bytes], units: str | None) -> str:
    """Write the page.

    Args:
        report: what to show.
        plots: "parity" and "pairs" -> PNG.
        units: LAMMPS unit style of the model.

    Returns:
        HTML, the plots inside.
    """
    forces = report.errors.forces
    verdict_rows = [(one.name, one.value, one.limit, _MARKS[one.within], one.meaning) for one in report.findings]
    mark = "warning" if any(one.within is False for one in report.findings) else "fine"
    symmetries = report.symmetries
    parts = [
        f'<p class="{mark}">{escaped(report.verdict)}.</p>',
        table(("quantity", "value", "limit", "", "meaning"), verdict_rows),
        f"<h2>Errors, {report.errors.part}, {forces.frames} frames</h2>",
        table(rows.FORCE_COLUMNS, rows.force_rows(forces)),
        embedded(plots["parity"], "png", "parity"),
        *_energies(report, units),
        "<h2>Symmetries of the forces on one frame, in double precision</h2>",
        table(
            ("error", "size"),
            [
                ("rotation, mean |R⁻¹F(Rx) − F(x)| / mean |F|", f"{symmetries.rotation:.2e}"),
                ("net force, |ΣF| / Σ|F|", f"{symmetries.net_force:.2e}"),
                ("asymmetry of the Jacobian, |J − Jᵀ| / |J + Jᵀ|", f"{symmetries.asymmetry:.2e}"),
            ],
        ),
        "<h2>Dimer curves</h2>",
        table(
            ("pair", f"force at the cutoff, {force_unit(units)}"),
            [(curve.name, f"{curve.forces[-1]:.2e}") for curve in report.pairs],
        ),
        embedded(plots["pairs"], "png", "dimer curves"),
        *([] if report.run is None else _run(report.run, units)),
    ]
    return page(f"{report.model} on {report.data}", parts)


def _energies(report: Report, units: str | None) -> list[str]:
    """Errors of energies and virials, where there are some."""
    parts = []
    energy, virial = report.errors.energy, report.errors.virial
    if energy is not None and (shown := rows.energy_rows(energy, units)):
        parts += [f"<h2>{escaped(rows.energy_title(energy).capitalize())}</h2>", table(rows.ENERGY_COLUMNS, shown)]
    if virial is not None:
        parts += ["<h2>Virials</h2>", table(rows.VIRIAL_COLUMNS, rows.virial_rows(virial, units))]
        if virial.stress is not None:
            parts.append(table(rows.STRESS_COLUMNS, rows.stress_rows(virial.stress, units)))
    if len(report.errors.groups) > 1:
        parts += ["<h2>By kind of configuration</h2>", table(*rows.group_table(report.errors.groups, units))]
    return parts


def _run(compared: RunComparison, units: str | None) -> list[str]:
    """The run and its comparison with the data."""
    run = compared.run
    conditions = run.conditions
    quantities = (
        ("temperature, second half of the run", run.temperature, "K"),
        ("temperature of the data, from forces and distances between molecules", compared.data_temperature, "K"),
        ("its standard error", compared.data_temperature_error, "K"),
        ("pressure", run.pressure, "bar"),
        ("energy drift", run.drift, "meV/atom/ns"),
        ("speed", run.speed, "ns/day"),
    )
    shown = [(name, f"{value:.5g}", unit) for name, value, unit in quantities if value is not None]
    title = f"A run of {run.time:g} ps: {conditions.ensemble}, {conditions.timestep:g} fs, {run.atoms:,} atoms"
    parts = [
        f"<h2>{escaped(title)}</h2>",
        f"<p>From {escaped(run.start)}; {run.frames} frames.</p>",
        table(None, shown),
    ]
    if compared.run_rdf.pairs:
        parts += ["<h2>Radial distributions</h2>", image(_distributions(compared, units), "radial distributions")]
    if compared.run_angles.triplets:
        about = "<p>Between neighbours nearer than the end of the first shell of the data.</p>"
        parts += ["<h2>Angles</h2>", about, image(_angles(compared), "angles")]
    if compared.run_displacements:
        parts += ["<h2>Mean squared displacements</h2>", image(_displacements(compared, units), "displacements")]
        columns = ("species", f"diffusion coefficient, {length_unit(units)}² / {_time_unit(units)}", "from lags")
        parts.append(table(columns, _diffusion(compared)))
    if compared.run_velocities:
        interval = next(iter(compared.run_velocities.values())).lags[1]
        time = f"{interval:g} {_time_unit(units)}"
        about = f"<p>One frame in {time}: vibrations of less than twice that are not resolved.</p>"
        drawn = image(_velocities(compared, units), "velocity autocorrelation")
        parts += ["<h2>Velocity autocorrelation</h2>", about, drawn]
    return parts


def _distributions(compared: RunComparison, units: str | None) -> "Figure":
    names = [name for name in compared.data_rdf.pairs if name in compared.run_rdf.pairs]
    figure, axes = panels(len(names))
    for axis, name in zip(axes, names, strict=True):
        for number, (label, found) in enumerate(_sides(compared)):
            style = "-" if number else "--"
            axis.plot(found.r, found.pairs[name].g, style, color=COLORS[1 - number], linewidth=1.2, label=label)
        visible = np.array(compared.data_rdf.pairs[name].g)[
            np.array(compared.data_rdf.r) > 0.15 * compared.data_rdf.r[-1]
        ]
        axis.set(xlabel=f"r, {length_unit(units)}", ylabel="g(r)", title=name, ylim=(0, 1.3 * max(visible.max(), 1.0)))
    axes[0].legend(fontsize=8, frameon=False)
    return figure


def _angles(compared: RunComparison) -> "Figure":
    ours, theirs = compared.run_angles, compared.data_angles
    names = [name for name in theirs.triplets if name in ours.triplets]
    figure, axes = panels(max(1, len(names)))
    for axis, name in zip(axes, names, strict=False):
        axis.plot(theirs.angles, theirs.triplets[name], "--", color=COLORS[1], linewidth=1.2, label="data")
        axis.plot(ours.angles, ours.triplets[name], color=COLORS[0], linewidth=1.2, label="run")
        axis.set(xlabel="angle, degrees", ylabel="probability per degree", title=name, xlim=(0, 180))
    axes[0].legend(fontsize=8, frameon=False)
    return figure


def _diffusion(compared: RunComparison) -> list[tuple[str, str, str]]:
    """Coefficients of the run and of the data, as far as the lags reach."""
    sides = (("run", compared.run_displacements), ("data", compared.data_displacements))
    return [
        (f"{name}, {side}", f"{moved.diffusion:.3g}", f"{moved.lags[len(moved.lags) // 2]:g} to {moved.lags[-1]:g}")
        for side, found in sides
        for name, moved in found.items()
    ]


def _time_unit(units: str | None) -> str:
    return STYLES[units].time if units in STYLES else "(undeclared time unit)"


def _velocities(compared: RunComparison, units: str | None) -> "Figure":
    figure, (axis,) = panels(1, size=WIDE)
    for number, (name, ours) in enumerate(compared.run_velocities.items()):
        color = COLORS[number % len(COLORS)]
        axis.plot(ours.lags, ours.correlation, color=color, label=f"{name}, run")
        theirs = compared.data_velocities.get(name)
        if theirs is not None:
            axis.plot(theirs.lags, theirs.correlation, "o--", color=color, label=f"{name}, data")
    axis.axhline(0, color="0.7", linewidth=0.8)
    axis.set(xlabel=f"time, {_time_unit(units)}", ylabel="⟨v(0)·v(t)⟩ / ⟨v(0)²⟩", xlim=(0, None))
    axis.legend(fontsize=8, frameon=False)
    return figure


def _sides(compared: RunComparison) -> tuple[tuple[str, RadialDistributions], tuple[str, RadialDistributions]]:
    return (f"data, {compared.data_rdf.frames} frames", compared.data_rdf), (
        f"run, {compared.run_rdf.frames} frames",
        compared.run_rdf,
    )


def _displacements(compared: RunComparison, units: str | None) -> "Figure":
    figure, (axis,) = panels(1, size=WIDE)
    for number, (name, moved) in enumerate(compared.run_displacements.items()):
        color = COLORS[number % len(COLORS)]
        axis.plot(moved.lags[1:], moved.msd[1:], color=color, label=f"{name}, run")
        source = compared.data_displacements.get(name)
        if source is not None:
            near = np.array(source.lags) <= 2 * moved.lags[-1]
            axis.plot(
                np.array(source.lags)[near], np.array(source.msd)[near], "o--", color=color, label=f"{name}, data"
            )
    length = length_unit(units)
    axis.set(xlabel=f"time, {_time_unit(units)}", ylabel=f"mean squared displacement, {length}$^2$")
    axis.legend(fontsize=8, frameon=False)
    return figure
