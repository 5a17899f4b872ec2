"""Frames, and datasets as sequences of frames. Frames of one dataset may differ in their atoms and their number.

Every reader (LAMMPS dump, H5MD, TFRecord, ASE) yields the same `Frame`, so that later stages are independent of the
format.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, overload

import numpy as np
from numpy.typing import ArrayLike

from gnnzoo.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms


VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])


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
        group: the `config_type` that extended XYZ names: what kind of configuration it is, or None.
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
    group: str | None = None

    @classmethod
    def from_arrays(
        cls,
        species: Sequence[str],
        positions: ArrayLike,
        cell: ArrayLike | None = None,
        pbc: bool | Sequence[bool] = True,
        *,
        units: str = "metal",
        forces: ArrayLike | None = None,
        energy: float | None = None,
        virial: ArrayLike | None = None,
        molecules: ArrayLike | None = None,
        charges: ArrayLike | None = None,
    ) -> Self:
        """Make a frame from arrays.

        Args:
            species: name of each atom.
            positions: (atoms, 3), length unit.
            cell: (3, 3) rows are lattice vectors, or (3,) edges of a rectangular cell, length unit; None for a cluster
                without periodic directions.
            pbc: periodic along each lattice vector; without meaning where there is no cell.
            units: LAMMPS unit style.
            forces: (atoms, 3), force unit; zeros where they are unknown.
            energy: potential energy, energy unit.
            virial: (3, 3) -dE/d(strain), energy unit.
            molecules: (atoms,) molecule ids.
            charges: (atoms,), charge unit.

        Returns:
            The frame, with ids from 1 and types in alphabetical order.

        Raises:
            DataError: an array has another shape, or holds what is no finite number.
        """
        count = len(species)
        places = checked_array("positions", positions, (count, 3))
        names = sorted({str(name) for name in species})
        open_cell = np.diag(np.ptp(places, axis=0) + 1.0) if count else np.eye(3)
        box = open_cell if cell is None else np.asarray(cell, np.float64)
        periodic = np.zeros(3, bool) if cell is None else np.broadcast_to(np.asarray(pbc, bool), 3)
        x, y, z = ("pp" if flag else "ff" for flag in periodic)
        return cls(
            step=0,
            positions=places,
            forces=np.zeros((count, 3)) if forces is None else checked_array("forces", forces, (count, 3)),
            cell=checked_array("cell", np.diag(box) if box.shape == (3,) else box, (3, 3)),
            ids=np.arange(1, count + 1),
            types=np.array([names.index(str(name)) + 1 for name in species], np.int32),
            origin=places.min(axis=0, initial=0.0) if cell is None else np.zeros(3),
            boundary=(x, y, z),
            type_names=dict(enumerate(names, start=1)),
            units=units,
            energy=None if energy is None else float(energy),
            virial=None if virial is None else checked_array("virial", virial, (3, 3)),
            molecules=None if molecules is None else checked_array("molecules", molecules, (count,)),
            charges=None if charges is None else checked_array("charges", charges, (count,)),
        )

    @classmethod
    def from_ase(cls, atoms: "Atoms") -> Self:
        """Make a frame from ASE's atoms, with the results that their calculator holds.

        Args:
            atoms: eV and A. Nothing is computed: results are those stored.

        Returns:
            The frame, in units metal; its energy is the free energy where there is one, whose derivatives forces are.

        Raises:
            DataError: as `from_arrays`.
        """
        results = dict(atoms.calc.results) if atoms.calc is not None else {}
        stress, virial = results.get("stress"), None
        if stress is not None and atoms.cell.rank == 3:
            full = np.asarray(stress, np.float64)
            virial = -(full[VOIGT] if full.shape == (6,) else full) * atoms.get_volume()
        return cls.from_arrays(
            atoms.get_chemical_symbols(),
            atoms.positions,
            atoms.cell.array if atoms.cell.rank == 3 else None,
            atoms.pbc,
            forces=results.get("forces"),
            energy=results.get("free_energy", results.get("energy")),
            virial=virial,
        )

    def __repr__(self) -> str:
        names, counts = np.unique(self.names, return_counts=True)
        atoms = " ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
        held = [name for name in ("energy", "virial", "velocities") if getattr(self, name) is not None]
        others = f", with {' '.join(held)}" if held else ""
        return f"<Frame of step {self.step}: {atoms}, {' '.join(self.boundary)}, units {self.units}{others}>"

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


def checked_array(name: str, values: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Check an array that a program hands over.

    Args:
        name: for the error.
        values: anything that NumPy takes as an array.
        shape: that it must have.

    Returns:
        The array; integers stay integers.

    Raises:
        DataError: it has another shape, or holds what is no finite number.
    """
    expected = f"finite numbers of shape {shape}"
    try:
        array = np.array(values)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"{name} of the frame are no array", expected=expected) from error
    if array.shape != shape or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise DataError(f"{name} of the frame have shape {array.shape} and type {array.dtype}", expected=expected)
    return array if array.dtype.kind in "iu" and name == "molecules" else array.astype(np.float64)


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
