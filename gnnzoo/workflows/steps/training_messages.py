"""Log messages of a training: its data and model at the start, validation lines, errors and advice at the end."""

import logging
import math
import shlex
from collections.abc import Mapping

import numpy as np

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.split.methods import Split
from gnnzoo.formatting import duration
from gnnzoo.models.files import ForceField
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.recipe.schema.training import Training
from gnnzoo.sampling import even_sample
from gnnzoo.training.loop import Outcome
from gnnzoo.training.prepare import Prepared
from gnnzoo.training.runs import Run
from gnnzoo.units import energy_unit, force_unit
from gnnzoo.workflows.steps.model_info import parameters, useless_error
from gnnzoo.workflows.steps.split_messages import report_split

logger = logging.getLogger(__name__)

# Columns of the log -> how a line names them, after the forces, in the energy unit.
_TOTALS = {"energy_mae": "energy per atom", "virial_mae": "virial per atom"}

# Below this share of the schedule a warning is given: cosine decay from there still has a tenth of its initial rate.
_MOST_OF_SCHEDULE = 0.8
_FRAMES_SHOWN = 16  # whose compositions are printed


def report_start(model: ForceField, dataset: Dataset, prepared: Prepared, run: Run) -> None:
    """Log split, composition, force statistics, prior and size of the network, with warnings.

    Args:
        model: the model to be trained.
        dataset: its data.
        prepared: split and statistics of the dataset.
        run: its run folder.
    """
    split, statistics = prepared.split, prepared.statistics
    unit = force_unit(dataset.units)
    report_split(dataset, split, prepared.split_report)
    logger.info(f"a frame: {_composition(dataset)}; units {dataset.units or 'undeclared'}")
    distance = _smallest_distance(dataset, split)
    if distance is not None and not prepared.split_report.configurations:
        logger.info(f"a held-out frame and a training frame are {distance:,} timesteps apart or more")
    logger.info(
        f"training frames: force component RMS {statistics.force_rms:.4g} {unit}, "
        f"{statistics.mean_neighbors:.1f} neighbours per atom within {model.recipe.graph.cutoff:g}"
    )
    if prepared.prior_residual_fraction is not None:
        kinds = ", ".join(prior.prior.replace("_", "-") for prior in model.recipe.model.prior)
        logger.info(
            f"the prior ({kinds}) leaves {prepared.prior_residual_fraction:.1%} of mean |F| on training frames "
            "to the network"
        )
        if prepared.prior_residual_fraction >= 1:
            logger.warning("the prior increases the error over zero forces: its parameters do not fit these data")
    _report_energies(prepared, unit_style=dataset.units, trained_on=model.knows_zero)
    if reads_molecules(model.recipe) and not dataset.has_molecules:
        logger.info("the data carry no molecule ids: all pairs count as of different molecules")
    if dataset.units is None:
        logger.warning(
            "the data's units are undeclared, and so are those of the errors. --set data.units=STYLE declares them, as "
            "in the line `units` of the LAMMPS input"
        )
    logger.info(f"network of {parameters(model):,} parameters; run folder {run.folder}")


def _report_energies(prepared: Prepared, unit_style: str | None, trained_on: bool) -> None:
    """Log the energies of isolated atoms, and warn of those that the training frames do not determine."""
    energies = prepared.energy_offsets
    if energies is None or not trained_on:
        return
    unit = energy_unit(unit_style)
    words = {"given": "given", "isolated": "isolated atoms", "fitted": "fitted", "undetermined": "undetermined"}
    shown = [
        f"{name} {value:.6g} ({words[origin]})"
        for name, value, origin in zip(prepared.species, energies.values, energies.origins, strict=True)
        if origin in words
    ]
    logger.info(f"energy of an isolated atom, {unit}, subtracted before training: {', '.join(shown)}")
    unknown = [name for name, kind in zip(prepared.species, energies.origins, strict=True) if kind == "undetermined"]
    if unknown:
        logger.warning(
            f"the compositions of the training frames do not determine the energy of an atom of {', '.join(unknown)}: "
            "energies hold for these compositions alone. Frames of isolated atoms, or data.isolated_energies, would do"
        )


def _composition(dataset: Dataset) -> str:
    """Number of atoms and LAMMPS types of each species: 8 O (type 1), 16 H (types 2, 3); of frames that differ 0 to 8.

    A few frames are looked at.
    """
    types: dict[str, list[int]] = {}
    for number, name in sorted(dataset.type_names.items()):
        types.setdefault(name, []).append(number)
    some = [dataset[index].types for index in even_sample(np.arange(len(dataset)), _FRAMES_SHOWN).tolist()]
    shown = []
    for name, numbers in types.items():
        counts = [int(np.isin(kinds, numbers).sum()) for kinds in some]
        low, high = min(counts), max(counts)
        atoms = f"{low}" if low == high else f"{low} to {high}"
        shown.append(f"{atoms} {name} (type{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))})")
    return ", ".join(shown)


def _smallest_distance(dataset: Dataset, split: Split) -> int | None:
    """Fewest timesteps between a training and a held-out frame of one segment; None if no segment has both."""
    train, held_out = split.train, np.concatenate([split.validation, split.test])
    steps, segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
    smallest = []
    for segment in np.intersect1d(segments[train], segments[held_out]):
        training_steps = np.sort(steps[train[segments[train] == segment]])
        held_out_steps = steps[held_out[segments[held_out] == segment]]
        after = np.searchsorted(training_steps, held_out_steps)
        smallest += [
            np.abs(training_steps[np.clip(index, 0, len(training_steps) - 1)] - held_out_steps).min()
            for index in (after - 1, after)
        ]
    return int(min(smallest)) if smallest else None


def validation_line(row: Mapping[str, float], zero: float, left: float, units: str | None) -> str:
    """Format one validation.

    Args:
        row: row of the log.
        zero: MAE of predicting zero forces.
        left: remaining seconds.
        units: LAMMPS unit style, or None.

    Returns:
        One line.
    """
    unit, energy = force_unit(units), energy_unit(units)
    share = f" ({row['mae'] / zero:.1%} of the zero-force error)" if zero else ""
    known = {label: row[name] for name, label in _TOTALS.items() if math.isfinite(row.get(name, math.nan))}
    totals = "".join(f"{label} {value:.3g} {energy}  " for label, value in known.items())
    return (
        f"epoch {row['epoch']:5.1f}  step {row['step']:>6}  loss {row['loss']:.4f}  "
        f"validation MAE {row['mae']:.4g} {unit}{share}  "
        f"x/y/z {row['mae_x']:.3g}/{row['mae_y']:.3g}/{row['mae_z']:.3g}  {totals}{duration(max(0, left))} left"
    )


def report_end(outcome: Outcome, settings: Training, run: Run, model: ForceField) -> None:
    """Log the best checkpoint and its errors, why training ended early, and how to repeat it.

    Args:
        outcome: how the training ended.
        settings: its settings.
        run: its run folder.
        model: the trained model.
    """
    plan = outcome.plan
    logger.info(
        f"{outcome.steps} steps in {duration(outcome.seconds)}, {duration(outcome.compile_seconds)} of it compilation; "
        f"best of the checkpoints by validation: step {outcome.best.step}"
    )
    _report_errors(outcome, model)
    if (error := useless_error(model.info)) is not None:
        logger.warning(
            f"THE MODEL IS NO BETTER THAN ZERO FORCES: mean |dF| / mean |F| is {error:.0%} on held-out frames, where "
            "zero forces have 100%. Train it for more steps, or with another learning rate"
        )
    if "energy" in _untrained_heads(outcome):
        logger.warning(
            "training ended within the direct stage: the energy head, whose output the model returns, was never "
            "trained; use a longer --time-limit or a larger share of the energy stage"
        )
    if outcome.stopped_early and settings.early_stopping is not None:
        patience = settings.early_stopping.patience
        epochs = f"{patience} epoch{'s' if patience > 1 else ''}"
        logger.info(f"training ended {plan.steps - outcome.steps} steps early: the error had not fallen for {epochs}")
    elif outcome.steps < plan.steps:
        logger.info(f"training ended {plan.steps - outcome.steps} steps before the end of the schedule")
        if outcome.steps < _MOST_OF_SCHEDULE * plan.steps:
            logger.warning(
                f"stopped at {outcome.steps / plan.steps:.0%} of the schedule, before the end of the learning-rate "
                "decay, because steps ran slower than in calibration; use a longer --time-limit"
            )
    repeat = f"the same command with {_repeat_options(outcome, settings)} and without a time limit"
    logger.info(f"to repeat it exactly: {repeat}; log: {run.folder}/log.csv")


def _untrained_heads(outcome: Outcome) -> set[str | None]:
    """Heads of the stages that were never reached."""
    plan = outcome.plan
    reached = {stage.head for stage, first in zip(plan.stages, plan.first_steps, strict=True) if first < outcome.steps}
    return {stage.head for stage in plan.stages} - reached


def _repeat_options(outcome: Outcome, settings: Training) -> str:
    """Options that make a run of fixed length do what this one did."""
    lengths = outcome.plan.lengths
    changes = {"steps": settings.steps or lengths[0]}
    if len(lengths) > 1 and settings.steps is None:  # shares of a given number of steps give the same lengths again
        changes = {f"stages[{number}].steps": steps for number, steps in enumerate(lengths)}
    if outcome.validate_every > 1:
        changes["validate_every"] = outcome.validate_every
    if outcome.steps < outcome.plan.steps and not outcome.stopped_early:
        changes["stop_after"] = outcome.steps
    return " ".join(f"--set {shlex.quote(f'training.{key}={value}')}" for key, value in changes.items())


def _report_errors(outcome: Outcome, model: ForceField) -> None:
    """Log relative errors at the best checkpoint, by species and by quartiles of |F|."""
    rows = [row for row in outcome.log if row["step"] == outcome.best.step and np.isfinite(row["relative"])]
    if not rows:
        return
    best = rows[-1]
    by_species = "  ".join(
        f"{name} {best[f'relative_{name}']:.1%}" for name in model.species if np.isfinite(best[f"relative_{name}"])
    )
    bounds = [f"{bound:.3g}" for bound in outcome.force_bounds]
    names = [f"below {bounds[0]}", *(f"to {bound}" for bound in bounds[1:]), f"above {bounds[-1]}"]
    by_size = "  ".join(f"{name}: {best[f'relative_bin{number}']:.1%}" for number, name in enumerate(names, 1))
    logger.info(f"mean |dF| / mean |F| there: {by_species}; by |F|, in {force_unit(model.units)}: {by_size}")
