"""Random rotations: proper, uniform, repeatable, and the same for all that has a direction; displacements of atoms."""

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.graphs.batch import pad
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.testing import ModelContract
from gnnzoo.training.augmentation import displace, random_rotations, rotate
from small import WATER, recipe
from systems import changed, contract_frame, water_frame


def test_rotations_are_proper():
    r = random_rotations(100, [0, 1], tf.float64).numpy()
    np.testing.assert_allclose(r @ r.transpose(0, 2, 1), np.tile(np.eye(3), (100, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(r), 1, atol=1e-12)


def test_rotations_are_uniform():
    """On SO(3) the angle has density (1 - cos a) / pi, and every direction is turned into every other evenly."""
    r = random_rotations(40_000, [3, 4], tf.float64).numpy()
    angle = np.arccos(np.clip((np.trace(r, axis1=1, axis2=2) - 1) / 2, -1, 1))
    found = np.array([np.mean(angle < a) for a in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)])
    a = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    np.testing.assert_allclose(found, (a - np.sin(a)) / np.pi, atol=0.01)  # 4 standard errors of 40,000 draws
    turned = r @ np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(turned.mean(axis=0), 0, atol=0.012)
    np.testing.assert_allclose(turned.T @ turned / len(r), np.eye(3) / 3, atol=0.01)


def test_the_same_seed_gives_the_same_rotations_and_another_others():
    first, again, other = (random_rotations(2, seed).numpy() for seed in ([0, 5], [0, 5], [0, 6]))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_all_that_has_a_direction_in_a_graph_turns_with_it():
    rotations = random_rotations(2, [0, 0])
    vectors = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    batch = {
        fields.GRAPH_INDEX: tf.constant([0, 1, 1]),
        fields.RECEIVERS: tf.constant([0, 1, 2]),
        fields.EDGE_VECTORS: tf.constant(vectors),
        fields.FORCES: tf.constant(vectors * 2),
        fields.POSITIONS: tf.constant(vectors * 3),
        fields.WAVE_VECTORS: tf.constant(vectors[::-1].copy()),
        fields.WAVE_GRAPH: tf.constant([0, 0, 1]),
        fields.VIRIAL: tf.constant(np.stack([np.outer(vectors[0], vectors[1]), np.outer(vectors[1], vectors[2])])),
    }
    turned = rotate(batch, rotations)
    for graph, (first, second) in enumerate([(0, 1), (1, 2)]):
        outer = np.outer(*(rotations[graph].numpy() @ vectors[row] for row in (first, second)))
        np.testing.assert_allclose(turned[fields.VIRIAL][graph], outer, rtol=1e-4, atol=1e-6)
    for row, graph in enumerate([0, 1, 1]):
        np.testing.assert_allclose(
            turned[fields.EDGE_VECTORS][row], rotations[graph].numpy() @ vectors[row], rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(
            turned[fields.FORCES][row], 2 * turned[fields.EDGE_VECTORS][row], rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(
            turned[fields.POSITIONS][row], 3 * turned[fields.EDGE_VECTORS][row], rtol=1e-5, atol=1e-6
        )
    for row, graph in enumerate([0, 0, 1]):
        np.testing.assert_allclose(
            turned[fields.WAVE_VECTORS][row], rotations[graph].numpy() @ vectors[2 - row], rtol=1e-4, atol=1e-6
        )


def test_displaced_atoms_take_the_ends_of_their_edges_along():
    atoms = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    senders, receivers = np.arange(500), (np.arange(500) + 7) % 500
    batch = {
        fields.SPECIES: tf.zeros(500, tf.int32),
        fields.SENDERS: tf.constant(np.append(senders, 3)),
        fields.RECEIVERS: tf.constant(np.append(receivers, 3)),  # the last is a padding edge
        fields.EDGE_VECTORS: tf.constant(np.vstack([atoms[senders] - atoms[receivers], [1, 0, 0]]), tf.float32),
        fields.POSITIONS: tf.constant(atoms),
    }
    first, again, other = (displace(batch, 0.1, seed)[fields.EDGE_VECTORS].numpy() for seed in ([0, 5], [0, 5], [0, 6]))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    change = first - batch[fields.EDGE_VECTORS].numpy()
    np.testing.assert_array_equal(change[-1], 0)
    np.testing.assert_allclose(change[:-1].sum(axis=0), 0, atol=1e-4)  # each atom is once a sender, once a receiver
    assert change[:-1].std() == pytest.approx(0.1 * 2**0.5, rel=0.1)


# --- on a network that reads all of a batch ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def waves():
    """A network of vectors and waves, in float64."""
    layers = [
        {"layer": "atom_encoder", "units": 6, "hidden_layers": 0, "activation": "silu"},
        {"layer": "wave_message", "channels": 2},
        {"layer": "atomic_density", "channels": 2, "rank": 2},
        {"layer": "painn_update"},
        {"layer": "vector_force_decoder", "units": 6, "hidden_layers": 0, "activation": "silu"},
    ]
    made = recipe(WATER, graph={"cutoff": 4.0, "waves": 1.7}, model={"layers": layers})
    return ModelContract(made, contract_frame(made))


def batch_of(model, *frames):
    """The frames in one batch with padding; its forces are what the network says."""
    graph = model.recipe.graph
    graphs = [graph_of(frame, model.species, graph.cutoff, graph.bonds, dtype="float64") for frame in frames]
    data = pad(graphs, len(frames) + 1, sum(map(len, frames)) + 3, "float64", largest_wave=graph.waves)
    batch = {key: tf.constant(data[key]) for key in fields.MODEL_INPUTS}
    return batch | {fields.FORCES: said(model, batch), fields.VIRIAL: tf.constant(data[fields.VIRIAL])}


def said(model, batch):
    return model.network({key: batch[key] for key in fields.MODEL_INPUTS})[fields.FORCES]


def test_an_equivariant_network_turns_its_forces_with_the_batch(waves):
    batch = batch_of(waves, waves.frame, water_frame(molecules=4, box=5.5, seed=2))
    turned = rotate(batch, random_rotations(3, [0, 1], tf.float64))
    assert np.abs(turned[fields.FORCES] - batch[fields.FORCES]).max() > 0.1 * waves.largest
    waves.assert_close(said(waves, turned).numpy(), turned[fields.FORCES].numpy())


def test_a_displaced_batch_is_that_of_the_displaced_positions(waves):
    frame = waves.frame
    batch = batch_of(waves, frame)
    found = displace(batch, 1e-4, [0, 5])
    moved = (found[fields.POSITIONS] - batch[fields.POSITIONS]).numpy()[: len(frame)]
    assert moved.std() == pytest.approx(1e-4, rel=0.3)
    expected = batch_of(waves, changed(frame, positions=frame.positions + moved))
    np.testing.assert_array_equal(found[fields.SENDERS], expected[fields.SENDERS])  # no pair passed the cutoff
    np.testing.assert_allclose(found[fields.EDGE_VECTORS], expected[fields.EDGE_VECTORS], atol=1e-12)
    forces = expected[fields.FORCES].numpy()
    waves.assert_close(said(waves, found).numpy(), forces)
    assert np.abs(forces - batch[fields.FORCES]).max() > 1e-6 * waves.largest
