"""Ctrl-C and SIGTERM as a question that the loop asks between two steps, so that nothing is cut in the middle."""

import signal
import threading


class StopRequest:
    """While entered, the first SIGINT or SIGTERM only sets `name`; a second one of either interrupts at once."""

    def __init__(self):
        self.name: str | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # signals reach no other
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number, _frame) -> None:
        if self.name is not None:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name
