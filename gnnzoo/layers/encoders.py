"""From what the data say of atoms and pairs to the features that message passing works on."""

from keras import ops

from gnnzoo.fields import EDGE_CLASS, EDGE_CLASSES, EDGE_MASK, EDGE_VECTORS, SPECIES
from gnnzoo.layers.basic import Perceptron, StackLayer
from gnnzoo.layers.radial import BASES, polynomial_envelope
from gnnzoo.layers.registry import (
    ATOMS,
    BONDED_EDGES,
    DIRECTIONS,
    EDGE_WEIGHT,
    EDGES,
    RADIAL,
    register,
)


@register("edge_geometry")
class EdgeGeometry(StackLayer):
    """Edge vectors -> the features that the recipe's `graph` names; every stack begins with it.

    Args:
        features: any of "bond", "distance", "direction", "radial"; at least one beside "bond".
        cutoff: length unit.
        basis, functions: radial basis, used for "radial".
        envelope: whether edge weights end smoothly at the cutoff; else they are 1 up to it.
        envelope_order: see `radial.polynomial_envelope`.
    """

    arguments = ("features", "cutoff", "basis", "functions", "envelope", "envelope_order")

    def __init__(
        self,
        features: list[str],
        cutoff: float,
        basis: str,
        functions: int,
        envelope: bool,
        envelope_order: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.features, self.cutoff, self.basis = list(features), float(cutoff), basis
        self.functions, self.envelope, self.envelope_order = functions, envelope, envelope_order

    def call(self, graph):
        vectors = graph[EDGE_VECTORS]
        squared = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
        # two atoms on one spot have no direction; the floor keeps the gradient finite there
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
class AtomEncoder(StackLayer):
    """Perceptron from a species' features to the atom features.

    Args:
        table: (species, features) what each species is, in the model's order of species; kept as a weight that is not
            trained, so that a model carries it and a transfer can set it.
        units, hidden_layers, dropout, activation, seed: see `Perceptron`.
    """

    arguments = ("table", "units", "hidden_layers", "dropout", "activation", "seed")

    def __init__(
        self,
        table: list[list[float]],
        units: int,
        hidden_layers: int,
        dropout: float,
        activation: str,
        seed: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.table = [list(map(float, row)) for row in table]
        self.units, self.hidden_layers, self.dropout = units, hidden_layers, dropout
        self.activation, self.seed = activation, seed
        self.perceptron = Perceptron(
            units, units, hidden_layers, dropout, activation, seed, name="perceptron", dtype=self.dtype_policy
        )

    def build(self, graph):
        shape = (len(self.table), len(self.table[0]))
        self.species = self.add_weight(name="species", shape=shape, initializer="zeros", trainable=False)
        self.species.assign(ops.convert_to_tensor(self.table, dtype=self.species.dtype))
        self.perceptron.build((None, shape[1]))

    def fact_weights(self):
        return [self.species]

    def species_weights(self):
        return [self.perceptron.first.kernel]

    def call(self, graph, training=None):
        # (species, features) -> (species, units) -> (atoms, units): few species, so encode those and look them up.
        # With dropout each atom draws its own mask, and must be encoded on its own.
        if self.dropout > 0:
            return {ATOMS: self.perceptron(ops.take(self.species, graph[SPECIES], axis=0), training=training)}
        return {ATOMS: ops.take(self.perceptron(self.species), graph[SPECIES], axis=0)}


@register("edge_encoder")
class EdgeEncoder(StackLayer):
    """Perceptrons from edge inputs to edge features: one with the bond one-hot, one without, each only where read.

    Args:
        plain, bonded: whether some layer reads edge features without / with the bond one-hot.
        units, hidden_layers, dropout, activation, seed: see `Perceptron`.
    """

    arguments = ("plain", "bonded", "units", "hidden_layers", "dropout", "activation", "seed")

    def __init__(
        self,
        plain: bool,
        bonded: bool,
        units: int,
        hidden_layers: int,
        dropout: float,
        activation: str,
        seed: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.plain, self.bonded = plain, bonded
        self.units, self.hidden_layers, self.dropout = units, hidden_layers, dropout
        self.activation, self.seed = activation, seed
        make = lambda name, number: Perceptron(  # noqa: E731
            units, units, hidden_layers, dropout, activation, seed + number, name=name, dtype=self.dtype_policy
        )
        self.plain_perceptron = make("plain", 0) if plain else None
        self.bonded_perceptron = make("bonded", 1) if bonded else None

    def build(self, graph):
        if self.plain:
            self.plain_perceptron.build(graph[EDGES])
        if self.bonded:
            self.bonded_perceptron.build(graph[BONDED_EDGES])

    def radial_weights(self):
        made = [part for part in (self.plain_perceptron, self.bonded_perceptron) if part is not None]
        return [(part.first.kernel, 1) for part in made]

    def call(self, graph, training=None):
        result = {}
        if self.plain:
            result[EDGES] = self.plain_perceptron(graph[EDGES], training=training)
        if self.bonded:
            result[BONDED_EDGES] = self.bonded_perceptron(graph[BONDED_EDGES], training=training)
        return result
