"""Which layers of a transferred network move how fast: the strategies of `training.start_from`, as rates and stages."""

from collections.abc import Collection

from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.layer_traits import LayerTraits
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.training import Stage, Training
from gnnzoo.recipe.schema.transfer import HEADS_FIRST

# By how much the rate falls from a layer to the one below it (arXiv 1801.06146, sec. 3.2). Layers that mix no channels
# move as fast as the one below them: otherwise a stack with many of them would be frozen at its bottom.
_FALL = 2.6


def with_strategy(recipe: Recipe, moved: Collection[str]) -> Training:
    """The training of a recipe with the strategy of its `start_from` spelt out in rates and stages.

    Args:
        recipe: with `training.start_from`.
        moved: names of layers whose weights are all those of the source; others are trained at the full rate whatever
            the strategy.

    Returns:
        A training in which rates that the recipe names come after those of the strategy, and frozen layers last.
    """
    training, start, names = recipe.training, recipe.training.start_from, layer_names(recipe)
    traits = {name: entry.traits for name, entry in zip(names, recipe.model.layers, strict=True)}
    heads = {name for name in names if traits[name].head}
    below, frozen = [name for name in names if name in moved and name not in heads], dict.fromkeys(start.freeze, 0.0)
    strategy: dict[str, float] = {}
    if start.strategy in ("heads", "staged"):
        strategy = dict.fromkeys(below, 0.0)
    elif start.strategy == "discriminative":
        strategy = _falling(below, traits)

    def after(own: dict[str, float]) -> dict[str, float]:
        return _then(_then(strategy, own), frozen)

    if start.strategy == "staged":
        rates = _then(training.rates, frozen)
        stages = [Stage(share=HEADS_FIRST, rates=after(training.rates)), Stage(share=1 - HEADS_FIRST, rates=rates)]
        return training.model_copy(update={"stages": stages, "rates": rates})
    stages = [
        stage if stage.rates is None else stage.model_copy(update={"rates": after(stage.rates)})
        for stage in training.stages
    ]
    return training.model_copy(update={"stages": stages, "rates": after(training.rates)})


def _falling(below: list[str], traits: dict[str, LayerTraits]) -> dict[str, float]:
    """A rate for each layer below the heads, from the top down."""
    rates, depth = {}, 1
    for name in reversed(below):
        rates[name] = _FALL**-depth
        depth += traits[name].mixes_channels
    return rates


def _then(first: dict[str, float], second: dict[str, float]) -> dict[str, float]:
    """Both, those of the second last, for of several patterns the last one counts."""
    return {name: rate for name, rate in first.items() if name not in second} | second
