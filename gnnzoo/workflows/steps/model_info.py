"""What a model's file says of how it was made and how good it is."""

import shlex
import sys
import time
from pathlib import Path

import numpy as np

from gnnzoo import __version__
from gnnzoo.data.frames import Dataset
from gnnzoo.metrics import ForceMetrics, force_errors
from gnnzoo.models.files import ForceField
from gnnzoo.models.info import Origin
from gnnzoo.training.loop import Outcome
from gnnzoo.training.prepare import Prepared
from gnnzoo.training.runs import Run

# An example frame is stored in the model for later checks, if it is no larger than this.
_EXAMPLE_ATOMS = 3000


def model_info(
    model: ForceField, dataset: Dataset, prepared: Prepared, outcome: Outcome, run: Run, origin: Origin | None
) -> dict:
    """What the .keras file says of itself."""
    return {
        "gnnzoo": __version__,
        "trained": time.strftime("%Y-%m-%d %H:%M:%S"),
        "species": prepared.species,
        "types": {str(number): name for number, name in sorted(dataset.type_names.items())},
        "units": dataset.units,
        "cutoff": model.recipe.graph.cutoff,
        "parameters": parameters(model),
        "dataset": dataset_info(dataset),
        "split": prepared.split.as_dict(),
        "split_report": prepared.split_report.to_json(),
        "statistics": prepared.statistics.as_dict(),
        "energy_offsets": prepared.scales.energy_offsets,
        "training": {
            "run": str(run.folder),
            "schedule_steps": outcome.plan.steps,
            "steps": outcome.steps,
            "best_step": outcome.best.step,
            "seconds": round(outcome.seconds, 1),
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        },
        "origin": origin,
        "figures": {
            part: errors.to_json() if (errors := held_out_errors(model, prepared, dataset, part)) else None
            for part in ("validation", "test")
        },
        "example": _example(model, dataset, prepared),
    }


def dataset_info(dataset: Dataset) -> dict:
    first = dataset[0]
    return {
        "path": str(Path(dataset.path).resolve()),
        "fingerprint": dataset.fingerprint,
        "frames": len(dataset),
        "atoms": len(first),
        "units": dataset.units,
        "molecules": dataset.has_molecules,
        "boundary": list(first.boundary),
        "sources": [source["sha256"] for source in dataset.provenance.get("sources", []) if source.get("sha256")],
    }


def parameters(model: ForceField) -> int:
    """How many numbers are trained."""
    return int(sum(np.prod(variable.shape) for variable in model.network.trainable_variables))


def held_out_errors(model: ForceField, prepared: Prepared, dataset: Dataset, part: str) -> ForceMetrics | None:
    """Force errors on the "validation" or "test" part; None where it is empty."""
    indices = getattr(prepared.split, part)
    if len(indices) == 0:
        return None
    predictions = model.predictor(map(prepared.source.graph, indices))
    return force_errors(predictions, prepared.species, dataset.units).overall


def _example(model: ForceField, dataset: Dataset, prepared: Prepared) -> dict | None:
    """A held-out frame and the forces predicted on it, by which a frozen copy is checked where the data are gone."""
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
