"""Splits are complete and disjoint, with gaps; each part covers the whole run; no duplicate is on both sides."""

from dataclasses import replace

import numpy as np
import pytest

from errors import refused
from gnnzoo.data.split.methods import PARTS, Shares, Split, Timeline, split_frames
from gnnzoo.errors import DataError

SHARES = Shares(train=0.8, validation=0.1, test=0.1)


def split_of(timeline, shares=SHARES, **changes):
    """A split of a timeline, or of so many frames of one run."""
    timeline = Timeline.of(timeline) if isinstance(timeline, int) else timeline
    return split_frames(timeline, shares, **({"method": "blocks", "blocks": 10, "gap": 1, "seed": 0} | changes))


def parts_of(result):
    return [getattr(result.split, part) for part in PARTS]


def nearest(a, b):
    return np.min(np.abs(a[:, None] - b[None, :]))


def runs(*lengths, files=True):
    """Runs of these lengths one after the other, each from a file of its own."""
    segments = np.repeat(np.arange(len(lengths)), lengths)
    return replace(
        Timeline.of(sum(lengths)),
        segments=segments,
        clock=np.concatenate([np.arange(length, dtype=float) for length in lengths]),
        files=segments,
        names=tuple(f"data/run{number}.lammpstrj" for number in range(len(lengths))),
    )


@pytest.mark.parametrize("n_frames", [20, 100, 1010])
@pytest.mark.parametrize("method", ["blocks", "cut"])
def test_parts_are_apart_by_more_than_the_gap(n_frames, method):
    result = split_of(n_frames, method=method, gap=2)
    parts = parts_of(result)
    for i, first in enumerate(parts):
        for second in parts[i + 1 :]:
            assert nearest(first, second) > 2
    assert sum(map(len, parts)) + result.gap_frames == n_frames
    assert result.duplicates == 0


def test_in_blocks_each_part_covers_the_whole_run():
    result = split_of(1000)
    for part in parts_of(result):
        counts, _ = np.histogram(part, bins=10, range=(0, 1000))
        assert np.all(counts > 0)
    assert len(result.split.validation) == len(result.split.test) == 100
    assert result.blocks == 10
    # both held-out parts see the same times on the average, so that a drift does not set them apart
    assert abs(result.split.validation.mean() - result.split.test.mean()) < 3


def test_fewer_blocks_where_gaps_would_take_more_than_a_fifth():
    found = [split_of(1000, gap=gap) for gap in (1, 10, 20, 60)]
    # each block has three gaps: 3 x gap x blocks <= 200
    assert [result.blocks for result in found] == [10, 6, 3, 1]
    assert all(result.gap_frames <= 200 for result in found)
    assert [result.gap for result in found] == [1, 10, 20, 60]


def test_a_gap_that_may_shrink_takes_what_fits():
    result = split_of(1000, gap=5000, shrink=True)
    assert result.blocks == 2
    assert result.gap == 33 and 0.8 * 200 < result.gap_frames <= 200
    declared = split_of(1000, gap=90)
    assert (declared.blocks, declared.gap, declared.gap_frames) == (1, 90, 270)


@pytest.mark.parametrize("n_frames", range(3, 21))
@pytest.mark.parametrize("method", ["blocks", "cut"])
def test_few_frames_are_split(n_frames, method):
    result = split_of(n_frames, method=method, gap=10**6, shrink=True)
    assert all(len(part) for part in parts_of(result))
    assert result.gap_frames <= 0.2 * n_frames
    assert len(result.split.train) >= n_frames / 3


def test_one_cut_keeps_the_order_of_time():
    split = split_of(100, method="cut").split
    assert split.train.max() < split.validation.min() <= split.validation.max() < split.test.min()


def test_random_uses_every_frame_once_and_its_seed():
    first, again, other = (split_of(50, method="random", gap=5, seed=seed) for seed in (3, 3, 4))
    assert sorted(np.concatenate(parts_of(first))) == list(range(50))
    assert first.split.test.tolist() == again.split.test.tolist() != other.split.test.tolist()
    assert (first.gap, first.gap_frames) == (0, 0)


def test_no_test_part_where_none_is_asked_for():
    split = split_of(1000, Shares(0.9, 0.1, 0.0)).split
    assert len(split.test) == 0
    assert len(split.validation) == 100
    assert split_of(10, Shares(1.0, 0.0, 0.0)).split.train.tolist() == list(range(10))


def test_too_few_frames():
    with refused(DataError, 2, "validation", hint="more frames") as refusal:
        split_of(2, gap=0)
    assert refusal.error.hint.endswith("--set data.split.validation=0 --set data.split.train=0.9")
    assert len(split_of(2, Shares(0.9, 0.0, 0.1), gap=0).split.test) == 1  # so the hint works


def test_errors_about_too_few_frames_state_what_takes_them():
    twice = replace(Timeline.of(30), first=np.zeros(30, dtype=int))
    with refused(DataError, 30, "29 of them", hint="more frames") as refusal:
        split_of(twice, gap=0)
    assert "data.split.gap" not in refusal.error.hint
    with refused(DataError, 12, "train part of 80%", "gaps of 20", hint="--set data.split.gap=0") as refusal:
        split_of(12, gap=20, method="cut")
    assert "data.split.train=0" not in refusal.error.hint


def test_a_split_survives_json():
    split = split_of(30).split
    again = Split.from_json(split.to_json())
    assert again.train.tolist() == split.train.tolist()


# --- several runs ---------------------------------------------------------------------------------------------------


def test_gaps_count_within_a_run_only():
    timeline = runs(*[100] * 10)
    result = split_of(timeline, gap=5)
    assert result.blocks == 10
    for first, second in ((0, 1), (0, 2), (1, 2)):
        a, b = parts_of(result)[first], parts_of(result)[second]
        same = timeline.segments[a][:, None] == timeline.segments[b][None, :]
        assert np.abs(a[:, None] - b[None, :])[same].min() > 5


def test_ends_of_short_runs_are_ends_of_parts():
    # 200 runs of 5 frames: whole runs go to the parts, and no frame is lost to a gap
    timeline = runs(*[5] * 200)
    result = split_of(timeline, gap=4)
    assert result.gap_frames == 0
    held_out = np.concatenate([result.split.validation, result.split.test])
    assert len(np.intersect1d(timeline.segments[held_out], timeline.segments[result.split.train])) == 0
    assert len(held_out) == pytest.approx(200, rel=0.15)


def test_a_pause_in_a_run_counts_as_time():
    timeline = replace(Timeline.of(200), clock=np.arange(200.0) + 1000 * (np.arange(200) >= 110))
    # the cut falls where the run pauses: nothing need be left out there
    labels = split_of(timeline, Shares(0.5, 0.5, 0.0), method="blocks", blocks=1, gap=10)
    assert 110 in labels.split.train or 110 in labels.split.validation
    assert 109 in np.concatenate(parts_of(labels)) and 110 in np.concatenate(parts_of(labels))


# --- repeats ----------------------------------------------------------------------------------------------------------


def overlap(first=100, second=100, common=30):
    """A run, and a restart that writes the last `common` frames of it again."""
    timeline = runs(first, second)
    repeats = np.arange(first + second)
    repeats[first : first + common] = np.arange(first - common, first)
    return replace(timeline, first=repeats), np.concatenate([np.arange(first), first - common + np.arange(second)])


@pytest.mark.parametrize("method", ["blocks", "cut", "random", "file"])
@pytest.mark.parametrize("gap", [0, 3, 8])
def test_duplicates_are_never_on_both_sides(method, gap):
    timeline, time = overlap()
    shares = Shares(0.5, 0.5, 0.0) if method == "file" else SHARES
    result = split_of(timeline, shares, method=method, gap=gap)
    parts = [time[part] for part in parts_of(result) if len(part)]
    assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts))
    assert result.duplicates == 30
    if method != "random":  # times of the whole run, across the restart
        assert min(nearest(a, b) for i, a in enumerate(parts) for b in parts[i + 1 :]) > gap


def test_a_run_present_twice_counts_once():
    timeline = replace(runs(60, 60), first=np.tile(np.arange(60), 2))
    result = split_of(timeline)
    assert result.duplicates == 60
    assert max(map(max, parts_of(result))) < 60


@pytest.mark.parametrize("method", ["blocks", "cut"])
def test_frames_without_motion_are_in_one_part(method):
    place = np.minimum(np.arange(60), 30) + np.maximum(np.arange(60) - 55, 0)  # the same from 30 to 55
    timeline = replace(Timeline.of(60), same=lambda a, b: place[a] == place[b])
    result = split_of(timeline, method=method, gap=0, blocks=3)
    places = [set(place[part].tolist()) for part in parts_of(result)]
    assert not places[0] & places[1] and not places[0] & places[2] and not places[1] & places[2]
    assert result.duplicates > 0


# --- by file ----------------------------------------------------------------------------------------------------------


def test_whole_files_by_their_share():
    timeline = runs(*[10] * 20)
    result = split_of(timeline, method="file", gap=3)
    files = [set(timeline.files[part].tolist()) for part in parts_of(result)]
    assert [len(found) for found in files] == [16, 2, 2]
    assert result.gap_frames == 0
    assert sum(map(len, parts_of(result))) == 200
    assert max(files[1] | files[2]) - min(files[1] | files[2]) >= 10  # from the whole of the series


def test_files_of_one_run_have_a_gap_between_them():
    timeline = replace(Timeline.of(90), files=np.arange(90) // 30, names=("a", "b", "c"))
    result = split_of(timeline, Shares(0.4, 0.3, 0.3), method="file", gap=2)
    a, b, c = parts_of(result)
    assert min(nearest(a, b), nearest(a, c), nearest(b, c)) > 2
    assert result.gap_frames > 0


def test_files_by_name():
    timeline = runs(*[10] * 6)
    named = {"validation_files": ("run1*",), "test_files": ("data/run4.lammpstrj", "run5.lammpstrj")}
    result = split_of(timeline, method="file", **named)
    assert [sorted(set(timeline.files[part].tolist())) for part in parts_of(result)] == [[0, 2, 3], [1], [4, 5]]


@pytest.mark.parametrize(
    ("named", "names"),
    [
        ({"test_files": ("run9.lammpstr",)}, ["test_files", "'run9.lammpstr'", "Did you mean 'run"]),
        ({"validation_files": ("run1*",), "test_files": ("run*",)}, ["'data/run1.lammpstrj'"]),
        ({"validation_files": ("run[01]*",), "test_files": ("run2*",)}, ["train part"]),
    ],
)
def test_patterns_that_match_no_file(named, names):
    with refused(DataError, *names):
        split_of(runs(10, 10, 10), method="file", **named)


def test_one_file_cannot_be_split_by_file():
    with refused(DataError, "1 file", hint='data.split.method="blocks"'):
        split_of(100, method="file")
