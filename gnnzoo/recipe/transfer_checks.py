"""What a transfer and the rates of layers ask of the stack: patterns that mean something, and something to train."""

from collections.abc import Iterator

from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.problems import Problem
from gnnzoo.recipe.schema import Recipe
from gnnzoo.recipe.stack_checks import layer_names
from gnnzoo.recipe.transfer_part import matching

_START = ("training", "start_from")


def check_transfer(recipe: Recipe) -> Iterator[Problem]:
    """Everything about rates of layers and `start_from` that does not agree with the stack."""
    training, names = recipe.training, layer_names(recipe)
    yield from _patterns(recipe, names)
    start = training.start_from
    if start is not None:
        if start.strategy == "staged" and training.stages:
            what = "staged makes two stages of the training, and the recipe has stages of its own"
            yield Problem((*_START, "strategy"), what, "another strategy, or no training.stages")
        if start.map and recipe.model.layers[0].layer == "atom_encoder" and recipe.model.layers[0].inputs != "species":
            yield Problem(
                (*_START, "map"),
                "species are mapped, but the atom_encoder knows them by charge, epsilon and sigma",
                'no map, or "inputs": "species" in the atom_encoder',
                "another substance is another point of the same space, and needs no map",
            )
        if matching(start.freeze, names) == set(names):
            yield Problem((*_START, "freeze"), "every layer is frozen: nothing is left to be trained", "fewer of them")


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
            yield Problem(
                path, what, f"one of {', '.join(names)}, or a pattern such as {names[-1].rpartition('_')[0]}*"
            )
