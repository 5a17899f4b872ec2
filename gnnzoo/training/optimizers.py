"""Keras optimizers by the names of a recipe."""

import keras

from gnnzoo.recipe.schema.training import Training

_CLASSES = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
    "lamb": keras.optimizers.Lamb,
    "lion": keras.optimizers.Lion,
    "muon": keras.optimizers.Muon,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
    "adagrad": keras.optimizers.Adagrad,
    "adafactor": keras.optimizers.Adafactor,
}


def make_optimizer(settings: Training, variables: list) -> keras.Optimizer:
    """The optimizer that a recipe names, ready for `variables`; its learning rate is set at each step."""
    given = {"global_clipnorm": settings.clip_norm}
    if settings.weight_decay is not None:
        given["weight_decay"] = settings.weight_decay
        if settings.optimizer == "muon":  # it moves what is no matrix by Adam
            given["adam_weight_decay"] = settings.weight_decay
    if settings.momentum is not None:
        given["momentum"] = settings.momentum
    if settings.optimizer == "adafactor":  # else it would bound the learning rate by a schedule of its own
        given["relative_step"] = False
    optimizer = _CLASSES[settings.optimizer](settings.learning_rate.initial, **given)
    optimizer.build(variables)
    return optimizer
