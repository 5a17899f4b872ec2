"""Terminal output of the commands: results on stdout, messages about the work on stderr.

Messages come from the logger `gnnzoo`, progress from `gnnzoo.progress`; `reporting` attaches both to the terminal.
"""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from typing import TextIO

from gnnzoo.console import say, table
from gnnzoo.formatting import amount, duration
from gnnzoo.progress import Task, displayed
from gnnzoo.progress_bar import progress_bar

__all__ = ["note", "reporting", "say", "table", "warn"]


def note(text: str) -> None:
    """Print a message to stderr."""
    print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a message to stderr, marked as a warning."""
    mark = "\x1b[33mwarning:\x1b[0m" if _is_terminal(sys.stderr) else "warning:"
    note(f"{mark} {text}")


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


class Verbosity:
    """How much is printed besides results: set by the options --quiet and --debug, wherever they stand."""

    def __init__(self) -> None:
        self.quiet = False
        self.debug = False


class _TerminalHandler(logging.Handler):
    """Prints records of the logger: warnings marked, the rest as they are."""

    def __init__(self, verbosity: Verbosity):
        super().__init__()
        self.verbosity = verbosity

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            warn(record.getMessage())
        elif self.verbosity.debug or (record.levelno >= logging.INFO and not self.verbosity.quiet):
            note(record.getMessage())


@contextlib.contextmanager
def reporting(verbosity: Verbosity) -> Iterator[None]:
    """Print the messages of the logger `gnnzoo`, and display progress, for a block.

    Args:
        verbosity: read at each message, so that options may set it after the block has begun.
    """

    @contextlib.contextmanager
    def display(description: str, total: float | None, unit: str, transient: bool) -> Iterator[Task]:
        start, terminal = time.monotonic(), _is_terminal(sys.stderr)
        if verbosity.quiet or (transient and not terminal):
            yield Task()
            return
        if terminal:
            with progress_bar(transient=True) as bar, bar(description, total, unit, transient) as task:
                yield task
        else:
            note(description if total is None else f"{description}: {amount(total, unit)}")
            task = Task()
            yield task
        if transient:
            return
        seconds = time.monotonic() - start
        rate = f", {amount(task.done / seconds, unit)}/s" if seconds > 0.5 else ""
        note(f"{description}: {amount(task.done, unit)} in {duration(seconds)}{rate}")

    logger, handler = logging.getLogger("gnnzoo"), _TerminalHandler(verbosity)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with displayed(display):
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
