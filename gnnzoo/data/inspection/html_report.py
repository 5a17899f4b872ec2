"""What an inspection found as one page with plots, which needs no other file and no network to be read."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gnnzoo import __version__
from gnnzoo.data.inspection import text_report as data_text
from gnnzoo.units import force_unit, length_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL = (3.6, 2.7)  # inches
_ACROSS = 3
_COLORS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a")

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1f2328; max-width: 1120px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.35rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .5rem 0; } th, td { padding: .15rem .8rem .15rem 0; text-align: left;
vertical-align: top; } th { font-weight: 600; border-bottom: 1px solid #d0d7de; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.doubt { border-left: 4px solid #d1242f; background: #fff5f5; padding: .4rem .8rem; margin: .4rem 0; }
.fine { border-left: 4px solid #1a7f37; background: #f2fbf4; padding: .4rem .8rem; }
img { max-width: 100%; } p.small { color: #57606a; font-size: .85rem; }
"""


def data_report(report: Mapping) -> str:
    """The page, HTML, for the report of `gnnzoo.inspect` on data."""
    plots = {name: _image(figure, name) for name, figure in figures(report).items()}
    force, length = force_unit(report["units"]), length_unit(report["units"])
    sampled = f"of {report['rdf']['frames']} frames, evenly spaced"
    head, *evidence = data_text.unit_lines(report)
    parts = [
        f"<h1>{_text(data_text.title(report))}</h1>",
        _doubts(report["doubts"]),
        _table(None, data_text.overview(report)),
        f"<h2>Units</h2><p>{_text(head)}</p>{_list(evidence)}",
        f"<h2>Forces, {_text(force)}</h2>",
        _table(*data_text.force_rows(report)),
        plots["forces"],
        "<h2>Along the run</h2>",
        _table(
            ("", *(str(part + 1) for part in range(report["drift"]["parts"]))),
            data_text.drift_lines(report),
        ),
        plots["along"],
        f"<h2>Shells of neighbours, {_text(length)}, {sampled}</h2>",
        _table(*data_text.shell_rows(report)),
        plots.get("rdf", ""),
        _left_out(report),
        f"<h2>Cutoffs, {_text(length)}, edges {sampled}</h2>",
        _table(*data_text.cutoff_rows(report)),
        f"<p class=small>* to begin with. Forecast for {_text(report['forecast_holds_for'])}.</p>",
        "<h2>How long the run remembers itself</h2>",
        f"<p>{_text(report['correlation']['reason'])}</p>",
        plots.get("correlation", ""),
        f"<p class=small>gnnzoo {__version__}</p>",
    ]
    title = _text(data_text.title(report))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(part for part in parts if part) + "\n</body></html>\n"
    )


# --- page ---------------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    return html.escape(str(value))


def _doubts(lines: Sequence[str]) -> str:
    if not lines:
        return '<p class="fine">Nothing in these data is doubtful.</p>'
    return "\n".join(f'<p class="doubt">{_text(line)}</p>' for line in lines)


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


def _left_out(report: Mapping) -> str:
    line = data_text.pairs_left_out(report)
    return f"<p class=small>{_text(line)}.</p>" if line else ""


def _image(figure: "Figure", name: str) -> str:
    """A figure as SVG inside the page; apart from the page's own elements, so that nothing of two plots mixes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg")
    text = base64.b64encode(drawn.getvalue()).decode()
    return f'<img alt="{_text(name)}" src="data:image/svg+xml;base64,{text}">'


# --- plots --------------------------------------------------------------------------------------------------------


def figures(report: Mapping) -> dict[str, "Figure"]:
    """Name -> figure: `forces`, `along`, and where there is something to draw `rdf` and `correlation`."""
    drawn = {"forces": _forces(report), "along": _along(report)}
    if report["rdf"]["pairs"]:
        drawn["rdf"] = _rdf(report)
    if report["correlation"]["curves"]:
        drawn["correlation"] = _correlation(report)
    return drawn


def _panels(count: int, across: int = _ACROSS) -> tuple["Figure", list]:
    """A figure of its own, outside of matplotlib's global state, with `count` axes."""
    from matplotlib.figure import Figure

    columns = min(count, across)
    lines = -(-count // columns)
    figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis in axes[count:]:
        axis.remove()
    for axis in axes[:count]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.xaxis.label.set_size(9)
        axis.yaxis.label.set_size(9)
    return figure, list(axes[:count])


def _forces(report: Mapping) -> "Figure":
    """|F| by type, each type's counts as a share of its own atoms; the floor of the digits marked."""
    figure, (axis,) = _panels(1)
    figure.set_size_inches(2 * _PANEL[0], 1.2 * _PANEL[1])
    histogram, floor = report["forces"]["histogram"], report["force_floor"]["floor"]
    for number, (name, counts) in enumerate(histogram["counts"].items()):
        total = sum(counts) or 1
        shares = [100 * count / total for count in counts]
        axis.stairs(shares, histogram["edges"], color=_COLORS[number % len(_COLORS)], label=name, linewidth=1.4)
    axis.set(xscale="log", xlabel=f"|F|, {force_unit(report['units'])}", ylabel="% of the atoms, per bin")
    if floor and histogram["edges"] and floor > histogram["edges"][0]:
        axis.axvline(floor, color="black", linestyle=":", linewidth=1, label="floor of the digits")
    if histogram["counts"]:
        axis.legend(fontsize=8, frameon=False)
    return figure


def _along(report: Mapping) -> "Figure":
    """Mean |F|, density, box and temperature along the run, each point a frame."""
    series, units = report["series"], report["units"]
    apart = report["steps"]["segments"] > 1  # steps go back: frames are counted instead
    x, label = (series["frames"], "frame") if apart else (series["steps"], "step")
    lines = {
        f"mean |F|, {force_unit(units)}": series["mean_force"],
        "density, g/cm$^3$" if series["g_cm3"] else "atoms per volume": series["g_cm3"] or series["density"],
        f"cell vectors, {length_unit(units)}": series["lengths"],
        "temperature" if units == "lj" else "temperature, K": series["temperature"],
    }
    lines = {name: values for name, values in lines.items() if values is not None}
    figure, axes = _panels(len(lines), across=2)
    for axis, (name, values) in zip(axes, lines.items(), strict=True):
        # None, where nothing is known of a frame, is a gap in the line
        several = list(zip(*values, strict=True)) if isinstance(values[0], list) else [values]
        marker = "." if len(x) < 60 else None
        for number, line in enumerate(several):
            drawn = [float("nan") if value is None else value for value in line]
            axis.plot(x, drawn, color=_COLORS[number], linewidth=1.2, marker=marker, label="abc"[number])
        axis.set(xlabel=label, ylabel=name)
        if len(several) > 1:
            axis.legend(fontsize=8, frameon=False)
    return figure


def _rdf(report: Mapping) -> "Figure":
    """g(r) of each pair of types, the first shell's end marked; peaks of bonds are cut off."""
    rdf, length = report["rdf"], length_unit(report["units"])
    pairs = list(data_text.main_pairs(report).items())
    figure, axes = _panels(len(pairs))
    for axis, (name, pair) in zip(axes, pairs, strict=True):
        axis.plot(rdf["r"], pair["g"], color=_COLORS[0], linewidth=1.2)
        axis.axhline(1, color="#57606a", linewidth=0.6)
        between = [g for r, g in zip(rdf["r"], pair["g"], strict=True) if pair["peak"] and r >= 0.9 * pair["peak"]]
        top = 1.25 * max(between or pair["g"])
        axis.set(xlim=(0, rdf["r"][-1]), ylim=(0, max(top, 1.5)), xlabel=f"r, {length}", title=name)
        axis.title.set_size(9)
        if pair["first_shell"] is not None:
            end = pair["first_shell"]
            axis.axvline(end, color=_COLORS[1], linewidth=1, linestyle="--")
            axis.text(
                end, 0.97, f" {end:.3g}", color=_COLORS[1], fontsize=8, va="top", transform=axis.get_xaxis_transform()
            )
        for end in pair["shells"][1:]:
            axis.axvline(end, color="#57606a", linewidth=0.8, linestyle=":")
    axes[0].set_ylabel("g(r)")
    return figure


def _correlation(report: Mapping) -> "Figure":
    """Correlation of forces and structure with themselves against the lag in frames."""
    figure, (axis,) = _panels(1)
    figure.set_size_inches(2 * _PANEL[0], 1.2 * _PANEL[1])
    for number, (name, curve) in enumerate(report["correlation"]["curves"].items()):
        axis.plot(curve["lags"], curve["values"], color=_COLORS[number], marker=".", label=name)
    axis.axhline(1 / 2.718281828, color="#57606a", linewidth=0.8, linestyle=":", label="1/e")
    gap = report["correlation"]["gap"]
    if gap is not None:
        axis.axvline(gap, color="black", linewidth=0.8, linestyle="--", label=f"gap of a split: {gap}")
    axis.set(xlabel="frames apart", ylabel="correlation")
    axis.legend(fontsize=8, frameon=False)
    return figure
