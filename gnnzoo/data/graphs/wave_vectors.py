"""Plane waves that fit into a periodic box: what carries forces beyond any cutoff."""

import numpy as np

from gnnzoo.errors import DataError, Location

# More than this no box of molecules needs; a largest wave number in the wrong unit asks for it easily.
MAX_WAVES = 50_000


def waves_of(
    cell: np.ndarray, pbc: np.ndarray, largest: float, location: Location | None = None
) -> tuple[np.ndarray, float]:
    """Wave vectors k = 2 pi n cell^-T with 0 < |k| < largest, one of k and -k each, and the weight of each.

    Args:
        cell: (3, 3) float64, rows are lattice vectors, length unit.
        pbc: (3,) bool.
        largest: inverse length unit.
        location: where the box comes from, for errors.

    Returns:
        (waves, 3) float64; and 2 / V, the factor of a sum over half of all waves.

    Raises:
        DataError: the box is open, or the waves are too many.
    """
    if not np.all(pbc):
        raise DataError(
            "waves need a box that is periodic in all three directions",
            location=location,
            expected="boundary p p p",
            hint="a recipe without wave_message",
        )
    volume = abs(np.linalg.det(cell))
    expected = volume * 4 / 3 * np.pi * (largest / (2 * np.pi)) ** 3 / 2
    if expected > MAX_WAVES:
        raise DataError(
            f"waves up to {largest:g} per length unit would be about {expected:.0f} in a box of volume {volume:g}",
            location=location,
            expected=f"at most {MAX_WAVES}",
            hint="a smaller box; or, before training, --set graph.waves=1.5, in the data's inverse length unit",
        )
    # n = k . a / 2 pi for each lattice vector a: |n| is at most largest |a| / 2 pi
    reach = np.floor(largest * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    grids = np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij")
    numbers = np.stack(grids, axis=-1).reshape(-1, 3)
    # of n and -n the one whose first component that is not zero is positive
    x, y, z = numbers.T
    numbers = numbers[(x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))]
    waves = 2 * np.pi * numbers @ np.linalg.inv(cell).T
    return waves[np.linalg.norm(waves, axis=1) < largest], 2 / volume
