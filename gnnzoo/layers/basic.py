"""Layers on the atom features alone: activations, dropout, dense, residual."""

from typing import Unpack

import keras
from keras import ops

from gnnzoo.layers.dropout import HashedDropout
from gnnzoo.layers.perceptron import ChannelPReLU
from gnnzoo.layers.registry import ATOMS, atoms_after, register
from gnnzoo.layers.stack_layer import GraphShapes, GraphTensors, LayerOptions, StackLayer


@register("prelu")
class PReLU(StackLayer):
    """`ChannelPReLU` on the atom features."""

    def build(self, graph: GraphShapes) -> None:
        self.function = ChannelPReLU(name="function", dtype=self.dtype_policy)
        self.function.build(graph[ATOMS])

    def call(self, graph: GraphTensors) -> GraphTensors:
        return {ATOMS: self.function(graph[ATOMS])}


@register("silu")
class SiLU(StackLayer):
    """Sigmoid linear unit x / (1 + e^-x) on the atom features."""

    def call(self, graph: GraphTensors) -> GraphTensors:
        return {ATOMS: ops.silu(graph[ATOMS])}


@register("residual")
class Residual(StackLayer):
    """Residual connection: adds the output features of an earlier layer of the stack, of the same width.

    Args:
        of: name of that layer; the graph holds its output under `atoms_after(of)`.
    """

    def __init__(self, of: str, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.of = of

    def call(self, graph: GraphTensors) -> GraphTensors:
        return {ATOMS: graph[ATOMS] + graph[atoms_after(self.of)]}


@register("dropout")
class Dropout(StackLayer):
    """Dropout on the atom features.

    Args:
        rate: probability of setting a feature to zero in training.
        seed: of the masks.
    """

    def __init__(self, rate: float, seed: int, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.rate, self.seed = rate, seed
        self.function = HashedDropout(rate, seed=seed, name="function", dtype=self.dtype_policy)

    def call(self, graph: GraphTensors, training: bool | None = None) -> GraphTensors:
        return {ATOMS: self.function(graph[ATOMS], training=training)}


@register("dense")
class Dense(StackLayer):
    """Linear map of the atom features, Glorot-uniform weights.

    Args:
        units: width of the output.
        bias: whether it has a bias.
        seed: of the initial weights.
    """

    def __init__(self, units: int, bias: bool, seed: int, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.units, self.bias, self.seed = units, bias, seed
        initializer = keras.initializers.GlorotUniform(seed=seed)
        self.function = keras.layers.Dense(
            units, use_bias=bias, kernel_initializer=initializer, name="function", dtype=self.dtype_policy
        )

    def build(self, graph: GraphShapes) -> None:
        self.function.build(graph[ATOMS])

    def call(self, graph: GraphTensors) -> GraphTensors:
        return {ATOMS: self.function(graph[ATOMS])}
