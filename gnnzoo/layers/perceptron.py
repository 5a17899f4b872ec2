"""Building blocks of layers: seeded dense maps, activations and multilayer perceptrons."""

import math
from typing import Unpack

import keras
from keras import ops

from gnnzoo.layers.dropout import HashedDropout
from gnnzoo.layers.registry import derived_seed
from gnnzoo.layers.stack_layer import ConfiguredLayer, LayerOptions, StackLayer, Tensor


def seeded_dense(layer: keras.layers.Layer, name: str, units: int, bias: bool = True) -> keras.layers.Dense:
    """Make a dense map with Glorot-uniform weights, as a part of another layer.

    Args:
        layer: its owner, whose `seed` and `name` determine the initial weights; gives the dtype.
        name: name of the map, an attribute name of the owner.
        units: number of output channels.
        bias: whether it has a bias.

    Returns:
        The map, not built.
    """
    initializer = keras.initializers.GlorotUniform(seed=derived_seed(layer.seed, name))
    return keras.layers.Dense(units, use_bias=bias, kernel_initializer=initializer, name=name, dtype=layer.dtype_policy)


@keras.saving.register_keras_serializable(package="gnnzoo")
class ChannelPReLU(keras.layers.Layer):
    """Parametric ReLU with one learned slope per channel, initially 0.25 (arXiv 1502.01852):

        f(x_c) = max(0, x_c) + a_c min(0, x_c)

    At x = 0 its gradient is 1 + a, where that of `keras.layers.PReLU` is 0: features that are exactly zero, as those of
    identical atoms are after a normalisation, do not stop the training of the layers before.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        initializer = keras.initializers.Constant(0.25)
        self.slope = self.add_weight(name="slope", shape=(input_shape[-1],), initializer=initializer)

    def call(self, x: Tensor) -> Tensor:
        return ops.maximum(x, 0) + self.slope * ops.minimum(x, 0)


@keras.saving.register_keras_serializable(package="gnnzoo")
def shifted_softplus(x: Tensor) -> Tensor:
    """Softplus shifted to zero at zero, smooth everywhere (arXiv 1706.08566, sec. 4.1):

        f(x) = ln(e^x / 2 + 1 / 2)

    Args:
        x: any shape.

    Returns:
        f(x), of the same shape.
    """
    return ops.softplus(x) - math.log(2)


def activation_layer(kind: str, name: str, dtype: keras.DTypePolicy | str) -> keras.layers.Layer:
    """Make the layer of an activation function.

    Args:
        kind: "prelu", "shifted_softplus", or the Keras name of an activation.
        name: name of the layer.
        dtype: its dtype.

    Returns:
        The layer, not built.
    """
    if kind == "prelu":
        return ChannelPReLU(name=name, dtype=dtype)
    function = shifted_softplus if kind == "shifted_softplus" else kind
    return keras.layers.Activation(function, name=name, dtype=dtype)


@keras.saving.register_keras_serializable(package="gnnzoo")
class Perceptron(ConfiguredLayer):
    """Multilayer perceptron: dense, activation, `hidden_layers` x (dropout, dense without bias, activation), dense.

    Weights are Glorot uniform. The last dense map is linear: a sum over rows may be taken before it instead of
    after it, see `hidden` and `output_of_sum`.

    Args:
        units: width of the hidden layers.
        outputs: width of the output.
        hidden_layers, dropout, activation: as in the recipe's `Mlp`.
        seed: of the initial weights and of the dropout.
    """

    def __init__(
        self,
        units: int,
        outputs: int,
        hidden_layers: int,
        dropout: float,
        activation: str,
        seed: int,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.outputs, self.hidden_layers = units, outputs, hidden_layers
        self.dropout, self.activation, self.seed = dropout, activation, seed
        self._make_first()
        self.inner: list[keras.layers.Layer] = [self._activation("activation_0")]
        for i in range(1, hidden_layers + 1):
            if dropout > 0:
                dropout_seed = derived_seed(seed, "dropout", i)
                self.inner.append(
                    HashedDropout(dropout, seed=dropout_seed, name=f"dropout_{i}", dtype=self.dtype_policy)
                )
            self.inner += [seeded_dense(self, f"dense_{i}", units, bias=False), self._activation(f"activation_{i}")]
        self.last = seeded_dense(self, "output", outputs)

    def _make_first(self) -> None:
        """Make the first map: (n, inputs) -> (n, units)."""
        self.first = seeded_dense(self, "dense_0", self.units)

    def _activation(self, name: str) -> keras.layers.Layer:
        return activation_layer(self.activation, name, self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.first.build((None, input_shape[-1]))
        self._build_rest()

    def _build_rest(self) -> None:
        for layer in [*self.inner, self.last]:
            layer.build((None, self.units))

    def after_first(self, x: Tensor, training: bool | None = None) -> Tensor:
        """Apply all layers between the first and the last map.

        Args:
            x: (n, units), output of the first map.
            training: whether dropout is active.

        Returns:
            (n, units).
        """
        for layer in self.inner:
            x = layer(x, training=training) if isinstance(layer, HashedDropout) else layer(x)
        return x

    def hidden(self, x: Tensor, training: bool | None = None) -> Tensor:
        """Apply all but the last map.

        Args:
            x: (n, inputs).
            training: whether dropout is active.

        Returns:
            (n, units).
        """
        return self.after_first(self.first(x), training=training)

    def output_of_sum(self, summed: Tensor, weights: Tensor) -> Tensor:
        """Apply the last map to weighted sums of hidden rows, sum_n w_n h_n, instead of to each row.

        Args:
            summed: (m, units), sums of weighted hidden rows.
            weights: (m, 1), sums of the weights, which multiply the bias.

        Returns:
            (m, outputs), the weighted sums of the outputs.
        """
        return ops.matmul(summed, self.last.kernel) + weights * self.last.bias

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        return self.last(self.hidden(x, training=training))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.outputs)


@keras.saving.register_keras_serializable(package="gnnzoo")
class PairPerceptron(Perceptron):
    """Multilayer perceptron on pairs of atoms whose first map is A x_i + B x_j + C e_ji + b.

    A x_i + b and B x_j are computed once per atom and gathered for the edges, which is much cheaper than a map on every
    edge.

    Args:
        symmetric: whether B = A, so that the output does not depend on which atom of a pair is the receiver.
        units, outputs, hidden_layers, dropout, activation, seed: see `Perceptron`.
    """

    def __init__(
        self,
        units: int,
        outputs: int,
        hidden_layers: int,
        dropout: float,
        activation: str,
        seed: int,
        symmetric: bool,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        self.symmetric = symmetric
        super().__init__(units, outputs, hidden_layers, dropout, activation, seed, **kwargs)

    def _make_first(self) -> None:
        self.receiver = seeded_dense(self, "receiver", self.units)
        self.sender = None if self.symmetric else seeded_dense(self, "sender", self.units, bias=False)
        self.edge = seeded_dense(self, "edge", self.units, bias=False)

    def build_pair(self, atom_units: int, edge_units: int) -> None:
        """Build the weights.

        Args:
            atom_units: width of the atom features.
            edge_units: width of the edge features.
        """
        for layer in (self.receiver, self.sender):
            if layer is not None:
                layer.build((None, atom_units))
        self.edge.build((None, edge_units))
        self._build_rest()
        self.built = True

    def hidden_pairs(
        self, x: Tensor, edges: Tensor, senders: Tensor, receivers: Tensor, training: bool | None = None
    ) -> Tensor:
        """Apply all but the last map to the pairs of a neighbour list.

        Args:
            x: (atoms, atom_units) atom features.
            edges: (edges, edge_units) edge features.
            senders, receivers: (edges,) int32.
            training: whether dropout is active.

        Returns:
            (edges, units).
        """
        own = self.receiver(x)
        other = own if self.sender is None else self.sender(x)
        pairs = ops.take(own, receivers, axis=0) + ops.take(other, senders, axis=0) + self.edge(edges)
        return self.after_first(pairs, training=training)


class PerceptronOptions(LayerOptions):
    """Arguments of `PerceptronLayer`."""

    units: int
    hidden_layers: int
    dropout: float
    activation: str
    seed: int


class PerceptronLayer(StackLayer):
    """Base of the stack layers that consist of perceptrons.

    Args:
        units, hidden_layers, dropout, activation, seed: see `Perceptron`.
    """

    def __init__(
        self,
        units: int,
        hidden_layers: int,
        dropout: float,
        activation: str,
        seed: int,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.hidden_layers, self.dropout = units, hidden_layers, dropout
        self.activation, self.seed = activation, seed

    def _perceptron(self, name: str, outputs: int, seed: int) -> Perceptron:
        return Perceptron(outputs=outputs, **self._settings(name, seed))

    def _pair_perceptron(self, name: str, outputs: int, seed: int, symmetric: bool) -> PairPerceptron:
        return PairPerceptron(outputs=outputs, symmetric=symmetric, **self._settings(name, seed))

    def _settings(self, name: str, seed: int) -> PerceptronOptions:
        return {
            "units": self.units,
            "hidden_layers": self.hidden_layers,
            "dropout": self.dropout,
            "activation": self.activation,
            "seed": seed,
            "name": name,
            "dtype": self.dtype_policy,
        }
