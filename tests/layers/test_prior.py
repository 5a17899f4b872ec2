"""Prior energies by hand, and their forces by finite differences."""

import math

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.graphs.batch import pad
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.layers import LAYERS
from gnnzoo.layers.registry import ATOM_ENERGIES
from systems import changed, water_frame

EPSILON, SIGMA = [[0.2, 0.1], [0.1, 0.05]], [[3.0, 2.5], [2.5, 2.0]]


def batch(frame, cutoff=6.0):
    data = pad([graph_of(frame, ["O", "H"], cutoff, None, dtype="float64")], 1, len(frame) + 1, "float64")
    return {key: tf.constant(data[key]) for key in fields.MODEL_INPUTS}


def few(positions, types, molecules):
    """Atoms in a wide box."""
    n = len(types)
    return changed(
        water_frame(),
        positions=np.array(positions, float),
        forces=np.zeros((n, 3)),
        cell=np.eye(3) * 50,
        ids=np.arange(1, n + 1),
        types=np.array(types, np.int32),
        molecules=np.array(molecules),
    )


def energy(frame, **term):
    layer = LAYERS["prior"](terms=[term], alone=True, name="prior", dtype="float64")
    return layer(batch(frame))[ATOM_ENERGIES].numpy()[:, 0]


def pair(r, types=(1, 1), molecules=(1, 2)):
    return few([[0, 0, 0], [r, 0, 0]], types, molecules)


def lj(r, eps=0.2, sig=3.0):
    return 4 * eps * ((sig / r) ** 12 - (sig / r) ** 6)


def test_lennard_jones_is_shifted_in_energy_and_force():
    term = {"term": "lennard_jones", "epsilon": EPSILON, "sigma": SIGMA, "cutoff": 6.0}
    slope = (lj(6.0 + 1e-5) - lj(6.0 - 1e-5)) / 2e-5
    found = energy(pair(3.3), **term)
    # half for each atom, nothing for the padding
    np.testing.assert_allclose(found, [*[(lj(3.3) - lj(6.0) - slope * (3.3 - 6.0)) / 2] * 2, 0], rtol=1e-8)
    assert abs(energy(pair(5.999), **term)[0]) < 1e-8
    assert not energy(pair(3.3, molecules=(1, 1)), **term).any()


def test_two_species_have_their_own_parameters():
    term = {"term": "lennard_jones", "epsilon": EPSILON, "sigma": SIGMA, "cutoff": 6.0}
    slope = (lj(6.0 + 1e-5, 0.1, 2.5) - lj(6.0 - 1e-5, 0.1, 2.5)) / 2e-5
    expected = lj(2.7, 0.1, 2.5) - lj(6.0, 0.1, 2.5) - slope * (2.7 - 6.0)
    np.testing.assert_allclose(energy(pair(2.7, types=(1, 2)), **term).sum(), expected, rtol=1e-8)


COULOMB = {"term": "coulomb", "charges": [-0.8, 0.4], "constant": 332.0, "damping": 0.2, "cutoff": 6.0}


def shifted(r, a=0.2, c=6.0):
    """Eq. 18 of Fennell and Gezelter, written out."""
    end = math.erfc(a * c) / c**2 + 2 * a / math.sqrt(math.pi) * math.exp(-(a**2) * c**2) / c
    return math.erfc(a * r) / r - math.erfc(a * c) / c + end * (r - c)


def test_charges_of_two_molecules():
    expected = 332.0 * -0.8 * 0.4 * shifted(2.0)
    np.testing.assert_allclose(energy(pair(2.0, types=(1, 2)), **COULOMB).sum(), expected, rtol=1e-12)


def test_charges_of_one_molecule_get_only_the_shift():
    expected = 332.0 * -0.8 * 0.4 * (shifted(1.0) - 1 / 1.0)
    np.testing.assert_allclose(energy(pair(1.0, (1, 2), (1, 1)), **COULOMB).sum(), expected, rtol=1e-12)


def test_springs_along_bonds_and_between_them():
    # one water, bonds of 1.1 and 1.0 at a right angle
    frame = few([[0, 0, 0], [1.1, 0, 0], [0, 1.0, 0]], [1, 2, 2], [1, 1, 1])
    bonds = {"term": "bonds", "k": [[0, 500.0], [500.0, 0]], "length": [[0, 1.0], [1.0, 0]]}
    found = energy(frame, **bonds)
    np.testing.assert_allclose(found[:3], [2.5, 2.5, 0], atol=1e-9)
    rest = math.radians(113.0)
    angles = {"term": "angles", "k": [38.0, 0], "radians": [rest] * 2, "partners": [[0, 2], [-1, -1]]}
    np.testing.assert_allclose(energy(frame, **angles), [38 * (math.pi / 2 - rest) ** 2, 0, 0, 0], rtol=1e-9)


def test_an_angle_needs_exactly_its_partners():
    angles = {"term": "angles", "k": [38.0, 0], "radians": [1.9] * 2, "partners": [[0, 2], [-1, -1]]}
    assert not energy(few([[0, 0, 0], [1.1, 0, 0]], [1, 2], [1, 1]), **angles).any()


REPULSION = {
    "term": "repulsion",
    "numbers": [8, 1],
    "shortest": [[2.4, 1.5], [1.5, 1.6]],
    "shortest_inside": [[2.4, 0.9], [0.9, 1.4]],
    "constant": 332.0,
}


def test_repulsion_sets_in_below_the_shortest_distance_seen():
    assert not energy(pair(2.41), **REPULSION).any()
    assert not energy(pair(0.91, (1, 2), (1, 1)), **REPULSION).any()
    close = [energy(pair(r), **REPULSION).sum() for r in (2.0, 1.0, 0.5)]
    assert 0 < close[0] < close[1] < close[2]
    # two oxygens at 0.5 A: 332 64 / 0.5 phi(x) with x = 0.5 2 8^0.23 / 0.4685, and the envelope at 0.5 / 2.4
    x, u = 2 * 8**0.23 * 0.5 / 0.4685, 0.5 / 2.4
    screening = 0.18175 * math.exp(-3.1998 * x) + 0.50986 * math.exp(-0.94229 * x)
    screening += 0.28022 * math.exp(-0.4029 * x) + 0.02817 * math.exp(-0.20162 * x)
    end = 1 - 28 * u**6 + 48 * u**7 - 21 * u**8
    np.testing.assert_allclose(close[2], 332 * 64 / 0.5 * screening * end, rtol=1e-9)


TERMS = [
    {"term": "lennard_jones", "epsilon": EPSILON, "sigma": SIGMA, "cutoff": 6.0},
    COULOMB,
    {"term": "bonds", "k": [[0, 500.0], [500.0, 0]], "length": [[0, 1.0], [1.0, 0]]},
    {"term": "angles", "k": [38.0, 0], "radians": [1.9] * 2, "partners": [[0, 2], [-1, -1]]},
    REPULSION,
]


@pytest.mark.parametrize("term", TERMS, ids=[term["term"] for term in TERMS])
def test_forces_are_the_derivative_of_the_energy(term):
    frame = water_frame(molecules=4, box=7.0)
    close = frame.positions.copy()
    close[3] += 0.8 * (close[0] - close[3])  # an atom near another one, so that it is repelled
    frame = changed(frame, positions=close)
    layer = LAYERS["prior"](terms=[term], alone=False, name="prior", dtype="float64")
    data = batch(frame)
    forces = layer({**data, fields.FORCES: tf.zeros((13, 3), tf.float64)})[fields.FORCES].numpy()[:12]
    direction = np.random.default_rng(0).normal(size=(12, 3))
    step = 1e-5
    ahead, back = (energy(changed(frame, positions=close + s * direction), **term).sum() for s in (step, -step))
    np.testing.assert_allclose(-np.sum(forces * direction), (ahead - back) / (2 * step), rtol=1e-5)
    assert np.abs(forces.sum(axis=0)).max() < 1e-9 * np.abs(forces).max()
