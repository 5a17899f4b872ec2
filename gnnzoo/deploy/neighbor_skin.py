"""A neighbour list that is searched again only when atoms have moved (Verlet, Phys. Rev. 159, 98 (1967))."""

import numpy as np

from gnnzoo.data.graphs.frame_checks import check_distinct, check_frame
from gnnzoo.data.graphs.neighbors import neighbor_list


class SkinList:
    """Pairs within the cutoff, from a list of those within cutoff and skin.

    Args:
        cutoff: length unit.
        skin: further distance within which pairs are kept, length unit; 0 to search at each call.
    """

    def __init__(self, cutoff: float, skin: float) -> None:
        self.cutoff, self.skin = cutoff, skin
        self.searches = 0
        self._at: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None  # positions, cell, pbc of the last search
        self._pairs: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def edges(
        self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find all ordered pairs closer than the cutoff.

        Args:
            positions: (atoms, 3) float64, length unit; not wrapped from call to call.
            cell: (3, 3) float64, rows are lattice vectors.
            pbc: (3,) bool.

        Returns:
            senders (edges,) int32, receivers (edges,) int32 ascending, vectors (edges, 3) float64 from receiver to
            sender.

        Raises:
            DataError: there is no neighbour list of these atoms, or two of them are at the same place.
        """
        if self._pairs is None or self._moved(positions, cell, pbc):
            check_frame(positions, cell, pbc, self.cutoff)
            senders, receivers, _, shifts = neighbor_list(positions, cell, pbc, self.cutoff + self.skin)
            self._pairs, self._at = (senders, receivers, shifts @ cell), (positions.copy(), cell.copy(), pbc.copy())
            self.searches += 1
        senders, receivers, offsets = self._pairs
        vectors = positions[senders] - positions[receivers] + offsets
        near = np.einsum("ec,ec->e", vectors, vectors) < self.cutoff**2
        senders, receivers, vectors = senders[near], receivers[near], vectors[near]
        check_distinct(senders, receivers, vectors, np.arange(1, len(positions) + 1))
        return senders, receivers, vectors

    def _moved(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> bool:
        """Whether an atom has moved by more than half of the skin, or the box is another one."""
        assert self._at is not None
        before, old_cell, old_pbc = self._at
        if before.shape != positions.shape or not (np.array_equal(cell, old_cell) and np.array_equal(pbc, old_pbc)):
            return True
        squared = np.einsum("ac,ac->a", positions - before, positions - before)
        return not np.max(squared) <= (self.skin / 2) ** 2  # also where a position is not finite
