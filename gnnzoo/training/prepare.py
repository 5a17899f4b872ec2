"""What a training needs of its data before the first step: species, graphs, split, statistics, scales."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gnnzoo.data.frames import Dataset
from gnnzoo.data.graphs.graph import check_forces
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import (
    TrainingStatistics,
    energy_offsets,
    even_sample,
    force_rms_less,
    training_statistics,
)
from gnnzoo.data.graphs.wave_vectors import waves_of
from gnnzoo.data.split.make_split import SplitReport, make_split
from gnnzoo.data.split.methods import Shares, Split
from gnnzoo.errors import DataError, Location
from gnnzoo.fields import ENERGY
from gnnzoo.models.build import Scales, build_prior, network_species
from gnnzoo.models.predict import Predictor
from gnnzoo.recipe.schema.recipe import Recipe


@dataclass(frozen=True)
class Prepared:
    """A dataset made ready for a recipe.

    Attributes:
        species: names in the order of the network's input.
        source: graphs by frame number.
        split: which frames are for what.
        split_report: how that came about.
        statistics: of the training split.
        scales: what the network takes from them; ones where the recipe wants raw forces.
        prior_residual_fraction: mean |F - prior| over mean |F| of training frames; None without a prior.
    """

    species: list[str]
    source: GraphSource
    split: Split
    split_report: SplitReport
    statistics: TrainingStatistics
    scales: Scales
    prior_residual_fraction: float | None = None


def prepare(recipe: Recipe, dataset: Dataset, also: Sequence[str] = ()) -> Prepared:
    """Split a dataset as the recipe says and measure its training part.

    Args:
        recipe: says how.
        dataset: the data.
        also: species that the network is to know beside those of the recipe.

    Raises:
        DataError: too few frames, forces that are all zero or not numbers, no neighbours within the cutoff, an unknown
            species.
    """
    names = [dataset.type_names[number] for number in sorted(dataset.type_names)]
    species = list(dict.fromkeys([*network_species(recipe, names), *also]))
    source = GraphSource(dataset, species, recipe.graph.cutoff, recipe.graph.bonds)
    settings = recipe.data.split
    split, report = make_split(
        dataset,
        Shares(settings.train, settings.validation, settings.test),
        method=settings.method,
        blocks=settings.blocks,
        gap=settings.gap,
        seed=recipe.training.seed,
        validation_files=tuple(settings.validation_files),
        test_files=tuple(settings.test_files),
    )
    if settings.frames is not None:  # before anything is measured on the training part
        split = replace(split, train=even_sample(split.train, settings.frames))
    for index in (*split.validation, *split.test):  # read last of all, when a long training would be lost with them
        check_forces(dataset[index].forces, index, dataset.path)
    if recipe.graph.waves:  # a box without waves, or one with too many, is told before anything long begins
        frame = dataset[int(split.train[0])]
        waves_of(frame.cell, frame.pbc, recipe.graph.waves, Location(file=dataset.path))
    return _measured(recipe, dataset, source, split, report)


def fewer(prepared: Prepared, recipe: Recipe, frames: int) -> Prepared:
    """The same with at most `frames` training frames, evenly spaced, and what is measured on these alone."""
    split = replace(prepared.split, train=even_sample(prepared.split.train, frames))
    return _measured(recipe, prepared.source.dataset, prepared.source, split, prepared.split_report)


def _measured(recipe: Recipe, dataset: Dataset, source: GraphSource, split: Split, report: SplitReport) -> Prepared:
    """What a network takes from the training part."""
    statistics = training_statistics(source, split.train)
    location = Location(file=dataset.path)
    if statistics.force_rms == 0:
        raise DataError(
            "all forces of the training frames are zero", location=location, hint=f"gnnzoo inspect {dataset.path}"
        )
    if statistics.mean_neighbors == 0:
        raise DataError(
            f"no two atoms are nearer than the cutoff of {recipe.graph.cutoff:g}",
            location=location,
            hint="--set graph.cutoff=5, in the data's length unit",
        )
    scales, prior_residual_fraction = _scales(recipe, source, split, statistics)
    return Prepared(source.species, source, split, report, statistics, scales, prior_residual_fraction)


def _scales(
    recipe: Recipe, source: GraphSource, split: Split, statistics: TrainingStatistics
) -> tuple[Scales, float | None]:
    """What the network takes from the training split, and what its prior leaves of the forces there."""
    prior, leaves, rms = build_prior(recipe, source.species), None, statistics.force_rms
    if prior is not None:
        predictor = Predictor(prior, xla=False)
        rms, leaves = force_rms_less(source, split.train, predictor.forces)
    known = (lambda graph: float(predictor.results(graph)[ENERGY][0])) if prior is not None else (lambda graph: 0.0)
    has_energy = any(entry.traits.head == "energy" for entry in recipe.model.layers)
    source.subtract_energy_offsets(np.zeros(len(source.species)))  # of a measurement before
    offsets = energy_offsets(source, split.train, known).tolist() if has_energy else None
    if offsets is not None:
        source.subtract_energy_offsets(offsets)
    shortest = statistics.shortest if any(p.prior == "repulsion" for p in recipe.model.prior) else None
    if recipe.model.normalization == "none":
        return Scales(energy_offsets=offsets, shortest=shortest), leaves
    return Scales(rms, statistics.mean_neighbors, offsets, shortest), leaves
