"""Where a transfer begins: the target's network with what it takes over from a trained model."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gnnzoo import fields
from gnnzoo.data.frames import Dataset
from gnnzoo.data.graphs.graph import Graph
from gnnzoo.data.graphs.training_statistics import even_sample
from gnnzoo.metrics import Outputs, force_errors
from gnnzoo.models.build import build_network, build_prior
from gnnzoo.models.files import ForceField
from gnnzoo.models.predict import Predictor
from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.training.batches import Replay
from gnnzoo.training.prepare import Prepared
from gnnzoo.transfer_learning.copy_weights import Move, copy_weights, scale_output, unit_factor
from gnnzoo.transfer_learning.replay import replay_of

# Training frames by which the size of the copied answer is fitted.
_GAIN_SAMPLE = 16
_ALIKE = 0.5  # cosine from which on an answer points the way of the true forces


@dataclass(frozen=True)
class TransferStart:
    """A network of the target with the weights of another model, not yet trained.

    Attributes:
        model: network and recipe.
        prepared: the target's data, with the scales that the network has.
        moves: what became of each layer.
        weights: of the network as it was then, by their paths.
        factor: from the source's force unit to the target's.
        gain: what the copied answer was multiplied by, so that its forces have the size of the target's.
        own_scale: what the network's share of the forces is to be multiplied by to have the source's own force scale.
        replay: frames of the source to go on with, where the recipe asks for them.
    """

    model: ForceField
    prepared: Prepared
    moves: list[Move]
    weights: dict[str, np.ndarray]
    factor: float
    gain: float
    own_scale: float
    replay: Replay | None = None

    def moves_told(self) -> list[list]:
        """Plain values, for JSON."""
        return [[move.layer, move.action, *move.weights, move.reason] for move in self.moves]


def initialize_transfer(source: ForceField, recipe: Recipe, dataset: Dataset, prepared: Prepared) -> TransferStart:
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
    factor, replay, scales = unit_factor(source, dataset.units), None, prepared.scales
    own = {name: scale * factor for name, scale in force_scales(source).items()}
    largest = max(own.values())
    if recipe.model.normalization == "none":
        scales = replace(scales, force=largest, neighbors=neighbors_of(source))
    here, shortest = scales.force, float(np.min(prepared.statistics.shortest))
    if recipe.training.start_from.replay:
        replay = replay_of(source, recipe, prepared.species, factor)
        target = set(dataset.type_names.values())
        force = [scales.force if name in target else own.get(name, largest) for name in prepared.species]
        scales = replace(scales, force=force)
        shortest = min(shortest, float(np.min(replay.statistics.shortest)))
    prepared = replace(prepared, scales=scales)
    network = build_network(recipe, prepared.species, scales)
    moves = copy_weights(source, network, recipe, prepared.species, factor, shortest)
    model, gain = ForceField(network, recipe), 1.0
    heads = {name for name, entry in zip(layer_names(recipe), recipe.model.layers, strict=True) if entry.traits.head}
    copied = all(move.weights[0] for move in moves if move.layer in heads)
    if recipe.model.normalization == "training" and copied and not replay:
        gain = fit_output_gain(model, prepared)
        scale_output(network, gain)
    weights = {weight.path: weight.numpy() for weight in network.weights}
    return TransferStart(model, prepared, moves, weights, factor, gain, largest / here / gain, replay)


def prior_forces(recipe: Recipe, species: list[str]) -> Callable[[Graph], np.ndarray | float]:
    """What a recipe's prior alone says of a graph's forces: (atoms, 3), or 0 where it has none."""
    prior = build_prior(recipe, species)
    return Predictor(prior, xla=False).forces if prior is not None else lambda graph: 0.0


def fit_output_gain(model: ForceField, prepared: Prepared) -> float:
    """The factor that gives a network's forces the size of those of training frames.

    By least squares where they point the same way, so that they come as close as they can; else the ratio of their
    sizes, for least squares would make hardly anything of an answer that is to be trained. What a prior knows is taken
    off both.
    """
    known, product, square, size = prior_forces(model.recipe, prepared.species), 0.0, 0.0, 0.0
    for index in even_sample(prepared.split.train, _GAIN_SAMPLE):
        graph = prepared.source.graph(index)
        less = known(graph)
        found, wanted = model.predictor.forces(graph).astype(np.float64) - less, graph.forces - less
        product, square = product + float(np.sum(found * wanted)), square + float(np.sum(found**2))
        size += float(np.sum(wanted**2))
    if not square or not size:
        return 1.0
    alike = product / (square * size) ** 0.5  # cosine between both
    return product / square if alike > _ALIKE else (size / square) ** 0.5


def error_with_own_scale(begun: TransferStart) -> float | None:
    """mean |dF| / mean |F| on the validation frames with the source's own force scale; None where there are none."""
    prepared, model = begun.prepared, begun.model
    known = prior_forces(model.recipe, prepared.species)

    def rescaled(graph: Graph) -> Outputs:
        prior = known(graph)
        return {fields.FORCES: prior + begun.own_scale * (model.predictor.forces(graph) - prior)}

    graphs = map(prepared.source.graph, prepared.split.validation)
    return force_errors(((graph, rescaled(graph)) for graph in graphs), prepared.species).overall.relative


def force_scales(source: ForceField) -> dict[str, float]:
    """The force scale of each species of a trained model, in its own unit; most models have one for all."""
    scale = source.network.get_layer(fields.FORCE_SCALE).factor.numpy()
    return dict(zip(source.species, map(float, np.broadcast_to(scale, len(source.species))), strict=True))


def neighbors_of(source: ForceField) -> float:
    """The mean number of neighbours by which sums of a trained model are normalised."""
    found = [layer.neighbor_scale for layer in source.network.layers if hasattr(layer, "neighbor_scale")]
    return found[0] ** -2 if found else 1.0
