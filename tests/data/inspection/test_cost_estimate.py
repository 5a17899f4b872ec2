"""Estimated cost of cutoffs against counts by hand, and which cutoffs are recommended."""

import numpy as np
import pytest

import dumps
from frames_in_memory import Frames, argon, fcc, frames_of
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.data.graphs.source import CACHE_BYTES
from gnnzoo.data.inspection.cost_estimate import BYTES_PER_EDGE, SECONDS_PER_EDGE, NeighborCount, cutoff_cost
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.inspection.pair_sample import sample_pairs
from systems import changed


def test_costs_are_those_of_the_edges_of_the_training_frames():
    pairs = sample_pairs(Frames(fcc(constant=5.0, jitter=0.05)))
    cost = cutoff_cost(4.3, "asked for", pairs, frames=1000, atoms=500)
    assert cost.edges_per_atom == NeighborCount(12.0, 12)
    assert cost.graph_bytes == 12 * 500 * 800 * BYTES_PER_EDGE
    assert cost.seconds_per_epoch == pytest.approx(12 * 500 * 800 * SECONDS_PER_EDGE)
    assert cost.cached == 1.0
    many = cutoff_cost(4.3, "asked for", pairs, frames=100_000, atoms=500)
    assert many.cached == pytest.approx(CACHE_BYTES / (12 * 500 * 80_000 * BYTES_PER_EDGE))


def test_memory_of_an_edge_in_a_graph():
    (frame,) = fcc(frames=1)
    graph = graph_of(frame, ["1"], 4.3, None)
    assert graph.nbytes == BYTES_PER_EDGE * len(graph.senders)


def test_cutoffs_are_ends_of_shells_and_the_one_asked_for():
    report = describe_dataset(Frames([changed(f, type_names={1: "Ar"}, units="real") for f in argon(frames=8)]), [6.5])
    cutoffs = {cost.cutoff: cost.why for cost in report.cutoffs}
    assert list(cutoffs) == sorted(cutoffs)
    assert cutoffs[6.5] == "asked for"
    end = report.rdf.pairs["Ar-Ar"].first_shell
    assert min(cutoffs) == pytest.approx(end + 0.05, abs=0.0501)  # rounded up
    assert cutoffs[min(cutoffs)] == "end of shell 1 of Ar-Ar"
    assert report.recommended_cutoff in cutoffs
    assert report.recommended_cutoff != 6.5


def test_the_recommended_cutoff_has_at_most_a_hundred_edges():
    report = describe_dataset(Frames(fcc(constant=5.0, jitter=0.05)))
    edges = {cost.cutoff: cost.edges_per_atom.mean for cost in report.cutoffs}
    assert edges[report.recommended_cutoff] <= 100
    assert len(edges) == 3


def test_without_shells_usual_cutoffs_and_no_recommendation():
    random = np.random.default_rng(0)
    gas = [changed(f, positions=random.uniform(size=f.positions.shape) * 25) for f in fcc(frames=3)]
    report = describe_dataset(Frames(gas))
    assert report.recommended_cutoff is None
    assert {cost.why.partition(";")[0] for cost in report.cutoffs} == {"usual"}


def test_the_gap_is_known_only_where_the_run_is_long_enough():
    short = describe_dataset(Frames(frames_of(dumps.argon(frames=1)))).correlation
    assert short.gap is None
    long = describe_dataset(Frames(frames_of(dumps.argon(frames=40, side=4)))).correlation  # each frame a new draw
    assert long.gap == 1
