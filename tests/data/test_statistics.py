"""Energy offsets by hand: what a species' atom adds to a frame's energy."""

import numpy as np

from gnnzoo.data.pipeline import GraphSource
from gnnzoo.data.statistics import energy_offsets
from small import MemoryDataset
from systems import changed, water_frame


def source(*frames):
    return GraphSource(MemoryDataset(list(frames)), ["O", "H"], 3.4)


def frame(oxygens, hydrogens, energy):
    whole = water_frame()
    chosen = np.concatenate(
        [np.flatnonzero(whole.names == "O")[:oxygens], np.flatnonzero(whole.names == "H")[:hydrogens]]
    )
    parts = {
        name: getattr(whole, name)[chosen]
        for name in ("positions", "forces", "types", "ids", "molecules")
        if getattr(whole, name) is not None
    }
    return changed(whole, energy=energy, **parts)


def test_offsets_are_a_least_squares_over_the_training_frames():
    """E = 5 n_O - 2 n_H; the last frame would tell otherwise, but is held out."""
    data = source(frame(1, 2, 1.0), frame(2, 2, 6.0), frame(2, 3, None), frame(3, 1, 100.0))
    np.testing.assert_allclose(energy_offsets(data, np.array([0, 1, 2])), [5, -2], atol=1e-9)


def test_one_composition_alone_determines_only_the_sum():
    """n = (1, 2), E = 10: the shortest offsets along n are 10 n / (n . n) = (2, 4)."""
    data = source(frame(1, 2, 10.0), frame(1, 2, 10.0))
    np.testing.assert_allclose(energy_offsets(data, np.array([0, 1])), [2, 4], atol=1e-9)


def test_without_energies_they_are_zero():
    assert energy_offsets(source(frame(1, 2, None)), np.array([0])).tolist() == [0, 0]
