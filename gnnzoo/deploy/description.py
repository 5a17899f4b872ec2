"""Files that describe an exported model: card.json for programs, README.md for people, example.npz for a first test."""

from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.deploy.card import make_card
from gnnzoo.deploy.comparison import Comparison
from gnnzoo.deploy.exported_folder import CARD, EXAMPLE, README
from gnnzoo.deploy.readme import readme
from gnnzoo.models.files import ForceField
from gnnzoo.records import json_text


class ExampleArrays(TypedDict):
    """Content of example.npz: a frame and the forces of the live model."""

    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    types: np.ndarray
    forces: np.ndarray
    molecules: NotRequired[np.ndarray]


def write_card(model: ForceField, folder: Path, comparison: Comparison, example: Frame) -> None:
    """Write card.json, README.md and example.npz.

    Args:
        model: the live model.
        folder: of the exported model.
        comparison: of exported and live forces.
        example: frame that is stored with the forces of the live model.
    """
    card = make_card(model, comparison)
    (folder / CARD).write_text(json_text(card.to_json(), indent=1) + "\n")
    (folder / README).write_text(readme(model, card), errors="replace")
    arrays: ExampleArrays = {
        "positions": example.positions,
        "cell": example.cell,
        "pbc": example.pbc,
        "types": example.types,
        "forces": model.forces(example),
    }
    if example.molecules is not None:
        arrays["molecules"] = example.molecules
    np.savez_compressed(folder / EXAMPLE, **arrays)
