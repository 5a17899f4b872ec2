"""Checks of transfers and of learning rates by layer: patterns that match layers, and something to train."""

from collections.abc import Iterator

from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.io.json_positions import Path
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.transfer import HEADS_FIRST, StartFrom, matching

_START = ("training", "start_from")


def check_transfer(recipe: Recipe) -> Iterator[Problem]:
    """Find rates of layers and settings of `start_from` that contradict the stack.

    Args:
        recipe: its `training` and its stack are read.

    Yields:
        One problem for each.
    """
    names = layer_names(recipe)
    yield from _patterns(recipe, names)
    yield from _nothing_trained(recipe, names)
    if recipe.training.start_from is not None:
        yield from _start(recipe, recipe.training.start_from)


def _start(recipe: Recipe, start: StartFrom) -> Iterator[Problem]:
    """The strategy fits the stages of training, and species are mapped only where they are learned embeddings."""
    training, encoder = recipe.training, recipe.model.layers[0]
    first = HEADS_FIRST * training.epochs
    if start.strategy == "staged" and training.stages:
        what = "staged makes two stages of the training, and the recipe has stages of its own"
        yield Problem((*_START, "strategy"), what, "another strategy, or no training.stages")
    elif start.strategy == "staged" and training.warmup.epochs >= first:
        what = f"the first stage, {first:g} epochs of the heads alone, would end within its warm-up"
        expected = f"training.warmup.epochs below {first:g}, or more training.epochs"
        yield Problem((*_START, "strategy"), what, expected)
    if start.map and encoder.species_inputs() != "species":
        yield Problem(
            (*_START, "map"),
            f"species are mapped, but the {encoder.layer} reads their charge, epsilon and sigma",
            f'no map, or "{encoder.traits.species_inputs}": "species" in the {encoder.layer}',
            "with parameters a new substance is another point of the same space, and needs no map",
        )


def _nothing_trained(recipe: Recipe, names: list[str]) -> Iterator[Problem]:
    """Each stage trains some layer that has weights."""
    training = recipe.training
    trainable = {name for name, entry in zip(names, recipe.model.layers, strict=True) if entry.traits.has_weights}
    frozen = matching(training.start_from.freeze, names) if training.start_from else set()
    given: list[tuple[Path, dict[str, float]]] = [(("training", "rates"), training.rates)]
    given += [
        (("training", "stages", number, "rates"), stage.rates)
        for number, stage in enumerate(training.stages)
        if stage.rates is not None
    ]
    for path, rates in given:
        trained = trainable - frozen
        for pattern, rate in rates.items():
            found = matching([pattern], names)
            trained = trained | (found - frozen) if rate else trained - found
        if not trained:
            key = (*_START, "freeze") if frozen and not rates else path
            yield Problem(key, "every layer is frozen: nothing is left to train", "fewer of them")


def _patterns(recipe: Recipe, names: list[str]) -> Iterator[Problem]:
    """Every name or pattern matches a layer."""
    training = recipe.training
    given: list[tuple[Path, str]] = [(("training", "rates", pattern), pattern) for pattern in training.rates]
    for number, stage in enumerate(training.stages):
        given += [(("training", "stages", number, "rates", pattern), pattern) for pattern in stage.rates or {}]
    if training.start_from is not None:
        for key, patterns in (("freeze", training.start_from.freeze), ("reset", training.start_from.reset)):
            given += [((*_START, key, number), pattern) for number, pattern in enumerate(patterns)]
    for path, pattern in given:
        if not matching([pattern], names):
            what = f"no layer is called '{pattern}'." + did_you_mean(pattern.strip("*_"), names)
            example = names[-1].rpartition("_")[0] or names[-1]
            yield Problem(path, what, f"one of {', '.join(names)}, or a pattern such as {example}*")
