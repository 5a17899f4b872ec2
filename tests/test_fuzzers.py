"""A few hundred broken files of every format: each is refused with its file, or read as an independent reader does.

`tools/fuzz.py` does the same with many thousands. The seeds here are fixed, so that a failure can be repeated.
"""

import random
import subprocess
import sys
import tempfile

import pytest

from fuzzers import FUZZERS, load_fuzzer
from fuzzers.guard import guarded
from gnnzoo.errors import Location, UserError

SECONDS = 10
# Dumps have a test of their own, tests/data/lammps/test_fuzz.py.
INPUTS = {
    **{"log": 200, "extxyz": 40, "deepmd": 40, "h5md": 40, "recipe": 80},
    **{"tfrecord": 6, "gnnzoo.json": 6, "checkpoint": 6, "card": 20, "example": 60, "keras": 2},
}


@pytest.mark.parametrize("name", INPUTS)
def test_broken_files_are_refused_or_read_as_an_independent_reader_does(tmp_path, monkeypatch, name):
    for part in ("made", "work"):
        (tmp_path / part).mkdir()
    fuzzer = load_fuzzer(name)
    fuzzer.prepare(tmp_path / "made")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "work"))
    path, wrong, kinds = tmp_path / "work" / fuzzer.file, {}, set()
    fuzzer.warm_up(path, inputs=1)
    for number in range(INPUTS[name]):
        story = fuzzer.write(path, random.Random(f"test {number}"))
        verdict = fuzzer.check(path, SECONDS)
        kinds.add(verdict.kind)
        if verdict.complaints:
            wrong[number, story] = verdict.complaints
    assert not wrong
    if INPUTS[name] >= 40:
        assert len(kinds) > 1  # some are accepted, and some refused


def test_every_format_is_tested():
    assert {*INPUTS, "dump"} == set(FUZZERS)


# --- the guard ----------------------------------------------------------------------------------------------------


def _writes(path):
    (path.parent.parent / "outside").write_text("x")


def _writes_inside(path):
    (path.parent / "inside").write_text("x")


def _removes(path):
    (path.parent.parent / "other").unlink()


def _starts(path):
    subprocess.run([sys.executable, "--version"], check=True, capture_output=True)


def _fails(path):
    return {}[path]


def _hangs(path):
    while True:
        pass


def _refuses_without_file(path):
    raise UserError("wrong")


def _refuses(path):
    raise UserError("wrong", location=Location(path))


@pytest.mark.parametrize(
    ("read", "kind", "complaint"),
    [
        (_writes, "accepted", "outside"),
        (_writes_inside, "accepted", None),
        (_removes, "accepted", "outside"),
        (_starts, "accepted", "program"),
        (_fails, "failed", "KeyError"),
        (_hangs, "too long", "time"),
        (_refuses_without_file, "refused: UserError", "without the file"),
        (_refuses, "refused: UserError", None),
    ],
)
def test_the_guard_finds_what_must_not_happen(tmp_path, read, kind, complaint):
    (tmp_path / "work").mkdir()
    (tmp_path / "other").write_text("x")
    verdict = guarded(lambda path: read(path) or [], tmp_path / "work" / "input", 0.2)
    assert verdict.kind == kind
    if complaint is None:
        assert not verdict.complaints
    else:
        assert any(complaint in text for text in verdict.complaints)


def test_an_unknown_format_is_an_error():
    done = subprocess.run([sys.executable, "tools/fuzz.py", "dmp"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "dmp" in done.stderr
