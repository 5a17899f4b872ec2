"""Learning-rate factors of layers, from patterns of their names."""

from collections.abc import Collection

from gnnzoo.recipe.schema.transfer import matching


def layer_rates(rates: dict[str, float], names: Collection[str]) -> dict[str, float]:
    """The factor of each layer's learning rate; of several patterns the last one counts."""
    found = dict.fromkeys(names, 1.0)
    for pattern, rate in rates.items():
        found |= dict.fromkeys(matching([pattern], list(names)), rate)
    return found
