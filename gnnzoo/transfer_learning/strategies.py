"""Strategies of a transfer (`training.start_from`) as learning-rate factors and training stages."""

from collections.abc import Collection, Mapping

from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.layer_traits import LayerTraits
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.training import Stage, Training
from gnnzoo.recipe.schema.transfer import HEADS_FIRST, StartFrom

# Factor by which the learning rate falls from a layer to the one below it (arXiv 1801.06146, sec. 3.2). Layers that mix
# no channels have the rate of the layer below them: if each of them counted, the bottom of a stack with many of them
# would hardly be trained.
_RATE_DECAY = 2.6


def transfer_settings(recipe: Recipe) -> StartFrom:
    """Transfer settings of a `recipe`.

    Returns:
        Its `training.start_from`; the defaults, without a source model, if it has none.
    """
    return recipe.training.start_from or StartFrom(model="none")


def apply_strategy(recipe: Recipe, copied: Collection[str]) -> Training:
    """Express the strategy of a recipe's `start_from` as learning-rate factors and stages.

    Args:
        recipe: target recipe.
        copied: names of layers whose weights were all copied; the others are trained at the full rate.

    Returns:
        Training settings in which the recipe's own rates override those of the strategy, and `freeze` overrides both.
    """
    training, start, names = recipe.training, transfer_settings(recipe), layer_names(recipe)
    traits = {name: entry.traits for name, entry in zip(names, recipe.model.layers, strict=True)}
    below_heads = [name for name in names if name in copied and not traits[name].head]
    frozen = dict.fromkeys(start.freeze, 0.0)
    strategy: dict[str, float] = {}
    if start.strategy in ("heads", "staged"):
        strategy = dict.fromkeys(below_heads, 0.0)
    elif start.strategy == "discriminative":
        strategy = _discriminative_rates(below_heads, traits)

    def overriding(own: Mapping[str, float]) -> dict[str, float]:
        return _override(_override(strategy, own), frozen)

    if start.strategy == "staged":
        rates = _override(training.rates, frozen)
        stages = [
            Stage(share=HEADS_FIRST, rates=overriding(training.rates)),
            Stage(share=1 - HEADS_FIRST, rates=rates),
        ]
        return training.model_copy(update={"stages": stages, "rates": rates})
    stages = [
        stage if stage.rates is None else stage.model_copy(update={"rates": overriding(stage.rates)})
        for stage in training.stages
    ]
    return training.model_copy(update={"stages": stages, "rates": overriding(training.rates)})


def _discriminative_rates(names: list[str], traits: Mapping[str, LayerTraits]) -> dict[str, float]:
    """Learning-rate factor of each layer below the heads; `names` in stack order."""
    rates, depth = {}, 1
    for name in reversed(names):
        rates[name] = _RATE_DECAY**-depth
        depth += traits[name].mixes_channels
    return rates


def _override(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Both mappings, with the keys of the second at the end: the last matching pattern counts."""
    return {name: rate for name, rate in first.items() if name not in second} | dict(second)
