"""What identifies a dataset's content, whatever file it lies in.

sha256 over the sha256 of steps, positions, forces, cells, boundaries, molecules and types, each as little-endian bytes
(int64, float64, float64, float64, the letters, int64, int32) of all frames in order. Blocks of any length give the same
result, so a dump and the dataset made from it share their fingerprint.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from gnnzoo.data.frames import Frame


class Fingerprint:
    """Takes frames in order, one or many at a time."""

    def __init__(self, types: np.ndarray):
        """`types`: (atoms,), the same in all frames."""
        self._types = hashlib.sha256(_bytes(types, "<i4"))
        self._parts = [hashlib.sha256() for _ in range(4)]
        self._boundaries, self._molecules = _Changes(), _Changes()

    def update(
        self,
        steps: np.ndarray,
        positions: np.ndarray,
        forces: np.ndarray,
        cells: np.ndarray,
        boundaries: Sequence[tuple[str, str, str]],
        molecules: np.ndarray | None,
    ) -> None:
        """Take (frames,), (frames, atoms, 3), (frames, atoms, 3), (frames, 3, 3), letters of each, (frames, atoms)."""
        for digest, array, dtype in zip(
            self._parts, (steps, positions, forces, cells), ("<i8", "<f8", "<f8", "<f8"), strict=True
        ):
            digest.update(_bytes(array, dtype))
        for index, letters in enumerate(boundaries):
            self._boundaries.take(" ".join(letters).encode())
            self._molecules.take(b"" if molecules is None else bytes(_bytes(molecules[index], "<i8")))

    def take(self, frame: Frame) -> None:
        """Take one frame."""
        molecules = None if frame.molecules is None else frame.molecules[None]
        step = np.array([frame.step])
        self.update(step, frame.positions, frame.forces, frame.cell, [frame.boundary], molecules)

    def hexdigest(self) -> str:
        """The fingerprint of the frames so far."""
        parts = (*self._parts, self._boundaries.digest, self._molecules.digest, self._types)
        return hashlib.sha256(b"".join(part.digest() for part in parts)).hexdigest()


class _Changes:
    """A hash of what hardly ever changes: the values, and the frames in which they change."""

    def __init__(self):
        self.digest = hashlib.sha256()
        self._frames, self._last = 0, None

    def take(self, value: bytes) -> None:
        """The value of the next frame."""
        if value != self._last:
            self.digest.update(self._frames.to_bytes(8, "little") + value)
            self._last = value
        self._frames += 1


def _bytes(array: np.ndarray, dtype: str) -> memoryview:
    return memoryview(np.ascontiguousarray(array, dtype=dtype)).cast("B")
