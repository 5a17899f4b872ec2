"""What a training asks of its data beyond forces, seen to before it begins."""

from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import MAX_SAMPLE, even_sample
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import DataError, Location, RecipeError, did_you_mean
from gnnzoo.recipe.schema.training import Training
from gnnzoo.training.stages import training_stages

# What a frame may have as a whole: how it and many of it are called, and where it comes from.
_WHOLE = {
    "energy": ("an energy", "energies", "gnnzoo convert DUMP --log log.lammps adds those of a LAMMPS log"),
    "virial": (
        "a virial",
        "virials",
        "extended XYZ and ASE files have them (stress or virial), LAMMPS dumps and logs do not",
    ),
}


def check_targets(settings: Training, source: GraphSource, split: Split) -> None:
    """Refuse what cannot be trained.

    Raises:
        RecipeError: a weight is for a species that the model does not know; an end or a learning rate is to follow the
            validation error, and no frame is held out for it.
        DataError: energies or virials count, and no training frame has one.
    """
    for name in settings.loss_weights.types:
        if name not in source.species:
            raise RecipeError(
                f"unknown species '{name}'." + did_you_mean(name, source.species),
                location=Location(key=f"training.loss_weights.types.{name}"),
                expected=f"one of {', '.join(source.species)}",
            )
    if not len(split.validation):
        _check_waiting(settings)
    sample = even_sample(split.train, MAX_SAMPLE)
    for name, (what, plural, hint) in _WHOLE.items():
        if getattr(settings.loss_weights, name) and all(getattr(source.graph(index), name) is None for index in sample):
            raise DataError(
                f"no training frame has {what}, but the recipe gives {plural} a weight",
                location=Location(file=source.dataset.path),
                hint=f"{hint}; without {plural}: --set training.loss_weights.{name}=0",
            )


def _check_waiting(settings: Training) -> None:
    waiting = {"early_stopping": settings.early_stopping is not None}
    waiting["learning_rate.schedule"] = any(phase.rate.schedule == "plateau" for phase in training_stages(settings))
    for key, waits in waiting.items():
        if waits:
            raise RecipeError(
                "it follows the validation error, and no frame is held out for validation",
                location=Location(key=f"training.{key}"),
                hint="--set data.split.validation=0.1",
            )
