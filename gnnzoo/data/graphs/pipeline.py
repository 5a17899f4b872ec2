"""From frames to padded batches of graphs.

A `GraphSource` turns frame numbers into graphs; `pad` lays graphs end to end in arrays of fixed sizes, because XLA
compiles once for each shape; `Prefetcher` does both in a thread beside the training step.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gnnzoo import fields
from gnnzoo.data.frames import Dataset, Frame, known_virial
from gnnzoo.data.graphs.neighbors import edge_classes, neighbor_list
from gnnzoo.data.graphs.wave_vectors import waves_of
from gnnzoo.errors import DataError, Place, did_you_mean

# Graphs are kept in memory until they fill this; beyond it they are made anew when they come round again.
CACHE_BYTES = 600_000_000


@dataclass(frozen=True, eq=False)
class Graph:
    """One frame as a graph; arrays as in `gnnzoo.fields`, unpadded.

    Attributes:
        forces: (atoms, 3) float32 in the model's unit, or None where nobody knows them.
        energy: potential energy of the frame in the model's unit, or None.
        virial: (3, 3) float64 -dE/d(strain) in the model's unit of energy, or None.
        positions: (atoms, 3) float64 inside the cell, from its corner; read by waves alone, as are
        cell, pbc: of the frame.
    """

    species: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray
    vectors: np.ndarray
    edge_class: np.ndarray
    forces: np.ndarray | None = None
    energy: float | None = None
    virial: np.ndarray | None = None
    positions: np.ndarray | None = None
    cell: np.ndarray | None = None
    pbc: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Memory held by the edges, which is nearly all."""
        return self.vectors.nbytes + self.senders.nbytes + self.receivers.nbytes + self.edge_class.nbytes


def species_index(names: np.ndarray, species: list[str], place: Place | None = None) -> np.ndarray:
    """(atoms,) names -> (atoms,) int32 index into `species`; a name that is not there is a `DataError`."""
    known = {name: i for i, name in enumerate(species)}
    present, inverse = np.unique(names, return_inverse=True)
    for name in present:
        if str(name) not in known:
            raise DataError(
                f"species '{name}' is in the data, but the model knows {', '.join(species)}."
                + did_you_mean(str(name), species),
                place=place,
                hint="another substance wants another recipe or model (gnnzoo list); if it is only the names: "
                f"gnnzoo convert DUMP --types {','.join(f'{other}=NAME' for other in present if other not in known)}, "
                "or --set data.types=...",
            )
    return np.array([known[str(name)] for name in present], dtype=np.int32)[inverse]


def graph_of(
    frame: Frame,
    species: list[str],
    cutoff: float,
    bonds: list[tuple[str, str]] | None,
    force_factor: float = 1.0,
    dtype: str = "float32",
) -> Graph:
    """The graph of one frame: neighbours within `cutoff`; forces, energy and virial times `force_factor`; in `dtype`.

    One factor serves all, because lengths are never converted.
    """
    senders, receivers, vectors, _ = neighbor_list(frame.positions, frame.cell, frame.pbc, cutoff)
    return Graph(
        species=species_index(frame.names, species),
        senders=senders,
        receivers=receivers,
        vectors=vectors.astype(dtype),
        edge_class=edge_classes(senders, receivers, vectors, frame.names, frame.molecules, bonds),
        forces=None if frame.forces is None else (frame.forces * force_factor).astype(dtype),
        energy=_energy(frame, force_factor),
        virial=_virial(frame, force_factor),
        **_place(frame),
    )


def _place(frame: Frame) -> dict:
    """Where the atoms are in their cell, wrapped along periodic directions so that float32 keeps their digits."""
    positions, cell = frame.positions - frame.origin, frame.cell
    if np.linalg.det(cell) != 0:
        positions = positions - np.floor(positions @ np.linalg.inv(cell)) * frame.pbc @ cell
    return {"positions": positions, "cell": cell, "pbc": frame.pbc}


def _energy(frame: Frame, factor: float) -> float | None:
    """The frame's own energy, or the sum of its atoms'; None where neither is known."""
    energy = frame.energy
    if energy is None and frame.energies is not None:
        energy = float(np.sum(frame.energies))
    return None if energy is None or not np.isfinite(energy) else energy * factor


def _virial(frame: Frame, factor: float) -> np.ndarray | None:
    known = known_virial(frame.virial)
    return None if known is None else known * factor


def check_forces(forces: np.ndarray | None, index: int, path: Path) -> None:
    """Refuse forces of frame `index` of the data at `path` that are not numbers."""
    if forces is not None and not np.all(np.isfinite(forces)):
        raise DataError(
            f"a force of frame {index} is not a number", place=Place(file=path), hint=f"gnnzoo inspect {path}"
        )


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
        self._zero = np.zeros(len(self.species))
        self._stored = hasattr(dataset, "stored_graph")
        if self._stored:
            self._check_stored_edges()
        self._cache: dict[int, Graph] = {}
        self._cached_bytes = 0

    def _check_stored_edges(self) -> None:
        if abs(self.dataset.cutoff - self.cutoff) > 1e-6:
            raise DataError(
                f"its edges were made with a cutoff of {self.dataset.cutoff:g}, the recipe asks for {self.cutoff:g}",
                place=Place(file=self.dataset.path),
                hint=f"gnnzoo convert SOURCE -o OTHER.tfrecord --cutoff {self.cutoff:g}",
            )
        stored, asked = ({frozenset(pair) for pair in bonds or ()} for bonds in (self.dataset.bonds, self.bonds))
        if stored != asked or (self.dataset.bonds is None) != (self.bonds is None):
            raise DataError(
                f"its edges were made with the bonds {self.dataset.bonds}, the recipe asks for {self.bonds}",
                place=Place(file=self.dataset.path),
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
            return self._from_zero(self._cache[index])
        graph = self._make(index)
        check_forces(graph.forces, index, self.dataset.path)
        if self._cached_bytes + graph.nbytes <= CACHE_BYTES:
            self._cache[index] = graph
            self._cached_bytes += graph.nbytes
        return self._from_zero(graph)

    def take_off(self, energy_offsets: np.ndarray) -> None:
        """Have all energies less (species,) offsets from now on, by double precision."""
        self._zero = np.asarray(energy_offsets, np.float64)

    def _from_zero(self, graph: Graph) -> Graph:
        if graph.energy is None or not self._zero.any():
            return graph
        counts = np.bincount(graph.species, minlength=len(self.species))
        return replace(graph, energy=graph.energy - float(counts @ self._zero))

    def _make(self, index: int) -> Graph:
        frame = self.dataset[index]
        if not self._stored:
            return graph_of(frame, self.species, self.cutoff, self.bonds, self.force_factor)
        senders, receivers, vectors, classes = self.dataset.stored_graph(index)
        forces = (frame.forces * self.force_factor).astype(np.float32)
        species, energy = species_index(frame.names, self.species), _energy(frame, self.force_factor)
        virial = _virial(frame, self.force_factor)
        return Graph(species, senders, receivers, vectors, classes, forces, energy, virial, **_place(frame))


# A batch takes the sizes of a full one, if that makes them no larger than by this: a shape less to compile.
_NEARLY_FULL = 8 / 7


def _nearly(own: int, full: int) -> int:
    return full if own < full <= _NEARLY_FULL * own else own


def padded_size(count: int, least: int = 256) -> int:
    """What `count` rows are padded to: the next multiple of a sixteenth of the power of two below it, or of `least`.

    A handful of shapes to compile for any data, and three per cent of padding on average where it costs anything.
    """
    step = max(least, 1 << max(0, count.bit_length() - 1 - 4))
    return max(1, -(-count // step)) * step


def pad(
    graphs: list[Graph],
    n_graphs: int,
    n_atoms: int,
    dtype: str = "float32",
    n_edges: int = 0,
    n_slots: int = 0,
    largest_wave: float = 0.0,
) -> dict[str, np.ndarray]:
    """Graphs laid end to end and padded: the inputs of a model, and what it is compared with.

    "forces" are there where every graph has them; "energy" and "virial" always, with masks telling where they are
    known.

    Padding atoms belong to the last graph; padding edges join the last atom to itself along x, so that nothing divides
    by zero. All of it is masked.

    Args:
        graphs: at least one.
        n_graphs: graphs of a full batch.
        n_atoms: atoms of a full batch; more are padded like edges, by `padded_size`.
        dtype: of vectors, forces, energies, virials and masks.
        n_edges, n_slots: those of a full batch; one that is nearly full is padded to them, so that shapes are few.
        largest_wave: of the waves that the model reads, inverse length unit; 0 for none.
    """
    atom_counts = [len(graph.species) for graph in graphs]
    edge_counts = [len(graph.senders) for graph in graphs]
    atoms = n_atoms if sum(atom_counts) <= n_atoms else padded_size(sum(atom_counts))
    edges = _nearly(padded_size(sum(edge_counts) + 1), n_edges)  # at least one is padding, which empty slots can name
    batch = {**_padding(atoms, edges, n_graphs, dtype), **_waves(graphs, largest_wave, dtype)}
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
    batch[fields.SLOTS] = edge_slots(batch[fields.RECEIVERS][:edge], atoms, edges - 1, n_slots)
    return batch


def _padding(atoms: int, edges: int, n_graphs: int, dtype: str) -> dict[str, np.ndarray]:
    """A batch of nothing but padding, waves and slots apart."""
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


def _waves(graphs: list[Graph], largest: float, dtype: str) -> dict[str, np.ndarray]:
    """The waves of all graphs, one after the other and padded."""
    found = [waves_of(graph.cell, graph.pbc, largest) for graph in graphs] if largest else []
    count = sum(len(waves) for waves, _ in found)
    size = padded_size(count, least=64) if largest else 0
    batch = {
        fields.WAVES: np.zeros((size, 3), dtype),
        fields.WAVE_GRAPH: np.zeros(size, np.int32),
        fields.WAVE_WEIGHT: np.zeros(size, dtype),
    }
    first = 0
    for number, (waves, weight) in enumerate(found):
        of = slice(first, first + len(waves))
        batch[fields.WAVES][of], batch[fields.WAVE_GRAPH][of], batch[fields.WAVE_WEIGHT][of] = waves, number, weight
        first = of.stop
    return batch


def edge_slots(receivers: np.ndarray, atoms: int, empty: int, full: int = 0) -> np.ndarray:
    """The edges of each atom as rows of one length: what sums over neighbours become products of matrices with.

    Args:
        receivers: (edges,) ascending.
        atoms: number of rows.
        empty: what empty slots hold, the number of a masked edge.
        full: slots of a full batch, taken where it is nearly one.

    Returns:
        (atoms, slots) int32; the number of slots is a multiple of 8, of 16 from 64 on.
    """
    counts = np.bincount(receivers, minlength=atoms)
    places = np.arange(_nearly(slot_count(int(counts.max(initial=0))), full))
    numbers = (np.cumsum(counts) - counts)[:, None] + places
    return np.where(places < counts[:, None], numbers, empty).astype(np.int32)


def slot_count(largest: int) -> int:
    """Slots for atoms of at most `largest` edges."""
    step = 8 if largest <= 64 else 16
    return max(1, -(-largest // step)) * step


class Prefetcher:
    """Runs `make(item)` for each item in a thread, a few items ahead; iterate over it, and leave with `with`."""

    def __init__(self, items: Iterable, make: Callable, ahead: int = 3):
        self._items, self._make = items, make
        self._queue: queue.Queue = queue.Queue(maxsize=ahead)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)

    def __enter__(self) -> "Prefetcher":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._thread.join()

    def _put(self, entry: tuple) -> None:
        while not self._stopped.is_set():
            try:
                return self._queue.put(entry, timeout=0.1)
            except queue.Full:
                continue

    def _work(self) -> None:
        try:
            for item in self._items:
                if self._stopped.is_set():
                    return
                self._put(("item", self._make(item)))
            self._put(("end", None))
        except BaseException as error:  # handed over to the thread that waits for the item
            self._put(("error", error))

    def __iter__(self) -> Iterator:
        while True:
            kind, value = self._queue.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
