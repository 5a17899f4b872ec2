"""Registry of layers, keys of the tensors that layers pass on, and the operations on graphs that layers share."""

import zlib
from collections.abc import Callable, Mapping
from typing import TypeVar

import keras

from gnnzoo.fields import ATOM_MASK, GRAPH_INDEX, GRAPH_MASK, RECEIVERS, SENDERS
from gnnzoo.layers.stack_layer import GraphTensors, StackLayer, Tensor

LAYERS: dict[str, type[StackLayer]] = {}

# Tensors that layers add to the inputs of the model (`gnnzoo.fields`).
ATOMS = "atoms"  # (atoms, units) | scalar features of the atoms
EDGES = "edges"  # (edges, n) | features of the edges without the bond one-hot; an edge encoder replaces them
BONDED_EDGES = "bonded_edges"  # (edges, n) | the same with the bond one-hot; only where the recipe lists "bond"
VECTORS = "vectors"  # (atoms, 3, units) | equivariant vector features of the atoms
RADIAL = "radial"  # (edges, functions) | the radial basis alone; only where the recipe lists "radial"
DIRECTIONS = "directions"  # (edges, 3) | unit vectors from receiver to sender
ATOM_ENERGIES = "atom_energies"  # (atoms, 1) | contribution of each atom to the potential energy
# (edges, 3) | of a direct head of pair forces: g with F_i = sum_j g_ij - sum_j g_ji and W = -sum_ij r_ij g_ij, in the
# place of the gradients that an energy has; only where a model is built with `pairs`
EDGE_GRADIENTS = "edge_gradients"
EDGE_WEIGHT = "edge_weight"  # (edges, 1) | 0 on padding; with an envelope it goes to zero smoothly at the cutoff

Class = TypeVar("Class", bound=type[StackLayer])
Value = TypeVar("Value")


def atoms_after(name: str) -> str:
    """Key of the atom features after a layer, for layers that add them again later.

    Args:
        name: name of the layer.

    Returns:
        Key in the graph.
    """
    return f"{ATOMS}_after_{name}"


def register(name: str) -> Callable[[Class], Class]:
    """Register a layer under one name, in `LAYERS` and for saving by Keras.

    Args:
        name: short name, that of recipes.

    Returns:
        A class decorator.
    """

    def decorate(cls: Class) -> Class:
        LAYERS[name] = cls
        return keras.saving.register_keras_serializable(package="gnnzoo", name=name)(cls)

    return decorate


def derived_seed(seed: int, *path: str | int) -> int:
    """Derive the seed of a part, independent of the order in which parts are made.

    Args:
        seed: of the whole.
        path: names that identify the part.

    Returns:
        A non-negative 31-bit seed.
    """
    return zlib.crc32("/".join(map(str, (seed, *path))).encode()) & 0x7FFFFFFF


def segment_sum(values: Tensor, segments: Tensor, count: int | Tensor) -> Tensor:
    """Sum rows by segment; unsorted, because only `unsorted_segment_sum` has an XLA kernel.

    Args:
        values: (n, c).
        segments: (n,) int32, segment of each row.
        count: number of segments.

    Returns:
        (count, c).
    """
    return keras.ops.segment_sum(values, segments, num_segments=count)


def row_count(tensor: Tensor) -> int | Tensor:
    """Number of rows of a tensor.

    Args:
        tensor: any tensor.

    Returns:
        A Python number where it is known during tracing, so that layers can choose how to compute; else a tensor.
    """
    return tensor.shape[0] or keras.ops.shape(tensor)[0]


def edge_gradients_to_forces(gradients: Tensor, graph: GraphTensors, atoms: int | Tensor) -> Tensor:
    """Convert the gradients of an energy with respect to edge vectors to forces.

    With g_ij = dE/dr_ij and r_ij = r_j - r_i from receiver i to sender j, F_i = sum_j g_ij - sum_j g_ji.

    Args:
        gradients: (edges, 3).
        graph: tensors by key, with senders and receivers.
        atoms: number of atoms.

    Returns:
        (atoms, 3).
    """
    return segment_sum(gradients, graph[RECEIVERS], atoms) - segment_sum(gradients, graph[SENDERS], atoms)


def membership(graph: GraphTensors, dtype: str) -> Tensor:
    """Matrix of atoms and graphs; graphs are few, so that products with it are faster than sums by segment.

    Args:
        graph: tensors by key.
        dtype: of the matrix.

    Returns:
        (atoms, graphs), 1 where an atom belongs to a graph, 0 elsewhere and on padding.
    """
    masks = graph[GRAPH_MASK]
    member = keras.ops.one_hot(graph[GRAPH_INDEX], row_count(masks))
    return keras.ops.cast(member, dtype) * keras.ops.cast(graph[ATOM_MASK], dtype)[:, None]


def edge_features(graph: Mapping[str, Value], bonded: bool) -> Value:
    """Edge features that a layer reads: encoded after an edge encoder, else those of `edge_geometry`.

    Args:
        graph: tensors, or shapes, by key.
        bonded: whether the bond one-hot is included.

    Returns:
        (edges, n) features, or their shape.
    """
    return graph[BONDED_EDGES if bonded else EDGES]
