"""Energies of isolated atoms: given, of isolated atoms, fitted, or undetermined."""

import numpy as np
import pytest

from gnnzoo.data.graphs.energy_offsets import energy_offsets
from gnnzoo.data.graphs.source import GraphSource
from small import MemoryDataset
from systems import few_atoms, water_frame


def source(*frames):
    return GraphSource(MemoryDataset(list(frames)), ["O", "H"], 3.4)


def frame(oxygens, hydrogens, energy):
    whole = water_frame()
    chosen = [*np.flatnonzero(whole.names == "O")[:oxygens], *np.flatnonzero(whole.names == "H")[:hydrogens]]
    return few_atoms(whole, chosen, energy=energy)


def test_offsets_are_a_least_squares_over_the_training_frames():
    """E = 5 n_O - 2 n_H; the last frame contradicts it, but is held out."""
    data = source(frame(1, 2, 1.0), frame(2, 2, 6.0), frame(2, 3, None), frame(3, 1, 100.0))
    found = energy_offsets(data, np.array([0, 1, 2]))
    np.testing.assert_allclose(found.values, [5, -2], atol=1e-9)
    assert (found.origins, found.undetermined) == (["fitted", "fitted"], [])


def test_one_composition_alone_determines_only_the_sum():
    """n = (1, 2), E = 12: each of three atoms has 4; what is not determined is along (2, -1)."""
    found = energy_offsets(source(frame(1, 2, 12.0), frame(2, 4, 24.0)), np.array([0, 1]))
    np.testing.assert_allclose(found.values, [4, 4], atol=1e-9)
    assert found.origins == ["undetermined"] * 2
    (direction,) = found.undetermined
    assert np.dot(direction, [1, 2]) == pytest.approx(0) and np.dot(direction, [2, -1]) ** 2 == pytest.approx(5)


def test_isolated_atoms_determine_their_species():
    """E(H) = -13, so that E(O) = -439 - 2 (-13) in frames of water."""
    frames = frame(1, 2, -439.0), frame(2, 4, -878.0), frame(0, 1, -13.0)
    found = energy_offsets(source(*frames), np.arange(3))
    np.testing.assert_allclose(found.values, [-413, -13], atol=1e-9)
    assert (found.origins, found.undetermined) == (["fitted", "isolated"], [])
    many = source(*[frames[0]] * 600, frames[2])  # not in a sample of the frames
    everywhere = energy_offsets(many, np.arange(601), every_frame=True)
    np.testing.assert_allclose(everywhere.values, found.values)


def test_given_energies_are_kept():
    found = energy_offsets(source(frame(1, 2, -439.0), frame(0, 1, -12.0)), np.arange(2), given={"H": -13.0})
    np.testing.assert_allclose(found.values, [-413, -13], atol=1e-9)
    assert found.origins == ["fitted", "given"]


def test_a_species_in_no_frame_has_none():
    found = energy_offsets(source(frame(0, 2, -30.0)), np.arange(1))
    assert (found.values, found.origins) == ([0.0, pytest.approx(-15)], ["absent", "fitted"])


def test_without_energies_there_are_none():
    assert energy_offsets(source(frame(1, 2, None)), np.array([0])) is None
