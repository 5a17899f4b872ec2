"""Learning-rate factors of layers, from patterns of their names."""

from collections.abc import Collection

from gnnzoo.recipe.schema.transfer import matching


def layer_rates(rates: dict[str, float], names: Collection[str]) -> dict[str, float]:
    """Learning-rate factor of each layer.

    Args:
        rates: factors by pattern; of several patterns that match a layer the last one counts.
        names: of the layers.

    Returns:
        Factor by layer, 1 where no pattern matches.
    """
    factors = dict.fromkeys(names, 1.0)
    for pattern, rate in rates.items():
        factors |= dict.fromkeys(matching([pattern], list(names)), rate)
    return factors
