"""What went wrong, in the user's words.

A `UserError` is about something that the user can mend: it says what is wrong, where, what was expected, and what to
type next, and ends the command with exit code 2. Everything else that escapes is a failure of ours: exit code 1.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Location:
    """Where something is wrong: a file, a line counted from 1, a dotted key. Each part may be unknown."""

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
    """Something the user can mend.

    Args:
        what: one sentence: what is wrong, with the value received.
        location: where it stands.
        expected: what was expected there.
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
    """A recipe that cannot be read or does not hold what it must; may gather several `UserError`s in `problems`."""

    def __init__(self, what: str, *, problems: Iterable[UserError] = (), **kwargs):
        super().__init__(what, **kwargs)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(str(problem) for problem in self.problems)])


class DataError(UserError):
    """A dump or a dataset that cannot be read, or that does not hold what is asked of it."""


class ModelError(UserError):
    """A model file that is none of ours, or that does not fit what is asked of it."""


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` was probably meant to be, or None."""
    names = [str(candidate) for candidate in candidates]
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """' Did you mean 'x'?' where a candidate is near, else an empty string: to be appended to a sentence."""
    near = closest(name, candidates)
    return f" Did you mean '{near}'?" if near else ""
