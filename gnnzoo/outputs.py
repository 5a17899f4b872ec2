"""Writing results so that nothing is lost: beside their place, then renamed, never over something in silence."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from gnnzoo.errors import Place, UserError


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Refuse `path` if it exists, unless it may be replaced; to be called before work of any length begins.

    Raises:
        UserError: it exists and `overwrite` is False.
    """
    if path.exists() and not overwrite:
        raise UserError(
            "exists already",
            place=Place(file=path),
            hint="--overwrite to replace it (the old one is kept beside it), or another name with -o",
        )


def keep_old(path: Path) -> Path | None:
    """Move an existing `path` aside to the first free `path.old-N`; returns where it went."""
    if not path.exists():
        return None
    number = 1
    while (kept := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    path.rename(kept)
    return kept


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):  # a folder in which nothing can be made lets nothing be removed either
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def written(path: Path | str, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what the caller makes there becomes `path` when the block ends well.

    A failure, Ctrl-C included, leaves nothing behind. A full disk or a folder that cannot be written is a `UserError`.
    The temporary name keeps the suffix, because some libraries choose a format by it.
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if overwrite:
            keep_old(path)
        elif path.exists():  # made by somebody else meanwhile
            refuse_existing(path, overwrite)
        os.replace(temporary, path)
    except OSError as error:
        _remove(temporary)
        raise _explained(error, path) from error
    finally:
        _remove(temporary)


def _explained(error: OSError, path: Path) -> Exception:
    """A full disk or a forbidden folder in the user's words; anything else stays what it is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(path.parent).free / 1e6 if path.parent.exists() else 0
        return UserError(
            f"the disk is full: {free:.0f} MB are free without the unfinished file",
            place=Place(file=path),
            hint="free some space or choose another place with -o",
        )
    if error.errno == errno.EFBIG:
        return UserError(
            "the file is larger than you may write", place=Place(file=path), hint="ulimit -f tells the limit"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError("cannot be written: no permission there", place=Place(file=path), hint="another place with -o")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST) and not path.parent.is_dir():
        return UserError("its folder cannot be made", place=Place(file=path), hint="another place with -o")
    return error
