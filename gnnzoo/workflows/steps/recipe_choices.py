"""What a new recipe chooses from the numbers of its data: names, bonds, length of the training."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from gnnzoo.data.frames import Dataset
from gnnzoo.data.inspection.accumulator import told_masses
from gnnzoo.data.inspection.pair_sample import LARGEST_MOLECULE, largest_molecule
from gnnzoo.elements import MASSES

# A mass is an element's if it is so near, g/mol, and for heavy ones by this share: as force fields round them, but not
# so far that a CH2 of united atoms (14.027) were a nitrogen (14.007).
_NEAR, _NEAR_SHARE, _HEAVY = 0.012, 1e-3, 20.0
_ATOMS = 400  # atoms of a step, about: on a CPU, fewer cost nearly as much
_LARGEST_BATCH = 16
_STEPS = 10_000  # of a training that is worth it ...
_SECONDS = 1800.0  # ... unless it takes longer than this
_EPOCHS = (4, 400)


def names_by_mass(dataset: Dataset, numbers: Sequence[int]) -> dict[int, str]:
    """Element of each of these types whose mass the data tell; a number is added where two types are of one element.

    Reduced units have reduced masses: nothing is told by them.
    """
    masses = told_masses(dataset.provenance)
    if dataset.units == "lj":
        return {}
    found = {number: symbol for number in numbers if (symbol := _element(masses.get(number))) is not None}
    taken = [name for number, name in dataset.type_names.items() if number not in found]
    every = [*found.values(), *taken]
    return {number: symbol if every.count(symbol) == 1 else f"{symbol}{number}" for number, symbol in found.items()}


def _element(mass: float | None) -> str | None:
    if mass is None:
        return None
    symbol = min(MASSES, key=lambda symbol: abs(MASSES[symbol] - mass))
    near = max(_NEAR, _NEAR_SHARE * mass) if mass > _HEAVY else _NEAR
    return symbol if abs(MASSES[symbol] - mass) <= near else None


def bonded_species(dataset: Dataset) -> list[list[str]] | None:
    """Species that are bonded when they share a molecule.

    Returns:
        None where the data tell no molecules, or none of a sensible size; an empty list where more is needed than who
        shares a molecule.
    """
    frame = dataset[0]
    largest = largest_molecule(frame)
    if not 1 < largest <= LARGEST_MOLECULE:
        return None
    names = sorted(set(frame.names.tolist()), key=frame.names.tolist().index)
    if largest <= 3 and len(names) == 2:
        return [names]
    if largest == 2 and len(names) == 1:
        return [[names[0], names[0]]]
    return []


def schedule(frames: int, atoms: float, seconds_per_frame: float, shape: Mapping) -> dict:
    """Batch size, and a schedule of another length that bends as that of another recipe does.

    Args:
        frames: for training.
        atoms: in a frame.
        seconds_per_frame: forecast of a training step on one frame.
        shape: `training` of the recipe whose learning rate, warm-up and checkpoints are stretched or shortened.

    Returns:
        `epochs`, `batch_size`, `learning_rate`, `warmup`, `checkpoint_every`.
    """
    batch = int(np.clip(round(_ATOMS / max(1.0, atoms)), 1, max(1, min(_LARGEST_BATCH, frames // 4))))
    steps = min(_STEPS, _SECONDS / max(seconds_per_frame * batch, 1e-9))
    epochs = int(np.clip(round(steps / math.ceil(frames / batch)), *_EPOCHS))
    if epochs > 10:
        epochs = round(epochs, -1)
    share = epochs / shape["epochs"]
    rate = shape["learning_rate"]
    return {
        "epochs": epochs,
        "batch_size": batch,
        "learning_rate": rate | {"decay": round(rate["decay"] ** (1 / share), 4)},
        "warmup": shape["warmup"] | {"epochs": max(1, round(share * shape["warmup"]["epochs"]))},
        "checkpoint_every": max(1, round(share * shape["checkpoint_every"])),
    }
