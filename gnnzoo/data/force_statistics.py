"""How large the forces of a dataset are, over all atoms and by type.

For description alone: what a model takes from its data comes from its training split (`statistics`).
"""

import numpy as np


class ForceStatistics:
    """Sums over frames, kept for each atom; the same atoms in all frames."""

    def __init__(self, types: np.ndarray):
        """`types`: (atoms,)."""
        self._types = types
        self._frames = 0
        self._norm, self._absolute, self._square = np.zeros((3, len(types)))
        self._largest = 0.0

    def update(self, forces: np.ndarray) -> None:
        """Take (frames, atoms, 3)."""
        squares = np.einsum("fac,fac->fa", forces, forces)
        norms = np.sqrt(squares)
        self._frames += len(forces)
        self._square += squares.sum(axis=0)
        self._norm += norms.sum(axis=0)
        self._absolute += np.abs(forces).sum(axis=(0, 2))
        self._largest = max(self._largest, float(norms.max()))

    def summary(self, type_names: dict[int, str]) -> dict:
        """In the force unit of the data.

        Args:
            type_names: name of each type number; types of one name are taken together.

        Returns:
            `mean_norm` (mean |F|), `mean_sum_abs` (mean of |Fx| + |Fy| + |Fz|) and `rms_component`, over all atoms and
            in `per_type` by name; `max_norm`.
        """
        names = np.array([type_names.get(int(number), str(number)) for number in self._types])
        per_type = {str(name): self._means(names == name) for name in dict.fromkeys(names)}
        return {**self._means(slice(None)), "max_norm": self._largest, "per_type": per_type}

    def _means(self, atoms) -> dict[str, float]:
        frames = max(1, self._frames)
        return {
            "mean_norm": float(self._norm[atoms].mean() / frames),
            "mean_sum_abs": float(self._absolute[atoms].mean() / frames),
            "rms_component": float(np.sqrt(self._square[atoms].mean() / (3 * frames))),
        }
