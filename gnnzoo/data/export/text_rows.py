"""Rows of numbers as text, fast and exact: each real number in the fewest digits that read back to the same bits.

Text for others is written by pyarrow's CSV writer, which prints numbers so and is several times as fast as Python.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
from pyarrow import csv

_OPTIONS = csv.WriteOptions(include_header=False, delimiter=" ", quoting_style="none")
_NEWLINE = ord("\n")


def vector_columns(array: np.ndarray) -> list[np.ndarray]:
    """(frames, atoms) or (frames, atoms, components) -> one (frames * atoms,) column for each component."""
    flat = array.reshape(array.shape[0] * array.shape[1], -1)
    return [np.ascontiguousarray(flat[:, component]) for component in range(flat.shape[1])]


def name_column(numbers: np.ndarray, names: Mapping[int, str], frames: int) -> pa.Array:
    """The name of each atom's type, for all frames of a block.

    Args:
        numbers: (atoms,) types.
        names: name of each type, without blanks.
        frames: how often the atoms are repeated.
    """
    found, inverse = np.unique(numbers, return_inverse=True)
    words = pa.array([names[int(number)] for number in found], type=pa.string())
    return pa.DictionaryArray.from_arrays(np.tile(inverse.astype(np.int32), frames), words).cast(pa.string())


def frame_texts(columns: list, n_atoms: int) -> Iterator[memoryview]:
    """The rows of each frame as text, a blank between the columns.

    Args:
        columns: each (frames * atoms,), frames laid end to end.
        n_atoms: of each frame.
    """
    sink = pa.BufferOutputStream()
    csv.write_csv(pa.table(columns, names=[str(number) for number in range(len(columns))]), sink, _OPTIONS)
    text = memoryview(sink.getvalue())
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _NEWLINE)[n_atoms - 1 :: n_atoms] + 1
    start = 0
    for end in ends.tolist():
        yield text[start:end]
        start = end


def reals(values) -> str:
    """A few numbers in one line, in the fewest digits that read back to the same bits."""
    return " ".join(repr(float(value)) for value in np.ravel(values))
