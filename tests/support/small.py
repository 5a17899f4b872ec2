"""A small dataset in memory and a recipe that trains on it within seconds."""

import copy

import numpy as np

import dumps
from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.recipe.io.load import recipe_from_dict
from systems import SPCFW

ARGON = {
    "name": "tiny",
    "data": {
        "source": "argon.lammpstrj",
        "units": "real",
        "types": {"1": "Ar"},
        "atoms": {"Ar": {"charge": 0, "epsilon": 0.2378, "sigma": 3.405}},
        "split": {"train": 0.6, "validation": 0.2, "test": 0.2, "blocks": 1},
    },
    "graph": {"cutoff": 6.0, "edges": ["radial"], "radial": {"functions": 6}, "envelope": True},
    "model": {
        "layers": [
            {"layer": "atom_encoder", "units": 8, "hidden_layers": 1, "dropout": 0.1},
            {"layer": "graph_norm"},
            {"layer": "message_passing", "combine": "sum", "units": 8, "hidden_layers": 0},
            {"layer": "prelu"},
            {"layer": "pair_force_decoder", "units": 8, "hidden_layers": 0, "activation": "silu"},
        ]
    },
    "training": {
        "epochs": 4,
        "batch_size": 2,
        "learning_rate": {"initial": 0.01},
        "warmup": {"epochs": 1},
        "checkpoint_every": 1,
        "augmentation": {"rotation": True},
    },
}
WATER = copy.deepcopy(ARGON) | {"name": "tinywater"}
WATER["data"] |= {"types": {"1": "O", "2": "H"}, "atoms": SPCFW, "source": "water.lammpstrj"}
# the same stack for species that have no charge, epsilon and sigma
BY_SPECIES = [
    {"layer": "atom_encoder", "units": 8, "hidden_layers": 0, "inputs": "species"},
    *WATER["model"]["layers"][1:],
]


def recipe(base: dict = ARGON, **parts):
    """A recipe from `base` with parts of it changed: recipe(training={"epochs": 2})."""
    raw = copy.deepcopy(base)
    for part, changes in parts.items():
        raw[part] = raw[part] | changes if isinstance(changes, dict) else changes
    return recipe_from_dict(raw)


class MemoryDataset(Dataset):
    """Frames in memory, of one file or of those named."""

    def __init__(self, frames: list[Frame], files: list[int] | None = None, names: tuple[str, ...] = ("memory",)):
        self.frames = frames
        self.steps = np.array([frame.step for frame in frames], dtype=np.int64)
        self.segments = np.array([frame.segment for frame in frames], dtype=np.int32)
        self.files = np.array(files or [0] * len(frames), dtype=np.int32)
        self.provenance = {"sources": [{"file": name, "sha256": None} for name in names]}
        self.path = "memory"
        self.units, self.type_names = frames[0].units, frames[0].type_names
        self.fingerprint = "of the frames in memory"

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, index: int) -> Frame:
        return self.frames[index]


def argon_dataset(frames: int = 21) -> MemoryDataset:
    """27 Lennard-Jones atoms; 21 frames give ten for training, five batches of one shape."""
    return MemoryDataset(
        [
            Frame(
                step=s.step,
                positions=s.positions,
                forces=s.forces,
                cell=s.cell,
                ids=np.arange(1, len(s.types) + 1),
                types=s.types.astype(np.int32),
                type_names={1: "Ar"},
                units="real",
            )
            for s in dumps.argon(frames=frames)
        ]
    )
