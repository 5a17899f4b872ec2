"""Temperature, energy, pressure and density along a run, and what follows from them: drift, means, speed."""

from dataclasses import dataclass

import ase
import ase.units
import numpy as np
from ase.md.md import MolecularDynamics

from gnnzoo.data.inspection.accumulator import G_CM3
from gnnzoo.dynamics.ensembles import Conditions

_CONSERVED = "get_conserved_energy"  # of thermostats that have one


@dataclass(frozen=True)
class Thermo:
    """State of the atoms at one step; None where the model has no energy or stress.

    Attributes:
        step: of the run.
        time: ps.
        temperature: K.
        potential: potential energy, eV.
        total: potential and kinetic energy, eV.
        conserved: what the equations of motion conserve, eV: the total energy, with the thermostat's in nvt and npt;
            None for langevin.
        pressure: bar, with the kinetic part.
        volume: A3; None where the box has none.
        density: g/cm3.
    """

    step: int
    time: float
    temperature: float
    potential: float | None
    total: float | None
    conserved: float | None
    pressure: float | None
    volume: float | None
    density: float | None


COLUMNS = {
    "step": "step",
    "time": "time_ps",
    "temperature": "temperature_K",
    "potential": "potential_eV",
    "total": "total_eV",
    "conserved": "conserved_eV",
    "pressure": "pressure_bar",
    "volume": "volume_A3",
    "density": "density_g_cm3",
}


def measure(atoms: ase.Atoms, dynamics: MolecularDynamics, step: int, conditions: Conditions) -> Thermo:
    """Measure the atoms.

    Args:
        atoms: of the run.
        dynamics: of the run.
        step: of the run.
        conditions: of the run.

    Returns:
        The state.
    """
    has = atoms.calc.implemented_properties
    kinetic = float(atoms.get_kinetic_energy())
    potential = float(atoms.get_potential_energy()) if "energy" in has else None
    total = None if potential is None else potential + kinetic
    conserved = None
    if total is not None and conditions.ensemble != "langevin":
        thermostat = getattr(dynamics, _CONSERVED, None)
        conserved = total if thermostat is None else float(thermostat())
    volume = float(atoms.get_volume()) if atoms.cell.rank == 3 else None
    pressure = None
    if "stress" in has and volume is not None and np.any(atoms.pbc):
        pressure = -float(np.mean(atoms.get_stress(include_ideal_gas=True)[:3])) / ase.units.bar
    density = None if volume is None else float(atoms.get_masses().sum()) / volume * G_CM3
    return Thermo(
        step,
        step * conditions.timestep / 1000,
        atoms.get_temperature(),
        potential,
        total,
        conserved,
        pressure,
        volume,
        density,
    )


def csv_head() -> str:
    """First line of the table, without its end."""
    return ",".join(COLUMNS.values())


def csv_row(state: Thermo) -> str:
    """One line of the table, without its end; empty fields where something is None."""
    values = [getattr(state, name) for name in COLUMNS]
    return ",".join("" if value is None else f"{value:.12g}" for value in values)


def shown(state: Thermo, atoms: int) -> str:
    """One line for a reader.

    Args:
        state: of the atoms.
        atoms: their number.

    Returns:
        Such as "step 100  0.100 ps  91.2 K  energy -0.06123 eV/atom".
    """
    words = [f"step {state.step:<8,}", f"{state.time:.3f} ps", f"{state.temperature:7.1f} K"]
    words += [] if state.total is None else [f"energy {state.total / atoms:.6f} eV/atom"]
    words += [] if state.pressure is None else [f"{state.pressure:9.1f} bar"]
    words += [] if state.density is None else [f"{state.density:.4f} g/cm3"]
    return "  ".join(words)


def drift(states: list[Thermo], atoms: int) -> float | None:
    """Slope of the conserved energy in time, by least squares.

    Args:
        states: of a run.
        atoms: their number.

    Returns:
        meV per atom and ns; None for fewer than three states or without such an energy.
    """
    energies = [state.conserved for state in states if state.conserved is not None]
    if len(energies) < 3 or len(energies) < len(states):
        return None
    times = np.array([state.time for state in states]) / 1000
    return float(np.polyfit(times - times.mean(), np.array(energies) - energies[0], 1)[0]) * 1000 / atoms


def mean(states: list[Thermo], name: str) -> float | None:
    """Mean of a quantity over the second half of a run, which has less of its start.

    Args:
        states: of a run.
        name: field of `Thermo`.

    Returns:
        The mean; None where the quantity is missing.
    """
    values = [getattr(state, name) for state in states[len(states) // 2 :]]
    return None if not values or None in values else float(np.mean(values))
