"""Shapes of batches: few, covering, and with little padding."""

import numpy as np
import pytest

from gnnzoo.data.graphs.batch import pad
from gnnzoo.data.graphs.batch_shapes import (
    BatchShape,
    choose_shapes,
    graph_shape,
    joint_shape,
    padded_shape,
    padded_size,
    well_covered,
)
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.fields import EDGE_MASK, SLOTS, SPECIES, WAVE_VECTORS, WAVE_WEIGHT
from systems import water_frame


def test_padded_sizes_waste_little_and_are_few():
    sizes = [padded_size(n) for n in range(1, 100_000)]
    counts = np.arange(1, 100_000)
    assert np.all(sizes >= counts)
    assert np.max((sizes - counts)[counts > 4096] / counts[counts > 4096]) < 1 / 16
    assert len(set(padded_size(n) for n in range(32_768, 65_536))) == 17


def mixed(count, seed=0):
    """Shapes of batches of frames of 12 to 96 atoms with 40 to 60 neighbours."""
    chance = np.random.default_rng(seed)
    atoms, neighbors = chance.integers(12, 97, count), chance.integers(40, 61, count)
    return [joint_shape([BatchShape(int(n), int(n * k), int(k))]) for n, k in zip(atoms, neighbors, strict=True)]


def test_batches_of_many_sizes_share_a_few_shapes_with_little_padding():
    needed = mixed(500)
    shapes = choose_shapes(needed)
    assert len(shapes) <= 4 < len(set(needed)) / 20
    given = [padded_shape(shape, shapes) for shape in needed]
    assert all(shape.covers(own) for shape, own in zip(given, needed, strict=True))
    assert set(given) <= set(shapes)
    least, spent = (sum(shape.cost for shape in every) for every in (needed, given))
    assert spent < 1.5 * least
    largest = BatchShape(*np.max(needed, axis=0).tolist())
    assert spent < 0.75 * len(needed) * largest.cost


def test_one_shape_where_another_would_save_nothing():
    needed = [joint_shape([BatchShape(648, 30_000 + 10 * n, 60)]) for n in range(50)]
    assert len(choose_shapes(needed)) == 1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_batches(count):
    needed = mixed(count)
    shapes = choose_shapes(needed)
    assert all(any(shape.covers(own) for shape in shapes) for own in needed)


def test_a_batch_beyond_all_shapes_has_one_of_its_own():
    shapes = choose_shapes(mixed(50))
    beyond = joint_shape([BatchShape(1000, 50_000, 70)])
    assert padded_shape(beyond, shapes).covers(beyond)
    assert not well_covered(beyond, shapes)
    assert well_covered(shapes[-1], shapes)
    assert not well_covered(joint_shape([BatchShape(2, 2, 1)]), shapes[-1:])


def test_a_padded_batch_has_its_shape():
    graph = graph_of(water_frame(), ["O", "H"], 3.4, None)
    own = joint_shape([graph_shape(graph)])
    waves = graph_shape(graph, 2.0).waves
    assert waves > 0
    wider = BatchShape(own.atoms + 5, own.edges + 256, own.slots + 8, waves + 100)
    batch = pad([graph], 1, shape=wider, largest_wave=2.0)
    assert (len(batch[SPECIES]), len(batch[EDGE_MASK]), batch[SLOTS].shape[1], len(batch[WAVE_VECTORS])) == wider
    assert np.count_nonzero(batch[WAVE_WEIGHT]) == waves
    assert batch[EDGE_MASK].sum() == len(graph.senders)
