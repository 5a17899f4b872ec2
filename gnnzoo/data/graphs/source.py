"""Graphs by frame number, cached in memory."""

import logging
from typing import Protocol, runtime_checkable

import numpy as np

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.graphs.frame_checks import check_distinct, frame_named
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

logger = logging.getLogger(__name__)

# Cached graphs fill at most this much memory; others are computed again in each epoch. A few thousand frames of
# hundreds of atoms fit, and the whole training stays below 2 GB.
CACHE_BYTES = 600_000_000


@runtime_checkable
class StoredEdges(Protocol):
    """A dataset that holds the edges of its frames, such as TFRecord shards.

    Attributes:
        cutoff: of the edges, length unit.
        bonds: bonded pairs of species, see `neighbors.edge_classes`.
    """

    cutoff: float
    bonds: list[tuple[str, str]] | None

    def stored_graph(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Senders, receivers, vectors and classes of the edges of a frame."""


class GraphSource:
    """Computes graphs by frame number, and caches them while there is memory.

    Args:
        dataset: the frames; one that stores edges (TFRecord) must have been written with this cutoff.
        species: species of the model, in its order.
        cutoff: length unit of the data.
        bonds: bonded pairs of species, see `neighbors.edge_classes`.
        force_factor: conversion from the force unit of the data to that of the model.

    Raises:
        DataError: the dataset stores edges of another cutoff or with other bonds.
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
        self._stored = dataset if isinstance(dataset, StoredEdges) else None
        if self._stored is not None:
            self._check_stored_edges(self._stored)
        self._cache: dict[int, Graph] = {}
        self._cached_bytes, self._full = 0, False

    def _check_stored_edges(self, edges: StoredEdges) -> None:
        if abs(edges.cutoff - self.cutoff) > 1e-6:
            raise DataError(
                f"its edges have a cutoff of {edges.cutoff:g}, the recipe has {self.cutoff:g}",
                location=Location(file=self.dataset.path),
                hint=f"gnnzoo convert SOURCE -o OTHER.tfrecord --cutoff {self.cutoff:g}",
            )
        stored, asked = ({frozenset(pair) for pair in bonds or ()} for bonds in (edges.bonds, self.bonds))
        if stored != asked or (edges.bonds is None) != (self.bonds is None):
            raise DataError(
                f"its edges have the bonds {edges.bonds}, the recipe has {self.bonds}",
                location=Location(file=self.dataset.path),
                hint="gnnzoo convert SOURCE -o OTHER.tfrecord --recipe RECIPE",
            )

    def __len__(self) -> int:
        return len(self.dataset)

    def graph(self, index: int) -> Graph:
        """Compute the graph of a frame, or take it from the cache.

        Args:
            index: number of the frame.

        Returns:
            The graph.

        Raises:
            DataError: a force is not finite, a species is unknown to the model, or the frame has no neighbour list.
        """
        index = int(index)
        if index in self._cache:
            return self._cache[index]
        with frame_named(index, self.dataset.path):
            graph = self._make(index)
        check_forces(graph.forces, index, self.dataset.path)
        if self._cached_bytes + graph.nbytes <= CACHE_BYTES:
            self._cache[index] = graph
            self._cached_bytes += graph.nbytes
        elif not self._full:
            self._full = True
            logger.debug(f"the cache of graphs is full: {len(self._cache):,} of {len(self):,} frames")
        return graph

    def _make(self, index: int) -> Graph:
        frame = self.dataset[index]
        if self._stored is None:
            return graph_of(frame, self.species, self.cutoff, self.bonds, self.force_factor)
        senders, receivers, vectors, classes = self._stored.stored_graph(index)
        check_distinct(senders, receivers, vectors, frame.ids)
        forces = (frame.forces * self.force_factor).astype(np.float32)
        species, energy = species_index(frame.names, self.species), frame_energy(frame, self.force_factor)
        virial = frame_virial(frame, self.force_factor)
        return Graph(
            species,
            senders,
            receivers,
            vectors,
            classes,
            forces,
            energy,
            virial,
            group=frame.group,
            **wrapped_positions(frame),
        )
