"""Run an exported model in LAMMPS, with the plugin that is compiled once."""

import logging
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gnnzoo.data.lammps.run import find_lammps
from gnnzoo.deploy.lammps.build import build_plugin
from gnnzoo.deploy.lammps.input_files import SCRIPT
from gnnzoo.deploy.lammps.plugin_file import PLUGIN_FILE
from gnnzoo.errors import Location, UserError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LammpsResult:
    """A finished run.

    Attributes:
        command: words of the command line.
        plugin: the compiled plugin.
    """

    command: list[str]
    plugin: Path

    def to_json(self) -> dict[str, object]:
        """The result as JSON values.

        Returns:
            "command" and "plugin".
        """
        return asdict(self) | {"plugin": str(self.plugin)}


def lammps(
    folder: str | Path, script: str | Path | None = None, arguments: Sequence[str] = (), *, ranks: int = 1
) -> LammpsResult:
    """Run a LAMMPS script with an exported model; LAMMPS writes to this process's output.

    The script gets the variable `model`, the folder: `pair_style gnnzoo ${model}`.

    Args:
        folder: written by `freeze`.
        script: input script; by default the one in the folder.
        arguments: further words of LAMMPS' command line, such as "-var", "T", "300".
        ranks: MPI processes.

    Returns:
        What was run.

    Raises:
        UserError: the folder or the script is missing, the plugin cannot be compiled, or LAMMPS stops with an error.
    """
    folder = Path(folder)
    if not (folder / PLUGIN_FILE).is_file():
        raise UserError(
            "is not a folder that LAMMPS can run" if folder.is_dir() else "does not exist",
            location=Location(file=folder),
            expected="a folder that gnnzoo freeze of version 0.4 or newer has written",
            hint="gnnzoo freeze MODEL writes one",
        )
    path = folder / SCRIPT if script is None else Path(script)
    if not path.is_file():
        raise UserError("does not exist", location=Location(file=path), expected="a LAMMPS input script")
    program, plugin = find_lammps(), build_plugin()
    command = [*_launcher(ranks), str(program), "-in", str(path), "-var", "model", str(folder), *arguments]
    logger.debug(" ".join(command))
    done = subprocess.run(command, env=_environment(plugin.parent), check=False)
    if done.returncode != 0:
        raise UserError(
            f"LAMMPS stopped with exit code {done.returncode}; its own message stands above",
            location=Location(file=path),
            hint="the log file of the run, log.lammps by default, has the whole of it",
        )
    return LammpsResult(command, plugin)


def _launcher(ranks: int) -> list[str]:
    """Words before the program for several MPI processes."""
    if ranks < 2:
        return []
    ours = Path(sysconfig.get_path("scripts")) / "mpiexec"
    found = str(ours) if os.access(ours, os.X_OK) else shutil.which("mpiexec")
    if found is None:
        raise UserError("there is no mpiexec for several ranks", hint="pip install mpich, or leave --ranks out")
    return [found, "-n", str(ranks)]


def _environment(plugins: Path) -> dict[str, str]:
    """Environment in which LAMMPS finds the plugin, once."""
    others = [one for one in os.environ.get("LAMMPS_PLUGIN_PATH", "").split(":") if one and one != str(plugins)]
    return {"OMP_NUM_THREADS": "1", **os.environ, "LAMMPS_PLUGIN_PATH": ":".join([str(plugins), *others])}
