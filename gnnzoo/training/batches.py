"""Batches of training frames, shuffled in each epoch, as a function of seed and step alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gnnzoo.data.graphs.batch import pad
from gnnzoo.data.graphs.batch_shapes import BatchShape, choose_shapes, graph_shape, joint_shape, padded_shape
from gnnzoo.data.graphs.graph import subtract_energy_offsets
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import MAX_SAMPLE, TrainingStatistics
from gnnzoo.fields import GRAPH_WEIGHT
from gnnzoo.sampling import even_sample

_DRAWN = 512  # random batches that the shapes are chosen for
Batch = dict[str, tf.Tensor]  # arrays by their names in `gnnzoo.fields`


class BatchSampler:
    """Batches of the training split by step number.

    Args:
        source: graphs by frame number, with forces.
        train: (frames,) indices of the training split.
        batch_size: frames per step.
        seed: of the order.
        largest_wave: largest wave number that the network reads, inverse length unit; 0 for none.
        energy_offsets: (species,) energy of an atom of each species, subtracted from the energies; None for none.
        group_weights: weight of a frame by its group, 1 for others; None for batches without weights.
    """

    def __init__(
        self,
        source: GraphSource,
        train: np.ndarray,
        batch_size: int,
        seed: int,
        largest_wave: float = 0.0,
        energy_offsets: Sequence[float] | None = None,
        group_weights: Mapping[str, float] | None = None,
    ):
        self.source, self.train = source, np.asarray(train)
        self.batch_size = min(batch_size, len(self.train))
        self.seed = seed
        self.largest_wave = largest_wave
        self.energy_offsets = None if energy_offsets is None else np.asarray(energy_offsets, np.float64)
        self.group_weights = group_weights
        self.shapes = self._shapes()
        self._order: tuple[int, np.ndarray] = (-1, self.train)

    def _shapes(self) -> list[BatchShape]:
        """Shapes for nearly all batches, from random ones of a sample of the frames."""
        sizes = [
            graph_shape(self.source.graph(index), self.largest_wave) for index in even_sample(self.train, MAX_SAMPLE)
        ]
        largest = BatchShape(*np.max(sizes, axis=0).tolist())
        if min(shape.atoms for shape in sizes) == largest.atoms:  # frames of one size: one shape for any of them
            return [joint_shape([largest] * self.batch_size)]
        drawn = np.random.default_rng(self.seed).integers(len(sizes), size=(_DRAWN, self.batch_size))
        return choose_shapes([joint_shape([sizes[number] for number in row]) for row in drawn])

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every training frame is used once; the last batch may be smaller."""
        return -(-len(self.train) // self.batch_size)

    def frames(self, step: int) -> np.ndarray:
        """Frame numbers of step number `step`, counted from 0.

        Returns:
            (frames,) indices.
        """
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            self._order = (epoch, np.random.default_rng([self.seed, epoch]).permutation(self.train))
        return self._order[1][position * self.batch_size : (position + 1) * self.batch_size]

    def batch(self, step: int) -> Batch:
        """The padded batch of step number `step`.

        Returns:
            Model inputs and reference values.
        """
        graphs = [self.source.graph(index) for index in self.frames(step)]
        if self.energy_offsets is not None:
            graphs = [subtract_energy_offsets(graph, self.energy_offsets) for graph in graphs]
        shape = padded_shape(joint_shape(graph_shape(graph, self.largest_wave) for graph in graphs), self.shapes)
        batch = pad(graphs, self.batch_size, largest_wave=self.largest_wave, shape=shape)
        if self.group_weights is not None:
            weights = [self.group_weights.get(graph.group or "", 1.0) for graph in graphs]
            batch[GRAPH_WEIGHT] = np.array([*weights, *[0.0] * (self.batch_size - len(graphs))], np.float32)
        return {key: tf.convert_to_tensor(value) for key, value in batch.items()}


@dataclass(frozen=True)
class Replay:
    """Frames of an earlier training for a share of the steps, against forgetting them.

    Attributes:
        source: their graphs, with the species of the network that is trained now.
        train: (frames,) indices of their training split.
        statistics: of their training split.
        share: of the steps.
    """

    source: GraphSource
    train: np.ndarray
    statistics: TrainingStatistics
    share: float


class ReplaySampler:
    """Batches from two samplers: an evenly spread share of the steps uses old frames, the others new ones.

    Args:
        new, old: samplers of new and old frames.
        share: of the steps that use old frames.
    """

    def __init__(self, new: BatchSampler, old: BatchSampler, share: float):
        self.new, self.old, self.share = new, old, share
        self.batch_size = new.batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every new frame is used once, with the old ones in between."""
        return math.ceil(self.new.steps_per_epoch / (1 - self.share) - 1e-9)  # against rounding up an exact quotient

    def batch(self, step: int) -> Batch:
        """The padded batch of step number `step`.

        Returns:
            Model inputs and reference values.
        """
        before, after = (math.floor(number * self.share) for number in (step, step + 1))
        return self.old.batch(before) if after > before else self.new.batch(step - before)
