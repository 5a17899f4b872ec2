"""Run folders (runs/NAME-001, -002, ...) with their state in run.json, and a lock against two processes in one."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.errors import Location, UserError
from gnnzoo.outputs import translate_os_errors
from gnnzoo.records import json_text

RUNS = Path("runs")
_STATE, _LOCK = "run.json", "run.lock"
MORE_ROOM = "free some space"  # hint on a full disk, as a run cannot be moved


@dataclass(frozen=True)
class Run:
    """Folder of one run.

    `state` holds: status (running, interrupted, failed, done), recipe, dataset, scales, output, origin, started; and
    once training has ended, trained: number of steps done.
    """

    folder: Path

    @property
    def state(self) -> dict:
        """Contents of run.json; UserError where it cannot be read."""
        try:
            return json.loads((self.folder / _STATE).read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"cannot be read: {error}", location=Location(file=self.folder / _STATE)) from error

    def update(self, **changes: object) -> None:
        """Change entries of run.json, which is replaced atomically."""
        path = self.folder / _STATE
        state = (self.state if path.exists() else {}) | changes
        temporary = path.with_suffix(".part")
        with translate_os_errors(path, MORE_ROOM):
            try:
                temporary.write_text(json_text(state, indent=1) + "\n")
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold an exclusive lock on this run; the system releases it however this process ends.

        Yields:
            None.

        Raises:
            UserError: another process holds it.
        """
        path = self.folder / _LOCK
        with contextlib.ExitStack() as stack:
            with translate_os_errors(path):
                file = stack.enter_context(path.open("a"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"{self.folder} is being trained by another process",
                    hint="wait for it or stop it first; the same command without --resume starts a new run",
                ) from error
            except OSError:
                pass  # a file system without locks
            yield


def new_run(name: str) -> Run:
    """Make the next free folder for runs of this `name`.

    Returns:
        The run, without a state yet.

    Raises:
        UserError: no folder can be made here.
    """
    number = 1
    while True:
        folder = RUNS / f"{name}-{number:03d}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # an older run, or one that another process started at this moment
            number += 1
            continue
        except OSError as error:
            raise UserError(
                f"cannot be created: {error.strerror}",
                location=Location(file=folder),
                hint="run the command in a writable folder",
            ) from error
        return Run(folder)


def unfinished_run(output: Path, recipe: str, origin: str | None = None) -> Run:
    """The newest unfinished run of an output.

    Among several runs named after the output those with the same output path come first. Where no run has that name, it
    is the newest one of the recipe, whose model may then be written elsewhere than it was started with.

    Args:
        output: path of the model.
        recipe: the recipe's name.
        origin: the model that is transferred, if this is a transfer.

    Returns:
        The run to resume.

    Raises:
        UserError: there is none, or it is being trained by another process.
    """
    name = output.stem
    runs = [Run(path.parent) for path in RUNS.glob(f"*/{_STATE}")]
    named = [run for run in runs if run.folder.name.rpartition("-")[0] == name]
    candidates = named or [run for run in runs if _belongs(run.state, recipe, origin)]
    unfinished = [run for run in candidates if run.state.get("status") != "done"]
    if not unfinished:
        what = "no unfinished run" if candidates else "no run"
        raise UserError(f"{what} of '{name}' in {RUNS}/", hint="the same command without --resume starts a new one")
    run = max(unfinished, key=lambda run: _rank(run, output))
    with run.lock():  # only tried here, held while training
        return run


def _belongs(state: dict, recipe: str, origin: str | None) -> bool:
    transferred = (state.get("origin") or {}).get("model")
    return state.get("recipe", {}).get("name") == recipe and transferred == origin


def _rank(run: Run, output: Path) -> tuple[bool, str, int]:
    state = run.state
    number = run.folder.name.rpartition("-")[2]
    same_place = Path(state.get("output", "")).absolute() == output.absolute()
    return same_place, state.get("started", ""), int(number) if number.isdigit() else 0
