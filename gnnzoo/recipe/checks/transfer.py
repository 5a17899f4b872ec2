"""What a transfer and the rates of layers ask of the stack: patterns that mean something, and something to train."""

from collections.abc import Iterator

from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.transfer import HEADS_FIRST, matching

_START = ("training", "start_from")
_WEIGHTLESS = ("silu", "dropout", "residual")  # kinds of layers that have nothing to train


def check_transfer(recipe: Recipe) -> Iterator[Problem]:
    """Everything about rates of layers and `start_from` that does not agree with the stack."""
    names = layer_names(recipe)
    yield from _patterns(recipe, names)
    yield from _nothing_trained(recipe, names)
    if recipe.training.start_from is not None:
        yield from _start(recipe)


def _start(recipe: Recipe) -> Iterator[Problem]:
    training, start, encoder = recipe.training, recipe.training.start_from, recipe.model.layers[0]
    first = HEADS_FIRST * training.epochs
    if start.strategy == "staged" and training.stages:
        what = "staged makes two stages of the training, and the recipe has stages of its own"
        yield Problem((*_START, "strategy"), what, "another strategy, or no training.stages")
    elif start.strategy == "staged" and training.warmup.epochs >= first:
        what = f"the first stage of {first:g} epochs, of the heads alone, would be over within its warm-up"
        expected = f"training.warmup.epochs below {first:g}, or more training.epochs"
        yield Problem((*_START, "strategy"), what, expected)
    if start.map and encoder.layer == "atom_encoder" and encoder.inputs != "species":
        yield Problem(
            (*_START, "map"),
            "species are mapped, but the atom_encoder knows them by charge, epsilon and sigma",
            'no map, or "inputs": "species" in the atom_encoder',
            "another substance is another point of the same space, and needs no map",
        )


def _nothing_trained(recipe: Recipe, names: list[str]) -> Iterator[Problem]:
    """In each stage some layer that has weights moves."""
    training = recipe.training
    kinds = {name: entry.layer for name, entry in zip(names, recipe.model.layers, strict=True)}
    frozen = training.start_from.freeze if training.start_from else []
    given = [(("training", "rates"), training.rates)]
    given += [
        (("training", "stages", number, "rates"), stage.rates)
        for number, stage in enumerate(training.stages)
        if stage.rates is not None
    ]
    for path, rates in given:
        still = {name for name in names if kinds[name] not in _WEIGHTLESS} - matching(frozen, names)
        for pattern, rate in rates.items():
            still = still - matching([pattern], names) if rate == 0 else still
            still |= matching([pattern], names) - matching(frozen, names) if rate else set()
        if not still:
            key = (*_START, "freeze") if frozen and not rates else path
            yield Problem(key, "every layer is frozen: nothing is left to be trained", "fewer of them")


def _patterns(recipe: Recipe, names: list[str]) -> Iterator[Problem]:
    """Every name or pattern of a layer stands for one."""
    training = recipe.training
    given = [(("training", "rates", pattern), pattern) for pattern in training.rates]
    for number, stage in enumerate(training.stages):
        given += [(("training", "stages", number, "rates", pattern), pattern) for pattern in stage.rates or {}]
    if training.start_from is not None:
        for key in ("freeze", "reset"):
            given += [((*_START, key, n), pattern) for n, pattern in enumerate(getattr(training.start_from, key))]
    for path, pattern in given:
        if not matching([pattern], names):
            what = f"no layer is called '{pattern}'." + did_you_mean(pattern.strip("*_"), names)
            begin = names[-1].rpartition("_")[0] or names[-1]
            yield Problem(path, what, f"one of {', '.join(names)}, or a pattern such as {begin}*")
