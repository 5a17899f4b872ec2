"""SIGINT, SIGTERM and SIGHUP as a flag, which the training loop checks between two steps."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

# What `signal.signal` returns.
_Handler = Callable[[int, FrameType | None], object] | int | None


def stop_signals() -> list[signal.Signals]:
    """List the signals that end a command.

    Returns:
        SIGINT, SIGTERM, and SIGHUP, which a terminal sends when it closes, unless it is ignored, as under nohup.
    """
    hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hangup]


class StopRequest:
    """While entered, the first of these signals only sets `name`, and a second one interrupts at once."""

    def __init__(self) -> None:
        self.name: str | None = None
        self._previous: dict[int, _Handler] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # only the main thread gets signals
            for number in stop_signals():
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self.name is not None:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name
