"""Prediction: run a network on graphs, compiled once for each shape."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar, TypeVarTuple

import keras
import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.graphs.batch import pad
from gnnzoo.data.graphs.batch_shapes import (
    BatchShape,
    choose_shapes,
    graph_shape,
    joint_shape,
    padded_shape,
    well_covered,
)
from gnnzoo.data.graphs.graph import Graph
from gnnzoo.layers.stack_layer import GraphTensors

logger = logging.getLogger(__name__)

# Atoms of a batch of small graphs: from here on, a step takes as long as its atoms are many.
_ATOMS = 256
_WINDOW, _WINDOW_BYTES = 256, 100_000_000  # graphs that are read ahead

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class ShapeSpecializedFunction(Generic[*Arguments, Result]):
    """A function of tensors, traced and compiled separately for each combination of shapes.

    Layers then know all sizes while they are traced and can choose the computation accordingly. A single trace with
    unknown sizes would be compiled by XLA for each shape as well.

    Args:
        function: takes nested dicts and sequences of tensors.
        xla: whether to compile with XLA.
    """

    def __init__(self, function: Callable[[*Arguments], Result], xla: bool) -> None:
        self._function, self._xla = function, xla
        self._traced: dict[tuple, Callable[[*Arguments], Result]] = {}
        self.compile_seconds = 0.0  # of the first call of each combination of shapes

    def __call__(self, *arguments: *Arguments) -> Result:
        key = shapes(arguments)
        if key not in self._traced:  # a tf.function for each, so that none is traced twice
            logger.debug(f"shapes number {len(self) + 1}: traced{', compiled by XLA' if self._xla else ''}")
            # AutoGraph would convert all layers in seconds; none has Python control flow over tensors
            self._traced[key] = tf.function(self._function, jit_compile=self._xla, autograph=False)
            start = time.monotonic()
            result = self._traced[key](*arguments)
            self.compile_seconds += time.monotonic() - start
            return result
        return self._traced[key](*arguments)

    def __len__(self) -> int:
        """Number of combinations of shapes so far."""
        return len(self._traced)


def shapes(arguments: object) -> tuple[tuple[int | None, ...], ...]:
    """Collect the shapes of all tensors in a nested structure.

    Args:
        arguments: nested dicts and sequences of tensors.

    Returns:
        Their shapes, in the order of `tf.nest.flatten`.
    """
    return tuple(tuple(tensor.shape) for tensor in tf.nest.flatten(arguments))


class Predictor:
    """Runs a network on single graphs; keep it, because it keeps the compiled functions.

    Args:
        network: dict batch -> {"forces", and more}.
        xla: whether to compile with XLA: much faster, after seconds of compilation for each shape.
        head: head of a network that has two, "direct" or "energy"; None: the default of the network.
    """

    def __init__(self, network: keras.Model, xla: bool = True, head: str | None = None) -> None:
        chosen = {} if head is None else {"head": head}

        def forward(batch: GraphTensors) -> GraphTensors:
            outputs = network(batch, training=False, **chosen)
            return {key: outputs[key] for key in (fields.FORCES, fields.ENERGY, fields.VIRIAL) if key in outputs}

        self._forward = ShapeSpecializedFunction(forward, xla)
        self.largest_wave = largest_wave(network)

    @property
    def compile_seconds(self) -> float:
        """Seconds that tracing and compilation have taken so far."""
        return self._forward.compile_seconds

    def forces(self, graph: Graph) -> np.ndarray:
        """Predict forces.

        Args:
            graph: one graph.

        Returns:
            (atoms, 3) float32, force unit of the model.
        """
        return self.results(graph)[fields.FORCES]

    def results(self, graph: Graph) -> dict[str, np.ndarray]:
        """Predict all outputs of the network.

        Args:
            graph: one graph.

        Returns:
            "forces", (atoms, 3); from an energy head also "energy", (1,), and "virial", (1, 3, 3). float32, in the
            model's units.
        """
        return self.results_of([graph])[0]

    def results_of(
        self, graphs: Sequence[Graph], n_graphs: int = 0, shape: BatchShape | None = None
    ) -> list[dict[str, np.ndarray]]:
        """Predict all outputs of the network for several graphs in one batch, which takes less time for small ones.

        Args:
            graphs: at least one.
            n_graphs: of a full batch.
            shape: to pad the batch to; by default its own.

        Returns:
            See `results`; one dict for each graph.
        """
        ends = np.cumsum([len(graph.species) for graph in graphs])
        batch = pad(list(graphs), max(n_graphs, len(graphs)), largest_wave=self.largest_wave, shape=shape)
        inputs = {key: tf.convert_to_tensor(batch[key]) for key in fields.MODEL_INPUTS}
        outputs = {key: value.numpy() for key, value in self._forward(inputs).items()}
        forces = np.split(outputs.pop(fields.FORCES)[: ends[-1]], ends[:-1])
        return [
            {fields.FORCES: own} | {key: value[number : number + 1] for key, value in outputs.items()}
            for number, own in enumerate(forces)
        ]

    def __call__(self, graphs: Iterable[Graph]) -> Iterator[tuple[Graph, dict[str, np.ndarray]]]:
        """Yield each graph with its `results`.

        Graphs are read ahead, so that those of similar size share a batch and all batches a few shapes.
        """
        shapes: list[BatchShape] = []
        for window in _windows(graphs):
            yield from zip(window, self._window(window, shapes), strict=True)

    def _window(self, graphs: list[Graph], shapes: list[BatchShape]) -> list[dict[str, np.ndarray]]:
        """Results of all graphs; shapes that they need are added to `shapes`."""
        sizes = [graph_shape(graph, self.largest_wave) for graph in graphs]
        order = sorted(range(len(graphs)), key=lambda number: (sizes[number].cost, number))
        together = max(1, min(len(graphs), _ATOMS // max(size.atoms for size in sizes)))
        batches = [order[first : first + together] for first in range(0, len(order), together)]
        needed = [joint_shape(sizes[number] for number in batch) for batch in batches]
        if uncovered := [shape for shape in needed if not well_covered(shape, shapes)]:
            shapes += choose_shapes(uncovered)
        found: list[dict[str, np.ndarray]] = [{} for _ in graphs]
        for batch, own in zip(batches, needed, strict=True):
            results = self.results_of([graphs[number] for number in batch], together, padded_shape(own, shapes))
            for number, result in zip(batch, results, strict=True):
                found[number] = result
        return found


def _windows(graphs: Iterable[Graph]) -> Iterator[list[Graph]]:
    """Cut a sequence of graphs into lists of bounded size in memory."""
    window, size = [], 0
    for graph in graphs:
        window.append(graph)
        size += graph.nbytes
        if len(window) == _WINDOW or size > _WINDOW_BYTES:
            yield window
            window, size = [], 0
    if window:
        yield window


def largest_wave(network: keras.Model) -> float:
    """Find the largest wave number of a network's reciprocal-space layers.

    Args:
        network: any network.

    Returns:
        Largest wave number, inverse length unit; 0 without such layers.
    """
    return max((getattr(layer, "largest_wave", 0.0) for layer in network.layers), default=0.0)
