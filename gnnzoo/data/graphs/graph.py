"""One frame as a graph: neighbours within the cutoff, species, and reference forces, energy and virial."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gnnzoo.data.frames import Frame, known_virial
from gnnzoo.data.graphs.neighbors import edge_classes, neighbor_list
from gnnzoo.errors import DataError, Location, did_you_mean


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
    def reference_forces(self) -> np.ndarray:
        """`forces` of a graph that must have them; ValueError where they are unknown."""
        if self.forces is None:
            raise ValueError("this frame has no reference forces")
        return self.forces

    @property
    def nbytes(self) -> int:
        """Memory held by the edges, which is nearly all."""
        return self.vectors.nbytes + self.senders.nbytes + self.receivers.nbytes + self.edge_class.nbytes


def species_index(names: np.ndarray, species: list[str], location: Location | None = None) -> np.ndarray:
    """(atoms,) names -> (atoms,) int32 index into `species`; a name that is not there is a `DataError`."""
    known = {name: i for i, name in enumerate(species)}
    present, inverse = np.unique(names, return_inverse=True)
    for name in present:
        if str(name) not in known:
            raise DataError(
                f"species '{name}' is in the data, but the model knows {', '.join(species)}."
                + did_you_mean(str(name), species),
                location=location,
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
        energy=frame_energy(frame, force_factor),
        virial=frame_virial(frame, force_factor),
        **wrapped_positions(frame),
    )


def wrapped_positions(frame: Frame) -> dict:
    """Where the atoms are in their cell, wrapped along periodic directions so that float32 keeps their digits."""
    positions, cell = frame.positions - frame.origin, frame.cell
    if np.linalg.det(cell) != 0:
        positions = positions - np.floor(positions @ np.linalg.inv(cell)) * frame.pbc @ cell
    return {"positions": positions, "cell": cell, "pbc": frame.pbc}


def subtract_energy_offsets(graph: Graph, offsets: Sequence[float] | np.ndarray) -> Graph:
    """Subtract the energy of isolated atoms, in double precision, so that float32 keeps the digits of what is left.

    Args:
        graph: with an energy or without.
        offsets: (species,) energy of an atom of each species, model's unit.

    Returns:
        The graph with its energy relative to the offsets.
    """
    if graph.energy is None:
        return graph
    counts = np.bincount(graph.species, minlength=len(offsets))
    return replace(graph, energy=graph.energy - float(counts @ np.asarray(offsets, np.float64)))


def frame_energy(frame: Frame, factor: float) -> float | None:
    """The frame's own energy, or the sum of its atoms'; None where neither is known."""
    energy = frame.energy
    if energy is None and frame.energies is not None:
        energy = float(np.sum(frame.energies))
    return None if energy is None or not np.isfinite(energy) else energy * factor


def frame_virial(frame: Frame, factor: float) -> np.ndarray | None:
    known = known_virial(frame.virial)
    return None if known is None else known * factor


def check_forces(forces: np.ndarray | None, index: int, path: Path) -> None:
    """Refuse forces of frame `index` of the data at `path` that are not numbers."""
    if forces is not None and not np.all(np.isfinite(forces)):
        raise DataError(
            f"a force of frame {index} is not a number", location=Location(file=path), hint=f"gnnzoo inspect {path}"
        )
