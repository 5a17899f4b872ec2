"""Repeats: restarts that write an overlap, files that are there twice, and what only looks like them."""

import numpy as np
import pytest

from gnnzoo.data.frames import Frame
from gnnzoo.data.repeats import repeated_frames, same_positions
from small import MemoryDataset

BOX = 12.0


def walk(frames, seed, start=None, first=0, segment=0, atoms=60, size=0.1):
    """A run in which every atom moves a little from frame to frame."""
    random = np.random.default_rng(seed)
    positions = random.uniform(0, BOX, (atoms, 3)) if start is None else start
    made = []
    for number in range(frames):
        made.append(frame(positions, first + 10 * number, segment))
        positions = positions + random.normal(scale=size, size=positions.shape)
    return made


def frame(positions, step=0, segment=0, ids=None):
    n = len(positions)
    return Frame(
        step=step,
        positions=positions,
        forces=np.zeros((n, 3)),
        cell=np.eye(3) * BOX,
        ids=np.arange(1, n + 1) if ids is None else ids,
        types=np.ones(n, dtype=np.int32),
        segment=segment,
    )


def again(frames, segment, change=lambda positions, number: positions):
    """The same frames in another segment, with their positions changed."""
    return [frame(change(f.positions, n), f.step, segment, f.ids) for n, f in enumerate(frames)]


def found(*runs):
    return repeated_frames(MemoryDataset([one for run in runs for one in run])).tolist()


def test_a_restart_repeats_its_overlap():
    first = walk(20, seed=1)
    restart = again(first[12:], 1) + walk(10, seed=2, start=first[-1].positions, first=200, segment=1)[1:]
    assert found(first, restart) == [*range(20), *range(12, 20), *range(28, 28 + 9)]


def test_rounding_and_lattice_vectors_make_no_difference():
    first = walk(10, seed=1)
    random = np.random.default_rng(0)
    wrapped = again(first, 1, lambda x, _: np.round(x, 4) + BOX * random.integers(-2, 3, x.shape))
    assert found(first, wrapped) == [*range(10), *range(10)]


def test_a_restart_that_slowly_becomes_another_run_repeats_it_as_far_as_it_is_near():
    first = walk(40, seed=1)
    direction = np.random.default_rng(3).normal(size=(60, 3))
    restart = again(first, 1, lambda x, n: x + 1e-6 * direction * 2.0**n)
    # the walk goes 0.1 x 3^0.5 a frame; half of that is 0.1 x 3^0.5 / 2: 1e-6 x 2^n stays below 0.05 up to n = 15
    assert found(first, restart) == [*range(40), *range(16), *range(56, 80)]


def test_other_runs_with_the_same_steps_repeat_nothing():
    assert found(walk(10, seed=1), walk(10, seed=2, segment=1), walk(10, seed=3, segment=2)) == [*range(30)]


def test_two_crystals_on_one_lattice_repeat_nothing():
    random = np.random.default_rng(0)
    sites = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3) * BOX / 4
    runs = [
        [frame(sites + random.normal(scale=0.1, size=sites.shape), 10 * n, segment) for n in range(10)]
        for segment in range(3)
    ]
    assert found(*runs) == [*range(30)]


def test_replicas_share_the_frame_they_begin_from():
    start = np.random.default_rng(9).uniform(0, BOX, (60, 3))
    runs = [walk(5, seed=seed, start=start, segment=seed) for seed in range(3)]
    assert found(*runs) == [0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14]


def test_three_copies_are_copies_of_the_first():
    first = walk(4, seed=1)
    assert found(first, again(first, 1), again(first, 2)) == [0, 1, 2, 3] * 3


def test_atoms_in_another_order_or_a_few_fewer_are_matched_by_id():
    first = walk(6, seed=1)
    other = [frame(f.positions[:50], f.step, 1, f.ids[:50]) for f in first]
    assert found(first, other) == [*range(6)] * 2
    strangers = [frame(f.positions[:20], f.step, 1, f.ids[:20]) for f in first]
    assert found(first, strangers) == [*range(12)]


def test_many_runs_are_compared_at_a_few_frames_only():
    class Counted(MemoryDataset):
        reads = 0

        def read(self, index):
            self.reads += 1
            return self.frames[index]

    dataset = Counted([one for seed in range(6) for one in walk(100, seed=seed, segment=seed, atoms=5)])
    repeated_frames(dataset)
    assert dataset.reads <= 15 * 3 * 6  # pairs of runs, frames looked at, reads for each


@pytest.mark.parametrize(("moved", "same"), [(0.0, True), (BOX, True), (5e-5, True), (1e-2, False)])
def test_standing_still_is_told_within_rounding(moved, same):
    (one,) = walk(1, seed=1)
    dataset = MemoryDataset([one, frame(one.positions + moved, 10), frame(one.positions[:-1], 20)])
    assert same_positions(dataset, 0, 1) is same
    assert not same_positions(dataset, 0, 2)
