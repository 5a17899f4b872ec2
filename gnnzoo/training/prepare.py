"""Preparation of a dataset for training: species, graphs, split, statistics and scales."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.graphs.energy_offsets import EnergyOffsets, energy_offsets
from gnnzoo.data.graphs.graph import Graph, check_forces
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import (
    TrainingStatistics,
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
from gnnzoo.sampling import even_sample


@dataclass(frozen=True)
class Prepared:
    """A dataset prepared for a recipe.

    Attributes:
        species: names in the order of the network's input.
        source: graphs by frame number.
        split: which frames are for what.
        split_report: how the split was made.
        statistics: of the training split.
        scales: normalisation constants of the network from the training split; ones where the recipe wants raw forces.
        prior_residual_fraction: mean |F - prior| over mean |F| of training frames; None without a prior.
        energy_offsets: energies of isolated atoms; None without an energy head or energies.
    """

    species: list[str]
    source: GraphSource
    split: Split
    split_report: SplitReport
    statistics: TrainingStatistics
    scales: Scales
    prior_residual_fraction: float | None = None
    energy_offsets: EnergyOffsets | None = None


def prepare(recipe: Recipe, dataset: Dataset, also: Sequence[str] = ()) -> Prepared:
    """Split a dataset as the recipe says and compute statistics of the training split.

    Args:
        recipe: split, graph and normalisation.
        dataset: the data.
        also: species that the network has in addition to those of the recipe.

    Returns:
        Graphs, split, statistics and scales.

    Raises:
        DataError: too few frames, forces that are all zero or not finite, no neighbours within the cutoff, an unknown
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
    if settings.frames is not None:  # before its statistics
        split = replace(split, train=even_sample(split.train, settings.frames))
    for index in (*split.validation, *split.test):  # before a long training, after which they would fail
        check_forces(dataset[index].forces, index, dataset.path)
    if recipe.graph.waves:  # an open box, or one with too many waves, is refused before anything long begins
        frame = dataset[int(split.train[0])]
        waves_of(frame.cell, frame.pbc, recipe.graph.waves, Location(file=dataset.path))
    return _with_statistics(recipe, source, split, report)


def fewer(prepared: Prepared, recipe: Recipe, frames: int) -> Prepared:
    """The same data with fewer training frames, and with statistics and scales of these alone.

    Args:
        prepared: with all training frames.
        recipe: it was prepared for.
        frames: evenly spaced, at most.

    Returns:
        Prepared data with the same validation and test split.
    """
    split = replace(prepared.split, train=even_sample(prepared.split.train, frames))
    return _with_statistics(recipe, prepared.source, split, prepared.split_report)


def _with_statistics(recipe: Recipe, source: GraphSource, split: Split, report: SplitReport) -> Prepared:
    statistics = training_statistics(source, split.train)
    location, hint = Location(file=source.dataset.path), f"gnnzoo inspect {source.dataset.path}"
    if statistics.force_rms == 0:
        raise DataError("all forces of the training frames are zero", location=location, hint=hint)
    if statistics.mean_neighbors == 0:
        raise DataError(
            f"no two atoms are nearer than the cutoff of {recipe.graph.cutoff:g}",
            location=location,
            hint="--set graph.cutoff=5, in the data's length unit",
        )
    network = build_prior(recipe, source.species)
    prior = None if network is None else Predictor(network, xla=False)
    offsets = _energy_offsets(recipe, source, split, report, prior)
    scales, prior_residual_fraction = _scales(recipe, source, split, statistics, offsets, prior)
    return Prepared(source.species, source, split, report, statistics, scales, prior_residual_fraction, offsets)


def _energy_offsets(
    recipe: Recipe, source: GraphSource, split: Split, report: SplitReport, prior: Predictor | None
) -> EnergyOffsets | None:
    """Energies of isolated atoms, where the network has an energy."""
    if not any(entry.traits.head == "energy" for entry in recipe.model.layers):
        return None

    def prior_energy(graph: Graph) -> float:
        return 0.0 if prior is None else float(prior.results(graph)[ENERGY][0])

    given = recipe.data.isolated_energies
    return energy_offsets(source, split.train, prior_energy, given, every_frame=report.configurations)


def _scales(
    recipe: Recipe,
    source: GraphSource,
    split: Split,
    statistics: TrainingStatistics,
    energies: EnergyOffsets | None,
    prior: Predictor | None,
) -> tuple[Scales, float | None]:
    """Normalisation constants from the training split, and the fraction of the forces there that the prior leaves."""
    residual, rms = None, statistics.force_rms
    if prior is not None:
        rms, residual = force_rms_less(source, split.train, prior.forces)
    offsets = None
    if any(entry.traits.head == "energy" for entry in recipe.model.layers):
        offsets = energies.values if energies is not None else [0.0] * len(source.species)
    shortest = statistics.shortest if any(p.prior == "repulsion" for p in recipe.model.prior) else None
    if recipe.model.normalization == "none":
        return Scales(energy_offsets=offsets, shortest=shortest), residual
    return Scales(rms, statistics.mean_neighbors, offsets, shortest), residual
