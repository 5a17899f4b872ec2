"""Nothing that was written is lost, whatever another process does meanwhile, and what cannot be written is told."""

import errno
import os
import subprocess
import sys

import pytest
import tensorflow as tf

from gnnzoo.outputs import OutputError, atomic_write, backup_existing, check_writable


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_old_one_is_kept_under_the_first_free_name(folder):
    for text in ("first", "second", "third"):
        with atomic_write(folder / "a.txt", overwrite=True) as temporary:
            temporary.write_text(text)
    assert contents(folder) == {"a.txt": "third", "a.txt.old-1": "first", "a.txt.old-2": "second"}


def test_a_name_that_another_process_takes_first_is_left_to_it(folder, monkeypatch):
    """Between the look for a free name and the move, another run moves its own old file there."""
    path, taken = folder / "a.txt", folder / "a.txt.old-1"
    path.write_text("mine")
    monkeypatch.setattr(type(path), "exists", lambda self: os.path.lexists(self) and self != taken)
    taken.write_text("theirs")
    assert backup_existing(path) == folder / "a.txt.old-2"
    assert contents(folder) == {"a.txt.old-1": "theirs", "a.txt.old-2": "mine"}


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_at_the_last_moment_is_not_replaced(folder, monkeypatch, kind, overwrite):
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
        with pytest.raises(OutputError, match="exists already"):
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
    ("error", "what"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        (tf.errors.ResourceExhaustedError(None, None, "a.txt; No space left on device"), "the disk is full"),
        (tf.errors.OutOfRangeError(None, None, "a.txt; File too large"), "larger than you may write"),
    ],
)
def test_a_full_disk_is_told_whoever_meets_it(folder, error, what):
    with pytest.raises(OutputError, match=what) as caught, atomic_write(folder / "a.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert str(caught.value.location) == str(folder / "a.txt")
    assert contents(folder) == {}


def test_another_failure_stays_what_it_is(folder):
    with pytest.raises(tf.errors.ResourceExhaustedError), atomic_write(folder / "a.txt"):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")


def test_what_could_not_be_written_is_refused_beforehand(folder):
    check_writable(folder / "deep" / "er" / "a.txt")
    assert [path.name for path in (folder / "deep" / "er").iterdir()] == []
    (folder / "file").write_text("precious")
    with pytest.raises(OutputError, match="cannot be made there"):
        check_writable(folder / "file" / "a.txt")
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        check_writable(folder / ("a" * 300 + ".txt"))
    assert {path.name for path in folder.iterdir()} == {"deep", "file"}


def test_what_a_killed_process_left_is_cleared_away_and_nothing_else(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = (f".data.{dead.pid}.part.h5", f".data.{dead.pid}9999999.part.h5", f".else.{dead.pid}.part.h5")
    old, new, other = (tmp_path / name for name in names)
    for left in (old, new, other):
        left.write_text("unfinished")
    for left in (old, other):
        os.utime(left, (0, 0))
    with atomic_write(tmp_path / "data.h5") as temporary:
        assert not old.exists()
        assert new.exists()  # it may be growing on another machine
        assert other.exists()
        temporary.write_text("done")
    assert (tmp_path / "data.h5").read_text() == "done"
