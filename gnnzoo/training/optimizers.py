"""Keras optimizers by the names of a recipe."""

from collections.abc import Sequence

import keras

from gnnzoo.recipe.schema.training import Training


def make_optimizer(settings: Training, variables: Sequence[keras.Variable]) -> keras.Optimizer:
    """The optimizer that a recipe names.

    Args:
        settings: the recipe's `training`; the learning rate is set again at each step.
        variables: the trainable weights.

    Returns:
        Optimizer with its variables built.
    """
    config: dict[str, float | bool | None] = {
        "learning_rate": settings.learning_rate.initial,
        "global_clipnorm": settings.clip_norm,
    }
    if settings.weight_decay is not None:
        config["weight_decay"] = settings.weight_decay
        if settings.optimizer == "muon":  # which updates weights that are not matrices by Adam
            config["adam_weight_decay"] = settings.weight_decay
    if settings.momentum is not None:
        config["momentum"] = settings.momentum
    if settings.optimizer == "adafactor":  # otherwise it limits the learning rate by a schedule of its own
        config["relative_step"] = False
    optimizer = keras.optimizers.get({"class_name": settings.optimizer, "config": config})
    optimizer.build(variables)
    return optimizer
