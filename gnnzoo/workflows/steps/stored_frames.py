"""Frames for a first look at a model: of the dataset of its training or, where that is missing, its own example."""

import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.models.files import ForceField
from gnnzoo.models.info import ExampleFrame, ModelInfo, dataset_paths

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
        return [_example_frame(example, model.info)], "the model's own example"
    raise DataError(
        "the dataset of the training is not where it was, and the model stores no frame of this size: nothing to "
        "compare on",
        location=Location(file=next(iter(dataset_paths(info)), None)),
        hint="bring the dataset back to that place",
    )


def _example_frame(example: ExampleFrame, info: ModelInfo) -> Frame:
    molecules = example["molecules"]
    x, y, z = ("pp" if periodic else "ff" for periodic in example["pbc"])
    return Frame(
        step=0,
        positions=np.array(example["positions"], dtype=np.float64),
        forces=np.array(example["forces"], dtype=np.float64),
        cell=np.array(example["cell"], dtype=np.float64),
        ids=np.arange(1, len(example["types"]) + 1),
        types=np.array(example["types"], dtype=np.int32),
        boundary=(x, y, z),
        type_names={int(number): name for number, name in info["types"].items()},
        units=info["units"],
        molecules=None if molecules is None else np.array(molecules, dtype=np.int64),
    )
