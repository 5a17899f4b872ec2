"""Forgetting: the error on the source's own frames before and after training on the target."""

import keras
import numpy as np

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import DataError, Location, ModelError
from gnnzoo.metrics import force_errors
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.recipe.schema.transfer import StartFrom
from gnnzoo.sampling import even_sample
from gnnzoo.transfer_learning.copy_weights import copy_weights, scale_output
from gnnzoo.transfer_learning.provenance import Forgetting
from gnnzoo.transfer_learning.replay import open_training_dataset
from gnnzoo.transfer_learning.strategies import transfer_settings

# Held-out frames of the source that are evaluated. They show whether the error has grown twofold or a hundredfold, for
# which some thousand atoms suffice, and take seconds.
_FRAMES = 16


def measure_forgetting(
    source: ForceField, model: ForceField, initial_weights: dict[str, np.ndarray], factor: float, output_gain: float
) -> Forgetting:
    """Errors on held-out frames of the source before and after a transfer.

    A model that knows the source's species predicts these frames directly. Otherwise the changes that training made to
    the copied weights are applied to the source network, which keeps its species, scales and cutoff.

    Args:
        source: the source model.
        model: the trained target model.
        initial_weights: its weights before training, by path.
        factor: converts forces of the source's units to the target's.
        output_gain: factor that was applied to the output of the copied weights.

    Returns:
        The errors, on the test frames or, if there are none, the validation frames of the source.

    Raises:
        DataError: the source's dataset is missing, no frame was held out, or all their forces are zero.
        ModelError: the source was not read from a file.
    """
    with open_training_dataset(source) as dataset:
        split = Split.from_json(source.split)
        part = "test" if len(split.test) else "validation"
        frames = even_sample(getattr(split, part), _FRAMES)
        if not len(frames):
            raise DataError(f"no frame was held out in the training of {source.path}")
        if set(source.species) <= set(model.species):
            after, how = _relative_error(model, dataset, frames, factor), "predicted directly"
        else:
            changed = _with_weight_changes(source, model, initial_weights, factor, output_gain)
            after, how = _relative_error(changed, dataset, frames, 1.0), "weight changes applied to the source"
        before = _relative_error(source, dataset, frames, 1.0)
    return Forgetting(before, after, len(frames), part, how)


def _with_weight_changes(
    source: ForceField, model: ForceField, initial_weights: dict[str, np.ndarray], factor: float, output_gain: float
) -> ForceField:
    """The source model plus the weight changes of the trained target, which are copied back as weights are copied."""
    if source.path is None:
        raise ModelError("was not read from a file, so that it cannot be read again")
    changed, carrier = load_model(source.path), load_model(source.path)
    changes = ForceField(keras.models.clone_model(model.network), model.recipe, model.info)
    for weight, trained in zip(changes.network.weights, model.network.weights, strict=True):
        weight.assign(trained - initial_weights[trained.path])
    for weight in carrier.network.trainable_weights:
        weight.assign(np.zeros(weight.shape, np.float32))
    start = transfer_settings(model.recipe)
    back = StartFrom(
        model=str(source.path),
        radial=start.radial,
        reset=start.reset,
        map={there: here for here, there in start.map.items()},
    )
    training = changed.recipe.training.model_copy(update={"start_from": back})
    recipe = changed.recipe.model_copy(update={"training": training})
    shortest = (source.info.get("statistics") or {}).get("shortest")
    known = {} if shortest is None else {"shortest": float(np.min(shortest))}
    copy_weights(changes, carrier.network, recipe, source.species, 1 / factor, **known)
    scale_output(carrier.network, 1 / output_gain)
    for weight, change in zip(changed.network.trainable_weights, carrier.network.trainable_weights, strict=True):
        weight.assign(weight + change)
    return changed


def _relative_error(model: ForceField, dataset: Dataset, frames: np.ndarray, factor: float) -> float:
    """mean |dF| / mean |F| on frames of a dataset whose forces are converted by `factor`."""
    graphs = GraphSource(dataset, model.species, model.cutoff, model.recipe.graph.bonds, factor)
    errors = force_errors(model.predictor(map(graphs.graph, frames)), model.species, model.units)
    if errors.overall.relative is None:
        raise DataError("all forces of the held-out frames are zero", location=Location(file=dataset.path))
    return errors.overall.relative
