"""A graph small enough to compute layers on it by hand, and one at random to shuffle and pad."""

import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.layers.registry import ATOMS, BONDED_EDGES, DIRECTIONS, EDGE_WEIGHT, EDGES, atoms_after


def tensor(values, dtype="float32"):
    return tf.constant(values, dtype=dtype)


def graph(**changes):
    """Two graphs: atoms 0, 1 and atom 2, a padding atom 3. Edges 1->0 and 0->1 along x, length 2; one padding edge."""
    return {
        fields.SPECIES: tensor([0, 1, 1, 0], "int32"),
        fields.GRAPH_INDEX: tensor([0, 0, 1, 1], "int32"),
        fields.ATOM_MASK: tensor([1, 1, 1, 0]),
        fields.GRAPH_MASK: tensor([1, 1]),
        fields.SENDERS: tensor([1, 0, 3], "int32"),
        fields.RECEIVERS: tensor([0, 1, 3], "int32"),
        fields.EDGE_VECTORS: tensor([[2, 0, 0], [-2, 0, 0], [1, 0, 0]]),
        fields.EDGE_CLASS: tensor([1, 1, 0], "int32"),
        fields.EDGE_MASK: tensor([1, 1, 0]),
        ATOMS: tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]),
        EDGES: tensor([[0.5], [0.5], [9.0]]),
        BONDED_EDGES: tensor([[0.5], [0.5], [9.0]]),
        EDGE_WEIGHT: tensor([[1.0], [0.5], [0.0]]),
        DIRECTIONS: tensor([[1, 0, 0], [-1, 0, 0], [1, 0, 0]]),
    } | changes


ATOM_KEYS = (fields.SPECIES, fields.GRAPH_INDEX, fields.ATOM_MASK, ATOMS, atoms_after("first"))
EDGE_KEYS = (
    *(fields.SENDERS, fields.RECEIVERS, fields.EDGE_VECTORS, fields.EDGE_CLASS, fields.EDGE_MASK),
    *(EDGES, BONDED_EDGES, EDGE_WEIGHT, DIRECTIONS),
)
REAL = (5, 9)  # atoms and edges of the random graph that are no padding


def random_graph(width: int = 4, dtype: str = "float64") -> dict[str, np.ndarray]:
    """Two graphs of three and two atoms with nine edges, and then two atoms and three edges of padding."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(12, 3))
    mask = np.r_[np.ones(9), np.zeros(3)]
    result = {
        fields.SPECIES: np.array([0, 1, 1, 0, 1, 0, 0], np.int32),
        fields.GRAPH_INDEX: np.array([0, 0, 0, 1, 1, 1, 1], np.int32),
        fields.ATOM_MASK: np.r_[np.ones(5), np.zeros(2)],
        fields.GRAPH_MASK: np.ones(2),
        fields.RECEIVERS: np.array([0, 0, 0, 1, 1, 2, 3, 4, 4, 6, 6, 6], np.int32),
        fields.SENDERS: np.array([1, 1, 2, 0, 2, 1, 4, 3, 3, 6, 6, 6], np.int32),
        fields.EDGE_VECTORS: vectors,
        fields.EDGE_CLASS: np.arange(12, dtype=np.int32) % 3,
        fields.EDGE_MASK: mask,
        ATOMS: random.normal(size=(7, width)),
        atoms_after("first"): random.normal(size=(7, width)),
        EDGES: random.normal(size=(12, 3)),
        BONDED_EDGES: random.normal(size=(12, 5)),
        EDGE_WEIGHT: (random.uniform(size=12) * mask)[:, None],
        DIRECTIONS: vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
    }
    return {key: value if value.dtype == np.int32 else value.astype(dtype) for key, value in result.items()}


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {key: tf.constant(value) for key, value in arrays.items()}


def build(layer, data):
    """Build a layer for the shapes of `data`, so that its weights can be set before it is called."""
    layer.build({key: tuple(value.shape) for key, value in data.items()})
    return layer


def fill(layer, value):
    """Set every trainable matrix to `value` times ones, every bias to zero; slopes of PReLU keep their 0.25."""
    for weight in layer.trainable_weights:
        if weight.name != "slope":
            weight.assign(np.full(weight.shape, 0.0 if weight.name == "bias" else value))
