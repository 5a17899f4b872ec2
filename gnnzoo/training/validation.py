"""The error on validation frames while training goes on: over all atoms, by species and by the size of the force."""

from dataclasses import dataclass, field

import numpy as np

from gnnzoo import fields
from gnnzoo.data.graphs.graph import Graph
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import even_sample
from gnnzoo.models.predict import Predictor

# Training frames whose forces bound the bins, and the shares of their atoms that lie below each bound.
_SAMPLE, _SHARES = 64, (0.25, 0.5, 0.75)


@dataclass
class _Sums:
    atoms: int = 0
    error: float = 0.0
    size: float = 0.0

    def add(self, error: np.ndarray, size: np.ndarray) -> None:
        self.atoms, self.error, self.size = self.atoms + len(error), self.error + error.sum(), self.size + size.sum()

    def told(self, suffix: str = "") -> dict[str, float]:
        mean = self.error / self.atoms if self.atoms else np.nan
        relative = self.error / self.size if self.size else np.nan
        return {f"vector_mae{suffix}": float(mean), f"relative{suffix}": float(relative)}


@dataclass
class _Totals:
    components: np.ndarray = field(default_factory=lambda: np.zeros(3))
    zero: float = 0.0
    energies: list[float] = field(default_factory=list)
    virials: list[float] = field(default_factory=list)


class ValidationMonitor:
    """Judges a network on the same validation frames again and again.

    Args:
        source: graphs with forces.
        validation: (frames,) indices, on which it is judged.
        train: (frames,) indices of the training split, whose forces bound the bins.
        energy, virial: whether the errors of these are followed as well.

    Attributes:
        bounds: (3,) sizes of the force that part the training atoms into quarters, force unit.
    """

    def __init__(
        self,
        source: GraphSource,
        validation: np.ndarray,
        train: np.ndarray,
        energy: bool = False,
        virial: bool = False,
    ):
        self.source, self.validation, self.energy, self.virial = source, validation, energy, virial
        sample = [self.source.graph(index).forces for index in even_sample(train, _SAMPLE)]
        self.bounds = np.quantile(np.linalg.norm(np.concatenate(sample).astype(np.float64), axis=1), _SHARES)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the errors beside those over all atoms; bin 1 has the smallest forces."""
        suffixes = [*self._species_suffixes(), *self._bin_suffixes()]
        names = [f"{name}{suffix}" for name in ("vector_mae", "relative") for suffix in suffixes]
        return (*names, *(["energy_mae"] if self.energy else []), *(["virial_mae"] if self.virial else []))

    def errors(self, predictor: Predictor) -> dict[str, float]:
        """Errors now, and `zero`, the mean |component| of the true forces.

        Those over all atoms are mae, mae_x, mae_y, mae_z, sum_abs, vector_mae (mean |dF|) and relative (mean |dF| over
        mean |F|); the last two also by species and bin. energy_mae and virial_mae, of a component, are per
        atom. NaN where there is nothing to judge.
        """
        everything, totals = _Sums(), _Totals()
        groups = {suffix: _Sums() for suffix in (*self._species_suffixes(), *self._bin_suffixes())}
        for graph in map(self.source.graph, self.validation):
            found = predictor.results(graph)
            self._add(graph, found[fields.FORCES], everything, groups, totals)
            if graph.energy is not None and fields.ENERGY in found:
                totals.energies.append(abs(float(found[fields.ENERGY][0]) - graph.energy) / len(graph.species))
            if graph.virial is not None and fields.VIRIAL in found:
                totals.virials.append(np.abs(found[fields.VIRIAL][0] - graph.virial).mean() / len(graph.species))
        atoms = everything.atoms
        x, y, z = totals.components / atoms if atoms else np.full(3, np.nan)
        errors = {"mae": (x + y + z) / 3, "mae_x": x, "mae_y": y, "mae_z": z, "sum_abs": x + y + z}
        errors |= everything.told()
        for suffix, sums in groups.items():
            errors |= sums.told(suffix)
        for follows, name, found in (
            (self.energy, "energy_mae", totals.energies),
            (self.virial, "virial_mae", totals.virials),
        ):
            if follows:
                errors[name] = np.mean(found) if found else np.nan
        return {name: float(value) for name, value in errors.items()} | {"zero": float(totals.zero / max(atoms, 1))}

    def _add(
        self, graph: Graph, predicted: np.ndarray, everything: _Sums, groups: dict[str, _Sums], totals: _Totals
    ) -> None:
        difference = predicted.astype(np.float64) - graph.forces
        error, size = np.linalg.norm(difference, axis=1), np.linalg.norm(graph.forces.astype(np.float64), axis=1)
        everything.add(error, size)
        totals.components += np.abs(difference).sum(axis=0)
        totals.zero += np.abs(graph.forces).sum(dtype=np.float64) / 3
        bins = np.searchsorted(self.bounds, size, side="right")
        for labels, suffixes in ((graph.species, self._species_suffixes()), (bins, self._bin_suffixes())):
            for number, suffix in enumerate(suffixes):
                chosen = labels == number
                groups[suffix].add(error[chosen], size[chosen])

    def _species_suffixes(self) -> list[str]:
        return [f"_{name}" for name in self.source.species]

    def _bin_suffixes(self) -> list[str]:
        return [f"_bin{number}" for number in range(1, len(self.bounds) + 2)]
