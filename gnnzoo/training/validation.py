"""Validation errors during training: over all atoms, by species and by the size of the force."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnnzoo import fields
from gnnzoo.data.graphs.graph import Graph, subtract_energy_offsets
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.metrics import ForceErrors, ForceMetrics, ForceResult, Outputs, Reference, accumulate
from gnnzoo.models.predict import Predictor
from gnnzoo.sampling import even_sample

# The bins of |F| are quartiles over the atoms of this many training frames: thousands of atoms fix a quartile to a per
# cent or so, and the bins only group errors for the log.
_SAMPLE, _QUANTILES = 64, (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class ValidationErrors:
    """Errors on the validation frames at one time of the training.

    Attributes:
        forces: by species and by bin of |F|.
        species: names of all species; those that do not occur have NaN in the log.
        energy_mae: per atom; None where it is not monitored, NaN where no frame has an energy.
        virial_mae: of a component per atom, likewise.
    """

    forces: ForceResult
    species: list[str]
    energy_mae: float | None
    virial_mae: float | None

    @property
    def mae(self) -> float:
        """Mean absolute error of a force component; NaN without validation frames."""
        return _number(self.forces.overall.mae)

    def row(self) -> dict[str, float]:
        """Columns of the training log.

        Returns:
            Errors by name, NaN where there is nothing to compare.
        """
        overall = self.forces.overall
        row = {name: _number(getattr(overall, name)) for name in ("mae", "mae_x", "mae_y", "mae_z", "sum_abs")}
        row |= _vector_errors("", overall)
        for name in self.species:
            row |= _vector_errors(f"_{name}", self.forces.per_species.get(name, ForceMetrics()))
        for number, metrics in enumerate(self.forces.per_bin, start=1):
            row |= _vector_errors(f"_bin{number}", metrics)
        if self.energy_mae is not None:
            row["energy_mae"] = self.energy_mae
        if self.virial_mae is not None:
            row["virial_mae"] = self.virial_mae
        return row


def _vector_errors(suffix: str, metrics: ForceMetrics) -> dict[str, float]:
    return {f"vector_mae{suffix}": _number(metrics.vector_mae), f"relative{suffix}": _number(metrics.relative)}


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


class ValidationMonitor:
    """Evaluates a network on a fixed validation set.

    Args:
        source: graphs with forces.
        validation: (frames,) indices of the validation set.
        train: (frames,) indices of the training split, whose forces define the bins.
        energy, virial: whether their errors are monitored as well.
        energy_offsets: (species,) energy of an atom of each species, subtracted from the reference energies.

    Attributes:
        bounds: (3,) quartiles of |F| over training atoms, which separate the bins, force unit.
    """

    def __init__(
        self,
        source: GraphSource,
        validation: np.ndarray,
        train: np.ndarray,
        energy: bool = False,
        virial: bool = False,
        energy_offsets: Sequence[float] | None = None,
    ):
        self.source, self.validation, self.energy_offsets = source, validation, energy_offsets
        self.energy, self.virial = energy, virial
        sample = [source.graph(index).reference_forces for index in even_sample(train, _SAMPLE)]
        self.bounds = np.quantile(np.linalg.norm(np.concatenate(sample).astype(np.float64), axis=1), _QUANTILES)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the log in addition to `log.COLUMNS`; bin 1 has the smallest forces."""
        bins = range(1, len(self.bounds) + 2)
        groups = [*self.source.species, *(f"bin{number}" for number in bins)]
        names = [f"{name}_{group}" for name in ("vector_mae", "relative") for group in groups]
        return (*names, *(["energy_mae"] if self.energy else []), *(["virial_mae"] if self.virial else []))

    def errors(self, predictor: Predictor) -> ValidationErrors:
        """Errors of a network now.

        Args:
            predictor: the network.

        Returns:
            Errors of forces, and of energies and virials where they are monitored.
        """
        forces, totals = ForceErrors(self.source.species, bounds=self.bounds), _TotalErrors()
        accumulate(predictor(map(self._graph, self.validation)), forces, totals)
        return ValidationErrors(
            forces.result(),
            self.source.species,
            totals.energy_mae if self.energy else None,
            totals.virial_mae if self.virial else None,
        )

    def _graph(self, index: int) -> Graph:
        graph = self.source.graph(index)
        return graph if self.energy_offsets is None else subtract_energy_offsets(graph, self.energy_offsets)


class _TotalErrors:
    """Absolute errors of energy and virial per atom, of each frame that has them.

    `gnnzoo.metrics.EnergyErrors` and `VirialErrors` divide by the number of atoms before they subtract and take the
    mean over all components at once, which rounds differently; the logs of resumed runs would not continue exactly.
    """

    def __init__(self) -> None:
        self._energies: list[float] = []
        self._virials: list[float] = []

    def update(self, reference: Reference, outputs: Outputs) -> None:
        atoms = len(reference.species)
        if reference.energy is not None and fields.ENERGY in outputs:
            self._energies.append(abs(float(outputs[fields.ENERGY][0]) - reference.energy) / atoms)
        if reference.virial is not None and fields.VIRIAL in outputs:
            self._virials.append(np.abs(outputs[fields.VIRIAL][0] - reference.virial).mean() / atoms)

    @property
    def energy_mae(self) -> float:
        return float(np.mean(self._energies)) if self._energies else float("nan")

    @property
    def virial_mae(self) -> float:
        return float(np.mean(self._virials)) if self._virials else float("nan")
