"""Atomic writes of files and folders, backups of existing ones, and OS errors of writing as user errors."""

import contextlib
import errno
import glob
import hashlib
import os
import platform
import shutil
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from gnnzoo.errors import Location, UserError

# Disk full, quota exceeded, file larger than the limit.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MORE_ROOM = "free some space or choose another place"
# Seconds without a change after which a temporary file of another machine, on a shared file system, counts as left
# over: a process writes more often than this.
_STALE = 600
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


class OutputError(UserError):
    """Output that exists or cannot be written."""


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Check that an output does not exist or may be replaced, before any long work.

    Args:
        path: file or folder to be written.
        overwrite: whether it may exist.

    Raises:
        OutputError: it exists and `overwrite` is False, or it is never replaced: the working folder or one around it, a
            device, a pipe.
    """
    if not os.path.lexists(path):
        return
    location = Location(file=path)
    if Path.cwd().is_relative_to(path.resolve()):
        raise OutputError("is the working folder, or a folder around it", location=location, hint="another name")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OutputError(
            "is a device, a pipe or a socket", location=location, expected="a file or a folder", hint="another name"
        )
    if not overwrite:
        raise OutputError(
            "exists already",
            location=Location(file=path),
            hint="--overwrite to replace it (the old one is kept as a backup), or another name",
        )


def check_writable(path: Path) -> None:
    """Check that a file can be created, before any long work; makes its folder.

    Args:
        path: file to be written.

    Raises:
        OutputError: it could not be written.
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
    """Rename an existing file or folder to the first free PATH.old-N.

    The new name is reserved before the move, so that two processes never choose the same one.

    Args:
        path: file or folder.

    Returns:
        The new path; None if there was nothing at `path`.
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
    """Rename a finished file or folder to its final name; FileExistsError if that exists."""
    if temporary.is_dir():
        try:
            os.rename(temporary, path)  # fails if the target is a file or a folder that is not empty
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR) and os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
            raise
        return
    try:
        os.link(temporary, path)  # unlike a rename, fails if the target exists
    except OSError as error:
        if error.errno not in _NO_LINKS or os.path.lexists(path):
            raise
        os.replace(temporary, path)  # no hard links on this file system


def _remove(path: Path) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):  # a read-only folder
            path.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    """Name of the unfinished file; keeps the suffix, by which some libraries choose a format."""
    return path.with_name(f".{path.stem}.{_machine()}-{os.getpid()}.part{path.suffix}")


@cache
def _machine() -> str:
    """Digest of what process numbers belong to: host, boot, and namespace of a container."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):  # not Linux
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text(), str(os.stat("/proc/self/ns/pid").st_ino)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:8]


def _remove_stale(path: Path) -> None:
    """Remove unfinished files of this name that killed processes left: no such process here, or long unchanged."""
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*-*.part{glob.escape(path.suffix)}"):
        process = left.name.removesuffix(f".part{path.suffix}").rpartition(".")[2]
        machine, _, number = process.partition("-")
        with contextlib.suppress(OSError):  # gone meanwhile
            if machine == _machine() and os.path.isdir("/proc/self"):
                stale = number.isdigit() and not os.path.exists(f"/proc/{number}")
            else:
                stale = time.time() - left.stat().st_mtime > _STALE
            if stale:
                _remove(left)


@contextlib.contextmanager
def atomic_write(path: Path | str, overwrite: bool = False, more_room: str = _MORE_ROOM) -> Iterator[Path]:
    """Write a file or folder atomically: it is made under a temporary name and renamed if the block succeeds.

    Any failure, Ctrl-C included, removes the temporary. An output that another process writes meanwhile is never lost:
    with `overwrite` it is backed up as well, without it the block fails.

    Args:
        path: final name.
        overwrite: back up and replace an existing file or folder.
        more_room: hint of the error about a full disk.

    Yields:
        Temporary path in the same folder.

    Raises:
        OutputError: it exists, the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    temporary = _temporary(path)
    with translate_os_errors(path, more_room):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_stale(path)
            yield temporary
            while True:
                if overwrite:
                    backup_existing(path)
                try:
                    _put(temporary, path)
                    break
                except FileExistsError:  # by another process, just now
                    refuse_existing(path, overwrite)
        finally:
            _remove(temporary)


@contextlib.contextmanager
def translate_os_errors(path: Path, more_room: str = _MORE_ROOM) -> Iterator[None]:
    """Turn errors of writing that the user can fix into `OutputError`.

    Args:
        path: file or folder being written.
        more_room: hint of the error about a full disk.
    """
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
    """Describe a full disk or missing permission.

    Args:
        error: raised by writing.
        path: file or folder being written.
        more_room: hint about a full disk.

    Returns:
        The error; None for any other failure.
    """
    number, location = _number(error), Location(file=path)
    if number in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(path.parent).free / 1e6 if path.parent.exists() else 0
        return OutputError(
            f"the disk is full: {free:.0f} MB are free without the unfinished file",
            location=location,
            hint=more_room,
        )
    if number == errno.EFBIG:
        return OutputError(
            "the file is larger than you may write", location=location, hint="ulimit -f prints the limit"
        )
    if number in _FORBIDDEN:
        return OutputError("cannot be written: no permission there", location=location, hint="another place for it")
    if number == errno.ENOENT and not path.parent.exists():
        return OutputError("the folder was removed meanwhile", location=Location(file=path.parent), hint="start again")
    if number in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST) and not path.exists():
        return OutputError("cannot be made there", location=location, hint="another place for it")
    return None


def _number(error: Exception) -> int | None:
    """Errno of an error; for a full disk, TensorFlow raises errors that have its text alone."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    return next((number for number in FULL if os.strerror(number) in str(error)), None)
