"""Training of an initialised transfer: its strategy as training settings, and low-rank adapters during training."""

import contextlib
from collections.abc import Collection, Iterator

from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.training import Training
from gnnzoo.recipe.schema.transfer import matching
from gnnzoo.training.prepare import Prepared
from gnnzoo.transfer_learning.lora import add_adapters, merge_adapters
from gnnzoo.transfer_learning.provenance import LayerTransfer, copied_layers
from gnnzoo.transfer_learning.strategies import apply_strategy, transfer_settings


def resolve_training_settings(recipe: Recipe, layers: Collection[LayerTransfer] = ()) -> Training:
    """Training settings of a recipe, with the strategy of a transfer expressed as rates and stages.

    Args:
        recipe: the recipe that is trained.
        layers: records of the transferred layers; ignored if the recipe declares no transfer.

    Returns:
        The settings to train with.
    """
    return recipe.training if recipe.training.start_from is None else apply_strategy(recipe, copied_layers(layers))


@contextlib.contextmanager
def lora_adapters(model: ForceField, prepared: Prepared, layers: Collection[LayerTransfer] = ()) -> Iterator[None]:
    """Give the network low-rank adapters within the block, if the recipe's strategy is "lora"; merge them at its end.

    Args:
        model: its network is replaced by one without adapters at the end.
        prepared: species and scales of that network.
        layers: records of the transferred layers; the fully copied ones get adapters.

    Yields:
        Nothing.
    """
    start = transfer_settings(model.recipe)
    if start.strategy != "lora":
        yield
        return
    frozen = matching(start.freeze, layer_names(model.recipe))
    add_adapters(model.network, copied_layers(layers) - frozen, start.rank, model.recipe.training.seed)
    model.use(model.network)
    yield
    model.use(merge_adapters(model.network, build_network(model.recipe, prepared.species, prepared.scales)))
