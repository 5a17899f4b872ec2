"""What identifies a dataset's content, whatever file it lies in.

sha256 over the sha256 of steps, positions, forces, cells and types, each as little-endian bytes (int64, float64,
float64, float64, int32) of all frames in order. Blocks of any length give the same result, so a dump and the dataset
made from it share their fingerprint.
"""

import hashlib

import numpy as np


class Fingerprint:
    """Takes frames in order, one or many at a time."""

    def __init__(self, types: np.ndarray):
        """`types`: (atoms,), the same in all frames."""
        self._types = hashlib.sha256(_bytes(types, "<i4"))
        self._parts = [hashlib.sha256() for _ in range(4)]

    def update(self, steps: np.ndarray, positions: np.ndarray, forces: np.ndarray, cells: np.ndarray) -> None:
        """Take (frames,), (frames, atoms, 3), (frames, atoms, 3), (frames, 3, 3)."""
        for digest, array, dtype in zip(
            self._parts, (steps, positions, forces, cells), ("<i8", "<f8", "<f8", "<f8"), strict=True
        ):
            digest.update(_bytes(array, dtype))

    def hexdigest(self) -> str:
        """The fingerprint of the frames so far."""
        return hashlib.sha256(b"".join(part.digest() for part in (*self._parts, self._types))).hexdigest()


def _bytes(array: np.ndarray, dtype: str) -> memoryview:
    return memoryview(np.ascontiguousarray(array, dtype=dtype)).cast("B")
