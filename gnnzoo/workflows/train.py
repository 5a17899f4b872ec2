"""Train the model that a recipe declares."""

import contextlib
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from gnnzoo import __version__
from gnnzoo.console import duration, note, warn
from gnnzoo.data.frames import Dataset
from gnnzoo.data.splits import Split
from gnnzoo.errors import DataError, Place, UserError
from gnnzoo.evaluation.metrics import ForceErrors
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField, save_model
from gnnzoo.outputs import OutputError, check_writable, refuse_existing
from gnnzoo.recipe.load import find_recipe, load_recipe, resolved
from gnnzoo.recipe.schema import Recipe
from gnnzoo.training.checkpoints import checkpoints
from gnnzoo.training.loop import Interrupted, Outcome, Trainer
from gnnzoo.training.memory import keep_freed_memory
from gnnzoo.training.prepare import Prepared, prepare
from gnnzoo.training.runs import Run, new_run, unfinished_run
from gnnzoo.training.schedule import seconds
from gnnzoo.units import force_unit
from gnnzoo.workflows.sources import recipe_dataset

# An example frame is stored in the model for later checks, if it is no larger than this.
_EXAMPLE_ATOMS = 3000
# Where a recipe finds its data, which may change between the sessions of a run: their fingerprint may not.
_WHERE = {("data", "source"), ("data", "simulate")}


def train(
    recipe: Recipe | str | Path,
    *,
    data: str | Path | list | None = None,
    time_limit: str | float | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    overrides: Iterable[str] = (),
    callbacks: tuple = (),
) -> ForceField:
    """Train a recipe's model and write NAME.keras and runs/NAME-001/.

    Args:
        recipe: a recipe, its path, or its name.
        data: a dataset, a dump, a glob or a list of dumps, instead of the recipe's source.
        time_limit: seconds, or text such as "8m"; the schedule is fitted to it, counted from the start of training.
        output: where the model goes; by default NAME.keras in the working folder.
        resume: go on with the newest unfinished run that was to end in this output, or where there is none of its
            name, with the newest one of the recipe.
        overwrite: replace an existing model, keeping the old one beside it.
        overrides: changes of the recipe such as "training.epochs=3".
        callbacks: Keras callbacks.

    Returns:
        The trained model; its `info` says how it was made and how good it is.

    Raises:
        UserError: something in recipe, data or options is wrong; before training starts.
        Interrupted: training was stopped by a signal, after its state was saved.
    """
    limit = seconds(time_limit) if isinstance(time_limit, str) else time_limit
    path = None if isinstance(recipe, Recipe) else find_recipe(recipe)
    recipe = recipe if path is None else load_recipe(path, overrides)
    output = Path(output) if output is not None else Path(f"{recipe.name}.keras")
    check_output(output, overwrite)
    run = unfinished_run(output, recipe.name) if resume else None
    dataset = recipe_dataset(recipe, path, data)
    prepared = prepare(recipe, dataset)
    origin = None
    if run is not None:
        check_same(run, recipe, dataset)
        prepared = with_scales_of(run, prepared)
        origin = _origin(run)
    network = build_network(recipe, prepared.species, prepared.scales)
    return fit(ForceField(network, recipe), dataset, prepared, run, limit, output, overwrite, callbacks, origin)


def check_output(output: Path, overwrite: bool) -> None:
    """Refuse an output that exists, could not be a model or could not be written, before anything long begins."""
    if output.suffix != ".keras":
        raise UserError(
            f"a model's file ends in .keras, not '{output.suffix}'",
            place=Place(file=output),
            hint=f"-o {output.stem}.keras",
        )
    refuse_existing(output, overwrite)
    check_writable(output)


def fit(
    model: ForceField,
    dataset: Dataset,
    prepared: Prepared,
    run: Run | None,
    time_limit: float | None,
    output: Path,
    overwrite: bool,
    callbacks: tuple = (),
    origin: dict | None = None,
) -> ForceField:
    """Train a network that stands ready, judge it, write it: what `train` and `transfer` share.

    Args:
        model: network and recipe; its `info` is filled in.
        dataset: the data `prepared` was made from.
        prepared: split, statistics, graphs.
        run: the run to go on with; None begins a new one.
        time_limit: seconds.
        output: where the model goes; checked already.
        overwrite: keep what is there under another name.
        callbacks: Keras callbacks.
        origin: what the model was transferred from, for its provenance.
    """
    keep_freed_memory()
    resume = run is not None
    run = run or new_run(output.stem)
    with run.held():
        _announce(model, dataset, prepared, run)
        run.update(
            status="running",
            recipe=resolved(model.recipe),
            dataset=_dataset_info(dataset),
            scales=asdict(prepared.scales),
            output=str(output),
            origin=origin,
            started=time.strftime("%Y-%m-%d %H:%M:%S"),
            gnnzoo=__version__,
        )
        with _ending(run):
            trainer = _trainer(model, dataset, prepared, run, callbacks)
            outcome = trainer.run(time_limit=time_limit, resume=resume, until=run.state.get("trained"))
            run.update(trained=outcome.steps)
            model.info = _info(model, dataset, prepared, outcome, run, origin)
            _tell_end(outcome, run)
            save_model(model, output, overwrite)
        run.update(status="done", steps=outcome.steps, seconds=round(outcome.seconds, 1), best=outcome.best.step)
    return model


@contextlib.contextmanager
def _ending(run: Run) -> Iterator[None]:
    """Write down how a run ended if it did not end well, and say how to go on with it."""
    try:
        yield
    except KeyboardInterrupt as error:
        saved = "all is saved" if isinstance(error, Interrupted) else "what was saved before is"
        if not checkpoints(run.folder / "checkpoints"):
            saved = "nothing was trained yet"
        _leave(run, "interrupted", f"stopped; {saved} in {run.folder}. To go on, the same command with --resume")
        raise
    except OutputError:
        trained = "the training is complete and kept" if "trained" in run.state else "the run is kept"
        elsewhere = " and, for another place, -o OTHER.keras" if "trained" in run.state else ""
        _leave(run, "failed", f"{trained} in {run.folder}. To go on, the same command with --resume{elsewhere}")
        raise
    except Exception:
        _leave(run, "failed")
        raise


def _leave(run: Run, status: str, text: str | None = None) -> None:
    with contextlib.suppress(OutputError):  # of a full disk there is an error on its way already
        run.update(status=status)
    if text:
        note(text)


def _trainer(model: ForceField, dataset: Dataset, prepared: Prepared, run: Run, callbacks: tuple) -> Trainer:
    unit = force_unit(dataset.units)
    return Trainer(
        model.network,
        model.recipe.training,
        prepared.source,
        prepared.split,
        prepared.statistics,
        prepared.scales.force,
        run.folder,
        report=lambda row, zero, left: note(_live_line(row, zero, left, unit)),
        callbacks=callbacks,
        predictor=model.predictor,
    )


def with_scales_of(run: Run, prepared: Prepared) -> Prepared:
    """What was prepared, with the scales that a run began with; a transfer's may be those of its source."""
    scales = run.state.get("scales")
    return replace(prepared, scales=Scales(**scales)) if scales else prepared


def _origin(run: Run) -> dict | None:
    """What a run was transferred from; its weights must be in a checkpoint by now."""
    origin = run.state.get("origin")
    if origin and not checkpoints(run.folder / "checkpoints"):
        raise UserError(
            f"{run.folder} was begun with the weights of {origin['model']}, and no checkpoint holds them yet",
            hint="the gnnzoo transfer that began it, with --resume",
        )
    return origin


def check_same(run: Run, recipe: Recipe, dataset: Dataset) -> None:
    """A run goes on only with the recipe and the data that it began with; the data may have moved."""
    state, now = run.state, resolved(recipe)
    for part in ("data", "graph", "model", "training"):
        for key, value in now[part].items():
            if (part, key) not in _WHERE and state["recipe"][part].get(key) != value:
                raise UserError(
                    f"{run.folder} was begun with {part}.{key} = {state['recipe'][part].get(key)}, not {value}",
                    hint="leave the recipe as it was to go on with that run, or begin a new one without --resume",
                )
    if state["dataset"]["fingerprint"] != dataset.fingerprint:
        raise DataError(
            f"is not what {run.folder} was begun with ({state['dataset']['path']})",
            place=Place(file=dataset.path),
            hint=f"--data {state['dataset']['path']}",
        )


def _dataset_info(dataset: Dataset) -> dict:
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


def _info(
    model: ForceField, dataset: Dataset, prepared: Prepared, outcome: Outcome, run: Run, origin: dict | None
) -> dict:
    """What the .keras file says of itself."""
    return {
        "gnnzoo": __version__,
        "trained": time.strftime("%Y-%m-%d %H:%M:%S"),
        "species": prepared.species,
        "types": {str(number): name for number, name in sorted(dataset.type_names.items())},
        "units": dataset.units,
        "cutoff": model.recipe.graph.cutoff,
        "parameters": _parameters(model),
        "dataset": _dataset_info(dataset),
        "split": prepared.split.as_dict(),
        "statistics": prepared.statistics.as_dict(),
        "training": {
            "run": str(run.folder),
            "schedule_steps": outcome.schedule.steps,
            "steps": outcome.steps,
            "best_step": outcome.best.step,
            "seconds": round(outcome.seconds, 1),
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        },
        "origin": origin,
        "figures": {part: judge(model, prepared, dataset, part) for part in ("validation", "test")},
        "example": _example(model, dataset, prepared),
    }


def _parameters(model: ForceField) -> int:
    """How many numbers are trained."""
    return int(sum(np.prod(variable.shape) for variable in model.network.trainable_variables))


def judge(model: ForceField, prepared: Prepared, dataset: Dataset, part: str) -> dict | None:
    """Errors on a held-out part; None where it is empty."""
    indices = getattr(prepared.split, part)
    if len(indices) == 0:
        return None
    errors = ForceErrors(prepared.species, dataset.units)
    for graph, predicted in model.predictor(prepared.source.graph(index) for index in indices):
        errors.add(predicted, graph.forces, graph.species)
    return errors.result()["force"]


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


def _announce(model: ForceField, dataset: Dataset, prepared: Prepared, run: Run) -> None:
    split, statistics = prepared.split, prepared.statistics
    unit = force_unit(dataset.units)
    left_out = len(dataset) - len(split.train) - len(split.validation) - len(split.test)
    gaps = f", {left_out} left out between them" if left_out else ""
    note(
        f"{dataset.path}: {len(dataset)} frames; {len(split.train)} for training, {len(split.validation)} for "
        f"validation, {len(split.test)} for the test{gaps}"
    )
    note(f"a frame: {_composition(dataset)}; units {dataset.units or 'undeclared'}")
    distance = _distance(dataset, split)
    if distance is not None:
        note(f"a held-out frame and a training frame are {distance:,} timesteps apart or more")
    note(
        f"training frames: force component RMS {statistics.force_rms:.4g} {unit}, "
        f"{statistics.mean_neighbors:.1f} neighbours per atom within {model.recipe.graph.cutoff:g}"
    )
    if model.recipe.data.split.method == "random":
        warn("a random split puts neighbouring frames on both sides: validation and test errors come out too small")
    if "bond" in model.recipe.graph.edges and not dataset.has_molecules:
        note("the data carry no molecule ids: all pairs count as of different molecules")
    if dataset.units is None:
        warn("the data's units are undeclared, and so are those of the errors. To declare them: --set data.units=real")
    note(f"network of {_parameters(model):,} parameters; run folder {run.folder}")


def _composition(dataset: Dataset) -> str:
    """Each species, how many atoms of it, of which types: 8 O (type 1), 16 H (types 2, 3)."""
    counts = dict(zip(*(part.tolist() for part in np.unique(dataset[0].types, return_counts=True)), strict=True))
    types: dict[str, list[int]] = {}
    for number, name in sorted(dataset.type_names.items()):
        types.setdefault(name, []).append(number)
    return ", ".join(
        f"{sum(counts.get(number, 0) for number in numbers)} {name} "
        f"(type{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))})"
        for name, numbers in types.items()
    )


def _distance(dataset: Dataset, split: Split) -> int | None:
    """The fewest timesteps between a training and a held-out frame of one segment; None where none has both."""
    train, held_out = split.train, np.concatenate([split.validation, split.test])
    steps, segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
    found = []
    for segment in np.intersect1d(segments[train], segments[held_out]):
        ours = np.sort(steps[train[segments[train] == segment]])
        theirs = steps[held_out[segments[held_out] == segment]]
        after = np.searchsorted(ours, theirs)
        found += [np.abs(ours[np.clip(index, 0, len(ours) - 1)] - theirs).min() for index in (after - 1, after)]
    return int(min(found)) if found else None


def _live_line(row: dict, zero: float, left: float, unit: str) -> str:
    share = f" ({row['mae'] / zero:.1%} of zero forces')" if zero else ""
    return (
        f"epoch {row['epoch']:5.1f}  step {row['step']:>6}  loss {row['loss']:.4f}  "
        f"validation MAE {row['mae']:.4g} {unit}{share}  "
        f"x/y/z {row['mae_x']:.3g}/{row['mae_y']:.3g}/{row['mae_z']:.3g}  {duration(max(0, left))} left"
    )


def _tell_end(outcome: Outcome, run: Run) -> None:
    schedule = outcome.schedule
    note(
        f"{outcome.steps} steps in {duration(outcome.seconds)}; "
        f"best of the checkpoints by validation: step {outcome.best.step}"
    )
    repeat = f"--set training.steps={schedule.steps}"
    if outcome.steps < schedule.steps:
        note(f"the time was over {schedule.steps - outcome.steps} steps before the schedule's end")
        repeat += f" --set training.stop_after={outcome.steps}"
    note(f"to repeat it exactly: the same command with {repeat} and without a time limit; log: {run.folder}/log.csv")
