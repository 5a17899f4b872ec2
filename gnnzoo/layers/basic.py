"""Layers on atom features alone: activations, dropout, dense, residual; and the perceptron that others are made of."""

import math

import keras
from keras import ops

from gnnzoo.layers.dropout import HashedDropout
from gnnzoo.layers.registry import ATOMS, atoms_after, derived_seed, register


@keras.saving.register_keras_serializable(package="gnnzoo")
class ChannelPReLU(keras.layers.Layer):
    """max(0, x) + a min(0, x) with one slope a per channel, shared over rows, from 0.25 (arXiv 1502.01852)."""

    def build(self, input_shape):
        self.slope = self.add_weight(
            name="slope", shape=(input_shape[-1],), initializer=keras.initializers.Constant(0.25)
        )

    def call(self, x):
        return ops.maximum(x, 0) + self.slope * ops.minimum(x, 0)


@keras.saving.register_keras_serializable(package="gnnzoo")
def shifted_softplus(x):
    """ln(e^x / 2 + 1 / 2), which is 0 at 0 and smooth everywhere (arXiv 1706.08566, sec. 4.1)."""
    return ops.softplus(x) - math.log(2)


def activation_layer(kind: str, name: str, dtype) -> keras.layers.Layer:
    """The layer of an activation: "prelu", "shifted_softplus", or what Keras calls so."""
    if kind == "prelu":
        return ChannelPReLU(name=name, dtype=dtype)
    function = shifted_softplus if kind == "shifted_softplus" else kind
    return keras.layers.Activation(function, name=name, dtype=dtype)


@keras.saving.register_keras_serializable(package="gnnzoo")
class Perceptron(keras.layers.Layer):
    """Dense + activation, then `hidden_layers` x (dropout, dense without bias, activation), then dense.

    Glorot-uniform weights. `hidden` and `output` may be called apart: the last map is linear, so that a caller which
    sums rows can apply it after the sum.

    Args:
        units: width of the hidden layers.
        outputs: width of the result.
        hidden_layers, dropout, activation: as in the recipe's `Mlp`.
        seed: of the weights and the dropout.
    """

    def __init__(
        self, units: int, outputs: int, hidden_layers: int, dropout: float, activation: str, seed: int, **kwargs
    ):
        super().__init__(**kwargs)
        self.units, self.outputs, self.hidden_layers = units, outputs, hidden_layers
        self.dropout, self.activation, self.seed = dropout, activation, seed
        self.make_first()
        self.inner: list[keras.layers.Layer] = [self._activation("activation_0")]
        for i in range(1, hidden_layers + 1):
            if dropout > 0:
                self.inner.append(
                    HashedDropout(
                        dropout, seed=derived_seed(seed, "dropout", i), name=f"dropout_{i}", dtype=self.dtype_policy
                    )
                )
            self.inner += [self._dense(f"dense_{i}", units, use_bias=False), self._activation(f"activation_{i}")]
        self.last = self._dense("output", outputs)

    def make_first(self) -> None:
        """Make the first map, from the inputs to `units` channels."""
        self.first = self._dense("dense_0", self.units)

    def _dense(self, name: str, units: int, use_bias: bool = True) -> keras.layers.Dense:
        start = keras.initializers.GlorotUniform(seed=derived_seed(self.seed, name))
        return keras.layers.Dense(
            units, use_bias=use_bias, kernel_initializer=start, name=name, dtype=self.dtype_policy
        )

    def _activation(self, name: str) -> keras.layers.Layer:
        return activation_layer(self.activation, name, self.dtype_policy)

    def build(self, input_shape):
        self.first.build((None, input_shape[-1]))
        self.build_rest()

    def build_rest(self) -> None:
        """Build all after the first map."""
        for layer in [*self.inner, self.last]:
            layer.build((None, self.units))

    def after_first(self, x, training=None):
        """What follows the first map, up to but without the last: (n, units) -> (n, units)."""
        for layer in self.inner:
            x = layer(x, training=training) if isinstance(layer, HashedDropout) else layer(x)
        return x

    def hidden(self, x, training=None):
        """(n, inputs) -> (n, units), all but the last linear map."""
        return self.after_first(self.first(x), training=training)

    def output_of_sum(self, summed, weights):
        """The last map applied to sum_n w_n h_n instead of to each h_n: (m, units), (m, 1) -> (m, outputs).

        Args:
            summed: sum of weighted hidden rows.
            weights: sum of the weights, by which the bias counts.
        """
        return ops.matmul(summed, self.last.kernel) + weights * self.last.bias

    def call(self, x, training=None):
        return self.last(self.hidden(x, training=training))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.outputs)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "outputs": self.outputs,
            "hidden_layers": self.hidden_layers,
            "dropout": self.dropout,
            "activation": self.activation,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="gnnzoo")
class PairPerceptron(Perceptron):
    """A perceptron over pairs whose first map is A x_i + B x_j + C e_ji + b.

    The atoms' shares are computed once per atom and looked up, which costs a small part of a map over every edge.

    Args:
        symmetric: B = A, so that a pair gives the same result seen from either atom.
        units, outputs, hidden_layers, dropout, activation, seed: see `Perceptron`.
    """

    def __init__(self, *, symmetric: bool, **kwargs):
        self.symmetric = symmetric
        super().__init__(**kwargs)

    def make_first(self) -> None:
        """Make A, B and C."""
        self.receiver = self._dense("receiver", self.units)
        self.sender = None if self.symmetric else self._dense("sender", self.units, use_bias=False)
        self.edge = self._dense("edge", self.units, use_bias=False)

    def build_pair(self, atom_units: int, edge_units: int) -> None:
        """Build for atoms and edges of these widths."""
        for layer in (self.receiver, self.sender):
            if layer is not None:
                layer.build((None, atom_units))
        self.edge.build((None, edge_units))
        self.build_rest()
        self.built = True

    def hidden_pairs(self, x, edges, senders, receivers, training=None):
        """(atoms, a), (edges, e), (edges,), (edges,) -> (edges, units), all but the last linear map."""
        own = self.receiver(x)
        other = own if self.sender is None else self.sender(x)
        pairs = ops.take(own, receivers, axis=0) + ops.take(other, senders, axis=0) + self.edge(edges)
        return self.after_first(pairs, training=training)

    def get_config(self):
        return {**super().get_config(), "symmetric": self.symmetric}


class StackLayer(keras.layers.Layer):
    """A layer of the stack: `call(graph)` returns a dict of what it changes, and the rest goes on.

    Subclasses name their constructor arguments in `arguments`, for `get_config`; and once they are built, for
    transfers, the weights whose meaning depends on the radial basis or on the number of neighbours.
    """

    arguments: tuple[str, ...] = ()

    def radial_weights(self) -> list[tuple[keras.Variable, int]]:
        """Weights whose last rows belong to the radial functions in their order, with how many rows each function has.

        With an edge encoder in the stack, layers that read edges have none.
        """
        return []

    def summed_weights(self) -> list[keras.Variable]:
        """Weights to which sums over neighbours are proportional, as they are to `neighbor_scale`."""
        return []

    def fact_weights(self) -> list[keras.Variable]:
        """Weights that state facts about a substance, such as what its species are; a transfer keeps the target's."""
        return []

    def species_weights(self) -> list[keras.Variable]:
        """Of an atom encoder, the weights that have one row for each input feature of a species."""
        return []

    def output_weights(self) -> list[keras.Variable]:
        """Of a head, the weights to which its answer is proportional."""
        return []

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.arguments}}


@register("prelu")
class PReLU(StackLayer):
    """`ChannelPReLU` on the atom features."""

    def build(self, graph):
        self.function = ChannelPReLU(name="function", dtype=self.dtype_policy)
        self.function.build(graph[ATOMS])

    def call(self, graph):
        return {ATOMS: self.function(graph[ATOMS])}


@register("silu")
class SiLU(StackLayer):
    """x / (1 + e^-x) on the atom features."""

    def call(self, graph):
        return {ATOMS: ops.silu(graph[ATOMS])}


@register("residual")
class Residual(StackLayer):
    """Adds the atom features as they were after an earlier layer of the stack; the widths must agree.

    Args:
        of: name of that layer; the graph holds its features under `atoms_after(of)`.
    """

    arguments = ("of",)

    def __init__(self, of: str, **kwargs):
        super().__init__(**kwargs)
        self.of = of

    def call(self, graph):
        return {ATOMS: graph[ATOMS] + graph[atoms_after(self.of)]}


@register("dropout")
class Dropout(StackLayer):
    """Drops a share `rate` of the atom features during training."""

    arguments = ("rate", "seed")

    def __init__(self, rate: float, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.seed = rate, seed
        self.function = HashedDropout(rate, seed=seed, name="function", dtype=self.dtype_policy)

    def call(self, graph, training=None):
        return {ATOMS: self.function(graph[ATOMS], training=training)}


@register("dense")
class Dense(StackLayer):
    """A linear map of the atom features to `units` channels."""

    arguments = ("units", "bias", "seed")

    def __init__(self, units: int, bias: bool, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.units, self.bias, self.seed = units, bias, seed
        self.function = keras.layers.Dense(
            units,
            use_bias=bias,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            name="function",
            dtype=self.dtype_policy,
        )

    def build(self, graph):
        self.function.build(graph[ATOMS])

    def call(self, graph):
        return {ATOMS: self.function(graph[ATOMS])}
