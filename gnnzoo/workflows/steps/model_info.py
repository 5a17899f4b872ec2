"""Information that a trained model's file holds: data, split, statistics, training, errors, an example frame."""

import shlex
import sys
import time
from pathlib import Path
from typing import cast

import numpy as np

from gnnzoo import __version__
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.metrics import ForceMetrics, force_errors
from gnnzoo.models.files import ForceField
from gnnzoo.models.info import DatasetInfo, ExampleFrame, ModelInfo, Origin, StatisticsInfo
from gnnzoo.training.loop import Outcome
from gnnzoo.training.prepare import Prepared
from gnnzoo.training.runs import Run

# Largest example frame: 3000 atoms are 0.4 MB of JSON; example and card of larger models come from the dataset.
_EXAMPLE_ATOMS = 3000


def model_info(
    model: ForceField, dataset: Dataset, prepared: Prepared, outcome: Outcome, run: Run, origin: Origin | None
) -> ModelInfo:
    """Collect the information for a trained model's file.

    Args:
        model: the trained model.
        dataset: its data.
        prepared: split, statistics and scales.
        outcome: how the training ended.
        run: its run folder.
        origin: provenance of transferred weights, or None.

    Returns:
        See `gnnzoo.models.info.ModelInfo`.
    """
    errors = {part: held_out_errors(model, prepared, dataset, part) for part in ("validation", "test")}
    return {
        "gnnzoo": __version__,
        "trained": time.strftime("%Y-%m-%d %H:%M:%S"),
        "species": prepared.species,
        "types": {str(number): name for number, name in sorted(dataset.type_names.items())},
        "units": dataset.units,
        "cutoff": model.recipe.graph.cutoff,
        "parameters": parameters(model),
        "dataset": dataset_info(dataset),
        "split": prepared.split.to_json(),
        "split_report": prepared.split_report.to_json(),
        "statistics": cast(StatisticsInfo, prepared.statistics.to_json()),  # of a lower floor, which knows no ModelInfo
        "energy_offsets": prepared.scales.energy_offsets,
        "energy_origins": prepared.energy_offsets.origins if prepared.energy_offsets else [],
        "energy_undetermined": prepared.energy_offsets.undetermined if prepared.energy_offsets else [],
        "training": {
            "run": str(run.folder),
            "schedule_steps": outcome.plan.steps,
            "steps": outcome.steps,
            "best_step": outcome.best.step,
            "seconds": round(outcome.seconds, 1),
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        },
        "origin": origin,
        "figures": {part: of_part.to_json() if of_part else None for part, of_part in errors.items()},
        "example": _example(model, dataset, prepared),
    }


def dataset_info(dataset: Dataset) -> DatasetInfo:
    """Describe a dataset such that it is recognized later.

    Args:
        dataset: the dataset.

    Returns:
        See `gnnzoo.models.info.DatasetInfo`.
    """
    first = dataset[0]
    info: DatasetInfo = {
        "path": str(Path(dataset.path).resolve()),
        "fingerprint": dataset.fingerprint,
        "frames": len(dataset),
        "atoms": len(first),
        "units": dataset.units,
        "molecules": dataset.has_molecules,
        "boundary": list(first.boundary),
        "sources": [source["sha256"] for source in dataset.provenance.get("sources", []) if source.get("sha256")],
    }
    if dataset.parts:
        info["parts"] = [
            {"path": str(Path(part.path).resolve()), "fingerprint": part.fingerprint, "frames": len(part)}
            for part in dataset.parts
        ]
    return info


def parameters(model: ForceField) -> int:
    """Count trainable parameters.

    Args:
        model: a model.

    Returns:
        The number of trainable weights.
    """
    return int(sum(np.prod(variable.shape) for variable in model.network.trainable_variables))


def held_out_errors(model: ForceField, prepared: Prepared, dataset: Dataset, part: str) -> ForceMetrics | None:
    """Compute force errors on held-out frames.

    Args:
        model: a model.
        prepared: split and graphs of the dataset.
        dataset: the dataset.
        part: "validation" or "test".

    Returns:
        The errors; None for an empty part.
    """
    indices = getattr(prepared.split, part)
    if len(indices) == 0:
        return None
    predictions = model.predictor(map(prepared.source.graph, indices))
    return force_errors(predictions, prepared.species, dataset.units).overall


def _example(model: ForceField, dataset: Dataset, prepared: Prepared) -> ExampleFrame | None:
    """A held-out frame with predicted forces, which checks an exported model where the dataset is missing."""
    held_out = [*prepared.split.test, *prepared.split.validation, *prepared.split.train]
    frame = dataset[int(held_out[0])]
    if len(frame) > _EXAMPLE_ATOMS:
        return None
    predicted = model.predictor.forces(prepared.source.graph(held_out[0]))
    return {
        "positions": frame.positions.tolist(),
        "cell": frame.cell.tolist(),
        "pbc": frame.pbc.tolist(),
        "types": frame.types.tolist(),
        "molecules": None if frame.molecules is None else frame.molecules.tolist(),
        "forces": predicted.astype(float).tolist(),
    }


def useless_error(info: ModelInfo) -> float | None:
    """Error of a model that predicts held-out forces no better than zero forces do.

    Args:
        info: of the model.

    Returns:
        mean |dF| / mean |F| on the test frames, or on the validation frames where there is no test part; None for a
        model that is better than zero forces, or without held-out frames.
    """
    figures = info.get("figures") or {}
    held_out = figures.get("test") or figures.get("validation") or {}
    error = held_out.get("relative")
    return error if error is not None and error >= 1 else None
