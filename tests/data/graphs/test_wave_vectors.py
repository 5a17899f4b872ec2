"""The plane waves of a box: all of them, one of each pair, and the Madelung constant that they sum to."""

import math

import numpy as np
import pytest

from errors import refused
from gnnzoo import fields
from gnnzoo.data.graphs.batch import pad
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.data.graphs.wave_vectors import waves_of
from gnnzoo.errors import DataError
from systems import changed, random_rotation, water_frame

PERIODIC = np.ones(3, bool)
TILTED = np.array([[6.0, 0, 0], [2.5, 5.5, 0], [-2.0, 1.5, 6.5]])


def test_a_cube_by_hand():
    # edge 2 pi: k are whole numbers; |k| < 1.5: three axes, six diagonals of faces, one of each pair
    waves, weight = waves_of(np.eye(3) * 2 * math.pi, PERIODIC, 1.5)
    assert sorted(map(tuple, np.round(waves).astype(int).tolist())) == [
        *[(0, 0, 1), (0, 1, -1), (0, 1, 0), (0, 1, 1)],
        *[(1, -1, 0), (1, 0, -1), (1, 0, 0), (1, 0, 1), (1, 1, 0)],
    ]
    assert weight == pytest.approx(2 / (2 * math.pi) ** 3)


def test_waves_fit_into_the_box():
    waves, _ = waves_of(TILTED, PERIODIC, 4.0)
    turns = waves @ TILTED.T / (2 * math.pi)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)
    both = {tuple(row) for row in np.round(np.vstack([turns, -turns])).astype(int).tolist()}
    assert len(both) == 2 * len(waves)
    # as many as the volume of the sphere says, to the roughness of its surface
    assert len(both) == pytest.approx(np.linalg.det(TILTED) * 4 / 3 * math.pi * (4 / (2 * math.pi)) ** 3, rel=0.05)


def test_waves_turn_with_the_box():
    turn = random_rotation(1)
    straight, turned = (waves_of(cell, PERIODIC, 3.0)[0] for cell in (TILTED, TILTED @ turn.T))
    np.testing.assert_allclose(straight @ turn.T, turned, atol=1e-12)


def test_an_open_box_has_no_waves():
    with refused(DataError, "periodic", expected="p p p", hint="waves"):
        waves_of(np.eye(3) * 10, np.array([True, True, False]), 1.0)


def test_a_wave_number_in_another_unit_is_refused():
    with refused(DataError, "1e+06", "17", hint="graph.waves"):
        waves_of(np.eye(3) * 100, PERIODIC, 17.0)


def test_a_batch_carries_the_waves_of_its_graphs():
    frames = [water_frame(), changed(water_frame(), cell=np.eye(3) * 7.0)]
    batch = pad([graph_of(frame, ["O", "H"], 3.0, None) for frame in frames], 2, 60, largest_wave=2.0)
    counts = [len(waves_of(frame.cell, PERIODIC, 2.0)[0]) for frame in frames]
    real = batch[fields.WAVE_WEIGHT] > 0
    assert np.bincount(batch[fields.WAVE_GRAPH][real]).tolist() == counts
    assert len(real) % 64 == 0 and not batch[fields.WAVE_VECTORS][~real].any()
    assert not len(pad([graph_of(frames[0], ["O", "H"], 3.0, None)], 1, 24)[fields.WAVE_VECTORS])


def test_positions_are_taken_into_the_cell():
    frame = water_frame()
    far = changed(frame, positions=frame.positions + np.array([7, -3, 40]) @ frame.cell, origin=np.full(3, 1.5))
    batch = pad([graph_of(far, ["O", "H"], 3.0, None)], 1, 24)
    fractions = batch[fields.POSITIONS] @ np.linalg.inv(frame.cell)
    assert fractions.min() >= -1e-6 and fractions.max() <= 1 + 1e-6
    turns = (batch[fields.POSITIONS] + 1.5 - frame.positions) @ np.linalg.inv(frame.cell)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-6)
