"""Checkpoints: all that a run needs to go on as if it had never stopped."""

import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from gnnzoo.errors import Location, ModelError
from gnnzoo.outputs import atomic_write
from gnnzoo.training.runs import MORE_ROOM
from gnnzoo.training.weight_average import WeightAverage

_PATTERN = re.compile(r"step-(\d+)\.npz$")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk, made after `step` steps."""

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
    """Write the variables of network (dropout's seeds included) and optimizer, and `state` (JSON-able).

    Args:
        raw: the trainable weights to go on from, where those of the network are an average.
    """
    path = folder / f"step-{step:08d}.npz"
    if path.exists():
        return Checkpoint(path, step)
    arrays = {f"network/{i}": variable.numpy() for i, variable in enumerate(network.variables)}
    arrays |= {f"optimizer/{i}": variable.numpy() for i, variable in enumerate(optimizer.variables)}
    arrays |= {f"raw/{i}": value for i, value in enumerate(raw)}
    with atomic_write(path, more_room=MORE_ROOM) as temporary:
        np.savez(temporary, state=json.dumps(state), **arrays)
    return Checkpoint(path, step)


def load_checkpoint(
    checkpoint: Checkpoint,
    network: keras.Model,
    optimizer: keras.Optimizer | None = None,
    average: WeightAverage | None = None,
) -> dict:
    """Put a checkpoint back into network and, where given, optimizer and average; returns its state.

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
            hint="delete it to go on from the one before it",
        ) from error


def _assign(arrays, kind: str, variables: list) -> None:
    if sum(name.startswith(f"{kind}/") for name in arrays.files) != len(variables):
        raise ValueError(f"it holds another number of {kind} variables")
    for i, variable in enumerate(variables):
        variable.assign(arrays[f"{kind}/{i}"])


def checkpoints(folder: Path) -> list[Checkpoint]:
    """The checkpoints in a folder, oldest first."""
    found = [(path, _PATTERN.search(path.name)) for path in folder.glob("step-*.npz")]
    return sorted((Checkpoint(path, int(match[1])) for path, match in found if match), key=lambda c: c.step)
