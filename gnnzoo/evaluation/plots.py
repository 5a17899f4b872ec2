"""Parity plots: predicted force components against true ones."""

from pathlib import Path

import numpy as np

from gnnzoo.outputs import atomic_write
from gnnzoo.units import force_unit

# Above this many components a sample is kept; the eye sees no difference and memory stays flat.
_MAX_POINTS = 400_000


class ParitySample:
    """Keeps an even sample of components by species while frames pass by.

    Args:
        species: names by index.
        seed: of the sample.
    """

    def __init__(self, species: list[str], seed: int = 0):
        self.species = list(species)
        self._random = np.random.default_rng(seed)
        self._share = 1.0
        self._kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, predicted: np.ndarray, true: np.ndarray, species: np.ndarray) -> None:
        """Add a frame: (atoms, 3), (atoms, 3), (atoms,) species index."""
        chosen = self._random.random(len(species)) < self._share
        self._kept.append((predicted[chosen], true[chosen], np.asarray(species)[chosen]))
        while 3 * sum(len(kept[2]) for kept in self._kept) > _MAX_POINTS:
            self._share /= 2
            halves = [self._random.random(len(kept[2])) < 0.5 for kept in self._kept]
            self._kept = [tuple(a[half] for a in kept) for kept, half in zip(self._kept, halves, strict=True)]

    def of(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """True and predicted components of one species, flat."""
        mine = [(true[kinds == index], predicted[kinds == index]) for predicted, true, kinds in self._kept]
        return tuple(np.concatenate([part[side].ravel() for part in mine]) for side in (0, 1))


def parity_plot(sample: ParitySample, result: dict, title: str, path: Path, overwrite: bool = False) -> Path:
    """Draw a panel per species: counts on a logarithmic scale around the diagonal, with the figures.

    Args:
        sample: the components.
        result: of `ForceErrors`.
        title: what is judged on what.
        path: a .png.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    unit = force_unit(result["units"])
    present = [i for i, name in enumerate(sample.species) if name in result["per_type"]]
    figure, axes = pyplot.subplots(
        1, len(present), figsize=(4.6 * len(present) + 0.6, 4.7), squeeze=False, layout="constrained"
    )
    for axis, index in zip(axes[0], present, strict=True):
        name = sample.species[index]
        true, predicted = sample.of(index)
        limit = float(np.max(np.abs(np.concatenate([true, predicted])))) * 1.05 or 1.0
        cells = axis.hexbin(
            true, predicted, gridsize=90, bins="log", mincnt=1, cmap="viridis", extent=(-limit, limit, -limit, limit)
        )
        axis.plot([-limit, limit], [-limit, limit], color="black", linewidth=0.7, alpha=0.6)
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xlabel=f"true component ({unit})")
        figures = result["per_type"][name]
        axis.set_title(
            f"{name}: MAE {figures['mae']:.3g} {unit}, {_percent(figures['relative'])} of mean |F|", fontsize=9
        )
        figure.colorbar(cells, ax=axis, shrink=0.8, label="components" if index == present[-1] else None)
    axes[0][0].set_ylabel(f"predicted component ({unit})")
    figure.suptitle(f"{title}: mean |dF| / mean |F| = {_percent(result['force']['relative'])}", fontsize=10)
    return saved(figure, path, overwrite, dpi=130)


def saved(figure, path: Path, overwrite: bool, dpi: int = 120) -> Path:
    """Write a figure of pyplot as a PNG, and close it whatever happens."""
    from matplotlib import pyplot

    try:
        with atomic_write(path, overwrite) as temporary:
            figure.savefig(temporary, dpi=dpi)
    finally:
        pyplot.close(figure)
    return path


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
