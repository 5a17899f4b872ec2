"""Neighbouring pairs of a sample of frames, from which inspection measures distances, shells, stiffness, temperatures.

The sample is some frames, evenly spaced, and of very large frames a piece. Reports state the number of frames with each
figure that comes from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.geometry import (
    cell_heights,
    filled_volume,
    largest_molecule,
    molecule_numbers,
    scaled_positions,
    spacing,
    with_volume,
)
from gnnzoo.data.graphs.neighbors import edge_classes, expected_neighbors, neighbor_list
from gnnzoo.fields import EDGE_CLASSES
from gnnzoo.sampling import ends_of_parts

NEIGHBORS = 150  # pairs reach as far as an atom has about this many neighbours: two or three shells of a liquid
# 16 frames fix mean distances, shells and stiffness to about a per cent; 1.5 million pairs are 100 MB and take seconds.
FEWEST = 16  # atoms that make a density
_FRAMES, _PAIRS = 16, 1_500_000
PIECE = 2_000  # atoms of a piece that have all their neighbours in it
_LARGE = 6  # a piece is taken of frames with six times as many atoms: with its rim it holds about so many
# The search sorts atoms into cells as wide as the cutoff: at most a million of them (a second), and 500 + 10 per atom
# where only some directions are periodic, which it searches image by image.
_CELLS, _FEW_CELLS, _CELLS_PER_ATOM = 1e6, 500, 10
_STEP = 1.6  # factor from one cutoff that is tried to the next: four times the neighbours
_LEAST = 1.6  # mean distances of atoms, also in cells that are smaller: beyond the first shell of a liquid
_LENGTHS = (1e-2, 1e4)  # the search handles cutoffs in this range; others are rescaled
LARGEST_MOLECULE = 100  # atoms; a larger one is a polymer or the whole system, most of whose pairs are not bonded


@dataclass(frozen=True, eq=False)
class PairSample:
    """Pairs of one frame, or of a piece of it.

    Attributes:
        frame: the frame or piece, whose atoms the indices count.
        index: number of the frame in its dataset.
        receivers, senders: (pairs,) int32, both directions of each pair, ascending receivers.
        distances: (pairs,) float64, length unit.
        directions: (pairs, 3) float64, unit vectors from receiver to sender; zero where atoms coincide.
        inside: (pairs,) bool, both atoms belong to one molecule; all False without molecule ids.
        counted: (atoms,) bool, all neighbours of the atom are in the piece; pairs of other receivers are left out.
        cutoff: largest distance of the pairs, length unit.
    """

    frame: Frame
    index: int
    receivers: np.ndarray
    senders: np.ndarray
    distances: np.ndarray
    directions: np.ndarray
    inside: np.ndarray
    counted: np.ndarray
    cutoff: float

    @property
    def distinct(self) -> np.ndarray:
        """(pairs,) bool, pairs of two atoms that do not coincide, not of an atom and its own image."""
        return (self.receivers != self.senders) & (self.distances > 0)

    def neighbors_per_atom(self) -> float:
        """Count neighbours.

        Returns:
            Mean number within the cutoff.
        """
        return len(self.receivers) / max(1, int(np.count_nonzero(self.counted)))


def sample_pairs(
    dataset: Dataset,
    cutoff: float | None = None,
    frames: int = _FRAMES,
    piece: int = PIECE,
    order: np.ndarray | None = None,
    typical: Frame | None = None,
) -> list[PairSample]:
    """Find the pairs of an evenly spaced sample of frames; the first frame of many is not among them.

    Args:
        dataset: any.
        cutoff: largest distance, length unit; by default `pair_cutoff` of the typical frame.
        frames: at most so many; fewer of large ones.
        piece: atoms of the piece that is taken of a large frame.
        order: (n,) numbers of the frames that the sample is taken from, evenly in this order; by default all.
        typical: by default `typical_frame` of the dataset.

    Returns:
        One for each frame.

    Raises:
        DataError: the cutoff gives thousands of neighbours per atom.
    """
    order = np.arange(len(dataset)) if order is None else order
    some = with_volume(typical_frame(dataset) if typical is None else typical)
    reach = pair_cutoff(some, piece) if cutoff is None else cutoff
    neighbors = max(NEIGHBORS, expected_neighbors(len(some), some.cell, some.pbc, reach))
    per_frame = max(1, min(len(some), _LARGE * piece)) * neighbors
    count = min(int(np.clip(_PAIRS // per_frame, min(2, len(order)), frames)), len(order))
    return [pairs_of(dataset[index], reach, index, piece) for index in order[ends_of_parts(len(order), count)].tolist()]


def typical_frame(dataset: Dataset) -> Frame:
    """A frame with several atoms, without reading many: sets of configurations often begin or end with isolated atoms.

    Args:
        dataset: any.

    Returns:
        The first, middle or last frame, the first of them that has `FEWEST` atoms; else the one with most atoms.
    """
    found: list[Frame] = []
    for index in dict.fromkeys((0, len(dataset) // 2, len(dataset) - 1)):
        found.append(dataset[index])
        if len(found[-1]) >= FEWEST:
            break
    return max(found, key=len)


def pairs_of(frame: Frame, cutoff: float, index: int = 0, piece: int = PIECE) -> PairSample:
    """Find the pairs of a frame.

    Args:
        frame: any; of a large one a piece is taken.
        cutoff: largest distance, length unit.
        index: number of the frame in its dataset.
        piece: atoms of the piece.

    Returns:
        All ordered pairs whose receivers have all their neighbours in the piece.

    Raises:
        DataError: the cutoff gives thousands of neighbours per atom.
    """
    part, counted = _piece(with_volume(frame), cutoff, piece)
    # Lengths in metres or light years are brought to the range that the search handles.
    scale = 1.0 if _LENGTHS[0] < cutoff < _LENGTHS[1] else 1.0 / cutoff
    senders, receivers, vectors, _ = neighbor_list(
        part.positions * scale, part.cell * scale, part.pbc, cutoff * scale if scale == 1.0 else 1.0
    )
    kept = counted[receivers]
    senders, receivers, vectors = senders[kept], receivers[kept], vectors[kept] / scale
    bonded = 1 < largest_molecule(part) <= LARGEST_MOLECULE
    classes = edge_classes(senders, receivers, vectors, part.names, molecule_numbers(part) if bonded else None)
    distances = np.linalg.norm(vectors, axis=1)
    return PairSample(
        frame=part,
        index=index,
        receivers=receivers,
        senders=senders,
        distances=distances,
        directions=vectors / np.where(distances > 0, distances, 1.0)[:, None],
        inside=classes != EDGE_CLASSES.index("other_molecule"),
        counted=counted,
        cutoff=cutoff,
    )


def pair_cutoff(frame: Frame, piece: int = PIECE) -> float:
    """Cutoff that gives about `NEIGHBORS` neighbours, or half of a small cell.

    Where atoms fill only a part of the cell, the density around them counts.

    Args:
        frame: any.
        piece: atoms of the piece that is taken of a large frame.

    Returns:
        length unit.
    """
    frame = with_volume(frame)
    mean = spacing(frame)
    if not frame.pbc.any() and len(frame) <= NEIGHBORS:  # of so small a cluster all pairs
        return max(1.001 * float(np.linalg.norm(np.ptp(frame.positions, axis=0))), mean)
    wanted = mean * (3 * NEIGHBORS / (4 * np.pi)) ** (1 / 3)
    heights = cell_heights(frame.cell)
    limit = max(heights[frame.pbc].min() / 2, _LEAST * mean) if frame.pbc.any() else np.inf
    mixed = frame.pbc.any() and not frame.pbc.all()
    cells = _FEW_CELLS + _CELLS_PER_ATOM * len(frame) if mixed else _CELLS
    extent = np.maximum(heights, np.ptp(frame.positions, axis=0)).prod()
    tried = wanted * _STEP ** np.arange(-14.0, 0.0)
    for reach in tried[tried > (extent / cells) ** (1 / 3)]:
        neighbors = pairs_of(frame, reach, piece=piece).neighbors_per_atom()
        if neighbors > NEIGHBORS / 2:
            return float(min(reach * (NEIGHBORS / neighbors) ** (1 / 3), limit))
    return float(min(wanted, limit))


def _piece(frame: Frame, cutoff: float, piece: int) -> tuple[Frame, np.ndarray]:
    """A large frame cut down around a corner, and which of its atoms have all their neighbours in it."""
    if len(frame) <= _LARGE * piece:
        return frame, np.ones(len(frame), dtype=bool)
    heights = cell_heights(frame.cell)
    side = (filled_volume(frame) / len(frame) * piece) ** (1 / 3)
    share = (side + 2 * cutoff) / heights
    cut = share < 0.9  # else the whole of this direction is taken
    scaled = scaled_positions(frame)
    scaled = np.where(frame.pbc, scaled - np.floor(scaled), scaled)
    away = scaled - np.where(frame.pbc, 0.0, np.median(scaled, axis=0) - share / 2)
    inside = np.all(~cut | ((away >= 0) & (away < share)), axis=1)
    rim = np.where(cut, cutoff / heights, -np.inf)
    counted = np.all(~cut | ((away >= rim) & (away < share - rim)), axis=1)
    names = ("forces", "ids", "types", "molecules", "velocities", "charges", "images", "energies")
    taken = {name: getattr(frame, name)[inside] for name in names if getattr(frame, name) is not None}
    x, y, z = ("ff" if cut[axis] else frame.boundary[axis] for axis in range(3))
    positions = frame.origin + scaled[inside] @ frame.cell
    return replace(frame, positions=positions, boundary=(x, y, z), **taken), counted[inside]


def neighbor_counts(pairs: Sequence[PairSample], cutoff: float) -> tuple[float, int]:
    """Number of neighbours per atom.

    Args:
        pairs: of each sampled frame.
        cutoff: length unit, at most that of the pairs.

    Returns:
        Mean over all atoms, and the largest.
    """
    counts = [
        np.bincount(sampled.receivers[sampled.distances < cutoff], minlength=len(sampled.frame))[sampled.counted]
        for sampled in pairs
    ]
    every = np.concatenate(counts) if counts else np.zeros(0)
    return (float(every.mean()), int(every.max())) if len(every) else (0.0, 0)
