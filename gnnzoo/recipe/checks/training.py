"""What the training asks of the stack and of the species, told before any data are read."""

import math
from collections.abc import Iterator

from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.checks.heads import DIRECT_HEADS, ENERGY_HEADS
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.training import Training

_PATH = ("training", "stages")
_WITH_MOMENTUM = ("sgd", "rmsprop", "muon")


def check_training(recipe: Recipe) -> Iterator[Problem]:
    """Everything in `training` that does not agree with itself or with the rest of the recipe."""
    yield from _types(recipe)
    yield from _weights(recipe)
    yield from _momentum(recipe)
    yield from _stages(recipe)


def _heads(recipe: Recipe) -> set[str]:
    """Which of "direct" and "energy" the stack can answer with."""
    layers = {entry.layer for entry in recipe.model.layers}
    kinds = {"direct": DIRECT_HEADS, "energy": ENERGY_HEADS}
    return {name for name, heads in kinds.items() if layers & set(heads)}


def _types(recipe: Recipe) -> Iterator[Problem]:
    """Weights are for species that the recipe knows; where it names none, the data decide."""
    known = [*dict.fromkeys([*(recipe.data.types or {}).values(), *recipe.data.atoms])]
    for name in recipe.training.loss_weights.types:
        if known and name not in known:
            what = f"unknown species '{name}'." + did_you_mean(name, known)
            yield Problem(("training", "loss_weights", "types", name), what, f"one of {', '.join(known)}")


def _weights(recipe: Recipe) -> Iterator[Problem]:
    """Energies and virials need a head that has them, and each stage something that counts."""
    weights = recipe.training.loss_weights
    for name in ("energy", "virial"):
        if getattr(weights, name) and "energy" not in _heads(recipe):
            yield Problem(
                ("training", "loss_weights", name),
                f"the network has no {name}",
                f'a stack that ends in {{"layer": "{ENERGY_HEADS[0]}"}}',
                "without it: 0",
            )
    if not weights.forces and not weights.energy and not weights.virial:
        yield Problem(("training", "loss_weights", "forces"), "nothing counts in the loss", "a weight above 0")
    elif not weights.forces and any(stage.head == "direct" for stage in recipe.training.stages):
        what = "nothing counts in the loss of the direct stage: its head has no energy"
        yield Problem(("training", "loss_weights", "forces"), what, "a weight above 0")


def _momentum(recipe: Recipe) -> Iterator[Problem]:
    training = recipe.training
    if training.momentum is not None and training.optimizer not in _WITH_MOMENTUM:
        yield Problem(
            ("training", "momentum"),
            f"the optimizer {training.optimizer} has none to set",
            f"null, or one of the optimizers {', '.join(_WITH_MOMENTUM)}",
        )


def _stages(recipe: Recipe) -> Iterator[Problem]:
    """Stages train each head of the stack, the one that answers last, and have lengths."""
    stages, heads = recipe.training.stages, _heads(recipe)
    if len(heads) > 1 and "direct" not in {stage.head for stage in stages}:
        what = "the stack has a direct head before its energy, and no stage trains it"
        example = '[{"head": "direct", "share": 0.4}, {"head": "energy", "share": 0.6}]'
        yield Problem(_PATH, what, example, "or a stack without the direct head")
    if not stages:
        return
    for number, stage in enumerate(stages):
        if stage.head not in heads and not (stage.head is None and len(heads) == 1):
            expected = f"one of {', '.join(sorted(heads))}" if heads else "a stack that ends in a head"
            what = "the stack has two heads" if stage.head is None else f"the stack has no {stage.head} head"
            yield Problem((*_PATH, number, "head"), what, expected)
    if len(heads) > 1 and stages[-1].head != "energy":
        yield Problem(
            (*_PATH, len(stages) - 1, "head"),
            "the last stage makes the model, and a stack with both heads answers with its energy",
            "energy",
        )
    problems = list(_lengths(recipe.training))
    yield from problems or _epochs(recipe.training)


def _lengths(training: Training) -> Iterator[Problem]:
    """All stages have shares that make 1, or all have steps, or both; then steps are those of the training."""
    stages = training.stages
    with_steps = {stage.steps is not None for stage in stages}
    shares = [stage.share for stage in stages if stage.share is not None]
    if len(with_steps) > 1:
        yield Problem(_PATH, "some stages have steps and some have none", "steps of all, or of none")
    elif shares and len(shares) < len(stages):
        yield Problem(_PATH, "some stages have a share and some have none", "shares of all, or steps of all")
    elif not shares and with_steps == {False}:
        what = "the stages have neither shares nor steps"
        yield Problem(_PATH, what, f'"share": {1 / len(stages):.2g} in each, or "steps"')
    elif shares and abs(sum(shares) - 1) > 1e-6:
        yield Problem(_PATH, f"the shares make {sum(shares):g}", "shares that make 1")
    if with_steps == {True} and training.steps is not None:
        what = "the stages have steps of their own, and these would count for nothing"
        yield Problem(("training", "steps"), what, "null, or stages with shares and without steps")


def _epochs(training: Training) -> Iterator[Problem]:
    """Each stage has an epoch, and one more than its warm-up."""
    if training.epochs < len(training.stages):
        yield Problem(("training", "epochs"), "fewer epochs than stages", f"at least {len(training.stages)}")
        return
    share = min(training.shares())
    shortest = share * training.epochs
    if training.warmup.epochs >= shortest - 1e-9:
        yield Problem(
            ("training", "warmup", "epochs"),
            f"a stage of {shortest:.3g} epochs ({share:.3g} of {training.epochs}) would be over within its warm-up",
            f"at most {math.ceil(shortest - 1e-9) - 1}",
            f"or training.epochs of {math.floor(training.warmup.epochs / share + 1e-9) + 1} or more",
        )
