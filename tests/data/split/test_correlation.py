"""Autocorrelation times of processes whose time is known, and of runs too short to know it."""

import numpy as np
import pytest

from correlated_runs import crystal, fluctuating, frame, liquid
from gnnzoo.data.split.correlation import correlations, decay_lag, inefficiency
from small import MemoryDataset


@pytest.mark.parametrize(("time", "force_time"), [(12, 3), (5, 8)])
def test_a_liquid_of_known_autocorrelation_time(time, force_time):
    found = correlations(MemoryDataset(liquid(300, time, force_time)))
    assert found.structure.observable == "neighbours" and not found.too_short
    assert found.structure.decay == pytest.approx(time, rel=0.1)
    assert found.forces.decay == pytest.approx(force_time, rel=0.1)
    assert found.every == 10
    # 1 + 2 sum exp(-lag / time) = coth(1 / (2 time))
    assert found.independent(found.structure) == pytest.approx(300 * np.tanh(1 / (2 * time)), rel=0.2)


def test_a_crystal_is_measured_by_its_fluctuations():
    found = correlations(MemoryDataset(crystal(400, 6)))
    assert found.neighbours.decay is None and found.neighbours.values[-1] > 0.9
    assert found.structure.observable == "distances"
    assert not found.too_short
    assert found.structure.decay == pytest.approx(6, rel=0.15)


def test_a_run_that_is_too_short():
    found = correlations(MemoryDataset(liquid(40, 200, 3)))
    assert found.too_short and found.structure.decay is None
    assert found.structure.observable == "neighbours"
    assert found.structure.at(5) == pytest.approx(np.exp(-5 / 200), abs=0.03)
    assert correlations(MemoryDataset(crystal(30, 40))).too_short


def test_a_long_run_of_many_atoms_is_sampled():
    class Counted(MemoryDataset):
        reads = 0

        def read(self, index):
            self.reads += 1
            return self.frames[index]

    dataset = Counted(liquid(3000, 40, 4, atoms=60))
    found = correlations(dataset)
    assert dataset.reads <= 450
    assert found.structure.decay == pytest.approx(40, rel=0.15)
    assert found.longest == 1500


def test_frames_are_compared_within_a_segment_only():
    first, second = liquid(100, 10, 3, seed=1), liquid(100, 10, 3, seed=2, segment=1)
    found = correlations(MemoryDataset(first + second))
    assert found.longest == 50
    assert found.structure.decay == pytest.approx(10, rel=0.12)
    alone = [frame(f.positions, f.forces, step=0, segment=number) for number, f in enumerate(first)]
    unknown = correlations(MemoryDataset(alone))
    assert unknown.structure is None and unknown.forces is None and unknown.too_short
    assert unknown.independent(unknown.forces) is None and unknown.every is None


def test_unevenly_spaced_frames_are_not_compared():
    frames = liquid(200, 10, 3)
    steps = np.concatenate([np.arange(150) * 10, 1_500 + np.arange(50) ** 3])
    uneven = [frame(f.positions, f.forces, step=int(step)) for f, step in zip(frames, steps, strict=True)]
    found = correlations(MemoryDataset(uneven))
    assert found.every == 10 and found.longest == 75
    assert found.structure.decay == pytest.approx(10, rel=0.12)


def test_atoms_that_come_and_go_are_matched_by_id():
    random = np.random.default_rng(5)
    some = []
    for whole in liquid(300, 12, 3):
        rows = np.sort(random.permutation(216)[: random.integers(150, 200)])
        some.append(
            frame(
                whole.positions[rows],
                whole.forces[rows],
                whole.step,
                ids=whole.ids[rows],
                types=whole.types[rows],
            )
        )
    found = correlations(MemoryDataset(some))
    assert found.structure.decay == pytest.approx(12, rel=0.12)
    assert found.forces.decay == pytest.approx(3, rel=0.12)


def test_atoms_of_one_molecule_are_not_neighbours():
    random = np.random.default_rng(0)
    pairs = []
    for number, one in enumerate(liquid(200, 5, 3, atoms=100)):
        bonds = random.normal(scale=0.05, size=(100, 3))
        pairs.append(
            frame(
                np.concatenate([one.positions, one.positions + bonds]),
                np.tile(one.forces, (2, 1)),
                step=number,
                molecules=np.tile(np.arange(1, 101), 2),
            )
        )
    assert correlations(MemoryDataset(pairs)).structure.decay == pytest.approx(5, rel=0.12)


def test_one_small_molecule_is_measured_by_its_distances():
    random = np.random.default_rng(0)
    rest = np.array([[0.0, 0, 0], [1, 0, 0], [-0.3, 0.9, 0]])
    shifts = 0.05 * fluctuating(400, rest.shape, 4, random)
    turned = [(rest + shift) @ np.linalg.qr(random.normal(size=(3, 3)))[0] for shift in shifts]
    frames = [
        frame(positions, positions, step=number, boundary=("ff",) * 3, molecules=np.ones(3, dtype=np.int64))
        for number, positions in enumerate(turned)
    ]
    found = correlations(MemoryDataset(frames))
    assert found.structure.observable == "distances"
    assert found.structure.decay == pytest.approx(4, rel=0.4)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_few_frames(frames):
    found = correlations(MemoryDataset(liquid(frames, 10, 3)))
    assert found.too_short and found.frames == frames
    assert found.to_json()["structure"] == (None if frames == 1 else "neighbours")


def test_forces_of_zero_have_no_correlation():
    still = [frame(f.positions, np.zeros_like(f.forces), step=f.step) for f in liquid(20, 2, 1)]
    assert correlations(MemoryDataset(still)).forces is None


def test_decay_and_inefficiency_by_hand():
    lags = np.array([0, 1, 2, 4])
    # exp(-lag / 3) at these lags: e^-1 at 3, between 2 and 4
    assert decay_lag(lags, np.exp(-lags / 3)) == pytest.approx(3)
    assert decay_lag(lags, np.array([1.0, 0.9, 0.8, 0.7])) is None
    # 1 -> 0 within a frame: 1/e of the way down is left after 1 - 1/e
    assert decay_lag(np.array([0, 1]), np.array([1.0, 0.0])) == pytest.approx(1 - np.exp(-1))
    # lags 1, 2, 3 hold 0.5, 0.25, 0.125 (between 0.25 and 0): 1 + 2 x 0.875
    assert inefficiency(lags, np.array([1, 0.5, 0.25, 0.0])) == pytest.approx(2.75)
