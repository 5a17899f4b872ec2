"""Gaps from the autocorrelation time of a run, and the report about the split."""

import json

import numpy as np
import pytest

from correlated_runs import crystal, frame, liquid
from gnnzoo.data.split.make_split import make_split
from gnnzoo.data.split.methods import PARTS, Shares
from small import MemoryDataset


def split_of(frames, shares=(0.8, 0.1, 0.1), files=None, names=("memory",), **changes):
    settings = {"method": "blocks", "blocks": 10, "gap": "auto", "seed": 0} | changes
    return make_split(MemoryDataset(frames, files, names), Shares(*shares), **settings)


def nearest(split):
    parts = [getattr(split, part) for part in PARTS]
    return min(int(np.abs(a[:, None] - b).min()) for i, a in enumerate(parts) for b in parts[i + 1 :])


@pytest.mark.parametrize("time", [3, 8])
def test_the_gap_is_the_structural_autocorrelation_time(time):
    split, report = split_of(liquid(400, time, force_time=1))
    assert report.required_gap == pytest.approx(time, abs=1)
    assert report.gap == report.required_gap and nearest(split) == report.gap + 1
    # three gaps a block, and a fifth of 400 frames for them
    assert report.blocks == 80 // (3 * report.gap) and 0 < report.gap_frames <= 80
    assert report.structure_correlation == pytest.approx(np.exp(-(report.gap + 1) / time), abs=0.06)
    assert report.force_correlation == pytest.approx(0, abs=0.05)
    assert report.decay_known and report.separation == report.gap + 1 and report.every == 10 and not report.drifts


def test_a_run_too_short_takes_the_gap_that_fits():
    split, report = split_of(liquid(100, 300, force_time=2))
    assert not report.decay_known and report.required_gap is None
    assert 0 < report.gap_frames <= 20 and nearest(split) == report.gap + 1
    assert report.structure_correlation == pytest.approx(np.exp(-(report.gap + 1) / 300), abs=0.02)


def test_a_gap_that_does_not_fit_is_reduced():
    _, report = split_of(liquid(200, 40, force_time=1, seed=2))
    assert report.decay_known and report.required_gap > report.gap > 0
    assert report.gap_frames <= 40 and report.structure_correlation > 0.5


def test_the_gap_of_a_crystal_is_that_of_its_vibrations():
    _, report = split_of(crystal(400, 5))
    assert report.structure == "distances" and report.decay_known
    assert report.gap == report.required_gap == pytest.approx(5, abs=1)


def test_a_declared_gap_is_kept_and_compared():
    split, report = split_of(liquid(400, 20, force_time=1), gap=2)
    assert (report.gap, nearest(split)) == (2, 3)
    assert report.declared and report.required_gap == pytest.approx(20, rel=0.2)
    assert report.structure_correlation == pytest.approx(np.exp(-3 / 20), abs=0.03)


def test_gaps_are_times_where_a_run_pauses():
    frames = liquid(200, 6, force_time=1)
    paused = [frame(f.positions, f.forces, f.step + 10_000 * (number >= 100)) for number, f in enumerate(frames)]
    split, report = split_of(paused, shares=(0.5, 0.5, 0.0), blocks=1)
    assert report.gap_frames <= 2 * report.gap
    assert np.concatenate([split.train, split.validation]).size + report.gap_frames == 200


def test_the_overlap_of_a_restart_is_in_one_part():
    # one run of 150 frames; the restart begins at frame 70 and goes on to the end
    whole = liquid(150, 5, force_time=2, atoms=60)
    restart = [frame(f.positions, f.forces, f.step, segment=1) for f in whole[70:]]
    time = np.concatenate([np.arange(100), np.arange(70, 150)])
    split, report = split_of(whole[:100] + restart, blocks=3)
    parts = [time[getattr(split, part)] for part in PARTS]
    assert report.duplicates == 30
    assert min(np.abs(a[:, None] - b).min() for i, a in enumerate(parts) for b in parts[i + 1 :]) > report.gap > 0
    assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts))


def test_a_random_split_reports_the_correlation_of_neighbours():
    _, report = split_of(liquid(200, 10, force_time=3), method="random")
    assert report.lag == 1 and report.gap == report.gap_frames == 0
    assert report.structure_correlation == pytest.approx(np.exp(-1 / 10), abs=0.03)
    assert report.force_correlation == pytest.approx(np.exp(-1 / 3), abs=0.03)


def test_whole_files_that_are_runs_of_their_own_need_no_gap():
    frames = [one for run in range(5) for one in liquid(20, 5, 1, atoms=40, seed=run, segment=run)]
    names = tuple(f"run{number}.lammpstrj" for number in range(5))
    files = np.repeat(np.arange(5), 20).tolist()
    split, report = split_of(
        frames, (0.6, 0.2, 0.2), files, names, method="file", validation_files=("run3*",), test_files=("run1*",)
    )
    assert split.validation.tolist() == list(range(60, 80)) and split.test.tolist() == list(range(20, 40))
    assert report.separation is None and report.gap_frames == 0


def test_heating_is_a_drift():
    heated = [
        frame(f.positions, f.forces * (1 + number / 100), f.step)
        for number, f in enumerate(liquid(100, 3, force_time=1))
    ]
    _, report = split_of(heated, method="cut")
    assert report.drifts
    assert report.force_by_fifth == sorted(report.force_by_fifth)
    # the factor grows from 1 to 2: 1.4 in the middle of the first 80 frames, 1.95 in that of the last 10
    assert report.force_by_part["test"] / report.force_by_part["train"] == pytest.approx(1.95 / 1.4, rel=0.1)
    _, steady = split_of(liquid(100, 3, force_time=1))
    assert not steady.drifts


@pytest.mark.parametrize("frames", [4, 7, 20])
def test_few_frames(frames):
    split, report = split_of(liquid(frames, 50, force_time=1))
    assert min(len(getattr(split, part)) for part in PARTS) >= 1
    assert report.gap_frames <= 0.2 * frames


def test_atoms_that_come_and_go():
    random = np.random.default_rng(0)
    frames = []
    for whole in liquid(200, 4, force_time=1):
        rows = np.sort(random.permutation(216)[: random.integers(150, 216)])
        of_rows = {"ids": whole.ids[rows], "types": whole.types[rows]}
        frames.append(frame(whole.positions[rows], whole.forces[rows], whole.step, **of_rows))
    _, report = split_of(frames)
    assert report.gap == pytest.approx(4, abs=1)


def test_a_report_is_plain_json():
    _, report = split_of(liquid(60, 4, force_time=1))
    again = json.loads(json.dumps(report.to_json()))
    assert again["curves"]["neighbours"]["decay"] == pytest.approx(4, rel=0.4)
    assert again["gap"] == report.gap
