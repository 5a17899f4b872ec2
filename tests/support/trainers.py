"""Small trainers for the tests of training: of one head, of two, with whatever the recipe's training says."""

from pathlib import Path

import numpy as np

from gnnzoo.models.build import build_network
from gnnzoo.training.loop import Trainer
from gnnzoo.training.prepare import prepare
from small import argon_dataset, recipe
from systems import changed

SMOOTH = {"units": 8, "hidden_layers": 0, "activation": "silu"}
TWO_HEADS = {
    "layers": [
        {"layer": "atom_encoder", **SMOOTH},
        {"layer": "message_passing", "combine": "sum", **SMOOTH},
        {"layer": "pair_force_decoder", **SMOOTH},
        {"layer": "energy_decoder", "units": 8, "hidden_layers": 0},
    ]
}
ONE_HEAD = {
    "layers": [{"layer": "atom_encoder", "dropout": 0.1, **SMOOTH}, {"layer": "pair_force_decoder", **SMOOTH}],
}
STAGES = [{"head": "direct", "share": 0.5}, {"head": "energy", "share": 0.5}]


def trainer(folder: Path, callbacks=(), xla=False, model=ONE_HEAD, dataset=None, **training) -> Trainer:
    """A trainer on ten training frames of argon; `training` changes the small recipe's."""
    folder.mkdir(exist_ok=True)
    made = recipe(model=model, training=training)
    prepared = prepare(made, dataset or argon_dataset())
    network = build_network(made, prepared.species, prepared.scales)
    return Trainer(
        network,
        made.training,
        prepared,
        folder,
        callbacks=callbacks,
        xla=xla,
    )


def with_energies(dataset, per_atom: float = -2.0):
    """The dataset with an energy in each frame: so much for each atom."""
    for number, frame in enumerate(dataset.frames):
        dataset.frames[number] = changed(frame, energy=per_atom * len(frame))
    return dataset


def with_virials(dataset, of=lambda frame: len(frame) * np.diag([1.0, -2.0, 3.0])):
    """The dataset with a virial in each frame: what `of` says of it."""
    for number, frame in enumerate(dataset.frames):
        dataset.frames[number] = changed(frame, virial=np.asarray(of(frame), np.float64))
    return dataset


def weights(run: Trainer) -> list[np.ndarray]:
    return [variable.numpy() for variable in run.network.variables]


def without_times(log: list[dict]) -> list[dict]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in log]
