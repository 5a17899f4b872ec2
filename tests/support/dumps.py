"""Small LAMMPS dumps for tests: a jittered argon crystal and a box of flexible waters, with forces of the positions.

The text has LAMMPS' layout; options of `write_dump` vary what differs between real dumps: column order, unsorted atoms,
line ends, trailing blanks, tilted boxes.
"""

import bz2
import gzip
import lzma
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

ARGON_COLUMNS = ("id", "type", "x", "y", "z", "fx", "fy", "fz")
WATER_COLUMNS = ("id", "mol", "type", "x", "y", "z", "fx", "fy", "fz")


@dataclass
class Snapshot:
    """One frame to be written to a dump; atoms have ids 1, 2, ... in this order."""

    step: int
    positions: np.ndarray  # (atoms, 3)
    forces: np.ndarray  # (atoms, 3)
    types: np.ndarray  # (atoms,)
    cell: np.ndarray  # (3, 3), rows are the lattice vectors of a restricted triclinic box
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    columns: dict[str, np.ndarray] = field(default_factory=dict)  # further columns by name


def _lennard_jones(positions: np.ndarray, box: np.ndarray, epsilon: float, sigma: float) -> np.ndarray:
    """Minimum-image Lennard-Jones forces, all pairs."""
    vectors = positions[None, :] - positions[:, None]  # (atoms, atoms, 3), from i to j
    vectors -= box * np.round(vectors / box)
    squared = np.sum(vectors**2, axis=-1) + np.eye(len(positions))
    ratio = (sigma**2 / squared) ** 3
    strength = -24 * epsilon * (2 * ratio**2 - ratio) / squared
    np.fill_diagonal(strength, 0.0)
    return np.einsum("ij,ijk->ik", strength, vectors)


def _lattice(side: int, spacing: float) -> np.ndarray:
    return spacing * np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


def argon(frames: int = 4, side: int = 3, seed: int = 0, every: int = 10, first: int = 0) -> list[Snapshot]:
    """side**3 argon atoms near a cubic lattice in a slightly breathing box, `units real`."""
    random = np.random.default_rng(seed)
    snapshots = []
    for number in range(frames):
        spacing = 3.9 * (1 + 0.01 * np.sin(number))
        box = np.full(3, side * spacing)
        positions = _lattice(side, spacing) + random.normal(scale=0.15, size=(side**3, 3)) + spacing / 2
        forces = _lennard_jones(positions, box, epsilon=0.2378, sigma=3.405)
        types = np.ones(side**3, dtype=int)
        snapshots.append(Snapshot(first + number * every, positions, forces, types, np.diag(box)))
    return snapshots


def water(frames: int = 4, side: int = 2, seed: int = 0, every: int = 10, first: int = 0) -> list[Snapshot]:
    """side**3 flexible waters (type 1 = O, 2 = H; column mol), `units real`: harmonic bonds, Lennard-Jones of O-O."""
    random = np.random.default_rng(seed)
    n_molecules = side**3
    shape = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [-0.33, 0.94, 0.0]])
    box = np.full(3, side * 3.1)
    snapshots = []
    for number in range(frames):
        turns, _ = np.linalg.qr(random.normal(size=(n_molecules, 3, 3)))
        centres = _lattice(side, 3.1) + 1.55 + random.normal(scale=0.1, size=(n_molecules, 3))
        sites = centres[:, None] + shape @ turns + random.normal(scale=0.03, size=(n_molecules, 3, 3))
        forces = np.zeros_like(sites)
        forces[:, 0] = _lennard_jones(sites[:, 0], box, epsilon=0.155, sigma=3.165)
        for hydrogen in (1, 2):
            bond = sites[:, hydrogen] - sites[:, 0]
            length = np.linalg.norm(bond, axis=-1, keepdims=True)
            force = -1059.162 * (length - 1.012) * bond / length  # SPC/Fw, k = 2 x 529.581
            forces[:, hydrogen] += force
            forces[:, 0] -= force
        snapshots.append(
            Snapshot(
                first + number * every,
                sites.reshape(-1, 3),
                forces.reshape(-1, 3),
                np.tile([1, 2, 2], n_molecules),
                np.diag(box),
                columns={"mol": np.repeat(np.arange(1, n_molecules + 1), 3)},
            )
        )
    return snapshots


def _box_lines(snapshot: Snapshot, boundary: str) -> list[str]:
    """`xlo xhi` lines; for a tilted cell the bounding box and xy, xz, yz (LAMMPS manual, Howto_triclinic)."""
    low, lengths = snapshot.origin, np.diag(snapshot.cell)
    xy, xz, yz = snapshot.cell[1, 0], snapshot.cell[2, 0], snapshot.cell[2, 1]
    high = low + lengths
    if not np.any([xy, xz, yz]):
        return [f"ITEM: BOX BOUNDS {boundary}", *(f"{a:.16e} {b:.16e}" for a, b in zip(low, high, strict=True))]
    skews = (0.0, xy, xz, xy + xz)
    return [
        f"ITEM: BOX BOUNDS xy xz yz {boundary}",
        f"{low[0] + min(skews):.16e} {high[0] + max(skews):.16e} {xy:.16e}",
        f"{low[1] + min(0.0, yz):.16e} {high[1] + max(0.0, yz):.16e} {xz:.16e}",
        f"{low[2]:.16e} {high[2]:.16e} {yz:.16e}",
    ]


def _values(snapshot: Snapshot) -> dict[str, np.ndarray]:
    scaled = (snapshot.positions - snapshot.origin) @ np.linalg.inv(snapshot.cell)
    values = {"id": np.arange(1, len(snapshot.types) + 1), "type": snapshot.types}
    for axis, letter in enumerate("xyz"):
        values[letter] = values[f"{letter}u"] = snapshot.positions[:, axis]
        values[f"{letter}s"] = values[f"{letter}su"] = scaled[:, axis]
        values[f"f{letter}"] = snapshot.forces[:, axis]
    return values | snapshot.columns


def dump_text(
    snapshots: Sequence[Snapshot],
    columns: Sequence[str] = ARGON_COLUMNS,
    *,
    number: str = "%g",
    boundary: str = "pp pp pp",
    shuffle: int | None = None,
    newline: str = "\n",
    separator: str = " ",
    trailing: str = "",
    units: str | None = None,
    times: Sequence[float] | None = None,
) -> str:
    """The text of a dump.

    Args:
        columns: names after `ITEM: ATOMS`, known to `_values` or to `Snapshot.columns`.
        number: format of every real number, LAMMPS' default being %g.
        shuffle: seed of a random order of the atoms, another in each frame.
        separator, trailing: text between the values of a row, and after the last one.
        units: `ITEM: UNITS`, in the first frame only, as LAMMPS does it.
        times: `ITEM: TIME` of each frame.
    """
    random = None if shuffle is None else np.random.default_rng(shuffle)
    lines = []
    for index, snapshot in enumerate(snapshots):
        values = _values(snapshot)
        order = np.arange(len(snapshot.types)) if random is None else random.permutation(len(snapshot.types))
        if units and index == 0:
            lines += ["ITEM: UNITS", units]
        if times is not None:
            lines += ["ITEM: TIME", f"{times[index]:g}"]
        lines += ["ITEM: TIMESTEP", str(snapshot.step), "ITEM: NUMBER OF ATOMS", str(len(order))]
        lines += _box_lines(snapshot, boundary)
        lines.append("ITEM: ATOMS " + " ".join(columns))
        for atom in order:
            row = (values[name][atom] for name in columns)
            texts = (number % value if isinstance(value, float) else str(value) for value in row)
            lines.append(separator.join(texts) + trailing)
    return newline.join([*lines, ""])


def write_dump(path: Path, snapshots: Sequence[Snapshot], columns: Sequence[str] = ARGON_COLUMNS, **options) -> Path:
    """Write `dump_text` to `path`, compressed according to its suffix; returns the path."""
    path.write_bytes(compressed(dump_text(snapshots, columns, **options).encode(), path.suffix))
    return path


def compressed(data: bytes, suffix: str) -> bytes:
    """Compress bytes for a file with this suffix."""
    methods = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress, ".zst": _zstd}
    return methods.get(suffix, bytes)(data)


def _zstd(data: bytes) -> bytes:
    stream = pa.BufferOutputStream()
    with pa.CompressedOutputStream(stream, "zstd") as archive:
        archive.write(data)
    return stream.getvalue().to_pybytes()


def argon_dump(path: Path, frames: int = 4, side: int = 3, seed: int = 0, **options) -> Path:
    """A dump of `argon(frames, side, seed)`."""
    return write_dump(path, argon(frames, side, seed), ARGON_COLUMNS, **options)


def water_dump(path: Path, frames: int = 4, side: int = 2, seed: int = 0, **options) -> Path:
    """A dump of `water(frames, side, seed)`."""
    return write_dump(path, water(frames, side, seed), WATER_COLUMNS, **options)
