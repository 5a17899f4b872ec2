"""Frames for a first look at a model: of the dataset of its training or, where that is missing, its own example."""

from collections.abc import Mapping

import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.models.files import ForceField
from gnnzoo.models.info import dataset_paths

_FRAMES = 3  # the first, middle and last held-out frame


def stored_frames(model: ForceField) -> tuple[list[Frame], str]:
    """Frames for the comparison of an exported model: of the dataset of the training, or the model's example.

    Args:
        model: a trained model.

    Returns:
        Frames, held out of training where possible, and where they come from.

    Raises:
        DataError: the dataset is not where it was, and the model holds no example.
    """
    info = model.info.get("dataset") or {}
    types: dict[int | str, str] = {number: name for number, name in model.info["types"].items()}
    try:
        with open_dataset(dataset_paths(info), units=model.units, types=types) as dataset:
            if dataset.fingerprint == info.get("fingerprint"):
                split = Split.from_json(model.split)
                held_out = [*split.test, *split.validation, *split.train]
                chosen = np.unique(np.linspace(0, len(held_out) - 1, _FRAMES).astype(int))
                return [dataset[int(held_out[index])] for index in chosen], str(dataset.path)
    except (UserError, OSError):
        pass  # moved or changed
    example = model.info.get("example")
    if example:
        names = {int(number): name for number, name in types.items()}
        return [example_frame(example, names, model.units)], "the model's own example"
    raise DataError(
        "the dataset of the training is not where it was, and the model stores no frame of this size: nothing to "
        "compare on",
        location=Location(file=next(iter(dataset_paths(info)), None)),
        hint="bring the dataset back to that place",
    )


def example_frame(example: Mapping[str, object], type_names: dict[int, str], units: str | None) -> Frame:
    """The example that a model or an exported folder stores as a frame.

    Args:
        example: positions, forces, cell, pbc, types, and molecules where it has some.
        type_names: name of each type.
        units: LAMMPS unit style.

    Returns:
        The frame, at step 0.
    """
    molecules, types = example.get("molecules"), np.asarray(example["types"], np.int32)
    x, y, z = ("pp" if periodic else "ff" for periodic in np.asarray(example["pbc"]))
    return Frame(
        step=0,
        positions=np.array(example["positions"], dtype=np.float64),
        forces=np.array(example["forces"], dtype=np.float64),
        cell=np.array(example["cell"], dtype=np.float64),
        ids=np.arange(1, len(types) + 1),
        types=types,
        boundary=(x, y, z),
        type_names=type_names,
        units=units,
        molecules=None if molecules is None else np.array(molecules, dtype=np.int64),
    )
