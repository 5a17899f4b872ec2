"""What a model takes from its data: scales and sizes, from the training split alone."""

from dataclasses import asdict, dataclass

import numpy as np

from gnnzoo.data.pipeline import GraphSource

# An even sample of this many training frames fixes scales to well under a per cent and is read in seconds.
MAX_SAMPLE = 256


@dataclass(frozen=True)
class TrainingStatistics:
    """Scales and sizes of the training split.

    Attributes:
        force_rms: root mean square of the force components, model's force unit.
        force_mean_abs: mean absolute force component, model's force unit.
        mean_neighbors: mean number of edges per atom.
        max_atoms, max_edges: largest frame of the sample.
        frames: training frames that were looked at, evenly spaced.
    """

    force_rms: float
    force_mean_abs: float
    mean_neighbors: float
    max_atoms: int
    max_edges: int
    frames: int

    def as_dict(self) -> dict:
        """Plain numbers, for JSON."""
        return asdict(self)


def training_statistics(source: GraphSource, train: np.ndarray) -> TrainingStatistics:
    """Statistics over at most `MAX_SAMPLE` frames of `train`, evenly spaced.

    Args:
        source: graphs with forces.
        train: (frames,) indices of the training split; never anything else.
    """
    sample = even_sample(train, MAX_SAMPLE)
    squares = absolutes = 0.0
    atoms = edges = max_atoms = max_edges = 0
    for index in sample:
        graph = source.graph(index)
        forces = graph.forces.astype(np.float64)
        squares += float(np.sum(forces**2))
        absolutes += float(np.sum(np.abs(forces)))
        atoms, edges = atoms + len(forces), edges + len(graph.senders)
        max_atoms, max_edges = max(max_atoms, len(forces)), max(max_edges, len(graph.senders))
    return TrainingStatistics(
        force_rms=(squares / (3 * atoms)) ** 0.5,
        force_mean_abs=absolutes / (3 * atoms),
        mean_neighbors=edges / atoms,
        max_atoms=max_atoms,
        max_edges=max_edges,
        frames=len(sample),
    )


def even_sample(indices: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the indices, evenly spaced, first and last included."""
    if len(indices) <= count:
        return np.asarray(indices)
    return np.asarray(indices)[np.linspace(0, len(indices) - 1, count).round().astype(int)]
