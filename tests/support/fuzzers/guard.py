"""Runs one input under a guard: time, memory, files outside the working folder, and errors that are not the user's."""

import contextlib
import gc
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gnnzoo.errors import UserError

MEMORY = 1 << 30  # bytes that reading an input may allocate
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = {
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown"),
    *("shutil.rmtree", "shutil.move", "shutil.copyfile"),
}
_STARTING = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "pty.spawn"}


class TooLong(BaseException):
    """Reading took too long; not an Exception, so that no handler on the way catches it."""


@dataclass
class Verdict:
    """Result of reading an input.

    Attributes:
        kind: "accepted", or the error message without its particulars.
        complaints: violated rules.
    """

    kind: str = "accepted"
    complaints: list[str] = field(default_factory=list)


@dataclass
class _Watch:
    """Files and processes that are touched while an input is read."""

    folder: str | None = None
    seen: list[str] = field(default_factory=list)

    def hook(self, event: str, arguments: tuple) -> None:
        """Record an audit event of Python."""
        if self.folder is None:
            return
        if event.startswith("os.") and isinstance(arguments[-1], int) and arguments[-1] >= 0 and event != "os.chmod":
            return  # relative to an open folder, in which `shutil.rmtree` works
        if event in _STARTING:
            self.seen.append(f"a program or a connection: {event} {arguments!r:.200}")
        elif event in _CHANGING or (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING):
            named = arguments[:1] if event == "open" else arguments[:2]
            names = [argument for argument in named if isinstance(argument, str | bytes | os.PathLike)]
            self.seen += [f"a file outside: {event} {name!r:.200}" for name in names if not self._inside(name)]

    def _inside(self, name: str | bytes | os.PathLike) -> bool:
        with contextlib.suppress(ValueError):
            path = os.path.abspath(os.fsdecode(name))
            return path == os.devnull or path.startswith(str(self.folder))
        return True  # no such file can exist


_WATCH = _Watch()
_INSTALLED: list[bool] = []


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """Record what a block touches outside a folder.

    Yields:
        The descriptions, complete after the block.
    """
    if not _INSTALLED:
        sys.addaudithook(_WATCH.hook)
        _INSTALLED.append(True)
    _WATCH.folder, _WATCH.seen = os.path.abspath(folder), []
    try:
        yield _WATCH.seen
    finally:
        _WATCH.folder = None


def limit_memory() -> None:
    """Limit the memory of this process to its present use plus `MEMORY`."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TooLong` in the main thread after some seconds."""

    def stop(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def guarded(read: Callable[[Path], list[str]], path: Path, seconds: float) -> Verdict:
    """Read an input and check how that ends.

    Args:
        read: reads a path; returns complaints about what it accepted.
        path: of the input, alone in its folder.
        seconds: timeout.

    Returns:
        The verdict.
    """
    verdict = Verdict()
    with watched(path.parent) as touched:
        try:
            with time_limit(seconds):
                verdict.complaints += read(path)
        except UserError as error:
            verdict.kind = f"refused: {type(error).__name__}"
            if error.location is None or error.location.file is None:
                verdict.complaints.append(f"a refusal without the file: {error}")
        except TooLong:
            verdict = Verdict("too long", [f"not done in time: {seconds:g} seconds"])
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__)[-2:]).strip()
            verdict = Verdict("failed", [f"{type(error).__name__}: {error!s:.300} ({where})"])
    verdict.complaints += touched
    return verdict
