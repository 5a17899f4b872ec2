"""Shells of neighbours against crystals whose shells are known, and against what has none."""

import numpy as np
import pytest

import dumps
from frames_in_memory import Frames, fcc, frame, frames_of
from gnnzoo.data.inspection.pair_sample import atom_counts, pairs_of, sample_pairs
from gnnzoo.data.inspection.rdf import radial_distributions, shells


def rdf(frames):
    data = Frames(frames)
    return radial_distributions(sample_pairs(data), data.type_names)


def test_the_shells_of_a_crystal_end_between_those_that_geometry_has():
    told = rdf(fcc(constant=5.0, jitter=0.05))
    pair = told["pairs"]["1-1"]
    # distances in units of the constant: 1/sqrt(2) (12 neighbours), 1 (6), sqrt(3/2) (24)
    assert pair["peak"] == pytest.approx(5 / 2**0.5, abs=0.1)
    assert 3.8 < pair["first_shell"] < 4.8
    assert 5.2 < pair["shells"][1] < 5.95
    assert pair["neighbors"] == pytest.approx(12)
    assert pair["bonded_until"] is None  # twelve neighbours and nothing behind them are no chemical bonds
    assert told["frames"] == 2


def test_pairs_that_reach_farther_change_no_shell():
    data = Frames(fcc(constant=5.0, jitter=0.05))
    near, far = (radial_distributions(sample_pairs(data, cutoff), data.type_names, 8.0) for cutoff in (8.0, 12.0))
    assert far == near


def test_g_is_one_where_atoms_are_anywhere_and_has_no_shell():
    random = np.random.default_rng(0)
    gas = [frame(random.uniform(size=(800, 3)) * 30, random.normal(size=(800, 3)), np.eye(3) * 30) for _ in range(4)]
    pair = rdf(gas)["pairs"]["1-1"]
    far = np.array(pair["g"])[60:]
    assert far.mean() == pytest.approx(1.0, abs=0.02)
    assert (pair["first_shell"], pair["peak"], pair["shells"]) == (None, None, [])


def test_an_atom_is_no_neighbour_of_itself_in_a_box_either():
    random = np.random.default_rng(0)
    frames = [frame(random.uniform(size=(20, 3)) * 20, np.zeros((20, 3)), np.eye(3) * 20) for _ in range(400)]
    data = Frames(frames)
    g = radial_distributions(sample_pairs(data, 9.9, frames=400), data.type_names)["pairs"]["1-1"]["g"]
    # of 400 x 190 pairs half are within 9.9: their number fluctuates by half a percent
    r = np.linspace(0, 1, len(g) + 1)
    assert np.average(g, weights=np.diff(r**3)) == pytest.approx(1.0, abs=0.02)


def test_images_of_a_lone_atom_are_its_neighbours():
    (lone,) = [frame([[0, 0, 0]], np.zeros((1, 3)), np.eye(3) * 3)]
    told = radial_distributions(sample_pairs(Frames([lone]), 4.0), {1: "1"})["pairs"]["1-1"]
    assert np.isfinite(told["g"]).all()
    assert max(told["g"]) > 10  # six at a distance of 3


def test_a_dilute_gas_with_contacts_has_a_peak_but_no_shell():
    r = np.linspace(0.02, 12, 240)
    g = np.where(r < 3.3, 0.0, 1 + 2.0 * np.exp(-(((r - 3.8) / 0.5) ** 2)))
    expected = 3000 * r**2
    told = shells(r, np.random.default_rng(0).poisson(g * expected).astype(float), expected, 1e6)
    assert told["peak"] == pytest.approx(3.8, abs=0.1)
    assert told["first_shell"] is None


@pytest.mark.parametrize("pairs_per_bin", [3, 300])
def test_noise_makes_no_shells(pairs_per_bin):
    r = np.linspace(0.02, 12, 240)
    expected = pairs_per_bin * r**2
    for seed in range(20):
        counts = np.random.default_rng(seed).poisson(expected).astype(float)
        assert shells(r, counts, expected, 1e6)["shells"] == []


def test_bonds_are_no_shell_with_molecule_ids_and_without():
    frames = frames_of(dumps.water(frames=4, side=4), type_names={1: "O", 2: "H"})
    told = rdf(frames)["pairs"]
    assert max(told["O-H"]["g"]) > 10  # the O-H bond, 1.0 long
    assert told["O-H"]["peak"] is None or told["O-H"]["peak"] > 1.3
    nameless = frames_of(dumps.water(frames=4, side=4), type_names={1: "O", 2: "H"}, molecules=None)
    bare = rdf(nameless)["pairs"]
    assert 1.05 < bare["O-H"]["bonded_until"] < 1.6
    assert bare["O-H"]["peak"] is None or bare["O-H"]["peak"] > 1.3
    assert bare["O-O"]["peak"] == pytest.approx(told["O-O"]["peak"])


def test_molecule_zero_is_none():
    frames = [f for f in frames_of(dumps.argon(frames=2, side=4), molecules=np.zeros(64, int))]
    assert not sample_pairs(Frames(frames))[0].inside.any()
    assert rdf(frames)["pairs"]["1-1"]["neighbors"] is not None


def test_types_of_one_name_are_one():
    frames = fcc()
    types = np.tile([1, 2], len(frames[0]) // 2).astype(np.int32)
    mixed = [frame(f.positions, f.forces, f.cell, f.step, types=types, type_names={1: "Ar", 2: "Ar"}) for f in frames]
    told = rdf(mixed)["pairs"]
    assert list(told) == ["Ar-Ar"]
    assert np.allclose(told["Ar-Ar"]["g"], rdf(frames)["pairs"]["1-1"]["g"])


def test_a_piece_of_a_large_frame_tells_what_all_of_it_does():
    (whole,) = fcc(side=16, frames=1)  # 16,384 atoms
    pairs = pairs_of(whole, 4.3)
    assert 500 < np.count_nonzero(pairs.counted) < len(pairs.frame) < len(whole)
    assert atom_counts([pairs], 4.3) == (12.0, 12)


def test_pairs_of_a_droplet_reach_as_far_as_in_a_box_of_its_own():
    (crystal,) = fcc(side=6, frames=1)
    boundary = ("ff", "ff", "ff")
    empty = frame(crystal.positions + 500, crystal.forces, np.eye(3) * 1000, boundary=boundary)
    (pairs,) = sample_pairs(Frames([empty]))
    mean, _ = atom_counts([pairs], pairs.cutoff)
    assert 40 < mean < 250
    # in a periodic box that is mostly empty, too
    (pairs,) = sample_pairs(Frames([frame(crystal.positions + 500, crystal.forces, np.eye(3) * 1000)]))
    assert 40 < atom_counts([pairs], pairs.cutoff)[0] < 250
