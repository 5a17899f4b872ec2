"""Run an exported model in LAMMPS, with the plugin that is compiled once."""

import logging
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.data.lammps.run import find_lammps, find_program
from gnnzoo.deploy.exported_folder import PLUGIN_FILE, SCRIPT, not_exported
from gnnzoo.deploy.lammps.build import build_plugin
from gnnzoo.errors import Location, UserError
from gnnzoo.records import Record

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LammpsResult(Record):
    """A finished run.

    Attributes:
        command: words of the command line.
        plugin: the compiled plugin.
    """

    command: list[str]
    plugin: Path


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
        ModelError: the folder is missing, or no exported model.
        UserError: the script is missing, the plugin cannot be compiled, or LAMMPS stops with an error.
    """
    folder = Path(folder)
    if not (folder / PLUGIN_FILE).is_file():
        raise not_exported("is not a folder that LAMMPS can run" if folder.is_dir() else "does not exist", folder)
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
    found = find_program("mpiexec")
    if found is None:
        raise UserError("there is no mpiexec for several ranks", hint="pip install mpich, or leave --ranks out")
    return [str(found), "-n", str(ranks)]


def _environment(plugins: Path) -> dict[str, str]:
    """Environment in which LAMMPS finds the plugin, once."""
    others = [one for one in os.environ.get("LAMMPS_PLUGIN_PATH", "").split(":") if one and one != str(plugins)]
    return {"OMP_NUM_THREADS": "1", **os.environ, "LAMMPS_PLUGIN_PATH": ":".join([str(plugins), *others])}
