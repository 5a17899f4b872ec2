"""What the training asks of the stack and of the species, told before any data are read."""

from collections.abc import Iterator

from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.problems import Problem
from gnnzoo.recipe.schema import Recipe

_ENERGY_HEAD = "energy_decoder"
_WITH_MOMENTUM = ("sgd", "rmsprop", "muon")


def check_training(recipe: Recipe) -> Iterator[Problem]:
    """Everything in `training` that does not agree with itself or with the rest of the recipe."""
    yield from _types(recipe)
    yield from _energy(recipe)
    yield from _momentum(recipe)
    yield from _stages(recipe)


def _heads(recipe: Recipe) -> set[str]:
    """Which of "direct" and "energy" the stack can answer with."""
    layers = {entry.layer for entry in recipe.model.layers}
    direct = any(layer.endswith("force_decoder") for layer in layers)
    return ({"direct"} if direct else set()) | ({"energy"} if _ENERGY_HEAD in layers else set())


def _types(recipe: Recipe) -> Iterator[Problem]:
    """Weights are for species that the recipe knows; where it names none, the data decide."""
    known = [*dict.fromkeys([*(recipe.data.types or {}).values(), *recipe.data.atoms])]
    for name in recipe.training.loss_weights.types:
        if known and name not in known:
            what = f"unknown species '{name}'." + did_you_mean(name, known)
            yield Problem(("training", "loss_weights", "types", name), what, f"one of {', '.join(known)}")


def _energy(recipe: Recipe) -> Iterator[Problem]:
    weights = recipe.training.loss_weights
    if weights.energy and "energy" not in _heads(recipe):
        yield Problem(
            ("training", "loss_weights", "energy"),
            "the network has no energy",
            f'a stack that ends in {{"layer": "{_ENERGY_HEAD}"}}',
            "without it: 0",
        )
    if not weights.forces and not weights.energy:
        yield Problem(("training", "loss_weights", "forces"), "nothing counts in the loss", "a weight above 0")


def _momentum(recipe: Recipe) -> Iterator[Problem]:
    training = recipe.training
    if training.momentum is not None and training.optimizer not in _WITH_MOMENTUM:
        yield Problem(
            ("training", "momentum"),
            f"the optimizer {training.optimizer} has none to set",
            f"null, or one of the optimizers {', '.join(_WITH_MOMENTUM)}",
        )


def _stages(recipe: Recipe) -> Iterator[Problem]:
    stages, heads = recipe.training.stages, _heads(recipe)
    if not stages:
        return
    for number, stage in enumerate(stages):
        if stage.head not in heads:
            expected = f"one of {', '.join(sorted(heads))}" if heads else "a stack that ends in a head"
            yield Problem(("training", "stages", number, "head"), f"the stack has no {stage.head} head", expected)
    if len(heads) > 1 and stages[-1].head != "energy":
        yield Problem(
            ("training", "stages", len(stages) - 1, "head"),
            "the last stage makes the model, and a stack with both heads answers with its energy",
            "energy",
        )
    total = sum(stage.share for stage in stages)
    if abs(total - 1) > 1e-6:
        yield Problem(("training", "stages"), f"the shares make {total:g}", "shares that make 1")
    if len({stage.steps is None for stage in stages}) > 1:
        yield Problem(("training", "stages"), "some stages have steps and some have none", "steps of all, or of none")
    if recipe.training.epochs < len(stages):
        yield Problem(("training", "epochs"), "fewer epochs than stages", f"at least {len(stages)}")
