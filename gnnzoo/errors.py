"""Errors that the user can fix.

A `UserError` states what is wrong, where, what was expected, and what to type next; it ends a command with exit code 2.
Any other exception is an internal error: exit code 1.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Location:
    """Location of an error: a file, a line counted from 1, a dotted key; each may be unknown."""

    file: Path | str | None = None
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        parts = [str(self.file)] if self.file is not None else []
        if self.line is not None:
            parts.append(f"line {self.line}")
        if self.key:
            parts.append(self.key)
        return ", ".join(parts)


class UserError(Exception):
    """Error that the user can fix.

    Args:
        what: what is wrong, with the value received; one sentence.
        location: where the error is.
        expected: what was expected instead.
        hint: what to type or do next.
    """

    exit_code = 2

    def __init__(
        self, what: str, *, location: Location | None = None, expected: str | None = None, hint: str | None = None
    ):
        self.what, self.location, self.expected, self.hint = what, location, expected, hint
        super().__init__(what)

    def __str__(self) -> str:
        head = f"{self.location}: {self.what}" if self.location and str(self.location) else self.what
        lines = [head]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.hint:
            lines.append(f"  next: {self.hint}")
        return "\n".join(lines)


class RecipeError(UserError):
    """Error in a recipe; `problems` holds several errors of one recipe or of several.

    Args:
        what: what is wrong.
        problems: errors to report below it.
        location: where the error is.
        expected: what was expected instead.
        hint: what to type or do next.
    """

    def __init__(
        self,
        what: str,
        *,
        problems: Iterable[UserError] = (),
        location: Location | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ):
        super().__init__(what, location=location, expected=expected, hint=hint)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(str(problem) for problem in self.problems)])


class DataError(UserError):
    """Dump or dataset that cannot be read or does not contain what is needed."""


class ModelError(UserError):
    """Model file that was not written by gnnzoo or cannot be used for the task."""


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """Find the candidate nearest to a misspelt name.

    Args:
        name: the name.
        candidates: valid names.

    Returns:
        The candidate, or None if none is near.
    """
    names = [str(candidate) for candidate in candidates]
    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Sentence that suggests a valid name.

    Args:
        name: a misspelt name.
        candidates: valid names.

    Returns:
        " Did you mean 'x'?" to be appended to a message; empty if no candidate is near.
    """
    near = closest(name, candidates)
    return f" Did you mean '{near}'?" if near else ""
