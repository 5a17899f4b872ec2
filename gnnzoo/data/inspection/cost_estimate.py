"""Estimated cost of a cutoff in training: edges, memory, time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.graphs.source import CACHE_BYTES
from gnnzoo.data.inspection.pair_sample import PairSample, neighbor_counts
from gnnzoo.records import Record

# Measured: a training step of the recipes `water` and `argon` (message passing 64 wide, pair forces) on two cores takes
# 64 ms for the 33,900 edges of 648 atoms of water, 39 ms for the 20,200 of 400 atoms of argon. Other stacks cost more:
# the -reference ones tenfold.
SECONDS_PER_EDGE = 1.9e-6
MACHINE = "2 cores with AVX2"  # on which the costs were measured
VALID_FOR = f"recipes like argon and water, {MACHINE}; within a factor of 2"

# One edge in memory, see `graphs.graph.Graph`: a vector of three float32, two indices and a class of four bytes each.
BYTES_PER_EDGE = 24
TRAINING = 0.8  # share of the frames that the default split trains on, before gaps


@dataclass(frozen=True)
class NeighborCount(Record):
    """Edges per atom of the sampled frames."""

    mean: float
    max: int


@dataclass(frozen=True)
class CutoffCost(Record):
    """What a cutoff costs.

    Attributes:
        cutoff: length unit.
        why: why it is estimated, in words.
        edges_per_atom: of the sampled frames.
        edges_per_frame: mean number of edges.
        graph_bytes: memory of the graphs of all training frames (0.8 of all).
        cached: share of them that fits in the cache in memory.
        seconds_per_epoch: estimated time of a pass over the training frames.
    """

    cutoff: float
    why: str
    edges_per_atom: NeighborCount
    edges_per_frame: float
    graph_bytes: float
    cached: float
    seconds_per_epoch: float


def cutoff_cost(cutoff: float, why: str, pairs: Sequence[PairSample], frames: int, atoms: float) -> CutoffCost:
    """Estimate the cost of a cutoff.

    Args:
        cutoff: length unit, at most that of the pairs.
        why: why it is estimated, in words.
        pairs: of each sampled frame.
        frames: number of frames of the dataset.
        atoms: mean number of atoms of a frame.

    Returns:
        Edges, memory and time.
    """
    mean, most = neighbor_counts(pairs, cutoff)
    edges = mean * atoms
    training = max(1.0, TRAINING * frames)
    size = edges * training * BYTES_PER_EDGE
    return CutoffCost(
        cutoff=cutoff,
        why=why,
        edges_per_atom=NeighborCount(mean, most),
        edges_per_frame=edges,
        graph_bytes=size,
        cached=float(np.clip(CACHE_BYTES / size, 0, 1)) if size else 1.0,
        seconds_per_epoch=edges * training * SECONDS_PER_EDGE,
    )
