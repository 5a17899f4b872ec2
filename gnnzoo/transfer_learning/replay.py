"""The frames that a model was trained on, when it is trained further: to go on with them, to see what is forgotten."""

import math
from pathlib import Path

import keras
import numpy as np

from gnnzoo.data.frames import Dataset
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import even_sample, training_statistics
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import DataError, Location, ModelError, RecipeError
from gnnzoo.metrics import force_errors
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.recipe.schema.data import AtomParameters
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.transfer import StartFrom
from gnnzoo.training.batches import Replay
from gnnzoo.transfer_learning.copy_weights import copy_weights, scale_output

# Held-out frames of the source on which it is judged before and after.
_FRAMES = 16
# Parameters of one species may differ by this share where they are declared in two unit styles.
_ROUNDED = 1e-3


def trained_on(model: ForceField) -> Dataset:
    """The dataset of a model's training, with the units and types that it had then.

    Raises:
        DataError: it is not where it was, or not what it was.
    """
    known = model.info.get("dataset") or {}
    path, name = known.get("path"), model.path or model.recipe.name
    if path is None or not Path(path).exists():
        raise DataError(
            f"the frames that {name} was trained on are not there" + (f": {path}" if path else ""),
            hint="put them back where they were, or do without them: no replay",
        )
    dataset = open_dataset(path, units=model.units, types=model.info["types"])
    if dataset.fingerprint != known["fingerprint"]:
        dataset.close()
        raise DataError(
            f"other frames than {name} was trained on are in their place now",
            location=Location(file=path),
            hint="put the old ones back, or do without them: no replay",
        )
    return dataset


def with_old_species(recipe: Recipe, source: ForceField, factor: float) -> Recipe:
    """The target's recipe with the species of the source beside its own, for a replay.

    Args:
        factor: energies of the source's units in the target's.

    Raises:
        RecipeError: a species of one name is two different ones, or energies or virials count, which a replay lacks.
    """
    weights = recipe.training.loss_weights
    if weights.energy or weights.virial:
        raise RecipeError(
            "a replay goes on with forces alone, but energies or virials count in the loss",
            location=Location(key="training.start_from.replay"),
            expected="0, or loss_weights of forces alone",
        )
    bonds = [
        None if made.graph.bonds is None else set(map(frozenset, made.graph.bonds)) for made in (recipe, source.recipe)
    ]
    if reads_molecules(recipe) and bonds[0] != bonds[1]:
        raise RecipeError(
            f"the model learned with the bonds {source.recipe.graph.bonds}, the recipe names {recipe.graph.bonds}",
            location=Location(key="graph.bonds"),
            expected="the same on both sides, as both are trained on",
        )
    atoms = dict(recipe.data.atoms)
    for name, atom in source.recipe.data.atoms.items():
        here = atom.model_copy(update={"epsilon": atom.epsilon * factor})
        if not _same(atoms.setdefault(name, here), here):
            raise RecipeError(
                f"'{name}' has other parameters in {source.path or source.recipe.name}: {here} there",
                location=Location(key=f"data.atoms.{name}"),
                expected="species of one name that are the same, as both are trained on",
            )
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"atoms": atoms})})


def _same(one: AtomParameters, other: AtomParameters) -> bool:
    """Whether parameters agree, as far as digits that were rounded in another unit can."""
    pairs = zip(one.model_dump().values(), other.model_dump().values(), strict=True)
    return all(math.isclose(a, b, rel_tol=_ROUNDED) for a, b in pairs)


def replay_of(source: ForceField, recipe: Recipe, species: list[str], factor: float) -> Replay:
    """The source's training frames as graphs of the target's network.

    Args:
        species: of the target's network, the source's among them.
        factor: from the source's force unit to the target's.
    """
    dataset = trained_on(source)
    graphs = GraphSource(dataset, species, recipe.graph.cutoff, recipe.graph.bonds, factor)
    train = Split.from_dict(source.info["split"]).train
    return Replay(graphs, train, training_statistics(graphs, train), recipe.training.start_from.replay)


def forgotten(source: ForceField, model: ForceField, begun: dict[str, np.ndarray], factor: float, gain: float) -> dict:
    """How well a model still knows what the one that it began with knew.

    A model that knows the source's species answers for its frames itself. Otherwise what training changed in the
    weights that it took over is changed in the source's network likewise, which keeps its species, scales and cutoff.

    Args:
        source: the model before.
        model: the model after.
        begun: the model's weights before its training, by their paths.
        factor: from the source's force unit to the model's.
        gain: what the answer of the copied weights was multiplied by.

    Returns:
        "before" and "after": mean |dF| / mean |F| on held-out frames of the source; "frames", "part", "how".

    Raises:
        DataError: the source's frames are not there, or none of them was held out.
        ModelError: the source was read from no file.
    """
    with trained_on(source) as dataset:
        split = Split.from_dict(source.info["split"])
        part = "test" if len(split.test) else "validation"
        frames = even_sample(getattr(split, part), _FRAMES)
        if not len(frames):
            raise DataError(f"no frame was held out of the training of {source.path}")
        if set(source.species) <= set(model.species):
            after, how = _error(model, dataset, frames, factor), "answers itself"
        else:
            changed = _put_back(source, model, begun, factor, gain)
            after, how = _error(changed, dataset, frames, 1.0), "changes put back"
        before = _error(source, dataset, frames, 1.0)
    return {"before": before, "after": after, "frames": len(frames), "part": part, "how": how}


def _put_back(
    source: ForceField, model: ForceField, begun: dict[str, np.ndarray], factor: float, gain: float
) -> ForceField:
    """The source with the changes of the model's weights since they began, carried back as weights are carried."""
    if source.path is None:
        raise ModelError("was read from no file, and cannot be read again")
    again, moved = load_model(source.path), load_model(source.path)
    changes = ForceField(keras.models.clone_model(model.network), model.recipe, model.info)
    for weight, now in zip(changes.network.weights, model.network.weights, strict=True):
        weight.assign(now - begun[now.path])
    for weight in moved.network.trainable_weights:
        weight.assign(np.zeros(weight.shape, np.float32))
    start = model.recipe.training.start_from
    back = StartFrom(
        model="", radial=start.radial, reset=start.reset, map={there: here for here, there in start.map.items()}
    )
    training = again.recipe.training.model_copy(update={"start_from": back})
    recipe = again.recipe.model_copy(update={"training": training})
    shortest = (source.info.get("statistics") or {}).get("shortest")
    nearest = {} if shortest is None else {"shortest": float(np.min(shortest))}
    copy_weights(changes, moved.network, recipe, source.species, 1 / factor, **nearest)
    scale_output(moved.network, 1 / gain)
    for weight, change in zip(again.network.trainable_weights, moved.network.trainable_weights, strict=True):
        weight.assign(weight + change)
    return again


def _error(model: ForceField, dataset: Dataset, frames: np.ndarray, factor: float) -> float | None:
    graphs = GraphSource(dataset, model.species, model.cutoff, model.recipe.graph.bonds, factor)
    return force_errors(model.predictor(map(graphs.graph, frames)), model.species, model.units).overall.relative
