"""Initial state of a transfer: the target network with weights of the source, before training."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gnnzoo import fields
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.graphs.graph import Graph
from gnnzoo.metrics import Outputs, force_errors
from gnnzoo.models.build import build_network, build_prior
from gnnzoo.models.files import ForceField
from gnnzoo.models.predict import Predictor
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.sampling import even_sample
from gnnzoo.training.batches import Replay
from gnnzoo.training.prepare import Prepared
from gnnzoo.transfer_learning.copy_weights import copy_weights, entries_by_name, scale_output, unit_factor
from gnnzoo.transfer_learning.provenance import LayerTransfer
from gnnzoo.transfer_learning.replay import source_replay
from gnnzoo.transfer_learning.strategies import transfer_settings

# Training frames for fitting the output gain: one number, fitted to all force components of these frames, is determined
# far better than training needs.
_GAIN_FRAMES = 16
# Cosine between predicted and reference forces from which on the gain is fitted by least squares. Below, least squares
# would shrink the output by more than half (its result is the ratio of sizes times the cosine).
_ALIGNED = 0.5


@dataclass(frozen=True)
class TransferStart:
    """The target network with copied weights, before training.

    Attributes:
        model: network and recipe.
        prepared: the target's data, with the scales that the network was built with.
        layers: what was copied, one record for each layer.
        initial_weights: weights of the network, by path.
        factor: converts forces of the source's units to the target's.
        output_gain: factor applied to the output of the copied weights, so that forces have the target's size.
        source_scale: factor on the network's share of the forces that gives the source's own force scale.
        replay: training frames of the source, if the recipe asks for them.
    """

    model: ForceField
    prepared: Prepared
    layers: list[LayerTransfer]
    initial_weights: dict[str, np.ndarray]
    factor: float
    output_gain: float
    source_scale: float
    replay: Replay | None = None


def initialize_transfer(source: ForceField, recipe: Recipe, dataset: Dataset, prepared: Prepared) -> TransferStart:
    """Build the target network and copy the weights of the source.

    Args:
        source: the trained model.
        recipe: target recipe with `training.start_from`; with a replay the result of `replay.add_source_species`.
        dataset: dataset of the target.
        prepared: made from it; with a replay its species include the source's.

    Returns:
        The network and what is known of it before training.

    Raises:
        ModelError: units cannot be converted, `start_from.map` names an unknown species, or no weight could be copied.
        DataError: a replay is requested and the source's training frames are missing.
    """
    factor, replay, scales = unit_factor(source, dataset.units), None, prepared.scales
    source_scales = {name: scale * factor for name, scale in force_scales(source).items()}
    largest = max(source_scales.values())
    if recipe.model.normalization == "none":
        scales = replace(scales, force=largest, neighbors=mean_neighbors(source))
    target_scale, shortest = float(np.max(scales.force)), float(np.min(prepared.statistics.shortest))
    if transfer_settings(recipe).replay:
        replay = source_replay(source, recipe, prepared.species, factor)
        target_species = set(dataset.type_names.values())
        scales = replace(
            scales,
            force=[
                target_scale if name in target_species else source_scales.get(name, largest)
                for name in prepared.species
            ],
        )
        shortest = min(shortest, float(np.min(replay.statistics.shortest)))
    network = build_network(recipe, prepared.species, scales)
    layers = copy_weights(source, network, recipe, prepared.species, factor, shortest)
    model, prepared, output_gain = ForceField(network, recipe), replace(prepared, scales=scales), 1.0
    heads = {name for name, entry in entries_by_name(recipe).items() if entry.traits.head}
    heads_copied = all(layer.copied for layer in layers if layer.layer in heads)
    if recipe.model.normalization == "training" and heads_copied and not replay:
        output_gain = fit_output_gain(model, prepared)
        scale_output(network, output_gain)
    weights = {weight.path: weight.numpy() for weight in network.weights}
    source_scale = largest / target_scale / output_gain
    return TransferStart(model, prepared, layers, weights, factor, output_gain, source_scale, replay)


def prior_forces(recipe: Recipe, species: list[str]) -> Callable[[Graph], np.ndarray | float]:
    """Forces of a recipe's prior alone.

    Args:
        recipe: the recipe.
        species: names in the order of the network's species index.

    Returns:
        Function graph -> (atoms, 3), or 0 if the recipe has no prior.
    """
    prior = build_prior(recipe, species)
    return Predictor(prior, xla=False).forces if prior is not None else lambda graph: 0.0


def fit_output_gain(model: ForceField, prepared: Prepared) -> float:
    """Factor that gives the predicted forces the size of the reference forces, both without the prior.

    Least squares if both are aligned. Otherwise the ratio of root mean squares, because least squares would shrink an
    output that points elsewhere to nearly nothing, from which training starts slowly.

    Args:
        model: the network before training.
        prepared: its data; a sample of the training frames is used.

    Returns:
        The factor; 1 if all forces are zero.
    """
    prior = prior_forces(model.recipe, prepared.species)
    product = predicted_square = reference_square = 0.0
    for index in even_sample(prepared.split.train, _GAIN_FRAMES):
        graph = prepared.source.graph(index)
        assert graph.forces is not None  # every dataset has forces
        known = prior(graph)
        predicted, reference = model.predictor.forces(graph).astype(np.float64) - known, graph.forces - known
        product += float(np.sum(predicted * reference))
        predicted_square += float(np.sum(predicted**2))
        reference_square += float(np.sum(reference**2))
    if not predicted_square or not reference_square:
        return 1.0
    cosine = product / (predicted_square * reference_square) ** 0.5
    return product / predicted_square if cosine > _ALIGNED else (reference_square / predicted_square) ** 0.5


def zero_shot_error(start: TransferStart) -> float | None:
    """Error before training with the source's own force scale.

    Args:
        start: the initialised transfer.

    Returns:
        mean |dF| / mean |F| on the validation frames; None without such frames.
    """
    prepared, model = start.prepared, start.model
    prior = prior_forces(model.recipe, prepared.species)

    def rescaled(graph: Graph) -> Outputs:
        known = prior(graph)
        return {fields.FORCES: known + start.source_scale * (model.predictor.forces(graph) - known)}

    graphs = map(prepared.source.graph, prepared.split.validation)
    return force_errors(((graph, rescaled(graph)) for graph in graphs), prepared.species).overall.relative


def force_scales(source: ForceField) -> dict[str, float]:
    """Force scale of each species of a trained model `source`.

    Returns:
        Scales by species, in the model's force unit; most models have one for all.
    """
    scale = source.network.get_layer(fields.FORCE_SCALE).factor.numpy()
    return dict(zip(source.species, map(float, np.broadcast_to(scale, len(source.species))), strict=True))


def mean_neighbors(source: ForceField) -> float:
    """Mean number of neighbours by which a trained model `source` normalises sums.

    Returns:
        The number; 1 if no layer sums over neighbours.
    """
    scales = [layer.neighbor_scale for layer in source.network.layers if hasattr(layer, "neighbor_scale")]
    return scales[0] ** -2 if scales else 1.0
