"""What the user sees while work goes on: results, notes, tables, progress, and a TensorFlow that keeps quiet.

Results go to stdout, everything about the work itself to stderr, so that a command's output can be piped. For workflows
and commands only: the floors below return what they have to say. `rich` is imported where it is needed, because most
commands that answer at once do without it.
"""

import contextlib
import functools
import importlib.abc
import importlib.util
import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

# --- text ---------------------------------------------------------------------------------------------------------


def say(text: str = "") -> None:
    """A result, to stdout."""
    print(text, flush=True)


def note(text: str) -> None:
    """What is being done, to stderr."""
    print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Something to be careful about, to stderr, marked."""
    mark = "\x1b[33mwarning:\x1b[0m" if _is_terminal(sys.stderr) else "warning:"
    print(f"{mark} {text}", file=sys.stderr, flush=True)


def _is_terminal(stream) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


# --- tables -------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"^[-+]?[0-9.,]+(e[-+]?\d+)?( ?%)?$|^-?$|^nan$")


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table, to stdout; columns that hold nothing but numbers are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(cells) and all(_NUMBER.match(row[index]) for row in cells)
        drawn.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*map(Text, row))
    # Only a terminal has a width; a file or a pipe gets its lines whole.
    width = None if sys.stdout.isatty() else 1000
    console = Console(file=sys.stdout, width=width, highlight=False)
    with console.capture() as captured:
        if title:  # a title of the table's own would be folded to the table's width
            console.print(Text(title, style="bold"))
        console.print(drawn)
    say("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")


# --- progress -----------------------------------------------------------------------------------------------------


class Progress:
    """How far a piece of work has come; made by `progress`."""

    def __init__(self):
        self.done = 0.0

    def advance(self, n: float = 1) -> None:
        """`n` more are done."""
        self.done += n

    def expect(self, total: float | None) -> None:
        """So many there are in all, where it turns out only on the way."""


@contextlib.contextmanager
def progress(description: str, total: float | None, unit: str = "frames") -> Iterator[Progress]:
    """Show on stderr how a piece of work goes, with its rate and the time left, and one line about it at the end.

    Where stderr is no terminal there is a line at the start instead of the bar.

    Args:
        description: what is being done, such as "reading water.lammpstrj".
        total: how many there are to do; None where nobody knows.
        unit: what is counted; "bytes" are shown in MB.
    """
    start = time.monotonic()
    if _is_terminal(sys.stderr):
        with _live_bar(description, total, unit) as shown:
            yield shown
    else:
        note(description if total is None else f"{description}: {_amount(total, unit)}")
        shown = Progress()
        yield shown
    seconds = time.monotonic() - start
    rate = f", {_amount(shown.done / seconds, unit)}/s" if seconds > 0.5 else ""
    note(f"{description}: {_amount(shown.done, unit)} in {duration(seconds)}{rate}")


@contextlib.contextmanager
def _live_bar(description: str, total: float | None, unit: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, TextColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column
    from rich.text import Text

    class Figures(ProgressColumn):
        """Done and total, rate and time left in one column."""

        def render(self, task):
            done = _amount(task.completed, unit)
            if task.total is not None:
                done = f"{done.removesuffix(unit).removesuffix('MB').strip()} of {_amount(task.total, unit)}"
            rate = f"  {_amount(task.speed, unit)}/s" if task.speed else ""
            left = f"  {duration(task.time_remaining)} left" if task.time_remaining else ""
            return Text(f"{done}{rate}{left}")

    class LiveProgress(Progress):
        """Moves the bar."""

        def advance(self, n=1):
            super().advance(n)
            bar.advance(task, n)

        def expect(self, total):
            bar.update(task, total=total)

    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        BarColumn(bar_width=24),
        Figures(table_column=Column(no_wrap=True)),
    )
    with RichProgress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield LiveProgress()


def _amount(number: float, unit: str) -> str:
    """1234567, "frames" -> "1,234,567 frames"; bytes in MB; small rates with a digit."""
    if unit == "bytes":
        return f"{number / 1e6:,.1f} MB"
    return f"{number:,.0f} {unit}" if number >= 10 or number == int(number) else f"{number:.1f} {unit}"


def duration(seconds: float) -> str:
    """A time as one reads it: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


# --- TensorFlow ---------------------------------------------------------------------------------------------------

# Packages whose deprecation warnings the user can do nothing about.
_CHATTY_PACKAGES = r"(tensorflow|tensorflow_gnn|tf_keras|keras|absl|google|apache_beam|networkx|ml_dtypes)(\.|$)"


def quiet_tensorflow(debug: bool = False) -> None:
    """Prepare the process for TensorFlow; to be called before it loads.

    Sets what the libraries read from the environment when they are imported (TF-GNN beside Keras 3 needs tf-keras), and
    unless `debug` keeps what TensorFlow reports about itself from the screen.
    """
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _QuietLoading)]
    if debug:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.filterwarnings("ignore", module=_CHATTY_PACKAGES)
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietLoading())


class _QuietLoading(importlib.abc.MetaPathFinder):
    """Loads TensorFlow without the lines it logs before its own log level counts.

    Those lines come from C++ and go to file descriptor 2 directly, whatever TF_CPP_MIN_LOG_LEVEL says.
    """

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = functools.partial(_without_early_log, spec.loader.exec_module)
        return spec


_EARLY_LOG = re.compile(rb"^(WARNING: All log messages before absl|[IWE]\d{4} |To enable the following instructions)")


def _without_early_log(load: Callable, module) -> None:
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            load(module)
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)
            caught.seek(0)
            for line in caught:
                if not _EARLY_LOG.match(line):
                    os.write(2, line)
