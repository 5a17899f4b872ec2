"""A run of `gnnzoo md` while it goes on, and its summary."""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from gnnzoo import __version__
from gnnzoo.data.export.lammps_dump import dump_texts
from gnnzoo.data.frames.blocks import FrameBlock
from gnnzoo.deploy.ase_calculator import Calculator
from gnnzoo.dynamics.ensembles import Conditions, integrator
from gnnzoo.dynamics.first_configuration import first_configuration
from gnnzoo.dynamics.monitor import Monitor
from gnnzoo.dynamics.thermo import Thermo, csv_head, csv_row, drift, mean, measure, shown
from gnnzoo.dynamics.trajectory import block_of, write_trajectory
from gnnzoo.errors import DataError, Location, ModelError
from gnnzoo.interrupt import StopRequest
from gnnzoo.outputs import atomic_write, translate_os_errors
from gnnzoo.progress import Task, track
from gnnzoo.records import Record
from gnnzoo.workflows.steps.first_frame import FirstFrame

if TYPE_CHECKING:  # the calculator's module says what to install where ASE is missing
    import ase
    from ase.md.md import MolecularDynamics

logger = logging.getLogger(__name__)

THERMO, SUMMARY = "thermo.csv", "md.json"
_WATCHED = 10  # steps between two looks at the atoms
_ROWS = 10  # of the state, that are logged


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
        replicas: the single runs, where there are several; then the figures above are their means, the speed and the
            frames their sums, and the steps the fewest.
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
    replicas: tuple["MdResult", ...] = ()


def write_summary(result: MdResult) -> None:
    """Write md.json into the folder of a run.

    Args:
        result: of the run.
    """
    with atomic_write(result.folder / SUMMARY) as temporary:
        temporary.write_text(json.dumps(result.to_json(), indent=1) + "\n")


class MdRun:
    """A run while it goes on.

    Args:
        first: first configuration.
        calculator: the model.
        conditions: checked.
        steps: number of timesteps.
        every: timesteps between two frames.
        draw: draw the velocities.
        fast: calculator of the forces of inner steps, if there are any.
        label: before each message.
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
        label: str,
    ) -> None:
        self.label = label
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
        logger.info(f"{label}{len(self.atoms):,} atoms of {first.origin}, velocities {velocities}: {temperature}")
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

    def write(self, folder: Path, stop: StopRequest) -> MdResult:
        """Run, and write all files.

        Args:
            folder: empty.
            stop: ends the run between two steps.

        Returns:
            The summary.

        Raises:
            OutputError: the disk is full, or the folder cannot be written.
        """
        conditions = self.conditions
        made = {"model": self.name, "start": self.first.origin, **conditions.to_json()}
        provenance = {"version": __version__, "command": "gnnzoo md", "sources": [], "md": made}
        with (
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
        write_summary(result)
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
                logger.info(f"{self.label}{shown(state, len(self.atoms))}{self._pace()}")
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
