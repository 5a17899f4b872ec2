"""The short names of layers, and the keys of the graph that layers pass on."""

import zlib

import keras

from gnnzoo.fields import ATOM_MASK, GRAPH_INDEX, GRAPH_MASK, RECEIVERS, SENDERS

LAYERS: dict[str, type[keras.layers.Layer]] = {}

# What layers add to the model's inputs (`gnnzoo.fields`) on the way through the stack.
ATOMS = "atoms"  # (atoms, units) | features of the atoms
EDGES = "edges"  # (edges, n) | features of the edges without the bond one-hot; an edge encoder replaces them
BONDED_EDGES = "bonded_edges"  # (edges, n) | the same with the bond one-hot; only where the recipe names "bond"
VECTORS = "vectors"  # (atoms, 3, units) | features of the atoms that turn with the frame
RADIAL = "radial"  # (edges, functions) | the radial basis alone; only where the recipe names "radial"
DIRECTIONS = "directions"  # (edges, 3) | unit vectors from receiver to sender
ATOM_ENERGIES = "atom_energies"  # (atoms, 1) | share of each atom in the potential energy
EDGE_WEIGHT = "edge_weight"  # (edges, 1) | 0 on padding; with an envelope it ends smoothly at the cutoff


def atoms_after(name: str) -> str:
    """The key of the atom features as they were after the layer of this name, for those that come back to them."""
    return f"{ATOMS}_after_{name}"


def register(name: str):
    """Register a layer for recipes and for Keras saving under one name."""

    def decorate(cls):
        LAYERS[name] = cls
        return keras.saving.register_keras_serializable(package="gnnzoo", name=name)(cls)

    return decorate


def derived_seed(seed: int, *path: str | int) -> int:
    """A seed for a part of a seeded whole, independent of the order in which parts are made."""
    return zlib.crc32("/".join(map(str, (seed, *path))).encode()) & 0x7FFFFFFF


def segment_sum(values, segments, count: int):
    """Sum of rows by segment: (n, c), (n,) -> (count, c).

    Unsorted on purpose: only `unsorted_segment_sum` has an XLA kernel.
    """
    return keras.ops.segment_sum(values, segments, num_segments=count)


def row_count(tensor):
    """Number of rows: where the trace knows it a Python number, which lets layers choose how to compute."""
    return tensor.shape[0] or keras.ops.shape(tensor)[0]


def edge_gradients_to_forces(slopes, graph: dict, atoms):
    """Forces out of the derivative of an energy by every edge vector: (edges, 3) -> (atoms, 3).

    An edge vector points from its receiver to its sender: what lowers the energy by lengthening it pulls both outwards.
    """
    return segment_sum(slopes, graph[RECEIVERS], atoms) - segment_sum(slopes, graph[SENDERS], atoms)


def membership(graph: dict, dtype: str):
    """(atoms, graphs): 1 where an atom belongs to a graph, 0 elsewhere and on padding.

    Graphs are few, so that products with it are faster than sums by segment.
    """
    masks = graph[GRAPH_MASK]
    member = keras.ops.one_hot(graph[GRAPH_INDEX], row_count(masks))
    return keras.ops.cast(member, dtype) * keras.ops.cast(graph[ATOM_MASK], dtype)[:, None]


def edge_features(graph: dict, bonded: bool):
    """What a layer reads of the edges, or its shape: encoded where an edge encoder stands before it, else as they are.

    Args:
        graph: tensors or shapes by key.
        bonded: whether the bond one-hot is among them.
    """
    return graph[BONDED_EDGES if bonded else EDGES]
