"""The Keras layer, imported when a network is built."""

import keras
from keras import ops

from gnnzoo.fields import RECEIVERS, SENDERS
from gnnzoo.layers.registry import ATOMS, EDGE_WEIGHT, RADIAL, row_count, segment_sum
from gnnzoo.layers.stack_layer import StackLayer


@keras.saving.register_keras_serializable(package="gnnzoo_example_layer")
class FilteredSum(StackLayer):
    """x_i' = x_i + c sum_j w_ij (F R(r_ij)) * x_j with the radial basis R, a learned F and the envelope w."""

    def __init__(self, residual: bool, neighbor_scale: float, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.residual, self.neighbor_scale, self.seed = residual, neighbor_scale, seed

    def build(self, graph):
        start = keras.initializers.GlorotUniform(seed=self.seed)
        self.filter = self.add_weight(name="filter", shape=(graph[RADIAL][-1], graph[ATOMS][-1]), initializer=start)

    def radial_weights(self):
        return [(self.filter, 1)]

    def summed_weights(self):
        return [self.filter]

    def call(self, graph):
        x = graph[ATOMS]
        sent = ops.matmul(graph[RADIAL], self.filter) * ops.take(x, graph[SENDERS], axis=0) * graph[EDGE_WEIGHT]
        summed = segment_sum(sent, graph[RECEIVERS], row_count(x)) * self.neighbor_scale
        return {ATOMS: x + summed if self.residual else summed}
