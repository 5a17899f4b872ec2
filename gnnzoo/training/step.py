"""The compiled training step: augmentation, loss, gradient, update of the weights and of their average."""

import keras
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.errors import Location, RecipeError
from gnnzoo.models.predict import ShapeSpecializedFunction
from gnnzoo.recipe.schema.training import Training
from gnnzoo.training.augmentation import displace, random_rotations, rotate
from gnnzoo.training.batches import Batch
from gnnzoo.training.losses import energy_loss, force_loss, virial_loss, zero_output_penalty
from gnnzoo.training.rates import layer_rates
from gnnzoo.training.stages import TrainingStage
from gnnzoo.training.weight_average import WeightAverage

# XORed with the recipe's seed for displacements, so that they are independent of the rotations of the same step; any
# constant would do.
_NOISE = 0x5EED


class TrainStep:
    """Updates the weights along the gradient of a batch's loss.

    Args:
        network: dict batch -> {"forces"}, and "energy" and "virial" where they are in the loss.
        optimizer: built for the network's trainable weights.
        settings: the recipe's `training`.
        stage: head, loss and learning-rate factors of layers.
        species_weights: (species,) weight of an atom of each species.
        force_scale: force unit per network unit, of all species or of each.
        average: of the weights, if one is kept.
        xla: whether to compile with XLA.
    """

    def __init__(
        self,
        network: keras.Model,
        optimizer: keras.Optimizer,
        settings: Training,
        stage: TrainingStage,
        species_weights: list[float],
        force_scale: float | list[float],
        average: WeightAverage | None,
        xla: bool,
    ):
        rates = layer_rates(stage.rates, {layer.name for layer in network.layers})
        of_layer = [rates[variable.path.partition("/")[0]] for variable in network.trainable_variables]
        # frozen weights are left out: their gradient is not computed and does not count in the norm that is clipped
        self.variables = [v for v, rate in zip(network.trainable_variables, of_layer, strict=True) if rate]
        self.rates = [rate for rate in of_layer if rate]
        if not self.variables:
            raise _nothing_to_train()
        self.frozen_state = [  # moving statistics of frozen layers, but not the seeds of dropout
            v
            for v in network.non_trainable_variables
            if rates.get(v.path.partition("/")[0]) == 0 and "float" in v.dtype
        ]
        self.network, self.optimizer, self.settings, self.stage = network, optimizer, settings, stage
        self.species_weights, self.force_scale, self.average = species_weights, force_scale, average
        self._compiled = ShapeSpecializedFunction(self._step, xla)

    @property
    def shapes(self) -> int:
        """Number of shapes for which the step is compiled."""
        return len(self._compiled)

    @property
    def compile_seconds(self) -> float:
        """Seconds that tracing and compilation have taken so far."""
        return self._compiled.compile_seconds

    def __call__(self, batch: Batch, step: int, penalty: float, decay: float) -> float:
        """Do one step.

        Args:
            batch: model inputs and reference values.
            step: its number, the seed of all that is random in it.
            penalty: weight of the extra term of the warm-up.
            decay: share of the average of the weights that is kept.

        Returns:
            Loss of the batch, without the extra term.
        """
        scalars = tf.constant(step, tf.int32), tf.constant(penalty), tf.constant(decay)
        return float(self._compiled(batch, *scalars))

    def _step(self, batch: Batch, step: tf.Tensor, penalty: tf.Tensor, decay: tf.Tensor) -> tf.Tensor:
        batch, variables = self._augmented(batch, step), self.variables
        state = [tf.identity(variable.value) for variable in self.frozen_state]
        head = {} if self.stage.head is None else {"head": self.stage.head}
        with tf.GradientTape() as tape:
            inputs = {key: batch[key] for key in fields.MODEL_INPUTS}
            outputs = self.network(inputs, training=True, **head)
            loss = self._loss(outputs, batch)
            total = loss
            if self.settings.warmup.loss == "nonzero_output":
                predicted, target = outputs[fields.FORCES], batch[fields.FORCES]
                total = total + penalty * zero_output_penalty(predicted, target, batch[fields.ATOM_MASK])
        self._update(tape.gradient(total, variables))
        for variable, value in zip(self.frozen_state, state, strict=True):
            variable.assign(value)
        if self.average is not None:
            self.average.update(decay)
        return loss

    def _update(self, gradients: list[tf.Tensor | None]) -> None:
        """One update; where a layer has a learning-rate factor, that share of it, whatever the optimizer."""
        of_head = [item for item in zip(gradients, self.variables, self.rates, strict=True) if item[0] is not None]
        if not of_head:
            raise _nothing_to_train()
        slowed = [(variable, rate, tf.identity(variable.value)) for _, variable, rate in of_head if rate != 1]
        self.optimizer.apply([gradient for gradient, *_ in of_head], [variable for _, variable, _ in of_head])
        for variable, rate, before in slowed:
            variable.assign(before + rate * (variable.value - before))

    def _augmented(self, batch: Batch, step: tf.Tensor) -> Batch:
        settings = self.settings.augmentation
        if settings.noise:
            seed = tf.stack([tf.constant(self.settings.seed ^ _NOISE, tf.int32), step])
            batch = displace(batch, settings.noise, seed)
        if settings.rotation:
            seed = tf.stack([tf.constant(self.settings.seed, tf.int32), step])
            batch = rotate(batch, random_rotations(batch[fields.GRAPH_MASK].shape[0], seed))
        return batch

    def _loss(self, outputs: Batch, batch: Batch) -> tf.Tensor:
        weights, mask, kind = self.settings.loss_weights, batch[fields.ATOM_MASK], self.stage.loss
        of_atom = mask
        if weights.types:
            of_atom = mask * tf.gather(tf.constant(self.species_weights, mask.dtype), batch[fields.SPECIES])
        of_frame = batch.get(fields.GRAPH_WEIGHT)
        if of_frame is not None:
            of_atom = of_atom * tf.gather(of_frame, batch[fields.GRAPH_INDEX])
        scale: float | tf.Tensor
        if isinstance(self.force_scale, list):  # (species,) -> (atoms, 1)
            scale = tf.gather(tf.constant(self.force_scale, mask.dtype), batch[fields.SPECIES])[:, None]
        else:
            scale = self.force_scale
        loss = weights.forces * force_loss(kind, outputs[fields.FORCES], batch[fields.FORCES], of_atom, scale)
        if self.stage.head == "direct":
            return loss
        sizes = tf.math.unsorted_segment_sum(mask, batch[fields.GRAPH_INDEX], batch[fields.ENERGY].shape[0])
        for weight, of_graph, key, known in (
            (weights.energy, energy_loss, fields.ENERGY, fields.ENERGY_MASK),
            (weights.virial, virial_loss, fields.VIRIAL, fields.VIRIAL_MASK),
        ):
            if weight:
                pair = outputs[key], batch[key]
                loss += weight * of_graph(kind, *pair, batch[known], sizes, self.force_scale, of_frame)
        return loss


def _nothing_to_train() -> RecipeError:
    return RecipeError(
        "every layer that could be trained is frozen, in the whole training or in a stage of it",
        location=Location(key="training.rates"),
        expected="a rate above 0, or fewer layers in training.start_from.freeze",
    )
