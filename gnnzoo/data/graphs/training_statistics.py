"""Normalization constants and sizes from the training split."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.graphs.graph import Graph
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.fields import EDGE_CLASSES
from gnnzoo.records import Record
from gnnzoo.sampling import even_sample

# So many frames determine the scales to well below one per cent and are read within seconds.
MAX_SAMPLE = 256
_BINS = 100  # of the histogram of distances up to the cutoff
PRIOR_SAMPLE = 32  # fewer for a prior, which costs more; they determine its residual to one per cent


@dataclass(frozen=True)
class TrainingStatistics(Record):
    """Normalization constants and sizes of the training split.

    Attributes:
        force_rms: root mean square of the force components, model's force unit.
        force_mean_abs: mean absolute force component, model's force unit.
        mean_neighbors: mean number of edges per atom.
        max_atoms, max_edges, max_neighbors: largest numbers per frame, and of edges per atom, in the sample.
        distances: histogram of pair distances: number of "bins" up to the cutoff, and "counts" by kind of pair, see
            `pair_name`; each pair is counted once.
        shortest: (2, species, species) shortest distances between and within molecules; for pairs that do not occur
            the shortest of all. Model's length unit.
        frames: number of training frames in the sample.
    """

    force_rms: float
    force_mean_abs: float
    mean_neighbors: float
    max_atoms: int
    max_edges: int
    max_neighbors: int
    shortest: list
    distances: dict
    frames: int


def training_statistics(source: GraphSource, train: np.ndarray) -> TrainingStatistics:
    """Measure at most `MAX_SAMPLE` evenly spaced training frames.

    Args:
        source: graphs with forces.
        train: (frames,) indices of the training split only.

    Returns:
        The statistics.
    """
    sample = even_sample(train, MAX_SAMPLE)
    squares = absolutes = 0.0
    atoms = edges = max_atoms = max_edges = max_neighbors = 0
    shortest = np.full((2, len(source.species), len(source.species)), np.inf)
    counts = np.zeros((len(EDGE_CLASSES), len(source.species), len(source.species), _BINS), np.int64)
    for index in sample:
        graph = source.graph(index)
        assert graph.forces is not None, "training data have forces"
        forces = graph.forces.astype(np.float64)
        squares += float(np.sum(forces**2))
        absolutes += float(np.sum(np.abs(forces)))
        atoms, edges = atoms + len(forces), edges + len(graph.senders)
        max_atoms, max_edges = max(max_atoms, len(forces)), max(max_edges, len(graph.senders))
        max_neighbors = max(max_neighbors, int(np.bincount(graph.receivers, minlength=1).max()))
        lengths = np.sqrt(np.sum(np.square(graph.vectors, dtype=np.float64), axis=1))
        _shorten(shortest, graph, lengths)
        _count(counts, graph, lengths / source.cutoff)
    met = shortest[np.isfinite(shortest)]
    shortest[np.isinf(shortest)] = met.min() if len(met) else 0.0
    return TrainingStatistics(
        force_rms=(squares / (3 * atoms)) ** 0.5,
        force_mean_abs=absolutes / (3 * atoms),
        mean_neighbors=edges / atoms,
        max_atoms=max_atoms,
        max_edges=max_edges,
        max_neighbors=max_neighbors,
        shortest=shortest.tolist(),
        distances=_distances(counts, source.species),
        frames=len(sample),
    )


def _shorten(shortest: np.ndarray, graph: Graph, lengths: np.ndarray) -> None:
    """Update (2, species, species) shortest distances with the (edges,) lengths of a graph."""
    inside = (graph.edge_class != EDGE_CLASSES.index("other_molecule")).astype(int)
    ends = graph.species[graph.receivers], graph.species[graph.senders]
    np.minimum.at(shortest, (inside, *ends), lengths)


def _count(counts: np.ndarray, graph: Graph, shares: np.ndarray) -> None:
    """Add a graph's edges to (kinds, species, species, bins) counts, by their lengths as shares of the cutoff."""
    bins = np.minimum((shares * _BINS).astype(int), _BINS - 1)
    where = graph.edge_class, graph.species[graph.receivers], graph.species[graph.senders], bins
    flat = np.ravel_multi_index(where, counts.shape)
    counts += np.bincount(flat, minlength=counts.size).reshape(counts.shape)


def _distances(counts: np.ndarray, species: list[str]) -> dict:
    """Counts by name of each kind of pair that occurs; an edge and its reverse are one pair."""
    found = {}
    for kind, first, second in np.ndindex(counts.shape[:3]):
        both = counts[kind, first, second] + counts[kind, second, first]
        if first <= second and both.any():
            found[pair_name(species[first], species[second], EDGE_CLASSES[kind])] = (
                both // (4 if first == second else 2)
            ).tolist()
    return {"bins": _BINS, "counts": found}


def pair_name(first: str, second: str, kind: str) -> str:
    """Name a kind of pair: "O-H", "O-H bonded", "H-H same molecule".

    Args:
        first, second: species.
        kind: of `fields.EDGE_CLASSES`.

    Returns:
        The name.
    """
    return f"{first}-{second} {'' if kind == EDGE_CLASSES[0] else kind.replace('_', ' ')}".strip()


def force_rms_less(source: GraphSource, train: np.ndarray, known: Callable[[Graph], np.ndarray]) -> tuple[float, float]:
    """Measure the training forces after subtracting those of a prior.

    Args:
        source: graphs with forces.
        train: (frames,) indices of the training split only; at most `PRIOR_SAMPLE` are used.
        known: (atoms, 3) forces of the prior on a graph.

    Returns:
        Root mean square of the residual components, model's force unit; and mean |F - known| / mean |F|.
    """
    squares = left = size = components = 0.0
    for index in even_sample(train, PRIOR_SAMPLE):
        graph = source.graph(index)
        assert graph.forces is not None, "training data have forces"
        rest = graph.forces.astype(np.float64) - known(graph)
        squares, components = squares + float(np.sum(rest**2)), components + rest.size
        left += float(np.linalg.norm(rest, axis=1).sum())
        size += float(np.linalg.norm(graph.forces, axis=1).sum())
    return (squares / components) ** 0.5, left / size
