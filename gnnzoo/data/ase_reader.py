"""Extended XYZ and ASE trajectories, read through ASE.

ASE holds energies in eV, lengths in A and velocities in A per ASE's own unit of time: LAMMPS' `metal` units, once the
velocities are converted. The types are numbered in the order of the elements.

A frame's virial W = -dE/d(strain) is its `virial`, in eV, else made of its `stress`: W = -V stress. ASE's stress is
dE/d(strain) / V, in eV/A^3, as a matrix or in the order xx yy zz yz xz xy (ASE's manual, `Atoms.get_stress`). Of a
`virial` extended XYZ says no more than that it is a matrix, written column by column (ASE's manual, `ase.io.extxyz`);
W = -V stress is how fitting codes use both names (https://nequip.readthedocs.io, page Conventions).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gnnzoo.data.blocks import FrameBlock
from gnnzoo.data.frames import known_virial
from gnnzoo.errors import DataError, Location, UserError

SUFFIXES = (".extxyz", ".xyz", ".traj")
UNITS = "metal"
_SAME = 0.01  # of the largest component: what stress and virial may differ by, for digits that were left out
_MARGIN = 1.0  # A; around atoms that have no cell, so that a flat molecule has a volume


def is_ase(path: Path) -> bool:
    """Whether a file is for ASE, by its name."""
    return path.suffix in SUFFIXES and path.is_file()


def ase_blocks(
    path: Path, names: dict[int, str], advance: Callable[[int], object] | None = None, doubts: list[str] | None = None
) -> Iterator[FrameBlock]:
    """The frames of a file that ASE reads, one block each.

    Args:
        path: .extxyz, .xyz or .traj.
        names: is filled with the element of each type.
        advance: called with 1 after each frame.
        doubts: takes what speaks against the data, if anything does.

    Raises:
        UserError: ASE is not installed.
        DataError: the file cannot be read, or a frame has no forces.
    """
    iread = _iread()
    location, fields, segment, last = Location(path), None, 0, None
    types: dict[str, int] = {}
    try:
        for number, atoms in enumerate(iread(str(path), index=":")):
            arrays = _arrays(atoms, number, location)
            fields = set(arrays) if fields is None else fields
            if set(arrays) != fields:
                lacks = ", ".join(sorted(fields ^ set(arrays)))
                raise DataError(f"frame {number} and frame 0 do not hold the same: {lacks}", location=location)
            step = int(atoms.info.get("step", atoms.info.get("timestep", number)))
            segment += last is not None and step <= last
            last = step
            for symbol in sorted(set(atoms.get_chemical_symbols()) - set(types)):
                types[symbol] = len(types) + 1
                names[types[symbol]] = symbol
            virial, doubt = _virial(atoms, number, location)
            if doubt and not doubts and doubts is not None:
                doubts.append(doubt)
            yield _block(atoms, arrays, step, segment, types, location, virial)
            if advance is not None:
                advance(1)
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:  # ASE's readers raise whatever they meet
        raise DataError(
            f"ASE cannot read the file: {type(error).__name__}: {error}",
            location=location,
            expected="extended XYZ or an ASE trajectory with forces",
        ) from error
    if fields is None:
        raise DataError("the file holds no frame", location=location)


def _iread():
    try:
        from ase.io import iread
    except ImportError as error:
        raise UserError(
            "ASE, which reads such files, is not installed", hint="pip install 'gnnzoo[ase]', or pip install ase"
        ) from error
    return iread


def _arrays(atoms, number: int, location: Location) -> dict[str, np.ndarray]:
    from ase import units

    results = atoms.calc.results if atoms.calc is not None else {}
    forces = results.get("forces", atoms.arrays.get("forces", atoms.arrays.get("force")))
    if forces is None:
        held = ", ".join(sorted({*atoms.arrays, *results}))
        raise DataError(
            f"frame {number} holds no forces: it holds {held}",
            location=location,
            expected="forces of each atom, in extended XYZ as forces:R:3 in Properties",
        )
    arrays = {"positions": atoms.positions, "forces": np.asarray(forces, dtype=np.float64)}
    if "momenta" in atoms.arrays:
        arrays["velocities"] = atoms.get_velocities() * (1000 * units.fs)  # -> A/ps
    if "energies" in results:
        arrays["energies"] = np.asarray(results["energies"], dtype=np.float64)
    for name in ("mol", "molecule", "mol-id", "residuenumbers"):
        if name in atoms.arrays:
            arrays["molecules"] = atoms.arrays[name].astype(np.int64)
            break
    if atoms.arrays.get("image", np.zeros(0)).shape == (len(atoms), 3):
        arrays["images"] = atoms.arrays["image"].astype(np.int32)
    if "initial_charges" in atoms.arrays or "charges" in results:
        arrays["charges"] = np.asarray(results.get("charges", atoms.get_initial_charges()), dtype=np.float64)
    for name, values in arrays.items():
        if not np.isfinite(values.sum()):
            raise DataError(f"{name} of frame {number} hold what is not a number", location=location)
    return arrays


def _virial(atoms, number: int, location: Location) -> tuple[np.ndarray | None, str | None]:
    """(3, 3) virial of a frame, eV, and what speaks against it; None where it has none, or one that is no number."""
    from ase.stress import voigt_6_to_full_3x3_stress

    results = atoms.calc.results if atoms.calc is not None else {}
    found = {}
    if "virial" in atoms.info:
        found["virial"] = np.asarray(atoms.info["virial"])
    stress = results.get("stress", atoms.info.get("stress"))
    if stress is not None and atoms.cell.rank == 3:  # without a volume a stress says nothing
        stress = np.asarray(stress)
        found["stress"] = -atoms.get_volume() * (voigt_6_to_full_3x3_stress(stress) if stress.size == 6 else stress)
    for name, values in found.items():
        if values.size != 9 or values.dtype.kind not in "fi":
            what = f"the {name} of frame {number} is not a matrix: its shape is {values.shape}"
            raise DataError(what, location=location, expected="3 x 3 numbers, or 9")
        found[name] = known_virial(values.astype(np.float64).reshape(3, 3))
    both = [values for values in found.values() if values is not None]
    if len(both) == 2 and np.abs(both[0] - both[1]).max() > _SAME * np.abs(both[0]).max():
        return both[0], (
            f"virial and stress of frame {number} contradict each other: the virial has a trace of "
            f"{np.trace(both[0]):.6g} eV, -stress times volume one of {np.trace(both[1]):.6g}; the virial is taken"
        )
    return (both[0] if both else None), None


def _block(
    atoms,
    arrays: dict[str, np.ndarray],
    step: int,
    segment: int,
    types: dict[str, int],
    location: Location,
    virial: np.ndarray | None,
) -> FrameBlock:
    cell, origin, boundary = _cell(atoms)
    results = atoms.calc.results if atoms.calc is not None else {}
    energy = results.get("energy", atoms.info.get("energy", np.nan))
    time = atoms.info.get("time", np.nan)
    order = np.argsort(atoms.arrays["id"], kind="stable") if "id" in atoms.arrays else np.arange(len(atoms))
    ids = atoms.arrays["id"][order] if "id" in atoms.arrays else np.arange(1, len(atoms) + 1)
    if np.any(np.diff(ids) == 0):
        raise DataError(f"an id comes twice in the frame of step {step}", location=location, expected="each atom once")
    return FrameBlock(
        steps=np.array([step], dtype=np.int64),
        times=np.array([float(time)]),
        cells=cell[None],
        origins=origin[None],
        boundaries=[boundary],
        ids=ids.astype(np.int64),
        types=np.array([types[symbol] for symbol in atoms.get_chemical_symbols()], dtype=np.int32)[order],
        arrays={name: values[order][None] for name, values in arrays.items()},
        segments=np.array([segment], dtype=np.int32),
        files=np.zeros(1, dtype=np.int32),
        energy=np.array([float(energy)]),
        virial=None if virial is None else virial[None],
    )


def _cell(atoms) -> tuple[np.ndarray, np.ndarray, tuple[str, str, str]]:
    """Cell, origin and boundary letters; a direction without a lattice vector is shrink-wrapped, as LAMMPS calls it."""
    cell = np.array(atoms.cell.complete() if atoms.cell.rank else np.eye(3))
    origin = atoms.info.get("Origin", atoms.info.get("origin", np.zeros(3)))  # OVITO's name for it, and a plain one
    origin = np.array(origin, dtype=np.float64)
    boundary = ["pp" if periodic else "ff" for periodic in atoms.pbc]
    letters = np.ravel(atoms.info.get("boundary", "")).tolist()  # as gnnzoo export writes them
    letters = letters[0].split() if len(letters) == 1 else letters
    if [pair == "pp" for pair in letters] == list(atoms.pbc):
        boundary = letters
    for axis in np.flatnonzero(~np.any(atoms.cell.array, axis=1)):
        direction = cell[axis] / np.linalg.norm(cell[axis])
        along = atoms.positions @ np.linalg.inv(cell)[:, axis] * np.linalg.norm(cell[axis])
        origin += (along.min() - _MARGIN) * direction
        cell[axis] = (np.ptp(along) + 2 * _MARGIN) * direction
        boundary[axis] = "ss"
    return cell, origin, tuple(boundary)
