"""Checks of the training: lengths of stages, heads, weights of the loss, species."""

import math
from collections.abc import Iterator

from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.layer_registry import layers_with
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.training import Training

_PATH = ("training", "stages")
_WITH_MOMENTUM = ("sgd", "rmsprop", "muon")


def check_training(recipe: Recipe) -> Iterator[Problem]:
    """Find everything in `training` that contradicts itself or the rest of the recipe.

    Args:
        recipe: its `training`, the heads of its stack and its species are read.

    Yields:
        One problem for each contradiction.
    """
    yield from _types(recipe)
    yield from _weights(recipe)
    yield from _momentum(recipe)
    yield from _stages(recipe)


def _heads(recipe: Recipe) -> set[str]:
    """Kinds of the heads of the stack: of "direct" and "energy", those that there are."""
    return {entry.traits.head for entry in recipe.model.layers if entry.traits.head}


def _types(recipe: Recipe) -> Iterator[Problem]:
    """Weights are for species of the recipe; where it names none, the data decide."""
    known = [*dict.fromkeys([*(recipe.data.types or {}).values(), *recipe.data.atoms])]
    for name in recipe.training.loss_weights.types:
        if known and name not in known:
            what = f"unknown species '{name}'." + did_you_mean(name, known)
            yield Problem(("training", "loss_weights", "types", name), what, f"one of {', '.join(known)}")


def _weights(recipe: Recipe) -> Iterator[Problem]:
    """Energies and virials need a head that returns them, and the loss of each stage a weight above zero."""
    weights = recipe.training.loss_weights
    for name in ("energy", "virial"):
        if getattr(weights, name) and "energy" not in _heads(recipe):
            yield Problem(
                ("training", "loss_weights", name),
                f"the network has no {name}",
                f"a stack that ends in {' or '.join(layers_with(head='energy'))}",
                "without it: 0",
            )
    if not weights.forces and not weights.energy and not weights.virial:
        yield Problem(("training", "loss_weights", "forces"), "the loss has no weight above 0", "a weight above 0")
    elif not weights.forces and any(stage.head == "direct" for stage in recipe.training.stages):
        what = "the loss of the direct stage has no weight above 0: its head returns no energy"
        yield Problem(("training", "loss_weights", "forces"), what, "a weight above 0")


def _momentum(recipe: Recipe) -> Iterator[Problem]:
    training = recipe.training
    if training.momentum is not None and training.optimizer not in _WITH_MOMENTUM:
        yield Problem(
            ("training", "momentum"),
            f"the optimizer {training.optimizer} has no momentum",
            f"null, or one of the optimizers {', '.join(_WITH_MOMENTUM)}",
        )


def _stages(recipe: Recipe) -> Iterator[Problem]:
    """Stages train every head of the stack, the one of the model last, and have lengths."""
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
            "the last stage makes the model, and of two heads the model uses the energy head",
            "energy",
        )
    problems = list(_lengths(recipe.training))
    yield from problems or _epochs(recipe.training)


def _lengths(training: Training) -> Iterator[Problem]:
    """All stages have shares that sum to 1, or all have steps, or both; then `training.steps` is null."""
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
        yield Problem(_PATH, f"the shares sum to {sum(shares):g}", "shares that sum to 1")
    if with_steps == {True} and training.steps is not None:
        what = "the stages have steps of their own, and these would be ignored"
        yield Problem(("training", "steps"), what, "null, or stages with shares and without steps")


def _epochs(training: Training) -> Iterator[Problem]:
    """Each stage has at least one epoch, and more than its warm-up."""
    if training.epochs < len(training.stages):
        yield Problem(("training", "epochs"), "fewer epochs than stages", f"at least {len(training.stages)}")
        return
    share = min(training.shares())
    shortest = share * training.epochs
    if training.warmup.epochs >= shortest - 1e-9:
        yield Problem(
            ("training", "warmup", "epochs"),
            f"a stage of {shortest:.3g} epochs ({share:.3g} of {training.epochs}) would end within its warm-up",
            f"at most {math.ceil(shortest - 1e-9) - 1}",
            f"or training.epochs of {math.floor(training.warmup.epochs / share + 1e-9) + 1} or more",
        )
