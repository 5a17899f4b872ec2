"""Datasets in memory for tests of inspection: liquids, crystals, dimers, in any units."""

import numpy as np

import dumps
from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.units import EV_PER_KCAL_MOL
from systems import changed


class Frames(Dataset):
    """A dataset of frames in memory."""

    def __init__(self, frames: list[Frame], **provenance):
        self.frames, self.path, self.provenance = frames, "memory", provenance
        self.units = frames[0].units
        self.type_names = {
            int(number): frame.type_names.get(int(number), str(number)) for frame in frames for number in frame.types
        }
        self.steps = np.array([frame.step for frame in frames], dtype=np.int64)
        self.segments = np.array([frame.segment for frame in frames], dtype=np.int32)
        self.files = np.zeros(len(frames), dtype=np.int32)
        self.fingerprint = "of the frames in memory"

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, index: int) -> Frame:
        return self.frames[index]


def frame(positions, forces, cell, step=0, **values) -> Frame:
    """A frame of atoms of type 1, unless `values` has others."""
    positions = np.asarray(positions, dtype=float)
    known = {"ids": np.arange(1, len(positions) + 1), "types": np.ones(len(positions), np.int32)} | values
    return Frame(
        step=step, positions=positions, forces=np.asarray(forces, float), cell=np.asarray(cell, float), **known
    )


def frames_of(snapshots: list[dumps.Snapshot], **values) -> list[Frame]:
    """Frames from snapshots of `dumps`."""
    return [
        frame(
            s.positions,
            s.forces,
            s.cell,
            s.step,
            **{"types": s.types.astype(np.int32), "molecules": s.columns.get("mol"), **values},
        )
        for s in snapshots
    ]


def in_units(frames: list[Frame], style: str, epsilon: float = 0.2378, sigma: float = 3.405) -> list[Frame]:
    """Undeclared frames in `real` units, converted to those of `style`."""
    if style == "lj":
        return [
            changed(f, positions=f.positions / sigma, cell=f.cell / sigma, forces=f.forces * sigma / epsilon)
            for f in frames
        ]
    return [changed(f, forces=f.forces * (EV_PER_KCAL_MOL if style == "metal" else 1.0)) for f in frames]


def dimers(
    stiffness: float = 1000.0, energy: float = 0.6, length: float = 1.0, count: int = 216, frames: int = 8
) -> list[Frame]:
    """Harmonic dimers far from one another, in equilibrium at kT = `energy`.

    Their lengths are drawn after d^2 exp(-k (d - d0)^2 / 2kT).
    """
    random = np.random.default_rng(0)
    side = round(count ** (1 / 3))
    places = 4.0 * length * np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    places = places + random.uniform(0, length, size=places.shape)  # no round numbers
    made = []
    for step in range(frames):
        drawn = random.normal(length, (energy / stiffness) ** 0.5, size=40 * count)
        d = drawn[random.random(len(drawn)) < (drawn / (2 * length)) ** 2][:count]
        directions = random.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        pull = (stiffness * (d - length))[:, None] * directions  # on the first atom, towards the second
        positions = np.concatenate([places, places + d[:, None] * directions])
        cell = np.eye(3) * 4.0 * length * side
        made.append(frame(positions, np.concatenate([pull, -pull]), cell, step))
    return made


def fcc(side: int = 5, constant: float = 5.0, jitter: float = 0.1, frames: int = 2) -> list[Frame]:
    """A face-centred cubic crystal with random displacements, with a harmonic force on each atom."""
    random = np.random.default_rng(1)
    corners = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    places = (corners + basis).reshape(-1, 3) * constant
    moves = [random.normal(scale=jitter, size=places.shape) for _ in range(frames)]
    return [frame(places + move, -move, np.eye(3) * side * constant, step) for step, move in enumerate(moves)]


def argon(kelvin: float = 90.0, frames: int = 6, every: int = 40) -> list[Frame]:
    """108 Lennard-Jones atoms in `real` units that move: velocity Verlet in steps of 10 fs, velocities in A/fs."""
    random = np.random.default_rng(0)
    positions = fcc(side=3, constant=5.6, jitter=0.02, frames=1)[0].positions
    box, step = np.full(3, 16.8), 10.0
    # one unit of kcal/mol/A on one of g/mol accelerates by 4.184e-4 A/fs^2
    scale = 4.184e-4 / 39.95
    # half of the kinetic energy becomes potential energy: twice the temperature to begin with
    velocities = random.normal(scale=(2 * 0.001987204 * kelvin * scale) ** 0.5, size=positions.shape)
    velocities -= velocities.mean(axis=0)
    forces, made = dumps._lennard_jones(positions, box, 0.2378, 3.405), []
    for number in range(1, every * (frames + 2) + 1):
        velocities = velocities + 0.5 * step * scale * forces
        positions = positions + step * velocities
        forces = dumps._lennard_jones(positions, box, 0.2378, 3.405)
        velocities = velocities + 0.5 * step * scale * forces
        if number % every == 0 and number > 2 * every:
            made.append(frame(positions % box, forces, np.diag(box), number, velocities=velocities))
    return made
