"""Small frames made in memory: a little water, fluids of other species, and changed copies of frames."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.frames.geometry import random_rotation
from gnnzoo.recipe.schema.recipe import Recipe

WATER_TYPES = {1: "O", 2: "H"}
SPCFW = {
    "O": {"charge": -0.82, "epsilon": 0.155, "sigma": 3.165},
    "H": {"charge": 0.41, "epsilon": 0.0, "sigma": 0.0},
}
# Bond of flexible SPC/Fw water in real units: k (r - r0)^2 with k = 529.6 kcal/mol/A^2 (Wu, Tepper, Voth, J. Chem.
# Phys. 124, 024503 (2006), table I), so that the force is -2 k (r - r0).
_BOND_FORCE, _BOND_LENGTH = 1059.0, 1.012


def water_frame(molecules: int = 8, box: float = 6.3, seed: int = 0, cell: np.ndarray | None = None) -> Frame:
    """Water molecules at random positions and orientations, with the forces of harmonic bonds.

    Args:
        molecules: number of molecules.
        box: edge of the cubic cell, A.
        seed: of the random numbers.
        cell: (3, 3) A, rows are the lattice vectors; in place of `box`.

    Returns:
        A periodic frame in real units with types O and H.
    """
    random = np.random.default_rng(seed)
    cell = np.eye(3) * box if cell is None else cell
    side = int(np.ceil(molecules ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:molecules]
    oxygens = (grid + 0.5 + random.uniform(-0.05, 0.05, grid.shape)) / side @ cell
    positions, forces = [], []
    for number, oxygen in enumerate(oxygens):
        bonds = np.array([[1.0, 0.0, 0.0], [-0.33, 0.94, 0.0]]) @ random_rotation(seed * 1000 + number).T
        bonds *= random.uniform(0.95, 1.1, size=(2, 1))
        lengths = np.linalg.norm(bonds, axis=1, keepdims=True)
        on_hydrogens = -_BOND_FORCE * (lengths - _BOND_LENGTH) * bonds / lengths
        positions += [oxygen, *(oxygen + bonds)]
        forces += [-on_hydrogens.sum(axis=0), *on_hydrogens]
    n = 3 * molecules
    return Frame(
        step=0,
        positions=np.array(positions),
        forces=np.array(forces),
        cell=cell,
        ids=np.arange(1, n + 1),
        types=np.tile([1, 2, 2], molecules).astype(np.int32),
        type_names=WATER_TYPES,
        units="real",
        molecules=np.repeat(np.arange(1, molecules + 1), 3),
    )


def changed(frame: Frame, **values: object) -> Frame:
    """A copy of a frame with other values.

    Args:
        frame: the original.
        values: attributes of `Frame`.

    Returns:
        A new frame, checked like any other.
    """
    return Frame(**({field.name: getattr(frame, field.name) for field in fields(frame)} | values))


def replicated(frame: Frame, copies: tuple[int, int, int]) -> Frame:
    """A frame repeated along its lattice vectors: the same crystal in a larger cell.

    Args:
        frame: the original, whose atoms come first.
        copies: number of cells along each lattice vector.

    Returns:
        A frame of as many times the atoms, with molecule ids of their own in each copy.
    """
    shifts = np.stack(np.meshgrid(*[np.arange(c) for c in copies], indexing="ij"), axis=-1).reshape(-1, 3)
    n, m = len(frame), len(shifts)
    molecules = frame.molecules
    if molecules is not None:
        molecules = (molecules[None] + np.arange(m)[:, None] * 10_000).reshape(-1)
    return changed(
        frame,
        positions=(frame.positions[None] + (shifts @ frame.cell)[:, None]).reshape(-1, 3),
        forces=np.tile(frame.forces, (m, 1)),
        cell=frame.cell * np.array(copies)[:, None],
        ids=np.arange(1, n * m + 1),
        types=np.tile(frame.types, m),
        molecules=molecules,
    )


def few_atoms(frame: Frame, chosen: Sequence[int] | np.ndarray, **values: object) -> Frame:
    """A frame of some atoms of another frame.

    Args:
        frame: the original.
        chosen: indices of the atoms, in the order that they shall have.
        values: other attributes of `Frame`.

    Returns:
        A new frame with ids from 1.
    """
    chosen = np.asarray(chosen)
    kept: dict[str, object] = {
        "positions": frame.positions[chosen],
        "forces": frame.forces[chosen],
        "types": frame.types[chosen],
        "ids": np.arange(1, len(chosen) + 1),
        "molecules": None if frame.molecules is None else frame.molecules[chosen],
    }
    return changed(frame, **(kept | values))


def contract_frame(recipe: Recipe) -> Frame:
    """A dense little liquid of the species of a recipe, in a triclinic box smaller than twice a usual cutoff.

    Args:
        recipe: its `data.types` must be given; O and H make water, other species a fluid of single atoms.

    Returns:
        A frame of 24 or of 8 atoms.
    """
    cell = np.array([[6.4, 0, 0], [0.8, 6.2, 0], [-0.6, 0.4, 6.6]])
    frame = water_frame(molecules=8, cell=cell, seed=1)
    names = {int(number): name for number, name in (recipe.data.types or {}).items()}
    if names == WATER_TYPES:
        return frame
    # The positions of the oxygens, scaled to the distances of such atoms; of several species each in turn.
    scale = 0.4 if recipe.data.units == "lj" else 1.3
    oxygens = few_atoms(frame, np.flatnonzero(frame.types == 1), molecules=None)
    types = np.resize(sorted(names), len(oxygens)).astype(np.int32)
    return changed(oxygens, positions=oxygens.positions * scale, cell=cell * scale, types=types, type_names=names)
