"""Finding a line of printed or logged text by the names and numbers that it must hold, not by its sentences."""

import shlex


def line_with(text: str, *fragments: object) -> str:
    """The first line of a text that holds all fragments; warnings of the fixture `messages` hold "warning: "."""
    for line in text.splitlines():
        if all(str(fragment) in line for fragment in fragments):
            return line
    raise AssertionError(f"no line with {fragments} in:\n{text}")


def repeated_options(logged: str) -> list[str]:
    """Options of the command that repeats a training, from its last messages; there must be no other option."""
    line = line_with(logged, "repeat", "time limit", "--set")
    return [word for word in shlex.split(line) if word.startswith(("--", "training."))]
