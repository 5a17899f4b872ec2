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
        xla: whether to compile with XLA: faster by far, after seconds of compilation.
    """

    def __init__(self, network: keras.Model, xla: bool = True):
        # Traced once with open sizes; XLA compiles for each size it meets.
        self._forward = tf.function(
            lambda batch: network(batch, training=False)[fields.FORCES],
            input_signature=[input_signature()],
            jit_compile=xla,
        )

    def forces(self, graph: Graph) -> np.ndarray:
        """(atoms, 3) float32 forces in the model's unit."""
        batch = pad([graph], n_graphs=1, n_atoms=len(graph.species))
        inputs = {key: tf.convert_to_tensor(batch[key]) for key in fields.MODEL_INPUTS}
        return self._forward(inputs).numpy()

    def __call__(self, graphs: Iterable[Graph]) -> Iterator[tuple[Graph, np.ndarray]]:
        """Each graph with the forces on its atoms, one at a time."""
        for graph in graphs:
            yield graph, self.forces(graph)


def input_signature() -> dict[str, tf.TensorSpec]:
    """What a network is called with, sizes open."""
    return {key: tf.TensorSpec((None, *shape), dtype, name=key) for key, (shape, dtype) in fields.BATCH_SHAPES.items()}
