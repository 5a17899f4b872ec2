"""Neighbouring pairs of a few frames: what distances, shells, stiffness and temperatures are measured from.

Inspection looks at a sample: some frames, evenly spaced, and of very large frames a piece. How many frames it was is
told with each figure that comes from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gnnzoo.data.frames import Dataset, Frame
from gnnzoo.data.graphs.neighbors import edge_classes, expected_neighbors, neighbor_list
from gnnzoo.fields import EDGE_CLASSES

NEIGHBORS = 150  # pairs reach as far as an atom has about this many neighbours: two or three shells of a liquid
_FRAMES = 16
_PAIRS = 1_500_000  # of all frames together
PIECE = 2_000  # atoms of a piece whose neighbours are all in it
_LARGE = 6  # times the atoms of a piece; of larger frames a piece is taken
_FLAT = 1e-9  # volume of a cell of no thickness, over the product of its edges
_CELLS, _FEW_CELLS = 1e6, 500  # of a search for neighbours
_LENGTHS = (1e-2, 1e4)  # cutoffs that the search is given as they are
LARGEST_MOLECULE = 100  # atoms; in a larger one, most pairs do not know that they share it


@dataclass(frozen=True, eq=False)
class PairSample:
    """The pairs of one frame, or of a piece of it.

    Attributes:
        frame: whose atoms the indices count.
        index: number of the frame in its dataset.
        receivers, senders: (pairs,) int32, both directions of each pair, ascending receivers.
        distances: (pairs,) float64, length unit.
        directions: (pairs, 3) float64, from receiver to sender.
        inside: (pairs,) bool, both atoms are of one molecule; all False where nobody tells molecules.
        counted: (atoms,) bool: all neighbours of the atom are in the piece; pairs of other receivers are left out.
        cutoff: how far the pairs reach.
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


def sample_pairs(
    dataset: Dataset, cutoff: float | None = None, frames: int = _FRAMES, piece: int = PIECE
) -> list[PairSample]:
    """Pairs of an even sample of frames; of many frames the first one is not among them.

    Args:
        dataset: any.
        cutoff: how far they reach, length unit; by default `sensible_reach` of the first frame.
        frames: at most so many; fewer of large ones.
        piece: atoms of the piece that is taken of a large frame.

    Raises:
        DataError: the cutoff asks for thousands of neighbours per atom.
    """
    first = with_volume(dataset[0])
    reach = sensible_reach(first, piece) if cutoff is None else cutoff
    around = max(NEIGHBORS, expected_neighbors(len(first), first.cell, first.pbc, reach))
    per_frame = min(len(first), _LARGE * piece) * around
    count = int(np.clip(_PAIRS // per_frame, min(2, len(dataset)), frames))
    # The last of each of equal parts: a run often begins on a lattice, where nothing is as it is later.
    count = min(count, len(dataset))
    chosen = (np.arange(1, count + 1) * len(dataset)) // count - 1
    return [pairs_of(dataset[int(index)], reach, int(index), piece) for index in chosen]


def pairs_of(frame: Frame, cutoff: float, index: int = 0, piece: int = PIECE) -> PairSample:
    """The pairs of a frame nearer than `cutoff`, length unit; of a large frame those of a piece of so many atoms."""
    part, counted = _piece(with_volume(frame), cutoff, piece)
    # The search knows lengths of atoms: those in metres, or of stars, are brought there.
    scale = 1.0 if _LENGTHS[0] < cutoff < _LENGTHS[1] else 1.0 / cutoff
    senders, receivers, vectors, _ = neighbor_list(
        part.positions * scale, part.cell * scale, part.pbc, cutoff * scale if scale == 1.0 else 1.0
    )
    vectors = vectors / scale
    kept = counted[receivers]
    if not kept.all():
        senders, receivers, vectors = senders[kept], receivers[kept], vectors[kept]
    classes = edge_classes(senders, receivers, vectors, part.names, _molecules(part))
    distances = np.linalg.norm(vectors, axis=1)
    apart = np.where(distances > 0, distances, 1.0)  # atoms on top of one another have no direction
    return PairSample(
        frame=part,
        index=index,
        receivers=receivers,
        senders=senders,
        distances=distances,
        directions=vectors / apart[:, None],
        inside=classes != EDGE_CLASSES.index("other_molecule"),
        counted=counted,
        cutoff=cutoff,
    )


def with_volume(frame: Frame) -> Frame:
    """The frame; where its cell has no volume, in an open box around its atoms instead."""
    lengths = np.linalg.norm(frame.cell, axis=1)
    if lengths.min() > 0 and abs(np.linalg.det(frame.cell / lengths[:, None])) > _FLAT:
        return frame
    low, extent = np.zeros(3), np.zeros(3)
    if len(frame):
        low, extent = frame.positions.min(axis=0), np.ptp(frame.positions, axis=0)
    sides = np.maximum(extent, extent.max() / 50) if extent.any() else np.ones(3)
    return replace(frame, cell=np.diag(sides), origin=low, boundary=("ff", "ff", "ff"))


def spacing(frame: Frame) -> float:
    """Mean distance of atoms, (volume / atoms)^(1/3), taking of an open direction what the atoms fill of it."""
    return float((filled_volume(frame) / max(1, len(frame))) ** (1 / 3))


def filled_volume(frame: Frame) -> float:
    """Volume of the cell; along directions without periodic images only as far as there are atoms."""
    frame = with_volume(frame)
    if frame.pbc.all() or len(frame) == 0:
        return frame.volume
    scaled = (frame.positions - frame.origin) @ np.linalg.inv(frame.cell)
    filled = np.where(frame.pbc, 1.0, np.ptp(scaled, axis=0))
    # A layer or a chain still has the thickness of its atoms: a fiftieth of the cell stands for it.
    return float(frame.volume * np.prod(np.clip(filled, 0.02, 1.0)))


def sensible_reach(frame: Frame, piece: int = PIECE) -> float:
    """How far pairs of such frames should be looked at: to `NEIGHBORS` neighbours, or to half of a small cell.

    Where atoms fill a part of the cell only, the density around them counts, not that of the cell.
    """
    frame = with_volume(frame)
    mean = spacing(frame)
    if not frame.pbc.any() and len(frame) <= NEIGHBORS:  # a cluster so small that every pair can be looked at
        return float(max(1.001 * np.linalg.norm(np.ptp(frame.positions, axis=0)), mean))
    wanted = mean * (3 * NEIGHBORS / (4 * np.pi)) ** (1 / 3)
    limit = np.inf
    if frame.pbc.any():
        limit = max(_heights(frame.cell)[frame.pbc].min() / 2, 1.6 * mean)
    # The search sorts atoms into cells as wide as the reach: of too many it takes long, and periodic along some
    # directions only, minutes for a handful of atoms.
    mixed = frame.pbc.any() and not frame.pbc.all()
    cells = _FEW_CELLS + 10 * len(frame) if mixed else _CELLS
    extent = np.maximum(_heights(frame.cell), np.ptp(frame.positions, axis=0)).prod()
    tried = wanted * 1.6 ** np.arange(-14.0, 0.0)
    for reach in tried[tried > (extent / cells) ** (1 / 3)]:
        pairs = pairs_of(frame, reach, piece=piece)
        around = len(pairs.receivers) / max(1, np.count_nonzero(pairs.counted))
        if around > NEIGHBORS / 2:
            return float(min(reach * (NEIGHBORS / around) ** (1 / 3), limit))
    return float(min(wanted, limit))


def _heights(cell: np.ndarray) -> np.ndarray:
    """(3,) distances between opposite faces of the cell."""
    return 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)


def nearest_copy(frame: Frame) -> float:
    """No nearer than this is an atom to its own images; infinite where there are none."""
    return float(np.min(_heights(frame.cell)[frame.pbc], initial=np.inf))


def _piece(frame: Frame, cutoff: float, piece: int) -> tuple[Frame, np.ndarray]:
    """A large frame cut down around a corner, and which of its atoms have all their neighbours in it."""
    if len(frame) <= _LARGE * piece:
        return frame, np.ones(len(frame), dtype=bool)
    heights = _heights(frame.cell)
    side = (filled_volume(frame) / len(frame) * piece) ** (1 / 3)
    share = (side + 2 * cutoff) / heights
    cut = share < 0.9  # else the whole of this direction is taken
    scaled = (frame.positions - frame.origin) @ np.linalg.inv(frame.cell)
    scaled = np.where(frame.pbc, scaled - np.floor(scaled), scaled)
    start = np.where(frame.pbc, 0.0, np.median(scaled, axis=0) - share / 2)
    away = scaled - start
    inside = np.all(~cut | ((away >= 0) & (away < share)), axis=1)
    rim = np.where(cut, cutoff / heights, -np.inf)
    counted = np.all(~cut | ((away >= rim) & (away < share - rim)), axis=1)
    names = ("forces", "ids", "types", "molecules", "velocities", "charges", "images", "energies")
    taken = {name: getattr(frame, name)[inside] for name in names if getattr(frame, name) is not None}
    boundary = tuple("ff" if cut[axis] else frame.boundary[axis] for axis in range(3))
    positions = frame.origin + scaled[inside] @ frame.cell
    return replace(frame, positions=positions, boundary=boundary, **taken), counted[inside]


def _molecules(frame: Frame) -> np.ndarray | None:
    """(atoms,) molecule ids, an atom of none being one of its own; None where ids tell nothing of bonds."""
    if not 1 < largest_molecule(frame) <= LARGEST_MOLECULE:
        return None
    return np.where(frame.molecules > 0, frame.molecules, -1 - np.arange(len(frame)))


def largest_molecule(frame: Frame) -> int:
    """Atoms of the largest molecule; those whose id is 0 or negative belong to none. 0 where there is no molecule."""
    if frame.molecules is None:
        return 0
    _, counts = np.unique(frame.molecules[frame.molecules > 0], return_counts=True)
    return int(counts.max(initial=0))


def atom_counts(pairs: Sequence[PairSample], cutoff: float) -> tuple[float, int]:
    """Neighbours of an atom within `cutoff`: mean over frames of the mean, and the largest."""
    means, most = [], 0
    for frame in pairs:
        counts = np.bincount(frame.receivers[frame.distances < cutoff], minlength=len(frame.frame))[frame.counted]
        if len(counts):
            means.append(counts.mean())
            most = max(most, int(counts.max()))
    return (float(np.mean(means)) if means else 0.0), most
