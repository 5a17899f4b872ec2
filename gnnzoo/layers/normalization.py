"""Normalisation of atom features: over the atoms of a graph, over all that was seen in training, over an atom's own."""

import keras
from keras import ops

from gnnzoo.fields import ATOM_MASK
from gnnzoo.layers.basic import StackLayer
from gnnzoo.layers.registry import ATOMS, membership, register

EPSILON = 1e-5  # added to variances


@register("graph_norm")
class GraphNorm(StackLayer):
    """Normalisation per channel, by the atoms of each graph or by moving statistics. Padding counts for nothing.

    With statistics of the graph: gamma (x - alpha mean) / std + beta, mean and std over the atoms of one graph, std
    that of x - alpha mean, alpha learned (arXiv 2009.03294, eq. 6).

    With running ones: gamma (x - mean) / std + beta, mean and std moving averages over the atoms of the batches of
    training. Training, too, divides by the moving ones, the current batch included, and takes them as constants when
    it derives; batch normalisation would take those of the batch. The function that is trained is then the one that
    is used: no atom feels a far one, a force is the same derivative of the energy in training and after it, and a
    batch of one or two frames adds no noise. The price: a step does not know that the statistics will follow it, and
    with a short memory the weights below drift on and on (arXiv 1502.03167, sec. 2), so that momentum should be near 1.
    Young averages move faster: the first batch counts whole, the n-th as 1/n, until that is less than 1 - momentum.

    Args:
        statistics: "graph" or "running".
        momentum: share of the old average that a step keeps, with running statistics.
    """

    arguments = ("statistics", "momentum")

    def __init__(self, statistics: str, momentum: float, **kwargs):
        super().__init__(**kwargs)
        self.statistics, self.momentum = statistics, momentum

    def build(self, graph):
        channels = graph[ATOMS][-1]
        weight = lambda name, start, shape=(channels,), trainable=True: self.add_weight(  # noqa: E731
            name=name, shape=shape, initializer=start, trainable=trainable
        )
        if self.statistics == "graph":
            self.alpha = weight("mean_scale", "ones")
        else:
            self.mean = weight("moving_mean", "zeros", trainable=False)
            self.variance = weight("moving_variance", "ones", trainable=False)
            self.batches = weight("batches", "zeros", shape=(), trainable=False)  # seen so far
        self.gamma = weight("scale", "ones")
        self.beta = weight("offset", "zeros")

    def call(self, graph, training=None):
        if self.statistics == "graph":
            return {ATOMS: self._over_each_graph(graph)}
        if training:
            self._follow(graph)
        factor = self.gamma * ops.rsqrt(self.variance + EPSILON)
        return {ATOMS: (graph[ATOMS] - self.mean) * factor + self.beta}

    def _over_each_graph(self, graph):
        x = graph[ATOMS]
        member = membership(graph, x.dtype)
        counts = ops.maximum(ops.sum(member, axis=0), 1)[:, None]  # (graphs, 1)
        mean = ops.matmul(ops.transpose(member), x) / counts  # (graphs, atoms), (atoms, c) -> (graphs, c)
        centred = x - self.alpha * ops.matmul(member, mean)
        variance = ops.matmul(ops.transpose(member), ops.square(centred)) / counts
        scale = ops.matmul(member, ops.rsqrt(variance + EPSILON))  # (atoms, graphs), (graphs, c) -> (atoms, c)
        return self.gamma * centred * scale + self.beta

    def _follow(self, graph):
        """Move the averages towards those of this batch; what is assigned to a weight, derivatives do not follow."""
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
    """gamma (x - mean) / std + beta, mean and std over the channels of each atom (arXiv 1607.06450)."""

    def build(self, graph):
        self.function = keras.layers.LayerNormalization(epsilon=EPSILON, name="function", dtype=self.dtype_policy)
        self.function.build(graph[ATOMS])

    def call(self, graph):
        return {ATOMS: self.function(graph[ATOMS])}
