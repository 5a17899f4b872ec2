"""The first configuration of a run: a frame of data, of the training's data, or the example of a model."""

import contextlib
import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnzoo.data.data_source import Source
from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.metadata import TypeNames
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.deploy.exported_folder import CARD
from gnnzoo.deploy.stored_card import read_card
from gnnzoo.deploy.stored_example import read_example
from gnnzoo.errors import DataError, Location
from gnnzoo.models.files import ForceField
from gnnzoo.workflows.steps.stored_frames import example_frame, stored_frames

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FirstFrame:
    """A configuration and where it comes from.

    Attributes:
        frame: its units are declared.
        origin: such as "frame 299 of water.h5".
    """

    frame: Frame
    origin: str


def first_frame(
    model: ForceField | str | Path,
    source: Source | Dataset | None,
    number: int,
    *,
    units: str,
    types: TypeNames | None,
    known: Mapping[int, str],
) -> FirstFrame:
    """Read the first configuration.

    Args:
        model: a model, or a folder of `freeze`.
        source: data or their path; None for the model's own.
        number: index of the frame in the data, from the end where negative.
        units: LAMMPS unit style of frames that declare none.
        types: name of each LAMMPS type, where the data do not name it.
        known: names of the model's types, taken where neither does.

    Returns:
        The configuration.

    Raises:
        DataError: the data cannot be read, or have no such frame.
    """
    if source is not None:
        opened = contextlib.nullcontext(source) if isinstance(source, Dataset) else open_dataset(source, types=types)
        with opened as dataset:
            if not -len(dataset) <= number < len(dataset):
                raise DataError(
                    f"there is no frame {number}: the data have {len(dataset):,}",
                    location=Location(dataset.path),
                    expected=f"from 0 to {len(dataset) - 1}, or from -{len(dataset)} to -1",
                )
            found, index = dataset[number], range(len(dataset))[number]
            origin = f"frame {index} of {dataset.path}"
    elif isinstance(model, ForceField):
        frames, of_data = stored_frames(model)
        found, origin = frames[0], f"a held-out frame of {of_data}" if len(frames) > 1 else of_data
    else:
        found, origin = _example(Path(model)), f"the example in {model}"
    names = found.type_names
    if all(name == str(number) for number, name in names.items()) and set(names) <= set(known):
        names = {number: known[number] for number in names}
        listed = ", ".join(f"{number}={name}" for number, name in names.items())
        logger.info(f"{origin} does not name its types: taken to be {listed}, as the model's")
    return FirstFrame(dataclasses.replace(found, units=found.units or units, type_names=names), origin)


def _example(folder: Path) -> Frame:
    """The example of an exported model."""
    types = {int(number): name for number, name in read_card(folder / CARD)["types"].items()}
    arrays = read_example(folder)
    numbers = np.unique(arrays["types"]).tolist()
    return example_frame(arrays, {number: types.get(number, str(number)) for number in numbers}, None)
