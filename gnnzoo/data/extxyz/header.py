"""The comment line of an extended XYZ frame: its keys with their values, and the columns of its rows.

As specified in https://github.com/libAtoms/extxyz: `key=value` pairs, values bare or in quotes, braces or brackets, and
`Properties=NAME:TYPE:WIDTH:...` for the columns. Keys are kept as they are written; ASE renames and moves them.
"""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnzoo.errors import DataError, Location

_WORD = re.compile(r"[^\s,]+")
# An unquoted key, or "=" or a blank, or anything that opens a value.
_BARE = re.compile(r"[^\s=\"'{\[]+")
_BARE_VALUE = re.compile(r"[^\s\"'{\[][^\s]*")
_CLOSING = {'"': '"', "'": "'", "{": "}", "[": "]"}
_BOOLEAN = {"T": True, "F": False, "true": True, "false": False, "True": True, "False": False} | {
    "TRUE": True,
    "FALSE": False,
}
_KINDS = "SRIL"  # text, real, integer, logical
_DEFAULT = "species:S:1:pos:R:3"  # of plain XYZ
_WIDEST = 10_000  # columns of a row
_SHOWN = 200  # characters of `Properties` that an error quotes
_LONGEST_KEY = 200  # characters


@dataclass(frozen=True)
class Column:
    """A named group of columns.

    Attributes:
        name: as in `Properties`.
        kind: R (real), I (integer), S (text) or L (logical).
        width: number of columns.
        start: index of the first one.
    """

    name: str
    kind: str
    width: int
    start: int


@dataclass(frozen=True, eq=False)
class Header:
    """The first two lines of a frame.

    Attributes:
        file, line: where the comment line is; no line in a file that is no text.
        number: of the frame in the file, from 0.
        n_atoms: number of rows below.
        columns: of the rows, by name.
        width: number of words in a row.
        values: key -> text, bool, float, array of float64, or what JSON holds; without `Properties`.
        comment: the comment line where it names no columns, of a plain XYZ file.
    """

    file: Path
    line: int | None
    number: int
    n_atoms: int
    columns: dict[str, Column]
    width: int
    values: dict[str, object]
    comment: str | None = None

    @property
    def location(self) -> Location:
        """Of the comment line."""
        return Location(self.file, self.line)

    def at_row(self, row: int) -> Location:
        """Location of a row.

        Args:
            row: from 0.

        Returns:
            Its line; of a file that is no text, the file.
        """
        return Location(self.file, None if self.line is None else self.line + 1 + row)


def parse_header(comment: str, n_atoms: int, location: Location, number: int) -> Header:
    """Parse the comment line of a frame.

    Args:
        comment: the line.
        n_atoms: from the line above.
        location: of the comment line.
        number: of the frame.

    Returns:
        The header.

    Raises:
        DataError: a quote is not closed, a key appears twice, or `Properties` does not list columns.
    """
    texts = _texts(comment, location)
    name = next((key for key in texts if key.lower() == "properties"), None)
    properties = texts.pop(name) if name else None
    values = {key: _value(text) for key, text in texts.items()}
    columns = _columns(_DEFAULT if properties is None else properties, location)
    width = sum(column.width for column in columns.values())
    assert isinstance(location.file, Path)
    plain = comment if properties is None else None
    return Header(location.file, location.line, number, n_atoms, columns, width, values, plain)


# --- keys and values ----------------------------------------------------------------------------------------------


def _texts(comment: str, location: Location) -> dict[str, str]:
    """Key -> text of its value; nothing of a comment in prose."""
    try:
        pairs = _pairs(comment, location)
    except DataError:
        if "properties" in comment.lower():
            raise
        return {}  # the remark of a plain XYZ file
    texts: dict[str, str] = {}
    for key, text in pairs:
        if texts.setdefault(key, text) != text:
            raise DataError(
                f"the key {key} appears twice, as {texts[key][:80]} and as {text[:80]}",
                location=location,
                expected="each key once",
            )
    return texts


def _pairs(comment: str, location: Location) -> list[tuple[str, str]]:
    """Keys and the text of their values, without quotes or braces; a key without a value is true."""
    pairs, at, end = [], 0, len(comment)
    while at < end:
        if comment[at].isspace():
            at += 1
            continue
        key, at = _key(comment, at, location)
        if len(key) > _LONGEST_KEY:
            raise DataError(
                f"a key of {len(key):,} characters, which begins with '{key[:40]}'",
                location=location,
                expected=f"at most {_LONGEST_KEY}",
            )
        after = _blanks(comment, at)
        if after >= end or comment[after] != "=":
            pairs.append((key, "T"))
            continue
        start = _blanks(comment, after + 1)
        text, at = _text(comment, start, location)
        if at < end and not comment[at].isspace():
            raise DataError(
                f"'{comment[at : at + 20]}' follows the value of {key} without a blank, at character {at + 1}",
                location=location,
                expected=f"a blank after {comment[start:at][:40]}",
            )
        pairs.append((key, text))
    return pairs


def _blanks(comment: str, at: int) -> int:
    """Position of the next character that is not blank."""
    while at < len(comment) and comment[at].isspace():
        at += 1
    return at


def _key(comment: str, at: int, location: Location) -> tuple[str, int]:
    """A key, and where it ends."""
    match = _BARE.match(comment, at)
    if match:
        return match[0], match.end()
    if comment[at] == "=":  # a value without a key
        raise DataError(f"'=' without a key, at character {at + 1}", location=location, expected="key=value")
    return _text(comment, at, location)


def _text(comment: str, at: int, location: Location) -> tuple[str, int]:
    """A value without its quotes or braces, and where it ends; brackets stay."""
    if at >= len(comment):
        return "", at
    opening = comment[at]
    if opening not in _CLOSING:
        match = _BARE_VALUE.match(comment, at)
        assert match
        return match[0], match.end()
    closing, depth, escaped = _CLOSING[opening], 1, False
    end = comment.find(closing, at + 1)
    inside = comment[at + 1 : max(end, at)]
    if end > at and "\\" not in inside and (opening == closing or opening not in inside):  # nearly always
        return (f"[{inside}]" if opening == "[" else inside), end + 1
    pieces: list[str] = []
    for position in range(at + 1, len(comment)):
        character = comment[position]
        if escaped or character == "\\":  # the escaped character stands for itself
            pieces += [character] if escaped else []
            escaped = not escaped
            continue
        if character == closing:
            depth -= 1
            if depth == 0:
                text = "".join(pieces)
                return (f"[{text}]" if opening == "[" else text), position + 1
        elif character == opening:
            depth += 1
        pieces.append(character)
    raise DataError(
        f"{opening} at character {at + 1} of the comment line is not closed", location=location, expected=closing
    )


def _value(text: str) -> object:
    """The value of a key: number, array, boolean, what JSON holds, or text."""
    if text.startswith("_JSON ") or text.startswith("["):
        try:
            return _array(json.loads(text.removeprefix("_JSON ")))
        except (ValueError, RecursionError):
            text = text.strip("[]") if text.startswith("[") else text
    words = _WORD.findall(text)
    if not words:
        return text
    if all(word in _BOOLEAN for word in words):
        flags = [_BOOLEAN[word] for word in words]
        return flags[0] if len(flags) == 1 else flags
    if "_" in text:  # a number of Python, 1_000, is none here
        return text
    try:
        numbers = np.array([float(word.replace("D", "E").replace("d", "e")) for word in words])
    except ValueError:
        return text
    return float(numbers[0]) if len(numbers) == 1 else numbers


def _array(held: object) -> object:
    """Lists of numbers as an array; anything else unchanged."""
    if isinstance(held, bool) or held is None or isinstance(held, str | dict):
        return held
    try:
        numbers = np.array(held, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return held
    return float(numbers) if numbers.ndim == 0 else numbers


# --- columns ------------------------------------------------------------------------------------------------------


def _columns(properties: str, location: Location) -> dict[str, Column]:
    """The columns that `Properties` lists."""
    try:
        return _parsed_columns(properties)
    except ValueError as error:
        expected = "Properties=species:S:1:pos:R:3:forces:R:3, each column as NAME:TYPE:WIDTH"
        raise DataError(str(error), location=location, expected=expected) from None


@functools.lru_cache(maxsize=64)  # frames have the same columns, or few different ones
def _parsed_columns(properties: str) -> dict[str, Column]:
    words = properties.split(":")
    columns: dict[str, Column] = {}
    start = 0
    if len(words) % 3:
        raise ValueError(f"Properties={properties[:_SHOWN]} is not a list of columns")
    if len(words) > 3 * _WIDEST:
        raise ValueError(f"Properties names {len(words) // 3:,} columns, at most {_WIDEST:,} are read")
    for name, kind, width in zip(words[::3], words[1::3], words[2::3], strict=True):
        if kind not in _KINDS or len(kind) != 1 or not width.isdecimal() or not 0 < int(width[:6]) <= _WIDEST:
            raise ValueError(f"the column {name[:80]}:{kind[:80]}:{width[:80]} has no known type or width")
        if name in columns:
            raise ValueError(f"the column {name} appears twice")
        columns[name] = Column(name, kind, int(width), start)
        start += int(width)
    return _with_vectors(columns)


def _with_vectors(columns: dict[str, Column]) -> dict[str, Column]:
    """The columns, with three numbers that follow one another and end in x, y and z as one vector: fx+fy+fz."""
    found: dict[str, Column] = {}
    given, at = list(columns.values()), 0
    while at < len(given):
        three = given[at : at + 3]
        names = [column.name for column in three]
        prefixes = {name[:-1] for name in names}
        if (
            len(prefixes) == 1
            and [name[-1:].lower() for name in names] == ["x", "y", "z"]
            and all((column.kind, column.width) == ("R", 1) for column in three)
        ):
            name = "+".join(names)
            found[name] = Column(name, "R", 3, three[0].start)
        else:
            found[three[0].name] = three[0]
            three = three[:1]
        at += len(three)
    return found
