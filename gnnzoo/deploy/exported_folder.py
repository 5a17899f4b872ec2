"""An exported model as a folder: the names of its files, and the error about a folder that is none."""

from pathlib import Path

from gnnzoo.errors import Location, ModelError

CARD, README, EXAMPLE, SUMS = "card.json", "README.md", "example.npz", "SHA256SUMS"
PLUGIN_FILE = "plugin.txt"  # for the LAMMPS plugin
SCRIPT, DATA = "in.lammps", "start.data"  # input of a first LAMMPS run
ASE_SCRIPT = "run_ase.py"  # a first run in ASE
REFREEZE = "gnnzoo freeze MODEL writes the folder again"


def not_exported(problem: str, path: Path, of_it: str = "") -> ModelError:
    """The error about a folder that no current version of `gnnzoo freeze` has written.

    Args:
        problem: what is wrong.
        path: the folder, or a file of it.
        of_it: what `path` should be of such a folder, such as "the card of "; by default the folder itself.

    Returns:
        The error, to be raised.
    """
    return ModelError(
        problem,
        location=Location(file=path),
        expected=f"{of_it}a folder that gnnzoo freeze of version 0.4 or newer has written",
        hint=REFREEZE,
    )
