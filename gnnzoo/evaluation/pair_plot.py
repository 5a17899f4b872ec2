"""Plot of dimer force curves, with the distribution of distances in the training frames."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo.evaluation.pairs import PairCurve
from gnnzoo.evaluation.plots import save_figure
from gnnzoo.units import force_unit, length_unit

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

# The force axis spans the 1st to the 99th percentile of the forces of the training's pairs of a kind, and half of that
# range beyond at either end: the few closest pairs would make a flat line of all others. Chosen by eye.
_RARE, _ROOM = 0.01, 0.5
_COLUMNS = 3


def pair_plot(
    curves: Mapping[str, Sequence[PairCurve]], units: str | None, title: str, path: Path, overwrite: bool = False
) -> Path:
    """Draw dimer force curves: a panel for each kind of pair, with the number of training pairs at each distance below.

    Args:
        curves: by label, such as a model or "zero-shot"; the reference is drawn once.
        units: unit style of all curves.
        title: of the figure.
        path: a .png.
        overwrite: replace an existing file, keeping a backup.

    Returns:
        `path`.
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


def _panel(figure: "SubFigure", curves: Mapping[str, PairCurve], units: str | None) -> None:
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    lines = ["-", "--", ":", "-."]
    for number, (label, curve) in enumerate(curves.items()):
        above.plot(curve.distances, curve.forces, lines[number % len(lines)], color=f"C{number}", label=label, zorder=3)
        below.fill_between(curve.distances, curve.counts, step="mid", alpha=0.35, color=f"C{number}")
    known = next((curve for curve in curves.values() if curve.reference is not None), None)
    if known is not None:
        above.plot(known.distances, known.reference, color="black", linewidth=1, label="reference", zorder=2)
    limits = [_limits(curve) for curve in curves.values()]
    above.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    above.axhline(0, color="grey", linewidth=0.6)
    above.set(title=next(iter(curves.values())).name, ylabel=f"force apart ({force_unit(units)})")
    above.legend(fontsize=8)
    below.set(xlabel=f"distance ({length_unit(units)})", ylabel="pairs", yticks=[])


def _limits(curve: PairCurve) -> tuple[float, float]:
    """Range of the force axis for one curve: the forces of nearly all training pairs, and a margin."""
    values = np.array(curve.forces if curve.reference is None else curve.reference)
    order, counts = np.argsort(values), np.array(curve.counts, float)
    shares = np.cumsum(counts[order]) / counts.sum() if counts.any() else np.linspace(0, 1, len(values))
    low, high = (values[order][min(int(np.searchsorted(shares, s)), len(values) - 1)] for s in (_RARE, 1 - _RARE))
    margin = _ROOM * max(high - low, 1e-12)
    return float(low - margin), float(high + margin)
