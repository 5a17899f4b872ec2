"""Progress bar with rate and remaining time, in a terminal or a notebook; a display for `gnnzoo.progress`."""

import contextlib
import functools
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from gnnzoo.formatting import amount, duration
from gnnzoo.progress import Display, Task, displayed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.progress import Task as RichTask
    from rich.text import Text

_P = ParamSpec("_P")
_R = TypeVar("_R")
_REFRESH = 4  # per second: each takes about a millisecond of a core that training could use


@contextlib.contextmanager
def progress_bar(transient: bool = False) -> Iterator[Display]:
    """Open one bar on stderr, which shows one task after another.

    Args:
        transient: remove the bar at the end.

    Yields:
        Display to activate with `gnnzoo.progress.displayed`.
    """
    with _bar(transient) as bar:

        @contextlib.contextmanager
        def display(description: str, total: float | None, unit: str, transient: bool) -> Iterator[Task]:
            for shown in bar.tasks:
                if "done" in shown.fields:  # the last bar stays until the next one replaces it
                    bar.remove_task(shown.id)
            number = bar.add_task(description, total=total, unit=unit)
            task = Task(
                on_advance=lambda n: bar.advance(number, n), on_expect=lambda total: bar.update(number, total=total)
            )
            try:
                yield task
            finally:
                bar.update(number, done=True)

        yield display


def displays_progress(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a function of the Python API: its option `progress=True` shows one progress bar for the whole call."""

    @functools.wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if not kwargs.get("progress"):
            return function(*args, **kwargs)
        with progress_bar() as display, displayed(display):
            return function(*args, **kwargs)

    return wrapper


def _bar(transient: bool) -> "Progress":
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Figures(ProgressColumn):
        """Amount done and total, rate and remaining time in one column."""

        def render(self, task: "RichTask") -> "Text":
            unit = task.fields["unit"]
            done = amount(task.completed, unit)
            if task.total is not None:
                done = f"{done.removesuffix(unit).removesuffix('MB').strip()} of {amount(task.total, unit)}"
            rate = f"  {amount(task.speed, unit)}/s" if task.speed else ""
            left = f"  {duration(task.time_remaining)} left" if task.time_remaining else ""
            return Text(f"{done}{rate}{left}")

    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        BarColumn(bar_width=24),
        Figures(table_column=Column(no_wrap=True)),
    )
    return Progress(*columns, console=_console(), transient=transient, refresh_per_second=_REFRESH)


def _console() -> "Console":
    """Stderr; a notebook without ipywidgets, which rich would ask for, is written to like a terminal."""
    from rich.console import Console

    if "ipykernel" in sys.modules and importlib.util.find_spec("ipywidgets") is None:
        return Console(file=sys.stderr, force_jupyter=False, force_terminal=True)
    return Console(file=sys.stderr)
