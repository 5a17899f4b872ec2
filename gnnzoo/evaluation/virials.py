"""Errors of predicted virials per atom, gathered frame by frame, beside those of always saying zero.

Virials have a zero of their own, unlike energies: a model that learned forces alone is judged on them as they are.
"""

import numpy as np

from gnnzoo.evaluation.energies import sizes
from gnnzoo.evaluation.report import value_row
from gnnzoo.units import energy_unit, mev_factor


class VirialErrors:
    """Gathers virials per atom, eighteen numbers a frame."""

    def __init__(self):
        self._errors, self._true = [], []

    def add(self, predicted: np.ndarray, true: np.ndarray, atoms: int) -> None:
        """Add one frame's virials, (3, 3) each, in one unit."""
        self._errors.append((predicted - true) / atoms)
        self._true.append(true / atoms)

    def result(self) -> dict | None:
        """All figures, JSON-able; None where no frame was added.

        "mae" and "rmse" of a component per atom; "baseline" the same of saying zero.
        """
        if not self._true:
            return None
        return {**sizes(self._errors), "baseline": sizes(self._true), "frames": len(self._true)}


VIRIAL_COLUMNS = ("virial component per atom", "model", "zero virial", "unit", "meV")


def virial_rows(result: dict, units: str | None) -> list[list[str]]:
    """Rows for `VIRIAL_COLUMNS` of `VirialErrors.result`."""
    unit, factor = energy_unit(units), mev_factor(units)
    return [value_row(name.upper(), result[name], result["baseline"][name], unit, factor) for name in ("mae", "rmse")]
