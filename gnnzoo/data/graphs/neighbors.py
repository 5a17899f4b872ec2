"""Neighbour lists and edge classes.

The search is vesin's cell list, in the convention of `gnnzoo.fields`: a full list sorted by receiver, vectors from
receiver to sender, periodic images beyond the nearest one included.
"""

import numpy as np
from vesin import NeighborList

from gnnzoo.data.graphs.frame_checks import images_within
from gnnzoo.errors import DataError
from gnnzoo.fields import EDGE_CLASSES

# No force field uses more neighbours per atom (water has them within 15 A); a cutoff in a wrong unit easily does.
MAX_NEIGHBORS = 1500
# The search counts cells in integers of 32 bits, and ends the process where these overflow: lengths beyond this many
# cutoffs, positions beyond this many lattice vectors, and more images than this along a direction are refused.
_FARTHEST, _MOST_IMAGES = 1e8, 1e4


def expected_neighbors(n_atoms: int, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> float:
    """Estimate the mean number of neighbours per atom for a uniform density.

    Args:
        n_atoms: atoms in the cell.
        cell: (3, 3), rows are lattice vectors, length unit.
        pbc: (3,) bool.
        cutoff: length unit.

    Returns:
        Neighbours per atom.
    """
    volume = abs(np.linalg.det(cell))
    if volume == 0:
        return float(n_atoms)
    estimate = n_atoms / volume * 4 / 3 * np.pi * cutoff**3
    return float(estimate if np.any(pbc) else min(estimate, n_atoms))


def neighbor_list(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find all ordered pairs closer than a cutoff, periodic images included.

    Args:
        positions: (atoms, 3) float64, length unit; inside the cell or not.
        cell: (3, 3) float64, rows are lattice vectors.
        pbc: (3,) bool.
        cutoff: length unit.

    Returns:
        senders (edges,) int32, receivers (edges,) int32 ascending, vectors (edges, 3) float64 from receiver to sender,
        shifts (edges, 3) int32: r_ij = r_j - r_i + shift @ cell.

    Raises:
        DataError: more than `MAX_NEIGHBORS` neighbours per atom are expected.
    """
    expected = expected_neighbors(len(positions), cell, pbc, cutoff)
    if expected > MAX_NEIGHBORS:
        raise DataError(
            f"a cutoff of {cutoff:g} gives about {expected:.0f} neighbours per atom "
            f"({len(positions)} atoms in a cell of volume {abs(np.linalg.det(cell)):g})",
            expected=f"a cutoff in the data's length unit, with at most {MAX_NEIGHBORS} neighbours",
            hint="a smaller cutoff, graph.cutoff of the recipe",
        )
    receivers, senders, shifts, vectors = search_pairs(positions, cell, pbc, cutoff, "ijSD", full=True)
    return senders.astype(np.int32), receivers.astype(np.int32), vectors, shifts


def search_pairs(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float, quantities: str, full: bool
) -> tuple[np.ndarray, ...]:
    """Run vesin's cell list on numbers that it can handle.

    Args:
        positions, cell, pbc, cutoff: see `neighbor_list`.
        quantities: see vesin: i, j, d, D, S.
        full: whether each pair is listed in both directions, sorted.

    Returns:
        The quantities.

    Raises:
        DataError: numbers are not finite, or are far beyond the cutoff.
    """
    problem = _unsearchable(positions, cell, pbc, cutoff)
    if problem is not None:
        raise DataError(
            f"neighbours within {cutoff:g} cannot be searched: {problem}",
            expected="finite positions and cells, not far larger or smaller than the cutoff",
        )
    # One thread: the search runs in parallel with the training step, which uses the cores.
    search = NeighborList(cutoff=float(cutoff), full_list=full, sorted=full, n_threads=1)
    return search.compute(
        np.ascontiguousarray(positions, dtype=np.float64),
        np.ascontiguousarray(cell, dtype=np.float64),
        np.ascontiguousarray(pbc, dtype=bool),
        quantities=quantities,
    )


@np.errstate(all="ignore")
def _unsearchable(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> str | None:
    """What the search cannot handle, in words."""
    if len(positions) == 0:
        return "there are no atoms"
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        return "positions or cell are not finite"
    extent = float(max(np.abs(positions).max(), np.abs(cell).max()) / cutoff)
    if extent > _FARTHEST:
        return f"lengths reach {extent:.3g} cutoffs"
    if not np.any(pbc):
        return None
    images = float(images_within(cell, pbc, cutoff).max())
    if not np.isfinite(images):
        return "the cell is flat along a periodic direction"
    lattice = cell[np.asarray(pbc, dtype=bool)]
    shifts = float(np.abs(positions @ np.linalg.pinv(lattice)).max())
    far = not (images <= _MOST_IMAGES and shifts <= _FARTHEST)
    return f"{images:.3g} images within it, and positions {shifts:.3g} lattice vectors away" if far else None


def edge_classes(
    senders: np.ndarray,
    receivers: np.ndarray,
    vectors: np.ndarray,
    names: np.ndarray,
    molecules: np.ndarray | None,
    bonds: list[tuple[str, str]] | None = None,
) -> np.ndarray:
    """Classify edges by molecule and bond.

    Two atoms share a molecule through their nearest image only: copies of its own molecule, which an atom has as
    neighbours in a small box, are other molecules.

    Args:
        senders, receivers: (edges,) int.
        vectors: (edges, 3) float64.
        names: (atoms,) str, species of each atom.
        molecules: (atoms,) int; None if unknown, then every pair is of different molecules.
        bonds: pairs of species that are bonded within a molecule; None for any two different species.

    Returns:
        (edges,) int32 indices into `fields.EDGE_CLASSES`.
    """
    classes = np.full(len(senders), EDGE_CLASSES.index("other_molecule"), dtype=np.int32)
    if molecules is None:
        return classes
    species, index = np.unique(names, return_inverse=True)
    if bonds is None:
        bonded = ~np.eye(len(species), dtype=bool)
    else:
        bonded = np.zeros((len(species), len(species)), dtype=bool)
        number = {str(name): i for i, name in enumerate(species)}
        for a, b in bonds:
            if a in number and b in number:
                bonded[number[a], number[b]] = bonded[number[b], number[a]] = True
    inside = (molecules[senders] == molecules[receivers]) & (senders != receivers)
    inside[inside] = _nearest_image(senders[inside], receivers[inside], vectors[inside], len(names))
    is_bond = bonded[index[senders], index[receivers]]
    classes[inside & is_bond] = EDGE_CLASSES.index("bonded")
    classes[inside & ~is_bond] = EDGE_CLASSES.index("same_molecule")
    return classes


def _nearest_image(senders: np.ndarray, receivers: np.ndarray, vectors: np.ndarray, n_atoms: int) -> np.ndarray:
    """(edges,) bool: whether an edge is the shortest between its two atoms."""
    pair = receivers.astype(np.int64) * n_atoms + senders
    squared = np.sum(np.square(vectors), axis=1)
    _, number = np.unique(pair, return_inverse=True)
    shortest = np.full(len(pair), np.inf)
    np.minimum.at(shortest, number, squared)
    return squared <= shortest[number] * (1 + 1e-9)
