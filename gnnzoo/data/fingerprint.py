"""What identifies a dataset's content, whatever file it lies in.

sha256 over the sha256 of steps, positions, forces, cells, boundaries, molecules and types, each as little-endian bytes
(int64, float64, float64, float64, the letters, int64, int32) of all frames in order; and of the changes, where ids and
types do not stay the same. Blocks of any length give the same result, so a dump and the dataset made from it share
their fingerprint.
"""

import hashlib

import numpy as np

from gnnzoo.data.blocks import FrameBlock, blocks_of
from gnnzoo.data.frames import Dataset


class Fingerprint:
    """Takes frames in order, block by block."""

    def __init__(self):
        self._types: bytes | None = None  # of the first frame
        self._parts = [hashlib.sha256() for _ in range(4)]
        self._boundaries, self._molecules, self._atoms = _Changes(), _Changes(), _Changes()

    def update(self, block: FrameBlock) -> None:
        """Take the frames of a block."""
        arrays = (block.steps, block.arrays["positions"], block.arrays["forces"], block.cells)
        for digest, array, dtype in zip(self._parts, arrays, ("<i8", "<f8", "<f8", "<f8"), strict=True):
            digest.update(_bytes(array, dtype))
        types = bytes(_bytes(block.types, "<i4"))
        self._types = types if self._types is None else self._types
        self._atoms.take(types + _bytes(block.ids, "<i8"), len(block))
        molecules = block.arrays.get("molecules")
        for index, letters in enumerate(block.boundaries):
            self._boundaries.take(" ".join(letters).encode())
            self._molecules.take(b"" if molecules is None else bytes(_bytes(molecules[index], "<i8")))

    def hexdigest(self) -> str:
        """The fingerprint of the frames so far."""
        parts = [*self._parts, self._boundaries.digest, self._molecules.digest, hashlib.sha256(self._types)]
        if self._atoms.count > 1:
            parts.append(self._atoms.digest)
        return hashlib.sha256(b"".join(part.digest() for part in parts)).hexdigest()


def fingerprint_of(dataset: Dataset) -> str:
    """The fingerprint of a dataset that does not know it; all frames are read."""
    whole = Fingerprint()
    for block in blocks_of(dataset):
        whole.update(block)
    return whole.hexdigest()


class _Changes:
    """A hash of what hardly ever changes: the values, and the frames in which they change."""

    def __init__(self):
        self.digest = hashlib.sha256()
        self.count = 0
        self._frames, self._last = 0, None

    def take(self, value: bytes, frames: int = 1) -> None:
        """The value of the next frames."""
        if value != self._last:
            self.digest.update(self._frames.to_bytes(8, "little") + value)
            self._last = value
            self.count += 1
        self._frames += frames


def _bytes(array: np.ndarray, dtype: str) -> memoryview:
    return memoryview(np.ascontiguousarray(array, dtype=dtype)).cast("B")
