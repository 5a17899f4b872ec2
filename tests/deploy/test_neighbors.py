"""The neighbour search and wave vectors of exported models equal those of the training, in any box."""

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.graphs import batch as batching
from gnnzoo.data.graphs import neighbors as vesin
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.deploy import neighbors as frozen
from gnnzoo.deploy.wave_vectors import wave_inputs
from gnnzoo.fields import EDGE_CLASSES
from systems import changed, replicated, water_frame

CUBE, TILTED = np.eye(3) * 6.0, np.array([[6.0, 0, 0], [2.5, 5.5, 0], [-2.0, 1.5, 6.5]])
SKEWED = np.array([[5.0, 0, 0], [9.0, 6.0, 0], [-8.0, 7.0, 5.0]])  # far from reduced
BOXES = {"cube": CUBE, "tilted": TILTED, "skewed": SKEWED, "small": np.eye(3) * 3.0}


def sorted_edges(senders, receivers, vectors):
    """(edges, 5), in an order that depends on nothing but the edges."""
    edges = np.column_stack([receivers, senders, np.round(vectors, 9)])
    return edges[np.lexsort(edges.T[::-1])]


def same_edges(positions, cell, pbc, cutoff):
    found = frozen.neighbor_list(tf.constant(positions), tf.constant(cell, tf.float64), tf.constant(pbc), cutoff)
    senders, receivers, vectors, _ = vesin.neighbor_list(positions, cell, np.array(pbc), cutoff)
    np.testing.assert_allclose(
        sorted_edges(*(part.numpy() for part in found)), sorted_edges(senders, receivers, vectors), atol=1e-8
    )
    assert np.all(np.diff(found[1].numpy()) >= 0), "sorted by receiver"
    return len(senders)


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True), (False, False, True), (False, False, False)])
@pytest.mark.parametrize("cutoff", [1.3, 3.5, 7.0])
def test_edges_of_any_box_equal_those_of_vesin(box, pbc, cutoff):
    random = np.random.default_rng(3)
    positions = random.uniform(-1.5, 2.5, size=(11, 3)) @ BOXES[box]  # inside and outside of the cell
    for axis in range(3):
        if not pbc[axis]:  # open directions are not wrapped: keep the atoms close to one another
            positions = positions - np.floor(positions @ np.linalg.inv(BOXES[box]))[:, [axis]] * BOXES[box][axis]
    count = same_edges(positions, BOXES[box], pbc, cutoff)
    assert count > 0 or cutoff < 3


def test_lattice_vectors_of_open_directions_may_be_zero():
    random = np.random.default_rng(1)
    positions = random.uniform(0, 5, size=(9, 3))
    none = tf.zeros((3, 3), tf.float64)
    found = frozen.neighbor_list(tf.constant(positions), none, tf.constant([False] * 3), 3.0)
    expected = vesin.neighbor_list(positions, np.eye(3) * 50, np.array([False] * 3), 3.0)
    assert len(expected[0]) > 0
    np.testing.assert_allclose(sorted_edges(*(part.numpy() for part in found)), sorted_edges(*expected[:3]), atol=1e-8)


@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, False)])
def test_edges_of_many_cells_of_the_grid_equal_those_of_vesin(pbc):
    random = np.random.default_rng(2)
    cell = np.array([[21.0, 0, 0], [4.0, 19.0, 0], [-3.0, 5.0, 23.0]])
    fractions = random.uniform(size=(900, 3))
    fractions[:2, 2] = 0.0, 1.0 - 1e-12  # at the borders of the cell
    assert same_edges(fractions @ cell, cell, pbc, 3.1) > 900


def test_atoms_far_apart_need_no_more_memory():
    positions = np.array([[0.0, 0, 0], [1.0, 0, 0], [1e9, 0, 0], [1e9, 1e9, -1e9], [1e9, 1e9 + 1.5, -1e9]])
    none, cell = tf.constant([False] * 3), tf.zeros((3, 3), tf.float64)
    senders, receivers, _ = frozen.neighbor_list(tf.constant(positions), cell, none, 2.0)
    assert (receivers.numpy().tolist(), senders.numpy().tolist()) == ([0, 1, 3, 4], [1, 0, 4, 3])


def test_the_result_does_not_depend_on_the_block_size(monkeypatch):
    frame = water_frame()
    arguments = [tf.constant(frame.positions), tf.constant(frame.cell), tf.constant(frame.pbc), 4.0]
    whole = frozen.neighbor_list(*arguments)
    monkeypatch.setattr(frozen, "_BLOCK_PAIRS", 1000)
    for part, expected in zip(frozen.neighbor_list(*arguments), whole, strict=True):
        assert np.array_equal(part, expected)


@pytest.mark.parametrize("bonds", [None, [("H", "H")]])
def test_edge_classes_are_those_of_training(bonds):
    small = water_frame(molecules=2, box=4.0)
    for frame in (small, replicated(small, (2, 1, 1)), water_frame()):
        senders, receivers, vectors, _ = vesin.neighbor_list(frame.positions, frame.cell, frame.pbc, 4.5)
        expected = vesin.edge_classes(senders, receivers, vectors, frame.names, frame.molecules, bonds)
        bonded = np.array([[False, True], [True, False]] if bonds is None else [[False, False], [False, True]])
        found = frozen.edge_classes(
            tf.constant(senders),
            tf.constant(receivers),
            tf.constant(vectors),
            tf.constant((frame.types - 1).astype(np.int32)),
            tf.constant(frame.molecules),
            tf.constant(bonded),
        )
        assert np.array_equal(found, expected)
        assert set(expected) == set(range(len(EDGE_CLASSES)))


def test_a_single_atom_and_atoms_of_different_molecules():
    alone = frozen.neighbor_list(tf.zeros((1, 3), tf.float64), tf.constant(CUBE), tf.constant([True] * 3), 2.0)
    assert [len(part) for part in alone] == [0, 0, 0]
    classes = frozen.edge_classes(
        tf.constant([0, 1]),
        tf.constant([1, 0]),
        tf.ones((2, 3), tf.float64),
        tf.constant([0, 1]),
        tf.constant([1, 2], tf.int64),
        tf.constant([[False, True], [True, False]]),
    )
    assert classes.numpy().tolist() == [0, 0]


def test_slots_equal_those_of_batches():
    receivers = np.array([0, 0, 0, 2, 2])
    found = frozen.edge_slots(tf.constant(receivers, tf.int32), tf.constant(4), tf.constant(5)).numpy()
    np.testing.assert_array_equal(found, batching.edge_slots(receivers, 4, empty=5)[:, :3])


def test_without_edges_each_atom_has_one_empty_slot():
    assert frozen.edge_slots(tf.zeros(0, tf.int32), tf.constant(2), tf.constant(0)).numpy().tolist() == [[0], [0]]


@pytest.mark.parametrize("box", BOXES)
def test_wave_vectors_equal_those_of_batches(box):
    frame = changed(water_frame(), cell=BOXES[box], origin=np.zeros(3))
    batch = batching.pad([graph_of(frame, ["O", "H"], 2.0, None)], 1, 24, largest_wave=2.0)
    arguments = (tf.constant(part) for part in (frame.positions, frame.cell, frame.pbc))
    found = wave_inputs(*arguments, 2.0)
    count = len(found[fields.WAVE_VECTORS])
    np.testing.assert_allclose(found[fields.WAVE_VECTORS], batch[fields.WAVE_VECTORS][:count], atol=1e-5)
    assert not batch[fields.WAVE_WEIGHT][count:].any()
    np.testing.assert_allclose(found[fields.WAVE_WEIGHT], batch[fields.WAVE_WEIGHT][:count], rtol=1e-6)
    np.testing.assert_allclose(found[fields.POSITIONS], batch[fields.POSITIONS], atol=1e-5)


def test_an_open_box_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="periodic"):
        wave_inputs(tf.zeros((1, 3), tf.float64), tf.eye(3, dtype=tf.float64), tf.constant([True, False, True]), 1.0)
