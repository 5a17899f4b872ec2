"""What a training asks of its data beyond forces, seen to before it begins."""

from gnnzoo.data.pipeline import GraphSource
from gnnzoo.data.splits import Split
from gnnzoo.data.statistics import MAX_SAMPLE, even_sample
from gnnzoo.errors import DataError, Place, RecipeError, did_you_mean
from gnnzoo.recipe.training_part import Training
from gnnzoo.training.plan import phases


def check_targets(settings: Training, source: GraphSource, split: Split) -> None:
    """Refuse what cannot be trained.

    Raises:
        RecipeError: a weight is for a species that the model does not know; an end or a learning rate is to follow the
            validation error, and no frame is held out for it.
        DataError: energies count, and no training frame has one.
    """
    for name in settings.loss_weights.types:
        if name not in source.species:
            raise RecipeError(
                f"unknown species '{name}'." + did_you_mean(name, source.species),
                place=Place(key=f"training.loss_weights.types.{name}"),
                expected=f"one of {', '.join(source.species)}",
            )
    if not len(split.validation):
        _check_waiting(settings)
    sample = even_sample(split.train, MAX_SAMPLE)
    if settings.loss_weights.energy and all(source.graph(index).energy is None for index in sample):
        raise DataError(
            "no training frame has an energy, but the recipe gives energies a weight",
            place=Place(file=source.dataset.path),
            hint="gnnzoo convert DUMP --log log.lammps adds those of a LAMMPS log; without energies: "
            "--set training.loss_weights.energy=0",
        )


def _check_waiting(settings: Training) -> None:
    waiting = {"early_stopping": settings.early_stopping is not None}
    waiting["learning_rate.schedule"] = any(phase.rate.schedule == "plateau" for phase in phases(settings))
    for key, waits in waiting.items():
        if waits:
            raise RecipeError(
                "it follows the validation error, and no frame is held out for validation",
                place=Place(key=f"training.{key}"),
                hint="--set data.split.validation=0.1",
            )
