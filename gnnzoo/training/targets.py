"""Checks, before a training begins, that its data have what it needs in addition to forces."""

import numpy as np

from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import MAX_SAMPLE
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import DataError, Location, RecipeError, did_you_mean
from gnnzoo.recipe.schema.training import Training
from gnnzoo.sampling import even_sample
from gnnzoo.training.stages import training_stages

_SHOWN = 20  # groups that an error lists
# Quantities of a whole frame: singular with article, plural, and where they come from.
_TOTALS = {
    "energy": ("an energy", "energies", "gnnzoo convert DUMP --log log.lammps adds those of a LAMMPS log"),
    "virial": (
        "a virial",
        "virials",
        "extended XYZ and ASE files have them; those of a LAMMPS run are in its log: gnnzoo convert DUMP --log "
        "log.lammps --column virial=c_virial, see gnnzoo convert --help",
    ),
}


def check_targets(settings: Training, source: GraphSource, split: Split) -> None:
    """Check that the data have all reference values that the loss and the schedule need.

    Args:
        settings: the recipe's `training`.
        source: graphs by frame number.
        split: which frames are for what.

    Raises:
        RecipeError: a loss weight names a species that the model does not know, or a group that no frame is of; early
            stopping or the learning rate depends on the validation error and no frame is held out for validation.
        DataError: energies or virials are in the loss, and no training frame has one.
    """
    for name in settings.loss_weights.types:
        if name not in source.species:
            raise RecipeError(
                f"unknown species '{name}'." + did_you_mean(name, source.species),
                location=Location(key=f"training.loss_weights.types.{name}"),
                expected=f"one of {', '.join(source.species)}",
            )
    if not len(split.validation):
        _check_no_validation(settings)
    sample = even_sample(split.train, MAX_SAMPLE)
    if settings.loss_weights.groups:
        _check_groups(settings, source, sample)
    for name, (one, plural, hint) in _TOTALS.items():
        if getattr(settings.loss_weights, name) and all(getattr(source.graph(index), name) is None for index in sample):
            raise DataError(
                f"no training frame has {one}, but the recipe gives {plural} a weight",
                location=Location(file=source.dataset.path),
                hint=f"{hint}; without {plural}: --set training.loss_weights.{name}=0",
            )


def _check_groups(settings: Training, source: GraphSource, sample: np.ndarray) -> None:
    """Refuse weights of groups that neither the source of the data nor a sample of the frames has."""
    quantities = source.dataset.provenance.get("quantities") or {}
    known = {name for name, _ in quantities.get("groups", ())}
    known |= {group for index in sample if (group := source.graph(index).group) is not None}
    for name in settings.loss_weights.groups:
        if name not in known:
            raise RecipeError(
                f"no frame has the config_type '{name}'." + did_you_mean(name, known),
                location=Location(key=f"training.loss_weights.groups.{name}"),
                expected=f"one of {', '.join(sorted(known)[:_SHOWN])}" if known else "frames with a config_type",
            )


def _check_no_validation(settings: Training) -> None:
    """Refuse settings that depend on the validation error."""
    plateau = any(stage.rate.schedule == "plateau" for stage in training_stages(settings))
    for key, depends in (("early_stopping", settings.early_stopping), ("learning_rate.schedule", plateau)):
        if depends:
            raise RecipeError(
                "depends on the validation error, and no frame is held out for validation",
                location=Location(key=f"training.{key}"),
                hint="--set data.split.validation=0.1",
            )
