"""Comparison of an exported model with the live one, on frames."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.graphs.graph import Graph, graph_of
from gnnzoo.deploy.freeze import EDGE_SIGNATURES
from gnnzoo.models.files import ForceField
from gnnzoo.models.predict import Predictor
from gnnzoo.tensorflow_env import root_logger_kept

# Largest allowed difference of exported and live forces, relative to the largest force component: well above the
# rounding of float32 sums in another order, which is around 1e-6, and well below any error of a model.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Comparison:
    """Exported forces compared with those of the live model.

    Attributes:
        frames: number of frames compared.
        atoms: number of atoms in them.
        largest_difference: largest difference of a component, force unit of the model.
        largest_force: largest component of the live forces.
    """

    frames: int
    atoms: int
    largest_difference: float
    largest_force: float

    @property
    def same(self) -> bool:
        """Whether the two agree within `TOLERANCE`."""
        return self.largest_difference <= TOLERANCE * self.largest_force


def compare(model: ForceField, folder: Path, frames: Iterable[Frame]) -> Comparison:
    """Run an exported and the live model on frames; the exported one from positions and from edges.

    The live network runs without XLA, like the exported one: XLA sums in another order, and GraphNorm over atoms that a
    hardly trained network does not distinguish amplifies the difference a thousand times.

    Args:
        model: the live model.
        folder: the exported one.
        frames: the frames, at least one.

    Returns:
        The largest difference and what it was measured on.
    """
    with root_logger_kept():
        frozen = tf.saved_model.load(str(folder))
    predictor = Predictor(model.network, xla=False)
    count = atoms = 0
    difference = force = 0.0
    for frame in frames:
        graph = graph_of(frame, model.species, model.cutoff, model.recipe.graph.bonds)
        live = predictor.forces(graph)
        for predicted in _frozen_forces(frozen, frame, graph):
            difference = max(difference, float(np.max(np.abs(predicted - live), initial=0)))
        force = max(force, float(np.max(np.abs(live), initial=0)))
        count, atoms = count + 1, atoms + len(frame)
    return Comparison(count, atoms, difference, force)


def _frozen_forces(frozen: tf.Module, frame: Frame, graph: Graph) -> Iterator[np.ndarray]:
    """Forces by each function of the exported model."""
    arguments = [
        tf.constant(frame.positions, tf.float64),
        tf.constant(frame.cell, tf.float64),
        tf.constant(frame.pbc, tf.bool),
        tf.constant(frame.types, tf.int32),
    ]
    if frame.molecules is not None:
        arguments.append(tf.constant(frame.molecules, tf.int64))
    yield frozen.forces(*arguments).numpy()
    given = {
        "positions": arguments[0],
        "cell": arguments[1],
        "types": arguments[3],
        "owned": tf.fill([len(frame)], True),
        "senders": tf.constant(graph.senders),
        "receivers": tf.constant(graph.receivers),
        "vectors": tf.constant(graph.vectors, tf.float64),
        "edge_class": tf.constant(graph.edge_class),
    }
    for name in EDGE_SIGNATURES:
        if name not in frozen.signatures:  # of an older version
            continue
        signature = frozen.signatures[name]
        yield signature(**{key: given[key] for key in signature.structured_input_signature[1]})["forces"].numpy()
    if not hasattr(frozen, "forces_from_edges"):
        return
    edges = [tf.constant(part) for part in (graph.senders, graph.receivers, graph.vectors, graph.edge_class)]
    yield frozen.forces_from_edges(tf.constant(frame.types, tf.int32), *edges).numpy()
