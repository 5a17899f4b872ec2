"""Turn a trained model into a folder that runs with TensorFlow alone."""

import logging
from pathlib import Path

import numpy as np

from gnnzoo.data.frames import Frame
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.data.split.methods import Split
from gnnzoo.deploy.card import write_card
from gnnzoo.deploy.freeze import compare, save
from gnnzoo.errors import DataError, Location, ModelError, UserError
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.units import force_unit
from gnnzoo.workflows.recipes import list_models

logger = logging.getLogger(__name__)

_FRAMES = 3  # on which frozen and live forces are compared


def freeze(
    model: str | Path | ForceField | None = None,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a folder with a SavedModel, a card and an example.

    Frozen and live forces are compared on frames of the dataset that the model was trained on, or where that is gone on
    the frame that the model carries, before the folder gets its name.

    Args:
        model: a model or its path; by default the newest one in the working folder.
        output: the folder; by default NAME-frozen in the working folder.
        overwrite: replace an existing folder, keeping the old one beside it.

    Returns:
        The folder.

    Raises:
        UserError: there is no model, the folder exists, or there is no frame to compare on.
    """
    force_field = model if isinstance(model, ForceField) else load_model(model or newest_model())
    name = force_field.path.stem if force_field.path else force_field.recipe.name
    output = Path(output).expanduser() if output is not None else Path(f"{name}-frozen")
    refuse_existing(output, overwrite)
    frames, where = stored_frames(force_field)
    logger.info(f"freezing {force_field.path or name}")
    with atomic_write(output, overwrite) as folder:
        save(force_field, folder)
        comparison = compare(force_field, folder, frames)
        if not comparison.same:
            raise RuntimeError(
                f"frozen and live forces differ by {comparison.largest_difference:.3g} "
                f"where the largest is {comparison.largest_force:.3g}"
            )
        write_card(force_field, folder, comparison, frames[0])
    logger.info(
        f"frozen and live forces agree on {comparison.frames} frame{'s' if comparison.frames > 1 else ''} of {where}: "
        f"largest difference {comparison.largest_difference:.2g}, largest force {comparison.largest_force:.4g} "
        f"{force_unit(force_field.units)}"
    )
    return output


def newest_model() -> Path:
    """The newest model of the working folder, named aloud.

    Raises:
        ModelError: there is none.
    """
    models = [listed.path for listed in list_models() if listed.info is not None]
    if not models:
        raise ModelError(
            "there is no model in this folder", expected="a .keras file", hint="gnnzoo train RECIPE makes one"
        )
    older = f" (of {len(models)} here)" if len(models) > 1 else ""
    logger.info(f"no MODEL was named: the newest is {models[0]}{older}")
    return models[0]


def stored_frames(model: ForceField) -> tuple[list[Frame], str]:
    """Frames to compare on and what they are of: held out of training where there are such."""
    info = model.info["dataset"]
    try:
        with open_dataset(info["path"], units=model.units, types=model.info["types"]) as dataset:
            if dataset.fingerprint == info["fingerprint"]:
                split = Split.from_dict(model.info["split"])
                held_out = [*split.test, *split.validation, *split.train]
                chosen = np.unique(np.linspace(0, len(held_out) - 1, _FRAMES).astype(int))
                return [dataset[int(held_out[index])] for index in chosen], str(dataset.path)
    except (UserError, OSError):
        pass  # the data have been moved or have changed: the model carries a frame for this
    if model.info.get("example"):
        return [_example_frame(model)], "the model's own example"
    raise DataError(
        "the model's dataset is not where it was, and so large a frame is not kept in the model: nothing to compare on",
        location=Location(file=info["path"]),
        hint="bring the dataset back to that place",
    )


def _example_frame(model: ForceField) -> Frame:
    example = model.info["example"]
    molecules = example["molecules"]
    return Frame(
        step=0,
        positions=np.array(example["positions"], dtype=np.float64),
        forces=np.array(example["forces"], dtype=np.float64),
        cell=np.array(example["cell"], dtype=np.float64),
        ids=np.arange(1, len(example["types"]) + 1),
        types=np.array(example["types"], dtype=np.int32),
        boundary=tuple("pp" if periodic else "ff" for periodic in example["pbc"]),
        type_names={int(number): name for number, name in model.info["types"].items()},
        units=model.units,
        molecules=None if molecules is None else np.array(molecules, dtype=np.int64),
    )
