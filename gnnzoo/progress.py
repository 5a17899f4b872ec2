"""Progress of long tasks: library code tracks them, the caller decides whether and how to display them.

Library code wraps a long task in `track`; without a display nothing is shown. A display is a function that opens one
task; `displayed` activates one for a block. The command line activates `gnnzoo.cli.console.reporting` for its whole
process; `progress=True` of the Python API activates it for one call.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar


class Task:
    """A long task whose progress is tracked; a display derives from it to show what is done."""

    def __init__(self) -> None:
        self.done = 0.0

    def advance(self, n: float = 1) -> None:
        """Count `n` more units of work as done."""
        self.done += n

    def expect(self, total: float | None) -> None:
        """Set the total amount of work, where it becomes known only on the way."""


# (description, total or None, unit) -> context manager of the task
Display = Callable[[str, float | None, str], AbstractContextManager[Task]]

_display: ContextVar[Display | None] = ContextVar("gnnzoo_progress_display", default=None)


@contextlib.contextmanager
def track(description: str, total: float | None, unit: str = "frames") -> Iterator[Task]:
    """Track a long task on the active display.

    Args:
        description: what is being done, such as "reading water.lammpstrj".
        total: amount of work in `unit`; None where it is unknown.
        unit: what is counted; "bytes" are displayed in MB.

    Yields:
        The task, to be advanced.
    """
    display = _display.get()
    if display is None:
        yield Task()
        return
    with display(description, total, unit) as task:
        yield task


@contextlib.contextmanager
def displayed(display: Display | None) -> Iterator[None]:
    """Activate a display for a block.

    Args:
        display: opens one task; None leaves the active display as it is.
    """
    if display is None:
        yield
        return
    token = _display.set(display)
    try:
        yield
    finally:
        _display.reset(token)
