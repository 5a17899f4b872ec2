"""Energies of isolated atoms, subtracted from the energies of frames before training and added to predictions.

Most of a total energy is that of the atoms by themselves. It is given, or that of frames of isolated atoms, or fitted
to the training frames. A fit determines the energy of each species only if the compositions of the frames differ
enough: frames of H2O alone determine that of a molecule, and no more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.graphs.graph import Graph
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import MAX_SAMPLE
from gnnzoo.records import Record
from gnnzoo.sampling import even_sample

_RANK = 1e-8  # of the largest singular value of the compositions: smaller ones are rounding
_ISOLATED = 16  # frames of isolated atoms of each species that are averaged


@dataclass(frozen=True)
class EnergyOffsets(Record):
    """Energy of an atom of each species at the zero of the data.

    Attributes:
        values: (species,) model's energy unit.
        origins: of each species: `given`, `isolated`, `fitted`, `undetermined` or `absent` (in no training frame).
        undetermined: (n, species) unit vectors: differences of compositions whose energy the frames do not determine.
            Energies of frames whose composition is not orthogonal to them are arbitrary.
    """

    values: list[float]
    origins: list[str]
    undetermined: list[list[float]]


def energy_offsets(
    source: GraphSource,
    train: np.ndarray,
    known: Callable[[Graph], float] = lambda graph: 0.0,
    given: Mapping[str, float] | None = None,
    every_frame: bool = False,
) -> EnergyOffsets | None:
    """Determine the energy of an atom of each species.

    Where the frames determine a sum only, it is shared equally by all atoms, as far as the frames allow.

    Args:
        source: graphs, with energies in the model's unit.
        train: (frames,) indices of the training split only; at most `MAX_SAMPLE` are fitted to.
        known: energy of the prior on a graph.
        given: species -> energy of an isolated atom, which are kept.
        every_frame: look for isolated atoms in all training frames, not in the sample alone.

    Returns:
        The offsets; None where no energy is known.
    """
    species, graphs = source.species, [source.graph(index) for index in even_sample(train, MAX_SAMPLE)]
    with_energy = [graph for graph in graphs if graph.energy is not None]
    fixed = _isolated(source, train if every_frame else even_sample(train, MAX_SAMPLE), known) | dict(given or {})
    if not with_energy and not fixed:
        return None
    counts = np.array([np.bincount(g.species, minlength=len(species)) for g in with_energy], float)
    counts = counts.reshape(-1, len(species))
    energies = np.array([g.energy - known(g) for g in with_energy if g.energy is not None])
    values = np.array([fixed.get(name, 0.0) for name in species])
    free = np.array([name not in fixed for name in species]) & np.any(counts > 0, axis=0)
    null = np.zeros((0, len(species)))
    if free.any():
        values[free], inside = _fitted(counts[:, free], energies - counts @ values)
        null = np.zeros((len(inside), len(species)))
        null[:, free] = inside
    return EnergyOffsets(
        values.tolist(),
        [
            "given" if name in (given or {}) else "isolated" if name in fixed else _origin(null[:, n], free[n])
            for n, name in enumerate(species)
        ],
        null.tolist(),
    )


def _origin(null: np.ndarray, free: bool) -> str:
    return "absent" if not free else "undetermined" if np.any(np.abs(null) > _RANK) else "fitted"


def _fitted(counts: np.ndarray, energies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(species,) least squares, equal for all atoms where undetermined; (n, species) basis of what is undetermined."""
    atoms = counts.sum(axis=1)
    common = float(atoms @ energies / (atoms @ atoms))
    rest = np.linalg.lstsq(counts, energies - common * atoms, rcond=_RANK)[0]
    _, sizes, vectors = np.linalg.svd(counts, full_matrices=True)
    rank = int(np.count_nonzero(sizes > _RANK * sizes.max()))
    return common + rest, vectors[rank:]


def _isolated(source: GraphSource, indices: np.ndarray, known: Callable[[Graph], float]) -> dict[str, float]:
    """Mean energy of frames of one atom without neighbours, by species."""
    found: dict[str, list[float]] = {}
    for index in indices.tolist():
        if len(source.dataset[index]) != 1:
            continue
        graph = source.graph(index)
        energies = found.setdefault(source.species[int(graph.species[0])], [])
        if graph.energy is not None and len(graph.senders) == 0 and len(energies) < _ISOLATED:
            energies.append(graph.energy - known(graph))
    return {name: float(np.mean(energies)) for name, energies in found.items() if energies}
