"""Which frames a step sees: shuffled anew each epoch, as a function of seed and step alone."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gnnzoo.data.graphs.batch import pad, padded_size, slot_count
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import TrainingStatistics


class BatchSampler:
    """Batches of the training split by step number.

    Args:
        source: graphs by frame number, with forces.
        train: (frames,) indices of the training split.
        batch_size: frames per step.
        statistics: of the training split; nearly all batches are padded to its largest frame, and have one shape.
        seed: of the order.
        largest_wave: of the waves that the network reads; 0 for none.
    """

    def __init__(
        self,
        source: GraphSource,
        train: np.ndarray,
        batch_size: int,
        statistics: TrainingStatistics,
        seed: int,
        largest_wave: float = 0.0,
    ):
        self.source, self.train = source, np.asarray(train)
        self.batch_size = min(batch_size, len(self.train))
        self.n_atoms, self.seed = self.batch_size * statistics.max_atoms, seed
        self.largest_wave = largest_wave
        self.n_edges = padded_size(self.batch_size * statistics.max_edges + 1)
        self.n_slots = slot_count(statistics.max_neighbors)
        self._order: tuple[int, np.ndarray] = (-1, self.train)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every training frame is seen once; the last one may be smaller."""
        return -(-len(self.train) // self.batch_size)

    def frames(self, step: int) -> np.ndarray:
        """Frame numbers of step number `step`, counted from 0."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            self._order = (epoch, np.random.default_rng([self.seed, epoch]).permutation(self.train))
        return self._order[1][position * self.batch_size : (position + 1) * self.batch_size]

    def batch(self, step: int) -> dict[str, tf.Tensor]:
        """The padded batch of step number `step`: model inputs and what they are compared with."""
        graphs = [self.source.graph(index) for index in self.frames(step)]
        sizes = {"n_edges": self.n_edges, "n_slots": self.n_slots, "largest_wave": self.largest_wave}
        batch = pad(graphs, self.batch_size, self.n_atoms, **sizes)
        return {key: tf.convert_to_tensor(value) for key, value in batch.items()}


@dataclass(frozen=True)
class Replay:
    """Frames of another training that a training goes on with, so that what was learned of them is not forgotten.

    Attributes:
        source: their graphs, with the species of the network that is trained now.
        train: (frames,) indices of their training split.
        statistics: of it.
        share: of the steps.
    """

    source: GraphSource
    train: np.ndarray
    statistics: TrainingStatistics
    share: float


class ReplaySampler:
    """Two feeds in turns: a share of the steps, evenly spread, sees old frames and the others see new ones.

    Args:
        new, old: the feeds.
        share: of the steps that see old frames.
    """

    def __init__(self, new: BatchSampler, old: BatchSampler, share: float):
        self.new, self.old, self.share = new, old, share
        self.batch_size = new.batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every new frame is seen once, with the old ones between them."""
        return math.ceil(self.new.steps_per_epoch / (1 - self.share) - 1e-9)

    def batch(self, step: int) -> dict[str, tf.Tensor]:
        """The padded batch of step number `step`."""
        before, after = (math.floor(number * self.share) for number in (step, step + 1))
        return self.old.batch(before) if after > before else self.new.batch(step - before)
