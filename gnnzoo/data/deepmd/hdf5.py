"""Systems of DeePMD-kit in an HDF5 file, as dpdata writes them: groups in place of folders, datasets in place of files.

A group with the dataset `type.raw` is a system; its groups `set.*` hold `coord.npy` and the other arrays.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from gnnzoo.data.deepmd.folders import ARRAYS, DEEPEST, MOST_FOLDERS, NAMES, OPEN, TYPES
from gnnzoo.data.deepmd.raw_set import RawSet
from gnnzoo.data.h5md.checked_file import DAMAGE, CheckedFile
from gnnzoo.errors import DataError, Location
from gnnzoo.file_formats import natural_key


def is_deepmd_file(path: Path) -> bool:
    """Whether an HDF5 file holds systems of DeePMD-kit.

    Args:
        path: any HDF5 file.

    Returns:
        Whether `type.raw` is in it or in one of its groups, and it is no H5MD.
    """
    try:
        with contextlib.closing(CheckedFile(path)) as file:
            return file.find("h5md") is None and next(_systems(file), None) is not None
    except (DataError, *DAMAGE):
        return False


def sets_in(path: Path) -> Iterator[RawSet]:
    """Read the sets of all systems in a file.

    Args:
        path: of the file.

    Yields:
        Their arrays.

    Raises:
        DataError: the file is damaged; an array is no array of numbers, or larger than the file can hold.
    """
    with contextlib.closing(CheckedFile(path)) as file:
        try:
            for system in _systems(file):
                for name in _set_names(file, system):
                    yield _read(file, system, name)
        except DAMAGE as error:
            raise DataError(f"the HDF5 file is damaged: {error}", location=Location(path)) from error


def _systems(file: CheckedFile) -> Iterator[h5py.Group]:
    """Groups with `type.raw`, in natural order."""
    waiting: list[tuple[h5py.Group, int]] = [(file.file, 0)]
    looked_at = 0
    while waiting and looked_at < MOST_FOLDERS:
        group, depth = waiting.pop()
        looked_at += 1
        if file.find(TYPES, group) is not None:
            yield group
        elif depth < DEEPEST:
            names = sorted(file.names(group), key=lambda name: natural_key(Path(name)), reverse=True)
            inner = (file.find(name, group) for name in names)
            waiting += [(item, depth + 1) for item in inner if isinstance(item, h5py.Group)]


def _set_names(file: CheckedFile, system: h5py.Group) -> list[str]:
    return sorted(
        (name for name in file.names(system) if name.startswith("set.")), key=lambda name: natural_key(Path(name))
    )


def _read(file: CheckedFile, system: h5py.Group, name: str) -> RawSet:
    path = file.path
    types = file.dataset(TYPES, system)
    assert types is not None  # of a system
    names = file.dataset(NAMES, system)
    found = {each: file.dataset(f"{name}/{each}.npy", system) for each in ARRAYS}
    held = {each: dataset for each, dataset in found.items() if dataset is not None}
    for dataset in held.values():
        if not dataset.shape or not dataset.size:
            file.refuse(f"the array has the shape {dataset.shape}", dataset.name, "one row of numbers for each frame")
    arrays = {each: file.numbers(dataset, "fiu", dataset.shape, np.float64) for each, dataset in held.items()}
    return RawSet(
        file=path,
        location=Location(path, None, f"{system.name}/{name}".replace("//", "/")),
        types=file.numbers(types, "iu", types.shape, np.int64).ravel(),
        types_location=Location(path, None, types.name),
        names=None if names is None else file.texts(names),
        names_location=Location(path, None, f"{system.name}/{NAMES}".replace("//", "/")),
        arrays={each: array.reshape(len(array), -1) for each, array in arrays.items()},
        locations={each: Location(path, None, dataset.name) for each, dataset in held.items()},
        periodic=file.find(OPEN, system) is None,
    )
