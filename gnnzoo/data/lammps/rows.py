"""The rows of a dump's frames as numbers.

pyarrow's CSV parser does the work: it rounds correctly, and several texts can be parsed at once. It wants single blanks
between values, so columns that are aligned by several blanks or by tabs are squeezed first. What it still refuses is
read line by line in Python, which either succeeds or says which line is wrong.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from gnnzoo.data.lammps.columns import Layout
from gnnzoo.data.lammps.frame_splitter import RawFrame
from gnnzoo.data.lammps.header import Header, real_number, split_words, whole_number
from gnnzoo.errors import DataError, Location

_LARGE_BLOCK = 1 << 24  # a longer text is parsed in pieces of this size, on all cores
_END = "(end of row)"
MOST_ID, MOST_SMALL = 2**62, 2**31 - 1  # what LAMMPS counts atoms and molecules with; types and image flags
_RANGES = {"molecules": (0, MOST_ID), "images": (-MOST_SMALL, MOST_SMALL)}  # those of ids and types: `dump_frames`
_DIGIT_ROWS = 200  # rows from which the number of printed digits is told


def parse_rows(frames: Sequence[RawFrame], names: Sequence[str], wanted: dict[str, type]) -> dict[str, np.ndarray]:
    """The wanted columns of frames that share their columns, one frame's rows after the other's.

    Args:
        frames: all with the same columns.
        names: of the columns, in their order.
        wanted: column -> np.int64, np.float64 or str.

    Returns:
        column -> (rows of all frames,).

    Raises:
        DataError: a row has too few or too many values, or one that is no number.
    """
    text = frames[0].rows if len(frames) == 1 else b"".join(frame.rows for frame in frames)
    first = text[: text.find(b"\n")].rstrip(b"\r")
    if b"  " in first or b"\t" in first or first.startswith(b" "):
        text = squeezed(text)
        first = first.strip()
    n_rows = sum(frame.header.n_atoms for frame in frames)
    # A hexadecimal number to pyarrow, and nothing that LAMMPS prints. One letter is found ten times faster than two.
    if any(letter in text and b"0" + letter in text for letter in (b"x", b"X")):
        return _parse_slowly(frames, names, wanted)
    try:
        return _parse(text, names, wanted, trailing=first.endswith(b" "), n_rows=n_rows)
    except pa.ArrowInvalid:
        pass
    try:  # blanks may differ from row to row
        return _parse(squeezed(text), names, wanted, trailing=False, n_rows=n_rows)
    except pa.ArrowInvalid:
        return _parse_slowly(frames, names, wanted)


def parse_fields(frames: Sequence[RawFrame], layout: Layout) -> dict[str, np.ndarray]:
    """The fields of frames that share their columns, one frame's rows after the other's; a vector's components stacked.

    Returns:
        field -> (rows of all frames,) or (rows of all frames, 3); scaled positions are left as they are.

    Raises:
        DataError: as `parse_rows`; a number is not finite, or none that LAMMPS can mean.
    """
    headers = [frame.header for frame in frames]
    columns = parse_rows(frames, layout.names, layout.wanted)
    fields = {}
    for field, names in layout.fields.items():
        vector = len(names) > 1
        values = np.stack([columns[name] for name in names], axis=1) if vector else columns[names[0]]
        if values.dtype.kind == "f":
            check_finite(headers, names, values)
        elif field in _RANGES:
            check_range(headers, names, values, *_RANGES[field])
        fields[field] = values
    return fields


def check_range(headers: Sequence[Header], names: Sequence[str], values: np.ndarray, least: int, most: int) -> None:
    """Refuse whole numbers that LAMMPS cannot mean; `values` as `parse_fields` has them, of the columns `names`."""
    for wrong in (int(np.argmin(values)), int(np.argmax(values))):
        value = values.ravel()[wrong]
        if not least <= value <= most:
            name, location = _found(headers, names, wrong)
            raise DataError(f"{value} in column {name}", location=location, expected=f"{least} to {most}")


def check_finite(headers: Sequence[Header], names: Sequence[str], values: np.ndarray) -> None:
    """Refuse numbers that are not finite; `values` as `parse_fields` has them, of the columns `names`."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):  # only if all values are, and much cheaper than looking at each
            return
    wrong = np.flatnonzero(~np.isfinite(values.ravel()))
    if len(wrong) == 0:  # finite numbers whose sum is not
        return
    name, location = _found(headers, names, int(wrong[0]))
    step = headers[int(wrong[0]) // (headers[0].n_atoms * len(names))].step
    raise DataError(
        f"{name} is {values.ravel()[wrong[0]]} in the frame of step {step}",
        location=location,
        expected="a finite number",
        hint="the simulation went wrong there: leave out this frame and those after it",
    )


def _found(headers: Sequence[Header], names: Sequence[str], index: int) -> tuple[str, Location]:
    """Column and line of a value, by its place in the raveled values of frames laid end to end."""
    row, column = divmod(index, len(names))
    header = headers[row // headers[0].n_atoms]
    return names[column], Location(header.file, header.rows_line + row % headers[0].n_atoms)


def _parse(text: bytes, names: Sequence[str], wanted: dict[str, type], trailing: bool, n_rows: int) -> dict:
    """One call of the CSV parser; `trailing`: every row ends with a blank, which looks like one more column."""
    types = {name: pa.binary() if kind is str else pa.from_numpy_dtype(kind) for name, kind in wanted.items()}
    table = pa.csv.read_csv(
        pa.BufferReader(text),
        read_options=pa.csv.ReadOptions(
            column_names=[*names, *([_END] if trailing else [])],
            block_size=min(len(text) + 1, _LARGE_BLOCK),  # one piece: its columns are then used where they lie
            use_threads=len(text) > _LARGE_BLOCK,
        ),
        parse_options=pa.csv.ParseOptions(delimiter=" ", quote_char=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=types | ({_END: pa.binary()} if trailing else {}),
            include_columns=[*wanted, *([_END] if trailing else [])],
            null_values=[],
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    if len(table) != n_rows:
        raise pa.ArrowInvalid(f"{len(table)} rows instead of {n_rows}")
    if trailing and pc.max(pc.binary_length(table.column(_END))).as_py() > 0:
        raise pa.ArrowInvalid("a row with one more value")
    return {name: _values(table.column(name), wanted[name]) for name in wanted}


def _values(column: pa.ChunkedArray, kind: type) -> np.ndarray:
    if kind is str:  # whatever bytes there are
        return np.array([value.decode("utf-8", "replace") for value in column.to_pylist()])
    return column.to_numpy()


def squeezed(text: bytes) -> bytes:
    """The text with single blanks between values, none at either end of a line, and plain line ends."""
    text = text.replace(b"\t", b" ").replace(b"\r\n", b"\n")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text.replace(b" \n", b"\n").replace(b"\n ", b"\n").strip(b" ")


def _parse_slowly(frames: Sequence[RawFrame], columns: Sequence[str], wanted: dict[str, type]) -> dict[str, np.ndarray]:
    """Line by line, as exact as the fast way; finds the line that is wrong."""
    places = {name: columns.index(name) for name in wanted}
    values: dict[str, list] = {name: [] for name in wanted}
    for frame in frames:
        rows = frame.rows.removesuffix(b"\n").split(b"\n")
        for number, row in enumerate(row.decode("utf-8", "replace") for row in rows):
            words = split_words(row)
            location = Location(frame.header.file, frame.header.rows_line + number)
            if len(words) != len(columns):
                raise DataError(
                    f"the row has {len(words)} values: '{row.strip()[:80]}'",
                    location=location,
                    expected=f"{len(columns)} values: {' '.join(columns)}",
                )
            for name, position in places.items():
                values[name].append(_number(words[position], wanted[name], name, location))
    return {name: np.array(column, dtype=wanted[name]) for name, column in values.items()}


def _number(word: str, kind: type, name: str, location: Location):
    if kind is str:
        return word
    try:
        return whole_number(word) if kind is np.int64 else real_number(word)
    except ValueError:
        expected = "a whole number" if kind is np.int64 else "a number"
        raise DataError(f"'{word[:40]}' in column {name}", location=location, expected=expected) from None


def printed_digits(frame: RawFrame, names: Sequence[str], columns: Sequence[str]) -> int:
    """Significant digits with which the dump prints some of its columns: the most that any of the first rows shows."""
    places = [names.index(name) for name in columns]
    most = 0
    for row in frame.rows.split(b"\n", _DIGIT_ROWS)[:_DIGIT_ROWS]:
        words = row.split()
        for location in places:
            if location < len(words):
                mantissa = words[location].lower().split(b"e")[0].lstrip(b"+-").replace(b".", b"", 1)
                most = max(most, len(mantissa.lstrip(b"0")))
    return most
