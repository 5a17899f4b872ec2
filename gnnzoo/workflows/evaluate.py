"""Judge a model's forces on data that it was not trained on."""

import json
from pathlib import Path

import numpy as np

from gnnzoo.console import note, progress, table
from gnnzoo.data.frames import Dataset
from gnnzoo.data.pipeline import GraphSource
from gnnzoo.data.splits import Split
from gnnzoo.errors import DataError, Place, UserError
from gnnzoo.evaluation.metrics import ForceErrors
from gnnzoo.evaluation.plots import ParitySample, parity_plot
from gnnzoo.evaluation.report import COLUMNS, error_rows
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.outputs import refuse_existing, written
from gnnzoo.units import force_factor
from gnnzoo.workflows.datasets import open_dataset


def evaluate(
    model: str | Path | ForceField,
    data: str | Path | Dataset | list,
    *,
    json_output: str | Path | None = None,
    plot: bool | str | Path = True,
    overwrite: bool = False,
) -> dict:
    """Compare a model's forces with those of the data, beside the zero-force baseline.

    The dataset that the model was trained on is judged on its test part only; any other, whole.

    Args:
        model: a model or its path.
        data: a dataset, its path, or several; each is judged on its own.
        json_output: where the figures go as JSON.
        plot: whether to draw MODEL-DATA-parity.png in the working folder, or where (with one dataset only).
        overwrite: replace existing outputs, keeping the old ones beside them. A parity plot under its default name is
            drawn anew without asking.

    Returns:
        The figures (see `evaluation.metrics.ForceErrors.result`) with "model", "data" and "part"; by path where several
        datasets are given.
    """
    force_field = model if isinstance(model, ForceField) else load_model(model)
    items = data if isinstance(data, list | tuple) else [data]
    if json_output is not None:
        refuse_existing(Path(json_output), overwrite)
    if isinstance(plot, str | Path):
        if len(items) > 1:
            raise UserError("one plot cannot show several datasets", hint="leave out --plot: each gets one of its own")
        refuse_existing(Path(plot), overwrite)
    results = {}
    for item in items:
        dataset = item if isinstance(item, Dataset) else _open(force_field, item)
        results[str(dataset.path)] = _judge(force_field, dataset, plot, overwrite)
    answer = results if len(results) > 1 else next(iter(results.values()))
    if json_output is not None:
        with written(json_output, overwrite) as temporary:
            temporary.write_text(json.dumps(answer, indent=1) + "\n")
        note(f"wrote {json_output}")
    return answer


def _open(model: ForceField, path: str | Path) -> Dataset:
    """Open data, letting the model's recipe say what the data do not: units and names of types."""
    dataset = open_dataset(path)
    declare = {}
    if dataset.units is None and model.units is not None:
        note(f"{path} does not say its units: taken to be {model.units}, as the model's")
        declare["units"] = model.units
    undeclared = all(name == str(number) for number, name in dataset.type_names.items())
    known = {number: name for number, name in model.info["types"].items() if int(number) in dataset.type_names}
    if undeclared and len(known) == len(dataset.type_names):
        if any(name != number for number, name in known.items()):
            listed = ", ".join(f"{number}={name}" for number, name in known.items())
            note(f"{path} does not name its types: taken to be {listed}, as the model's")
        declare["types"] = known
    return open_dataset(path, **declare) if declare else dataset


def _judge(model: ForceField, dataset: Dataset, plot: bool | str | Path, overwrite: bool) -> dict:
    indices, part = _frames_to_judge(model, dataset)
    factor = force_factor(dataset.units, model.units)
    if factor != 1:
        note(f"forces of {dataset.path} are converted from {dataset.units} to {model.units} units: x {factor:.6g}")
    source = GraphSource(dataset, model.species, model.cutoff, model.recipe.graph.bonds, factor)
    errors, sample = ForceErrors(model.species, model.units), ParitySample(model.species)
    with progress(f"evaluating {dataset.path}", len(indices)) as shown:
        for graph, predicted in model.predictor(source.graph(index) for index in indices):
            errors.add(predicted, graph.forces, graph.species)
            sample.add(predicted, graph.forces, graph.species)
            shown.advance()
    name = str(model.path or model.recipe.name)
    result = errors.result() | {"model": name, "data": str(dataset.path), "part": part}
    table(f"{name} on {dataset.path} ({part}, {errors.frames} frames)", COLUMNS, error_rows(result))
    if plot:
        default = Path(f"{_stem(name)}-{_stem(dataset.path)}-parity.png")
        path = default if plot is True else Path(plot)
        again = " in place of the older one" if plot is True and path.exists() else ""
        if again:
            path.unlink()
        note(f"wrote{again} {parity_plot(sample, result, f'{name} on {dataset.path} ({part})', path, overwrite)}")
    return result


def _stem(path) -> str:
    """A file's name without its ending: N216.81 of N216.81.lammpstrj.gz."""
    return Path(Path(path).name.removesuffix(".gz")).stem


def _frames_to_judge(model: ForceField, dataset: Dataset) -> tuple[np.ndarray, str]:
    """All frames of foreign data; of the data the model was trained on, only those it has never seen."""
    if dataset.fingerprint != model.info["dataset"]["fingerprint"]:
        return np.arange(len(dataset)), "whole"
    split = Split.from_dict(model.info["split"])
    for part in ("test", "validation"):
        indices = getattr(split, part)
        if len(indices):
            why = "" if part == "test" else ", for there is no test part; the best checkpoint was chosen on it"
            note(f"{dataset.path} is what the model was trained on: judged on its {part} part{why}")
            return indices, part
    raise DataError(
        "is what the model was trained on, all of it: nothing was held out",
        place=Place(file=dataset.path),
        hint="other data, or training with --set data.split.train=0.8 --set data.split.test=0.2",
    )
