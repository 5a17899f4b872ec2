"""Fingerprint of a dataset's content, independent of its format.

sha256 over the sha256 of steps, positions, forces, cells, boundaries, molecules and types, each as little-endian bytes
(int64, float64, float64, float64, the letters, int64, int32) of all frames in order; and of the changes, where ids or
types change. It does not depend on the length of blocks, so a dump and the dataset converted from it have the same
fingerprint.
"""

import hashlib

import numpy as np

from gnnzoo.data.frames.blocks import FrameBlock, blocks_of
from gnnzoo.data.frames.frame import Dataset


class Fingerprint:
    """Computes the fingerprint of frames, block by block."""

    def __init__(self) -> None:
        self._types: bytes | None = None  # of the first frame
        self._parts = [hashlib.sha256() for _ in range(4)]
        self._boundaries, self._molecules, self._atoms = _Changes(), _Changes(), _Changes()

    def update(self, block: FrameBlock) -> None:
        """Add the frames of a `block`."""
        arrays = (block.steps, block.arrays["positions"], block.arrays["forces"], block.cells)
        for digest, array, dtype in zip(self._parts, arrays, ("<i8", "<f8", "<f8", "<f8"), strict=True):
            digest.update(_bytes(array, dtype))
        types = bytes(_bytes(block.types, "<i4"))
        self._types = types if self._types is None else self._types
        self._atoms.add(types + _bytes(block.ids, "<i8"), len(block))
        molecules = block.arrays.get("molecules")
        for index, letters in enumerate(block.boundaries):
            self._boundaries.add(" ".join(letters).encode())
            self._molecules.add(b"" if molecules is None else bytes(_bytes(molecules[index], "<i8")))

    def hexdigest(self) -> str:
        """The fingerprint of the frames so far."""
        parts = [*self._parts, self._boundaries.digest, self._molecules.digest, hashlib.sha256(self._types or b"")]
        if self._atoms.count > 1:
            parts.append(self._atoms.digest)
        return hashlib.sha256(b"".join(part.digest() for part in parts)).hexdigest()


def fingerprint_of(dataset: Dataset) -> str:
    """Compute the fingerprint of a `dataset` by reading all its frames.

    Returns:
        Hexadecimal sha256.
    """
    whole = Fingerprint()
    for block in blocks_of(dataset):
        whole.update(block)
    return whole.hexdigest()


class _Changes:
    """A hash of a value that rarely changes: its values, and the frames in which they change."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.count = 0
        self._frames = 0
        self._last: bytes | None = None

    def add(self, value: bytes, frames: int = 1) -> None:
        """Add the value of the next frames."""
        if value != self._last:
            self.digest.update(self._frames.to_bytes(8, "little") + value)
            self._last = value
            self.count += 1
        self._frames += frames


def _bytes(array: np.ndarray, dtype: str) -> memoryview:
    return np.ascontiguousarray(array, dtype=dtype).data.cast("B")
