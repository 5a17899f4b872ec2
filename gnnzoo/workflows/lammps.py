"""Run an exported model in LAMMPS, with the plugin that is compiled once, or with forces from Python."""

import logging
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.choices import LammpsInterface
from gnnzoo.data.lammps.run import find_lammps, find_program
from gnnzoo.deploy.exported_folder import PLUGIN_FILE, SCRIPT, not_exported
from gnnzoo.deploy.lammps.build import build_plugin, has_compiler, plugin_is_built
from gnnzoo.errors import Location, UserError
from gnnzoo.records import Record

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LammpsResult(Record):
    """A finished run.

    Attributes:
        command: words of the command line; none where LAMMPS ran in this process.
        plugin: the compiled plugin; None where forces came from Python.
    """

    command: list[str]
    plugin: Path | None


def lammps(
    folder: str | Path,
    script: str | Path | None = None,
    arguments: Sequence[str] = (),
    *,
    ranks: int = 1,
    through: LammpsInterface | None = None,
) -> LammpsResult:
    """Run a LAMMPS script with an exported model; LAMMPS writes to this process's output.

    The script gets the variable `model`, the folder: `pair_style gnnzoo ${model}`.

    Args:
        folder: written by `freeze`.
        script: input script; by default the one in the folder.
        arguments: further words of LAMMPS' command line, such as "-var", "T", "300".
        ranks: MPI processes.
        through: "plugin", the compiled pair style, or "python", `fix external`, which needs no compiler, runs on one
            rank, and has no energies of atoms; by default the plugin, or Python where there is no compiler.

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
    if (through or _available_interface(ranks)) == "python":
        if ranks > 1:
            raise UserError("forces from Python need a single rank", hint="--through plugin, or leave --ranks out")
        from gnnzoo.deploy.lammps.external import run_external

        run_external(folder, path, arguments)
        return LammpsResult([], None)
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


def _available_interface(ranks: int) -> LammpsInterface:
    """The plugin, unless it is not there and cannot be compiled."""
    if ranks > 1 or plugin_is_built() or has_compiler():
        return "plugin"
    logger.warning(
        "there is no C++ compiler for the LAMMPS plugin: forces come from Python through fix external, on one rank, "
        "without energies of atoms, and a step takes up to twice as long; with g++ installed the plugin is used"
    )
    return "python"


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
