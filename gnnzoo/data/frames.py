"""A frame, and a dataset as a sequence of frames. Frames of one dataset may differ in their atoms, and in how many.

Every reader (text dump, H5MD, TFRecord) yields the same `Frame`, so that whatever comes after does not know which file
the numbers came from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np


@dataclass(frozen=True, eq=False)
class Frame:
    """One moment of a simulation; shapes, dtypes and units of the arrays stand in `gnnzoo.fields`.

    Attributes:
        step: timestep number as the dump counts it.
        time: simulation time in the unit style's time unit, or None where the dump does not tell.
        segment: number of the stretch of steps this frame belongs to; steps that go back start a new one.
        boundary: LAMMPS' boundary letters of x, y and z, such as ("pp", "pp", "ff").
        type_names: name of each type number; the number as text where nobody said.
        units: LAMMPS unit style, or None where undeclared.
        energy: potential energy of the whole frame, energy unit, or None.
        virial: (3, 3) -dE/d(strain), energy unit, or None: without the kinetic part, so that the pressure is
            (2 K + tr virial) / (3 V).
    """

    step: int
    positions: np.ndarray
    forces: np.ndarray
    cell: np.ndarray
    ids: np.ndarray
    types: np.ndarray
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))
    boundary: tuple[str, str, str] = ("pp", "pp", "pp")
    type_names: dict[int, str] = field(default_factory=dict)
    units: str | None = None
    time: float | None = None
    segment: int = 0
    molecules: np.ndarray | None = None
    charges: np.ndarray | None = None
    velocities: np.ndarray | None = None
    images: np.ndarray | None = None
    energies: np.ndarray | None = None
    energy: float | None = None
    virial: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def pbc(self) -> np.ndarray:
        """(3,) bool: periodic along each lattice vector."""
        return np.array([letters == "pp" for letters in self.boundary])

    @cached_property
    def names(self) -> np.ndarray:
        """(atoms,) str: the name of each atom's type."""
        numbers, inverse = np.unique(self.types, return_inverse=True)
        return np.array([self.type_names.get(int(number), str(number)) for number in numbers])[inverse]

    @property
    def volume(self) -> float:
        """Volume of the cell, in the length unit cubed."""
        return float(abs(np.linalg.det(self.cell)))


def known_virial(virial: np.ndarray | None) -> np.ndarray | None:
    """A virial of a frame as float64; None where there is none, or a part of it is no number."""
    return np.asarray(virial, np.float64) if virial is not None and np.isfinite(virial).all() else None


def frame_signatures(forces: np.ndarray) -> np.ndarray:
    """The sum of |F|^2 over the atoms, by which frames that come twice are found: whatever image of an atom a dump
    shows, and in whatever file, its force is printed the same. Frames with equal signatures may still differ.

    Args:
        forces: (frames, atoms, 3), atoms ordered by id.

    Returns:
        (frames,) float64.
    """
    return squares_and_signatures(forces)[1]


def squares_and_signatures(forces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(frames, atoms) |F|^2 of each atom, and with them the signatures of the frames; see `frame_signatures`."""
    with np.errstate(over="ignore"):
        squares = np.einsum("fac,fac->fa", forces, forces)
        return squares, squares.sum(axis=1)


class Dataset(Sequence[Frame]):
    """A sequence of frames on disk: `len`, index, slice (a list of frames), iteration, and what holds for all of them.

    Subclasses implement `__len__` and `read(index)`.

    Attributes:
        path: where it lies.
        units: LAMMPS unit style, or None where undeclared.
        type_names: name of each type number that occurs; the number as text where nobody said.
        steps: (frames,) int64, timestep of each frame.
        segments: (frames,) int32, see `Frame.segment`.
        files: (frames,) int32, which of `provenance["sources"]` each frame came from.
        provenance: where the numbers came from: source files, sha256, command, version.
        fingerprint: sha256 over what identifies the content; equal for equal data.
    """

    path: Path
    units: str | None
    type_names: dict[int, str]
    steps: np.ndarray
    segments: np.ndarray
    files: np.ndarray
    provenance: dict
    fingerprint: str

    def read(self, index: int) -> Frame:
        """Frame number `index`, 0 <= index < len(self)."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> Frame: ...

    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self.read(i) for i in range(*index.indices(len(self)))]
        position = int(index) + (len(self) if index < 0 else 0)
        if not 0 <= position < len(self):
            raise IndexError(f"frame {index} of a dataset of {len(self)}")
        return self.read(position)

    @property
    def has_molecules(self) -> bool:
        """Whether the frames carry molecule ids."""
        return len(self) > 0 and self.read(0).molecules is not None

    @cached_property
    def signatures(self) -> np.ndarray:
        """(frames,) float64, equal for equal frames; see `frame_signatures`. The first call may read all."""
        return np.array([frame_signatures(frame.forces[None])[0] for frame in self])

    def close(self) -> None:
        """Release the file; reading afterwards is an error."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
