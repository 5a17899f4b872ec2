"""Random rotations: proper, uniform, repeatable, and the same for edges and forces."""

import numpy as np
import pytest
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.training.augmentation import displace, random_rotations, rotate


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


def test_edges_and_forces_of_a_graph_turn_together():
    rotations = random_rotations(2, [0, 0])
    vectors = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    batch = {
        fields.GRAPH_INDEX: tf.constant([0, 1, 1]),
        fields.RECEIVERS: tf.constant([0, 1, 2]),
        fields.EDGE_VECTORS: tf.constant(vectors),
        fields.FORCES: tf.constant(vectors * 2),
    }
    turned = rotate(batch, rotations)
    for row, graph in enumerate([0, 1, 1]):
        np.testing.assert_allclose(
            turned[fields.EDGE_VECTORS][row], rotations[graph].numpy() @ vectors[row], rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(
            turned[fields.FORCES][row], 2 * turned[fields.EDGE_VECTORS][row], rtol=1e-5, atol=1e-6
        )


def test_displaced_atoms_take_the_ends_of_their_edges_along():
    atoms = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    senders, receivers = np.arange(500), (np.arange(500) + 7) % 500
    batch = {
        fields.SPECIES: tf.zeros(500, tf.int32),
        fields.SENDERS: tf.constant(np.append(senders, 3)),
        fields.RECEIVERS: tf.constant(np.append(receivers, 3)),  # the last is a padding edge
        fields.EDGE_VECTORS: tf.constant(np.vstack([atoms[senders] - atoms[receivers], [1, 0, 0]]), tf.float32),
    }
    first, again, other = (displace(batch, 0.1, seed)[fields.EDGE_VECTORS].numpy() for seed in ([0, 5], [0, 5], [0, 6]))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    change = first - batch[fields.EDGE_VECTORS].numpy()
    np.testing.assert_array_equal(change[-1], 0)
    np.testing.assert_allclose(change[:-1].sum(axis=0), 0, atol=1e-4)  # each atom is once a sender, once a receiver
    assert change[:-1].std() == pytest.approx(0.1 * 2**0.5, rel=0.1)
