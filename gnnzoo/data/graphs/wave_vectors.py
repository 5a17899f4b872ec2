"""Reciprocal-space wave vectors of a periodic box, for long-range interactions."""

import numpy as np

from gnnzoo.errors import DataError, Location

# No box of molecules needs more; a largest wave number in a wrong unit easily does.
MAX_WAVES = 50_000


def waves_of(
    cell: np.ndarray, pbc: np.ndarray, largest: float, location: Location | None = None
) -> tuple[np.ndarray, float]:
    """Compute the wave vectors k = 2 pi n cell^-T with 0 < |k| < largest, one of each pair k and -k.

    Args:
        cell: (3, 3) float64, rows are lattice vectors, length unit.
        pbc: (3,) bool.
        largest: inverse length unit.
        location: of the box, for errors.

    Returns:
        (waves, 3) float64 wave vectors, and the weight 2 / V of each in a sum over half of reciprocal space.

    Raises:
        DataError: the box is not periodic, or there are more than `MAX_WAVES` wave vectors.
    """
    if not np.all(pbc):
        raise DataError(
            "wave vectors need a box that is periodic in all three directions",
            location=location,
            expected="boundary p p p",
            hint='a recipe without plane waves: "waves": null in graph',
        )
    volume = abs(np.linalg.det(cell))
    expected = volume * 4 / 3 * np.pi * (largest / (2 * np.pi)) ** 3 / 2
    if expected > MAX_WAVES:
        raise DataError(
            f"a box of volume {volume:g} has about {expected:.0f} wave vectors up to {largest:g} per length unit",
            location=location,
            expected=f"at most {MAX_WAVES}",
            hint="a smaller box; or, before training, a smaller graph.waves of the recipe, in inverse length units",
        )
    # n = k . a / 2 pi for each lattice vector a: |n| is at most largest |a| / 2 pi
    reach = np.floor(largest * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    grids = np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij")
    numbers = np.stack(grids, axis=-1).reshape(-1, 3)
    # of n and -n the one whose first nonzero component is positive
    x, y, z = numbers.T
    numbers = numbers[(x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))]
    waves = 2 * np.pi * numbers @ np.linalg.inv(cell).T
    return waves[np.linalg.norm(waves, axis=1) < largest], 2 / volume
