"""Forces from a network, graph by graph, compiled once for each shape."""

from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.graphs.batch import pad
from gnnzoo.data.graphs.graph import Graph


class ShapeSpecializedFunction:
    """A function of tensors, traced and compiled anew for each combination of shapes.

    So that layers know their sizes when they are traced, and may choose another way of computing for small ones. One
    trace with open sizes would be compiled by XLA for each shape all the same.

    Args:
        function: of nested dicts and sequences of tensors.
        xla: whether to compile with XLA.
    """

    def __init__(self, function: Callable, xla: bool):
        self._function, self._xla = function, xla
        self._traced: dict[tuple, tf.types.experimental.PolymorphicFunction] = {}

    def __call__(self, *arguments):
        key = shapes(arguments)
        if key not in self._traced:  # a function of its own each: none is ever traced twice
            self._traced[key] = tf.function(self._function, jit_compile=self._xla)
        return self._traced[key](*arguments)

    def __len__(self) -> int:
        """How many shapes have come so far."""
        return len(self._traced)


def shapes(arguments) -> tuple:
    """The shapes of all tensors in nested dicts and sequences."""
    return tuple(tuple(tensor.shape) for tensor in tf.nest.flatten(arguments))


class Predictor:
    """Runs a network on graphs; keep it to keep what it compiled.

    Args:
        network: dict batch -> {"forces"} and whatever else.
        xla: whether to compile with XLA: faster by far, after seconds of compilation.
        head: which head of the network answers, where it has two; by default the network's own choice.
    """

    def __init__(self, network: keras.Model, xla: bool = True, head: str | None = None):
        chosen = {} if head is None else {"head": head}

        def forward(batch):
            found = network(batch, training=False, **chosen)
            return {key: found[key] for key in (fields.FORCES, fields.ENERGY, fields.VIRIAL) if key in found}

        self._forward = ShapeSpecializedFunction(forward, xla)
        self.largest_wave = largest_wave(network)

    def forces(self, graph: Graph) -> np.ndarray:
        """(atoms, 3) float32 forces in the model's unit."""
        return self.results(graph)[fields.FORCES]

    def results(self, graph: Graph) -> dict[str, np.ndarray]:
        """What the network answers, in the model's units: forces (atoms, 3); of one with an energy also that, (1,), and
        the virial, (1, 3, 3).
        """
        batch = pad([graph], n_graphs=1, n_atoms=len(graph.species), largest_wave=self.largest_wave)
        inputs = {key: tf.convert_to_tensor(batch[key]) for key in fields.MODEL_INPUTS}
        return {key: value.numpy() for key, value in self._forward(inputs).items()}

    def __call__(self, graphs: Iterable[Graph]) -> Iterator[tuple[Graph, dict[str, np.ndarray]]]:
        """Each graph with its `results`, one at a time."""
        for graph in graphs:
            yield graph, self.results(graph)


def largest_wave(network: keras.Model) -> float:
    """The largest wave number that a network reads, inverse length unit; 0 where it reads no waves."""
    return max((getattr(layer, "largest_wave", 0.0) for layer in network.layers), default=0.0)
