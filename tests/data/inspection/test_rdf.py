"""Radial distribution functions and shells of crystals whose shells are known, and of gases without any."""

import numpy as np
import pytest

import dumps
from frames_in_memory import Frames, fcc, frame, frames_of
from gnnzoo.data.inspection.pair_sample import neighbor_counts, pairs_of, sample_pairs
from gnnzoo.data.inspection.rdf import find_shells, radial_distributions


def rdf(frames):
    data = Frames(frames)
    return radial_distributions(sample_pairs(data), data.type_names)


def test_shells_of_an_fcc_crystal():
    report = rdf(fcc(constant=5.0, jitter=0.05))
    pair = report.pairs["1-1"]
    # distances in units of the constant: 1/sqrt(2) (12 neighbours), 1 (6), sqrt(3/2) (24)
    assert pair.peak == pytest.approx(5 / 2**0.5, abs=0.1)
    assert 3.8 < pair.first_shell < 4.8
    assert 5.2 < pair.shells[1] < 5.95
    assert pair.neighbors == pytest.approx(12)
    assert pair.bonded_until is None  # twelve neighbours and nothing behind them are no chemical bonds
    assert report.frames == 2


def test_shells_do_not_depend_on_the_cutoff_of_the_pairs():
    data = Frames(fcc(constant=5.0, jitter=0.05))
    near, far = (radial_distributions(sample_pairs(data, cutoff), data.type_names, 8.0) for cutoff in (8.0, 12.0))
    assert far == near


def test_an_ideal_gas_has_g_of_one_and_no_shell():
    random = np.random.default_rng(0)
    gas = [frame(random.uniform(size=(800, 3)) * 30, random.normal(size=(800, 3)), np.eye(3) * 30) for _ in range(4)]
    pair = rdf(gas).pairs["1-1"]
    far = np.array(pair.g)[60:]
    assert far.mean() == pytest.approx(1.0, abs=0.02)
    assert (pair.first_shell, pair.peak, pair.shells) == (None, None, [])


def test_g_excludes_the_atom_itself():
    random = np.random.default_rng(0)
    frames = [frame(random.uniform(size=(20, 3)) * 20, np.zeros((20, 3)), np.eye(3) * 20) for _ in range(400)]
    data = Frames(frames)
    g = radial_distributions(sample_pairs(data, 9.9, frames=400), data.type_names).pairs["1-1"].g
    # of 400 x 190 pairs half are within 9.9: their number fluctuates by half a percent
    r = np.linspace(0, 1, len(g) + 1)
    assert np.average(g, weights=np.diff(r**3)) == pytest.approx(1.0, abs=0.02)


def test_images_of_a_single_atom_are_its_neighbours():
    (lone,) = [frame([[0, 0, 0]], np.zeros((1, 3)), np.eye(3) * 3)]
    pair = radial_distributions(sample_pairs(Frames([lone]), 4.0), {1: "1"}).pairs["1-1"]
    assert np.isfinite(pair.g).all()
    assert max(pair.g) > 10  # six at a distance of 3


def test_a_dilute_gas_with_contacts_has_a_peak_but_no_shell():
    r = np.linspace(0.02, 12, 240)
    g = np.where(r < 3.3, 0.0, 1 + 2.0 * np.exp(-(((r - 3.8) / 0.5) ** 2)))
    expected = 3000 * r**2
    found = find_shells(r, np.random.default_rng(0).poisson(g * expected).astype(float), expected, 1e6)
    assert found.peak == pytest.approx(3.8, abs=0.1)
    assert found.first_shell is None


@pytest.mark.parametrize("pairs_per_bin", [3, 300])
def test_noise_has_no_shells(pairs_per_bin):
    r = np.linspace(0.02, 12, 240)
    expected = pairs_per_bin * r**2
    for seed in range(20):
        counts = np.random.default_rng(seed).poisson(expected).astype(float)
        assert find_shells(r, counts, expected, 1e6).shells == []


def test_bonds_are_not_shells_with_or_without_molecule_ids():
    frames = frames_of(dumps.water(frames=4, side=4), type_names={1: "O", 2: "H"})
    bonded = rdf(frames).pairs
    assert max(bonded["O-H"].g) > 10  # the O-H bond, 1.0 long
    assert bonded["O-H"].peak is None or bonded["O-H"].peak > 1.3
    nameless = frames_of(dumps.water(frames=4, side=4), type_names={1: "O", 2: "H"}, molecules=None)
    bare = rdf(nameless).pairs
    assert 1.05 < bare["O-H"].bonded_until < 1.6
    assert bare["O-H"].peak is None or bare["O-H"].peak > 1.3
    assert bare["O-O"].peak == pytest.approx(bonded["O-O"].peak)


def test_molecule_id_zero_means_no_molecule():
    frames = [f for f in frames_of(dumps.argon(frames=2, side=4), molecules=np.zeros(64, int))]
    assert not sample_pairs(Frames(frames))[0].inside.any()
    assert rdf(frames).pairs["1-1"].neighbors is not None


def test_types_of_one_name_are_taken_together():
    frames = fcc()
    types = np.tile([1, 2], len(frames[0]) // 2).astype(np.int32)
    mixed = [frame(f.positions, f.forces, f.cell, f.step, types=types, type_names={1: "Ar", 2: "Ar"}) for f in frames]
    pairs = rdf(mixed).pairs
    assert list(pairs) == ["Ar-Ar"]
    assert np.allclose(pairs["Ar-Ar"].g, rdf(frames).pairs["1-1"].g)


def test_neighbour_counts_of_a_piece_are_those_of_the_frame():
    (whole,) = fcc(side=16, frames=1)  # 16,384 atoms
    pairs = pairs_of(whole, 4.3)
    assert 500 < np.count_nonzero(pairs.counted) < len(pairs.frame) < len(whole)
    assert neighbor_counts([pairs], 4.3) == (12.0, 12)


def test_cutoff_of_pairs_in_a_mostly_empty_cell():
    (crystal,) = fcc(side=6, frames=1)
    boundary = ("ff", "ff", "ff")
    empty = frame(crystal.positions + 500, crystal.forces, np.eye(3) * 1000, boundary=boundary)
    (pairs,) = sample_pairs(Frames([empty]))
    mean, _ = neighbor_counts([pairs], pairs.cutoff)
    assert 40 < mean < 250
    # in a periodic box that is mostly empty, too
    (pairs,) = sample_pairs(Frames([frame(crystal.positions + 500, crystal.forces, np.eye(3) * 1000)]))
    assert 40 < neighbor_counts([pairs], pairs.cutoff)[0] < 250
