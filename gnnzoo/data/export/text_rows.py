"""Rows of numbers as text, each real number with the fewest digits that round-trip to the same bits.

Uses pyarrow's CSV writer, which formats numbers this way and is several times faster than Python.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike
from pyarrow import csv

_OPTIONS = csv.WriteOptions(include_header=False, delimiter=" ", quoting_style="none")
_NEWLINE = ord("\n")


def vector_columns(array: np.ndarray) -> list[np.ndarray]:
    """Split an array into one column per component, frames laid end to end.

    Args:
        array: (frames, atoms) or (frames, atoms, components).

    Returns:
        Columns, (frames * atoms,) each.
    """
    flat = array.reshape(array.shape[0] * array.shape[1], -1)
    return [np.ascontiguousarray(flat[:, component]) for component in range(flat.shape[1])]


def name_column(numbers: np.ndarray, names: Mapping[int, str], frames: int) -> pa.Array:
    """Make the column of type names, for all frames of a block.

    Args:
        numbers: (atoms,) types.
        names: name of each type, without blanks.
        frames: number of frames.

    Returns:
        (frames * atoms,) strings.
    """
    found, inverse = np.unique(numbers, return_inverse=True)
    words = pa.array([names[int(number)] for number in found], type=pa.string())
    return pa.DictionaryArray.from_arrays(np.tile(inverse.astype(np.int32), frames), words).cast(pa.string())


def frame_texts(columns: Sequence[np.ndarray | pa.Array], n_atoms: int) -> Iterator[memoryview]:
    """Format the rows of each frame, columns separated by blanks.

    Args:
        columns: (frames * atoms,) each, frames laid end to end.
        n_atoms: atoms per frame.

    Yields:
        The text of each frame.
    """
    sink = pa.BufferOutputStream()
    csv.write_csv(pa.table(columns, names=[str(number) for number in range(len(columns))]), sink, _OPTIONS)
    text = memoryview(sink.getvalue())
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _NEWLINE)[n_atoms - 1 :: n_atoms] + 1
    start = 0
    for end in ends.tolist():
        yield text[start:end]
        start = end


def reals(values: ArrayLike) -> str:
    """Format a few numbers in one line, with the fewest digits that round-trip to the same bits.

    Args:
        values: numbers of any shape.

    Returns:
        The text, numbers separated by blanks.
    """
    return " ".join(repr(float(value)) for value in np.ravel(values))
