"""Message passing of published networks: SchNet's continuous-filter convolution, GAMD's convolution."""

from typing import Unpack

import keras
from keras import ops

from gnnzoo.fields import RECEIVERS, SENDERS
from gnnzoo.layers.normalization import EPSILON
from gnnzoo.layers.perceptron import Perceptron, activation_layer, seeded_dense
from gnnzoo.layers.registry import ATOMS, EDGE_WEIGHT, derived_seed, edge_features, register, row_count, segment_sum
from gnnzoo.layers.stack_layer import GraphShapes, GraphTensors, LayerOptions, StackLayer, Tensor


class ConvolutionOptions(LayerOptions):
    """Arguments of `Convolution`."""

    units: int
    bond_features: bool
    neighbor_scale: float
    seed: int


class Convolution(StackLayer):
    """Base of the convolutions: atom features of equal width before and after, and a weighted sum over neighbours.

    Args:
        units: width of the atom features.
        bond_features: whether the edge features include the bond one-hot.
        neighbor_scale: factor c of sums over neighbours; 1, or normalises by the number of neighbours.
        seed: of the initial weights.
    """

    def __init__(
        self, units: int, bond_features: bool, neighbor_scale: float, seed: int, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.bond_features = units, bond_features
        self.neighbor_scale, self.seed = neighbor_scale, seed

    def _dense(self, name: str, bias: bool = True) -> keras.layers.Dense:
        return seeded_dense(self, name, self.units, bias)

    def _perceptron(self, name: str, activation: str) -> Perceptron:
        """Dense, activation, dense."""
        seed = derived_seed(self.seed, name)
        return Perceptron(self.units, self.units, 0, 0.0, activation, seed, name=name, dtype=self.dtype_policy)

    def _summed(self, messages: Tensor, graph: GraphTensors) -> Tensor:
        """Weighted sum over neighbours c sum_j w_ij m_ij: (edges, units) -> (atoms, units)."""
        count = row_count(graph[ATOMS])
        return segment_sum(messages * graph[EDGE_WEIGHT], graph[RECEIVERS], count) * self.neighbor_scale


@register("schnet_convolution")
class SchNetConvolution(Convolution):
    """Interaction block of SchNet with a continuous-filter convolution (arXiv 1706.08566, eq. 2 and fig. 2):

        x_i' = x_i + V2 ssp(V1 c sum_j w_ij (U x_j) * W(e_ji) + b1) + b2

    The filter W is a perceptron of the edge features, ssp is `shifted_softplus`, and w_ij is 1 or the envelope. V1 acts
    after the sum over neighbours, once per atom.

    Args:
        units, bond_features, neighbor_scale, seed: see `Convolution`.
    """

    def __init__(self, **kwargs: Unpack[ConvolutionOptions]) -> None:
        super().__init__(**kwargs)
        self.source = self._dense("source", bias=False)
        self.filter = self._perceptron("filter", "shifted_softplus")
        self.update = self._perceptron("update", "shifted_softplus")

    def build(self, graph: GraphShapes) -> None:
        self.source.build(graph[ATOMS])
        self.filter.build(edge_features(graph, self.bond_features))
        self.update.build(graph[ATOMS])

    def radial_weights(self) -> list[tuple[keras.Variable, int]]:
        return [(self.filter.first.kernel, 1)]

    def summed_weights(self) -> list[keras.Variable]:
        return [self.update.first.kernel]

    def call(self, graph: GraphTensors) -> GraphTensors:
        x = graph[ATOMS]
        filters = self.filter(edge_features(graph, self.bond_features))  # (edges, n) -> (edges, units)
        messages = ops.take(self.source(x), graph[SENDERS], axis=0) * filters
        return {ATOMS: x + self.update(self._summed(messages, graph))}


@register("gamd_convolution")
class GamdConvolution(Convolution):
    """Message passing of GAMD (arXiv 2112.03383, with the details of its published code):

        x_i' = x_i + V s(P h_i + Q c sum_j w_ij m_ij)
        m_ij = h_j * T(s(E(e_ji) + A h_i + B h_j)),   h = norm(x)

    E and T are perceptrons, s is the activation, norm is layer normalisation, and w_ij is 1 or the envelope. P, Q, V, A
    and B act once per atom, not once per edge.

    Args:
        activation: s.
        layer_norm: whether norm is layer normalisation; else h = x.
        units, bond_features, neighbor_scale, seed: see `Convolution`.
    """

    def __init__(self, activation: str, layer_norm: bool, **kwargs: Unpack[ConvolutionOptions]) -> None:
        super().__init__(**kwargs)
        self.activation, self.layer_norm = activation, layer_norm
        if layer_norm:
            self.norm = keras.layers.LayerNormalization(epsilon=EPSILON, name="norm", dtype=self.dtype_policy)
        self.edge = self._perceptron("edge", activation)
        self.receiver, self.sender = self._dense("receiver"), self._dense("sender", bias=False)
        self.message_activation = activation_layer(activation, "message_activation", self.dtype_policy)
        self.message = self._perceptron("message", activation)
        self.own, self.neighbors = self._dense("own"), self._dense("neighbors", bias=False)
        self.update_activation = activation_layer(activation, "update_activation", self.dtype_policy)
        self.update = self._dense("update")

    def build(self, graph: GraphShapes) -> None:
        self.edge.build(edge_features(graph, self.bond_features))
        on_atoms = [self.receiver, self.sender, self.message_activation, self.message, self.own, self.neighbors]
        on_atoms += [self.norm] if self.layer_norm else []
        for layer in [*on_atoms, self.update_activation, self.update]:
            layer.build(graph[ATOMS])

    def radial_weights(self) -> list[tuple[keras.Variable, int]]:
        return [(self.edge.first.kernel, 1)]

    def summed_weights(self) -> list[keras.Variable]:
        return [self.neighbors.kernel]

    def call(self, graph: GraphTensors) -> GraphTensors:
        x, senders, receivers = graph[ATOMS], graph[SENDERS], graph[RECEIVERS]
        h = self.norm(x) if self.layer_norm else x
        pairs = ops.take(self.receiver(h), receivers, axis=0) + ops.take(self.sender(h), senders, axis=0)
        pairs = pairs + self.edge(edge_features(graph, self.bond_features))  # (edges, units)
        messages = ops.take(h, senders, axis=0) * self.message(self.message_activation(pairs))
        hidden = self.own(h) + self.neighbors(self._summed(messages, graph))
        return {ATOMS: x + self.update(self.update_activation(hidden))}
