"""Runs in memory of known autocorrelation times: a liquid of jumping atoms and a vibrating crystal."""

import numpy as np

from gnnzoo.data.frames.frame import Frame

BOX = 20.0


def fluctuating(frames: int, shape: tuple, time: float, random: np.random.Generator) -> np.ndarray:
    """(frames, *shape) Gaussian noise with the correlation exp(-lag / time): an autoregressive process."""
    keep = np.exp(-1 / time) if time > 0 else 0.0
    values = [random.normal(size=shape)]
    for _ in range(frames - 1):
        values.append(keep * values[-1] + np.sqrt(1 - keep**2) * random.normal(size=shape))
    return np.array(values)


def frame(positions, forces, step=0, segment=0, **values):
    n = len(positions)
    known = {"ids": np.arange(1, n + 1), "types": np.ones(n, dtype=np.int32), "cell": np.eye(3) * BOX}
    return Frame(step=step, positions=positions, forces=forces, segment=segment, **(known | values))


def liquid(frames: int, time: float, force_time: float, atoms: int = 216, seed: int = 0, **values) -> list[Frame]:
    """Atoms that jump anywhere so often that a pair lasts `time` frames; forces that last `force_time` frames."""
    random = np.random.default_rng(seed)
    stays = np.exp(-1 / (2 * time))  # a pair is kept while neither of its two jumps
    positions, forces = random.uniform(0, BOX, (atoms, 3)), fluctuating(frames, (atoms, 3), force_time, random)
    made = []
    for number in range(frames):
        jumps = random.random(atoms) > stays
        positions = np.where(jumps[:, None], random.uniform(0, BOX, (atoms, 3)), positions)
        made.append(frame(positions, forces[number], step=10 * number, **values))
    return made


def crystal(frames: int, time: float, seed: int = 0, side: int = 5) -> list[Frame]:
    """Atoms that fluctuate about the sites of a lattice, wrapped into the cell."""
    random = np.random.default_rng(seed)
    sites = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * BOX / side
    shifts = 0.1 * fluctuating(frames, sites.shape, time, random)
    return [
        frame((sites + shift) % BOX, fluctuating(1, sites.shape, 0, random)[0], step=10 * number)
        for number, shift in enumerate(shifts)
    ]
