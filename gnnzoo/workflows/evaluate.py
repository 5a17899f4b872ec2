"""Judge a model's forces, and energies and virials if it has any, on data that it was not trained on."""

import contextlib
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gnnzoo.console import table
from gnnzoo.data.data_source import resolve_source
from gnnzoo.data.frames import Dataset
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.inspection.unit_checks import checked_units, unit_warning
from gnnzoo.data.lammps.events import event_messages
from gnnzoo.data.metadata import apply_metadata
from gnnzoo.data.open_dataset import cutoff_explained, open_dataset
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.evaluation.plots import ParitySample, parity_plot
from gnnzoo.evaluation.report import (
    ENERGY_COLUMNS,
    FORCE_COLUMNS,
    VIRIAL_COLUMNS,
    energy_rows,
    energy_title,
    force_rows,
    virial_rows,
)
from gnnzoo.file_formats import uncompressed_name
from gnnzoo.metrics import EnergyErrors, ForceErrors, VirialErrors, accumulate
from gnnzoo.models.archive import origins
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.progress import track
from gnnzoo.recipe.io.find import recipe_names
from gnnzoo.units import force_factor
from gnnzoo.workflows.steps.evaluation_sets import chosen_sets
from gnnzoo.workflows.steps.training_data import evaluation_dataset

logger = logging.getLogger(__name__)


def evaluate(
    model: str | Path | ForceField,
    data: str | Path | Dataset | list | None = None,
    *,
    on: str | list[str] | tuple[str, ...] = (),
    json_output: str | Path | None = None,
    plot: bool | str | Path = True,
    overwrite: bool = False,
) -> dict:
    """Compare a model's forces with those of the data, beside the zero-force baseline; energies and virials likewise.

    The dataset that the model was trained on is judged on its test part only; any other, whole. Data made from files
    that the model was trained on, too, are judged whole under a warning.

    Args:
        model: a model or its path.
        data: a dataset, its path, or several; each is judged on its own.
        on: names of evaluation sets that the model's recipe declares, or "all"; made by their simulation where they
            are missing.
        json_output: where the figures go as JSON.
        plot: whether to draw MODEL-DATA-parity.png in the working folder, or where (with one dataset only).
        overwrite: replace existing outputs, keeping the old ones beside them. A parity plot under its default name is
            drawn anew without asking.

    Returns:
        The figures (see `metrics.ForceResult.to_json`) with "model", "data" and "part", and "energy" (see
        `metrics.EnergyResult`) where model and data both have energies, else None; so "virial" (see
        `metrics.VirialResult`). Where several datasets are given, by what they were given as: path or
        name.

    Raises:
        UserError: nothing was named to judge on, which tells what could be; a name that the recipe does not declare.
    """
    force_field = model if isinstance(model, ForceField) else load_model(model)
    items = [] if data is None else data if isinstance(data, list | tuple) else [data]
    sets = chosen_sets(force_field.recipe, on)
    if not items and not sets:
        raise _nothing_named(force_field)
    if json_output is not None:
        refuse_existing(Path(json_output), overwrite)
    if isinstance(plot, str | Path):
        if len(items) + len(sets) > 1:
            raise UserError("one plot cannot show several datasets", hint="leave out --plot: each gets one of its own")
        refuse_existing(Path(plot), overwrite)
    results = {}
    for item in items:
        with _opened(force_field, item) as (dataset, name):
            results[name] = _judge(force_field, dataset, name, plot, overwrite)
    for name in sets:
        with evaluation_dataset(force_field.recipe, recipe_names().get(force_field.recipe.name), name) as dataset:
            figures = _judge(force_field, dataset, name, plot, overwrite)
            results[name] = figures | {"data": str(dataset.path), "on": name}
    answer = results if len(results) > 1 else next(iter(results.values()))
    if json_output is not None:
        with atomic_write(json_output, overwrite) as temporary:
            temporary.write_text(json.dumps(answer, indent=1) + "\n")
        logger.info(f"wrote {json_output}")
    return answer


def _nothing_named(model: ForceField) -> UserError:
    """What there is to judge a model on: the data of its training, what its recipe declares, any other."""
    name = model.path or "MODEL"
    trained_on = (model.info.get("dataset") or {}).get("path")
    expected = [f"{trained_on}, which it was trained on (judged on what was held out)"] if trained_on else []
    for key, declared in model.recipe.data.evaluation.items():
        source = declared.source if isinstance(declared.source, str) else ", ".join(declared.source)
        made = f", else made by LAMMPS from {declared.simulate.input}" if declared.simulate else ""
        expected.append(f"--on {key}: {source}{made}")
    expected.append("any dataset or dump of its species")
    sets = next(iter(model.recipe.data.evaluation), None)
    given = f"--on {sets}" if sets else trained_on or "DATA"
    return UserError(
        f"nothing was named that {name} is to be judged on",
        expected="one or more of\n    " + "\n    ".join(expected),
        hint=f"gnnzoo evaluate {name} {given}",
    )


@contextlib.contextmanager
def _opened(model: ForceField, item: str | Path | Dataset) -> Iterator[tuple[Dataset, str]]:
    """Data and what they are called; what was opened here is closed again."""
    if isinstance(item, Dataset):
        yield item, str(item.path)
        return
    source = resolve_source(item, streams=True)
    with open_dataset(source) as dataset:
        if source.kind.is_dump:  # a dataset's conversion told it
            for line in event_messages(dataset.provenance, ("truncated", "repeated")):
                logger.warning(line)
        declared = _declared(model, dataset, item)
        doubt = unit_warning(checked_units(declared))
        if doubt:
            logger.warning(doubt)
        yield declared, str(item)


def _declared(model: ForceField, dataset: Dataset, path: str | Path) -> Dataset:
    """The data, with what they do not say taken from the model: units and names of types."""
    units = types = None
    if dataset.units is None and model.units is not None:
        logger.info(f"{path} does not say its units: taken to be {model.units}, as the model's")
        units = model.units
    undeclared = all(name == str(number) for number, name in dataset.type_names.items())
    known = {number: name for number, name in model.info["types"].items() if int(number) in dataset.type_names}
    if undeclared and len(known) == len(dataset.type_names):
        if any(name != number for number, name in known.items()):
            listed = ", ".join(f"{number}={name}" for number, name in known.items())
            logger.info(f"{path} does not name its types: taken to be {listed}, as the model's")
        types = known
    return apply_metadata(dataset, units, types)


def _judge(model: ForceField, dataset: Dataset, data: str, plot: bool | str | Path, overwrite: bool) -> dict:
    indices, part = _frames_to_judge(model, dataset, data)
    _warn_of_molecules(model, dataset, data)
    factor = force_factor(dataset.units, model.units)
    if factor != 1:
        logger.info(f"forces of {data} are converted from {dataset.units} to {model.units} units: x {factor:.6g}")
    source = GraphSource(dataset, model.species, model.cutoff, model.recipe.graph.bonds, factor)
    errors, sample = ForceErrors(model.species, model.units), ParitySample(model.species)
    energies, virials = EnergyErrors(model.knows_zero, model.energy_offsets), VirialErrors()
    with _too_large(model, dataset), track(f"evaluating {data}", len(indices)) as shown:
        for prediction in model.predictor(map(source.graph, indices)):
            accumulate([prediction], errors, sample, energies, virials)
            shown.advance()
    name = str(model.path or model.recipe.name)
    forces, energy, virial = errors.result(), energies.result(), virials.result()
    table(f"{name} on {data} ({part}, {forces.frames} frames)", FORCE_COLUMNS, force_rows(forces))
    if energy is not None and (rows := energy_rows(energy, model.units)):
        table(energy_title(energy), ENERGY_COLUMNS, rows)
    if virial is not None:
        table(f"virials of {virial.frames} frames", VIRIAL_COLUMNS, virial_rows(virial, model.units))
    if plot:
        default = Path(f"{_stem(name)}-{_stem(data) or _stem(dataset.path)}-parity.png")
        path = default if plot is True else Path(plot)
        again = " in place of the older one" if plot is True and path.exists() else ""
        if again:
            path.unlink()
        logger.info(f"wrote{again} {parity_plot(sample, forces, f'{name} on {data} ({part})', path, overwrite)}")
    totals = {"energy": energy.to_json() if energy else None, "virial": virial.to_json() if virial else None}
    return forces.to_json() | totals | {"model": name, "data": data, "part": part}


def _stem(path) -> str:
    """A file's name without its ending, N216.81 of N216.81.lammpstrj.gz; N216 of N216.*"""
    return re.sub(r"[*?\[\]]", "", Path(uncompressed_name(Path(path))).stem).rstrip(".")


@contextlib.contextmanager
def _too_large(model: ForceField, dataset: Dataset) -> Iterator[None]:
    """Errors of a cutoff too large for the data, in words that fit an evaluation."""
    hint = f"the model's cutoff is fixed; gnnzoo inspect {dataset.path} tells whether the data are in its length unit"
    with cutoff_explained(dataset.path, hint):
        yield


def _warn_of_molecules(model: ForceField, dataset: Dataset, data: str) -> None:
    """Say it where the classes of edges are not those that the model learned."""
    trained_with = (model.info.get("dataset") or {}).get("molecules")
    if not reads_molecules(model.recipe) or trained_with in (None, dataset.has_molecules):
        return
    if trained_with:
        logger.warning(
            f"{data} carries no molecule ids, and the model was trained with them: all pairs count as of different "
            "molecules, so that the forces are not what the model would say with them. To mend it: dump the column mol"
        )
    else:
        logger.warning(
            f"{data} carries molecule ids, and the model was trained without: it never saw the classes of edges that "
            "they make, so that the forces mean little. To mend it: data without the column mol"
        )


def _frames_to_judge(model: ForceField, dataset: Dataset, data: str) -> tuple[np.ndarray, str]:
    """All frames of foreign data; of the data the model was trained on, only those it has never seen."""
    trained_on = model.info["dataset"]
    if dataset.fingerprint == trained_on["fingerprint"] and dataset.units != trained_on.get("units", dataset.units):
        raise DataError(
            f"these are the numbers that the model was trained on, in {dataset.units} units; they were taken to be "
            f"in {trained_on['units']} units then",
            location=Location(file=dataset.path),
            hint=f"gnnzoo convert DUMP --units {trained_on['units']}",
        )
    if dataset.fingerprint != model.info["dataset"]["fingerprint"]:
        part = "whole"
        if _partly_known(model, dataset):
            part = "whole, partly trained on"
            logger.warning(
                f"{data} was made from files that the model was trained on: the errors on frames that it has seen come "
                "out too small. For an honest figure: data from other files, or the very dataset of the training"
            )
        return np.arange(len(dataset)), part
    split = Split.from_dict(model.info["split"])
    for part in ("test", "validation"):
        indices = getattr(split, part)
        if len(indices):
            why = "" if part == "test" else ", for there is no test part; the best checkpoint was chosen on it"
            logger.info(f"{data} is what the model was trained on: judged on its {part} part{why}")
            return indices, part
    raise DataError(
        "is what the model was trained on, all of it: nothing was held out",
        location=Location(file=dataset.path),
        hint="other data, or training with --set data.split.train=0.8 --set data.split.test=0.2",
    )


def _partly_known(model: ForceField, dataset: Dataset) -> bool:
    """Whether the data share source files with what the model, or one that it was transferred from, was trained on."""
    sources = {source["sha256"] for source in getattr(dataset, "provenance", {}).get("sources", [])}
    trainings = [made.get("dataset") or {} for made in (model.info, *origins(model.info))]
    return any(
        sources & set(known.get("sources", [])) or dataset.fingerprint == known.get("fingerprint")
        for known in trainings
    )
