"""Molecular dynamics of a model in ASE: a run that is watched, with trajectory, state along the way and summary."""

import functools
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnnzoo.choices import Ensemble
from gnnzoo.data.data_source import Source
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.frames.metadata import TypeNames
from gnnzoo.deploy.ase_calculator import Calculator
from gnnzoo.deploy.lammps.input_files import first_timestep
from gnnzoo.deploy.runner import Precision
from gnnzoo.dynamics.ensembles import Conditions, check_conditions
from gnnzoo.dynamics.replicas import Batch, run_together
from gnnzoo.errors import Location, ModelError, UserError
from gnnzoo.interrupt import StopRequest
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.outputs import backup_existing, check_writable, refuse_existing, translate_os_errors
from gnnzoo.progress_bar import displays_progress
from gnnzoo.workflows.steps.first_frame import first_frame
from gnnzoo.workflows.steps.md_run import MdResult, MdRun, write_summary

_SAMPLES = 100  # frames of a run, where their interval is not given
_DAMPING, _PRESSURE_DAMPING = 100, 1000  # timesteps, as the LAMMPS manual recommends (page fix_nh)


@displays_progress
def md(
    model: str | Path | ForceField,
    start: Source | Dataset | None = None,
    *,
    frame: int = -1,
    ensemble: Ensemble = "nve",
    temperature: float | None = None,
    pressure: float | None = None,
    steps: int = 1000,
    timestep: float | None = None,
    every: int | None = None,
    damping: float | None = None,
    pressure_damping: float | None = None,
    draw: bool = False,
    seed: int = 0,
    replicas: int = 1,
    fast: str | Path | ForceField | None = None,
    inner: int = 4,
    precision: Precision = "single",
    units: str | None = None,
    types: TypeNames | None = None,
    output: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> MdResult:
    """Run molecular dynamics.

    The run stops before its last step where atoms fly, bonds within molecules break, the temperature runs away, or the
    model's output is not finite; and at SIGINT, SIGTERM and SIGHUP. What was computed is kept.

    Args:
        model: a model, its .keras file, or a folder of `freeze`.
        start: data with the first configuration, or their path; by default those of the training, or the model's own
            example.
        frame: index of the frame in `start`; the last one by default.
        ensemble: see `Conditions`.
        temperature: K, of the ensemble and of drawn velocities.
        pressure: bar, of "npt".
        steps: number of timesteps.
        timestep: fs; by default 0.5 with hydrogen and 1 without.
        every: timesteps between two frames; by default a hundredth of the run.
        damping: relaxation time of the temperature, fs; by default 100 timesteps.
        pressure_damping: relaxation time of the pressure, fs; by default 1000 timesteps.
        draw: draw the first velocities, also where the frame has some.
        seed: of drawn velocities and random forces; of further replicas the numbers after it.
        replicas: number of runs side by side, each with drawn velocities of its own, in folders replica-1, replica-2
            and so on; a model that does not couple all atoms of a box is evaluated on all of them at once.
        fast: another model, for multiple time stepping: its forces are followed in `inner` steps within each step, and
            `model` corrects them once a step.
        inner: number of these steps.
        precision: of the network: "single" or "double".
        units: LAMMPS unit style of data or a model that did not declare it.
        types: name of each LAMMPS type, where the data do not name it.
        output: the folder; by default NAME-md in the working folder.
        overwrite: replace an existing folder, which is kept as a backup.
        progress: show a progress bar.

    Returns:
        The files and a summary.

    Raises:
        DataError: there is no first configuration, or the model cannot run it.
        ModelError: there is no such model, or it has no stress for "npt".
        UserError: an option is missing or not possible; the folder exists or cannot be written.
    """
    _check_counts(steps, replicas, fast is not None)
    folder = _folder(model, output)
    refuse_existing(folder, overwrite)
    check_writable(folder)
    force_field = model if isinstance(model, ForceField) or Path(model).is_dir() else load_model(model)
    calculator = Calculator(force_field, precision=precision, units=units)
    known = calculator.runner.info.types
    first = first_frame(force_field, start, frame, units=units or calculator.units, types=types, known=known)
    timestep = first_timestep(first.frame.names.tolist(), "real") if timestep is None else timestep
    conditions = _conditions(
        *(ensemble, timestep, temperature, pressure, damping, pressure_damping, seed),
        inner=1 if fast is None else inner,
        calculator=calculator,
    )
    fast_forces = None if fast is None else Calculator(fast, precision=precision, units=units)
    batch = Batch(calculator.runner, replicas)
    members = [batch.member(number) for number in range(replicas)]
    calculators = [calculator] if replicas == 1 else [Calculator(member, units=units) for member in members]
    runs = [
        MdRun(
            *(first, own, replace(conditions, seed=seed + number), steps, every or max(1, steps // _SAMPLES)),
            draw=draw or replicas > 1,
            fast=fast_forces,
            label=f"replica {number + 1}: " if replicas > 1 else "",
        )
        for number, own in enumerate(calculators)
    ]
    if overwrite:
        backup_existing(folder)
    with translate_os_errors(folder):
        folder.mkdir(parents=True)
    with StopRequest() as stop:
        return runs[0].write(folder, stop) if replicas == 1 else _write_replicas(runs, batch, folder, stop)


def _check_counts(steps: int, replicas: int, multiple: bool) -> None:
    if steps < 1:
        raise UserError(f"{steps} steps", expected="at least 1 step")
    if replicas < 1 or (replicas > 1 and multiple):
        what = "multiple time steps are not made for replicas" if replicas > 1 else f"{replicas} replicas"
        raise UserError(what, expected="at least 1 replica, and 1 with --fast")


def _conditions(
    ensemble: Ensemble,
    timestep: float,
    temperature: float | None,
    pressure: float | None,
    damping: float | None,
    pressure_damping: float | None,
    seed: int,
    *,
    inner: int,
    calculator: Calculator,
) -> Conditions:
    """Conditions with their defaults, checked."""
    conditions = Conditions(
        ensemble=ensemble,
        timestep=timestep,
        temperature=temperature,
        pressure=pressure,
        damping=_DAMPING * timestep if damping is None else damping,
        pressure_damping=_PRESSURE_DAMPING * timestep if pressure_damping is None else pressure_damping,
        seed=seed,
        inner=inner,
    )
    check_conditions(conditions)
    if ensemble == "npt" and "stress" not in calculator.implemented_properties:
        raise ModelError(
            "predicts no stress, which npt needs",
            location=Location(file=calculator.runner.info.name),
            expected="a model with an energy, or with pair forces",
            hint="--ensemble nvt",
        )
    return conditions


def _write_replicas(runs: list["MdRun"], batch: Batch, folder: Path, stop: StopRequest) -> MdResult:
    """Run all replicas, each in a folder of its own, and summarise them."""
    places = [folder / f"replica-{number + 1}" for number in range(len(runs))]
    for place in places:
        place.mkdir()
    works = [functools.partial(run.write, place, stop) for run, place in zip(runs, places, strict=True)]
    found = tuple(run_together(works, batch))
    problems = [f"replica {number}: {one.problem}" for number, one in enumerate(found, start=1) if one.problem]
    result = replace(
        found[0],
        folder=folder,
        steps=min(one.steps for one in found),
        time=min(one.time for one in found),
        frames=sum(one.frames for one in found),
        problem="; ".join(problems) or None,
        signal=stop.name,
        temperature=_average([one.temperature for one in found]),
        pressure=_average([one.pressure for one in found]),
        density=_average([one.density for one in found]),
        drift=_average([one.drift for one in found]),
        speed=None if any(one.speed is None for one in found) else sum(one.speed or 0.0 for one in found),
        replicas=found,
    )
    write_summary(result)
    return result


def _average(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _folder(model: str | Path | ForceField, output: str | Path | None) -> Path:
    """Where the run is written."""
    if output is not None:
        return Path(os.path.expanduser(output))
    if isinstance(model, ForceField):
        return Path(f"{model.path.stem if model.path else model.recipe.name}-md")
    return Path(f"{Path(model).name.removesuffix('.keras')}-md")
