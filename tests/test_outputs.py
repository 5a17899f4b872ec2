"""Atomic writes: backups, other processes, full disks, temporary files."""

import errno
import os
import subprocess
import sys

import pytest
import tensorflow as tf

from errors import refused
from gnnzoo.outputs import OutputError, atomic_write, backup_existing, check_writable, translate_os_errors


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_existing_files_are_backed_up_under_the_first_free_name(folder):
    for text in ("first", "second", "third"):
        with atomic_write(folder / "a.txt", overwrite=True) as temporary:
            temporary.write_text(text)
    assert contents(folder) == {"a.txt": "third", "a.txt.old-1": "first", "a.txt.old-2": "second"}


def test_a_backup_name_that_another_process_takes_is_skipped(folder, monkeypatch):
    """Another process makes its backup between the search for a free name and the rename."""
    path, taken = folder / "a.txt", folder / "a.txt.old-1"
    path.write_text("mine")
    monkeypatch.setattr(type(path), "exists", lambda self: os.path.lexists(self) and self != taken)
    taken.write_text("theirs")
    assert backup_existing(path) == folder / "a.txt.old-2"
    assert contents(folder) == {"a.txt.old-1": "theirs", "a.txt.old-2": "mine"}


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_output_of_another_process_is_not_replaced(folder, monkeypatch, kind, overwrite):
    path, location = folder / "a.txt", os.link if kind == "file" else os.rename
    appeared = []

    def make(at, text):
        if kind == "folder":
            at.mkdir()
            at = at / "inside"
        at.write_text(text)

    def late(source, target):
        if not appeared:
            appeared.append(make(path, "theirs"))
        location(source, target)

    monkeypatch.setattr(os, location.__name__, late)

    def write():
        with atomic_write(path, overwrite) as temporary:
            make(temporary, "mine")

    if not overwrite:
        with refused(OutputError, file=path, hint="--overwrite"):
            write()
        found = {"a.txt": "theirs"}
    else:
        write()
        found = {"a.txt": "mine", "a.txt.old-1": "theirs"}
    inside = "inside" if kind == "folder" else ""
    assert {name.name: (name / inside).read_text() for name in folder.iterdir()} == found


def test_a_file_system_without_links(folder, monkeypatch):
    def link(source, target):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    with atomic_write(folder / "a.txt") as temporary:
        temporary.write_text("mine")
    assert contents(folder) == {"a.txt": "mine"}


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "free some space"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "free some space"),
        (tf.errors.ResourceExhaustedError(None, None, "a.txt; No space left on device"), "free some space"),
        (tf.errors.OutOfRangeError(None, None, "a.txt; File too large"), "ulimit -f"),
    ],
)
def test_a_full_disk_is_a_user_error_of_any_library(folder, error, hint):
    path = folder / "a.txt"
    with refused(OutputError, file=path, hint=hint), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise error
    assert contents(folder) == {}


def test_other_errors_are_not_translated(folder):
    with pytest.raises(tf.errors.ResourceExhaustedError), atomic_write(folder / "a.txt"):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")


def test_check_writable(folder):
    check_writable(folder / "deep" / "er" / "a.txt")
    assert [path.name for path in (folder / "deep" / "er").iterdir()] == []
    (folder / "file").write_text("precious")
    for path in (folder / "file" / "a.txt", folder / ("a" * 300 + ".txt")):
        with refused(OutputError, file=path, hint="another place"):
            check_writable(path)
    assert {path.name for path in folder.iterdir()} == {"deep", "file"}


def test_temporary_files_of_killed_processes_are_removed(tmp_path):
    """Those of this machine at once, those of another one, whose processes are unknown here, after ten minutes."""
    dead = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with atomic_write(tmp_path / "data.h5") as temporary:
        temporary.write_text("done")
        here = temporary.name.replace(f"-{os.getpid()}.", f"-{dead.pid}.")
    other = here.replace(here.split(".")[2].split("-")[0], "abcdef01")
    old, running = tmp_path / other.replace("abcdef01", "abcdef02"), tmp_path / here
    for left in (old, running, tmp_path / other, tmp_path / here.replace(".data.", ".else.")):
        left.write_text("unfinished")
    os.utime(old, (0, 0))

    def unfinished():
        with atomic_write(tmp_path / "data.h5", overwrite=True) as temporary:
            temporary.write_text("done")
            return {path.name for path in tmp_path.glob(".*")} - {temporary.name}

    kept = {other, here.replace(".data.", ".else.")}
    assert unfinished() == kept | {here}
    dead.kill()
    dead.wait()
    assert unfinished() == kept


def test_a_folder_that_is_removed_while_a_file_in_it_is_written_is_named(tmp_path):
    folder = tmp_path / "run-001"
    folder.mkdir()
    with refused(OutputError, "removed", file=folder), translate_os_errors(folder / "log.csv"):
        folder.rmdir()
        (folder / "log.csv").write_text("a row")
