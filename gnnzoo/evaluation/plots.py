"""Parity plots: predicted force components against reference components."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo import fields
from gnnzoo.metrics import ForceResult, Outputs, Reference
from gnnzoo.outputs import atomic_write
from gnnzoo.units import force_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Above this many components only a sample is kept: a hexbin of 90 cells looks the same, and memory stays at 10 MB.
_MAX_POINTS = 400_000


class ParitySample:
    """Uniform random sample of force components by species, of bounded size, kept while frames pass by.

    Args:
        species: names by index.
        seed: of the sample.
    """

    def __init__(self, species: list[str], seed: int = 0):
        self.species = list(species)
        self._random = np.random.default_rng(seed)
        self._share = 1.0
        self._kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # predicted, reference, species

    def add(self, predicted: np.ndarray, reference: np.ndarray, species: np.ndarray) -> None:
        """Add one frame.

        Args:
            predicted, reference: (atoms, 3) forces in one unit.
            species: (atoms,) species index.
        """
        chosen = self._random.random(len(species)) < self._share
        self._kept.append((predicted[chosen], reference[chosen], np.asarray(species)[chosen]))
        while 3 * sum(len(kept) for *_, kept in self._kept) > _MAX_POINTS:
            self._share /= 2
            halves = [self._random.random(len(kept)) < 0.5 for *_, kept in self._kept]
            self._kept = [(p[half], r[half], s[half]) for (p, r, s), half in zip(self._kept, halves, strict=True)]

    def update(self, reference: Reference, outputs: Outputs) -> None:
        """Add one frame, if its reference forces are known.

        Args:
            reference: forces and species.
            outputs: of the network.
        """
        if reference.forces is not None:
            self.add(outputs[fields.FORCES], reference.forces, reference.species)

    def components(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Sampled components of the species number `index`.

        Returns:
            (components,) reference and (components,) predicted, force unit.
        """
        reference = [reference[species == index].ravel() for _, reference, species in self._kept]
        predicted = [predicted[species == index].ravel() for predicted, _, species in self._kept]
        return np.concatenate(reference), np.concatenate(predicted)


def parity_plot(sample: ParitySample, result: ForceResult, title: str, path: Path, overwrite: bool = False) -> Path:
    """Draw a parity plot: a panel for each species, with counts on a logarithmic scale and the errors in the titles.

    Args:
        sample: the components.
        result: the errors over the same frames.
        title: which model on which data.
        path: a .png.
        overwrite: replace an existing file, keeping a backup.

    Returns:
        `path`.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    unit = force_unit(result.units)
    present = [i for i, name in enumerate(sample.species) if name in result.per_species]
    figure, axes = pyplot.subplots(
        1, len(present), figsize=(4.6 * len(present) + 0.6, 4.7), squeeze=False, layout="constrained"
    )
    for axis, index in zip(axes[0], present, strict=True):
        name = sample.species[index]
        reference, predicted = sample.components(index)
        limit = float(np.max(np.abs(np.concatenate([reference, predicted])))) * 1.05 or 1.0
        extent = (-limit, limit, -limit, limit)
        cells = axis.hexbin(reference, predicted, gridsize=90, bins="log", mincnt=1, cmap="viridis", extent=extent)
        axis.plot([-limit, limit], [-limit, limit], color="black", linewidth=0.7, alpha=0.6)
        axis.set(xlim=extent[:2], ylim=extent[2:], aspect="equal", xlabel=f"reference component ({unit})")
        metrics = result.per_species[name]
        axis.set_title(f"{name}: MAE {metrics.mae:.3g} {unit}, {_percent(metrics.relative)} of mean |F|", fontsize=9)
        figure.colorbar(cells, ax=axis, shrink=0.8, label="components" if index == present[-1] else None)
    axes[0][0].set_ylabel(f"predicted component ({unit})")
    figure.suptitle(f"{title}: mean |dF| / mean |F| = {_percent(result.overall.relative)}", fontsize=10)
    return save_figure(figure, path, overwrite, dpi=130)


def save_figure(figure: "Figure", path: Path, overwrite: bool, dpi: int = 120) -> Path:
    """Write a figure as PNG and close it, also where writing fails.

    Args:
        figure: made by pyplot.
        path: a .png.
        overwrite: replace an existing file, keeping a backup.
        dpi: dots per inch.

    Returns:
        `path`.
    """
    from matplotlib import pyplot

    try:
        with atomic_write(path, overwrite) as temporary:
            figure.savefig(temporary, dpi=dpi)
    finally:
        pyplot.close(figure)
    return path


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
