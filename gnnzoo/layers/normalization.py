"""Normalisation of atom features: over the atoms of a graph, by running statistics, or over the channels of an atom."""

from typing import Unpack

import keras
from keras import ops

from gnnzoo.fields import ATOM_MASK
from gnnzoo.layers.registry import ATOMS, membership, register
from gnnzoo.layers.stack_layer import GraphShapes, GraphTensors, LayerOptions, StackLayer, Tensor

EPSILON = 1e-5  # added to variances: the usual default of normalisation layers


@register("graph_norm")
class GraphNorm(StackLayer):
    """Normalisation of each channel over atoms, with statistics of each graph or running ones; padding is ignored.

    With `statistics` "graph" (GraphNorm, arXiv 2009.03294, eq. 6), over the atoms of one graph, with learned alpha,
    gamma and beta:

        x' = gamma (x - alpha mean(x)) / std(x - alpha mean(x)) + beta

    With "running", mean and std are moving averages over the atoms of the training batches:

        x' = gamma (x - mean) / std + beta

    In training they are updated with the batch first and then used, with gradients stopped; batch normalisation would
    use those of the batch. The trained function is therefore the one that is used later: distant atoms do not interact
    through the statistics, forces are the same derivative of the energy in training and prediction, and small batches
    add no noise. The optimizer, however, does not know that the statistics will follow its step, and with a small
    momentum the weights before the layer drift without bound (arXiv 1502.03167, sec. 2): momentum should be close to 1.
    The first averages move faster: batch number n has the weight max(1 - momentum, 1/n).

    Args:
        statistics: "graph" or "running".
        momentum: fraction of the old average that a step keeps, with running statistics.
    """

    def __init__(self, statistics: str, momentum: float, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.statistics, self.momentum = statistics, momentum

    def build(self, graph: GraphShapes) -> None:
        channels = graph[ATOMS][-1:]
        if self.statistics == "graph":
            self.alpha = self.add_weight(name="mean_scale", shape=channels, initializer="ones")
        else:
            self.mean = self.add_weight(name="moving_mean", shape=channels, initializer="zeros", trainable=False)
            self.variance = self.add_weight(name="moving_variance", shape=channels, initializer="ones", trainable=False)
            self.batches = self.add_weight(
                name="batches", shape=(), initializer="zeros", trainable=False
            )  # seen so far
        self.gamma = self.add_weight(name="scale", shape=channels, initializer="ones")
        self.beta = self.add_weight(name="offset", shape=channels, initializer="zeros")

    def call(self, graph: GraphTensors, training: bool | None = None) -> GraphTensors:
        if self.statistics == "graph":
            return {ATOMS: self._over_each_graph(graph)}
        if training:
            self._update_averages(graph)
        factor = self.gamma * ops.rsqrt(self.variance + EPSILON)
        return {ATOMS: (graph[ATOMS] - self.mean) * factor + self.beta}

    def _over_each_graph(self, graph: GraphTensors) -> Tensor:
        x = graph[ATOMS]
        member = membership(graph, x.dtype)
        counts = ops.maximum(ops.sum(member, axis=0), 1)[:, None]  # (graphs, 1)
        mean = ops.matmul(ops.transpose(member), x) / counts  # (graphs, atoms), (atoms, c) -> (graphs, c)
        centred = x - self.alpha * ops.matmul(member, mean)
        variance = ops.matmul(ops.transpose(member), ops.square(centred)) / counts
        scale = ops.matmul(member, ops.rsqrt(variance + EPSILON))  # (atoms, graphs), (graphs, c) -> (atoms, c)
        return self.gamma * centred * scale + self.beta

    def _update_averages(self, graph: GraphTensors) -> None:
        """Move the averages towards the statistics of this batch; assigning to a weight stops the gradient."""
        x = graph[ATOMS]
        share = ops.cast(graph[ATOM_MASK], x.dtype)
        share = (share / ops.maximum(ops.sum(share), 1))[None, :]  # (1, atoms)
        rate = ops.maximum(1 - self.momentum, 1 / (self.batches + 1))
        mean = self.mean + rate * (ops.matmul(share, x)[0] - self.mean)  # (1, atoms), (atoms, c) -> (c,)
        variance = ops.matmul(share, ops.square(x - mean))[0]
        self.mean.assign(mean)
        self.variance.assign(self.variance + rate * (variance - self.variance))
        self.batches.assign(self.batches + 1)


@register("layer_norm")
class LayerNorm(StackLayer):
    """Layer normalisation gamma (x - mean) / std + beta over the channels of each atom (arXiv 1607.06450)."""

    def build(self, graph: GraphShapes) -> None:
        self.function = keras.layers.LayerNormalization(epsilon=EPSILON, name="function", dtype=self.dtype_policy)
        self.function.build(graph[ATOMS])

    def call(self, graph: GraphTensors) -> GraphTensors:
        return {ATOMS: self.function(graph[ATOMS])}
