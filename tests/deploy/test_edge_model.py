"""The network as a function of a neighbour list made elsewhere: forces, energies and virials, whole or in parts."""

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo.data.graphs.batch_shapes import padded_size as padded_on_numpy
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.deploy.edge_model import EdgeModel, padded_size
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField
from small import WATER, recipe
from systems import water_frame

pytestmark = pytest.mark.usefixtures("uncompiled")  # test_freeze runs the compiled functions

SILU = {"units": 8, "hidden_layers": 0, "activation": "silu"}
ENCODER = {"layer": "atom_encoder", **SILU}
MESSAGE = {"layer": "message_passing", "combine": "sum", **SILU}
PAIR, ENERGY = {"layer": "pair_force_decoder", **SILU}, {"layer": "energy_decoder", **SILU}
STACKS = {
    "pair forces": [ENCODER, MESSAGE, PAIR],
    "pair forces of one direction each": [ENCODER, MESSAGE, {**PAIR, "antisymmetric": False}],
    "vectors": [ENCODER, {"layer": "painn_message"}, {"layer": "vector_force_decoder", **SILU}],
    "energy": [ENCODER, {"layer": "atomic_density"}, MESSAGE, ENERGY],
    "waves": [ENCODER, {"layer": "wave_message", "channels": 2, "functions": 2}, MESSAGE, ENERGY],
}
RESULTS = {
    "pair forces": {"forces", "virial", "virials"},
    "pair forces of one direction each": {"forces"},
    "vectors": {"forces"},
    "energy": {"forces", "energies", "virial", "virials"},
    "waves": {"forces", "energies", "virial"},
}


def force_field(layers: list, prior: tuple = ()) -> ForceField:
    graph = {"cutoff": 3.5, "waves": 1.5} if any(layer["layer"] == "wave_message" for layer in layers) else {}
    made = recipe(WATER, graph={"cutoff": 3.5} | graph, model={"layers": layers, "prior": list(prior)})
    network = build_network(made, ["O", "H"], Scales(force=20.0, neighbors=12.0))
    return ForceField(network, made, {"species": ["O", "H"], "types": {"1": "O", "2": "H"}, "units": "real"})


def evaluate(model: ForceField, dtype: str, owned: np.ndarray | None = None, shuffled: bool = False) -> dict:
    """Results for a frame of water; edges in the order of their receivers or in a random one."""
    frame = water_frame()
    graph = graph_of(frame, model.species, model.cutoff, model.recipe.graph.bonds, dtype="float64")
    order = np.arange(len(graph.senders))
    if shuffled:
        np.random.default_rng(1).shuffle(order)
    owned = np.ones(len(frame), bool) if owned is None else owned
    edges = [graph.senders[order], graph.receivers[order], graph.vectors[order], graph.edge_class[order]]
    box = [graph.positions, graph.cell] if model.recipe.graph.waves else []
    function = tf.function(EdgeModel(model, dtype).__call__)
    found = function(*map(tf.constant, (graph.species, owned, *edges, *box)))
    return {name: value.numpy() for name, value in found.items()}


@pytest.mark.parametrize("name", STACKS)
def test_results_are_those_of_the_live_model(name):
    model = force_field(STACKS[name])
    graph = graph_of(water_frame(), model.species, model.cutoff, model.recipe.graph.bonds)
    live = model.predictor.results(graph)
    for dtype in ("float32", "float64"):
        found = evaluate(model, dtype, shuffled=dtype == "float64")
        assert set(found) == RESULTS[name] and all(value.dtype == np.float64 for value in found.values())
        np.testing.assert_allclose(found["forces"], live["forces"], atol=1e-5 * np.abs(live["forces"]).max())
        if "energies" in found:
            assert found["energies"].sum() == pytest.approx(live["energy"][0], rel=1e-5)
            np.testing.assert_allclose(found["virial"], live["virial"][0], atol=1e-5 * np.abs(live["virial"]).max())
        if "virials" in found:
            np.testing.assert_allclose(found["virials"].sum(axis=0), found["virial"], atol=1e-4)


def test_parts_of_a_box_add_up_to_the_whole():
    """Each part gives the forces of its own energies on all atoms; those of a direct head are on its own atoms."""
    for name in ("energy", "pair forces"):
        model = force_field(STACKS[name])
        whole = evaluate(model, "float64")
        first = np.random.default_rng(0).random(len(whole["forces"])) < 0.5
        parts = [evaluate(model, "float64", owned) for owned in (first, ~first)]
        for result in whole:
            size = np.abs(whole[result]).max()
            np.testing.assert_allclose(parts[0][result] + parts[1][result], whole[result], atol=1e-12 * size)
    assert not parts[0]["forces"][~first].any()


def test_the_virial_of_pair_forces_is_that_of_the_same_forces_from_an_energy():
    """A prior adds the same forces to a direct head and to an energy; its virial is then the difference to no prior."""
    prior = [{"prior": "lennard_jones", "mixing": "arithmetic"}]
    differences = []
    for name in ("pair forces", "energy"):
        one, other = (evaluate(force_field(STACKS[name], given), "float64") for given in (prior, ()))
        differences.append({key: one[key] - other[key] for key in ("forces", "virial", "virials")})
    for key, values in differences[0].items():
        np.testing.assert_allclose(values, differences[1][key], atol=1e-9 * np.abs(values).max())


def test_sizes_are_padded_as_those_of_training():
    counts = np.array([0, 1, 31, 256, 257, 4095, 4096, 4097, 50_000, 131_073, 3_000_000])
    assert [int(padded_size(tf.constant(count, tf.int32), 256)) for count in counts] == [
        padded_on_numpy(int(count)) for count in counts
    ]
