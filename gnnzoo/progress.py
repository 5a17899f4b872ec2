"""Progress of long tasks: library code tracks them, the caller decides whether and how to display them.

Library code wraps a long task in `track`; without a display nothing is shown. A display is a function that opens one
task; `displayed` activates one for a block. The command line activates one for its whole process
(`gnnzoo.cli.console.reporting`); `progress=True` of the Python API activates a bar for one call
(`gnnzoo.progress_bar`).
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar


class Task:
    """A long task whose progress is tracked.

    Args:
        on_advance: called with the units of work that were just done; shows them.
        on_expect: called with the total amount of work where it becomes known only on the way.
    """

    def __init__(
        self,
        on_advance: Callable[[float], None] = lambda n: None,
        on_expect: Callable[[float | None], None] = lambda total: None,
    ) -> None:
        self.done = 0.0
        self._on_advance, self._on_expect = on_advance, on_expect

    def advance(self, n: float = 1) -> None:
        """Count `n` more units of work as done."""
        self.done += n
        self._on_advance(n)

    def expect(self, total: float | None) -> None:
        """Set the total amount of work, where it becomes known only on the way."""
        self._on_expect(total)


# (description, total or None, unit, transient) -> context manager of the task; see `track`
Display = Callable[[str, float | None, str, bool], AbstractContextManager[Task]]

_display: ContextVar[Display | None] = ContextVar("gnnzoo_progress_display", default=None)


@contextlib.contextmanager
def track(description: str, total: float | None, unit: str = "frames", transient: bool = False) -> Iterator[Task]:
    """Track a long task on the active display.

    Args:
        description: what is being done, such as "reading water.lammpstrj".
        total: amount of work in `unit`; None where it is unknown.
        unit: what is counted; "bytes" are displayed in MB.
        transient: whether only a bar is of use, and no line before and after the task.

    Yields:
        The task, to be advanced.
    """
    display = _display.get()
    if display is None:
        yield Task()
        return
    with display(description, total, unit, transient) as task:
        yield task


@contextlib.contextmanager
def displayed(display: Display) -> Iterator[None]:
    """Activate a display for a block.

    Args:
        display: opens one task.
    """
    token = _display.set(display)
    try:
        yield
    finally:
        _display.reset(token)
