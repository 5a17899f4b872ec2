"""Ensembles of molecular dynamics, integrated by ASE."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import ase
import ase.units
import numpy as np
from ase.calculators.calculator import Calculator
from ase.md.langevin import Langevin
from ase.md.md import MolecularDynamics
from ase.md.nose_hoover_chain import IsotropicMTKNPT, NoseHooverChainNVT
from ase.md.verlet import VelocityVerlet

from gnnzoo.choices import Ensemble
from gnnzoo.dynamics.multiple_timesteps import MultipleTimeSteps
from gnnzoo.errors import UserError
from gnnzoo.records import Record

ENSEMBLES: tuple[Ensemble, ...] = get_args(Ensemble)


@dataclass(frozen=True)
class Conditions(Record):
    """State point and integration of a run.

    Attributes:
        ensemble: "nve", velocity Verlet; "langevin", with a random force; "nvt", a Nose-Hoover chain; "npt", a
            Nose-Hoover chain and a barostat that scales the cell isotropically (Martyna, Tobias & Klein, J. Chem. Phys.
            101, 4177 (1994)).
        timestep: fs; with `inner`, that of a whole step.
        temperature: K; None for "nve".
        pressure: bar; None but for "npt".
        damping: time in which the temperature relaxes, fs.
        pressure_damping: time in which the pressure relaxes, fs.
        seed: of first velocities and random forces.
        inner: steps of a fast model's forces in each step, see `MultipleTimeSteps`; 1 without such a model.
    """

    ensemble: Ensemble
    timestep: float
    temperature: float | None
    pressure: float | None
    damping: float
    pressure_damping: float
    seed: int
    inner: int = 1


def check_conditions(conditions: Conditions) -> None:
    """Check that the conditions are those of their ensemble.

    Args:
        conditions: of a run.

    Raises:
        UserError: a temperature or a pressure is missing, not wanted, or not possible.
    """
    name = conditions.ensemble
    if name not in ENSEMBLES:
        raise UserError(f"there is no ensemble {name!r}", expected=f"one of {', '.join(ENSEMBLES)}")
    for key in ("timestep", "damping", "pressure_damping", "temperature"):
        value = getattr(conditions, key)
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UserError(f"the {key.replace('_', ' ')} is {value:g}", expected="a positive number")
    if name != "nve" and conditions.temperature is None:
        raise UserError(f"{name} needs a temperature", hint="--temperature K")
    if name == "npt" and conditions.pressure is None:
        raise UserError("npt needs a pressure", hint="--pressure BAR, such as 1.01325 for 1 atm")
    if name != "npt" and conditions.pressure is not None:
        raise UserError(f"a pressure is given, and the volume is constant in {name}", hint="--ensemble npt")
    if conditions.inner < 1:
        raise UserError(f"{conditions.inner} inner steps", expected="at least 1")
    if conditions.inner > 1 and name not in ("nve", "langevin"):
        raise UserError(f"multiple time steps are not made for {name}", expected="nve or langevin")
    if conditions.pressure is not None and not np.isfinite(conditions.pressure):
        raise UserError(f"the pressure is {conditions.pressure:g}", expected="a finite number of bar")


def integrator(atoms: ase.Atoms, conditions: Conditions, fast: Calculator | None = None) -> MolecularDynamics:
    """Make the dynamics of ASE.

    Args:
        atoms: with calculator and velocities.
        conditions: checked.
        fast: calculator of the forces of inner steps, if there are any.

    Returns:
        The dynamics, at step 0.
    """
    step = conditions.timestep * ase.units.fs
    damping, temperature = conditions.damping * ase.units.fs, conditions.temperature or 0.0
    if fast is not None:
        return MultipleTimeSteps(
            *(atoms, step, fast, conditions.inner, conditions.temperature if conditions.ensemble != "nve" else None),
            friction=1 / damping,
            seed=conditions.seed,
        )
    make: dict[Ensemble, Callable[[], MolecularDynamics]] = {
        "nve": lambda: VelocityVerlet(atoms, step),
        "langevin": lambda: Langevin(
            atoms,
            step,
            temperature_K=temperature,
            friction=1 / damping,
            fixcm=False,
            rng=np.random.default_rng([conditions.seed, 1]),
        ),
        "nvt": lambda: NoseHooverChainNVT(atoms, step, temperature, damping),
        "npt": lambda: IsotropicMTKNPT(
            atoms,
            step,
            temperature,
            (conditions.pressure or 0.0) * ase.units.bar,
            damping,
            conditions.pressure_damping * ase.units.fs,
        ),
    }
    return make[conditions.ensemble]()
