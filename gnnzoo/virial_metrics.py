"""Errors of virials, and of the stresses that they are in periodic cells."""

from dataclasses import dataclass

import numpy as np

from gnnzoo import fields
from gnnzoo.metrics import MeanErrors, Outputs, Reference
from gnnzoo.records import Record


@dataclass(frozen=True)
class StressResult(Record):
    """Errors of stress components, energy per cubed length.

    Attributes:
        mae, rmse: over the nine components.
        baseline: of zero stresses.
        frames: how many are periodic in all directions.
    """

    mae: float
    rmse: float
    baseline: MeanErrors
    frames: int


@dataclass(frozen=True)
class VirialResult(Record):
    """Errors of virial components per atom, energy unit.

    Attributes:
        mae, rmse: over the nine components.
        baseline: of zero virials.
        frames: how many were added.
        stress: errors of -virial / volume; None where no frame is periodic in all directions.
    """

    mae: float
    rmse: float
    baseline: MeanErrors
    frames: int
    stress: StressResult | None = None


class VirialErrors:
    """Accumulates virials per atom and stresses, 36 numbers a frame."""

    def __init__(self) -> None:
        self._errors: list[np.ndarray] = []
        self._reference: list[np.ndarray] = []
        self._stress_errors: list[np.ndarray] = []
        self._stresses: list[np.ndarray] = []

    def add(self, predicted: np.ndarray, reference: np.ndarray, atoms: int, volume: float = 0.0) -> None:
        """Add one frame.

        Args:
            predicted, reference: (3, 3) in one unit.
            atoms: how many the frame has.
            volume: of its cell, cubed length unit; 0 where it is not periodic in all directions.
        """
        if volume > 0:
            self._stress_errors.append((predicted - reference) / volume)
            self._stresses.append(reference / volume)
        self._errors.append((predicted - reference) / atoms)
        self._reference.append(reference / atoms)

    def update(self, reference: Reference, outputs: Outputs) -> None:
        """Add one frame, where network and reference both have a virial."""
        if reference.virial is not None and fields.VIRIAL in outputs:
            cell, pbc = reference.cell, reference.pbc
            periodic = cell is not None and pbc is not None and bool(np.all(pbc))
            volume = abs(float(np.linalg.det(cell))) if periodic and cell is not None else 0.0
            self.add(outputs[fields.VIRIAL][0], reference.virial, len(reference.species), volume)

    def result(self) -> VirialResult | None:
        """The errors of all frames so far; None where no frame was added."""
        if not self._reference:
            return None
        errors = MeanErrors.of(np.array(self._errors))
        baseline, frames = MeanErrors.of(np.array(self._reference)), len(self._reference)
        return VirialResult(errors.mae, errors.rmse, baseline, frames, self._stress())

    def _stress(self) -> StressResult | None:
        if not self._stresses:
            return None
        errors = MeanErrors.of(np.array(self._stress_errors))
        return StressResult(errors.mae, errors.rmse, MeanErrors.of(np.array(self._stresses)), len(self._stresses))
