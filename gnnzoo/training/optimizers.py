"""Keras optimizers by the names of a recipe."""

from collections.abc import Sequence

import keras

from gnnzoo.recipe.schema.training import Training

# By lower-case names, as recipes have them; `keras.optimizers.get` does not know all of them (lamb).
_CLASSES = {name.lower(): item for name, item in vars(keras.optimizers).items() if isinstance(item, type)}


def make_optimizer(settings: Training, variables: Sequence[keras.Variable]) -> keras.Optimizer:
    """The optimizer that a recipe names.

    Args:
        settings: the recipe's `training`; the learning rate is set again at each step.
        variables: the trainable weights.

    Returns:
        Optimizer with its variables built.
    """
    options: dict[str, float | bool | None] = {"global_clipnorm": settings.clip_norm}
    if settings.weight_decay is not None:
        options["weight_decay"] = settings.weight_decay
        if settings.optimizer == "muon":  # which updates weights that are not matrices by Adam
            options["adam_weight_decay"] = settings.weight_decay
    if settings.momentum is not None:
        options["momentum"] = settings.momentum
    if settings.optimizer == "adafactor":  # otherwise it limits the learning rate by a schedule of its own
        options["relative_step"] = False
    optimizer = _CLASSES[settings.optimizer](settings.learning_rate.initial, **options)
    optimizer.build(variables)
    return optimizer
