"""Checks of a frame before its neighbours are searched: finite numbers, a cell with a volume, distinct atoms.

A model's forces on positions that are not finite are zero or not finite, and the neighbour search of such a cell does
not end: each case is an error instead. `gnnzoo.deploy.input_checks` holds an exported model to the same limits.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gnnzoo.errors import DataError, Location

# Coordinates beyond this have fewer than six decimal places in float64, too few for forces.
FARTHEST = 1e9  # length unit
# Atoms closer than this are at the same place: the direction between them is one of rounding.
SAME_PLACE = 1e-6  # length unit
# A cutoff that reaches over more periodic images along one direction: the cell is flat, or in another unit.
MAX_IMAGES = 100


class FrameError(DataError):
    """A frame that has no graph, whatever the model."""


def check_frame(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> None:
    """Refuse positions and cells for which no neighbour list can be made.

    Args:
        positions: (atoms, 3) float64, length unit.
        cell: (3, 3) float64, rows are lattice vectors, length unit.
        pbc: (3,) bool.
        cutoff: length unit.

    Raises:
        FrameError: there is no atom, a number is not finite or too large, or the cell is flat.
    """
    if len(positions) == 0:
        raise FrameError("a frame without atoms has no forces", expected="one atom or more")
    _check_numbers(positions, "position")
    _check_numbers(cell, "cell vector")
    reach = images_within(cell, pbc, cutoff)
    if not np.all(reach <= MAX_IMAGES):
        raise FrameError(
            f"the cell is flat along a periodic direction: {np.array2string(cell, separator=', ')}",
            expected=f"heights of more than {cutoff / MAX_IMAGES:g} along each periodic direction",
            hint="declare a direction without periodic images as such (boundary f, or pbc F)",
        )


@contextlib.contextmanager
def frame_named(index: int, path: Path) -> Iterator[None]:
    """Add file and number of the frame to errors of its graph.

    Args:
        index: number of the frame.
        path: of the data.

    Raises:
        FrameError: the error of the block with its place.
    """
    try:
        yield
    except FrameError as error:
        raise FrameError(
            f"frame {index}: {error.what}", location=Location(file=path), expected=error.expected, hint=error.hint
        ) from error


def check_distinct(senders: np.ndarray, receivers: np.ndarray, vectors: np.ndarray, ids: np.ndarray) -> None:
    """Refuse two atoms at the same place: the direction of their force is undefined.

    Args:
        senders, receivers: (edges,) int.
        vectors: (edges, 3), length unit.
        ids: (atoms,) of the atoms.

    Raises:
        FrameError: an edge is shorter than `SAME_PLACE`.
    """
    squared = np.einsum("ec,ec->e", vectors, vectors)
    if len(squared) and squared[edge := int(np.argmin(squared))] < SAME_PLACE**2:
        one, other = sorted((int(ids[receivers[edge]]), int(ids[senders[edge]])))
        raise FrameError(
            f"atoms {one} and {other} are at the same place: their forces have no direction",
            expected="a distance between any two atoms",
            hint="leave this frame out of the data",
        )


def _check_numbers(values: np.ndarray, what: str) -> None:
    """Refuse rows of coordinates that are not finite or beyond `FARTHEST`."""
    if np.max(np.abs(values)) <= FARTHEST:  # false for values that are not finite as well
        return
    row = int(np.argmin(np.all(np.abs(values) <= FARTHEST, axis=1)))
    size = np.abs(values[row]).max()
    reason = "is not finite" if not np.isfinite(size) else f"is beyond {FARTHEST:g}, too far for float64"
    raise FrameError(
        f"{what} {row + 1} {reason}: {' '.join(f'{value:g}' for value in values[row])}",
        expected="finite numbers in the length unit of the data",
    )


def images_within(cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> np.ndarray:
    """Count the periodic images of a cell that a cutoff reaches over.

    Args:
        cell: (3, 3) float64, rows are lattice vectors, length unit.
        pbc: (3,) bool.
        cutoff: length unit.

    Returns:
        (3,) cutoff over the distance of the lattice planes, 0 along directions that are not periodic, infinity for a
        flat cell.
    """
    lattice = cell[np.asarray(pbc, bool)]
    counts = np.zeros(3)
    if len(lattice) == 0:
        return counts
    if np.linalg.matrix_rank(lattice) < len(lattice):
        counts[np.asarray(pbc, bool)] = np.inf
        return counts
    # the pseudo-inverse of the periodic vectors alone: its columns have the inverse heights as lengths
    counts[np.asarray(pbc, bool)] = cutoff * np.linalg.norm(np.linalg.pinv(lattice), axis=0)
    return counts
