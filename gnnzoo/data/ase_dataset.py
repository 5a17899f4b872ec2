"""Extended XYZ files and ASE trajectories, read by ASE.

ASE has energies in eV, lengths in A and velocities in A per ASE's own unit of time: LAMMPS' `metal` units after
conversion of the velocities. Types are numbered by element, in alphabetical order of the first frame with new ones.

A frame's virial W = -dE/d(strain) is its `virial`, in eV, or computed from its `stress`: W = -V stress. ASE's stress is
dE/d(strain) / V, in eV/A^3, as a matrix or in the order xx yy zz yz xz xy (ASE manual, `Atoms.get_stress`). Extended
XYZ specifies `virial` only as a matrix, written column by column (ASE manual, `ase.io.extxyz`); W = -V stress is the
convention of fitting codes (https://nequip.readthedocs.io, page Conventions).
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo.data.convert import Conversion, Description, write_h5md
from gnnzoo.data.frames.blocks import FrameBlock
from gnnzoo.data.frames.frame import known_virial
from gnnzoo.data.h5md.reader import H5mdDataset
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.outputs import translate_os_errors

if TYPE_CHECKING:
    from ase import Atoms

UNITS = "metal"
_SAME = 0.01  # relative to the largest component: allowed difference of stress and virial, for digits not written
_MARGIN = 1.0  # A; around atoms without a cell, so that a flat molecule has a volume


class AseDataset(H5mdDataset):
    """An extended XYZ file or ASE trajectory as a dataset; converted to a temporary H5MD file, removed on close.

    Args:
        path: .extxyz, .xyz or .traj.
        advance: called with 1 after each frame while the file is read.

    Raises:
        UserError: ASE is not installed.
        DataError: the file cannot be read, or a frame has no forces.
    """

    def __init__(self, path: Path | str, advance: Callable[[int], object] | None = None):
        self._folder = tempfile.TemporaryDirectory(prefix="gnnzoo-")
        try:
            copy = Path(self._folder.name) / "frames.h5"
            with translate_os_errors(copy, "TMPDIR=/a/larger/place before the command keeps it elsewhere"):
                _to_h5md(Path(path), copy, advance)
            super().__init__(copy)
        except BaseException:
            self._folder.cleanup()
            raise
        self.path = Path(path)

    def close(self) -> None:
        super().close()
        self._folder.cleanup()


def _to_h5md(path: Path, output: Path, advance: Callable[[int], object] | None) -> Conversion:
    names: dict[int, str] = {}
    doubts: list[str] = []
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    source = {"file": str(path), "size": path.stat().st_size, "sha256": sha256}

    def describe() -> Description:  # names and doubts are complete after the last frame
        return Description(UNITS, names, {"sources": [source]} | ({"doubts": doubts} if doubts else {}))

    return write_h5md(_blocks(path, names, doubts, advance), output, describe, version="", compress=False)


def _blocks(
    path: Path, names: dict[int, str], doubts: list[str], advance: Callable[[int], object] | None
) -> Iterator[FrameBlock]:
    """The frames, one block each; `names` receives the element of each type, `doubts` the first warning."""
    iread = _iread()
    location, segment = Location(path), 0
    fields: set[str] | None = None
    last: int | None = None
    types: dict[str, int] = {}
    try:
        for number, atoms in enumerate(iread(str(path), index=":")):
            arrays = _arrays(atoms, number, location)
            fields = set(arrays) if fields is None else fields
            if set(arrays) != fields:
                different = ", ".join(sorted(fields ^ set(arrays)))
                raise DataError(f"frame {number} and frame 0 differ in their fields: {different}", location=location)
            info: dict[str, int] = atoms.info
            step = int(info.get("step", info.get("timestep", number)))
            segment += last is not None and step <= last
            last = step
            for symbol in sorted(set(atoms.get_chemical_symbols()) - set(types)):
                types[symbol] = len(types) + 1
                names[types[symbol]] = symbol
            virial, doubt = _virial(atoms, number, location)
            if doubt and not doubts:
                doubts.append(doubt)
            yield _block(atoms, arrays, step, segment, types, location, virial)
            if advance is not None:
                advance(1)
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:  # ASE's readers raise errors of any class
        raise DataError(
            f"ASE cannot read the file: {type(error).__name__}: {error}",
            location=location,
            expected="extended XYZ or an ASE trajectory with forces",
        ) from error
    if fields is None:
        raise DataError("the file holds no frame", location=location)


def _iread() -> Callable[..., Iterator["Atoms"]]:
    try:
        from ase.io import iread
    except ImportError as error:
        raise UserError(
            "ASE, which reads this file, is not installed", hint="pip install 'gnnzoo[ase]', or pip install ase"
        ) from error
    return iread


def _arrays(atoms: "Atoms", number: int, location: Location) -> dict[str, np.ndarray]:
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
            raise DataError(f"{name} of frame {number} are not finite", location=location, expected="finite numbers")
    return arrays


def _virial(atoms: "Atoms", number: int, location: Location) -> tuple[np.ndarray | None, str | None]:
    """(3, 3) virial of a frame, eV, and a warning about it; None where it is missing or not finite."""
    from ase.stress import voigt_6_to_full_3x3_stress

    results = atoms.calc.results if atoms.calc is not None else {}
    given: dict[str, np.ndarray] = {}
    if "virial" in atoms.info:
        given["virial"] = np.asarray(atoms.info["virial"])
    stress = results.get("stress", atoms.info.get("stress"))
    if stress is not None and atoms.cell.rank == 3:  # a stress without a volume has no virial
        stress = np.asarray(stress)
        given["stress"] = -atoms.get_volume() * (voigt_6_to_full_3x3_stress(stress) if stress.size == 6 else stress)
    virials = []
    for name, values in given.items():
        if values.size != 9 or values.dtype.kind not in "fi":
            what = f"the {name} of frame {number} is not a matrix: its shape is {values.shape}"
            raise DataError(what, location=location, expected="3 x 3 numbers, or 9")
        virials.append(known_virial(values.astype(np.float64).reshape(3, 3)))
    both = [virial for virial in virials if virial is not None]
    if len(both) == 2 and np.abs(both[0] - both[1]).max() > _SAME * np.abs(both[0]).max():
        return both[0], (
            f"virial and stress of frame {number} contradict each other: the virial has a trace of "
            f"{np.trace(both[0]):.6g} eV, -stress times volume one of {np.trace(both[1]):.6g}; the virial is used"
        )
    return (both[0] if both else None), None


def _block(
    atoms: "Atoms",
    arrays: dict[str, np.ndarray],
    step: int,
    segment: int,
    types: dict[str, int],
    location: Location,
    virial: np.ndarray | None,
) -> FrameBlock:
    cell, origin, boundary = _cell(atoms)
    results = atoms.calc.results if atoms.calc is not None else {}
    info: dict[str, float] = atoms.info
    energy = results.get("energy", info.get("energy", np.nan))
    time = info.get("time", np.nan)
    order = np.argsort(atoms.arrays["id"], kind="stable") if "id" in atoms.arrays else np.arange(len(atoms))
    ids = atoms.arrays["id"][order] if "id" in atoms.arrays else np.arange(1, len(atoms) + 1)
    if np.any(np.diff(ids) == 0):
        raise DataError(
            f"an id appears twice in the frame of step {step}", location=location, expected="each atom once"
        )
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


def _cell(atoms: "Atoms") -> tuple[np.ndarray, np.ndarray, tuple[str, str, str]]:
    """Cell, origin and boundary letters; directions without a lattice vector are shrink-wrapped: "ss" in LAMMPS."""
    cell = np.array(atoms.cell.complete() if atoms.cell.rank else np.eye(3))
    origin = atoms.info.get("Origin", atoms.info.get("origin", np.zeros(3)))  # OVITO writes Origin
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
    x, y, z = boundary
    return cell, origin, (x, y, z)
