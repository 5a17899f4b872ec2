"""Errors of predicted energies per atom, gathered frame by frame, beside those of always saying the mean energy."""

import numpy as np

from gnnzoo.evaluation.report import value_row
from gnnzoo.units import energy_unit, mev_factor

_NAMES = ("mae", "rmse")


class EnergyErrors:
    """Gathers energies per atom, two numbers a frame.

    Args:
        absolute: whether the model learned the zero of the energies: one trained without energies did not, and is
            judged on differences between frames only.
    """

    def __init__(self, absolute: bool):
        self.absolute = absolute
        self._predicted, self._true, self._compositions = [], [], set()

    def add(self, predicted: float, true: float, species: np.ndarray) -> None:
        """Add one frame's energies, in one unit and from one zero, and the (atoms,) species index."""
        self._predicted.append(predicted / len(species))
        self._true.append(true / len(species))
        self._compositions.add(tuple(np.bincount(species) / len(species)))

    def result(self) -> dict | None:
        """All figures, JSON-able; None where no frame was added.

        "difference" holds mae and rmse per atom after the mean difference is taken off, None of a single frame or of
        frames of several compositions, whose zeros may differ; "absolute" those before, or None; "bias" the mean
        difference; "baseline" mae and rmse of saying the mean of the true energies.
        """
        if not self._true:
            return None
        errors, true = np.subtract(self._predicted, self._true), np.array(self._true)
        return {
            "difference": sizes(errors - errors.mean()) if len(true) > 1 and len(self._compositions) == 1 else None,
            "absolute": sizes(errors) if self.absolute else None,
            "bias": float(errors.mean()) if self.absolute else None,
            "baseline": sizes(true - true.mean()),
            "frames": len(true),
        }


def energy_title(result: dict) -> str:
    """What the table of `energy_rows` is about."""
    unknown = "" if result["absolute"] else ": their differences, for training without energies leaves the zero open"
    return f"energies of {result['frames']} frames{unknown}"


def sizes(errors: np.ndarray) -> dict[str, float]:
    """Mean absolute and root mean square error."""
    return {"mae": float(np.abs(errors).mean()), "rmse": float(np.sqrt(np.mean(np.square(errors))))}


ENERGY_COLUMNS = ("energy per atom", "model", "saying the mean", "unit", "meV")


def energy_rows(result: dict, units: str | None) -> list[list[str]]:
    """Rows for `ENERGY_COLUMNS` of `EnergyErrors.result`."""
    unit, factor, rows = energy_unit(units), mev_factor(units), []
    for part, label in (("absolute", ""), ("difference", "between frames: ")):
        for name in _NAMES if result[part] else ():
            value, zero = result[part][name], result["baseline"][name]
            rows.append(value_row(f"{label}{name.upper()}", value, zero, unit, factor))
    return rows
