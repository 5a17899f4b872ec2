"""Molecular dynamics of a model in ASE: a run that is watched, with trajectory, state along the way and summary."""

import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from gnnzoo import __version__
from gnnzoo.choices import Ensemble
from gnnzoo.data.data_source import Source
from gnnzoo.data.export.lammps_dump import dump_texts
from gnnzoo.data.frames.blocks import FrameBlock
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.frames.metadata import TypeNames
from gnnzoo.deploy.ase_calculator import Calculator
from gnnzoo.deploy.lammps.input_files import first_timestep
from gnnzoo.deploy.runner import Precision
from gnnzoo.dynamics.ensembles import Conditions, check_conditions, integrator
from gnnzoo.dynamics.first_configuration import first_configuration
from gnnzoo.dynamics.monitor import Monitor
from gnnzoo.dynamics.thermo import Thermo, csv_head, csv_row, drift, mean, measure, shown
from gnnzoo.dynamics.trajectory import block_of, write_trajectory
from gnnzoo.errors import DataError, Location, ModelError, UserError
from gnnzoo.interrupt import StopRequest
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.outputs import atomic_write, backup_existing, check_writable, refuse_existing, translate_os_errors
from gnnzoo.progress import Task, track
from gnnzoo.progress_bar import displays_progress
from gnnzoo.records import Record
from gnnzoo.workflows.steps.first_frame import FirstFrame, first_frame

if TYPE_CHECKING:  # the calculator's module says what to install where ASE is missing
    import ase
    from ase.md.md import MolecularDynamics

logger = logging.getLogger(__name__)

THERMO, SUMMARY = "thermo.csv", "md.json"
_WATCHED = 10  # steps between two looks at the atoms
_ROWS = 10  # of the state, that are logged
_SAMPLES = 100  # frames of a run, where their interval is not given
_DAMPING, _PRESSURE_DAMPING = 100, 1000  # timesteps, as the LAMMPS manual recommends (page fix_nh)


@dataclass(frozen=True)
class MdResult(Record):
    """A run.

    Attributes:
        folder: with trajectory.lammpstrj, trajectory.h5, thermo.csv and md.json.
        model: its path, or name.
        start: where the first configuration comes from.
        atoms: their number.
        conditions: state point and integration.
        steps: that were done.
        time: ps that were simulated.
        frames: of the trajectory.
        problem: why the run was stopped before its end; None where it was not.
        signal: name of the signal that stopped it; None where none did.
        temperature: mean of the second half, K.
        pressure: mean of the second half, bar; None where the model has no stress.
        density: mean of the second half, g/cm3; None without a box.
        drift: of the conserved energy, meV per atom and ns; None where there is none.
        speed: ns per day; None for a run of less than one interval.
    """

    folder: Path = field(metadata={"key": None})  # files of the folder may be moved with it
    model: str
    start: str
    atoms: int
    conditions: Conditions
    steps: int
    time: float
    frames: int
    problem: str | None
    signal: str | None
    temperature: float | None
    pressure: float | None
    density: float | None
    drift: float | None
    speed: float | None


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
        seed: of drawn velocities and random forces.
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
    if steps < 1:
        raise UserError(f"{steps} steps", expected="at least 1 step")
    folder = _folder(model, output)
    refuse_existing(folder, overwrite)
    check_writable(folder)
    force_field = model if isinstance(model, ForceField) or Path(model).is_dir() else load_model(model)
    calculator = Calculator(force_field, precision=precision, units=units)
    known = calculator.runner.info.types
    first = first_frame(force_field, start, frame, units=units or calculator.units, types=types, known=known)
    timestep = first_timestep(first.frame.names.tolist(), "real") if timestep is None else timestep
    conditions = Conditions(
        ensemble=ensemble,
        timestep=timestep,
        temperature=temperature,
        pressure=pressure,
        damping=_DAMPING * timestep if damping is None else damping,
        pressure_damping=_PRESSURE_DAMPING * timestep if pressure_damping is None else pressure_damping,
        seed=seed,
        inner=1 if fast is None else inner,
    )
    check_conditions(conditions)
    if ensemble == "npt" and "stress" not in calculator.implemented_properties:
        raise ModelError(
            "predicts no stress, which npt needs",
            location=Location(file=calculator.runner.info.name),
            expected="a model with an energy, or with pair forces",
            hint="--ensemble nvt",
        )
    fast_forces = None if fast is None else Calculator(fast, precision=precision, units=units)
    run = _Run(first, calculator, conditions, steps, every or max(1, steps // _SAMPLES), draw, fast_forces)
    if overwrite:
        backup_existing(folder)
    with translate_os_errors(folder):
        folder.mkdir(parents=True)
    return run.write(folder)


def _folder(model: str | Path | ForceField, output: str | Path | None) -> Path:
    """Where the run is written."""
    if output is not None:
        return Path(os.path.expanduser(output))
    if isinstance(model, ForceField):
        return Path(f"{model.path.stem if model.path else model.recipe.name}-md")
    return Path(f"{Path(model).name.removesuffix('.keras')}-md")


class _Run:
    """A run while it goes on.

    Args:
        first: first configuration.
        calculator: the model.
        conditions: checked.
        steps: number of timesteps.
        every: timesteps between two frames.
        draw: draw the velocities.
        fast: calculator of the forces of inner steps, if there are any.
    """

    def __init__(
        self,
        first: FirstFrame,
        calculator: Calculator,
        conditions: Conditions,
        steps: int,
        every: int,
        draw: bool,
        fast: Calculator | None,
    ) -> None:
        self.first, self.conditions, self.steps, self.every = first, conditions, steps, every
        self.units = calculator.units
        self.name = calculator.runner.info.name
        configuration = first_configuration(
            first.frame, temperature=conditions.temperature, draw=draw, seed=conditions.seed
        )
        self.atoms: ase.Atoms = configuration.atoms
        self.atoms.calc = calculator
        velocities = "drawn" if configuration.drawn else "of that frame"
        temperature = f"{self.atoms.get_temperature():.1f} K"
        logger.info(f"{len(self.atoms):,} atoms of {first.origin}, velocities {velocities}: {temperature}")
        if fast is not None:
            fast.get_forces(self.atoms)  # what it refuses is refused before the run
        self.dynamics: MolecularDynamics = integrator(self.atoms, conditions, fast)
        self.monitor = Monitor(self.atoms, conditions.temperature)
        self.states: list[Thermo] = []
        self.done = 0
        self.problem: str | None = None
        self._check_first_frame()
        self._measured: tuple[int, float] | None = None  # step and clock after the first interval
        self._ended = time.monotonic()

    def _check_first_frame(self) -> None:
        """Evaluate the model and format a frame, so that what cannot be run or written leaves no folder."""
        state = measure(self.atoms, self.dynamics, 0, self.conditions)
        block = block_of(self.atoms, state, self.first.frame, self.units)
        next(dump_texts([block], self.units, self.first.frame.type_names, Location(self.first.origin)))

    def write(self, folder: Path) -> MdResult:
        """Run, and write all files to an empty folder."""
        conditions = self.conditions
        made = {"model": self.name, "start": self.first.origin, **conditions.to_json()}
        provenance = {"version": __version__, "command": "gnnzoo md", "sources": [], "md": made}
        with (
            StopRequest() as stop,
            translate_os_errors(folder / THERMO),
            (folder / THERMO).open("w") as table,
            track(f"{conditions.ensemble}, {conditions.timestep:g} fs", self.steps, "steps") as task,
        ):
            frames = write_trajectory(
                self._blocks(stop, table, task),
                folder,
                units=self.units,
                type_names=self.first.frame.type_names,
                version=__version__,
                provenance=provenance,
            )
        result = self._result(folder, frames, stop.name)
        with atomic_write(folder / SUMMARY) as temporary:
            temporary.write_text(json.dumps(result.to_json(), indent=1) + "\n")
        return result

    def _blocks(self, stop: StopRequest, table: TextIO, task: Task) -> Iterator[FrameBlock]:
        """Run, and yield each frame."""
        table.write(csv_head() + "\n")
        while True:
            state = measure(self.atoms, self.dynamics, self.done, self.conditions)
            self.states.append(state)
            table.write(csv_row(state) + "\n")
            table.flush()
            if self.done * _ROWS // self.steps > (self.done - self.every) * _ROWS // self.steps:
                logger.info(f"{shown(state, len(self.atoms))}{self._pace()}")
            yield block_of(self.atoms, state, self.first.frame, self.units)
            if self.done >= self.steps or not self._advance(min(self.every, self.steps - self.done), stop, task):
                return

    def _advance(self, steps: int, stop: StopRequest, task: Task) -> bool:
        """Run to the next frame; False where there will be none."""
        if self._measured is None and self.done:
            self._measured = (self.done, time.monotonic())
        end = self.done + steps
        while self.done < end:
            if stop.name is not None:
                return False
            some = min(_WATCHED, end - self.done)
            try:
                with np.errstate(all="ignore"):  # a thermostat that overflows ends below, with the reason
                    self.dynamics.run(some)
            except (DataError, ModelError) as error:  # of the atoms where they are now
                self.problem = error.what
                return False
            self.done += some
            task.advance(some)
            self.problem = self.monitor.problem(self.atoms)
            if self.problem is not None:
                return False
        self._ended = time.monotonic()
        return True

    def _speed(self) -> float | None:
        """ns per day, without the first interval and its compilation."""
        if self._measured is None or self.states[-1].step <= self._measured[0]:
            return None
        step, clock = self._measured
        nanoseconds = (self.states[-1].step - step) * self.conditions.timestep * 1e-6
        return nanoseconds / max(self._ended - clock, 1e-9) * 86400

    def _pace(self) -> str:
        speed = self._speed()
        return "" if speed is None else f"  {speed:.3g} ns/day"

    def _result(self, folder: Path, frames: int, signal: str | None) -> MdResult:
        return MdResult(
            folder=folder,
            model=self.name,
            start=self.first.origin,
            atoms=len(self.atoms),
            conditions=self.conditions,
            steps=self.done,
            time=self.done * self.conditions.timestep / 1000,
            frames=frames,
            problem=self.problem,
            signal=signal,
            temperature=mean(self.states, "temperature"),
            pressure=mean(self.states, "pressure"),
            density=mean(self.states, "density"),
            drift=drift(self.states, len(self.atoms)),
            speed=self._speed(),
        )
