"""Folders of DeePMD-kit: which of them are systems, and the files of these."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from gnnzoo.file_formats import natural_key

TYPES, NAMES, OPEN = "type.raw", "type_map.raw", "nopbc"
ARRAYS = ("coord", "box", "force", "energy", "virial", "real_atom_types")
DEEPEST = 4  # folders in folders, or groups in groups, that are looked into
MOST_FOLDERS = 10_000


def is_deepmd(folder: Path) -> bool:
    """Whether a folder is a system of DeePMD-kit, or holds some.

    Args:
        folder: any folder.

    Returns:
        Whether a `type.raw` is in it, or in one of the folders in it.
    """
    return next(systems_in(folder), None) is not None


def data_files(folder: Path) -> list[Path]:
    """The files of all systems in a folder.

    Args:
        folder: of one or more systems.

    Returns:
        Existing files in natural order.
    """
    found = []
    for system in systems_in(folder):
        found += [path for path in (system / TYPES, system / NAMES, system / OPEN) if path.is_file()]
        found += [path for each in sets_of(system) for path in arrays_of(each).values()]
    return found


def systems_in(folder: Path) -> Iterator[Path]:
    """Find the systems in a folder.

    Args:
        folder: any folder.

    Yields:
        Folders with `type.raw`, in natural order.
    """
    waiting, looked_at = [(folder, 0)], 0
    while waiting and looked_at < MOST_FOLDERS:
        current, depth = waiting.pop()
        looked_at += 1
        if (current / TYPES).is_file():
            yield current
        elif depth < DEEPEST:
            with os.scandir(current) as entries:
                inner = [Path(e.path) for e in itertools.islice(entries, MOST_FOLDERS) if e.is_dir()]
            waiting += [(path, depth + 1) for path in sorted(inner, key=natural_key, reverse=True)]


def sets_of(system: Path) -> list[Path]:
    """The folders of arrays of a `system`.

    Returns:
        Its folders set.*; the system itself where its arrays are texts.
    """
    return sorted(system.glob("set.*"), key=natural_key) or [system]


def arrays_of(folder: Path) -> dict[str, Path]:
    """The arrays in the `folder` of a set.

    Returns:
        Name of the array -> file, .npy or text.
    """
    found = {}
    for name in ARRAYS:
        for suffix in (".npy", ".raw"):
            if (file := folder / f"{name}{suffix}").exists():
                found[name] = file
                break
    return found
