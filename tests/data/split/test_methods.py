"""Splits: complete, disjoint, with gaps, every part seeing the whole run, and no frame on both sides."""

from dataclasses import replace

import numpy as np
import pytest

from gnnzoo.data.split.methods import PARTS, Shares, Split, Timeline, split_frames
from gnnzoo.errors import DataError

SHARES = Shares(train=0.8, validation=0.1, test=0.1)


def divided(timeline, shares=SHARES, **changes):
    """A division of a timeline, or of so many frames of one run."""
    timeline = Timeline.of(timeline) if isinstance(timeline, int) else timeline
    return split_frames(timeline, shares, **({"method": "blocks", "blocks": 10, "gap": 1, "seed": 0} | changes))


def parts_of(division):
    return [getattr(division.split, part) for part in PARTS]


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
    division = divided(n_frames, method=method, gap=2)
    parts = parts_of(division)
    for i, first in enumerate(parts):
        for second in parts[i + 1 :]:
            assert nearest(first, second) > 2
    assert sum(map(len, parts)) + division.gaps == n_frames
    assert division.repeats == 0


def test_blocks_let_each_part_see_the_whole_run():
    division = divided(1000)
    for part in parts_of(division):
        counts, _ = np.histogram(part, bins=10, range=(0, 1000))
        assert np.all(counts > 0)
    assert len(division.split.validation) == len(division.split.test) == 100
    assert division.blocks == 10
    # both held-out parts see the same times on the average, so that a drift does not set them apart
    assert abs(division.split.validation.mean() - division.split.test.mean()) < 3


def test_fewer_blocks_where_gaps_would_take_more_than_a_fifth():
    found = [divided(1000, gap=gap) for gap in (1, 10, 20, 60)]
    # each block has three gaps: 3 x gap x blocks <= 200
    assert [division.blocks for division in found] == [10, 6, 3, 1]
    assert all(division.gaps <= 200 for division in found)
    assert [division.gap for division in found] == [1, 10, 20, 60]


def test_a_gap_that_may_shrink_takes_what_fits():
    division = divided(1000, gap=5000, shrink=True)
    assert division.blocks == 2
    assert division.gap == 33 and 0.8 * 200 < division.gaps <= 200
    declared = divided(1000, gap=90)
    assert (declared.blocks, declared.gap, declared.gaps) == (1, 90, 270)


@pytest.mark.parametrize("n_frames", range(3, 21))
@pytest.mark.parametrize("method", ["blocks", "cut"])
def test_few_frames_are_split_all_the_same(n_frames, method):
    division = divided(n_frames, method=method, gap=10**6, shrink=True)
    assert all(len(part) for part in parts_of(division))
    assert division.gaps <= 0.2 * n_frames
    assert len(division.split.train) >= n_frames / 3


def test_one_cut_keeps_the_order_of_time():
    split = divided(100, method="cut").split
    assert split.train.max() < split.validation.min() <= split.validation.max() < split.test.min()


def test_random_uses_every_frame_once_and_its_seed():
    first, again, other = (divided(50, method="random", gap=5, seed=seed) for seed in (3, 3, 4))
    assert sorted(np.concatenate(parts_of(first))) == list(range(50))
    assert first.split.test.tolist() == again.split.test.tolist() != other.split.test.tolist()
    assert (first.gap, first.gaps) == (0, 0)


def test_no_test_part_where_none_is_asked_for():
    split = divided(1000, Shares(0.9, 0.1, 0.0)).split
    assert len(split.test) == 0
    assert len(split.validation) == 100
    assert divided(10, Shares(1.0, 0.0, 0.0)).split.train.tolist() == list(range(10))


def test_too_few_frames_say_so():
    with pytest.raises(DataError, match="2 frames are too few"):
        divided(2)


def test_too_few_frames_say_what_takes_them():
    twice = replace(Timeline.of(30), first=np.zeros(30, dtype=int))
    with pytest.raises(DataError, match=r"30 frames are too few for a .* part of .*%: 29 of them come twice") as caught:
        divided(twice, gap=0)
    assert "data.split.gap" not in caught.value.hint
    with pytest.raises(
        DataError, match=r"12 frames are too few for a train part of 80%: gaps of 20 leave out \d+"
    ) as caught:
        divided(12, gap=20, method="cut")
    assert "--set data.split.gap=0" in caught.value.hint
    assert "data.split.train=0" not in caught.value.hint


def test_the_way_out_of_too_few_frames_is_one():
    with pytest.raises(DataError) as caught:
        divided(2, gap=0)
    assert caught.value.hint == "more frames, or --set data.split.validation=0 --set data.split.train=0.9"
    assert len(divided(2, Shares(0.9, 0.0, 0.1), gap=0).split.test) == 1


def test_a_split_survives_json():
    split = divided(30).split
    again = Split.from_dict(split.as_dict())
    assert again.train.tolist() == split.train.tolist()


# --- several runs ---------------------------------------------------------------------------------------------------


def test_gaps_count_within_a_run_only():
    timeline = runs(*[100] * 10)
    division = divided(timeline, gap=5)
    assert division.blocks == 10
    for first, second in ((0, 1), (0, 2), (1, 2)):
        a, b = parts_of(division)[first], parts_of(division)[second]
        same = timeline.segments[a][:, None] == timeline.segments[b][None, :]
        assert np.abs(a[:, None] - b[None, :])[same].min() > 5


def test_ends_of_short_runs_are_ends_of_parts():
    # 200 runs of 5 frames: whole runs go to the parts, and no frame is lost to a gap
    timeline = runs(*[5] * 200)
    division = divided(timeline, gap=4)
    assert division.gaps == 0
    held_out = np.concatenate([division.split.validation, division.split.test])
    assert len(np.intersect1d(timeline.segments[held_out], timeline.segments[division.split.train])) == 0
    assert len(held_out) == pytest.approx(200, rel=0.15)


def test_a_pause_in_a_run_counts_as_time():
    timeline = replace(Timeline.of(200), clock=np.arange(200.0) + 1000 * (np.arange(200) >= 110))
    # the cut falls where the run pauses: nothing need be left out there
    labels = divided(timeline, Shares(0.5, 0.5, 0.0), method="blocks", blocks=1, gap=10)
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
def test_a_repeated_frame_is_never_on_both_sides(method, gap):
    timeline, time = overlap()
    shares = Shares(0.5, 0.5, 0.0) if method == "file" else SHARES
    division = divided(timeline, shares, method=method, gap=gap)
    parts = [time[part] for part in parts_of(division) if len(part)]
    assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts))
    assert division.repeats == 30
    if method != "random":  # times of the whole run, across the restart
        assert min(nearest(a, b) for i, a in enumerate(parts) for b in parts[i + 1 :]) > gap


def test_a_run_that_is_there_twice_counts_once():
    timeline = replace(runs(60, 60), first=np.tile(np.arange(60), 2))
    division = divided(timeline)
    assert division.repeats == 60
    assert max(map(max, parts_of(division))) < 60


@pytest.mark.parametrize("method", ["blocks", "cut"])
def test_frames_that_stand_still_do_not_straddle_a_border(method):
    place = np.minimum(np.arange(60), 30) + np.maximum(np.arange(60) - 55, 0)  # the same from 30 to 55
    timeline = replace(Timeline.of(60), same=lambda a, b: place[a] == place[b])
    division = divided(timeline, method=method, gap=0, blocks=3)
    places = [set(place[part].tolist()) for part in parts_of(division)]
    assert not places[0] & places[1] and not places[0] & places[2] and not places[1] & places[2]
    assert division.repeats > 0


# --- by file ----------------------------------------------------------------------------------------------------------


def test_whole_files_by_their_share():
    timeline = runs(*[10] * 20)
    division = divided(timeline, method="file", gap=3)
    files = [set(timeline.files[part].tolist()) for part in parts_of(division)]
    assert [len(found) for found in files] == [16, 2, 2]
    assert division.gaps == 0
    assert sum(map(len, parts_of(division))) == 200
    assert max(files[1] | files[2]) - min(files[1] | files[2]) >= 10  # from the whole of the series


def test_files_of_one_run_have_a_gap_between_them():
    timeline = replace(Timeline.of(90), files=np.arange(90) // 30, names=("a", "b", "c"))
    division = divided(timeline, Shares(0.4, 0.3, 0.3), method="file", gap=2)
    a, b, c = parts_of(division)
    assert min(nearest(a, b), nearest(a, c), nearest(b, c)) > 2
    assert division.gaps > 0


def test_files_by_name():
    timeline = runs(*[10] * 6)
    named = {"validation_files": ("run1*",), "test_files": ("data/run4.lammpstrj", "run5.lammpstrj")}
    division = divided(timeline, method="file", **named)
    assert [sorted(set(timeline.files[part].tolist())) for part in parts_of(division)] == [[0, 2, 3], [1], [4, 5]]


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"test_files": ("run9.lammpstr",)}, "no file of the data is named 'run9.lammpstr'. Did you mean 'run"),
        ({"validation_files": ("run1*",), "test_files": ("run*",)}, "is named for validation and for test"),
        ({"validation_files": ("run[01]*",), "test_files": ("run2*",)}, "too few for a train part"),
    ],
)
def test_names_that_do_not_fit_say_so(named, message):
    with pytest.raises(DataError) as caught:
        divided(runs(10, 10, 10), method="file", **named)
    assert message in str(caught.value)


def test_one_file_cannot_be_split_by_file():
    with pytest.raises(DataError, match="the data come from 1 file, too few"):
        divided(100, method="file")
