"""Graphs, padding and prefetching."""

import contextlib

import numpy as np
import pytest

from errors import refused
from gnnzoo import fields
from gnnzoo.data.graphs.batch import edge_slots, pad
from gnnzoo.data.graphs.frame_checks import FrameError
from gnnzoo.data.graphs.graph import graph_of, species_index, subtract_energy_offsets
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.errors import DataError
from gnnzoo.threads import prefetch
from small import MemoryDataset
from systems import changed, water_frame


def test_two_graphs_laid_end_to_end():
    graphs = [graph_of(water_frame(seed=seed), ["O", "H"], 3.4, None) for seed in (0, 1)]
    first, second = graphs
    batch = pad(graphs, n_graphs=3, n_atoms=60)
    assert batch[fields.ATOM_MASK].sum() == 48
    assert batch[fields.GRAPH_INDEX].tolist() == [0] * 24 + [1] * 24 + [2] * 12
    assert batch[fields.GRAPH_MASK].tolist() == [1, 1, 0]
    edges = len(first.senders)
    assert batch[fields.SENDERS][edges] == second.senders[0] + 24
    assert batch[fields.EDGE_MASK].sum() == edges + len(second.senders)
    assert np.all(np.linalg.norm(batch[fields.EDGE_VECTORS], axis=1) > 0)
    assert np.all(np.diff(batch[fields.RECEIVERS]) >= 0)
    np.testing.assert_array_equal(batch[fields.FORCES][24:48], second.forces)


def test_slots_list_the_edges_of_each_receiver():
    # atom 0 receives edges 0, 1, 2; atom 1 none; atom 2 edges 3 and 4; 7 is a masked edge
    slots = edge_slots(np.array([0, 0, 0, 2, 2]), atoms=3, empty=7)
    assert slots.tolist() == [[0, 1, 2, 7, 7, 7, 7, 7], [7] * 8, [3, 4, 7, 7, 7, 7, 7, 7]]


def test_empty_slots_of_a_batch_name_a_masked_edge():
    batch = pad([graph_of(water_frame(), ["O", "H"], 3.4, None)], n_graphs=1, n_atoms=30)
    rows = np.arange(30)[:, None] * np.ones_like(batch[fields.SLOTS])
    taken = batch[fields.EDGE_MASK][batch[fields.SLOTS]] > 0
    assert sorted(batch[fields.SLOTS][taken]) == np.flatnonzero(batch[fields.EDGE_MASK]).tolist()
    np.testing.assert_array_equal(batch[fields.RECEIVERS][batch[fields.SLOTS][taken]], rows[taken])


def test_forces_are_converted_at_the_door():
    frame = water_frame()
    graph = graph_of(frame, ["O", "H"], 3.4, None, force_factor=0.5)
    np.testing.assert_allclose(graph.forces, frame.forces / 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "species", "suggested", "hint"),
    [
        ("Hw", ["O", "H"], "'H'", "gnnzoo list"),
        ("C", ["Cu", "Ag"], None, "gnnzoo list"),  # an element is no misspelt other one
        ("Ge", ["Si"], None, "gnnzoo list"),
        ("2", ["O", "H"], None, "gnnzoo convert DUMP --types 2=NAME"),
    ],
)
def test_an_unknown_species_is_named(name, species, suggested, hint):
    with refused(DataError, f"'{name}'", ", ".join(species), hint=hint) as refusal:
        species_index(np.array([*species, name]), species)
    assert ("Did you mean" in refusal.error.what) is (suggested is not None)
    assert suggested is None or f"mean {suggested}" in refusal.error.what


def test_prefetching_keeps_the_order_and_hands_over_errors():
    def make(item):
        if item == 3:
            raise ValueError("three")
        return item * 10

    seen = []
    with pytest.raises(ValueError, match="three"), contextlib.closing(prefetch(map(make, range(5)), depth=3)) as items:
        for item in items:
            seen.append(item)
    assert seen == [0, 10, 20]


def test_leaving_prefetched_items_early_does_not_hang():
    with contextlib.closing(prefetch(iter(int, 1), depth=3)) as items:  # an endless supply
        assert next(items) == 0


def test_energies_come_along_where_they_are_known():
    frame = water_frame()
    first = graph_of(changed(frame, energy=-8.0), ["O", "H"], 3.4, None, force_factor=0.5)
    atoms = np.full(len(frame), 0.25)
    second = graph_of(changed(frame, energies=atoms), ["O", "H"], 3.4, None)
    unknown = graph_of(frame, ["O", "H"], 3.4, None)
    batch = pad([first, unknown, second], n_graphs=4, n_atoms=100)
    assert batch[fields.ENERGY].tolist() == [-4, 0, len(frame) / 4, 0]
    assert batch[fields.ENERGY_MASK].tolist() == [1, 0, 1, 0]


def test_virials_come_along_where_they_are_known():
    frame, virial = water_frame(), np.arange(9.0).reshape(3, 3)
    known = graph_of(changed(frame, virial=virial), ["O", "H"], 3.4, None, force_factor=0.5)
    batch = pad([graph_of(frame, ["O", "H"], 3.4, None), known], n_graphs=3, n_atoms=100)
    np.testing.assert_array_equal(batch[fields.VIRIAL], [np.zeros((3, 3)), virial / 2, np.zeros((3, 3))])
    assert batch[fields.VIRIAL_MASK].tolist() == [0, 1, 0]


def test_energies_keep_their_digits_over_a_far_zero():
    """Offsets are taken off in double precision: a float32 of -440,000 knows no hundredths."""
    frame = water_frame()  # 8 O and 16 H
    far = 8 * -55_000.0 + 16 * -13.0
    source = GraphSource(MemoryDataset([changed(frame, energy=far + 0.0123)]), ["O", "H"], 3.4)
    assert source.graph(0).energy == pytest.approx(far + 0.0123)
    batch = pad([subtract_energy_offsets(source.graph(0), [-55_000.0, -13.0])], 1, 24)
    assert batch[fields.ENERGY][0] == pytest.approx(0.0123, rel=1e-5)


def test_two_atoms_at_one_place_are_refused_with_their_frame_and_ids():
    frame = water_frame()
    together = frame.positions.copy()
    together[4] = together[1] + frame.cell[0]  # an image of the other atom
    data = MemoryDataset([frame, changed(frame, positions=together)])
    source = GraphSource(data, ["O", "H"], cutoff=3.5)
    source.graph(0)
    with refused(FrameError, "frame 1", f"{frame.ids[1]} and {frame.ids[4]}", file=data.path):
        source.graph(1)
