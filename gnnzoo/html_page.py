"""HTML pages with tables and plots that need no other file and no network to be read."""

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gnnzoo import __version__

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = (3.6, 2.7)  # inches
WIDE = (2 * PANEL[0], 1.2 * PANEL[1])
ACROSS = 3
COLORS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a")

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


def page(title: str, parts: Sequence[str]) -> str:
    """Put a page together.

    Args:
        title: text.
        parts: HTML; empty ones are left out.

    Returns:
        HTML, with the title as its heading and the version of gnnzoo at its end.
    """
    inside = [f"<h1>{escaped(title)}</h1>", *filter(None, parts), f"<p class=small>gnnzoo {__version__}</p>"]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escaped(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(inside) + "\n</body></html>\n"
    )


def escaped(value: object) -> str:
    """HTML of a text.

    Args:
        value: anything; its `str` is taken.

    Returns:
        The text, without characters that HTML obeys.
    """
    return html.escape(str(value))


def warnings_box(lines: Sequence[str]) -> str:
    """HTML of warnings, or of the fact that there are none.

    Args:
        lines: texts.

    Returns:
        A paragraph for each.
    """
    if not lines:
        return '<p class="fine">No warnings.</p>'
    return "\n".join(f'<p class="warning">{escaped(line)}</p>' for line in lines)


def bullets(lines: Sequence[str]) -> str:
    """HTML of a list.

    Args:
        lines: texts.

    Returns:
        The list; nothing where it is empty.
    """
    return "<ul>" + "".join(f"<li>{escaped(line)}</li>" for line in lines) + "</ul>" if lines else ""


def table(header: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> str:
    """HTML of a table; numbers are aligned to the right.

    Args:
        header: heads of the columns, or None.
        rows: texts of the cells.

    Returns:
        The table.
    """
    top = "<tr>" + "".join(f"<th>{escaped(name)}</th>" for name in header) + "</tr>" if header else ""
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f"<table>{top}{body}</table>"


def _cell(cell: str) -> str:
    try:
        float(cell)
    except ValueError:
        return f"<td>{escaped(cell)}</td>"
    return f'<td class="number">{escaped(cell)}</td>'


def image(figure: "Figure", name: str) -> str:
    """HTML of a figure: an embedded SVG image, so that the element ids of two plots do not clash.

    Args:
        figure: to draw.
        name: the text in its place.

    Returns:
        The image.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg")
    return embedded(drawn.getvalue(), "svg+xml", name)


def embedded(data: bytes, kind: str, name: str) -> str:
    """HTML of an image inside the page.

    Args:
        data: content of the image's file.
        kind: "png" or "svg+xml".
        name: the text in its place.

    Returns:
        The image.
    """
    return f'<img alt="{escaped(name)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def panels(count: int, across: int = ACROSS, size: tuple[float, float] = PANEL) -> tuple["Figure", list["Axes"]]:
    """A figure with axes, outside of matplotlib's global state.

    Args:
        count: number of axes.
        across: the most in a row.
        size: of one, inches.

    Returns:
        The figure and its axes.
    """
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
