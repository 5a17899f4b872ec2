"""Stacks of the layers that no recipe of gnnzoo's uses satisfy the contract as well."""

import inspect
from dataclasses import replace

import keras
import numpy as np
import pytest

from gnnzoo.data.graphs.batch import pad
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.fields import FORCES, MODEL_INPUTS
from gnnzoo.layers import LAYERS
from gnnzoo.models.build import RAW, Scales, build_network
from gnnzoo.models.symmetries import symmetries
from gnnzoo.testing import ModelContract
from small import WATER, recipe
from systems import contract_frame

CHECKS = [name for name, _ in inspect.getmembers(ModelContract) if name.startswith("check_")]
ENCODER = {"layer": "atom_encoder", "units": 6, "inputs": "species", "hidden_layers": 0, "activation": "silu"}
HEAD = {"layer": "pair_force_decoder", "units": 6, "hidden_layers": 0, "activation": "silu"}
STACKS = {
    "schnet": [
        ENCODER,
        {"layer": "graph_norm", "statistics": "running"},
        {"layer": "schnet_convolution", "units": 6, "bond_features": True},
        {"layer": "silu"},
        {"layer": "schnet_convolution", "units": 6},
        HEAD,
    ],
    "schnet of energies": [
        ENCODER,
        {"layer": "schnet_convolution", "units": 6, "bond_features": True},
        {"layer": "graph_norm", "statistics": "running"},
        {"layer": "schnet_convolution", "units": 6},
        {"layer": "energy_decoder", "units": 6, "hidden_layers": 0},
    ],
    "gamd": [
        ENCODER,
        {"layer": "gamd_convolution", "units": 6, "bond_features": True},
        {"layer": "layer_norm", "name": "middle"},
        {"layer": "gamd_convolution", "units": 6, "layer_norm": False},
        {"layer": "dense", "units": 6},
        {"layer": "residual", "of": "middle"},
        HEAD,
    ],
}
GRAPH = {"cutoff": 4.0, "edges": ["bond", "radial"], "radial": {"basis": "exp_normal"}, "envelope_order": 4}


# --- with physics known beforehand: a head of forces, one of an energy, and both ---
PRIOR = [
    {"prior": "lennard_jones"},
    {"prior": "coulomb", "damping": 0.2},
    {
        "prior": "harmonic",
        "bonds": [{"types": ["O", "H"], "k": 529.6, "length": 1.012}],
        "angles": [{"types": ["H", "O", "H"], "k": 37.95, "degrees": 113.24}],
    },
    {"prior": "repulsion"},
]
VECTORS = [ENCODER, {"layer": "painn_message"}, {"layer": "painn_update"}]
DIRECT = {"layer": "vector_force_decoder", "units": 6, "hidden_layers": 0, "activation": "silu"}
ENERGY = {"layer": "energy_decoder", "units": 6, "hidden_layers": 0}
STAGES = [{"head": "direct", "share": 0.5}, {"head": "energy", "share": 0.5}]
WITH_PRIOR = {
    "prior, forces": ([DIRECT], [], None),
    "prior, energy": ([ENERGY], [], None),
    "prior, both, forces": ([DIRECT, ENERGY], STAGES, "direct"),
    "prior, both, energy": ([DIRECT, ENERGY], STAGES, "energy"),
}
# so far apart that atoms of the frame feel the repulsion
SHORTEST = [[[3.4, 2.2], [2.2, 2.6]], [[3.4, 1.1], [1.1, 1.8]]]


def with_repulsion(stack, species, scales=RAW, dtype="float32"):
    return build_network(stack, species, replace(scales, shortest=SHORTEST), dtype)


@pytest.fixture(scope="module", params=[*STACKS, *WITH_PRIOR])
def made(request, uncompiled):
    if request.param in STACKS:
        stack = recipe(WATER, model={"layers": STACKS[request.param]}, graph=GRAPH)
        return ModelContract(stack, contract_frame(stack))
    heads, stages, head = WITH_PRIOR[request.param]
    plain = {"cutoff": 4.0, "edges": ["radial"]}
    stack = recipe(
        WATER, model={"layers": [*VECTORS, *heads], "prior": PRIOR}, graph=plain, training={"stages": stages}
    )
    return ModelContract(stack, contract_frame(stack), head, build=with_repulsion)


@pytest.mark.parametrize("check", CHECKS)
def test_contract(made, check, tmp_path, record_property):
    given = {"folder": tmp_path, "report": record_property}
    method = getattr(made, check)
    method(**{name: given[name] for name in inspect.signature(method).parameters})


def test_every_prior_acts_on_the_frame(made):
    """Else the contract would say nothing of it."""
    if not made.recipe.model.prior:
        return
    layer = made.network.get_layer("prior")
    assert [term["term"] for term in layer.terms] == ["lennard_jones", "coulomb", "bonds", "angles", "repulsion"]
    graph = graph_of(made.frame, made.species, made.recipe.graph.cutoff, None, dtype="float64")
    batch = pad([graph], 1, len(made.frame), "float64")
    inputs = {key: keras.ops.convert_to_tensor(batch[key]) for key in MODEL_INPUTS}
    for term in layer.terms:
        alone = LAYERS["prior"](terms=[term], alone=False, name="alone", dtype="float64")
        forces = alone(inputs | {FORCES: np.zeros((len(made.frame), 3))})[FORCES]
        assert np.abs(forces).max() > 0.1, term["term"]


def test_moving_statistics_promise_additivity_and_those_of_the_graph_do_not():
    for statistics, additive in (("running", True), ("graph", False)):
        layers = [ENCODER, {"layer": "graph_norm", "statistics": statistics}, *STACKS["schnet"][2:]]
        assert symmetries(recipe(WATER, model={"layers": layers}, graph=GRAPH)).additive == additive


def test_with_moving_statistics_forces_are_the_same_derivative_in_training_and_after():
    stack = recipe(WATER, model={"layers": STACKS["schnet of energies"]}, graph=GRAPH)
    made = ModelContract(stack, contract_frame(stack))
    before = made.forces(made.frame)
    training = made.forces(made.frame, network=lambda inputs: made.network(inputs, training=True))
    assert made.network.get_layer("graph_norm_1").batches == 1
    assert np.max(np.abs(training - before)) > 0.01 * np.max(np.abs(before))  # the statistics were others
    made.assert_close(made.forces(made.frame), training)


def test_a_residual_comes_back_to_the_features_after_the_layer_it_names():
    """x + x after an encoder is what the encoder's last map would give twice."""
    layers = [ENCODER | {"name": "start"}, {"layer": "dropout", "rate": 0.0}, {"layer": "residual", "of": "start"}]
    made = recipe(WATER, model={"layers": [*layers, HEAD]}, graph=GRAPH)
    plain = recipe(WATER, model={"layers": [ENCODER | {"name": "start"}, HEAD]}, graph=GRAPH)
    frame = contract_frame(made)
    with_sum, without = ModelContract(made, frame), ModelContract(plain, frame)
    for network in (with_sum.network, without.network):
        network.set_weights(with_sum.network.get_weights())
    last = without.network.get_layer("start").perceptron.last
    last.kernel.assign(2 * last.kernel)
    last.bias.assign(2 * last.bias)
    with_sum.assert_close(with_sum.forces(frame), without.forces(frame))


def test_the_same_seed_gives_other_weights_to_each_part_of_a_convolution():
    network = build_network(recipe(WATER, model={"layers": STACKS["gamd"]}, graph=GRAPH), ["O", "H"], Scales())
    kernels = [w.numpy() for w in network.get_layer("gamd_convolution_2").weights if w.shape == (6, 6)]
    assert len(kernels) == 8
    assert len({kernel.tobytes() for kernel in kernels}) == len(kernels)
