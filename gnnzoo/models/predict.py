"""Forces from a network, graph by graph, compiled once for each shape."""

from collections.abc import Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.pipeline import Graph, pad


class Predictor:
    """Runs a network on graphs; keep it to keep what it compiled.

    Args:
        network: dict batch -> {"forces"}.
        batch_size: graphs per call.
        xla: whether to compile with XLA: faster by far, after seconds of compilation.
    """

    def __init__(self, network: keras.Model, batch_size: int = 1, xla: bool = True):
        self.network, self.batch_size = network, batch_size
        # Traced once with open sizes; XLA compiles for each size it meets.
        self._forward = tf.function(
            lambda batch: network(batch, training=False)[fields.FORCES],
            input_signature=[input_signature()],
            jit_compile=xla,
        )

    def __call__(self, graphs: Iterable[Graph]) -> Iterator[np.ndarray]:
        """(atoms, 3) float32 forces of each graph, in the model's unit."""
        waiting: list[Graph] = []
        for graph in graphs:
            waiting.append(graph)
            if len(waiting) == self.batch_size:
                yield from self._run(waiting)
                waiting = []
        if waiting:
            yield from self._run(waiting)

    def _run(self, graphs: list[Graph]) -> list[np.ndarray]:
        counts = [len(graph.species) for graph in graphs]
        batch = pad(graphs, self.batch_size, self.batch_size * counts[0])
        inputs = {key: tf.convert_to_tensor(batch[key]) for key in fields.MODEL_INPUTS}
        return np.split(self._forward(inputs).numpy()[: sum(counts)], np.cumsum(counts)[:-1])


def input_signature() -> dict[str, tf.TensorSpec]:
    """What a network is called with, sizes open."""
    return {key: tf.TensorSpec((None, *shape), dtype, name=key) for key, (shape, dtype) in fields.BATCH_SHAPES.items()}


def predict(network: keras.Model, graphs: Iterable[Graph], batch_size: int = 1) -> Iterator[np.ndarray]:
    """`Predictor` for a single pass."""
    return Predictor(network, batch_size)(graphs)
