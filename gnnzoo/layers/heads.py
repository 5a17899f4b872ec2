"""Heads: from features to forces, or to an energy whose negative gradient the forces are."""

from typing import Unpack

import keras
from keras import ops

from gnnzoo.fields import ATOM_MASK, FORCES, RECEIVERS, SENDERS, SPECIES
from gnnzoo.layers.perceptron import PerceptronLayer, PerceptronOptions, seeded_dense
from gnnzoo.layers.registry import (
    ATOM_ENERGIES,
    ATOMS,
    DIRECTIONS,
    EDGE_GRADIENTS,
    EDGE_WEIGHT,
    VECTORS,
    edge_features,
    register,
    row_count,
    segment_sum,
)
from gnnzoo.layers.stack_layer import GraphShapes, GraphTensors, LayerOptions, StackLayer


class AtomHead(PerceptronLayer):
    """Base of heads that are a perceptron of each atom's features.

    Args:
        units, hidden_layers, dropout, activation, seed: see `Perceptron`.

    Attributes:
        outputs: number of outputs for each atom.
        key: key of the output in the graph.
    """

    outputs: int
    key: str

    def __init__(self, **kwargs: Unpack[PerceptronOptions]) -> None:
        super().__init__(**kwargs)
        self.perceptron = self._perceptron("perceptron", self.outputs, self.seed)

    def build(self, graph: GraphShapes) -> None:
        self.perceptron.build(graph[ATOMS])

    def output_weights(self) -> list[keras.Variable]:
        return [self.perceptron.last.kernel, self.perceptron.last.bias]

    def call(self, graph: GraphTensors, training: bool | None = None) -> GraphTensors:
        return {self.key: self.perceptron(graph[ATOMS], training=training)}


@register("force_decoder")
class ForceDecoder(AtomHead):
    """Force components as plain outputs of a perceptron: no symmetry is built in, rotation has to be learned."""

    outputs, key = 3, FORCES


@register("energy_decoder")
class EnergyDecoder(AtomHead):
    """Atomic contributions to the potential energy; `models.conservative` differentiates it."""

    outputs, key = 1, ATOM_ENERGIES


@register("pair_force_decoder")
class PairForceDecoder(PerceptronLayer):
    """Forces as sums of central pair forces, with strengths f_ij from a perceptron of atom and edge features:

        F_i = c sum_j w_ij f_ij r_ij / |r_ij|

    Equivariant under rotation if the features are invariant. With `antisymmetric` f_ij = f_ji: the force of j on i is
    the opposite of that of i on j, and all forces sum to zero.

    Args:
        antisymmetric: whether f_ij = f_ji.
        bond_features: whether the edge features include the bond one-hot.
        neighbor_scale: c; 1, or normalises by the number of neighbours.
        units, hidden_layers, dropout, activation, seed: see `Perceptron`.
    """

    def __init__(
        self, antisymmetric: bool, bond_features: bool, neighbor_scale: float, **kwargs: Unpack[PerceptronOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.antisymmetric, self.bond_features, self.neighbor_scale = antisymmetric, bond_features, neighbor_scale
        self.perceptron = self._pair_perceptron("perceptron", 1, self.seed, symmetric=antisymmetric)

    def radial_weights(self) -> list[tuple[keras.Variable, int]]:
        return [(self.perceptron.edge.kernel, 1)]

    def summed_weights(self) -> list[keras.Variable]:
        return self.output_weights()

    def output_weights(self) -> list[keras.Variable]:
        return [self.perceptron.last.kernel, self.perceptron.last.bias]

    def build(self, graph: GraphShapes) -> None:
        self.perceptron.build_pair(graph[ATOMS][-1], edge_features(graph, self.bond_features)[-1])

    @property
    def returns_pairs(self) -> bool:
        """Forces of pairs that are opposite to each other have a virial."""
        return self.antisymmetric

    def call(self, graph: GraphTensors, training: bool | None = None, pairs: bool = False) -> GraphTensors:
        x, senders, receivers = graph[ATOMS], graph[SENDERS], graph[RECEIVERS]
        edges = edge_features(graph, self.bond_features)
        hidden = self.perceptron.hidden_pairs(x, edges, senders, receivers, training=training)
        strength = self.perceptron.last(hidden) * graph[EDGE_WEIGHT]  # (edges, units) -> (edges, 1)
        count = row_count(x)
        by_pair = strength * graph[DIRECTIONS]
        forces = {FORCES: segment_sum(by_pair, receivers, count) * self.neighbor_scale}
        # a pair's force stands on both of its edges, half of it on each
        return {**forces, EDGE_GRADIENTS: by_pair * (self.neighbor_scale / 2)} if pairs else forces


@register("vector_force_decoder")
class VectorForceDecoder(PerceptronLayer):
    """Equivariant forces from vector features v, gated by a perceptron g of the scalars s (after arXiv 2102.03150):

        F_i = sum_c g_c(s_i) (U v_i)_c

    Args:
        units, hidden_layers, dropout, activation, seed: see `Perceptron`, for g.
    """

    def __init__(self, **kwargs: Unpack[PerceptronOptions]) -> None:
        super().__init__(**kwargs)
        self.gate = self._perceptron("gate", self.units, self.seed)
        self.map = seeded_dense(self, "map", self.units, bias=False)

    def build(self, graph: GraphShapes) -> None:
        self.gate.build(graph[ATOMS])
        self.map.build((None, 3, graph[VECTORS][-1]))

    def output_weights(self) -> list[keras.Variable]:
        return [self.map.kernel]

    def call(self, graph: GraphTensors, training: bool | None = None) -> GraphTensors:
        gate = self.gate(graph[ATOMS], training=training)[:, None, :]
        return {FORCES: ops.sum(gate * self.map(graph[VECTORS]), axis=-1)}  # (atoms, 3, units) -> (atoms, 3)


@register("force_scale")
class ForceScale(StackLayer):
    """Scales forces and energies from network units to those of the data, and sets them to zero on padding.

    The last layer after the heads of every model. Energies are scaled by the same factor, times one length unit. They
    have the zero of the network; the energy offsets of the data are subtracted before training and added again in
    double precision (`ForceField.energy`), because float32 would lose digits.

    A model of substances whose forces differ by orders of magnitude has one scale per species. Pair forces of a direct
    head between atoms of different scale do not sum to zero.

    Args:
        scale: force unit per network unit, one number or one per species; kept as a non-trainable weight.
    """

    def __init__(self, scale: float | list[float], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.scale = list(map(float, scale)) if isinstance(scale, list | tuple) else float(scale)

    def build(self, graph: GraphShapes) -> None:
        shape = (len(self.scale),) if isinstance(self.scale, list) else ()
        self.factor = self.add_weight(name="scale", shape=shape, initializer="ones", trainable=False)
        self.factor.assign(self.scale)

    def fact_weights(self) -> list[keras.Variable]:
        return [self.factor]

    @property
    def returns_pairs(self) -> bool:
        """Forces of a pair that are scaled by species are not opposite to each other."""
        return isinstance(self.scale, float)

    def call(self, graph: GraphTensors, pairs: bool = False) -> GraphTensors:
        factor = self.factor if isinstance(self.scale, float) else ops.take(self.factor, graph[SPECIES])[:, None]
        present = [key for key in (FORCES, ATOM_ENERGIES) if key in graph]
        scaled = {key: graph[key] * factor * ops.cast(graph[ATOM_MASK], graph[key].dtype)[:, None] for key in present}
        return {**scaled, EDGE_GRADIENTS: graph[EDGE_GRADIENTS] * factor} if pairs else scaled
