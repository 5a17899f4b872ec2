"""The numbers that priors take from a recipe, by hand, and what they leave to the network."""

import math

import numpy as np
import pytest

from gnnzoo.data.graphs.neighbors import neighbor_list
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import force_rms_less
from gnnzoo.models.priors import prior_terms
from gnnzoo.training.prepare import prepare
from small import ARGON, MemoryDataset, argon_dataset, recipe
from systems import changed

ATOMS = {
    "O": {"charge": -0.82, "epsilon": 0.155, "sigma": 3.165},
    "H": {"charge": 0.41, "epsilon": 0.2, "sigma": 3.405},
}
SPCFW = {
    "prior": "harmonic",
    "bonds": [{"types": ["H", "O"], "k": 529.581, "length": 1.012}],
    "angles": [{"types": ["H", "O", "H"], "k": 37.95, "degrees": 113.24}],
}


def terms(prior, species=("O", "H"), units="real", shortest=None, **parts):
    data = ARGON["data"] | {"types": {"1": "O", "2": "H"}, "atoms": ATOMS, "units": units}
    return prior_terms(recipe(data=data, model={"prior": [prior]}, **parts), list(species), shortest)


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mixing", "mixed"), [("arithmetic", 3.285), ("geometric", 3.2828075)])
def test_lengths_and_energies_of_two_species_are_mixed(mixing, mixed):
    (term,) = terms({"prior": "lennard_jones", "mixing": mixing})
    # (3.165 + 3.405) / 2; sqrt(3.165 * 3.405); sqrt(0.155 * 0.2)
    np.testing.assert_allclose(term["sigma"], [[3.165, mixed], [mixed, 3.405]], rtol=1e-7)
    np.testing.assert_allclose(term["epsilon"], [[0.155, 0.17606817], [0.17606817, 0.2]], rtol=1e-7)
    assert (term["term"], term["cutoff"]) == ("lennard_jones", 6.0)


def test_pairs_have_parameters_of_their_own():
    pairs = [{"types": ["H", "O"], "epsilon": 1.5, "sigma": 0.8}]
    (term,) = terms({"prior": "lennard_jones", "pairs": pairs})
    np.testing.assert_allclose(term["sigma"], [[3.165, 0.8], [0.8, 3.405]])
    np.testing.assert_allclose(term["epsilon"], [[0.155, 1.5], [1.5, 0.2]])


@pytest.mark.parametrize(("units", "constant"), [("real", 332.0637), ("metal", 14.39964)])
@pytest.mark.parametrize("prior", [{"prior": "coulomb", "damping": 0.2}, {"prior": "repulsion"}])
def test_charges_act_in_the_units_of_the_data(prior, units, constant):
    """kcal/mol A and eV A for two elementary charges."""
    (term,) = terms(prior, units=units, shortest=[[[1.0] * 2] * 2] * 2)
    assert term["constant"] == pytest.approx(constant, rel=1e-6)


def test_charges_stand_in_the_order_of_species():
    prior = {"prior": "coulomb", "damping": 0.2}
    assert terms(prior)[0]["charges"] == [-0.82, 0.41]
    assert terms(prior, ("H", "O"))[0]["charges"] == [0.41, -0.82]


def test_springs_of_water():
    bonds, angle = terms(SPCFW)
    assert bonds == {"term": "bonds", "k": [[0, 529.581], [529.581, 0]], "length": [[0, 1.012], [1.012, 0]]}
    # an oxygen in the middle, of two hydrogens and no oxygen
    assert (angle["k"], angle["partners"]) == ([37.95, 0.0], [[0, 2], [-1, -1]])
    np.testing.assert_allclose(angle["radians"], 113.24 * math.pi / 180)
    _, turned = terms(SPCFW, ("H", "O"))
    assert (turned["k"], turned["partners"]) == ([0.0, 37.95], [[-1, -1], [2, 0]])


def test_an_angle_between_unlike_partners_needs_one_of_each():
    graph = {"bonds": [["O", "H"], ["O", "O"]]}
    _, angle = terms(SPCFW | {"angles": [{"types": ["H", "O", "O"], "k": 1.0, "degrees": 104.0}]}, graph=graph)
    assert angle["partners"] == [[1, 1], [-1, -1]]


def test_repulsion_waits_for_the_distances_of_the_training():
    assert terms({"prior": "repulsion"}) == []
    (term,) = terms({"prior": "repulsion"}, shortest=[[[3, 2], [2, 1]], [[9, 0.9], [0.9, 1.4]]])
    assert (term["numbers"], term["shortest"], term["shortest_inside"][0]) == ([8, 1], [[3, 2], [2, 1]], [9, 0.9])


# --- what is left to the network --------------------------------------------------------------------------------------

EPSILON, SIGMA, CUTOFF = 0.2378, 3.405, 6.0


def shifted_lennard_jones(frame):
    """Energy and forces by numpy: energy and force are zero at the cutoff."""
    _, receivers, vectors, _ = neighbor_list(frame.positions, frame.cell, frame.pbc, CUTOFF)
    r = np.linalg.norm(vectors, axis=1)

    def energy(r):
        return 4 * EPSILON * ((SIGMA / r) ** 12 - (SIGMA / r) ** 6)

    def slope(r):
        return -24 * EPSILON * (2 * (SIGMA / r) ** 12 - (SIGMA / r) ** 6) / r

    forces = np.zeros((len(frame), 3))
    # the vector points to the other atom: a falling energy pushes away from it
    np.add.at(forces, receivers, (slope(r) - slope(CUTOFF))[:, None] * vectors / r[:, None])
    return 0.5 * np.sum(energy(r) - energy(CUTOFF) - slope(CUTOFF) * (r - CUTOFF)), forces


@pytest.fixture(scope="module")
def known():
    """Frames whose forces are the prior's and a small rest, whose energies the prior's and 3 an atom; and the rests."""
    random = np.random.default_rng(0)
    frames, rests = [], []
    for frame in argon_dataset().frames:
        energy, forces = shifted_lennard_jones(frame)
        rests.append(random.normal(scale=0.05, size=forces.shape))
        frames.append(changed(frame, forces=forces + rests[-1], energy=energy + 3.0 * len(frame)))
    return MemoryDataset(frames), rests


def test_scales_are_those_of_the_rest(known):
    dataset, rests = known
    smooth = {"units": 8, "hidden_layers": 0}
    layers = [
        {"layer": "atom_encoder", **smooth, "activation": "silu"},
        {"layer": "painn_message"},
        {"layer": "energy_decoder", **smooth},
    ]
    prepared = prepare(recipe(model={"layers": layers, "prior": [{"prior": "lennard_jones"}]}), dataset)
    train = prepared.split.train
    rest = np.array([rests[number] for number in train])
    forces = np.array([dataset.frames[number].forces for number in train])
    assert np.std(forces) > 3 * np.std(rest)  # the prior is most of it
    assert prepared.scales.force == pytest.approx(np.sqrt(np.mean(rest**2)), rel=1e-3)
    left = np.linalg.norm(rest, axis=-1).sum() / np.linalg.norm(forces, axis=-1).sum()
    assert prepared.prior_residual_fraction == pytest.approx(left, rel=1e-3)
    assert prepared.scales.energy_offsets == pytest.approx([3.0], rel=1e-4)


def test_the_rest_of_forces_that_are_known_by_half():
    dataset = argon_dataset()
    source, train = GraphSource(dataset, ["Ar"], CUTOFF, None), np.arange(3, 9)
    forces = np.array([dataset.frames[number].forces for number in train])
    rms, left = force_rms_less(source, train, lambda graph: graph.forces / 2)
    assert rms == pytest.approx(np.sqrt(np.mean(forces**2)) / 2, rel=1e-5)
    assert left == pytest.approx(0.5, rel=1e-6)
