"""Where a transfer begins: the target's network with what it takes over from a trained model."""

from dataclasses import dataclass, replace

import numpy as np

from gnnzoo.data.frames import Dataset
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField
from gnnzoo.models.transfer import Move, copy_weights, unit_factor
from gnnzoo.recipe.schema import Recipe
from gnnzoo.training.feed import Replay
from gnnzoo.training.prepare import Prepared
from gnnzoo.workflows.source_frames import replay_of


@dataclass(frozen=True)
class Begun:
    """A network of the target with the weights of another model, not yet trained.

    Attributes:
        model: network and recipe.
        prepared: the target's data, with the scales that the network has.
        moves: what became of each layer.
        factor: from the source's force unit to the target's.
        replay: frames of the source to go on with, where the recipe asks for them.
    """

    model: ForceField
    prepared: Prepared
    moves: list[Move]
    factor: float
    replay: Replay | None = None

    def moves_told(self) -> list[list]:
        """Plain values, for JSON."""
        return [[move.layer, move.action, *move.weights, move.reason] for move in self.moves]


def begin(source: ForceField, recipe: Recipe, dataset: Dataset, prepared: Prepared) -> Begun:
    """Build the network of a recipe that names `start_from`, and copy what fits.

    Args:
        source: the trained model.
        recipe: of the target; with a replay it is one of `with_old_species`.
        dataset: of the target.
        prepared: from it; with a replay it knows the species of the source, too.

    Raises:
        ModelError: units cannot be compared, species are mapped that are not there, or nothing fits.
        DataError: the source's training frames are wanted and not there.
    """
    factor, replay = unit_factor(source, dataset.units), None
    kept = source_scales(source, factor)
    if recipe.model.normalization == "none":
        prepared = replace(prepared, scales=replace(prepared.scales, force=kept.force, neighbors=kept.neighbors))
    if recipe.training.start_from.replay:
        replay = replay_of(source, recipe, prepared.species, factor)
        if recipe.model.normalization == "training":
            target = set(dataset.type_names.values())
            force = [prepared.scales.force if name in target else kept.force for name in prepared.species]
            prepared = replace(prepared, scales=replace(prepared.scales, force=force))
    network = build_network(recipe, prepared.species, prepared.scales)
    moves = copy_weights(source, network, recipe, prepared.species, factor)
    return Begun(ForceField(network, recipe), prepared, moves, factor, replay)


def source_scales(source: ForceField, factor: float) -> Scales:
    """The scales of a trained model, its force scale times `factor`: with them copied weights mean what they meant."""
    force = float(np.max(source.network.get_layer("force_scale").factor.numpy()))
    found = [layer.neighbor_scale for layer in source.network.layers if hasattr(layer, "neighbor_scale")]
    return Scales(force * factor, found[0] ** -2 if found else 1.0)
