"""Frame numbers to graphs, with graphs already made cached in memory."""

import numpy as np

from gnnzoo.data.frames import Dataset
from gnnzoo.data.graphs.graph import (
    Graph,
    check_forces,
    frame_energy,
    frame_virial,
    graph_of,
    species_index,
    wrapped_positions,
)
from gnnzoo.errors import DataError, Location

# Graphs are kept in memory until they fill this; beyond it they are made anew when they come round again.
CACHE_BYTES = 600_000_000


class GraphSource:
    """Frame numbers -> graphs, with the graphs already made kept in memory while there is room.

    Args:
        dataset: where the frames are; one that stores edges (TFRecord) must have been written with this cutoff.
        species: the model's species, in its order.
        cutoff: in the data's length unit.
        bonds: see `neighbors.edge_classes`.
        force_factor: from the data's force unit to the model's.
    """

    def __init__(
        self,
        dataset: Dataset,
        species: list[str],
        cutoff: float,
        bonds: list[tuple[str, str]] | None = None,
        force_factor: float = 1.0,
    ):
        self.dataset, self.species, self.cutoff, self.bonds = dataset, list(species), float(cutoff), bonds
        self.force_factor = force_factor
        self._stored = hasattr(dataset, "stored_graph")
        if self._stored:
            self._check_stored_edges()
        self._cache: dict[int, Graph] = {}
        self._cached_bytes = 0

    def _check_stored_edges(self) -> None:
        if abs(self.dataset.cutoff - self.cutoff) > 1e-6:
            raise DataError(
                f"its edges were made with a cutoff of {self.dataset.cutoff:g}, the recipe asks for {self.cutoff:g}",
                location=Location(file=self.dataset.path),
                hint=f"gnnzoo convert SOURCE -o OTHER.tfrecord --cutoff {self.cutoff:g}",
            )
        stored, asked = ({frozenset(pair) for pair in bonds or ()} for bonds in (self.dataset.bonds, self.bonds))
        if stored != asked or (self.dataset.bonds is None) != (self.bonds is None):
            raise DataError(
                f"its edges were made with the bonds {self.dataset.bonds}, the recipe asks for {self.bonds}",
                location=Location(file=self.dataset.path),
                hint="gnnzoo convert SOURCE -o OTHER.tfrecord --recipe RECIPE",
            )

    def __len__(self) -> int:
        return len(self.dataset)

    def graph(self, index: int) -> Graph:
        """The graph of frame `index`.

        Raises:
            DataError: a force in it is not a number, or a species is not the model's.
        """
        index = int(index)
        if index in self._cache:
            return self._cache[index]
        graph = self._make(index)
        check_forces(graph.forces, index, self.dataset.path)
        if self._cached_bytes + graph.nbytes <= CACHE_BYTES:
            self._cache[index] = graph
            self._cached_bytes += graph.nbytes
        return graph

    def _make(self, index: int) -> Graph:
        frame = self.dataset[index]
        if not self._stored:
            return graph_of(frame, self.species, self.cutoff, self.bonds, self.force_factor)
        senders, receivers, vectors, classes = self.dataset.stored_graph(index)
        forces = (frame.forces * self.force_factor).astype(np.float32)
        species, energy = species_index(frame.names, self.species), frame_energy(frame, self.force_factor)
        virial = frame_virial(frame, self.force_factor)
        return Graph(species, senders, receivers, vectors, classes, forces, energy, virial, **wrapped_positions(frame))
