"""One frame as a graph: neighbours within the cutoff, species, and reference forces, energy and virial."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gnnzoo.data.frames.frame import Frame, known_virial
from gnnzoo.data.graphs.frame_checks import check_distinct, check_frame
from gnnzoo.data.graphs.neighbors import edge_classes, neighbor_list
from gnnzoo.elements import MASSES
from gnnzoo.errors import DataError, Location, did_you_mean


@dataclass(frozen=True, eq=False)
class Graph:
    """One frame as a graph; arrays as in `gnnzoo.fields`, unpadded.

    Attributes:
        species: (atoms,) int32 index of the model's species.
        senders, receivers: (edges,) int32 index of atom j and of atom i; receivers ascend.
        vectors: (edges, 3) float32 from receiver to sender, length unit.
        edge_class: (edges,) int32 index of `fields.EDGE_CLASSES`.
        forces: (atoms, 3) float32 in the model's unit, or None if unknown.
        energy: potential energy of the frame in the model's unit, or None.
        virial: (3, 3) float64 -dE/d(strain) in the model's unit of energy, or None.
        positions: (atoms, 3) float64 inside the cell, relative to its corner; only for wave vectors, as are `cell`
            and `pbc`.
        cell: (3, 3) float64, rows are the lattice vectors; length unit.
        pbc: (3,) bool, periodic along each lattice vector.
        group: see `Frame.group`.
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
    group: str | None = None

    @property
    def reference_forces(self) -> np.ndarray:
        """`forces` of a graph that must have them; ValueError where they are unknown."""
        if self.forces is None:
            raise ValueError("this frame has no reference forces")
        return self.forces

    @property
    def nbytes(self) -> int:
        """Memory of the edges, which is nearly all."""
        return self.vectors.nbytes + self.senders.nbytes + self.receivers.nbytes + self.edge_class.nbytes


def species_index(names: np.ndarray, species: list[str], location: Location | None = None) -> np.ndarray:
    """Look up species by name.

    Args:
        names: (atoms,) species of each atom.
        species: species of the model, in its order.
        location: of the data, for errors.

    Returns:
        (atoms,) int32 indices into `species`.

    Raises:
        DataError: a name is not in `species`.
    """
    known = {name: i for i, name in enumerate(species)}
    present, inverse = np.unique(names, return_inverse=True)
    for name in present:
        if str(name) not in known:
            raise DataError(
                f"species '{name}' of the data is unknown to the model, which has {', '.join(species)}."
                + _suggestion(str(name), species),
                location=location,
                hint=_unknown_hint([str(other) for other in present if str(other) not in known]),
            )
    return np.array([known[str(name)] for name in present], dtype=np.int32)[inverse]


def _suggestion(name: str, species: list[str]) -> str:
    """A similar name, unless the two are elements: carbon is no misspelt copper."""
    return did_you_mean(name, [other for other in species if not {name, other} <= set(MASSES)])


def _unknown_hint(names: list[str]) -> str:
    """What to do about species that a model does not have: types without a name can be named, elements cannot."""
    if all(name.isdigit() for name in names):
        types = ",".join(f"{name}=NAME" for name in names)
        return f"gnnzoo convert DUMP --types {types}, or data.types of a recipe, names the types of the data"
    return "another substance needs another recipe or model: gnnzoo list shows those here"


def graph_of(
    frame: Frame,
    species: list[str],
    cutoff: float,
    bonds: list[tuple[str, str]] | None,
    force_factor: float = 1.0,
    dtype: str = "float32",
) -> Graph:
    """Compute the graph of a frame.

    Args:
        frame: the frame.
        species: species of the model, in its order.
        cutoff: length unit.
        bonds: bonded pairs of species, see `neighbors.edge_classes`.
        force_factor: conversion of forces, energy and virial to the units of the model; one factor for all, because
            lengths are never converted.
        dtype: of vectors and forces.

    Returns:
        The graph.

    Raises:
        DataError: a species is unknown, the cutoff is far too large, or the frame has no neighbour list (see
            `check_frame`).
    """
    check_frame(frame.positions, frame.cell, frame.pbc, cutoff)
    senders, receivers, vectors, _ = neighbor_list(frame.positions, frame.cell, frame.pbc, cutoff)
    check_distinct(senders, receivers, vectors, frame.ids)
    return Graph(
        species=species_index(frame.names, species),
        senders=senders,
        receivers=receivers,
        vectors=vectors.astype(dtype),
        edge_class=edge_classes(senders, receivers, vectors, frame.names, frame.molecules, bonds),
        forces=None if frame.forces is None else (frame.forces * force_factor).astype(dtype),
        energy=frame_energy(frame, force_factor),
        virial=frame_virial(frame, force_factor),
        group=frame.group,
        **wrapped_positions(frame),
    )


def wrapped_positions(frame: Frame) -> dict[str, np.ndarray]:
    """Wrap positions into the cell along periodic directions, so that float32 keeps their digits.

    Args:
        frame: the frame.

    Returns:
        `positions` (atoms, 3) relative to the corner of the cell, length unit; `cell` and `pbc` of the frame.
    """
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
    """Energy of a frame, or the sum of its atoms' energies.

    Args:
        frame: the frame.
        factor: conversion to the energy unit of the model.

    Returns:
        The energy; None if unknown.
    """
    energy = frame.energy
    if energy is None and frame.energies is not None:
        energy = float(np.sum(frame.energies))
    return None if energy is None or not np.isfinite(energy) else energy * factor


def frame_virial(frame: Frame, factor: float) -> np.ndarray | None:
    """Virial of a frame.

    Args:
        frame: the frame.
        factor: conversion to the energy unit of the model.

    Returns:
        (3, 3) -dE/d(strain); None if unknown.
    """
    known = known_virial(frame.virial)
    return None if known is None else known * factor


def check_forces(forces: np.ndarray | None, index: int, path: Path) -> None:
    """Refuse forces that are not finite.

    Args:
        forces: (atoms, 3), or None if unknown.
        index: number of the frame.
        path: of the data.

    Raises:
        DataError: a component is not finite.
    """
    if forces is not None and not np.all(np.isfinite(forces)):
        raise DataError(
            f"a force of frame {index} is not a number", location=Location(file=path), hint=f"gnnzoo inspect {path}"
        )
