"""Parses the rows of a dump's frames to arrays.

pyarrow's CSV parser does the work: it rounds correctly and can parse several texts at once. It needs single blanks
between values, so columns that are aligned by several blanks or by tabs are squeezed first. Whatever it rejects is
parsed line by line in Python, which either succeeds or finds the invalid line.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from gnnzoo.data.lammps.columns import Layout
from gnnzoo.data.lammps.frame_splitter import RawFrame
from gnnzoo.data.lammps.header import Header, listed, real_number, split_words, whole_number
from gnnzoo.errors import DataError, Location

_LARGE_BLOCK = 1 << 24  # bytes; a longer text is parsed in pieces of this size, on all cores
_END = "(end of row)"
MAX_ID, MAX_SMALL = 2**62, 2**31 - 1  # of LAMMPS: ids of atoms and molecules; types and image flags
_RANGES = {"molecules": (0, MAX_ID), "images": (-MAX_SMALL, MAX_SMALL)}  # those of ids and types: `block_builder`
_MARK = b"\xef\xbb\xbf"
_DIGIT_ROWS = 200  # rows in which printed digits are counted


def parse_rows(frames: Sequence[RawFrame], names: Sequence[str], dtypes: dict[str, type]) -> dict[str, np.ndarray]:
    """Parse columns of frames that share their columns, one frame's rows after the other's.

    Args:
        frames: all with the same columns.
        names: of all columns, in their order.
        dtypes: column to parse -> np.int64, np.float64 or str.

    Returns:
        column -> (rows of all frames,).

    Raises:
        DataError: a row has too few or too many values, or one that is not a number.
    """
    text = frames[0].rows if len(frames) == 1 else b"".join(frame.rows for frame in frames)
    first = text[: text.find(b"\n")].rstrip(b"\r")
    if b"  " in first or b"\t" in first or first.startswith(b" "):
        text = squeezed(text)
        first = first.strip()
    n_rows = sum(frame.header.n_atoms for frame in frames)
    # pyarrow parses hexadecimal numbers, which LAMMPS never prints. One letter is found ten times faster than two.
    if any(letter in text and b"0" + letter in text for letter in (b"x", b"X")):
        return _parse_slowly(frames, names, dtypes)
    try:
        return _parse(text, names, dtypes, trailing=first.endswith(b" "), n_rows=n_rows)
    except pa.ArrowInvalid:
        pass
    try:  # blanks may differ from row to row
        return _parse(squeezed(text), names, dtypes, trailing=False, n_rows=n_rows)
    except pa.ArrowInvalid:
        return _parse_slowly(frames, names, dtypes)


def parse_columns(frames: Sequence[RawFrame], layout: Layout, dtypes: dict[str, type]) -> dict[str, np.ndarray]:
    """Parse columns; ids are those of the rows, types those of the elements, where the dump has no such columns.

    Args:
        frames: all with the same columns and number of atoms.
        layout: of their rows; new elements get the next types, in alphabetical order.
        dtypes: as of `parse_rows`.

    Returns:
        column -> (rows of all frames,).

    Raises:
        DataError: as `parse_rows`.
    """
    read = {name: kind for name, kind in dtypes.items() if name in layout.names}
    by_element = layout.elements is not None and "type" in dtypes
    columns = parse_rows(frames, layout.names, read | ({"element": str} if by_element else {}))
    if "id" in dtypes and not layout.has_ids:
        columns["id"] = np.concatenate([np.arange(1, frame.header.n_atoms + 1) for frame in frames])
    if layout.elements is not None and by_element:
        present, inverse = np.unique(columns["element"].astype(str), return_inverse=True)
        for name in present.tolist():
            layout.elements.setdefault(name, len(layout.elements) + 1)
        columns["type"] = np.array([layout.elements[name] for name in present.tolist()], dtype=np.int64)[
            inverse.ravel()
        ]
    return columns


def parse_fields(frames: Sequence[RawFrame], layout: Layout) -> dict[str, np.ndarray]:
    """Parse the fields of frames that share their columns, one frame's rows after the other's.

    Args:
        frames: all with the same columns.
        layout: of their rows.

    Returns:
        field -> (rows of all frames,) or (rows of all frames, 3); scaled positions stay scaled.

    Raises:
        DataError: as `parse_rows`; a number is not finite, or out of LAMMPS' range.
    """
    headers = [frame.header for frame in frames]
    columns = parse_columns(frames, layout, layout.dtypes)
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
    """Check that integers are in the range of LAMMPS.

    Args:
        headers: of the frames, which have the same number of atoms.
        names: columns of the values.
        values: (rows of all frames,) or (rows of all frames, columns).
        least, most: the range.

    Raises:
        DataError: a value is out of range; with its line.
    """
    for wrong in (int(np.argmin(values)), int(np.argmax(values))):
        value = values.ravel()[wrong]
        if not least <= value <= most:
            name, location = _located(headers, names, wrong)
            raise DataError(f"{value} in column {name}", location=location, expected=f"{least} to {most}")


def check_finite(headers: Sequence[Header], names: Sequence[str], values: np.ndarray) -> None:
    """Check that numbers are finite; arguments as for `check_range`.

    Args:
        headers, names, values: see `check_range`.

    Raises:
        DataError: a value is not finite; with its line.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):  # then all values are; much cheaper than checking each
            return
    wrong = np.flatnonzero(~np.isfinite(values.ravel()))
    if len(wrong) == 0:  # finite numbers whose sum is not
        return
    name, location = _located(headers, names, int(wrong[0]))
    step = headers[int(wrong[0]) // (headers[0].n_atoms * len(names))].step
    raise DataError(
        f"{name} is {values.ravel()[wrong[0]]} in the frame of step {step}",
        location=location,
        expected="a finite number",
        hint="the simulation became unstable there: leave out this frame and those after it",
    )


def _located(headers: Sequence[Header], names: Sequence[str], index: int) -> tuple[str, Location]:
    """Column and line of a value, by its index in the raveled values of all frames."""
    row, column = divmod(index, len(names))
    header = headers[row // headers[0].n_atoms]
    return names[column], Location(header.file, header.rows_line + row % headers[0].n_atoms)


def _parse(
    text: bytes, names: Sequence[str], dtypes: dict[str, type], trailing: bool, n_rows: int
) -> dict[str, np.ndarray]:
    """Call the CSV parser once; `trailing`: every row ends with a blank, which looks like one more column."""
    if text.startswith(_MARK):  # which the parser skips
        raise pa.ArrowInvalid("a byte-order mark")
    if b"\r" in text and text.count(b"\r") != text.count(b"\r\n"):  # at which the parser begins a row
        raise pa.ArrowInvalid("a carriage return inside a row")
    types = {name: pa.binary() if kind is str else pa.from_numpy_dtype(kind) for name, kind in dtypes.items()}
    table = pa.csv.read_csv(
        pa.BufferReader(text),
        read_options=pa.csv.ReadOptions(
            column_names=[*names, *([_END] if trailing else [])],
            block_size=min(len(text) + 1, _LARGE_BLOCK),  # a single piece: its columns are used without a copy
            use_threads=len(text) > _LARGE_BLOCK,
        ),
        parse_options=pa.csv.ParseOptions(delimiter=" ", quote_char=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=types | ({_END: pa.binary()} if trailing else {}),
            include_columns=[*dtypes, *([_END] if trailing else [])],
            null_values=[],
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    if len(table) != n_rows:
        raise pa.ArrowInvalid(f"{len(table)} rows instead of {n_rows}")
    if trailing and pc.max(pc.binary_length(table.column(_END))).as_py() > 0:
        raise pa.ArrowInvalid("a row with one more value")
    return {name: _values(table.column(name), dtypes[name]) for name in dtypes}


def _values(column: pa.ChunkedArray, kind: type) -> np.ndarray:
    if kind is str:  # any bytes
        return np.array([value.decode("utf-8", "replace") for value in column.to_pylist()])
    return column.to_numpy()


def squeezed(text: bytes) -> bytes:
    """Reduce the blanks of `text` to single ones between values, without any at line ends; line ends become LF.

    Returns:
        The text.
    """
    text = text.replace(b"\t", b" ").replace(b"\r\n", b"\n")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text.replace(b" \n", b"\n").replace(b"\n ", b"\n").strip(b" ")


def _parse_slowly(frames: Sequence[RawFrame], columns: Sequence[str], dtypes: dict[str, type]) -> dict[str, np.ndarray]:
    """Parse line by line, with the same results as the fast parser; finds the invalid line."""
    indices = {name: columns.index(name) for name in dtypes}
    values: dict[str, list[int | float | str]] = {name: [] for name in dtypes}
    for frame in frames:
        rows = frame.rows.removesuffix(b"\n").split(b"\n")
        for number, row in enumerate(row.decode("utf-8", "replace") for row in rows):
            words = split_words(row)
            location = Location(frame.header.file, frame.header.rows_line + number)
            if len(words) != len(columns):
                raise DataError(
                    f"the row has {len(words)} values: '{row.strip()[:80]}'",
                    location=location,
                    expected=f"{len(columns)} values: {listed(columns)}",
                )
            for name, index in indices.items():
                values[name].append(_value(words[index], dtypes[name], name, location))
    return {name: np.array(column, dtype=dtypes[name]) for name, column in values.items()}


def _value(word: str, kind: type, name: str, location: Location) -> int | float | str:
    if kind is str:
        return word
    try:
        return whole_number(word) if kind is np.int64 else real_number(word)
    except ValueError:
        expected = "a whole number" if kind is np.int64 else "a number"
        raise DataError(f"'{word[:40]}' in column {name}", location=location, expected=expected) from None


def printed_digits(frame: RawFrame, names: Sequence[str], columns: Sequence[str]) -> int:
    """Count the significant digits that the dump prints.

    Args:
        frame: whose first rows are read.
        names: all columns, in their order.
        columns: the ones that are counted.

    Returns:
        The largest number of digits.
    """
    indices = [names.index(name) for name in columns]
    most = 0
    for row in frame.rows.split(b"\n", _DIGIT_ROWS)[:_DIGIT_ROWS]:
        words = row.split()
        for index in indices:
            if index < len(words):
                mantissa = words[index].lower().split(b"e")[0].lstrip(b"+-").replace(b".", b"", 1)
                most = max(most, len(mantissa.lstrip(b"0")))
    return most
