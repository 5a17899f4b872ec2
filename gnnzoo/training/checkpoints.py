"""Checkpoints: everything a run needs to continue exactly as if it had not been stopped."""

import io
import math
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from gnnzoo.errors import Location, ModelError
from gnnzoo.json_records import LONGEST, parse_json
from gnnzoo.models.archive import DAMAGE, open_zip, read_member
from gnnzoo.outputs import atomic_write
from gnnzoo.records import json_text
from gnnzoo.training.progress import TrainingState
from gnnzoo.training.runs import MORE_ROOM
from gnnzoo.training.weight_average import WeightAverage

_LONGEST_HEADER = 1000  # bytes in front of the values of an .npy file; 128 for arrays of up to three dimensions
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
        with checkpoint.path.open("rb") as file, open_zip(file) as archive:
            values = _arrays(archive, "network", network.variables)
            moments = [] if optimizer is None else _arrays(archive, "optimizer", optimizer.variables)
            raw = [] if average is None else _arrays(archive, "raw", average.raw)
            state = parse_json(_text(archive, "state").encode())
        if not isinstance(state, dict):
            raise ValueError("its state is no object")
    except DAMAGE as error:
        raise _damaged(checkpoint, error) from error
    for variable, value in zip(network.variables, values, strict=True):
        variable.assign(value)
    if optimizer is not None:
        for variable, value in zip(optimizer.variables, moments, strict=True):
            variable.assign(value)
    if average is not None:
        average.restore(raw)
    return state


def restored_state(checkpoint: Checkpoint, state: dict, stages: int) -> TrainingState:
    """The state of a training from that of a checkpoint.

    Args:
        checkpoint: on disk.
        state: as `load_checkpoint` returns it.
        stages: number of stages of the training.

    Returns:
        The state.

    Raises:
        ModelError: it is not that of such a training.
    """
    try:
        restored = TrainingState.from_json(state)
        if len(restored.lengths) != stages or restored.stage >= stages:
            raise ValueError(f"lengths are of {len(restored.lengths)} stages, not of {stages}")
    except ValueError as error:
        raise _damaged(checkpoint, error) from error
    return restored


def _damaged(checkpoint: Checkpoint, error: Exception) -> ModelError:
    return ModelError(
        f"this checkpoint does not fit or is damaged: {error}",
        location=Location(file=checkpoint.path),
        hint="delete it to resume from the one before it",
    )


def _arrays(archive: zipfile.ZipFile, kind: str, variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """The values of variables, whose shapes and types are those of the file; nothing is taken on the file's word."""
    if sum(name.startswith(f"{kind}/") for name in archive.namelist()) != len(variables):
        raise ValueError(f"it has another number of {kind} variables")
    arrays = []
    for i, variable in enumerate(variables):
        shape, dtype = tuple(variable.shape), np.dtype(variable.dtype)
        size = math.prod(shape) * dtype.itemsize
        content, start, found = _npy(archive, f"{kind}/{i}", size)
        if found != (shape, False, dtype) or len(content) - start != size:
            raise ValueError(f"{kind}/{i} is not of shape {shape} and type {dtype}")
        arrays.append(np.frombuffer(content, dtype, offset=start).reshape(shape))
    return arrays


def _text(archive: zipfile.ZipFile, name: str) -> str:
    content, start, (shape, _, dtype) = _npy(archive, name, 4 * LONGEST)
    if shape != () or dtype.kind != "U" or len(content) - start != dtype.itemsize:
        raise ValueError(f"{name} is no text")
    return str(np.frombuffer(content, dtype, offset=start)[0])


def _npy(
    archive: zipfile.ZipFile, name: str, longest: int
) -> tuple[bytes, int, tuple[tuple[int, ...], bool, np.dtype]]:
    """Content of an .npy member, where its values begin, and what its header says of shape, order and type."""
    content = read_member(archive, f"{name}.npy", longest + _LONGEST_HEADER, packed=False)
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{name} has a header of another version")
    header = np.lib.format.read_array_header_1_0(stream)
    return content, stream.tell(), header


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
