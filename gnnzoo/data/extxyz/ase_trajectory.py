"""Files that ASE reads (trajectories, outputs of DFT programs) as frames of the same kind as those of extended XYZ."""

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo.data.data_source import ase_format
from gnnzoo.data.extxyz.frames import Advance, Rows
from gnnzoo.data.extxyz.header import Column, Header
from gnnzoo.errors import DataError, Location, UserError

if TYPE_CHECKING:
    from ase import Atoms

_KINDS = {"f": "R", "i": "I", "u": "I", "b": "L"}


def read_headers(path: Path, advance: Advance | None = None) -> Iterator[Header]:
    """Describe the frames of a trajectory.

    Args:
        path: a file of `ASE_NAMES`.
        advance: called with 1 after each frame.

    Yields:
        The header of each frame.

    Raises:
        UserError: ASE is not installed.
        DataError: ASE cannot read the file.
    """
    for number, atoms in enumerate(_frames(path)):
        yield _header(path, number, atoms)
        if advance is not None:
            advance(1)


def read_frames(path: Path, texts: Collection[str], numbers: Collection[str]) -> Iterator[Rows]:
    """Read the frames of a trajectory.

    Args:
        path: a file of `ASE_NAMES`.
        texts, numbers: names of columns that are wanted, see `frames.read_frames`.

    Yields:
        The rows of each frame.

    Raises:
        UserError, DataError: as `read_headers`.
    """
    for number, atoms in enumerate(_frames(path)):
        header = _header(path, number, atoms)
        arrays = _arrays(atoms)
        wanted = {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays if name in numbers}
        words = {"species": atoms.get_chemical_symbols()} if "species" in texts else {}
        yield Rows(header, words, wanted)


def _frames(path: Path) -> Iterator["Atoms"]:
    iread = _iread()
    empty = True
    try:
        for atoms in _without_warnings(iread(str(path), index=":", format=ase_format(path))):
            empty = False
            yield atoms
    except (UserError, KeyboardInterrupt, GeneratorExit):
        raise
    except Exception as error:  # ASE's readers raise errors of any class
        raise DataError(
            f"ASE cannot read the file: {type(error).__name__}: {error}",
            location=Location(path),
            expected=f"a complete file of ASE's format {ase_format(path)}, with forces",
        ) from error
    if empty:
        expected = f"a complete file of ASE's format {ase_format(path)}"
        raise DataError("the file holds no frame", location=Location(path), expected=expected)


def _without_warnings(frames: Iterator["Atoms"]) -> Iterator["Atoms"]:
    """What ASE yields; its warnings are about its own code, or precede an error that says the same."""
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                atoms = next(frames)
            except StopIteration:
                return
        yield atoms


def _iread() -> Callable[..., Iterator["Atoms"]]:
    try:
        from ase.io import iread
    except ImportError as error:
        raise UserError(
            "ASE, which reads this file, is not installed", hint="pip install 'gnnzoo[ase]', or pip install ase"
        ) from error
    return iread


def _results(atoms: "Atoms") -> Mapping[str, object]:
    return atoms.calc.results if atoms.calc is not None else {}


def _arrays(atoms: "Atoms") -> dict[str, np.ndarray]:
    """Arrays of the atoms and of their calculator, by name; of two with one name the calculator's keeps it."""
    found = {name: np.asarray(values) for name, values in atoms.arrays.items() if name != "numbers"}
    for name, values in _results(atoms).items():
        array = np.asarray(values)
        if array.ndim in (1, 2) and len(array) == len(atoms) and name not in ("stress", "dipole", "virial"):
            if name in found:
                found[f"arrays/{name}"] = found[name]
            found[name] = array
    return {name: values for name, values in found.items() if values.ndim in (1, 2)}


def _header(path: Path, number: int, atoms: "Atoms") -> Header:
    columns = {"species": Column("species", "S", 1, 0)}
    arrays = _arrays(atoms)
    for name, array in arrays.items():
        width = array.shape[1] if array.ndim == 2 else 1
        start = sum(column.width for column in columns.values())
        columns[name] = Column(name, _KINDS.get(array.dtype.kind, "S"), width, start)
    values: dict[str, object] = {}
    results = dict(_results(atoms))
    if "free_energy" in results and "energy" in results:
        # By ASE's definition forces are derivatives of the free energy; the other is extrapolated to zero smearing.
        results["energy"], results["energy_without_smearing"] = results.pop("free_energy"), results["energy"]
    for key, value in {**atoms.info, **results}.items():
        if key in arrays and key not in atoms.info:
            continue
        name = f"info/{key}" if key in atoms.info and key in values else str(key)
        values[name] = _plain(value)
    if atoms.cell.rank:
        values["Lattice"] = np.array(atoms.cell.array).ravel()
    values["pbc"] = [bool(flag) for flag in atoms.pbc]
    width = sum(column.width for column in columns.values())
    return Header(path, None, number, len(atoms), columns, width, values)


def _plain(value: object) -> object:
    """A value as the comment line of extended XYZ would hold it."""
    if isinstance(value, bool | str):
        return value
    try:
        numbers = np.asarray(value)
        if numbers.dtype.kind not in "fiu":
            return value
        return float(numbers) if numbers.ndim == 0 else numbers.astype(np.float64)
    except (ValueError, TypeError):
        return value
