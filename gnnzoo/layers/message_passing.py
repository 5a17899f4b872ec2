"""Message passing of the network of origin."""

from keras import ops

from gnnzoo.fields import RECEIVERS, SENDERS
from gnnzoo.layers.basic import PairPerceptron, Perceptron, StackLayer
from gnnzoo.layers.registry import ATOMS, EDGE_WEIGHT, edge_features, register, row_count, segment_sum


@register("message_passing")
class MessagePassing(StackLayer):
    """x_i' = MLP( c sum_{j in N(i)} w_ij MLP((x_i * x_j) || e_ji) ), with x_i added where `residual`.

    The general shape: arXiv 2112.03383. w is 1, or the envelope; c is 1, or normalises by the number of neighbours.
    With `combine` "sum" the pair enters the inner perceptron as A x_i + B x_j + C e_ji instead of (x_i * x_j) || e_ji.

    Args:
        combine: "product" or "sum".
        units, hidden_layers, dropout, activation, seed: see `Perceptron`, for both perceptrons.
        bond_features: whether e_ji includes the bond one-hot.
        residual: whether the input is added to the output (widths must agree).
        neighbor_scale: c.
    """

    arguments = (
        "units",
        "hidden_layers",
        "dropout",
        "activation",
        "combine",
        "bond_features",
        "residual",
        "neighbor_scale",
        "seed",
    )

    def __init__(
        self,
        units: int,
        hidden_layers: int,
        dropout: float,
        activation: str,
        combine: str,
        bond_features: bool,
        residual: bool,
        neighbor_scale: float,
        seed: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.hidden_layers, self.dropout, self.activation = units, hidden_layers, dropout, activation
        self.combine, self.bond_features, self.residual = combine, bond_features, residual
        self.neighbor_scale, self.seed = neighbor_scale, seed
        shape = {
            "units": units,
            "outputs": units,
            "hidden_layers": hidden_layers,
            "dropout": dropout,
            "activation": activation,
            "dtype": self.dtype_policy,
        }
        if combine == "sum":
            self.message = PairPerceptron(**shape, symmetric=False, seed=seed, name="message")
        else:
            self.message = Perceptron(**shape, seed=seed, name="message")
        self.update = Perceptron(**shape, seed=seed + 1, name="update")

    def radial_weights(self):
        return [((self.message.edge if self.combine == "sum" else self.message.first).kernel, 1)]

    def summed_weights(self):
        return [self.message.last.kernel, self.message.last.bias]

    def build(self, graph):
        atom_units, edge_units = graph[ATOMS][-1], edge_features(graph, self.bond_features)[-1]
        if self.combine == "sum":
            self.message.build_pair(atom_units, edge_units)
        else:
            self.message.build((None, atom_units + edge_units))
        self.update.build((None, self.units))

    def call(self, graph, training=None):
        x, receivers, weight = graph[ATOMS], graph[RECEIVERS], graph[EDGE_WEIGHT]
        hidden = self._hidden_messages(graph, training)
        # The message's last map is linear: it is applied to the sum over neighbours, once per atom, not once per edge.
        count = row_count(x)
        summed = segment_sum(hidden * weight, receivers, count) * self.neighbor_scale
        weights = segment_sum(weight, receivers, count) * self.neighbor_scale
        update = self.update(self.message.output_of_sum(summed, weights), training=training)
        return {ATOMS: x + update if self.residual else update}

    def _hidden_messages(self, graph, training):
        """(edges, units): the message of each edge before its last linear map."""
        x, senders, receivers = graph[ATOMS], graph[SENDERS], graph[RECEIVERS]
        edges = edge_features(graph, self.bond_features)
        if self.combine == "sum":
            return self.message.hidden_pairs(x, edges, senders, receivers, training=training)
        pairs = ops.take(x, senders, axis=0) * ops.take(x, receivers, axis=0)
        return self.message.hidden(ops.concatenate([pairs, edges], axis=-1), training=training)
