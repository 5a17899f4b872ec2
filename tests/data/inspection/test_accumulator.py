"""One pass over all frames: zero forces, outliers, histograms, series, drift."""

import numpy as np
import pytest

import dumps
from frames_in_memory import argon, frame, frames_of
from gnnzoo.data.inspection.accumulator import RunAccumulator, ZeroForces, known_masses
from gnnzoo.data.inspection.drift import drift
from systems import changed


def accumulated(frames, type_names=None, masses=None, units=None):
    run = RunAccumulator(type_names or {1: "A", 2: "B"}, masses or {}, units)
    for each in frames:
        run.update(each)
    return run


def test_atoms_with_zero_forces():
    frames = frames_of(dumps.argon(frames=5, side=3))
    types = np.where(np.arange(27) < 9, 2, 1).astype(np.int32)
    held = []
    for number, each in enumerate(frames):
        forces = each.forces.copy()
        forces[:4] = 0  # always, all of type 2
        forces[20 + number] = 0  # another one in each frame
        held.append(changed(each, types=types, forces=forces))
    found = accumulated(held).zero_forces()
    assert found.always == 4
    assert found.per_type == {"B": pytest.approx(4 / 9), "A": pytest.approx(1 / 18)}
    assert found.components == []
    flat = [changed(each, forces=each.forces * [1, 1, 0]) for each in frames]
    assert accumulated(flat).zero_forces() == ZeroForces(0, {}, ["z"])


def test_zero_in_every_frame_means_the_same_atom():
    forces = np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 0]])
    one = frame(np.eye(3), forces, np.eye(3) * 9, ids=np.array([1, 2, 3]))
    two = frame(np.eye(3)[:2], forces[:2], np.eye(3) * 9, ids=np.array([3, 4]), types=np.ones(2, np.int32))
    assert accumulated([one, two]).zero_forces().always == 1  # atom 3


def test_an_outlier_is_named():
    frames = frames_of(dumps.argon(frames=5, side=3))
    assert accumulated(frames).outliers().count == 0
    forces = frames[3].forces.copy()
    forces[11] = [0, 1e4, 0]
    frames[3] = changed(frames[3], forces=forces)
    found = accumulated(frames).outliers()
    assert found.count == 1
    (largest,) = found.largest
    assert (largest.force, largest.frame, largest.step, largest.id, largest.type) == (1e4, 3, 30, 12, "A")


def test_the_histogram_counts_every_force_in_its_bin():
    frames = frames_of(dumps.argon(frames=3, side=3))
    found = accumulated(frames).histogram()
    norms = np.concatenate([np.linalg.norm(each.forces, axis=1) for each in frames])
    expected, _ = np.histogram(norms, found.edges)
    assert found.counts == {"A": expected.tolist()}
    assert sum(expected) == 81


def test_temperature_and_density_of_each_frame():
    frames = [changed(each, type_names={1: "Ar"}, units="real") for each in argon(frames=3)]
    series = accumulated(frames, {1: "Ar"}, {1: 39.95}, "real").series()
    assert np.all((series["temperature"] > 60) & (series["temperature"] < 130))
    assert np.allclose(series["g_cm3"], 108 * 39.95 * 1.66054 / 16.8**3, rtol=1e-5)
    undeclared = accumulated(frames, {1: "Ar"}, {1: 39.95}, None)
    assert undeclared.sampled_series(np.arange(3)).temperature is None


def test_sources_of_masses():
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


def test_heating_is_a_drift_and_noise_is_not():
    random = np.random.default_rng(0)
    noise = random.normal(scale=0.1, size=200)
    found = drift(series_of(np.linspace(0.4, 1.35, 200) + noise, np.linspace(1, 90, 200)))
    assert found.drifts["mean_force"].start == pytest.approx(0.4, abs=0.1)
    assert found.drifts["mean_force"].end == pytest.approx(1.35, abs=0.1)
    assert found.drifts["temperature"].change > 1
    assert found.cut.ratio == pytest.approx(1.31 / 0.78, rel=0.1)
    assert drift(series_of(1 + noise)).drifts == {}
    assert drift(series_of(1 + 3 * noise)).drifts == {}


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_a_few_frames_have_no_drift(frames):
    found = drift(series_of(np.arange(1.0, frames + 1)))
    assert found.parts == frames
    assert found.drifts == {}


def test_the_ends_of_a_drift_are_values_that_occur():
    """A density that falls to a hundredth: the straight line through it ends below zero."""
    density = np.repeat([1.0, 0.8, 0.5, 0.2, 0.05, 0.02, 0.01, 0.01, 0.01, 0.01], 10)
    line = drift(series_of(np.ones(100)) | {"density": density}).drifts["density"]
    assert (line.start, line.end) == pytest.approx((1.0, 0.01)) and line.change < 0
