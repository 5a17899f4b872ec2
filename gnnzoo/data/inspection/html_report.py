"""A dataset's report as one HTML page with plots, which needs no other file and no network to be read."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo.data.inspection import text_report as text
from gnnzoo.data.inspection.dataset_report import DatasetReport
from gnnzoo.html_page import COLORS, WIDE, bullets, escaped, image, page, panels, table, warnings_box
from gnnzoo.units import force_unit, length_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEW_POINTS = 60  # so many are marked one by one


def html_page(path: str | Path, report: DatasetReport, warnings: Sequence[str]) -> str:
    """Write a dataset's report as a page.

    Args:
        path: of the data, for the title.
        report: what to show.
        warnings: shown on top.

    Returns:
        HTML, the plots inside as SVG.
    """
    plots = {name: image(figure, name) for name, figure in figures(report).items()}
    force, length = force_unit(report.units), length_unit(report.units)
    sampled = f"of {report.rdf.frames} frames, evenly spaced"
    title = text.title(path, report)
    head, *evidence = text.unit_lines(report)
    parts = [
        warnings_box(warnings),
        table(None, text.overview(report)),
        f"<h2>Units</h2><p>{escaped(head)}</p>{bullets(evidence)}",
        f"<h2>Forces, {escaped(force)}</h2>",
        table(*text.force_rows(report)),
        plots["forces"],
        *_along_the_run(report),
        plots["along"],
        f"<h2>Shells of neighbours, {escaped(length)}, {sampled}</h2>",
        table(*text.shell_rows(report)),
        plots.get("rdf", ""),
        f"<p class=small>{escaped(left_out)}.</p>" if (left_out := text.pairs_left_out(report)) else "",
        f"<h2>Cutoffs, {escaped(length)}, edges {sampled}</h2>",
        table(*text.cutoff_rows(report)),
        f"<p class=small>* recommended. Estimated for {escaped(report.cost_valid_for)}.</p>",
        ""
        if report.arrangement.independent
        else f"<h2>Autocorrelation</h2><p>{escaped(report.correlation.reason)}</p>",
        plots.get("correlation", ""),
    ]
    return page(title, parts)


# --- page ---------------------------------------------------------------------------------------------------------


def _along_the_run(report: DatasetReport) -> list[str]:
    if report.drift is None:
        return ["<h2>Frame by frame, in the order of the file</h2>"]
    header = ("", *(str(part + 1) for part in range(report.drift.parts)))
    return ["<h2>Along the run</h2>", table(header, text.drift_rows(report))]


# --- plots --------------------------------------------------------------------------------------------------------


def figures(report: DatasetReport) -> dict[str, "Figure"]:
    """Draw the plots of a report.

    Args:
        report: what to draw.

    Returns:
        `forces`, `along`, and where there is something to draw `rdf` and `correlation`.
    """
    drawn = {"forces": _forces(report), "along": _along(report)}
    if report.rdf.pairs:
        drawn["rdf"] = _rdf(report)
    if report.correlation.curves:
        drawn["correlation"] = _correlation(report)
    return drawn


def _forces(report: DatasetReport) -> "Figure":
    """|F| by type, each type's counts as a share of its own atoms; the error of the digits marked."""
    figure, (axis,) = panels(1, size=WIDE)
    histogram, floor = report.forces.histogram, report.rounding_error.floor
    for number, (name, counts) in enumerate(histogram.counts.items()):
        shares = 100 * np.array(counts) / (sum(counts) or 1)
        axis.stairs(shares, histogram.edges, color=COLORS[number % len(COLORS)], label=name, linewidth=1.4)
    axis.set(xscale="log", xlabel=f"|F|, {force_unit(report.units)}", ylabel="% of the atoms, per bin")
    if floor and histogram.edges and floor > histogram.edges[0]:
        axis.axvline(floor, color="black", linestyle=":", linewidth=1, label="rounding error")
    if histogram.counts:
        axis.legend(fontsize=8, frameon=False)
    return figure


def _along(report: DatasetReport) -> "Figure":
    """Mean |F|, density, box and temperature along the run, each point a frame."""
    series, units = report.series, report.units
    configurations = report.arrangement.independent
    back = configurations or report.steps.segments > 1  # steps go back: frames are counted instead
    x, label = (series.frames, "frame") if back else (series.steps, "step")
    quantities = {
        f"mean |F|, {force_unit(units)}": series.mean_force,
        "density, g/cm$^3$" if series.g_cm3 else "atoms per volume": series.g_cm3 or series.density,
        f"cell vectors, {length_unit(units)}": series.lengths,
        "temperature" if units == "lj" else "temperature, K": series.temperature,
    }
    # (points,) or (points, 3); where a value is unknown, NaN leaves a gap in the line
    lines = {name: np.array(values, dtype=float) for name, values in quantities.items() if values is not None}
    figure, axes = panels(len(lines), across=2)
    for axis, (name, values) in zip(axes, lines.items(), strict=True):
        several = values.reshape(len(x), -1).T
        for number, line in enumerate(several):
            marker = "." if configurations or len(x) < _FEW_POINTS else None
            width = 0.0 if configurations else 1.2  # points that no line joins
            axis.plot(x, line, color=COLORS[number], linewidth=width, marker=marker, label="abc"[number])
        axis.set(xlabel=label, ylabel=name)
        if len(several) > 1:
            axis.legend(fontsize=8, frameon=False)
    return figure


def _rdf(report: DatasetReport) -> "Figure":
    """g(r) of each pair of types, the first shell's end marked; peaks of bonds are cut off."""
    r, length = np.array(report.rdf.r), length_unit(report.units)
    pairs = text.main_pairs(report)
    figure, axes = panels(len(pairs))
    for axis, (name, pair) in zip(axes, pairs.items(), strict=True):
        g = np.array(pair.g)
        axis.plot(r, g, color=COLORS[0], linewidth=1.2)
        axis.axhline(1, color="#57606a", linewidth=0.6)
        top = 1.25 * max(g[r >= 0.9 * pair.peak] if pair.peak else g)
        axis.set(xlim=(0, r[-1]), ylim=(0, max(top, 1.5)), xlabel=f"r, {length}", title=name)
        axis.title.set_fontsize(9)
        if pair.first_shell is not None:
            end, place = pair.first_shell, axis.get_xaxis_transform()
            axis.axvline(end, color=COLORS[1], linewidth=1, linestyle="--")
            axis.text(end, 0.97, f" {end:.3g}", color=COLORS[1], fontsize=8, va="top", transform=place)
        for end in pair.shells[1:]:
            axis.axvline(end, color="#57606a", linewidth=0.8, linestyle=":")
    axes[0].set_ylabel("g(r)")
    return figure


def _correlation(report: DatasetReport) -> "Figure":
    """Autocorrelation of forces and structure against the lag in frames."""
    figure, (axis,) = panels(1, size=WIDE)
    for number, (name, curve) in enumerate(report.correlation.curves.items()):
        axis.plot(curve.lags, curve.values, color=COLORS[number], marker=".", label=name)
    axis.axhline(np.exp(-1), color="#57606a", linewidth=0.8, linestyle=":", label="1/e")
    gap = report.correlation.gap
    if gap is not None:
        axis.axvline(gap, color="black", linewidth=0.8, linestyle="--", label=f"gap of a split: {gap}")
    axis.set(xlabel="frames apart", ylabel="correlation")
    axis.legend(fontsize=8, frameon=False)
    return figure
