"""Frames, and datasets as sequences of frames. Frames of one dataset may differ in their atoms and their number.

Every reader (LAMMPS dump, H5MD, TFRecord, ASE) yields the same `Frame`, so that later stages are independent of the
format.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self, overload

import numpy as np


@dataclass(frozen=True, eq=False)
class Frame:
    """One configuration of a simulation; `gnnzoo.fields` has shapes, dtypes and units of the arrays.

    Attributes:
        step: timestep.
        positions: (atoms, 3), absolute, length unit.
        forces: (atoms, 3), force unit.
        cell: (3, 3), rows are lattice vectors, length unit.
        ids: (atoms,) ascending.
        types: (atoms,) numbers of LAMMPS types.
        origin: (3,) corner of the cell, length unit.
        boundary: LAMMPS' boundary letters of x, y and z, such as ("pp", "pp", "ff").
        type_names: name of each type number; the number as text where it has no name.
        units: LAMMPS unit style, or None where undeclared.
        time: simulation time in the unit style's time unit, or None where unknown.
        segment: number of the run of increasing steps this frame belongs to; steps that go back start a new one.
        molecules: (atoms,) molecule ids, or None.
        charges: (atoms,), charge unit, or None.
        velocities: (atoms, 3), velocity unit, or None.
        images: (atoms, 3) image flags, or None.
        energies: (atoms,) potential energy of each atom, energy unit, or None.
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
    """A frame's `virial` in float64.

    Returns:
        (3, 3); None where it is missing or not finite.
    """
    return np.asarray(virial, np.float64) if virial is not None and np.isfinite(virial).all() else None


def frame_signatures(forces: np.ndarray) -> np.ndarray:
    """Sums of |F|^2 over the atoms, by which duplicate frames are found: the printed force of an atom depends neither
    on its periodic image nor on the file. Frames with equal signatures may still differ.

    Args:
        forces: (frames, atoms, 3), atoms ordered by id.

    Returns:
        (frames,) float64.
    """
    return squares_and_signatures(forces)[1]


def squares_and_signatures(forces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared norms of forces, and the signatures of their frames.

    Args:
        forces: (frames, atoms, 3), atoms ordered by id.

    Returns:
        (frames, atoms) |F|^2 of each atom; (frames,) see `frame_signatures`.
    """
    with np.errstate(over="ignore"):
        squares = np.einsum("fac,fac->fa", forces, forces)
        return squares, squares.sum(axis=1)


class Dataset(Sequence[Frame]):
    """A sequence of frames on disk (`len`, index, slice, iteration) and their common metadata.

    Subclasses implement `__len__` and `read(index)`.

    Attributes:
        path: of the file or folder; of the first one where there are several.
        units: LAMMPS unit style, or None where undeclared.
        type_names: name of each type number that occurs; the number as text where it has no name.
        steps: (frames,) int64, timestep of each frame.
        segments: (frames,) int32, see `Frame.segment`.
        files: (frames,) int32, which of `provenance["sources"]` each frame came from.
        provenance: origin of the numbers: source files, sha256, command, version.
        fingerprint: sha256 of the content; equal for equal data.
        parts: the datasets that it consists of, one after another; none where it is a single one.
    """

    parts: tuple["Dataset", ...] = ()
    path: Path
    units: str | None
    type_names: dict[int, str]
    steps: np.ndarray
    segments: np.ndarray
    files: np.ndarray
    provenance: dict
    fingerprint: str

    def read(self, index: int) -> Frame:
        """Read one frame.

        Args:
            index: 0 <= index < len(self).

        Returns:
            The frame.
        """
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> Frame: ...

    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...

    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
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
        """(frames,) float64, equal for equal frames; see `frame_signatures`. The first access may read all frames."""
        return np.array([frame_signatures(frame.forces[None])[0] for frame in self])

    def close(self) -> None:
        """Release the file; reading afterwards is an error."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
