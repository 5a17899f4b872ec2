"""The quantities of one frame, from its rows and its comment line, in the units of the dataset.

A frame's virial W = -dE/d(strain) is its `virial`, in units of energy, or computed from its `stress`: W = -V stress,
the convention of ASE (manual, `Atoms.get_stress`) and of fitting codes (https://nequip.readthedocs.io, page
Conventions). Nine numbers are a matrix written column by column (https://github.com/libAtoms/extxyz), six are in the
order xx yy zz yz xz xy of ASE.
"""

import functools
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.extxyz.choice import species_and_positions
from gnnzoo.data.extxyz.frames import Rows
from gnnzoo.data.extxyz.header import Header
from gnnzoo.data.extxyz.units import Units
from gnnzoo.data.frames.frame import VOIGT, known_virial
from gnnzoo.data.frames.geometry import spans_volume
from gnnzoo.elements import ATOMIC_NUMBERS, MASSES
from gnnzoo.errors import DataError
from gnnzoo.units import energy_unit

# ASE's unit of time, A sqrt(u / eV), with the constants of CODATA 2014 (ase.units): about 10.18 fs. Momenta are in
# u A per unit of time.
ASE_TIME_PS = 1e12 * 1e-10 * math.sqrt(1.660539040e-27 / 1.6021766208e-19)
_SAME = 0.01  # relative to the largest component: allowed difference of stress and virial, for digits not written
_MARGIN = 1.0  # A; around atoms without a cell, so that a flat molecule has a volume
_ARRAYS = ("velocities", "charges", "molecules", "images", "energies")
# Whole numbers, which a file may declare as real.
_WHOLE: dict[str, type[np.int64] | type[np.int32]] = {"ids": np.int64, "molecules": np.int64, "images": np.int32}
_CELLS = ("cell", "box", "unit_cell", "lattice_vectors")  # keys that hold a cell in the place of Lattice


@dataclass(frozen=True, eq=False)
class FrameContents:
    """One frame.

    Attributes:
        header: of the frame.
        species: (atoms,) names of the types; numbers as text where the file numbers its types.
        arrays: field of a frame -> array, with positions, forces where it has them, and the optional ones.
        incomplete: optional fields that are not finite here.
        ids: (atoms,) int64.
        cell, origin, boundary: see `Frame`.
        energy: NaN where missing.
        virial: (3, 3), or None.
        masses: (atoms,) g/mol, or None.
        virial_from: of "stress" and "virial", those that the virial is taken from.
        forces_by_symmetry: whether the forces are zero because there is one atom.
        doubts: kind of warning -> the warning.
    """

    header: Header
    species: list[str]
    arrays: dict[str, np.ndarray]
    incomplete: list[str]
    ids: np.ndarray
    cell: np.ndarray
    origin: np.ndarray
    boundary: tuple[str, str, str]
    energy: float
    virial: np.ndarray | None
    masses: np.ndarray | None
    virial_from: tuple[str, ...]
    forces_by_symmetry: bool
    doubts: dict[str, str]


def frame_contents(rows: Rows, keys: Mapping[str, str], units: Units) -> FrameContents:
    """Collect the quantities of a frame.

    Args:
        rows: of the frame.
        keys: quantity -> key, see `choice.Choice`.
        units: of the file.

    Returns:
        The frame.

    Raises:
        DataError: positions, forces or the cell are not finite, or the ids are not those of the atoms.
    """
    header = rows.header
    species_key, position_key = species_and_positions(header)
    positions = rows.numbers[position_key] * units.length
    _finite(positions, "positions", header)
    numbers = {
        meaning: rows.numbers[key] * units.factor(meaning) for meaning, key in keys.items() if key in rows.numbers
    }
    species = [_species(word, species_key) for word in rows.texts[species_key]]
    energy = _number(header, keys.get("energy")) * units.energy
    arrays = {"positions": positions}
    forces = numbers.get("forces")
    if forces is not None and not np.isnan(forces).all():
        _finite(forces, "forces", header)
        arrays["forces"] = forces
    # The energy of a frame of one atom does not depend on where the atom is: its force is zero, whether it is isolated
    # or repeated by a lattice.
    by_symmetry = "forces" not in arrays and header.n_atoms == 1 and math.isfinite(energy)
    if by_symmetry:
        arrays["forces"] = np.zeros((1, 3))
    masses = numbers.get("masses")
    masses = masses if masses is not None and np.all(np.isfinite(masses) & (masses > 0)) else None
    if "momenta" in numbers:
        numbers["velocities"] = _velocities(numbers["momenta"], masses, species, units)
    incomplete = []
    for name in _ARRAYS:
        if name in numbers and np.isfinite(numbers[name]).all():
            arrays[name] = _whole(numbers[name], name, header) if name in _WHOLE else numbers[name].astype(np.float64)
        elif name in numbers:
            incomplete.append(name)
    doubts: dict[str, str] = {}
    lattice, periodic = _lattice(header, doubts)
    cell, origin, boundary = _cell(header, positions, lattice * units.length, periodic, units.length)
    virial, virial_from = _virial(header, keys, units, lattice, doubts)
    ids = _ids(numbers.get("ids"), header)
    box = (cell, origin, boundary)
    return FrameContents(
        header, species, arrays, incomplete, ids, *box, energy, virial, masses, virial_from, by_symmetry, doubts
    )


@functools.cache
def _species(word: str, key: str) -> str:
    """The name of a type: an element in its usual spelling, or as it is written."""
    if key.lower() in ("z", "numbers", "atomic_numbers"):
        number = int(word) if word.isdecimal() else 0
        return _SYMBOLS.get(number, word)
    return word.capitalize() if word.capitalize() in MASSES else word


_SYMBOLS = {number: symbol for symbol, number in ATOMIC_NUMBERS.items()}


def _number(header: Header, key: str | None) -> float:
    """A number of the comment line; NaN where it is missing or something else."""
    value = header.values.get(key) if key else None
    return value if isinstance(value, float) and math.isfinite(value) else math.nan


def _finite(values: np.ndarray, what: str, header: Header) -> None:
    wrong = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if len(wrong):
        raise DataError(
            f"{what} of frame {header.number} are not finite: those of atom {wrong[0] + 1} are "
            f"{' '.join(f'{value:g}' for value in np.ravel(values[wrong[0]]))}",
            location=header.at_row(int(wrong[0])),
            expected="finite numbers",
        )


def _whole(values: np.ndarray, name: str, header: Header) -> np.ndarray:
    """The values as integers; DataError where one has a fraction, or more digits than float64 and the integer keep."""
    kind = _WHOLE[name]
    most = min(2**53, int(np.iinfo(kind).max))
    wrong = (values != np.round(values)) | (np.abs(values) > most)
    if wrong.any():
        place = np.argwhere(wrong)[0]
        raise DataError(
            f"{name} of frame {header.number} are no whole numbers: that of atom {place[0] + 1} is "
            f"{values[tuple(place)]:.17g}",
            location=header.at_row(int(place[0])),
            expected=f"whole numbers of at most {most:,}",
        )
    return values.astype(kind)


def _velocities(momenta: np.ndarray, masses: np.ndarray | None, species: list[str], units: Units) -> np.ndarray:
    """(atoms, 3) velocities in the style's unit from ASE's momenta; NaN where a mass is unknown."""
    if masses is None:
        masses = np.array([MASSES.get(name, math.nan) for name in species])
    time = ASE_TIME_PS * (1e3 if units.style == "real" else 1.0)
    return momenta / masses[:, None] / time


def _ids(given: np.ndarray | None, header: Header) -> np.ndarray:
    """(atoms,) int64 ids; numbered where there are none."""
    if given is None:
        return np.arange(1, header.n_atoms + 1)
    _finite(given, "ids", header)
    ids = _whole(given, "ids", header)
    if len(np.unique(ids)) < len(ids):
        ordered = np.sort(ids)
        twice = ordered[1:][np.diff(ordered) == 0][0]
        raise DataError(
            f"the id {twice} appears twice in frame {header.number}",
            location=header.location,
            expected="each atom once",
        )
    return ids


# --- cells --------------------------------------------------------------------------------------------------------


def _lattice(header: Header, doubts: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """(3, 3) lattice vectors as rows, zero where there are none; (3,) periodic directions.

    Periodic directions follow from the lattice where they are not stated, as in ASE.
    """
    names = {key.lower(): key for key in header.values}
    cell = np.zeros((3, 3))
    if "lattice" in names:
        value = header.values[names["lattice"]]
        # Programs disagree on whether the rows or the columns of a nested list are the lattice vectors.
        vectors = isinstance(value, np.ndarray) and (
            value.shape == (9,) or (value.shape == (3, 3) and np.array_equal(value, value.T))
        )
        if not isinstance(value, np.ndarray) or not vectors or not np.isfinite(value).all():
            raise DataError(
                f"the lattice of frame {header.number} is not a matrix: {str(value)[:80]}",
                location=header.location,
                expected='Lattice="ax ay az bx by bz cx cy cz"',
            )
        cell = value.reshape(3, 3).astype(np.float64)
    else:
        _refuse_other_cell(header, names)
    periodic = np.full(3, "lattice" in names)
    if "pbc" in names:
        periodic = _periodic(header.values[names["pbc"]], header)
    missing = periodic & ~np.any(cell, axis=1)
    if missing.any():
        axes = " ".join(axis for axis, flag in zip("xyz", missing, strict=True) if flag)
        doubts["periodic"] = f"frame {header.number} is periodic along {axes} without a lattice vector: read as open"
    return cell, periodic & ~missing


def _refuse_other_cell(header: Header, names: Mapping[str, str]) -> None:
    """Refuse a cell under another name: without it, periodic atoms would become a molecule."""
    for name in _CELLS:
        value = header.values.get(names.get(name, ""))
        if isinstance(value, np.ndarray) and value.size == 9:
            key = names[name]
            raise DataError(
                f"frame {header.number} has no Lattice, but 9 numbers in {key}",
                location=header.location,
                expected='Lattice="ax ay az bx by bz cx cy cz"',
                hint=f"sed -i 's/{key}=/Lattice=/' {shlex.quote(str(header.file))}",
            )


def _periodic(value: object, header: Header) -> np.ndarray:
    """(3,) bool from "T T F", "1 1 0" or a single one for all."""
    flags = np.ravel(np.array(value if not isinstance(value, str) else value.split()))
    words = [str(flag).lower() for flag in flags]
    known = {"true": True, "t": True, "1": True, "1.0": True, "false": False, "f": False, "0": False, "0.0": False}
    if len(words) not in (1, 3) or not set(words) <= set(known):
        raise DataError(
            f"the periodic directions of frame {header.number} are {str(value)[:80]}",
            location=header.location,
            expected='pbc="T T T", or F for an open direction',
        )
    return np.broadcast_to([known[word] for word in words], 3)


def _cell(
    header: Header, positions: np.ndarray, cell: np.ndarray, periodic: np.ndarray, length: float
) -> tuple[np.ndarray, np.ndarray, tuple[str, str, str]]:
    """Cell, origin and boundary letters; directions without a lattice vector are shrink-wrapped: "ss" in LAMMPS."""
    names = {key.lower(): key for key in header.values}
    origin = np.zeros(3)
    value = header.values.get(names.get("origin", ""))
    if isinstance(value, np.ndarray) and value.size == 3 and np.isfinite(value).all():  # OVITO writes Origin
        origin = value.ravel() * length
    boundary = ["pp" if flag else "ff" for flag in periodic]
    letters = str(header.values.get("boundary", "")).split()  # as gnnzoo export writes them
    if [pair == "pp" for pair in letters] == list(periodic):
        boundary = letters
    missing = ~np.any(cell, axis=1)
    with np.errstate(all="ignore"):  # of lengths that no number holds nothing is left to compare
        cell = _completed(cell)
    if not spans_volume(cell):
        raise DataError(
            f"the lattice vectors of frame {header.number} are in a plane: the cell has no volume",
            location=header.location,
            expected="three lattice vectors that span a volume",
        )
    for axis in np.flatnonzero(missing):
        direction = cell[axis] / np.linalg.norm(cell[axis])
        along = positions @ np.linalg.inv(cell)[:, axis] * np.linalg.norm(cell[axis])
        origin = origin + (along.min() - _MARGIN) * direction
        cell[axis] = (np.ptp(along) + 2 * _MARGIN) * direction
        boundary[axis] = "ss"
    x, y, z = boundary
    return cell, origin, (x, y, z)


def _completed(cell: np.ndarray) -> np.ndarray:
    """The cell with unit vectors, orthogonal to the others, in the place of vectors that are zero."""
    cell = cell.copy()
    missing = np.flatnonzero(~np.any(cell, axis=1))
    if len(missing) == 3:
        return np.eye(3)
    if len(missing) == 2:  # two directions that are orthogonal to the one given
        axis = next(axis for axis in range(3) if axis not in missing)
        other = np.eye(3)[np.argmin(np.abs(cell[axis]))]
        cell[missing[0]] = np.cross(cell[axis], other)
        cell[missing[0]] /= np.linalg.norm(cell[missing[0]])
    if len(missing):
        axis = missing[-1]
        cell[axis] = np.cross(cell[axis - 2], cell[axis - 1])
        size = np.linalg.norm(cell[axis])
        cell[axis] /= size if size > 0 else 1.0
    return cell


# --- virials ------------------------------------------------------------------------------------------------------


def _virial(
    header: Header, keys: Mapping[str, str], units: Units, lattice: np.ndarray, doubts: dict[str, str]
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(3, 3) virial of a frame, energy unit, None where it is missing or not finite; and what it is taken from."""
    volume = abs(float(np.linalg.det(lattice * units.length)))
    virial = _matrix(header, keys.get("virial"))
    stress = _matrix(header, keys.get("stress")) if volume > 0 else None  # a stress without a volume has no virial
    direct = None if virial is None else virial * units.virial
    converted = None if stress is None else -volume * units.stress * stress
    if direct is None:
        return converted, ("stress",) if converted is not None else ()
    if converted is None:
        return direct, ("virial",)
    if np.abs(direct - converted).max() > _SAME * np.abs(direct).max():
        unit = energy_unit(units.style)
        doubts["virial"] = (
            f"virial and stress of frame {header.number} contradict each other: the virial has a trace of "
            f"{np.trace(direct):.6g} {unit}, -stress times volume one of {np.trace(converted):.6g}; the virial is used"
        )
    return direct, ("virial",)


def _matrix(header: Header, key: str | None) -> np.ndarray | None:
    """(3, 3) matrix of the comment line; None where it is missing, not finite or something else."""
    value = header.values.get(key) if key else None
    if not isinstance(value, np.ndarray) or value.shape not in ((9,), (3, 3), (6,)):
        return None
    if value.size == 6:
        return known_virial(value.ravel()[VOIGT])
    return known_virial(value if value.ndim == 2 else value.reshape(3, 3, order="F"))
