"""Shared by the tests of transfers: a small water model as the source, argon as the target."""

from pathlib import Path

import numpy as np

import dumps
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField, save_model
from gnnzoo.training.prepare import prepare
from gnnzoo.transfer_learning.initialize import initialize_transfer
from gnnzoo.workflows.convert import convert
from small import WATER, recipe

SMALL = {"units": 8, "hidden_layers": 0}
STACK = {
    "layers": [
        {"layer": "atom_encoder", **SMALL},
        {"layer": "message_passing", "combine": "sum", **SMALL},
        {"layer": "pair_force_decoder", **SMALL, "activation": "silu"},
    ]
}
ENCODER, MESSAGES, HEAD, SCALE = "atom_encoder_1", "message_passing_1", "pair_force_decoder_1", "force_scale"


def target(start=None, model=STACK, **training):
    """A recipe of argon that may start from a model: six training frames in batches of two, three steps an epoch."""
    training = {"epochs": 1, "augmentation": {}} | training | ({"start_from": start} if start else {})
    return recipe(model=model, training=training)


def water_model(path="water.keras", model=STACK, units="real", scale=20.0):
    """A water model with a different number in every weight; its errors do not matter."""
    made = recipe(WATER, model=model)
    network = build_network(made, ["O", "H"], Scales(force=scale, neighbors=9.0))
    stir(network)
    info = {"species": ["O", "H"], "types": {"1": "O", "2": "H"}, "units": units, "dataset": {"path": "water.h5"}}
    found = ForceField(network, made, info)
    save_model(found, Path(path))
    return found


def stir(network, seed=3, by=0.1):
    """Add a random number to every weight."""
    random = np.random.default_rng(seed)
    for variable in network.trainable_variables:
        variable.assign(variable.numpy() + random.normal(scale=by, size=variable.shape))


def argon_h5(folder: Path, units="real"):
    """Ten frames of eight atoms: six for training, two for validation, two for the test."""
    dumps.argon_dump(folder / f"{units}.lammpstrj", frames=10, side=2)
    return convert(folder / f"{units}.lammpstrj", folder / f"{units}.h5", units=units, types={1: "Ar"}).path.resolve()


def water_h5(folder: Path):
    """Ten frames of eight waters."""
    dumps.water_dump(folder / "water.lammpstrj", frames=10)
    return convert(folder / "water.lammpstrj", folder / "water.h5", units="real", types={1: "O", 2: "H"}).path.resolve()


def transfer_start(source, made, data):
    """The initialised transfer from a source model to the recipe `made` on a dataset."""
    dataset = open_dataset(data, units=made.data.units, types=made.data.types)
    also = source.species if made.training.start_from.replay else ()
    return initialize_transfer(source, made, dataset, prepare(made, dataset, also))


def weights(model, layer=None):
    """Weights by path, without the seeds of dropout; of one layer, or of all."""
    layers = [model.network.get_layer(layer)] if layer else model.network.layers
    return {weight.path: weight.numpy() for made in layers for weight in made.weights if "seed" not in weight.path}


def assert_same(found: dict, expected: dict):
    assert found.keys() == expected.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(found[path], value, err_msg=path)


def weights_differ(found: dict, other: dict) -> bool:
    """Whether any weight differs."""
    return any(np.any(found[path] != value) for path, value in other.items())
