"""What a training needs of its data before the first step: species, graphs, split, statistics, scales."""

from dataclasses import dataclass

from gnnzoo.data.dividing import SplitReport, divide
from gnnzoo.data.frames import Dataset
from gnnzoo.data.pipeline import GraphSource, check_forces
from gnnzoo.data.splits import Shares, Split
from gnnzoo.data.statistics import TrainingStatistics, training_statistics
from gnnzoo.errors import DataError, Place
from gnnzoo.models.build import Scales, network_species
from gnnzoo.recipe.schema import Recipe


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
    """

    species: list[str]
    source: GraphSource
    split: Split
    split_report: SplitReport
    statistics: TrainingStatistics
    scales: Scales


def prepare(recipe: Recipe, dataset: Dataset) -> Prepared:
    """Split a dataset as the recipe says and measure its training part.

    Raises:
        DataError: too few frames, forces that are all zero or not numbers, no neighbours within the cutoff, an unknown
            species.
    """
    names = [dataset.type_names[number] for number in sorted(dataset.type_names)]
    species = network_species(recipe, names)
    source = GraphSource(dataset, species, recipe.graph.cutoff, recipe.graph.bonds)
    settings = recipe.data.split
    split, report = divide(
        dataset,
        Shares(settings.train, settings.validation, settings.test),
        method=settings.method,
        blocks=settings.blocks,
        gap=settings.gap,
        seed=recipe.training.seed,
        validation_files=tuple(settings.validation_files),
        test_files=tuple(settings.test_files),
    )
    for index in (*split.validation, *split.test):  # read last of all, when a long training would be lost with them
        check_forces(dataset[index].forces, index, dataset.path)
    statistics = training_statistics(source, split.train)
    place = Place(file=dataset.path)
    if statistics.force_rms == 0:
        raise DataError(
            "all forces of the training frames are zero", place=place, hint=f"gnnzoo inspect {dataset.path}"
        )
    if statistics.mean_neighbors == 0:
        raise DataError(
            f"no two atoms are nearer than the cutoff of {recipe.graph.cutoff:g}",
            place=place,
            hint="--set graph.cutoff=5, in the data's length unit",
        )
    scaled = recipe.model.normalization == "training"
    scales = Scales(statistics.force_rms, statistics.mean_neighbors) if scaled else Scales()
    return Prepared(species, source, split, report, statistics, scales)
