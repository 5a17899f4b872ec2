"""Run folders: runs/NAME-001, -002, ...: what was trained, on what, how far it came."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.errors import Place, UserError

RUNS = Path("runs")
_STATE = "run.json"


@dataclass(frozen=True)
class Run:
    """One run's folder.

    `state` holds: status (running, interrupted, failed, done), recipe, dataset, output, started.
    """

    folder: Path

    @property
    def state(self) -> dict:
        """What `run.json` says."""
        try:
            return json.loads((self.folder / _STATE).read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"cannot be read: {error}", place=Place(file=self.folder / _STATE)) from error

    def update(self, **changes) -> None:
        """Change entries of `run.json`; replaced whole, so that a kill leaves the old or the new one."""
        path = self.folder / _STATE
        state = (self.state if path.exists() else {}) | changes
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(state, indent=1) + "\n")
        os.replace(temporary, path)


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
                place=Place(file=folder),
                hint="work in a folder that you may write in",
            ) from error
        return Run(folder)


def unfinished_run(name: str) -> Run:
    """The newest run of this name (that of its output, without the ending) that has not come to its end.

    Raises:
        UserError: there is none.
    """
    found = sorted(RUNS.glob(f"{name}-[0-9][0-9][0-9]*"), reverse=True)
    for folder in found:
        if (folder / _STATE).exists() and Run(folder).state.get("status") != "done":
            return Run(folder)
    what = f"no unfinished run of '{name}' in {RUNS}/" if found else f"no run of '{name}' in {RUNS}/"
    raise UserError(what, hint="the same command without --resume begins a new one")
