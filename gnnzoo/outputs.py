"""Writing results so that nothing is lost: beside their place, then renamed, never over something in silence."""

import contextlib
import errno
import glob
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from gnnzoo.errors import Location, UserError

# No room for what is to be written: on the disk, in the user's share of it, under the limit of a file's size.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MORE_ROOM = "free some space or choose another place"
_STILL = 600  # seconds after which an unfinished file of a process that is not here, or elsewhere, is nobody's
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


class OutputError(UserError):
    """A result that cannot be written, though there is nothing wrong with it."""


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Refuse `path` if it exists, unless it may be replaced; to be called before work of any length begins.

    Raises:
        OutputError: it exists and `overwrite` is False.
    """
    if os.path.lexists(path) and not overwrite:
        raise OutputError(
            "exists already",
            location=Location(file=path),
            hint="--overwrite to replace it (the old one is kept beside it), or another name",
        )


def check_writable(path: Path) -> None:
    """Make the folder of `path` and try a file there; to be called before work of any length begins.

    Raises:
        OutputError: what is to become `path` could not be written.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
    except OSError as error:
        known = os_error_as_user_error(error, path)
        if known is None:
            known = OutputError(
                f"cannot be written: {error.strerror}", location=Location(file=path), hint="another place for it"
            )
        raise known from error
    finally:
        _remove(temporary)


def backup_existing(path: Path) -> Path | None:
    """Move an existing `path` aside to the first free `path.old-N`; returns where it went.

    The new name is reserved before the move, so that two processes never move to the same one.
    """
    number = 1
    while os.path.lexists(path):
        kept = path.with_name(f"{path.name}.old-{number}")
        try:
            if path.is_dir() and not path.is_symlink():
                kept.mkdir()
            else:
                kept.open("x").close()
        except FileExistsError:
            number += 1
            continue
        try:
            os.replace(path, kept)
        except OSError as error:
            _remove(kept)
            if isinstance(error, FileNotFoundError):  # moved aside by another process
                return None
            raise
        return kept
    return None


def _put(temporary: Path, path: Path) -> None:
    """Give a finished file or folder its name; FileExistsError where there is something of that name."""
    if temporary.is_dir():
        try:
            os.rename(temporary, path)  # onto a folder that holds something, or a file, it fails
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR) and os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
            raise
        return
    try:
        os.link(temporary, path)  # unlike a rename, it fails where there is something
    except OSError as error:
        if error.errno not in _NO_LINKS or os.path.lexists(path):
            raise
        os.replace(temporary, path)  # a file system without links


def _remove(path: Path) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):  # a folder in which nothing can be made lets nothing be removed either
            path.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    """The unfinished file's name; the suffix is kept, because some libraries choose a format by it."""
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


def _clear_away(path: Path) -> None:
    """Remove what killed processes left unfinished of this very file: their numbers are nobody's, and nothing grows."""
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*.part{glob.escape(path.suffix)}"):
        number = left.name.removesuffix(f".part{path.suffix}").rpartition(".")[2]
        with contextlib.suppress(OSError):  # gone meanwhile
            still = time.time() - left.stat().st_mtime > _STILL
            if number.isdigit() and not os.path.exists(f"/proc/{number}") and os.path.isdir("/proc/self") and still:
                _remove(left)


@contextlib.contextmanager
def atomic_write(path: Path | str, overwrite: bool = False, more_room: str = _MORE_ROOM) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what the caller makes there becomes `path` when the block ends well.

    A failure, Ctrl-C included, leaves nothing behind. A full disk or a folder that cannot be written is an
    `OutputError`. What another process put there meanwhile is never lost: with `overwrite` it is moved aside as well,
    without it the block fails. `more_room` is what to do about a full disk.
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    temporary = _temporary(path)
    with translate_os_errors(path, more_room):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _clear_away(path)
            yield temporary
            while True:
                if overwrite:
                    backup_existing(path)
                try:
                    _put(temporary, path)
                    break
                except FileExistsError:  # put there by another process this moment
                    refuse_existing(path, overwrite)
        finally:
            _remove(temporary)


@contextlib.contextmanager
def translate_os_errors(path: Path, more_room: str = _MORE_ROOM) -> Iterator[None]:
    """A failure to write to `path` becomes an `OutputError` where the user can mend it."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        known = os_error_as_user_error(error, path, more_room)
        if known is None:
            raise
        raise known from error


def os_error_as_user_error(error: Exception, path: Path, more_room: str = _MORE_ROOM) -> OutputError | None:
    """A full disk or a forbidden folder in the user's words; None for anything else."""
    number, location = _number(error), Location(file=path)
    if number in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(path.parent).free / 1e6 if path.parent.exists() else 0
        return OutputError(
            f"the disk is full: {free:.0f} MB are free without the unfinished file",
            location=location,
            hint=more_room,
        )
    if number == errno.EFBIG:
        return OutputError("the file is larger than you may write", location=location, hint="ulimit -f tells the limit")
    if number in _FORBIDDEN:
        return OutputError("cannot be written: no permission there", location=location, hint="another place for it")
    if number in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST) and not path.exists():
        return OutputError("cannot be made there", location=location, hint="another place for it")
    return None


def _number(error: Exception) -> int | None:
    """The system's number of an error; TensorFlow and others have the system's words for a full disk and no number."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    return next((number for number in FULL if os.strerror(number) in str(error)), None)
