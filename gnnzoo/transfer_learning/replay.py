"""Replay: training on the source's own frames as well, so that the model does not forget them."""

import math
from pathlib import Path

import numpy as np

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import training_statistics
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import DataError, Location, RecipeError
from gnnzoo.models.files import ForceField
from gnnzoo.models.info import dataset_paths
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.recipe.schema.data import AtomParameters
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.training.batches import Replay
from gnnzoo.transfer_learning.strategies import transfer_settings

# Relative tolerance for parameters of one species in two recipes: they may be declared in different unit styles and
# rounded to three or four digits there.
_ROUNDING = 1e-3


def open_training_dataset(model: ForceField) -> Dataset:
    """Open the dataset that a model was trained on, with the same units and types.

    Args:
        model: the trained model.

    Returns:
        The dataset.

    Raises:
        DataError: the dataset is missing, or its content has changed.
    """
    known = model.info.get("dataset") or {}
    paths, name = dataset_paths(known), model.path or model.recipe.name
    missing = [path for path in paths if not Path(path).exists()]
    if missing or not paths:
        raise DataError(
            f"the training frames of {name} are missing" + (f": {', '.join(missing)}" if missing else ""),
            hint="restore them at that path, or train without replay",
        )
    dataset = open_dataset(paths, units=model.units, types=dict(model.info["types"].items()))
    if dataset.fingerprint != known.get("fingerprint"):
        dataset.close()
        raise DataError(
            f"does not contain the frames that {name} was trained on",
            location=Location(file=paths[0]),
            hint="restore the original dataset at that path, or train without replay",
        )
    return dataset


def add_source_species(recipe: Recipe, source: ForceField, factor: float) -> Recipe:
    """Add the species of the source to the target's recipe, for a replay.

    Args:
        recipe: target recipe.
        source: the trained model.
        factor: converts energies of the source's units to the target's.

    Returns:
        The recipe with the atom parameters of both.

    Raises:
        RecipeError: a species has different parameters on both sides, bonds differ, or the loss needs energies or
            virials, which a replay does not have.
    """
    weights = recipe.training.loss_weights
    if weights.energy or weights.virial:
        raise RecipeError(
            "a replay has forces only, but the loss needs energies or virials",
            location=Location(key="training.start_from.replay"),
            expected="0, or loss_weights of forces alone",
        )
    target_bonds, source_bonds = (
        None if made.graph.bonds is None else set(map(frozenset, made.graph.bonds)) for made in (recipe, source.recipe)
    )
    if reads_molecules(recipe) and target_bonds != source_bonds:
        raise RecipeError(
            f"the model was trained with the bonds {source.recipe.graph.bonds}, the recipe has {recipe.graph.bonds}",
            location=Location(key="graph.bonds"),
            expected="the same bonds, as a replay trains on frames of both",
        )
    atoms = dict(recipe.data.atoms)
    for name, atom in source.recipe.data.atoms.items():
        converted = atom.model_copy(update={"epsilon": atom.epsilon * factor})
        if not _same_parameters(atoms.setdefault(name, converted), converted):
            raise RecipeError(
                f"'{name}' has different parameters in {source.path or source.recipe.name}: {converted}",
                location=Location(key=f"data.atoms.{name}"),
                expected="the same parameters, as a replay trains on frames of both",
            )
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"atoms": atoms})})


def _same_parameters(one: AtomParameters, other: AtomParameters) -> bool:
    """Whether all parameters agree within `_ROUNDING`."""
    pairs = zip(one.model_dump().values(), other.model_dump().values(), strict=True)
    return all(math.isclose(a, b, rel_tol=_ROUNDING) for a, b in pairs)


def source_replay(source: ForceField, recipe: Recipe, species: list[str], factor: float) -> Replay:
    """Training frames of the source as graphs for the target network.

    Args:
        source: the trained model.
        recipe: target recipe; cutoff, bonds and the share of steps are read.
        species: species of the target network, including the source's.
        factor: converts forces of the source's units to the target's.

    Returns:
        The frames with their statistics and the share of steps.

    Raises:
        DataError: see `open_training_dataset`.
    """
    dataset = open_training_dataset(source)
    graphs = GraphSource(dataset, species, recipe.graph.cutoff, recipe.graph.bonds, factor)
    train: np.ndarray = Split.from_json(source.split).train
    return Replay(graphs, train, training_statistics(graphs, train), transfer_settings(recipe).replay)
