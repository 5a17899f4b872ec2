"""Splits: complete, disjoint, with gaps, and every part seeing the whole run."""

import numpy as np
import pytest

from gnnzoo.data.splits import Split, split_frames
from gnnzoo.errors import DataError

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def nearest(a, b):
    return np.min(np.abs(a[:, None] - b[None, :]))


@pytest.mark.parametrize("n_frames", [20, 100, 1010])
@pytest.mark.parametrize("method", ["blocks", "cut"])
def test_parts_are_apart_by_more_than_the_gap(n_frames, method):
    gap = 2
    split = split_frames(n_frames, method=method, **SHARES, blocks=10, gap=gap, seed=0)
    parts = [split.train, split.validation, split.test]
    for i, first in enumerate(parts):
        for second in parts[i + 1 :]:
            assert nearest(first, second) > gap


def test_blocks_let_each_part_see_the_whole_run():
    split = split_frames(1000, method="blocks", **SHARES, blocks=10, gap=1, seed=0)
    for part in (split.train, split.validation, split.test):
        counts, _ = np.histogram(part, bins=10, range=(0, 1000))
        assert np.all(counts > 0)
    assert len(split.validation) == len(split.test) == 100


def test_one_cut_keeps_the_order_of_time():
    split = split_frames(100, method="cut", **SHARES, blocks=10, gap=1, seed=0)
    assert split.train.max() < split.validation.min() <= split.validation.max() < split.test.min()


def test_random_uses_every_frame_once_and_its_seed():
    first = split_frames(50, method="random", **SHARES, blocks=1, gap=0, seed=3)
    again = split_frames(50, method="random", **SHARES, blocks=1, gap=0, seed=3)
    other = split_frames(50, method="random", **SHARES, blocks=1, gap=0, seed=4)
    assert sorted([*first.train, *first.validation, *first.test]) == list(range(50))
    assert first.test.tolist() == again.test.tolist() != other.test.tolist()


def test_no_test_part_where_none_is_asked_for():
    split = split_frames(1000, method="blocks", train=0.9, validation=0.1, test=0.0, blocks=10, gap=1, seed=0)
    assert len(split.test) == 0
    assert len(split.validation) == 100


def test_too_few_frames_say_so():
    with pytest.raises(DataError, match="2 frames are too few"):
        split_frames(2, method="blocks", **SHARES, blocks=10, gap=1, seed=0)


def test_a_split_survives_json():
    split = split_frames(30, method="blocks", **SHARES, blocks=10, gap=1, seed=0)
    again = Split.from_dict(split.as_dict())
    assert again.train.tolist() == split.train.tolist()
