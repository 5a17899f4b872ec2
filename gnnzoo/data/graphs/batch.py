"""Graphs laid end to end and padded to fixed sizes, because XLA compiles once for each shape."""

import numpy as np

from gnnzoo import fields
from gnnzoo.data.graphs.batch_shapes import BatchShape, graph_shape, joint_shape, slot_count, waves_of_graph
from gnnzoo.data.graphs.graph import Graph


def pad(
    graphs: list[Graph],
    n_graphs: int,
    n_atoms: int = 0,
    dtype: str = "float32",
    largest_wave: float = 0.0,
    shape: BatchShape | None = None,
) -> dict[str, np.ndarray]:
    """Lay graphs end to end and pad them to a batch: model inputs and reference values.

    "forces" are present if every graph has them; "energy" and "virial" always, with masks of where they are known.

    Padding atoms belong to the last graph; padding edges join the last atom to itself along x, so that nothing divides
    by zero. All padding is masked.

    Args:
        graphs: at least one.
        n_graphs: graphs of a full batch.
        n_atoms: rows of atoms, or as many as the graphs have where these are more.
        dtype: of vectors, forces, energies, virials and masks.
        largest_wave: largest wave number that the model reads, inverse length unit; 0 for none.
        shape: covers the graphs; by default `n_atoms`, with edges and slots rounded up.

    Returns:
        Arrays by the names of `gnnzoo.fields`.
    """
    atom_counts = [len(graph.species) for graph in graphs]
    edge_counts = [len(graph.senders) for graph in graphs]
    if shape is None:
        shape = joint_shape(graph_shape(graph, largest_wave) for graph in graphs)
        shape = shape._replace(atoms=max(n_atoms, shape.atoms))
    atoms, edges, slots, waves = shape
    batch = {**_padding(atoms, edges, n_graphs, dtype), **_waves(graphs, largest_wave, dtype, waves)}
    if all(graph.forces is not None for graph in graphs):
        batch[fields.FORCES] = np.zeros((atoms, 3), dtype)
    atom = edge = 0
    for number, graph in enumerate(graphs):
        a, e = slice(atom, atom + atom_counts[number]), slice(edge, edge + edge_counts[number])
        batch[fields.SPECIES][a] = graph.species
        batch[fields.GRAPH_INDEX][a] = number
        batch[fields.ATOM_MASK][a] = 1
        batch[fields.SENDERS][e] = graph.senders + atom
        batch[fields.RECEIVERS][e] = graph.receivers + atom
        batch[fields.EDGE_VECTORS][e] = graph.vectors
        batch[fields.EDGE_CLASS][e] = graph.edge_class
        batch[fields.EDGE_MASK][e] = 1
        if fields.FORCES in batch:
            batch[fields.FORCES][a] = graph.forces
        if graph.positions is not None:
            batch[fields.POSITIONS][a] = graph.positions
        if graph.energy is not None:
            batch[fields.ENERGY][number], batch[fields.ENERGY_MASK][number] = graph.energy, 1
        if graph.virial is not None:
            batch[fields.VIRIAL][number], batch[fields.VIRIAL_MASK][number] = graph.virial, 1
        atom, edge = a.stop, e.stop
    batch[fields.GRAPH_MASK][: len(graphs)] = 1
    batch[fields.SLOTS] = edge_slots(batch[fields.RECEIVERS][:edge], atoms, edges - 1, slots)
    return batch


def _padding(atoms: int, edges: int, n_graphs: int, dtype: str) -> dict[str, np.ndarray]:
    """A batch of padding only, without wave vectors and slots."""
    return {
        fields.SPECIES: np.zeros(atoms, np.int32),
        fields.GRAPH_INDEX: np.full(atoms, n_graphs - 1, np.int32),
        fields.ATOM_MASK: np.zeros(atoms, dtype),
        fields.GRAPH_MASK: np.zeros(n_graphs, dtype),
        fields.SENDERS: np.full(edges, atoms - 1, np.int32),
        fields.RECEIVERS: np.full(edges, atoms - 1, np.int32),
        fields.EDGE_VECTORS: np.tile(np.array([1, 0, 0], dtype), (edges, 1)),
        fields.EDGE_CLASS: np.zeros(edges, np.int32),
        fields.EDGE_MASK: np.zeros(edges, dtype),
        fields.ENERGY: np.zeros(n_graphs, dtype),
        fields.ENERGY_MASK: np.zeros(n_graphs, dtype),
        fields.VIRIAL: np.zeros((n_graphs, 3, 3), dtype),
        fields.VIRIAL_MASK: np.zeros(n_graphs, dtype),
        fields.POSITIONS: np.zeros((atoms, 3), dtype),
    }


def _waves(graphs: list[Graph], largest: float, dtype: str, size: int) -> dict[str, np.ndarray]:
    """The wave vectors of all graphs, laid end to end and padded."""
    found = [waves_of_graph(graph, largest) for graph in graphs] if largest else []
    batch = {
        fields.WAVE_VECTORS: np.zeros((size, 3), dtype),
        fields.WAVE_GRAPH: np.zeros(size, np.int32),
        fields.WAVE_WEIGHT: np.zeros(size, dtype),
    }
    first = 0
    for number, (waves, weight) in enumerate(found):
        of = slice(first, first + len(waves))
        batch[fields.WAVE_VECTORS][of], batch[fields.WAVE_GRAPH][of], batch[fields.WAVE_WEIGHT][of] = (
            waves,
            number,
            weight,
        )
        first = of.stop
    return batch


def edge_slots(receivers: np.ndarray, atoms: int, empty: int, slots: int = 0) -> np.ndarray:
    """Tabulate the edges of each atom in rows of one length, so that neighbour sums become matrix products.

    Args:
        receivers: (edges,) ascending.
        atoms: number of rows.
        empty: number of a masked edge, for empty slots.
        slots: length of a row; by default that of the longest, see `slot_count`.

    Returns:
        (atoms, slots) int32.
    """
    counts = np.bincount(receivers, minlength=atoms)
    places = np.arange(slots or slot_count(int(counts.max(initial=0))))
    numbers = (np.cumsum(counts) - counts)[:, None] + places
    return np.where(places < counts[:, None], numbers, empty).astype(np.int32)
