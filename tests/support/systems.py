"""Small frames for tests, made in memory: liquids without a file."""

import numpy as np

from gnnzoo.data.frames import Frame

WATER_TYPES = {1: "O", 2: "H"}
SPCFW = {
    "O": {"charge": -0.82, "epsilon": 0.155, "sigma": 3.165},
    "H": {"charge": 0.41, "epsilon": 0.0, "sigma": 0.0},
}


def random_rotation(seed: int) -> np.ndarray:
    """(3, 3) proper rotation."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def water_frame(molecules: int = 8, box: float = 6.3, seed: int = 0, cell: np.ndarray | None = None) -> Frame:
    """Waters with random places and orientations in a periodic box, with harmonic bond forces."""
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
        pulls = -1059.0 * (lengths - 1.012) * bonds / lengths
        positions += [oxygen, *(oxygen + bonds)]
        forces += [-pulls.sum(axis=0), *pulls]
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


def changed(frame: Frame, **values) -> Frame:
    """A copy of a frame with other values."""
    names = [name for name in frame.__dataclass_fields__]
    return Frame(**({name: getattr(frame, name) for name in names} | values))


def replicated(frame: Frame, copies: tuple[int, int, int]) -> Frame:
    """The same crystal described by a larger cell; the first atoms are those of the original."""
    shifts = np.stack(np.meshgrid(*[np.arange(c) for c in copies], indexing="ij"), axis=-1).reshape(-1, 3)
    n, m = len(frame), len(shifts)
    return changed(
        frame,
        positions=(frame.positions[None] + (shifts @ frame.cell)[:, None]).reshape(-1, 3),
        forces=np.tile(frame.forces, (m, 1)),
        cell=frame.cell * np.array(copies)[:, None],
        ids=np.arange(1, n * m + 1),
        types=np.tile(frame.types, m),
        molecules=None
        if frame.molecules is None
        else (frame.molecules[None] + np.arange(m)[:, None] * 10_000).reshape(-1),
    )


def few_atoms(frame: Frame, chosen, **values) -> Frame:
    """A frame of these atoms alone, in this order, with other values beside."""
    chosen = np.asarray(chosen)
    return changed(
        frame,
        **{
            "positions": frame.positions[chosen],
            "forces": frame.forces[chosen],
            "types": frame.types[chosen],
            "ids": np.arange(1, len(chosen) + 1),
            "molecules": None if frame.molecules is None else frame.molecules[chosen],
        }
        | values,
    )


def contract_frame(recipe) -> Frame:
    """A dense little liquid of the species that a recipe names, in a box smaller than twice its cutoff."""
    cell = np.array([[6.4, 0, 0], [0.8, 6.2, 0], [-0.6, 0.4, 6.6]])
    frame = water_frame(molecules=8, cell=cell, seed=1)
    names = {int(number): name for number, name in recipe.data.types.items()}
    if names == WATER_TYPES:
        return frame
    # a substance of single atoms, of one species or of several in turn: the oxygens' places, widened
    oxygens = few_atoms(frame, np.flatnonzero(frame.types == 1), molecules=None)
    types = np.resize(sorted(names), len(oxygens)).astype(np.int32)
    return changed(oxygens, positions=oxygens.positions * 1.3, cell=cell * 1.3, types=types, type_names=names)
