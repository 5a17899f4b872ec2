"""One training step as it is compiled: augmentation, losses, gradient, update, average of the weights."""

import keras
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.errors import Location, RecipeError
from gnnzoo.models.predict import ShapeSpecializedFunction
from gnnzoo.recipe.schema.training import Training
from gnnzoo.training.augmentation import displace, random_rotations, rotate
from gnnzoo.training.losses import energy_loss, force_loss, virial_loss, zero_output_penalty
from gnnzoo.training.rates import layer_rates
from gnnzoo.training.stages import TrainingStage
from gnnzoo.training.weight_average import WeightAverage

# Added to the recipe's seed for displacements, so that they have nothing to do with the rotations of the same step.
_NOISE = 0x5EED


class TrainStep:
    """Moves the weights against the gradient of a batch's loss.

    Args:
        network: dict batch -> {"forces"}, and "energy" and "virial" where these count.
        optimizer: built for the network's trainable weights.
        settings: the recipe's `training`.
        phase: which head, loss and rates of layers.
        species_weights: (species,) weight of an atom of each species.
        force_scale: force unit per network unit, of all species or of each.
        average: of the weights, where one is kept.
        xla: whether to compile with XLA.
    """

    def __init__(
        self,
        network: keras.Model,
        optimizer: keras.Optimizer,
        settings: Training,
        phase: TrainingStage,
        species_weights: list[float],
        force_scale: float | list[float],
        average: WeightAverage | None,
        xla: bool,
    ):
        rates = layer_rates(phase.rates, {layer.name for layer in network.layers})
        of_layer = [rates[variable.path.partition("/")[0]] for variable in network.trainable_variables]
        # what is frozen is left out: no gradient of it is computed, and none counts in the norm that is clipped
        self.variables = [v for v, rate in zip(network.trainable_variables, of_layer, strict=True) if rate]
        self.rates = [rate for rate in of_layer if rate]
        if not self.variables:
            raise _nothing_to_train()
        self.kept = [  # moving statistics, but not the state of dropout
            v
            for v in network.non_trainable_variables
            if rates.get(v.path.partition("/")[0]) == 0 and "float" in v.dtype
        ]
        self.network, self.optimizer, self.settings, self.phase = network, optimizer, settings, phase
        self.species_weights, self.force_scale, self.average = species_weights, force_scale, average
        self._compiled = ShapeSpecializedFunction(self._step, xla)

    @property
    def shapes(self) -> int:
        """For how many shapes it was compiled."""
        return len(self._compiled)

    def __call__(self, batch: dict, step: int, penalty: float, decay: float) -> float:
        """Do one step; returns the batch's loss, without the warm-up's extra term.

        Args:
            batch: model inputs and what they are compared with.
            step: its number, the seed of what is random in it.
            penalty: weight of the warm-up's extra term.
            decay: share of the average of the weights that is kept.
        """
        scalars = tf.constant(step, tf.int32), tf.constant(penalty), tf.constant(decay)
        return float(self._compiled(batch, *scalars))

    def _step(self, batch: dict, step, penalty, decay):
        batch, variables = self._augmented(batch, step), self.variables
        kept = [tf.identity(variable.value) for variable in self.kept]
        chosen = {} if self.phase.head is None else {"head": self.phase.head}
        with tf.GradientTape() as tape:
            inputs = {key: batch[key] for key in fields.MODEL_INPUTS}
            found = self.network(inputs, training=True, **chosen)
            loss = self._loss(found, batch)
            total = loss
            if self.settings.warmup.loss == "nonzero_output":
                predicted, target = found[fields.FORCES], batch[fields.FORCES]
                total = total + penalty * zero_output_penalty(predicted, target, batch[fields.ATOM_MASK])
        gradients = tape.gradient(total, variables)
        self._move(gradients)
        for variable, value in zip(self.kept, kept, strict=True):
            variable.assign(value)
        if self.average is not None:
            self.average.update(decay)
        return loss

    def _move(self, gradients: list) -> None:
        """One update; a layer with a rate of its own goes that share of the way, whatever the optimizer."""
        of_head = [pair for pair in zip(gradients, self.variables, self.rates, strict=True) if pair[0] is not None]
        slowed = [(variable, rate, tf.identity(variable.value)) for _, variable, rate in of_head if rate != 1]
        if not of_head:
            raise _nothing_to_train()
        gradients, variables, _ = zip(*of_head, strict=True)
        self.optimizer.apply(gradients, variables)
        for variable, rate, before in slowed:
            variable.assign(before + rate * (variable.value - before))

    def _augmented(self, batch: dict, step) -> dict:
        settings = self.settings.augmentation
        if settings.noise:
            seed = tf.stack([tf.constant(self.settings.seed ^ _NOISE, tf.int32), step])
            batch = displace(batch, settings.noise, seed)
        if settings.rotation:
            seed = tf.stack([tf.constant(self.settings.seed, tf.int32), step])
            batch = rotate(batch, random_rotations(batch[fields.GRAPH_MASK].shape[0], seed))
        return batch

    def _loss(self, found: dict, batch: dict):
        weights, mask, kind = self.settings.loss_weights, batch[fields.ATOM_MASK], self.phase.loss
        of_atom = mask
        if weights.types:
            of_atom = mask * tf.gather(tf.constant(self.species_weights, mask.dtype), batch[fields.SPECIES])
        predicted, target, scale = found[fields.FORCES], batch[fields.FORCES], self.force_scale
        if isinstance(scale, list):  # (species,) -> (atoms, 1)
            scale = tf.gather(tf.constant(scale, mask.dtype), batch[fields.SPECIES])[:, None]
        loss = weights.forces * force_loss(kind, predicted, target, of_atom, scale)
        if self.phase.head == "direct":
            return loss
        sizes = tf.math.unsorted_segment_sum(mask, batch[fields.GRAPH_INDEX], batch[fields.ENERGY].shape[0])
        if weights.energy:
            loss += weights.energy * energy_loss(
                kind, found[fields.ENERGY], batch[fields.ENERGY], batch[fields.ENERGY_MASK], sizes, self.force_scale
            )
        if weights.virial:
            loss += weights.virial * virial_loss(
                kind, found[fields.VIRIAL], batch[fields.VIRIAL], batch[fields.VIRIAL_MASK], sizes, self.force_scale
            )
        return loss


def _nothing_to_train() -> RecipeError:
    return RecipeError(
        "every layer that could be trained is frozen, in the whole training or in a stage of it",
        location=Location(key="training.rates"),
        expected="a rate above 0, or fewer layers in training.start_from.freeze",
    )
