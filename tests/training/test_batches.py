"""Batches of old frames between those of new ones: how many, where, and that no new frame is left out."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from gnnzoo import fields
from gnnzoo.training.batches import BatchSampler, ReplaySampler
from gnnzoo.training.prepare import prepare
from small import argon_dataset, recipe

SHARES = [0.1, 0.25, 0.3, 0.5, 2 / 3, 0.7, 0.9]
STEPS = 200


class Numbered:
    """A sampler whose batches are its name and their number."""

    batch_size = 2

    def __init__(self, name, steps_per_epoch=12):
        self.name, self.steps_per_epoch = name, steps_per_epoch

    def batch(self, step):
        return self.name, step


def replay(share, steps_per_epoch=12):
    return ReplaySampler(Numbered("new", steps_per_epoch), Numbered("old"), share)


def sampled(share, steps=STEPS):
    """(steps,) 1 where a step uses old frames; the numbers of new batches; those of old ones."""
    batches = [replay(share).batch(step) for step in range(steps)]
    numbers = [[number for name, number in batches if name == kind] for kind in ("new", "old")]
    return np.array([name == "old" for name, _ in batches], int), *numbers


@pytest.mark.parametrize("share", SHARES)
def test_the_share_of_steps_is_that_asked_for_at_any_time(share):
    old = sampled(share)[0]
    done = np.arange(1, STEPS + 1)
    assert np.all(np.abs(np.cumsum(old) - share * done) < 1)


@pytest.mark.parametrize("share", SHARES)
def test_both_samplers_go_on_in_order_and_no_batch_is_left_out(share):
    old, of_new, of_old = sampled(share)
    assert of_new == list(range(STEPS - old.sum()))
    assert of_old == list(range(old.sum()))


@pytest.mark.parametrize("share", SHARES)
def test_old_frames_are_evenly_spread(share):
    """The numbers of other steps between two of theirs differ by one at most."""
    of_fewer = sampled(share)[0] == int(share <= 0.5)  # the steps of the kind that is rarer
    gaps = [second - first for first, second in pairwise(np.flatnonzero(of_fewer))]
    rarer = min(share, 1 - share)
    assert {int(1 / rarer + 1e-9), int(np.ceil(1 / rarer - 1e-9))} == set(gaps)


def test_a_quarter_by_hand():
    names = [replay(0.25).batch(step) for step in range(8)]
    expected = [("new", 0), ("new", 1), ("new", 2), ("old", 0), ("new", 3), ("new", 4), ("new", 5), ("old", 1)]
    assert names == expected


def test_without_a_share_it_is_the_new_sampler():
    sampler = replay(0.0)
    assert [sampler.batch(step) for step in range(30)] == [("new", step) for step in range(30)]
    assert sampler.steps_per_epoch == 12


@pytest.mark.parametrize(
    ("new", "share", "steps"),
    [(12, 0.25, 16), (12, 0.5, 24), (9, 0.1, 10), (12, 0.8, 60), (3, 0.9, 30), (5, 0.3, 8), (1, 0.4, 2)],
)
def test_an_epoch_is_as_long_as_it_takes_to_see_every_new_frame(new, share, steps):
    """new / (1 - share) steps, rounded up: 5 / 0.7 = 7.1."""
    exact = Fraction(new) / (1 - Fraction(str(share)))
    assert steps == -(-exact.numerator // exact.denominator)
    sampler = replay(share, new)
    assert sampler.steps_per_epoch == steps
    assert {number for name, number in map(sampler.batch, range(steps)) if name == "new"} >= set(range(new))


# --- with frames --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def samplers():
    """Makes samplers of new and old frames from one source: the first twelve are new, the others old."""
    prepared = prepare(recipe(), argon_dataset())

    def made(share):
        parts = np.arange(12), np.arange(12, 20)
        new, old = (BatchSampler(prepared.source, part, 2, 3) for part in parts)
        return ReplaySampler(new, old, share), prepared.source

    return made


def frames(batch, source):
    """The numbers of the two frames of a batch, by their forces."""
    forces = batch[fields.FORCES].numpy().reshape(2, -1, 3)
    known = [source.graph(number).forces for number in range(len(source))]
    return [next(n for n, of_frame in enumerate(known) if np.array_equal(of_frame, half)) for half in forces]


def test_every_new_frame_comes_once_an_epoch_with_old_ones_between(samplers):
    sampler, source = samplers(0.5)
    new, old = set(sampler.new.train.tolist()), set(sampler.old.train.tolist())
    assert sampler.steps_per_epoch == 12  # six of new frames, two at a time
    assert sampler.batch_size == 2
    orders = []
    for epoch in range(2):
        seen = [frames(sampler.batch(step), source) for step in range(12 * epoch, 12 * (epoch + 1))]
        of_new = [number for batch in seen for number in batch if number in new]
        assert sorted(of_new) == sorted(new)
        assert [set(batch) <= old for batch in seen] == [False, True] * 6
        orders.append(of_new)
    assert orders[0] != orders[1]  # shuffled again


def test_a_batch_follows_from_its_step_alone(samplers):
    (first, _), (second, _) = samplers(0.3), samplers(0.3)
    forwards = {step: first.batch(step) for step in range(14)}
    for step in np.random.default_rng(0).permutation(14):
        batch = second.batch(int(step))
        assert batch.keys() == forwards[step].keys()
        for key, value in batch.items():
            np.testing.assert_array_equal(value, forwards[step][key], err_msg=key)
