"""Expecting a user's error by what it must hold: class, place, names and the next command, not its sentences."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gnnzoo.errors import RecipeError, UserError


class Refusal:
    """The error that was raised, once the block has ended."""

    error: UserError


@contextlib.contextmanager
def refused(
    kind: type[UserError] = UserError,
    *names: object,
    file: Path | str | None = None,
    line: int | None = None,
    key: str | None = None,
    hint: str | None = None,
    expected: str | None = None,
) -> Iterator[Refusal]:
    """Expect the block to raise an error of exactly this class.

    Args:
        kind: class of the error.
        names: what the message must mention: names, numbers, options that the user wrote or must write, no sentences.
        file, line, key: where the error must say that it is; a file may be given by its name alone. Of an error that
            collects several problems, the one at `key` is checked.
        hint: what the next command must hold.
        expected: what the expectation must hold, such as the name of a valid choice.
    """
    found = Refusal()
    with pytest.raises(UserError) as caught:
        yield found
    found.error = error = caught.value
    assert type(error) is kind, f"{type(error).__name__}: {error}"
    if key is not None and isinstance(error, RecipeError) and error.problems:
        at_key = [problem for problem in error.problems if problem.location and problem.location.key == key]
        assert at_key, f"no problem at {key}: {error}"
        found.error = error = at_key[0]
    text, location = str(error), error.location
    for name in names:
        assert str(name) in text, f"'{name}' is not in: {text}"
    if file is not None:
        assert location is not None and location.file is not None, text
        assert Path(location.file) == Path(file) or Path(location.file).name == str(file), text
    if line is not None:
        assert location is not None and location.line == line, text
    if key is not None:
        assert location is not None and location.key == key, text
    if hint is not None:
        assert error.hint and hint in error.hint, text
    if expected is not None:
        assert error.expected and expected in error.expected, text
