"""Message passing of the original network (GNNforMD)."""

from typing import Unpack

import keras
from keras import ops

from gnnzoo.fields import RECEIVERS, SENDERS
from gnnzoo.layers.perceptron import PairPerceptron, Perceptron, PerceptronLayer, PerceptronOptions
from gnnzoo.layers.registry import ATOMS, EDGE_WEIGHT, edge_features, register, row_count, segment_sum
from gnnzoo.layers.stack_layer import GraphShapes, GraphTensors, Tensor


@register("message_passing")
class MessagePassing(PerceptronLayer):
    """Message passing with perceptrons (the general form: arXiv 2112.03383):

        x_i' = MLP( c sum_{j in N(i)} w_ij MLP((x_i * x_j) || e_ji) ),   plus x_i where `residual`

    The weight w_ij is 1 or the envelope. With `combine` "sum" the first map of the inner perceptron is
    A x_i + B x_j + C e_ji + b instead of a map of (x_i * x_j) || e_ji.

    Args:
        combine: "product" or "sum".
        bond_features: whether e_ji includes the bond one-hot.
        residual: whether the input is added to the output, of the same width.
        neighbor_scale: c; 1, or normalises by the number of neighbours.
        units, hidden_layers, dropout, activation, seed: see `Perceptron`, for both perceptrons.
    """

    def __init__(
        self,
        combine: str,
        bond_features: bool,
        residual: bool,
        neighbor_scale: float,
        **kwargs: Unpack[PerceptronOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.combine, self.bond_features = combine, bond_features
        self.residual, self.neighbor_scale = residual, neighbor_scale
        self.message: Perceptron
        if combine == "sum":
            self.message = self._pair_perceptron("message", self.units, self.seed, symmetric=False)
        else:
            self.message = self._perceptron("message", self.units, self.seed)
        self.update = self._perceptron("update", self.units, self.seed + 1)

    def radial_weights(self) -> list[tuple[keras.Variable, int]]:
        first = self.message.edge if isinstance(self.message, PairPerceptron) else self.message.first
        return [(first.kernel, 1)]

    def summed_weights(self) -> list[keras.Variable]:
        return [self.message.last.kernel, self.message.last.bias]

    def build(self, graph: GraphShapes) -> None:
        atom_units, edge_units = graph[ATOMS][-1], edge_features(graph, self.bond_features)[-1]
        if isinstance(self.message, PairPerceptron):
            self.message.build_pair(atom_units, edge_units)
        else:
            self.message.build((None, atom_units + edge_units))
        self.update.build((None, self.units))

    def call(self, graph: GraphTensors, training: bool | None = None) -> GraphTensors:
        x, receivers, weight = graph[ATOMS], graph[RECEIVERS], graph[EDGE_WEIGHT]
        hidden = self._hidden_messages(graph, training)
        # The message's last map is linear: it is applied to the sum over neighbours, once per atom, not once per edge.
        count = row_count(x)
        summed = segment_sum(hidden * weight, receivers, count) * self.neighbor_scale
        weights = segment_sum(weight, receivers, count) * self.neighbor_scale
        update = self.update(self.message.output_of_sum(summed, weights), training=training)
        return {ATOMS: x + update if self.residual else update}

    def _hidden_messages(self, graph: GraphTensors, training: bool | None) -> Tensor:
        """(edges, units): messages before their last linear map."""
        x, senders, receivers = graph[ATOMS], graph[SENDERS], graph[RECEIVERS]
        edges = edge_features(graph, self.bond_features)
        if isinstance(self.message, PairPerceptron):
            return self.message.hidden_pairs(x, edges, senders, receivers, training=training)
        pairs = ops.take(x, senders, axis=0) * ops.take(x, receivers, axis=0)
        return self.message.hidden(ops.concatenate([pairs, edges], axis=-1), training=training)
