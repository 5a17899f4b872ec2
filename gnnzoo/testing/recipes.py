"""Recipes of small networks around the layers that a test is about."""

from collections.abc import Mapping

from gnnzoo.recipe.io.load import recipe_from_dict
from gnnzoo.recipe.layer_registry import layers_with
from gnnzoo.recipe.schema.entry import SMOOTH_ACTIVATION
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.testing.frames import SPCFW, WATER_TYPES

WIDTH = 8


def layer_recipe(
    entry: Mapping[str, object], /, *entries: Mapping[str, object], **sections: Mapping[str, object]
) -> Recipe:
    """The recipe of a small network of water: an atom encoder, the given layers, a head of pair forces.

    Args:
        entry: of the stack, such as {"layer": "dense", "units": 8}; the atom features before it have 8 channels. An
            encoder takes the place of the usual one.
        entries: that follow it in the stack. A head as the last entry takes the place of the usual one.
        sections: keys of the sections of the recipe that differ, such as graph={"cutoff": 3}.

    Returns:
        The validated recipe; its cutoff of 4 A is more than half of the box of `contract_frame`.

    Raises:
        RecipeError: the layers do not fit.
    """
    perceptron = {"units": WIDTH, "hidden_layers": 0, "activation": SMOOTH_ACTIVATION}
    encoders = layers_with(encodes_atoms=True)
    heads = [*layers_with(head="direct", needs_edges=(), reads_vectors=False), *layers_with(head="direct")]
    stack = [entry, *entries]
    if stack[0]["layer"] not in encoders:
        stack.insert(0, {"layer": encoders[0], **perceptron})
    if stack[-1]["layer"] not in (*heads, *layers_with(head="energy")):
        stack.append({"layer": heads[0], **perceptron})
    raw: dict[str, Mapping[str, object]] = {
        "data": {
            "source": "water.h5",
            "units": "real",
            "types": {str(number): name for number, name in WATER_TYPES.items()},
            "atoms": SPCFW,
        },
        "graph": {"cutoff": 4.0, "edges": ["radial"], "radial": {"functions": 6}, "envelope": True},
        "model": {"layers": stack},
    }
    return recipe_from_dict({"name": "test"} | raw | {key: {**raw.get(key, {}), **sections[key]} for key in sections})
