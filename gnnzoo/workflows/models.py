"""Build the untrained network of a recipe."""

from collections.abc import Sequence
from pathlib import Path

import keras

from gnnzoo.models.build import RAW, Scales, build_network, network_species
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.schema.recipe import Recipe


def build_model(recipe: Recipe | str | Path, species: Sequence[str] | None = None, scales: Scales = RAW) -> keras.Model:
    """Build the untrained network of a recipe.

    Args:
        recipe: a recipe, its path or its name.
        species: names in the order of the network's `species` input; by default those that the recipe declares.
        scales: force scale and mean number of neighbours; training takes them from the training split.

    Returns:
        A Keras functional model: dict of the arrays in `gnnzoo.fields.MODEL_INPUTS` -> {"forces": (atoms, 3)}.

    Raises:
        RecipeError: the recipe is invalid.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    return build_network(recipe, network_species(recipe, None if species is None else list(species)), scales)
