"""Standard streams of a command: closed ones, full disks, and readers that leave early."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from gnnzoo.outputs import OutputError

READER_LEFT = 128 + 13  # exit code of a shell for a command that SIGPIPE ended


class ReaderLeft(Exception):  # no OSError, which click would take for a failure of its own
    """The program that reads the results, as `head` in `gnnzoo list | head`, has ended."""


class _Stream:
    """A stream whose other attributes show through.

    Args:
        stream: is written to.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Results(_Stream):
    """Standard output: failures are errors of the user's."""

    def write(self, text: str) -> int:
        """Write; raises `ReaderLeft` or `OutputError`."""
        with self._explained():
            return self._stream.write(text)

    def flush(self) -> None:
        """Flush; raises as `write` does."""
        with self._explained():
            self._stream.flush()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._drop()
            if isinstance(error, BrokenPipeError):
                raise ReaderLeft from error
            hint = "free some space, or print to another place"
            raise OutputError(f"standard output cannot be written: {error.strerror}", hint=hint) from error

    def _drop(self) -> None:
        """Let what is printed from here on vanish, so that Python does not fail to flush it at its end."""
        with contextlib.suppress(OSError, ValueError):  # no file of the system
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)


class _Messages(_Stream):
    """Standard error: failures are ignored, because a message that no one can read must not end a training."""

    def write(self, text: str) -> int:
        """Write, or do nothing where the stream is closed, its terminal is gone or its disk full."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or do nothing."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Replace stdout and stderr by streams that fail as a command should, and fill closed file descriptors.

    A file that is opened while descriptor 1 or 2 is closed would get its number, and everything that C libraries print
    there would be written into it.
    """
    _fill_closed_descriptors()
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an encoding without the character
    sys.stdout, sys.stderr = _Results(sys.stdout), _Messages(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _fill_closed_descriptors() -> None:
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # Python found it closed
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  open for the whole command
