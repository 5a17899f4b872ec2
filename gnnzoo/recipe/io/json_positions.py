"""JSON as text: values together with the line each of them stands on.

The standard decoder forgets lines and lets a key that stands twice win silently; a recipe's errors need the former and
must not have the latter.
"""

import math
import re
from bisect import bisect_right
from json.decoder import JSONDecodeError, scanstring

Path = tuple[str | int, ...]  # ("model", "layers", 3, "units")

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_SPACE = re.compile(r"[ \t\n\r]*")
_WORDS = {"true": True, "false": False, "null": None}


class JsonError(Exception):
    """Text that is not JSON, or has a key twice.

    Attributes:
        what: what is wrong.
        line, column: where, counted from 1.
        path: of the key that stands twice, else None.
    """

    def __init__(self, what: str, line: int, column: int, path: Path | None = None):
        super().__init__(what)
        self.what, self.line, self.column, self.path = what, line, column, path


def parse(text: str) -> tuple[object, dict[Path, int]]:
    """Value of a JSON text, and the line on which each of its parts stands (a key's line, for a value under a key).

    Raises:
        JsonError: it is none.
    """
    reader = _Reader(text)
    try:
        reader.skip_space()
        value = reader.value(())
        reader.skip_space()
    except RecursionError:
        raise reader.error("nested too deeply") from None
    if reader.at < len(text):
        raise reader.error(f"something follows the end: {reader.next_character()}")
    return value, reader.lines


class _Reader:
    """Recursive descent over one text; `at` is the character that comes next."""

    def __init__(self, text: str):
        self.text, self.at, self.lines = text, 0, {}
        self._line_starts = [0] + [match.end() for match in re.finditer("\n", text)]

    # --- where and what is wrong ---

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
        self.at = _SPACE.match(self.text, self.at).end()

    def take(self, character: str) -> bool:
        """Skip `character` if it comes next, and the space around it."""
        self.skip_space()
        found = self.text.startswith(character, self.at)
        if found:
            self.at += 1
            self.skip_space()
        return found

    def value(self, path: Path) -> object:
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
            raise self.error(f"a number too large: {found[0][:20]}")
        self.at = found.end()
        return number if found[1] or found[2] else int(found[0])

    def array(self, path: Path) -> list:
        values = []
        self.at += 1
        if self.take("]"):
            return values
        while True:
            self.skip_space()
            values.append(self.value((*path, len(values))))
            if self.take("]"):
                return values
            comma = self.at
            if not self.take(","):
                raise self.expected("',' or ']'")
            if self.text.startswith("]", self.at):
                raise self.error("a comma after the last value", comma)

    def object(self, path: Path) -> dict:
        values = {}
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
            if self.take("}"):
                return values
            comma = self.at
            if not self.take(","):
                raise self.expected("',' or '}'")
            if self.text.startswith("}", self.at):
                raise self.error("a comma after the last value", comma)
