"""GraphNorm: normalisation over the atoms of each graph."""

from keras import ops

from gnnzoo.fields import ATOM_MASK, GRAPH_INDEX, GRAPH_MASK
from gnnzoo.layers.basic import StackLayer
from gnnzoo.layers.registry import ATOMS, register

_EPSILON = 1e-5


@register("graph_norm")
class GraphNorm(StackLayer):
    """gamma (x - alpha mean) / std + beta, mean and std over the atoms of one graph, per channel.

    arXiv 2009.03294, eq. 6; std is that of x - alpha mean, and alpha is learned. Padding atoms count for nothing.
    """

    def build(self, graph):
        channels = graph[ATOMS][-1]
        self.alpha = self.add_weight(name="mean_scale", shape=(channels,), initializer="ones")
        self.gamma = self.add_weight(name="scale", shape=(channels,), initializer="ones")
        self.beta = self.add_weight(name="offset", shape=(channels,), initializer="zeros")

    def call(self, graph):
        x = graph[ATOMS]
        # (atoms,) -> (atoms, graphs): few graphs, so that a product with the membership is faster than a scatter
        member = ops.one_hot(graph[GRAPH_INDEX], graph[GRAPH_MASK].shape[0] or ops.shape(graph[GRAPH_MASK])[0])
        member = ops.cast(member, x.dtype) * ops.cast(graph[ATOM_MASK], x.dtype)[:, None]
        counts = ops.maximum(ops.sum(member, axis=0), 1)[:, None]  # (graphs, 1)
        mean = ops.matmul(ops.transpose(member), x) / counts  # (graphs, atoms), (atoms, c) -> (graphs, c)
        centred = x - self.alpha * ops.matmul(member, mean)
        variance = ops.matmul(ops.transpose(member), ops.square(centred)) / counts
        scale = ops.matmul(member, ops.rsqrt(variance + _EPSILON))  # (atoms, graphs), (graphs, c) -> (atoms, c)
        return {ATOMS: self.gamma * centred * scale + self.beta}
