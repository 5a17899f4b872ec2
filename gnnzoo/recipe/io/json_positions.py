"""A JSON parser that keeps line numbers: each value together with the line on which it stands.

The standard parser drops lines, and of a key that stands twice it takes the last; errors in recipes need the lines, and
a repeated key is one of them.
"""

import math
import re
from bisect import bisect_right
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]  # missing in typeshed

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
Path = tuple[str | int, ...]  # ("model", "layers", 3, "units")

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_SPACE = re.compile(r"[ \t\n\r]*")
_WORDS = {"true": True, "false": False, "null": None}
_LONGEST = 20  # characters of a number that an error quotes


class JsonError(Exception):
    """A text that is not JSON, or that has a key twice.

    Attributes:
        what: what is wrong.
        line, column: position, counted from 1.
        path: of the key that stands twice, else None.
    """

    def __init__(self, what: str, line: int, column: int, path: Path | None = None):
        super().__init__(what)
        self.what, self.line, self.column, self.path = what, line, column, path


def parse(text: str) -> tuple[JsonValue, dict[Path, int]]:
    """Parse a JSON text.

    Args:
        text: the whole text.

    Returns:
        The value, and by path the line of each of its parts; of a value under a key that of the key.

    Raises:
        JsonError: it is not JSON, or has a key twice.
    """
    reader = _Reader(text)
    try:
        reader.skip_space()
        value = reader.value(())
        reader.skip_space()
    except RecursionError:
        raise reader.error("nested too deeply") from None
    if reader.at < len(text):
        raise reader.error(f"unexpected {reader.next_character()} after the end")
    return value, reader.lines


class _Reader:
    """Recursive descent over one text; `at` is the index of the next character."""

    def __init__(self, text: str):
        self.text, self.at = text, 0
        self.lines: dict[Path, int] = {}
        self._line_starts = [0] + [match.end() for match in re.finditer("\n", text)]

    # --- positions and errors ---

    def line_of(self, at: int) -> int:
        return bisect_right(self._line_starts, at)

    def error(self, what: str, at: int | None = None, path: Path | None = None) -> JsonError:
        at = self.at if at is None else at
        line = self.line_of(at)
        return JsonError(what, line, at - self._line_starts[line - 1] + 1, path)

    def next_character(self) -> str:
        return repr(self.text[self.at]) if self.at < len(self.text) else "the end of the text"

    def expected(self, what: str) -> JsonError:
        if self.text.startswith(("//", "/*", "#"), self.at):
            return self.error("JSON has no comments")
        if self.text.startswith("'", self.at):
            return self.error("JSON writes text in double quotes, not single ones")
        return self.error(f"expected {what}, found {self.next_character()}")

    # --- reading ---

    def skip_space(self) -> None:
        space = _SPACE.match(self.text, self.at)
        assert space, "the pattern matches an empty text, too"
        self.at = space.end()

    def take(self, character: str) -> bool:
        """Skip `character` if it comes next, and the space around it."""
        self.skip_space()
        found = self.text.startswith(character, self.at)
        if found:
            self.at += 1
            self.skip_space()
        return found

    def value(self, path: Path) -> JsonValue:
        self.lines.setdefault(path, self.line_of(self.at))
        match self.text[self.at : self.at + 1]:
            case "{":
                return self.object(path)
            case "[":
                return self.array(path)
            case '"':
                return self.string()
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        return self.number()

    def string(self) -> str:
        try:
            value: str
            value, self.at = scanstring(self.text, self.at + 1, True)
        except JSONDecodeError as error:
            raise self.error(error.msg.removesuffix(" at"), error.pos) from None
        return value

    def number(self) -> int | float:
        found = _NUMBER.match(self.text, self.at)
        if not found:
            raise self.expected("a value")
        number = float(found[0])
        if not math.isfinite(number):
            raise self.error(f"a number too large: {found[0][:_LONGEST]}")
        self.at = found.end()
        return number if found[1] or found[2] else int(found[0])

    def array(self, path: Path) -> JsonValue:
        values: list[JsonValue] = []
        self.at += 1
        if self.take("]"):
            return values
        while True:
            self.skip_space()
            values.append(self.value((*path, len(values))))
            if self.ends("]"):
                return values

    def object(self, path: Path) -> JsonValue:
        values: dict[str, JsonValue] = {}
        self.at += 1
        if self.take("}"):
            return values
        while True:
            self.skip_space()
            start = self.at
            if not self.text.startswith('"', start):
                raise self.expected("a key in double quotes")
            key = self.string()
            if key in values:
                first = self.lines[(*path, key)]
                raise self.error(f"the key stands twice, first on line {first}", start, (*path, key))
            self.lines[(*path, key)] = self.line_of(start)
            if not self.take(":"):
                raise self.expected("':' after the key")
            values[key] = self.value((*path, key))
            if self.ends("}"):
                return values

    def ends(self, bracket: str) -> bool:
        """Skip the bracket that ends a list or an object, or the comma before its next part."""
        if self.take(bracket):
            return True
        comma = self.at
        if not self.take(","):
            raise self.expected(f"',' or '{bracket}'")
        if self.text.startswith(bracket, self.at):
            raise self.error("a comma after the last value", comma)
        return False
