"""Geometry of a frame: periodic images, cell heights, volumes, molecules, and atoms that two frames share."""

from dataclasses import replace

import numpy as np

from gnnzoo.data.frames.frame import Frame

# A cell is flat if its volume is below this share of the product of its edges: float64 leaves 1e-16 of a determinant,
# and no real cell is sheared to a billionth.
_FLAT = 1e-9
_PLANE = 1e-12  # the same share where a cell is read: below it a determinant is rounding
# Along open directions atoms fill at least this share of the cell: a layer or a chain has the thickness of its atoms.
_THINNEST = 0.02


def nearest_image(vectors: np.ndarray, frame: Frame) -> np.ndarray:
    """Minimum image of vectors, by rounding their scaled coordinates.

    Exact for orthogonal cells; in strongly tilted ones a shorter image may exist.

    Args:
        vectors: (..., 3) length unit.
        frame: its cell and periodic directions are used.

    Returns:
        (..., 3) vectors minus lattice vectors of the periodic directions.
    """
    if not np.any(frame.pbc) or abs(np.linalg.det(frame.cell)) < 1e-12:
        return vectors
    shifts = np.round(vectors @ np.linalg.inv(frame.cell)) * frame.pbc
    return vectors - shifts @ frame.cell


def spans_volume(cells: np.ndarray) -> np.ndarray:
    """Whether lattice vectors span a volume that numbers of their size can express.

    Args:
        cells: (..., 3, 3) rows are lattice vectors, length unit.

    Returns:
        (...,) bool; no for vectors in a plane, of length zero, not finite, or so large or small that their product is.
    """
    with np.errstate(all="ignore"):
        volumes = np.abs(np.linalg.det(cells))
        sizes = np.prod(np.linalg.norm(cells, axis=-1), axis=-1)
        return (volumes > 0) & np.isfinite(sizes) & (volumes > _PLANE * sizes)


def scaled_positions(frame: Frame) -> np.ndarray:
    """(atoms, 3) positions of `frame` in units of the lattice vectors, from the cell's origin."""
    return (frame.positions - frame.origin) @ np.linalg.inv(frame.cell)


def cell_heights(cell: np.ndarray) -> np.ndarray:
    """(3,) distances between opposite faces of a (3, 3) `cell`, length unit."""
    return 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)


def image_distance(frame: Frame) -> float:
    """Lower bound of the distance from an atom of `frame` to its periodic images; infinite without any."""
    return float(np.min(cell_heights(frame.cell)[frame.pbc], initial=np.inf))


def with_volume(frame: Frame) -> Frame:
    """Replace a cell without volume by an open box around the atoms.

    Args:
        frame: any.

    Returns:
        The frame itself, or a copy with an orthogonal cell and open boundaries.
    """
    lengths = np.linalg.norm(frame.cell, axis=1)
    if lengths.min() > 0 and abs(np.linalg.det(frame.cell / lengths[:, None])) > _FLAT:
        return frame
    low, extent = np.zeros(3), np.zeros(3)
    if len(frame):
        low, extent = frame.positions.min(axis=0), np.ptp(frame.positions, axis=0)
    sides = np.maximum(extent, extent.max() * _THINNEST) if extent.any() else np.ones(3)
    return replace(frame, cell=np.diag(sides), origin=low, boundary=("ff", "ff", "ff"))


def filled_volume(frame: Frame) -> float:
    """Volume that the atoms fill.

    Args:
        frame: any.

    Returns:
        Volume of the cell, cubed length unit; along open directions only the extent of the atoms counts.
    """
    frame = with_volume(frame)
    if frame.pbc.all() or len(frame) == 0:
        return frame.volume
    filled = np.where(frame.pbc, 1.0, np.ptp(scaled_positions(frame), axis=0))
    return float(frame.volume * np.prod(np.clip(filled, _THINNEST, 1.0)))


def spacing(frame: Frame) -> float:
    """Mean distance between atoms of `frame`, (filled volume / atoms)^(1/3), length unit."""
    return float((filled_volume(frame) / max(1, len(frame))) ** (1 / 3))


def molecule_numbers(frame: Frame) -> np.ndarray:
    """(atoms,) molecule of each atom of `frame`; an atom without a positive molecule id is a molecule of its own."""
    single = -1 - np.arange(len(frame))
    return single if frame.molecules is None else np.where(frame.molecules > 0, frame.molecules, single)


def largest_molecule(frame: Frame) -> int:
    """Number of atoms in the largest molecule of `frame`; 0 without positive molecule ids."""
    if frame.molecules is None:
        return 0
    _, counts = np.unique(frame.molecules[frame.molecules > 0], return_counts=True)
    return int(counts.max(initial=0))


def shared_atoms(first: Frame, second: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Match the atoms of two frames by id.

    Args:
        first, second: frames of one dataset, which may hold different atoms.

    Returns:
        (shared,) rows of the first, (shared,) rows of the second, and (atoms,) for each row of the first its row in
        the second or -1.
    """
    if np.array_equal(first.ids, second.ids):
        rows = np.arange(len(first.ids))
        return rows, rows, rows
    _, here, there = np.intersect1d(first.ids, second.ids, return_indices=True)
    row_of = np.full(len(first.ids), -1)
    row_of[here] = there
    return here, there, row_of


def random_rotation(seed: int | np.random.Generator) -> np.ndarray:
    """A random proper rotation.

    Args:
        seed: of the random numbers, or their generator.

    Returns:
        (3, 3) orthogonal matrix with determinant 1.
    """
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)
