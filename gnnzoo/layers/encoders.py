"""Encoders: from edge vectors, edge classes and species to the features that message passing works on."""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import ops

from gnnzoo.fields import EDGE_CLASS, EDGE_CLASSES, EDGE_MASK, EDGE_VECTORS, SPECIES
from gnnzoo.layers.perceptron import PerceptronLayer, PerceptronOptions
from gnnzoo.layers.radial import BASES, polynomial_envelope
from gnnzoo.layers.registry import ATOMS, BONDED_EDGES, DIRECTIONS, EDGE_WEIGHT, EDGES, RADIAL, register
from gnnzoo.layers.stack_layer import GraphShapes, GraphTensors, LayerOptions, StackLayer


@register("edge_geometry")
class EdgeGeometry(StackLayer):
    """Edge features from edge vectors, as the recipe's `graph` lists them; the first layer of every stack.

    Args:
        features: any of "bond", "distance", "direction", "radial"; at least one other than "bond".
        cutoff: length unit.
        basis: radial basis, one of `radial.BASES`, for "radial".
        functions: number of radial functions.
        envelope: whether edge weights go to zero smoothly at the cutoff; else they are 1 up to it.
        envelope_order: see `radial.polynomial_envelope`.
    """

    def __init__(
        self,
        features: Sequence[str],
        cutoff: float,
        basis: str,
        functions: int,
        envelope: bool,
        envelope_order: int,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.features, self.cutoff, self.basis = list(features), float(cutoff), basis
        self.functions, self.envelope, self.envelope_order = functions, envelope, envelope_order

    def call(self, graph: GraphTensors) -> GraphTensors:
        vectors = graph[EDGE_VECTORS]
        squared = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
        # the lower bound keeps direction and gradient finite for two atoms at one position
        distance = ops.sqrt(ops.maximum(squared, 1e-12))
        directions = vectors / distance
        weight = ops.cast(graph[EDGE_MASK], vectors.dtype)[:, None]
        if self.envelope:
            weight = weight * polynomial_envelope(distance, self.cutoff, self.envelope_order)
        parts = []
        if "distance" in self.features:
            parts.append(distance)
        if "direction" in self.features:
            parts.append(directions)
        result = {DIRECTIONS: directions, EDGE_WEIGHT: weight}
        if "radial" in self.features:
            result[RADIAL] = BASES[self.basis](distance, self.cutoff, self.functions)
            parts.append(result[RADIAL])
        result[EDGES] = ops.concatenate(parts, axis=-1)
        if "bond" in self.features:
            bond = ops.cast(ops.one_hot(graph[EDGE_CLASS], len(EDGE_CLASSES)), vectors.dtype)
            result[BONDED_EDGES] = ops.concatenate([bond, *parts], axis=-1)
        return result


@register("atom_encoder")
class AtomEncoder(PerceptronLayer):
    """Initial atom features: a perceptron of the features of each atom's species.

    Args:
        table: (species, features), in the model's order of species; kept as a non-trainable weight, so that it is saved
            with the model and a transfer can change it.
        units, hidden_layers, dropout, activation, seed: see `Perceptron`.
    """

    def __init__(self, table: list[list[float]], **kwargs: Unpack[PerceptronOptions]) -> None:
        super().__init__(**kwargs)
        self.table = [list(map(float, row)) for row in table]
        self.perceptron = self._perceptron("perceptron", self.units, self.seed)

    def build(self, graph: GraphShapes) -> None:
        shape = (len(self.table), len(self.table[0]))
        self.species = self.add_weight(name="species", shape=shape, initializer="zeros", trainable=False)
        self.species.assign(ops.convert_to_tensor(self.table, dtype=self.species.dtype))
        self.perceptron.build((None, shape[1]))

    def fact_weights(self) -> list[keras.Variable]:
        return [self.species]

    def species_weights(self) -> list[keras.Variable]:
        return [self.perceptron.first.kernel]

    def call(self, graph: GraphTensors, training: bool | None = None) -> GraphTensors:
        # Without dropout each species is encoded once: (species, features) -> (species, units) -> (atoms, units).
        # With dropout each atom has its own mask and is encoded itself.
        if self.dropout > 0:
            return {ATOMS: self.perceptron(ops.take(self.species, graph[SPECIES], axis=0), training=training)}
        return {ATOMS: ops.take(self.perceptron(self.species), graph[SPECIES], axis=0)}


@register("edge_encoder")
class EdgeEncoder(PerceptronLayer):
    """Encoded edge features: one perceptron without and one with the bond one-hot, each where a later layer reads it.

    Args:
        plain: whether a layer reads edge features without the bond one-hot.
        bonded: whether a layer reads edge features with it.
        units, hidden_layers, dropout, activation, seed: see `Perceptron`.
    """

    def __init__(self, plain: bool, bonded: bool, **kwargs: Unpack[PerceptronOptions]) -> None:
        super().__init__(**kwargs)
        self.plain, self.bonded = plain, bonded
        self.plain_perceptron = self._perceptron("plain", self.units, self.seed) if plain else None
        self.bonded_perceptron = self._perceptron("bonded", self.units, self.seed + 1) if bonded else None

    def build(self, graph: GraphShapes) -> None:
        if self.plain_perceptron is not None:
            self.plain_perceptron.build(graph[EDGES])
        if self.bonded_perceptron is not None:
            self.bonded_perceptron.build(graph[BONDED_EDGES])

    def radial_weights(self) -> list[tuple[keras.Variable, int]]:
        perceptrons = (self.plain_perceptron, self.bonded_perceptron)
        return [(perceptron.first.kernel, 1) for perceptron in perceptrons if perceptron is not None]

    def call(self, graph: GraphTensors, training: bool | None = None) -> GraphTensors:
        result = {}
        if self.plain_perceptron is not None:
            result[EDGES] = self.plain_perceptron(graph[EDGES], training=training)
        if self.bonded_perceptron is not None:
            result[BONDED_EDGES] = self.bonded_perceptron(graph[BONDED_EDGES], training=training)
        return result
