"""How a network that began with the weights of another is trained: its strategy, with adapters where it has them."""

import contextlib
from collections.abc import Iterator

from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.training import Training
from gnnzoo.recipe.schema.transfer import matching
from gnnzoo.training.prepare import Prepared
from gnnzoo.transfer_learning.copy_weights import COPIED
from gnnzoo.transfer_learning.lora import adapt, merged
from gnnzoo.transfer_learning.strategies import with_strategy


def resolve_training_settings(recipe: Recipe, origin: dict | None) -> Training:
    """How a model is trained: as its recipe says, with the strategy of a transfer spelt out.

    Args:
        recipe: its recipe.
        origin: of a transfer, whose `moves` tell which layers began with the weights of another model.
    """
    return recipe.training if recipe.training.start_from is None else with_strategy(recipe, moved_layers(origin))


def moved_layers(origin: dict) -> set[str]:
    """Names of the layers that were copied whole; what is new in others has to be trained like all that is new."""
    return {layer for layer, action, *_ in origin["moves"] if action == COPIED}


@contextlib.contextmanager
def adapters(model: ForceField, prepared: Prepared, origin: dict | None) -> Iterator[None]:
    """The network has low-rank adapters while this is entered, where the recipe asks for them."""
    start = model.recipe.training.start_from
    if start is None or start.strategy != "lora":
        yield
        return
    frozen = matching(start.freeze, layer_names(model.recipe))
    adapt(model.network, moved_layers(origin) - frozen, start.rank, model.recipe.training.seed)
    model.use(model.network)
    yield
    model.use(merged(model.network, build_network(model.recipe, prepared.species, prepared.scales)))
