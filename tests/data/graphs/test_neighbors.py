"""Neighbour lists against a sum over all images; edge classes by hand."""

import itertools

import numpy as np
import pytest

from errors import refused
from gnnzoo.data.graphs.neighbors import edge_classes, neighbor_list
from gnnzoo.errors import DataError

ALONG_X = np.array([[1.0, 0, 0]] * 5)
TRICLINIC = np.array([[5.0, 0, 0], [1.5, 4.5, 0], [-1.0, 0.7, 5.5]])


def brute_force(positions, cell, pbc, cutoff):
    """Every (receiver, sender, shift) nearer than the cutoff, by trying all images."""
    reach = [range(-4, 5) if periodic else range(1) for periodic in pbc]
    found = {}
    for shift in itertools.product(*reach):
        for i, j in itertools.product(range(len(positions)), repeat=2):
            vector = positions[j] - positions[i] + np.array(shift) @ cell
            distance = np.linalg.norm(vector)
            if distance < cutoff and not (i == j and shift == (0, 0, 0)):
                found[(i, j, *shift)] = vector
    return found


@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True), (False, False, False)])
@pytest.mark.parametrize("cell", [np.diag([5.0, 6.0, 7.0]), TRICLINIC], ids=["box", "triclinic"])
def test_every_image_within_the_cutoff_is_an_edge(cell, pbc):
    # The cutoff is larger than half the cell, and some atoms lie outside it.
    positions = np.random.default_rng(1).uniform(-0.3, 1.3, size=(7, 3)) @ cell
    senders, receivers, vectors, shifts = neighbor_list(positions, cell, np.array(pbc), 4.3)
    expected = brute_force(positions, cell, pbc, 4.3)
    found = {(i, j, *s): v for i, j, s, v in zip(receivers, senders, shifts.tolist(), vectors, strict=True)}
    assert len(found) == len(senders)  # no edge twice
    assert found.keys() == expected.keys()
    for key, vector in expected.items():
        np.testing.assert_allclose(found[key], vector, atol=1e-12)
    assert np.all(np.diff(receivers) >= 0)


def test_a_single_atom_sees_its_own_images():
    senders, _, vectors, _ = neighbor_list(np.zeros((1, 3)), np.eye(3) * 2.0, np.ones(3, bool), 2.1)
    assert len(senders) == 6
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 2.0)


def test_an_isolated_atom_has_no_edges():
    senders, *_ = neighbor_list(np.zeros((1, 3)), np.eye(3) * 20.0, np.ones(3, bool), 5.0)
    assert len(senders) == 0


def test_a_cutoff_far_beyond_sense_is_refused_before_memory_fills():
    with refused(DataError, "100 atoms", hint="graph.cutoff"):
        neighbor_list(np.zeros((100, 3)), np.eye(3) * 10.0, np.ones(3, bool), 1000.0)
    with refused(DataError, "648 atoms", hint="graph.cutoff"):  # 216 waters up to more than the length of their box
        neighbor_list(np.zeros((648, 3)), np.eye(3) * 18.6, np.ones(3, bool), 20.0)


def test_edge_classes_of_a_water_pair():
    # Two waters O H H | O H H; the class is decided by molecule and species.
    names, molecules = np.array(["O", "H", "H", "O", "H", "H"]), np.array([1, 1, 1, 2, 2, 2])
    senders, receivers = np.array([1, 2, 3, 4, 0]), np.array([0, 1, 0, 1, 2])
    # H-O bonded, H-H same molecule, O-O other, H-H other, O-H bonded
    assert edge_classes(senders, receivers, ALONG_X, names, molecules).tolist() == [1, 2, 0, 0, 1]


def test_declared_bonds_decide_what_is_bonded():
    names, molecules = np.array(["C", "C", "O"]), np.array([1, 1, 1])
    senders, receivers = np.array([1, 2]), np.array([0, 0])
    assert edge_classes(senders, receivers, ALONG_X[:2], names, molecules, [("C", "C")]).tolist() == [1, 2]


def test_without_molecules_all_pairs_are_of_different_ones():
    assert edge_classes(np.array([0, 1]), np.array([1, 0]), ALONG_X[:2], np.array(["O", "H"]), None).tolist() == [0, 0]


def test_copies_of_an_atoms_own_molecule_are_other_molecules():
    # O at 0, H at 1 in a periodic row of length 3: the nearest H is bonded; its copy at -2, and an O's copy, are not.
    senders, receivers = np.array([1, 1, 0]), np.array([0, 0, 0])
    vectors = np.array([[1.0, 0, 0], [-2.0, 0, 0], [3.0, 0, 0]])
    classes = edge_classes(senders, receivers, vectors, np.array(["O", "H"]), np.array([1, 1]))
    assert classes.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("positions", "cell", "cutoff"),
    [
        ([[0, 0, 0], [1, 0, 0]], [3, 3, 1e30], 2.0),
        ([[0, 0, 0], [1e30, 0, 0]], [3, 3, 3], 2.0),
        ([[0, 0, 0], [1e15, 0, 0]], [1e7, 1e7, 1e7], 2.0),
        ([[0, 0, np.nan], [1, 0, 0]], [3, 3, 3], 2.0),
        ([[0, 0, 0], [1, 0, 0]], [3, 3, np.inf], 2.0),
        ([[0, 0, 0], [1, 0, 0]], [3, 3, 0], 2.0),
        ([[0, 0, 0], [1, 0, 0]], [1e6, 1e6, 1e-8], 2.0),
        (np.zeros((0, 3)), [3, 3, 3], 2.0),
    ],
)
def test_numbers_that_would_end_the_process_are_refused(positions, cell, cutoff):
    with refused(DataError):
        neighbor_list(np.array(positions, dtype=np.float64), np.diag(cell), np.ones(3, dtype=bool), cutoff)
