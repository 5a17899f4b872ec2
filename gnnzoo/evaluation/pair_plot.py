"""Learned pair forces against distance, drawn over the distances that training saw."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gnnzoo.evaluation.pairs import PairCurve
from gnnzoo.evaluation.plots import save_figure
from gnnzoo.units import force_unit, length_unit

# The force axis ends where forces are this rare among the training's pairs of a kind, and has this much room beyond:
# the few closest pairs would make a flat line of all others.
_RARE, _ROOM = 0.01, 0.5
_COLUMNS = 3


def pair_plot(
    curves: Mapping[str, Sequence[PairCurve]], units: str | None, title: str, path: Path, overwrite: bool = False
) -> Path:
    """A panel for each kind of pair: forces above, how often training saw each distance below.

    Args:
        curves: by the label of what answered, such as a model or "zero-shot"; the truth is drawn once.
        units: unit style of them all.
        title: what is shown.
        path: a .png.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(curve.name for drawn in curves.values() for curve in drawn))
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = pyplot.figure(figsize=(4.8 * columns + 0.4, 4.4 * rows + 0.4), layout="constrained")
    for cell, name in zip(figure.subfigures(rows, columns, squeeze=False).flat, names, strict=False):
        _panel(cell, {label: curve for label, drawn in curves.items() for curve in drawn if curve.name == name}, units)
    figure.suptitle(title, fontsize=11)
    return save_figure(figure, path, overwrite)


def _panel(figure, curves: Mapping[str, PairCurve], units: str | None) -> None:
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    lines = ["-", "--", ":", "-."]
    for number, (label, curve) in enumerate(curves.items()):
        above.plot(curve.distances, curve.forces, lines[number % len(lines)], color=f"C{number}", label=label, zorder=3)
        below.fill_between(curve.distances, curve.counts, step="mid", alpha=0.35, color=f"C{number}")
    told = next((curve for curve in curves.values() if curve.truth is not None), None)
    if told is not None:
        above.plot(told.distances, told.truth, color="black", linewidth=1, label="truth", zorder=2)
    limits = [_limits(curve) for curve in curves.values()]
    above.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    above.axhline(0, color="grey", linewidth=0.6)
    above.set(title=next(iter(curves.values())).name, ylabel=f"force apart ({force_unit(units)})")
    above.legend(fontsize=8)
    below.set(xlabel=f"distance ({length_unit(units)})", ylabel="pairs", yticks=[])


def _limits(curve: PairCurve) -> tuple[float, float]:
    """What of the force axis a curve needs: where nearly all pairs of the training are, and some room."""
    values = np.array(curve.forces if curve.truth is None else curve.truth)
    order, counts = np.argsort(values), np.array(curve.counts, float)
    shares = np.cumsum(counts[order]) / counts.sum() if counts.any() else np.linspace(0, 1, len(values))
    low, high = (values[order][min(np.searchsorted(shares, share), len(values) - 1)] for share in (_RARE, 1 - _RARE))
    margin = _ROOM * max(high - low, 1e-12)
    return float(low - margin), float(high + margin)
