"""Evaluate a model on held-out data: errors of forces, energies and virials, and parity plots."""

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gnnzoo.data.data_source import resolve_source
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.frames.metadata import apply_metadata
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.inspection.unit_checks import checked_units, unit_warning
from gnnzoo.data.lammps.events import event_messages
from gnnzoo.data.open_dataset import cutoff_explained, open_dataset
from gnnzoo.data.split.methods import Split
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.evaluation.plots import ParitySample, parity_plot
from gnnzoo.file_formats import uncompressed_name
from gnnzoo.group_metrics import GroupErrors, GroupResult
from gnnzoo.metrics import (
    EnergyErrors,
    EnergyResult,
    ForceErrors,
    ForceResult,
    accumulate,
)
from gnnzoo.models.archive import origins
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.models.info import DatasetInfo, dataset_paths
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.progress import track
from gnnzoo.progress_bar import displays_progress
from gnnzoo.recipe.io.find import recipe_names
from gnnzoo.records import json_text
from gnnzoo.units import force_factor
from gnnzoo.virial_metrics import VirialErrors, VirialResult
from gnnzoo.workflows.steps.evaluation_sets import chosen_sets
from gnnzoo.workflows.steps.training_data import evaluation_dataset

logger = logging.getLogger(__name__)

Data = str | os.PathLike[str] | Dataset


@dataclass(frozen=True)
class Evaluation:
    """Errors of a model on one dataset.

    Attributes:
        model: path of the model, or the name of its recipe.
        data: the dataset as it was given, or the path of an evaluation set.
        part: which frames: "whole", "whole, partly trained on", "test" or "validation".
        forces: force errors.
        energy: energy errors; None unless model and data both have energies.
        virial: virial errors; None unless model and data both have virials.
        evaluation_set: name of the evaluation set of the recipe; None for other data.
        groups: errors by `config_type` of the frames; empty where they have none.
    """

    model: str
    data: str
    part: str
    forces: ForceResult
    energy: EnergyResult | None
    virial: VirialResult | None
    evaluation_set: str | None = None
    groups: dict[str, GroupResult] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the evaluation set, or the dataset as it was given."""
        return self.evaluation_set or self.data

    def to_json(self) -> dict[str, object]:
        """The evaluation as JSON values.

        Returns:
            Errors by kind with "model", "data", "part", "groups" where the frames have a `config_type`, and "on" for an
            evaluation set.
        """
        return {
            **self.forces.to_json(),
            "energy": self.energy.to_json() if self.energy else None,
            "virial": self.virial.to_json() if self.virial else None,
            "model": self.model,
            "data": self.data,
            "part": self.part,
            **({"groups": {name: errors.to_json() for name, errors in self.groups.items()}} if self.groups else {}),
            **({"on": self.evaluation_set} if self.evaluation_set else {}),
        }


@displays_progress
def evaluate(
    model: str | Path | ForceField,
    data: Data | Sequence[Data] | None = None,
    *,
    on: str | Sequence[str] = (),
    json_output: str | Path | None = None,
    plot: bool | str | Path = True,
    overwrite: bool = False,
    progress: bool = False,
) -> Evaluation | dict[str, Evaluation]:
    """Evaluate a model's forces, energies and virials, with zero forces and mean energies as baselines.

    The dataset that the model was trained on is evaluated on its test part only, any other as a whole. Data made from
    source files of the training are evaluated as a whole, with a warning.

    Args:
        model: a model or its path.
        data: a dataset, its path, or several; each is evaluated separately.
        on: names of evaluation sets of the model's recipe, or "all"; missing ones are simulated.
        json_output: file for the errors as JSON.
        plot: whether to draw the parity plot MODEL-DATA-parity.png, or its path (for one dataset only).
        overwrite: replace existing outputs, which are kept as backups. A parity plot of the default name is always
            replaced.
        progress: show a progress bar.

    Returns:
        The errors; for several datasets, by path or name of the dataset.

    Raises:
        UserError: no data are given (the error lists what could be), or an evaluation set is unknown.
    """
    evaluations = evaluate_each(model, data, on=on, json_output=json_output, plot=plot, overwrite=overwrite)
    results = {result.name: result for result in evaluations}
    return results if len(results) > 1 else next(iter(results.values()))


def evaluate_each(
    model: str | Path | ForceField,
    data: Data | Sequence[Data] | None = None,
    *,
    on: str | Sequence[str] = (),
    json_output: str | Path | None = None,
    plot: bool | str | Path = True,
    overwrite: bool = False,
) -> Iterator[Evaluation]:
    """Evaluate a model on one dataset after the other.

    Args:
        model, data, on, json_output, plot, overwrite: see `evaluate`.

    Yields:
        The errors on each dataset, once they are known.
    """
    force_field = model if isinstance(model, ForceField) else load_model(model)
    items = [] if data is None else [data] if isinstance(data, str | os.PathLike | Dataset) else list(data)
    sets = chosen_sets(force_field.recipe, on)
    if not items and not sets:
        raise _no_data(force_field)
    if json_output is not None:
        refuse_existing(Path(json_output), overwrite)
    if isinstance(plot, str | Path):
        if len(items) + len(sets) > 1:
            raise UserError("one plot cannot show several datasets", hint="leave out --plot: each gets one of its own")
        refuse_existing(Path(plot), overwrite)
    results: dict[str, Evaluation] = {}
    for item in items:
        with opened_data(force_field, item) as (dataset, name):
            results[name] = _evaluation(force_field, dataset, name, plot, overwrite)
        yield results[name]
    for name in sets:
        recipe_path = recipe_names().get(force_field.recipe.name)
        with evaluation_dataset(force_field.recipe, recipe_path, name) as dataset:
            result = _evaluation(force_field, dataset, name, plot, overwrite)
            results[name] = replace(result, data=str(dataset.path), evaluation_set=name)
        yield results[name]
    if json_output is not None:
        by_name = {name: result.to_json() for name, result in results.items()}
        with atomic_write(json_output, overwrite) as temporary:
            temporary.write_text(json_text(by_name if len(by_name) > 1 else by_name.popitem()[1], indent=1) + "\n")
        logger.info(f"wrote {json_output}")


def _no_data(model: ForceField) -> UserError:
    """Error that lists the training data, the evaluation sets, and any other data."""
    name = model.path or "MODEL"
    trained_on = " ".join(dataset_paths(model.info.get("dataset") or {}))
    expected = [f"{trained_on}, which it was trained on (held-out frames only)"] if trained_on else []
    for key, declared in model.recipe.data.evaluation.items():
        source = declared.source if isinstance(declared.source, str) else ", ".join(declared.source)
        made = f", else made by LAMMPS from {declared.simulate.input}" if declared.simulate else ""
        expected.append(f"--on {key}: {source}{made}")
    expected.append("any dataset or dump of its species")
    first_set = next(iter(model.recipe.data.evaluation), None)
    given = f"--on {first_set}" if first_set else trained_on or "DATA"
    return UserError(
        f"no evaluation data given for {name}",
        expected="one or more of\n    " + "\n    ".join(expected),
        hint=f"gnnzoo evaluate {name} {given}",
    )


@contextlib.contextmanager
def opened_data(model: ForceField, item: Data) -> Iterator[tuple[Dataset, str]]:
    """Open data for a model, whose units and names of types are taken where the data declare none.

    Args:
        model: the model.
        item: a dataset or its path.

    Yields:
        The dataset and its name; one that is opened here is closed again.
    """
    if isinstance(item, Dataset):
        yield item, str(item.path)
        return
    source = resolve_source(item, streams=True)
    with open_dataset(source) as dataset:
        if source.kind.is_dump:  # the conversion of a dataset has reported these
            for line in event_messages(dataset.provenance, ("truncated", "repeated")):
                logger.warning(line)
        declared = _with_metadata_of(model, dataset, item)
        doubt = unit_warning(checked_units(declared, hint="gnnzoo convert DUMP --units {style}"))
        if doubt:
            logger.warning(doubt)
        yield declared, str(item)


def _with_metadata_of(model: ForceField, dataset: Dataset, path: str | os.PathLike[str]) -> Dataset:
    """The dataset, with undeclared units and type names taken from the model."""
    units: str | None = None
    types: dict[int | str, str] | None = None
    if dataset.units is None and model.units is not None:
        logger.info(f"{path} does not declare its units: taken to be {model.units}, as the model's")
        units = model.units
    undeclared = all(name == str(number) for number, name in dataset.type_names.items())
    known: dict[int | str, str] = {
        number: name for number, name in model.info["types"].items() if int(number) in dataset.type_names
    }
    if undeclared and len(known) == len(dataset.type_names):
        if any(name != number for number, name in known.items()):
            listed = ", ".join(f"{number}={name}" for number, name in known.items())
            logger.info(f"{path} does not name its types: taken to be {listed}, as the model's")
        types = known
    return apply_metadata(dataset, units, types)


def evaluated(
    model: ForceField, dataset: Dataset, data: str, indices: np.ndarray, part: str
) -> tuple[Evaluation, ParitySample]:
    """Evaluate a model on one dataset.

    Args:
        model: the model.
        dataset: the data.
        data: their name.
        indices, part: see `evaluated_frames`.

    Returns:
        The errors, and a sample of force components for a parity plot.

    Raises:
        DataError: model and data do not fit.
    """
    _warn_of_molecules(model, dataset, data)
    factor = force_factor(dataset.units, model.units)
    if factor != 1:
        logger.info(f"forces of {data} are converted from {dataset.units} to {model.units} units: x {factor:.6g}")
    source = GraphSource(dataset, model.species, model.cutoff, model.recipe.graph.bonds, factor)
    forces, sample = ForceErrors(model.species, model.units), ParitySample(model.species)
    energies, virials = EnergyErrors(model.knows_zero, model.energy_offsets), VirialErrors()
    groups = GroupErrors(model.species, model.units, model.knows_zero, model.energy_offsets)
    hint = f"the model's cutoff is fixed; gnnzoo inspect {dataset.path} shows whether the data are in its length unit"
    with cutoff_explained(dataset.path, hint), track(f"evaluating {data}", len(indices)) as task:
        for prediction in model.predictor(map(source.graph, indices)):
            accumulate([prediction], forces, sample, energies, virials, groups)
            task.advance()
    if model.knows_zero and energies.reaches(model.info.get("energy_undetermined") or []):
        logger.warning(
            f"{data} has compositions whose energy the training frames do not determine: absolute errors of energies "
            "mean nothing there"
        )
    name = str(model.path or model.recipe.name)
    of_all = forces.result(), energies.result(), virials.result()
    return Evaluation(name, data, part, *of_all, groups=groups.result()), sample


def _evaluation(model: ForceField, dataset: Dataset, data: str, plot: bool | str | Path, overwrite: bool) -> Evaluation:
    """Evaluate a model on one dataset, and draw its parity plot."""
    result, sample = evaluated(model, dataset, data, *evaluated_frames(model, dataset, data))
    if plot:
        default = Path(f"{_stem(result.model)}-{_stem(data) or _stem(dataset.path)}-parity.png")
        path = default if plot is True else Path(plot)
        replaced = " in place of the older one" if plot is True and path.exists() else ""
        if replaced:
            path.unlink()
        parity_plot(sample, result.forces, f"{result.model} on {data} ({result.part})", path, overwrite)
        logger.info(f"wrote{replaced} {path}")
    return result


def _stem(path: str | Path) -> str:
    """A file's name without its endings: N216.81 of N216.81.lammpstrj.gz; N216 of N216.*"""
    return re.sub(r"[*?\[\]]", "", Path(uncompressed_name(Path(path))).stem).rstrip(".")


def _warn_of_molecules(model: ForceField, dataset: Dataset, data: str) -> None:
    """Warn if only training or only evaluation data have molecule ids, so that edges belong to other classes."""
    trained_with = (model.info.get("dataset") or {}).get("molecules")
    if not reads_molecules(model.recipe) or trained_with in (None, dataset.has_molecules):
        return
    if trained_with:
        logger.warning(
            f"{data} carries no molecule ids, and the model was trained with them: all pairs count as of different "
            "molecules, which changes the forces. To fix it: dump the column mol"
        )
    else:
        logger.warning(
            f"{data} carries molecule ids, and the model was trained without: it never saw edges within molecules, "
            "so that the forces mean little. To fix it: data without the column mol"
        )


def evaluated_frames(model: ForceField, dataset: Dataset, data: str) -> tuple[np.ndarray, str]:
    """Choose the frames for an evaluation: held-out frames of the training dataset, all frames of another.

    Args:
        model: the model.
        dataset: the data.
        data: their name, for messages.

    Returns:
        (frames,) indices, and what they are called.

    Raises:
        DataError: no frame was held out, or the units have changed.
    """
    trained_on = model.info.get("dataset") or {}
    within = _frames_in_training(trained_on, dataset)
    if within is None:
        part = "whole"
        if _partly_trained_on(model, dataset):
            part = "whole, partly trained on"
            logger.warning(
                f"{data} was made from files that the model was trained on: errors on frames of the training are too "
                "small. For an honest figure: data from other files, or the very dataset of the training"
            )
        return np.arange(len(dataset)), part
    if dataset.units != trained_on.get("units", dataset.units):
        raise DataError(
            f"these are the numbers that the model was trained on, in {dataset.units} units; they were taken to be "
            f"in {trained_on.get('units')} units then",
            location=Location(file=dataset.path),
            hint=f"gnnzoo convert DUMP --units {trained_on.get('units')}",
        )
    split = Split.from_json(model.split)
    for part, numbers in (("test", split.test), ("validation", split.validation)):
        indices = numbers[(numbers >= within.start) & (numbers < within.stop)] - within.start
        if len(indices):
            why = "" if part == "test" else ", as there is no test part; the best checkpoint was chosen on it"
            name = "the dataset" if dataset.fingerprint == trained_on.get("fingerprint") else "one of the datasets"
            logger.info(f"{data} is {name} of the training: evaluated on its {part} part{why}")
            return indices, part
    raise DataError(
        "is the dataset of the training, and no frame of it was held out",
        location=Location(file=dataset.path),
        hint="other data, or gnnzoo train RECIPE --set data.split.train=0.8 --set data.split.test=0.2",
    )


def _frames_in_training(trained_on: DatasetInfo, dataset: Dataset) -> range | None:
    """Numbers of a dataset's frames among those of the training; None if they are not among them."""
    if dataset.fingerprint == trained_on.get("fingerprint"):
        return range(len(dataset))
    first = 0
    for part in trained_on.get("parts", []):
        if part["fingerprint"] == dataset.fingerprint:
            return range(first, first + len(dataset))
        first += part["frames"]
    return None


def _partly_trained_on(model: ForceField, dataset: Dataset) -> bool:
    """Whether the model, or one that it was transferred from, was trained on files that the dataset was made from."""
    sources = {source["sha256"] for source in dataset.provenance.get("sources", []) if source.get("sha256")}
    trainings = [made.get("dataset") or {} for made in (model.info, *origins(model.info))]
    return any(
        sources & set(known.get("sources", [])) or dataset.fingerprint == known.get("fingerprint")
        for known in trainings
    )
