"""Where a transfer begins: the target's network with what it takes over from a trained model."""

from dataclasses import dataclass, replace

import numpy as np

from gnnzoo.data.frames import Dataset
from gnnzoo.data.statistics import even_sample
from gnnzoo.models.build import Scales, build_network, build_prior
from gnnzoo.models.files import ForceField
from gnnzoo.models.predict import Predictor
from gnnzoo.models.transfer import Move, copy_weights, scale_answer, unit_factor
from gnnzoo.recipe.schema import Recipe
from gnnzoo.training.feed import Replay
from gnnzoo.training.prepare import Prepared
from gnnzoo.workflows.source_frames import replay_of

# Training frames by which the size of the copied answer is fitted.
_GAIN_SAMPLE = 16


@dataclass(frozen=True)
class Begun:
    """A network of the target with the weights of another model, not yet trained.

    Attributes:
        model: network and recipe.
        prepared: the target's data, with the scales that the network has.
        moves: what became of each layer.
        factor: from the source's force unit to the target's.
        gain: what the copied answer was multiplied by, so that its forces have the size of the target's.
        as_it_was: what the forces are to be multiplied by to be those of the source's own force scale.
        replay: frames of the source to go on with, where the recipe asks for them.
    """

    model: ForceField
    prepared: Prepared
    moves: list[Move]
    factor: float
    gain: float
    as_it_was: float
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
    shortest = float(np.min(prepared.statistics.shortest))
    moves = copy_weights(source, network, recipe, prepared.species, factor, shortest)
    model = ForceField(network, recipe)
    gain, ratio = 1.0, kept.force / prepared.scales.force if not replay else 1.0
    if recipe.model.normalization == "training" and not replay:
        gain = fitted_gain(model, prepared)
        scale_answer(network, gain)
    return Begun(model, prepared, moves, factor, gain, ratio / gain, replay)


def fitted_gain(model: ForceField, prepared: Prepared) -> float:
    """The factor by which a network's forces come closest to those of training frames, by least squares; 1 where they
    do not even point the same way. What a prior knows is taken off both.
    """
    prior = build_prior(model.recipe, prepared.species)
    known = Predictor(prior, xla=False).forces if prior is not None else lambda graph: 0.0
    product = square = 0.0
    for index in even_sample(prepared.split.train, _GAIN_SAMPLE):
        graph = prepared.source.graph(index)
        less = known(graph)
        found, wanted = model.predictor.forces(graph).astype(np.float64) - less, graph.forces - less
        product, square = product + float(np.sum(found * wanted)), square + float(np.sum(found**2))
    return product / square if product > 0 else 1.0


def source_scales(source: ForceField, factor: float) -> Scales:
    """The scales of a trained model, its force scale times `factor`: with them copied weights mean what they meant."""
    force = float(np.max(source.network.get_layer("force_scale").factor.numpy()))
    found = [layer.neighbor_scale for layer in source.network.layers if hasattr(layer, "neighbor_scale")]
    return Scales(force * factor, found[0] ** -2 if found else 1.0)
