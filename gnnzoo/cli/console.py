"""Terminal output of the commands: results on stdout, messages about the work on stderr.

Messages come from the logger `gnnzoo`, progress from `gnnzoo.progress`; `reporting` attaches both to the terminal.
"""

import contextlib
import logging
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from gnnzoo.formatting import amount, duration
from gnnzoo.progress import Task, displayed
from gnnzoo.progress_bar import progress_bar
from gnnzoo.tensorflow_env import root_logger_kept

# Characters of control but for line ends and tabs, marks of direction, surrogates.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Cells of a column that is aligned to the right.
_NUMBER = re.compile(r"^[-+]?[0-9.,]+(e[-+]?\d+)?( ?%)?$|^-?$|^nan$")


def printable(text: str) -> str:
    """Escape what a terminal would obey or hide in a `text`: names in files of others may hold anything.

    Returns:
        The text with control characters, marks that reverse its direction and surrogates as \\x1b or \\u202e.
    """
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def say(text: str = "") -> None:
    """Print a result to stdout."""
    print(printable(text), flush=True)


def note(text: str) -> None:
    """Print a message to stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a message to stderr, marked as a warning."""
    mark = "\x1b[33mwarning:\x1b[0m" if _is_terminal(sys.stderr) else "warning:"
    print(f"{mark} {printable(text)}", file=sys.stderr, flush=True)


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table to stdout; columns of numbers are aligned to the right.

    Args:
        title: line above the table, or None.
        columns: heads of the columns.
        rows: cells; None is empty.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(cells) and all(_NUMBER.match(row[index]) for row in cells)
        drawn.add_column(Text(printable(column)), justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*map(Text, row))
    # Only a terminal has a width; a file or a pipe gets its lines whole.
    width = None if sys.stdout.isatty() else 1000
    console = Console(file=sys.stdout, width=width, highlight=False)
    with console.capture() as captured:
        if title:  # a title of the table's own would be folded to the table's width
            console.print(Text(printable(title), style="bold"))
        console.print(drawn)
    print("\n".join(line.rstrip() for line in captured.get().split("\n")[:-1]) + "\n", flush=True)


class Verbosity:
    """What is printed in addition to results: set by the options --quiet and --debug, wherever they stand."""

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
            with progress_bar(transient=True) as bar, bar(printable(description), total, unit, transient) as task:
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
        with displayed(display), root_logger_kept():
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
