"""Sizes of the forces of a whole dataset, over all atoms and by type.

Descriptive only: normalisation constants of a model come from the training split (`graphs.training_statistics`).
"""

from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import squares_and_signatures


@dataclass
class _Sums:
    """Number of atoms, and sums of |F|, |Fx| + |Fy| + |Fz| and |F|^2."""

    atoms: int = 0
    norm: float = 0.0
    absolute: float = 0.0
    square: float = 0.0

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.atoms + other.atoms,
            self.norm + other.norm,
            self.absolute + other.absolute,
            self.square + other.square,
        )

    def means(self) -> dict[str, float]:
        atoms = max(1, self.atoms)
        return {
            "mean_norm": self.norm / atoms,
            "mean_sum_abs": self.absolute / atoms,
            "rms_component": float(np.sqrt(self.square / (3 * atoms))),
        }


class ForceStatistics:
    """Accumulates force statistics over frames, by type."""

    def __init__(self) -> None:
        self._sums: dict[int, _Sums] = {}
        self._largest = 0.0

    def update(self, forces: np.ndarray, types: np.ndarray) -> np.ndarray:
        """Add frames.

        Args:
            forces: (frames, atoms, 3), force unit.
            types: (atoms,) of the atoms.

        Returns:
            (frames,) signatures, see `frames.frame_signatures`.
        """
        squares, signatures = squares_and_signatures(forces)
        norms = np.sqrt(squares)
        # (frames, atoms) -> (atoms,), then by type: most of the work is in the sums over frames
        per_atom = norms.sum(axis=0), np.abs(forces).sum(axis=0).sum(axis=1), squares.sum(axis=0)
        for number in np.unique(types).tolist():
            chosen = types == number
            sums = _Sums(len(forces) * int(chosen.sum()), *(float(values[chosen].sum()) for values in per_atom))
            self._sums[number] = self._sums.get(number, _Sums()) + sums
        self._largest = max(self._largest, float(norms.max()))
        return signatures

    def summary(self, type_names: dict[int, str]) -> dict:
        """Summarise the forces, in the force unit of the data.

        Args:
            type_names: name of each type number; types of the same name are combined.

        Returns:
            `mean_norm` (mean |F|), `mean_sum_abs` (mean of |Fx| + |Fy| + |Fz|) and `rms_component`, over all atoms and
            in `per_type` by name; `max_norm`.
        """
        by_name: dict[str, _Sums] = {}
        for number, sums in sorted(self._sums.items()):
            name = type_names.get(number, str(number))
            by_name[name] = by_name.get(name, _Sums()) + sums
        per_type = {name: sums.means() for name, sums in by_name.items()}
        whole = sum(self._sums.values(), _Sums())
        return {**whole.means(), "max_norm": self._largest, "per_type": per_type}
