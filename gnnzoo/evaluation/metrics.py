"""Errors of predicted forces, gathered frame by frame, beside those of predicting no force at all."""

import math

import numpy as np

from gnnzoo.units import mev_factor


class _Sums:
    """Running sums over atoms."""

    def __init__(self):
        self.atoms = self.directed = 0
        self.absolute, self.square = np.zeros(3), 0.0
        self.vector = self.size = self.cosine = 0.0

    def add(self, predicted: np.ndarray, true: np.ndarray) -> None:
        error = predicted - true
        sizes, predicted_sizes = np.linalg.norm(true, axis=1), np.linalg.norm(predicted, axis=1)
        both = (sizes > 0) & (predicted_sizes > 0)
        self.atoms += len(error)
        self.absolute += np.abs(error).sum(axis=0)
        self.square += float(np.sum(error**2))
        self.vector += float(np.linalg.norm(error, axis=1).sum())
        self.size += float(sizes.sum())
        self.directed += int(both.sum())
        products = np.sum(predicted[both] * true[both], axis=1)
        self.cosine += float(np.sum(products / (sizes[both] * predicted_sizes[both])))

    def result(self) -> dict[str, float | None]:
        if self.atoms == 0:
            return dict.fromkeys(
                ("mae", "rmse", "sum_abs", "vector_mae", "relative", "cosine", "mae_x", "mae_y", "mae_z")
            )
        x, y, z = (self.absolute / self.atoms).tolist()
        return {
            "mae": (x + y + z) / 3,
            "rmse": math.sqrt(self.square / (3 * self.atoms)),
            "sum_abs": x + y + z,
            "vector_mae": self.vector / self.atoms,
            "relative": self.vector / self.size if self.size > 0 else None,
            "cosine": self.cosine / self.directed if self.directed else None,
            "mae_x": x,
            "mae_y": y,
            "mae_z": z,
        }


class ForceErrors:
    """Gathers errors without keeping the forces.

    Args:
        species: names by index.
        units: LAMMPS unit style of the forces, or None.
    """

    def __init__(self, species: list[str], units: str | None):
        self.species, self.units = list(species), units
        self.frames = 0
        self._all, self._zero = _Sums(), _Sums()
        self._by_species = [_Sums() for _ in self.species]
        self._zero_by_species = [_Sums() for _ in self.species]

    def add(self, predicted: np.ndarray, true: np.ndarray, species: np.ndarray) -> None:
        """Add one frame: (atoms, 3) and (atoms, 3) forces in one unit, (atoms,) species index."""
        predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
        nothing = np.zeros_like(true)
        self.frames += 1
        self._all.add(predicted, true)
        self._zero.add(nothing, true)
        for index in np.unique(species):
            chosen = species == index
            self._by_species[index].add(predicted[chosen], true[chosen])
            self._zero_by_species[index].add(nothing[chosen], true[chosen])

    def result(self) -> dict:
        """All figures, JSON-able.

        "force" holds, over all atoms: mae, rmse over components; sum_abs, the mean over atoms of |dFx|+|dFy|+|dFz|;
        vector_mae, mean |dF|; relative, mean |dF| / mean |F|; cosine, the mean between predicted and true forces;
        mae_x, mae_y, mae_z. "per_type" holds the same by species, "baseline" the same for zero forces with mean_force,
        the mean |F|, and per_type again; "force_mev" the errors in meV/A where the unit style allows.
        """
        present = [i for i, sums in enumerate(self._by_species) if sums.atoms]
        force = self._all.result()
        result = {
            "force": force,
            "per_type": {self.species[i]: self._by_species[i].result() for i in present},
            "baseline": self._zero.result()
            | {
                "mean_force": self._zero.size / self._zero.atoms if self._zero.atoms else None,
                "per_type": {self.species[i]: self._zero_by_species[i].result() for i in present},
            },
            "frames": self.frames,
            "atoms": self._all.atoms,
            "units": self.units,
        }
        factor = mev_factor(self.units)
        if factor is not None and self._all.atoms:
            scaled = ("mae", "rmse", "sum_abs", "vector_mae")
            result["force_mev"] = {name: force[name] * factor for name in scaled}
        return result
