"""A dataset's report as one HTML page with plots, which needs no other file and no network to be read."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo import __version__
from gnnzoo.data.inspection import text_report as text
from gnnzoo.data.inspection.dataset_report import DatasetReport
from gnnzoo.units import force_unit, length_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = (3.6, 2.7)  # inches
_WIDE = (2 * _PANEL[0], 1.2 * _PANEL[1])
_ACROSS = 3
_FEW_POINTS = 60  # so many are marked one by one
_COLORS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a")

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1f2328; max-width: 1120px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.35rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .5rem 0; } th, td { padding: .15rem .8rem .15rem 0; text-align: left;
vertical-align: top; } th { font-weight: 600; border-bottom: 1px solid #d0d7de; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.warning { border-left: 4px solid #d1242f; background: #fff5f5; padding: .4rem .8rem; margin: .4rem 0; }
.fine { border-left: 4px solid #1a7f37; background: #f2fbf4; padding: .4rem .8rem; }
img { max-width: 100%; } p.small { color: #57606a; font-size: .85rem; }
"""


def html_page(path: str | Path, report: DatasetReport, warnings: Sequence[str]) -> str:
    """Write a dataset's report as a page.

    Args:
        path: of the data, for the title.
        report: what to show.
        warnings: shown on top.

    Returns:
        HTML, the plots inside as SVG.
    """
    plots = {name: _image(figure, name) for name, figure in figures(report).items()}
    force, length = force_unit(report.units), length_unit(report.units)
    sampled = f"of {report.rdf.frames} frames, evenly spaced"
    title = _text(text.title(path, report))
    head, *evidence = text.unit_lines(report)
    parts = [
        f"<h1>{title}</h1>",
        _warnings(warnings),
        _table(None, text.overview(report)),
        f"<h2>Units</h2><p>{_text(head)}</p>{_list(evidence)}",
        f"<h2>Forces, {_text(force)}</h2>",
        _table(*text.force_rows(report)),
        plots["forces"],
        *_along_the_run(report),
        plots["along"],
        f"<h2>Shells of neighbours, {_text(length)}, {sampled}</h2>",
        _table(*text.shell_rows(report)),
        plots.get("rdf", ""),
        f"<p class=small>{_text(left_out)}.</p>" if (left_out := text.pairs_left_out(report)) else "",
        f"<h2>Cutoffs, {_text(length)}, edges {sampled}</h2>",
        _table(*text.cutoff_rows(report)),
        f"<p class=small>* recommended. Estimated for {_text(report.cost_valid_for)}.</p>",
        "" if report.arrangement.independent else f"<h2>Autocorrelation</h2><p>{_text(report.correlation.reason)}</p>",
        plots.get("correlation", ""),
        f"<p class=small>gnnzoo {__version__}</p>",
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(part for part in parts if part) + "\n</body></html>\n"
    )


# --- page ---------------------------------------------------------------------------------------------------------


def _along_the_run(report: DatasetReport) -> list[str]:
    if report.drift is None:
        return ["<h2>Frame by frame, in the order of the file</h2>"]
    header = ("", *(str(part + 1) for part in range(report.drift.parts)))
    return ["<h2>Along the run</h2>", _table(header, text.drift_rows(report))]


def _text(value: object) -> str:
    return html.escape(str(value))


def _warnings(lines: Sequence[str]) -> str:
    if not lines:
        return '<p class="fine">No warnings.</p>'
    return "\n".join(f'<p class="warning">{_text(line)}</p>' for line in lines)


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(line)}</li>" for line in lines) + "</ul>" if lines else ""


def _table(header: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> str:
    top = "<tr>" + "".join(f"<th>{_text(name)}</th>" for name in header) + "</tr>" if header else ""
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f"<table>{top}{body}</table>"


def _cell(cell: str) -> str:
    try:
        float(cell)
    except ValueError:
        return f"<td>{_text(cell)}</td>"
    return f'<td class="number">{_text(cell)}</td>'


def _image(figure: "Figure", name: str) -> str:
    """A figure as an embedded SVG image, so that the element ids of two plots do not clash."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg")
    data = base64.b64encode(drawn.getvalue()).decode()
    return f'<img alt="{_text(name)}" src="data:image/svg+xml;base64,{data}">'


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


def _panels(count: int, across: int = _ACROSS, size: tuple[float, float] = _PANEL) -> tuple["Figure", list["Axes"]]:
    """A figure with `count` axes, outside of matplotlib's global state."""
    from matplotlib.figure import Figure

    columns = min(count, across)
    lines = -(-count // columns)
    figure = Figure(figsize=(size[0] * columns, size[1] * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis in axes[count:]:
        axis.remove()
    for axis in axes[:count]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.xaxis.label.set_size(9)
        axis.yaxis.label.set_size(9)
    return figure, list(axes[:count])


def _forces(report: DatasetReport) -> "Figure":
    """|F| by type, each type's counts as a share of its own atoms; the error of the digits marked."""
    figure, (axis,) = _panels(1, size=_WIDE)
    histogram, floor = report.forces.histogram, report.rounding_error.floor
    for number, (name, counts) in enumerate(histogram.counts.items()):
        shares = 100 * np.array(counts) / (sum(counts) or 1)
        axis.stairs(shares, histogram.edges, color=_COLORS[number % len(_COLORS)], label=name, linewidth=1.4)
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
    figure, axes = _panels(len(lines), across=2)
    for axis, (name, values) in zip(axes, lines.items(), strict=True):
        several = values.reshape(len(x), -1).T
        for number, line in enumerate(several):
            marker = "." if configurations or len(x) < _FEW_POINTS else None
            width = 0.0 if configurations else 1.2  # points that no line joins
            axis.plot(x, line, color=_COLORS[number], linewidth=width, marker=marker, label="abc"[number])
        axis.set(xlabel=label, ylabel=name)
        if len(several) > 1:
            axis.legend(fontsize=8, frameon=False)
    return figure


def _rdf(report: DatasetReport) -> "Figure":
    """g(r) of each pair of types, the first shell's end marked; peaks of bonds are cut off."""
    r, length = np.array(report.rdf.r), length_unit(report.units)
    pairs = text.main_pairs(report)
    figure, axes = _panels(len(pairs))
    for axis, (name, pair) in zip(axes, pairs.items(), strict=True):
        g = np.array(pair.g)
        axis.plot(r, g, color=_COLORS[0], linewidth=1.2)
        axis.axhline(1, color="#57606a", linewidth=0.6)
        top = 1.25 * max(g[r >= 0.9 * pair.peak] if pair.peak else g)
        axis.set(xlim=(0, r[-1]), ylim=(0, max(top, 1.5)), xlabel=f"r, {length}", title=name)
        axis.title.set_fontsize(9)
        if pair.first_shell is not None:
            end, place = pair.first_shell, axis.get_xaxis_transform()
            axis.axvline(end, color=_COLORS[1], linewidth=1, linestyle="--")
            axis.text(end, 0.97, f" {end:.3g}", color=_COLORS[1], fontsize=8, va="top", transform=place)
        for end in pair.shells[1:]:
            axis.axvline(end, color="#57606a", linewidth=0.8, linestyle=":")
    axes[0].set_ylabel("g(r)")
    return figure


def _correlation(report: DatasetReport) -> "Figure":
    """Autocorrelation of forces and structure against the lag in frames."""
    figure, (axis,) = _panels(1, size=_WIDE)
    for number, (name, curve) in enumerate(report.correlation.curves.items()):
        axis.plot(curve.lags, curve.values, color=_COLORS[number], marker=".", label=name)
    axis.axhline(np.exp(-1), color="#57606a", linewidth=0.8, linestyle=":", label="1/e")
    gap = report.correlation.gap
    if gap is not None:
        axis.axvline(gap, color="black", linewidth=0.8, linestyle="--", label=f"gap of a split: {gap}")
    axis.set(xlabel="frames apart", ylabel="correlation")
    axis.legend(fontsize=8, frameon=False)
    return figure
