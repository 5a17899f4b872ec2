"""One pass over all frames: what stands still, what sticks out, what drifts."""

import numpy as np
import pytest

import dumps
from frames_in_memory import argon, frame, frames_of
from gnnzoo.data.inspection.accumulator import RunAccumulator, known_masses
from gnnzoo.data.inspection.drift import drift
from systems import changed


def tally_of(frames, type_names=None, masses=None, units=None):
    tally = RunAccumulator(type_names or {1: "A", 2: "B"}, masses or {}, units)
    for each in frames:
        tally.take(each)
    return tally


def test_atoms_held_by_setforce_are_found():
    frames = frames_of(dumps.argon(frames=5, side=3))
    types = np.where(np.arange(27) < 9, 2, 1).astype(np.int32)
    held = []
    for number, each in enumerate(frames):
        forces = each.forces.copy()
        forces[:4] = 0  # always, all of type 2
        forces[20 + number] = 0  # another one in each frame
        held.append(changed(each, types=types, forces=forces))
    told = tally_of(held).zero_forces()
    assert told["always"] == 4
    assert told["per_type"] == {"B": pytest.approx(4 / 9), "A": pytest.approx(1 / 18)}
    assert told["components"] == []
    flat = [changed(each, forces=each.forces * [1, 1, 0]) for each in frames]
    assert tally_of(flat).zero_forces() == {"always": 0, "per_type": {}, "components": ["z"]}


def test_always_means_the_same_atoms_also_where_atoms_come_and_go():
    forces = np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 0]])
    one = frame(np.eye(3), forces, np.eye(3) * 9, ids=np.array([1, 2, 3]))
    two = frame(np.eye(3)[:2], forces[:2], np.eye(3) * 9, ids=np.array([3, 4]), types=np.ones(2, np.int32))
    assert tally_of([one, two]).zero_forces()["always"] == 1  # atom 3


def test_a_force_far_beyond_the_others_is_named():
    frames = frames_of(dumps.argon(frames=5, side=3))
    assert tally_of(frames).outliers()["count"] == 0
    forces = frames[3].forces.copy()
    forces[11] = [0, 1e4, 0]
    frames[3] = changed(frames[3], forces=forces)
    told = tally_of(frames).outliers()
    assert told["count"] == 1
    assert {key: told["largest"][0][key] for key in ("force", "frame", "step", "id", "type")} == {
        "force": 1e4,
        "frame": 3,
        "step": 30,
        "id": 12,
        "type": "A",
    }


def test_the_histogram_counts_every_force_in_its_bin():
    frames = frames_of(dumps.argon(frames=3, side=3))
    told = tally_of(frames).histograms()
    norms = np.concatenate([np.linalg.norm(each.forces, axis=1) for each in frames])
    expected, _ = np.histogram(norms, told["edges"])
    assert told["counts"] == {"A": expected.tolist()}
    assert sum(expected) == 81


def test_temperature_and_density_follow_the_frames():
    frames = [changed(each, type_names={1: "Ar"}, units="real") for each in argon(frames=3)]
    series = tally_of(frames, {1: "Ar"}, {1: 39.95}, "real").series()
    assert np.all((series["temperature"] > 60) & (series["temperature"] < 130))
    assert np.allclose(series["g_cm3"], 108 * 39.95 * 1.66054 / 16.8**3, rtol=1e-5)
    undeclared = tally_of(frames, {1: "Ar"}, {1: 39.95}, None)
    assert undeclared.kept_series(np.arange(3))["temperature"] is None


def test_masses_come_from_the_column_from_elements_or_are_one():
    assert known_masses({"masses": {"1": 16.0}}, {1: "O"}, "real") == ({1: 16.0}, "column mass")
    assert known_masses({}, {1: "O", 2: "X"}, "real") == ({1: 15.999}, "standard atomic masses")
    assert known_masses({}, {1: "1"}, "lj") == ({1: 1.0}, "taken as 1")
    assert known_masses({}, {1: "1", 2: "2"}, "lj") == ({}, None)


def series_of(forces, temperature=None):
    unknown = np.full(len(forces), np.nan)
    return {
        "mean_force": np.asarray(forces, float),
        "temperature": unknown if temperature is None else temperature,
        "density": np.ones(len(forces)),
    }


def test_heating_is_a_drift_and_noise_is_none():
    random = np.random.default_rng(0)
    noise = random.normal(scale=0.1, size=200)
    told = drift(series_of(np.linspace(0.4, 1.35, 200) + noise, np.linspace(1, 90, 200)))
    assert told["drifts"]["mean_force"]["from"] == pytest.approx(0.4, abs=0.1)
    assert told["drifts"]["mean_force"]["to"] == pytest.approx(1.35, abs=0.1)
    assert told["drifts"]["temperature"]["change"] > 1
    assert told["cut"]["ratio"] == pytest.approx(1.31 / 0.78, rel=0.1)
    assert drift(series_of(1 + noise))["drifts"] == {}
    assert drift(series_of(1 + 3 * noise))["drifts"] == {}


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_a_few_frames_drift_nowhere(frames):
    told = drift(series_of(np.arange(1.0, frames + 1)))
    assert told["parts"] == frames
    assert told["drifts"] == {}
