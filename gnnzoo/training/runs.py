"""Run folders: runs/NAME-001, -002, ...: what was trained, on what, how far it came."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.errors import Location, UserError
from gnnzoo.outputs import translate_os_errors

RUNS = Path("runs")
_STATE, _LOCK = "run.json", "run.lock"
MORE_ROOM = "free some space"  # a run stays where it is


@dataclass(frozen=True)
class Run:
    """One run's folder.

    `state` holds: status (running, interrupted, failed, done), recipe, dataset, scales, output, origin, started; and
    once training came to its end, trained: after how many steps.
    """

    folder: Path

    @property
    def state(self) -> dict:
        """What `run.json` says."""
        try:
            return json.loads((self.folder / _STATE).read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"cannot be read: {error}", location=Location(file=self.folder / _STATE)) from error

    def update(self, **changes) -> None:
        """Change entries of `run.json`; replaced whole, so that a kill leaves the old or the new one."""
        path = self.folder / _STATE
        state = (self.state if path.exists() else {}) | changes
        temporary = path.with_suffix(".part")
        with translate_os_errors(path, MORE_ROOM):
            try:
                temporary.write_text(json.dumps(state, indent=1) + "\n")
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from going on with this run; the system lets go of it whatever ends this process.

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
                    hint="wait for it or stop it first; the same command without --resume begins a new run",
                ) from error
            except OSError:
                pass  # a file system without locks
            yield


def new_run(name: str) -> Run:
    """Make the next free folder for runs of this name."""
    number = 1
    while True:
        folder = RUNS / f"{name}-{number:03d}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # an older run, or one that another process began this moment
            number += 1
            continue
        except OSError as error:
            raise UserError(
                f"cannot be made: {error.strerror}",
                location=Location(file=folder),
                hint="work in a folder that you may write in",
            ) from error
        return Run(folder)


def unfinished_run(output: Path, recipe: str, origin: str | None = None) -> Run:
    """The newest run that was to end in `output` and has not come to its end.

    Among several of the output's name those that were to end in the very same place come first. Where there is no run
    of that name at all, it is the newest of the recipe, which may end elsewhere than it was to.

    Args:
        output: where the model is to go.
        recipe: the recipe's name.
        origin: the model that was transferred, if this is a transfer.

    Raises:
        UserError: there is none, or it is being trained by another process.
    """
    name = output.stem
    runs = [Run(path.parent) for path in RUNS.glob(f"*/{_STATE}")]
    named = [run for run in runs if run.folder.name.rpartition("-")[0] == name]
    found = named or [run for run in runs if _belongs(run.state, recipe, origin)]
    unfinished = [run for run in found if run.state.get("status") != "done"]
    if not unfinished:
        what = f"no unfinished run of '{name}' in {RUNS}/" if found else f"no run of '{name}' in {RUNS}/"
        raise UserError(what, hint="the same command without --resume begins a new one")
    run = max(unfinished, key=lambda run: _rank(run, output))
    with run.lock():  # tried now, held when training begins
        return run


def _belongs(state: dict, recipe: str, origin: str | None) -> bool:
    began = state.get("origin") or {}
    return state.get("recipe", {}).get("name") == recipe and began.get("model") == origin


def _rank(run: Run, output: Path) -> tuple:
    state = run.state
    number = run.folder.name.rpartition("-")[2]
    same_place = Path(state.get("output", "")).absolute() == output.absolute()
    return same_place, state.get("started", ""), int(number) if number.isdigit() else 0
