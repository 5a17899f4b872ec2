"""The reader accepts what LAMMPS could have written, and refuses everything else with an error and its place."""

import random
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import broken_dumps
import dumps
import fuzzing
from strict_dumps import frames_written, same

SETTINGS = settings(
    derandomize=True,
    deadline=None,
    max_examples=80,  # tools/fuzz.py makes tens of thousands
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEXTS = broken_dumps.seeds()
SHARES = 8  # of the broken dumps, so that several processes share them
INPUTS = 1_600  # tools/fuzz.py makes tens of thousands


@pytest.fixture
def complaints(tmp_path):
    """Complaints about the reader on given bytes."""

    def complaints_about(data: bytes) -> list[str]:
        path = tmp_path / "input.lammpstrj"
        path.write_bytes(data)
        return fuzzing.check_reader(path).complaints

    return complaints_about


@pytest.mark.parametrize("form", range(len(TEXTS)))
def test_whole_dumps_are_accepted_and_read_equally_by_the_reference(tmp_path, form):
    path = tmp_path / "whole.lammpstrj"
    for data in [TEXTS[form], *(pack(TEXTS[form]) for pack in broken_dumps.PACKERS.values())]:
        path.write_bytes(data)
        verdict = fuzzing.check_reader(path)
        assert (verdict.kind, verdict.complaints) == ("accepted", [])
    assert len(frames_written(TEXTS[form])[0]) == TEXTS[form].count(b"ITEM: TIMESTEP")


@pytest.mark.parametrize("share", range(SHARES))
def test_broken_dumps_are_refused_or_read_correctly(complaints, share):
    wrong = {}
    for number in range(share, INPUTS, SHARES):
        case = broken_dumps.broken(number, seed=1, texts=TEXTS)
        if found := complaints(case.data):
            wrong[number, case.story] = found
    assert not wrong


@given(
    text=st.sampled_from(TEXTS),
    changes=st.lists(st.tuples(st.sampled_from(broken_dumps.CHANGES), st.integers(0, 10_000)), max_size=4),
)
@SETTINGS
def test_any_sequence_of_changes(complaints, text, changes):
    for change, seed in changes:
        text = change(text, random.Random(seed)) if text else text
    assert complaints(text) == []


@given(text=st.sampled_from(TEXTS), location=st.integers(0, 10_000), word=st.text(max_size=8) | st.floats().map(repr))
# The header has 30 words; then come the rows: id type x y z fx fy fz.
@example(text=TEXTS[0], location=30, word="1_0")
@example(text=TEXTS[0], location=31, word="4294967297")
@example(text=TEXTS[0], location=32, word="1_000")
@example(text=TEXTS[0], location=33, word="\u0663")
@example(text=TEXTS[0], location=34, word="1\r2")
@example(text=TEXTS[0], location=35, word="\u00a01")
@example(text=TEXTS[0], location=2, word="9223372036854775808")
@example(text=TEXTS[0], location=7, word="1_0")
@SETTINGS
def test_any_word_replaced_by_another(complaints, text, location, word):
    words = list(re.finditer(rb"\S+", text))
    old = words[location % len(words)]
    assert complaints(text[: old.start()] + word.encode("utf-8", "surrogatepass") + text[old.end() :]) == []


@given(data=st.binary(max_size=300) | st.binary(max_size=300).map(lambda rest: b"ITEM: TIMESTEP\n" + rest))
@SETTINGS
def test_any_bytes(complaints, data):
    assert complaints(data) == []


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(forces=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=8, max_size=8), step=st.integers(0, 2**63 - 1))
@example(forces=[(1.7e308, 1.7e308, 1.7e308)] * 8, step=0)  # finite numbers whose sum is not
@example(forces=[(5e-324, -0.0, 1e22)] * 8, step=2**63 - 1)
@SETTINGS
def test_any_printed_numbers_are_read_exactly(tmp_path, forces, step):
    snapshot = dumps.argon(frames=1, side=2)[0]
    snapshot.forces, snapshot.step = np.array(forces), step
    path = dumps.write_dump(tmp_path / "exact.lammpstrj", [snapshot], number="%.17g", shuffle=0)
    verdict = fuzzing.check_reader(path)
    assert (verdict.kind, verdict.complaints) == ("accepted", [])
    (written,), _ = frames_written(path.read_bytes())
    assert np.array_equal(written["forces"], snapshot.forces)


def test_the_check_finds_a_wrong_number(tmp_path):
    path = dumps.argon_dump(tmp_path / "argon", frames=1, side=2)
    (frame,), _ = fuzzing.streamed(path)
    (written,), _ = frames_written(path.read_bytes())
    assert same(frame, written)
    for name in ("ids", "types", "forces", "positions", "cell", "origin"):
        wrong = written | {name: (np.array(written[name]) + 1e-9 * (name not in ("ids", "types"))).tolist()}
        wrong = written | {name: [2, *written[name][1:]]} if name in ("ids", "types") else wrong
        assert not same(frame, wrong), name


def test_the_check_finds_lost_and_wrongly_accepted_frames(tmp_path, monkeypatch):
    path = dumps.argon_dump(tmp_path / "argon", frames=3, side=2)
    monkeypatch.setattr(fuzzing, "_attempt", lambda path, verdict, read: (read(path)[0][:2], set()))
    (complaint,) = fuzzing.check_reader(path).complaints
    assert complaint.startswith("a frame was left out in silence")
    text = path.read_text()
    monkeypatch.undo()

    def generous(path, verdict, read):
        path.write_text(text)
        frames = read(path)
        path.write_text(text.replace("\n1 1 ", "\n1_0 1 ", 1))
        return frames

    monkeypatch.setattr(fuzzing, "_attempt", generous)
    (complaint,) = fuzzing.check_reader(path).complaints
    assert complaint.startswith("a frame was accepted that LAMMPS could not have written")
