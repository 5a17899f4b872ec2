"""Dumps without atom ids: whether the order of their rows stays the same from frame to frame."""

import numpy as np

_FRAMES = 20  # frames that are compared
_HALF_SPACING = 0.5  # an atom that moves by more is taken for another one
_FEW = 0.01  # share of atoms that may do so


class RowOrder:
    """Evidence, from displacements, that rows of consecutive frames are the same atoms."""

    def __init__(self) -> None:
        self._frames = 0
        self._last: np.ndarray | None = None
        self._largest = 0.0  # share of atoms

    @property
    def complete(self) -> bool:
        """Whether enough frames were compared."""
        return self._frames >= _FRAMES

    def update(self, positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray) -> None:
        """Compare the next frame with the one before it.

        Args:
            positions: (atoms, 3) in the order of the rows, length unit.
            cell: (3, 3), rows are lattice vectors.
            periodic: (3,) bool.
        """
        if self._last is not None and len(self._last) == len(positions):
            moved = (positions - self._last) @ np.linalg.inv(cell)
            moved[:, periodic] -= np.round(moved[:, periodic])
            spacing = (abs(np.linalg.det(cell)) / len(positions)) ** (1 / 3)
            far = np.linalg.norm(moved @ cell, axis=1) > _HALF_SPACING * spacing
            self._largest = max(self._largest, float(far.mean()))
        self._last = positions
        self._frames += 1

    def doubt(self) -> str:
        """A warning: what is known of the order, and what follows from it."""
        start = "the dump has no column id: rows are numbered from 1 in their order. "
        if self._frames < 2:
            return f"{start}With one frame, nothing shows whether the order is kept"
        shown = f"up to {self._largest:.1%} of the rows move by more than half the distance of atoms between frames"
        if self._largest <= _FEW:
            return f"{start}The order seems kept in the first {self._frames} frames: {shown}"
        return (
            f"{start}The order changes, or atoms move far, in the first {self._frames} frames: {shown}. Atoms cannot "
            "be followed: autocorrelation times, gaps of a split and duplicates mean nothing, and neither velocities "
            "nor diffusion can be computed; forces and structure of each frame are right. In LAMMPS, "
            "dump_modify 1 sort id and a column id"
        )
