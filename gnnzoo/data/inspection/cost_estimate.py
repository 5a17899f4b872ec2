"""What a cutoff will cost in training: edges, memory, time. A forecast, measured on one kind of machine."""

from collections.abc import Sequence

import numpy as np

from gnnzoo.data.graphs.source import CACHE_BYTES
from gnnzoo.data.inspection.pair_sample import PairSample, atom_counts

# What a training step of the recipes `water` and `argon` (message passing 64 wide, pair forces) takes for each edge on
# two cores: 64 ms for the 33,900 edges of 648 atoms of water, 39 ms for the 20,200 of 400 atoms of argon. Other stacks
# cost more: the -reference ones tenfold.
SECONDS_PER_EDGE = 1.9e-6
HOLDS_FOR = "recipes like argon and water, 2 cores with AVX2; within a factor of 2"

# One edge in memory, see `graphs.graph.Graph`: a vector of three float32, two indices and a class of four bytes each.
BYTES_PER_EDGE = 24
TRAINING = 0.8


def cutoff_costs(cutoff: float, pairs: Sequence[PairSample], frames: int, atoms: float) -> dict:
    """Cost of one cutoff.

    Args:
        cutoff: length unit, not beyond that of the pairs.
        pairs: of each sampled frame.
        frames, atoms: number of frames in all, and mean number of atoms in a frame.

    Returns:
        `edges_per_atom` (`mean`, `max`, of the sampled frames); `edges_per_frame`; `graph_bytes`, of the graphs of
        all training frames (0.8 of all); `cached`, which share of them the cache in memory holds; `seconds_per_epoch`.
    """
    mean, most = atom_counts(pairs, cutoff)
    edges = mean * atoms
    training = max(1.0, TRAINING * frames)
    size = edges * training * BYTES_PER_EDGE
    return {
        "edges_per_atom": {"mean": mean, "max": most},
        "edges_per_frame": edges,
        "graph_bytes": size,
        "cached": float(np.clip(CACHE_BYTES / size, 0, 1)) if size else 1.0,
        "seconds_per_epoch": edges * training * SECONDS_PER_EDGE,
    }
