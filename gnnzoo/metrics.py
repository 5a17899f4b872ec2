"""Error metrics of predicted forces, energies and virials, accumulated frame by frame in double precision.

`accumulate` adds predictions to accumulators, `force_errors` does it where forces alone count. Results are frozen
dataclasses, and their `to_json` is what model files and `gnnzoo evaluate --json` hold.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Protocol

import numpy as np

from gnnzoo import fields
from gnnzoo.records import Record
from gnnzoo.units import mev_factor

_ALONG = 1e-6  # of a composition: more than rounding

# What a network returns for one frame: fields.FORCES (atoms, 3), fields.ENERGY (1,), fields.VIRIAL (1, 3, 3).
Outputs = Mapping[str, np.ndarray]


class Reference(Protocol):
    """Reference values of one frame, as `data.graphs.graph.Graph` has them."""

    @property
    def species(self) -> np.ndarray: ...  # (atoms,) index

    @property
    def forces(self) -> np.ndarray | None: ...  # (atoms, 3)

    @property
    def energy(self) -> float | None: ...  # potential energy of the frame

    @property
    def virial(self) -> np.ndarray | None: ...  # (3, 3), energy unit

    @property
    def cell(self) -> np.ndarray | None: ...  # (3, 3) rows are lattice vectors, length unit

    @property
    def pbc(self) -> np.ndarray | None: ...  # (3,) bool

    @property
    def group(self) -> str | None: ...  # config_type of the frame


class Metric(Protocol):
    """Accumulates predictions."""

    def update(self, reference: Reference, outputs: Outputs) -> None: ...  # adds one frame


def accumulate(predictions: Iterable[tuple[Reference, Outputs]], *metrics: Metric) -> None:
    """Add each prediction to each metric, one frame at a time.

    Args:
        predictions: reference and network outputs of each frame, such as `Predictor.__call__` yields.
        metrics: accumulators.
    """
    for reference, outputs in predictions:
        for metric in metrics:
            metric.update(reference, outputs)


@dataclass(frozen=True)
class ForceMetrics:
    """Force errors over a group of atoms, in the force unit; None where they are undefined, as without atoms.

    Attributes:
        mae, rmse: over force components.
        sum_abs: mean over atoms of |dFx| + |dFy| + |dFz|.
        vector_mae: mean |dF|.
        relative: mean |dF| / mean |F|; None where all reference forces are zero.
        cosine: mean cosine between predicted and reference force, over atoms where neither is zero.
        mae_x, mae_y, mae_z: along each axis.
    """

    mae: float | None = None
    rmse: float | None = None
    sum_abs: float | None = None
    vector_mae: float | None = None
    relative: float | None = None
    cosine: float | None = None
    mae_x: float | None = None
    mae_y: float | None = None
    mae_z: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """Metrics by name."""
        return asdict(self)


@dataclass(frozen=True)
class ForceResult:
    """Force errors over a set of frames, with those of predicting zero forces as a baseline.

    Attributes:
        overall: over all atoms.
        per_species: of each species that occurs.
        per_bin: vector_mae and relative of each bin of |F|, smallest forces first; empty without bounds.
        baseline, baseline_per_species: the same for zero forces.
        mean_force: mean |F|, None without atoms.
        frames, atoms: how many were added.
        units: LAMMPS unit style, or None.
    """

    overall: ForceMetrics
    per_species: dict[str, ForceMetrics]
    per_bin: tuple[ForceMetrics, ...]
    baseline: ForceMetrics
    baseline_per_species: dict[str, ForceMetrics]
    mean_force: float | None
    frames: int
    atoms: int
    units: str | None

    def to_json(self) -> dict:
        """ "force", "per_type", "baseline", "frames", "atoms", "units"; "force_mev" where the units allow meV/A."""
        force = self.overall.to_json()
        zero = {name: metrics.to_json() for name, metrics in self.baseline_per_species.items()}
        result = {
            "force": force,
            "per_type": {name: metrics.to_json() for name, metrics in self.per_species.items()},
            "baseline": self.baseline.to_json() | {"mean_force": self.mean_force, "per_type": zero},
            "frames": self.frames,
            "atoms": self.atoms,
            "units": self.units,
        }
        factor = mev_factor(self.units)
        if factor is not None and self.atoms:
            scaled = {name: force[name] for name in ("mae", "rmse", "sum_abs", "vector_mae")}
            result["force_mev"] = {name: error * factor for name, error in scaled.items() if error is not None}
        return result


@dataclass
class _VectorSums:
    """Running sums over vectors."""

    absolute: np.ndarray = field(default_factory=lambda: np.zeros(3))
    square: float = 0.0
    length: float = 0.0

    def add(self, vectors: np.ndarray, lengths: np.ndarray) -> None:
        self.absolute += np.abs(vectors).sum(axis=0)
        self.square += float((vectors**2).sum())
        self.length += float(lengths.sum())


@dataclass
class _ForceSums:
    """Running sums over a group of atoms."""

    atoms: int = 0
    errors: _VectorSums = field(default_factory=_VectorSums)
    forces: _VectorSums = field(default_factory=_VectorSums)
    directed: int = 0
    cosine: float = 0.0

    def add(
        self, errors: np.ndarray, sizes: np.ndarray, forces: np.ndarray, lengths: np.ndarray, cosines: np.ndarray
    ) -> None:
        """Add atoms: error and its length, reference force and its length, cosine or NaN."""
        self.atoms += len(errors)
        self.errors.add(errors, sizes)
        self.forces.add(forces, lengths)
        cosines = cosines[~np.isnan(cosines)]
        self.directed += len(cosines)
        self.cosine += float(cosines.sum())

    def metrics(self, zero: bool = False) -> ForceMetrics:
        """Of the predictions, or of zero forces, whose errors are the reference forces."""
        if self.atoms == 0:
            return ForceMetrics()
        errors = self.forces if zero else self.errors
        x, y, z = (errors.absolute / self.atoms).tolist()
        return ForceMetrics(
            mae=(x + y + z) / 3,
            rmse=math.sqrt(errors.square / (3 * self.atoms)),
            sum_abs=x + y + z,
            vector_mae=errors.length / self.atoms,
            relative=errors.length / self.forces.length if self.forces.length > 0 else None,
            cosine=self.cosine / self.directed if self.directed and not zero else None,
            mae_x=x,
            mae_y=y,
            mae_z=z,
        )


class ForceErrors:
    """Accumulates force errors.

    Args:
        species: names by index.
        units: LAMMPS unit style of the forces, or None.
        bounds: ascending |F| that separate the bins of `ForceResult.per_bin`, force unit.
    """

    def __init__(self, species: Sequence[str], units: str | None = None, bounds: Sequence[float] | np.ndarray = ()):
        self.species, self.units, self.bounds = list(species), units, np.asarray(bounds, np.float64)
        self.frames = 0
        self._all = _ForceSums()
        self._by_species = [_ForceSums() for _ in self.species]
        self._by_bin = np.zeros((len(self.bounds) + 1 if len(self.bounds) else 0, 3))  # atoms, sums of |dF| and |F|

    def add(self, predicted: np.ndarray, reference: np.ndarray, species: np.ndarray) -> None:
        """Add one frame.

        Args:
            predicted, reference: (atoms, 3) forces in one unit.
            species: (atoms,) species index.
        """
        predicted, reference = np.asarray(predicted, np.float64), np.asarray(reference, np.float64)
        species, error = np.asarray(species), predicted - reference
        lengths, predicted_lengths = np.linalg.norm(reference, axis=1), np.linalg.norm(predicted, axis=1)
        directed = (lengths > 0) & (predicted_lengths > 0)
        cosines = np.full(len(error), np.nan)
        products = np.sum(predicted[directed] * reference[directed], axis=1)
        cosines[directed] = products / (lengths[directed] * predicted_lengths[directed])
        of_atoms = error, (sizes := np.linalg.norm(error, axis=1)), reference, lengths, cosines
        self.frames += 1
        self._all.add(*of_atoms)
        for number, sums in enumerate(self._by_species):
            chosen = np.flatnonzero(species == number)
            if len(chosen):
                sums.add(*(values.take(chosen, axis=0) for values in of_atoms))
        bins = np.searchsorted(self.bounds, lengths, side="right")
        for number in range(len(self._by_bin)):
            chosen = np.flatnonzero(bins == number)
            self._by_bin[number] += len(chosen), sizes.take(chosen).sum(), lengths.take(chosen).sum()

    def update(self, reference: Reference, outputs: Outputs) -> None:
        """Add one frame, whose reference forces must be known."""
        if reference.forces is None:
            raise ValueError("a frame without reference forces has no force errors")
        self.add(outputs[fields.FORCES], reference.forces, reference.species)

    def result(self) -> ForceResult:
        """The errors of all frames so far."""
        occurring = {name: sums for name, sums in zip(self.species, self._by_species, strict=True) if sums.atoms}
        return ForceResult(
            overall=self._all.metrics(),
            per_species={name: sums.metrics() for name, sums in occurring.items()},
            per_bin=tuple(_bin_metrics(*sums) for sums in self._by_bin.tolist()),
            baseline=self._all.metrics(zero=True),
            baseline_per_species={name: sums.metrics(zero=True) for name, sums in occurring.items()},
            mean_force=self._all.forces.length / self._all.atoms if self._all.atoms else None,
            frames=self.frames,
            atoms=self._all.atoms,
            units=self.units,
        )


def _bin_metrics(atoms: float, error: float, force: float) -> ForceMetrics:
    return ForceMetrics(vector_mae=error / atoms if atoms else None, relative=error / force if force else None)


def force_errors(
    predictions: Iterable[tuple[Reference, Outputs]], species: Sequence[str], units: str | None = None
) -> ForceResult:
    """Force errors over predictions.

    Args:
        predictions: reference and network outputs of each frame, such as `Predictor.__call__` yields.
        species: names by index.
        units: LAMMPS unit style of the forces, or None.

    Returns:
        Errors over all atoms and by species, with the zero-force baseline.
    """
    errors = ForceErrors(species, units)
    accumulate(predictions, errors)
    return errors.result()


@dataclass(frozen=True)
class MeanErrors(Record):
    """Mean absolute and root mean square error."""

    mae: float
    rmse: float

    @classmethod
    def of(cls, errors: np.ndarray) -> "MeanErrors":
        """Over all of `errors`, whatever its shape."""
        return cls(float(np.abs(errors).mean()), float(np.sqrt(np.mean(np.square(errors)))))


@dataclass(frozen=True)
class EnergyResult(Record):
    """Errors of energies per atom, energy unit.

    Attributes:
        difference: without the mean error; None of one frame or several compositions, whose zeros may differ.
        absolute: with it; None where the model was not trained on energies.
        bias: mean error, or None likewise.
        baseline: of predicting the mean reference energy.
        frames: how many were added.
    """

    difference: MeanErrors | None
    absolute: MeanErrors | None
    bias: float | None
    baseline: MeanErrors
    frames: int


class EnergyErrors:
    """Accumulates energies per atom, two numbers a frame.

    Args:
        absolute: whether the model was trained on energies and so knows their zero.
        offsets: (species,) energy of an atom of each species, added to the network's output; zero by default.
    """

    def __init__(self, absolute: bool, offsets: Sequence[float] | np.ndarray = ()):
        self.absolute, self.offsets = absolute, np.asarray(offsets, np.float64)
        self._predicted: list[float] = []
        self._reference: list[float] = []
        self._compositions: set[tuple[float, ...]] = set()

    def add(self, predicted: float, reference: float, species: np.ndarray) -> None:
        """Add one frame.

        Args:
            predicted, reference: energies in one unit, from one zero.
            species: (atoms,) species index.
        """
        self._predicted.append(predicted / len(species))
        self._reference.append(reference / len(species))
        self._compositions.add(tuple(np.bincount(species) / len(species)))

    def update(self, reference: Reference, outputs: Outputs) -> None:
        """Add one frame, where network and reference both have an energy."""
        if reference.energy is not None and fields.ENERGY in outputs:
            predicted = float(outputs[fields.ENERGY][0])
            if len(self.offsets):
                predicted += float(np.bincount(reference.species, minlength=len(self.offsets)) @ self.offsets)
            self.add(predicted, reference.energy, reference.species)

    def reaches(self, directions: Sequence[Sequence[float]]) -> bool:
        """Whether the composition of a frame so far has a part along any of (n, species) directions."""
        return any(abs(np.dot(c, d[: len(c)])) > _ALONG for c in self._compositions for d in directions)

    def result(self) -> EnergyResult | None:
        """The errors of all frames so far; None where no frame was added."""
        if not self._reference:
            return None
        errors, reference = np.subtract(self._predicted, self._reference), np.array(self._reference)
        comparable = len(reference) > 1 and len(self._compositions) == 1
        return EnergyResult(
            difference=MeanErrors.of(errors - errors.mean()) if comparable else None,
            absolute=MeanErrors.of(errors) if self.absolute else None,
            bias=float(errors.mean()) if self.absolute else None,
            baseline=MeanErrors.of(reference - reference.mean()),
            frames=len(reference),
        )
