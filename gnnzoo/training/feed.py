"""Which frames a step sees: shuffled anew each epoch, as a function of seed and step alone."""

import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.pipeline import GraphSource, pad


class BatchFeed:
    """Batches of the training split by step number.

    Args:
        source: graphs by frame number, with forces.
        train: (frames,) indices of the training split.
        batch_size: frames per step.
        max_atoms: atoms of the largest frame.
        seed: of the order.
    """

    def __init__(self, source: GraphSource, train: np.ndarray, batch_size: int, max_atoms: int, seed: int):
        self.source, self.train = source, np.asarray(train)
        self.batch_size = min(batch_size, len(self.train))
        self.n_atoms, self.seed = self.batch_size * max_atoms, seed
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
        """The padded batch of step number `step`: model inputs and "forces"."""
        graphs = [self.source.graph(index) for index in self.frames(step)]
        batch = pad(graphs, self.batch_size, self.n_atoms)
        return {key: tf.convert_to_tensor(batch[key]) for key in (*fields.MODEL_INPUTS, fields.FORCES)}
