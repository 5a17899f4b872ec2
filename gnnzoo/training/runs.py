"""Run folders (runs/NAME-001, -002, ...) with their state in run.json, and a lock against two processes in one."""

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from gnnzoo.errors import Location, UserError
from gnnzoo.json_records import LONGEST, parse_record
from gnnzoo.models.info import Count, DatasetInfo, Numbers, Origin
from gnnzoo.outputs import translate_os_errors
from gnnzoo.records import json_text

logger = logging.getLogger(__name__)

RUNS = Path("runs")
_open = with_config(ConfigDict(extra="allow"))
_STATE, _LOCK = "run.json", "run.lock"
MORE_ROOM = "free some space"  # hint on a full disk, as a run cannot be moved


@_open
class ScalesInfo(TypedDict):
    """Scales of a run; see `models.build.Scales`."""

    force: float | Numbers
    neighbors: float
    energy_offsets: Numbers | None
    shortest: list[list[Numbers]] | None


@_open
class StoredRecipe(TypedDict):
    """What is read of a recipe before it is validated."""

    name: str


@_open
class RunState(TypedDict):
    """Contents of run.json; keys of later versions are kept."""

    status: str
    recipe: StoredRecipe
    dataset: DatasetInfo
    output: str
    started: str
    scales: NotRequired[ScalesInfo]
    origin: NotRequired[Origin | None]
    trained: NotRequired[Count]


@dataclass(frozen=True)
class Run:
    """Folder of one run.

    `state` holds: status (running, interrupted, failed, done), recipe, dataset, scales, output, origin, started; and
    once training has ended, trained: number of steps done. See `RunState`.
    """

    folder: Path

    @property
    def state(self) -> dict:
        """Contents of run.json; UserError where it cannot be read or is not what it should be."""
        path = self.folder / _STATE
        try:
            if not path.is_file() or path.stat().st_size > LONGEST:
                raise ValueError("no file, or too long")
            state: dict = parse_record(path.read_bytes(), RunState)
        except (OSError, ValueError) as error:
            hint = f"rm -r {self.folder}, if the run is not needed any more; without --resume a new one is started"
            raise UserError(f"cannot be read: {error}", location=Location(file=path), hint=hint) from error
        return state

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
    runs = [run for path in RUNS.glob(f"*/{_STATE}") if _is_readable(run := Run(path.parent))]
    named = [run for run in runs if run.folder.name.rpartition("-")[0] == name]
    candidates = named or [run for run in runs if _belongs(run.state, recipe, origin)]
    unfinished = [run for run in candidates if run.state.get("status") != "done"]
    if not unfinished:
        what = "no unfinished run" if candidates else "no run"
        hint = "the same command without --resume starts a new one"
        if candidates and output.exists():  # its learning rate schedule has ended
            start = json.dumps({"model": str(output), "strategy": "full"})
            hint += (
                f"; to train {output} further, add --set 'training.start_from={start}' and -o {name}-2.keras to it: "
                "its schedule then starts again"
            )
        raise UserError(f"{what} of '{name}' in {RUNS}/", hint=hint)
    run = max(unfinished, key=lambda run: _rank(run, output))
    with run.lock():  # only tried here, held while training
        return run


def _is_readable(run: Run) -> bool:
    """Whether run.json is what it should be; one that is not is reported and left out."""
    try:
        return bool(run.state)
    except UserError as error:
        logger.warning(str(error))
        return False


def _belongs(state: dict, recipe: str, origin: str | None) -> bool:
    transferred = (state.get("origin") or {}).get("model")
    return state.get("recipe", {}).get("name") == recipe and transferred == origin


def _rank(run: Run, output: Path) -> tuple[bool, str, int]:
    state = run.state
    number = run.folder.name.rpartition("-")[2]
    same_place = Path(state.get("output", "")).absolute() == output.absolute()
    return same_place, state.get("started", ""), int(number) if number.isdigit() else 0
