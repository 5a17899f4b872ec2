"""Progress bar with rate and remaining time, in a terminal or a notebook; a display for `gnnzoo.progress`."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gnnzoo.formatting import amount, duration
from gnnzoo.progress import Task

if TYPE_CHECKING:
    from rich.progress import Task as RichTask
    from rich.text import Text


@contextlib.contextmanager
def progress_bar(description: str, total: float | None, unit: str, transient: bool = False) -> Iterator[Task]:
    """Display a task as a bar on stderr.

    Args:
        description: what is being done.
        total: amount of work in `unit`; None where it is unknown.
        unit: what is counted; "bytes" are displayed in MB.
        transient: remove the bar at the end.

    Yields:
        The task, to be advanced.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Figures(ProgressColumn):
        """Amount done and total, rate and remaining time in one column."""

        def render(self, task: "RichTask") -> "Text":
            done = amount(task.completed, unit)
            if task.total is not None:
                done = f"{done.removesuffix(unit).removesuffix('MB').strip()} of {amount(task.total, unit)}"
            rate = f"  {amount(task.speed, unit)}/s" if task.speed else ""
            left = f"  {duration(task.time_remaining)} left" if task.time_remaining else ""
            return Text(f"{done}{rate}{left}")

    class BarTask(Task):
        """Moves the bar."""

        def advance(self, n: float = 1) -> None:
            super().advance(n)
            bar.advance(shown, n)

        def expect(self, total: float | None) -> None:
            bar.update(shown, total=total)

    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        BarColumn(bar_width=24),
        Figures(table_column=Column(no_wrap=True)),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=transient) as bar:
        shown = bar.add_task(description, total=total)
        yield BarTask()
