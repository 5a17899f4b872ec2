"""Checkpoints: everything a run needs to continue exactly as if it had not been stopped."""

import json
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from gnnzoo.errors import Location, ModelError
from gnnzoo.outputs import atomic_write
from gnnzoo.records import json_text
from gnnzoo.training.runs import MORE_ROOM
from gnnzoo.training.weight_average import WeightAverage

_PATTERN = re.compile(r"step-(\d+)\.npz$")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk, written after `step` steps."""

    path: Path
    step: int


def save_checkpoint(
    folder: Path,
    step: int,
    network: keras.Model,
    optimizer: keras.Optimizer,
    state: dict,
    raw: Sequence[np.ndarray] = (),
) -> Checkpoint:
    """Write a checkpoint, unless there is one of this step.

    Args:
        folder: where it goes, as step-NUMBER.npz.
        step: number of steps done.
        network: its variables are written, the seeds of dropout included.
        optimizer: its variables are written.
        state: JSON values.
        raw: the trainable weights to continue from, where those of the network are an average.

    Returns:
        The checkpoint.
    """
    path = folder / f"step-{step:08d}.npz"
    if path.exists():
        return Checkpoint(path, step)
    arrays = {f"network/{i}": variable.numpy() for i, variable in enumerate(network.variables)}
    arrays |= {f"optimizer/{i}": variable.numpy() for i, variable in enumerate(optimizer.variables)}
    arrays |= {f"raw/{i}": value for i, value in enumerate(raw)}
    with atomic_write(path, more_room=MORE_ROOM) as temporary:
        np.savez(temporary, state=json_text(state), **arrays)
    return Checkpoint(path, step)


def load_checkpoint(
    checkpoint: Checkpoint,
    network: keras.Model,
    optimizer: keras.Optimizer | None = None,
    average: WeightAverage | None = None,
) -> dict:
    """Restore a checkpoint.

    Args:
        checkpoint: on disk.
        network: gets the variables.
        optimizer: likewise, if given.
        average: gets the raw weights, if given; the network's weights are then the averages.

    Returns:
        The state that it was saved with.

    Raises:
        ModelError: the file is damaged, or of another network.
    """
    try:
        with np.load(checkpoint.path, allow_pickle=False) as arrays:
            _assign(arrays, "network", network.variables)
            if optimizer is not None:
                _assign(arrays, "optimizer", optimizer.variables)
            if average is not None:
                average.restore([arrays[f"raw/{i}"] for i in range(len(average.raw))])
            return json.loads(str(arrays["state"]))
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"this checkpoint does not fit or is damaged: {error}",
            location=Location(file=checkpoint.path),
            hint="delete it to resume from the one before it",
        ) from error


def _assign(arrays: np.lib.npyio.NpzFile, kind: str, variables: Sequence[keras.Variable]) -> None:
    if sum(name.startswith(f"{kind}/") for name in arrays.files) != len(variables):
        raise ValueError(f"it has another number of {kind} variables")
    for i, variable in enumerate(variables):
        variable.assign(arrays[f"{kind}/{i}"])


def checkpoints(folder: Path) -> list[Checkpoint]:
    """Checkpoints in `folder`.

    Returns:
        Oldest first.
    """
    matches = [(path, _PATTERN.search(path.name)) for path in folder.glob("step-*.npz")]
    return sorted((Checkpoint(path, int(match[1])) for path, match in matches if match), key=lambda c: c.step)


def best_checkpoint(folder: Path, steps: Collection[int], errors: Mapping[int, float]) -> Checkpoint:
    """The checkpoint with the smallest validation error.

    Args:
        folder: of the checkpoints.
        steps: those to choose from; checkpoints that an interruption left are not among them, so that a resumed run
            ends as one without an interruption.
        errors: validation error by step.

    Returns:
        The best one; the last one where no error is finite, as without validation frames.
    """
    saved = [checkpoint for checkpoint in checkpoints(folder) if checkpoint.step in steps]
    validated = [checkpoint for checkpoint in saved if np.isfinite(errors.get(checkpoint.step, np.nan))]
    return min(validated, key=lambda checkpoint: errors[checkpoint.step]) if validated else saved[-1]
