"""Heads: from features to forces, or to an energy whose derivative they are."""

from keras import ops

from gnnzoo.fields import ATOM_MASK, FORCES, RECEIVERS, SENDERS, SPECIES
from gnnzoo.layers.basic import PairPerceptron, Perceptron, StackLayer
from gnnzoo.layers.painn import linear
from gnnzoo.layers.registry import (
    ATOM_ENERGIES,
    ATOMS,
    DIRECTIONS,
    EDGE_WEIGHT,
    VECTORS,
    edge_features,
    register,
    row_count,
    segment_sum,
)


class AtomHead(StackLayer):
    """Perceptron from the features of each atom to `outputs` numbers, answered under `key`.

    Args:
        units, hidden_layers, dropout, activation, seed: see `Perceptron`.
    """

    arguments = ("units", "hidden_layers", "dropout", "activation", "seed")
    outputs: int
    key: str

    def __init__(self, units: int, hidden_layers: int, dropout: float, activation: str, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.units, self.hidden_layers, self.dropout = units, hidden_layers, dropout
        self.activation, self.seed = activation, seed
        shape = (units, self.outputs, hidden_layers, dropout, activation, seed)
        self.perceptron = Perceptron(*shape, name="perceptron", dtype=self.dtype_policy)

    def build(self, graph):
        self.perceptron.build(graph[ATOMS])

    def output_weights(self):
        return [self.perceptron.last.kernel, self.perceptron.last.bias]

    def call(self, graph, training=None):
        return {self.key: self.perceptron(graph[ATOMS], training=training)}


@register("force_decoder")
class ForceDecoder(AtomHead):
    """Three components from the atom features: free to learn anything, rotation included."""

    outputs, key = 3, FORCES


@register("energy_decoder")
class EnergyDecoder(AtomHead):
    """The share of each atom in the potential energy; forces are its derivative (`models.conservative`)."""

    outputs, key = 1, ATOM_ENERGIES


@register("pair_force_decoder")
class PairForceDecoder(StackLayer):
    """F_i = c sum_j w_ij f_ij r_ij / |r_ij|, with f_ij from both atoms' features and their edge's.

    Turns with the atoms whatever the features, as long as those do not depend on direction. With `antisymmetric`
    f_ij = f_ji, so that the force of j on i is opposite to that of i on j and all forces sum to zero.

    Args:
        units, hidden_layers, dropout, activation, seed: see `Perceptron`.
        antisymmetric: whether the two atoms enter alike.
        bond_features: whether the edge features include the bond one-hot.
        neighbor_scale: c.
    """

    arguments = (
        "units",
        "hidden_layers",
        "dropout",
        "activation",
        "antisymmetric",
        "bond_features",
        "neighbor_scale",
        "seed",
    )

    def __init__(
        self,
        units: int,
        hidden_layers: int,
        dropout: float,
        activation: str,
        antisymmetric: bool,
        bond_features: bool,
        neighbor_scale: float,
        seed: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.hidden_layers, self.dropout, self.activation = units, hidden_layers, dropout, activation
        self.antisymmetric, self.bond_features = antisymmetric, bond_features
        self.neighbor_scale, self.seed = neighbor_scale, seed
        self.perceptron = PairPerceptron(
            units=units,
            outputs=1,
            hidden_layers=hidden_layers,
            dropout=dropout,
            activation=activation,
            symmetric=antisymmetric,
            seed=seed,
            name="perceptron",
            dtype=self.dtype_policy,
        )

    def radial_weights(self):
        return [(self.perceptron.edge.kernel, 1)]

    def summed_weights(self):
        return self.output_weights()

    def output_weights(self):
        return [self.perceptron.last.kernel, self.perceptron.last.bias]

    def build(self, graph):
        self.perceptron.build_pair(graph[ATOMS][-1], edge_features(graph, self.bond_features)[-1])

    def call(self, graph, training=None):
        x, senders, receivers = graph[ATOMS], graph[SENDERS], graph[RECEIVERS]
        edges = edge_features(graph, self.bond_features)
        hidden = self.perceptron.hidden_pairs(x, edges, senders, receivers, training=training)
        strength = self.perceptron.last(hidden) * graph[EDGE_WEIGHT]  # (edges, units) -> (edges, 1)
        count = row_count(x)
        forces = segment_sum(strength * graph[DIRECTIONS], receivers, count)
        return {FORCES: forces * self.neighbor_scale}


@register("vector_force_decoder")
class VectorForceDecoder(StackLayer):
    """F_i = sum_c g_c(s_i) (U v_i)_c: forces that turn with the atoms (after arXiv 2102.03150).

    Args:
        units, hidden_layers, dropout, activation, seed: see `Perceptron`, for g.
    """

    arguments = ("units", "hidden_layers", "dropout", "activation", "seed")

    def __init__(self, units: int, hidden_layers: int, dropout: float, activation: str, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.units, self.hidden_layers, self.dropout = units, hidden_layers, dropout
        self.activation, self.seed = activation, seed
        self.gate = Perceptron(
            units, units, hidden_layers, dropout, activation, seed, name="gate", dtype=self.dtype_policy
        )
        self.map = linear(self, "map", units)

    def build(self, graph):
        self.gate.build(graph[ATOMS])
        self.map.build((None, 3, graph[VECTORS][-1]))

    def output_weights(self):
        return [self.map.kernel]

    def call(self, graph, training=None):
        gate = self.gate(graph[ATOMS], training=training)[:, None, :]
        return {FORCES: ops.sum(gate * self.map(graph[VECTORS]), axis=-1)}  # (atoms, 3, units) -> (atoms, 3)


@register("force_scale")
class ForceScale(StackLayer):
    """Network units -> force units, and zero on padding: behind the heads of every model.

    Energies are scaled alike, times one length unit. Their zero is that of the network; the data's own is taken off
    before training and put back in double precision (`ForceField.energy`), for float32 would lose digits over it.

    A model that serves substances whose forces differ by orders has a scale for each species. Where atoms of two scales
    meet, pair forces of a direct head do not sum to zero.

    Args:
        scale: force unit per network unit, one for all species or one for each; kept as a weight that is not trained.
    """

    arguments = ("scale",)

    def __init__(self, scale: float | list[float], **kwargs):
        super().__init__(**kwargs)
        self.scale = list(map(float, scale)) if isinstance(scale, list | tuple) else float(scale)

    def build(self, graph):
        shape = (len(self.scale),) if isinstance(self.scale, list) else ()
        self.factor = self.add_weight(name="scale", shape=shape, initializer="ones", trainable=False)
        self.factor.assign(self.scale)

    def fact_weights(self):
        return [self.factor]

    def call(self, graph):
        factor = self.factor if isinstance(self.scale, float) else ops.take(self.factor, graph[SPECIES])[:, None]
        found = [key for key in (FORCES, ATOM_ENERGIES) if key in graph]
        return {key: graph[key] * factor * ops.cast(graph[ATOM_MASK], graph[key].dtype)[:, None] for key in found}
