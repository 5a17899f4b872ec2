"""The atoms of a run from a frame of any data, with velocities of the frame or drawn ones."""

from dataclasses import dataclass

import ase
import ase.units
import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.elements import MASSES
from gnnzoo.errors import UserError
from gnnzoo.units import STYLES

_UNITS = ("real", "metal")  # those that ASE's can be converted to
_MOLECULES = "molecules"  # array of the atoms


@dataclass(frozen=True, eq=False)
class FirstConfiguration:
    """Atoms with velocities, ready to run.

    Attributes:
        atoms: positions relative to the corner of the cell; the array "molecules" where the frame has molecules.
        drawn: whether the velocities were drawn.
    """

    atoms: ase.Atoms
    drawn: bool


def first_configuration(
    frame: Frame, *, temperature: float | None, draw: bool = False, seed: int = 0
) -> FirstConfiguration:
    """Make the atoms of a run.

    Velocities are those of the frame, if it has any. Otherwise they are drawn from the Maxwell-Boltzmann distribution,
    without motion of the centre of mass, and scaled to the temperature: 3 N - 3 degrees of freedom.

    Args:
        frame: in real or metal units, with species that are elements.
        temperature: of drawn velocities, K; None where the frame has velocities.
        draw: draw velocities in any case.
        seed: of drawn velocities.

    Returns:
        The atoms; their masses are those of the elements, g/mol.

    Raises:
        UserError: a species is no element, the units are reduced or undeclared, or there is no temperature.
    """
    names = frame.names.tolist()
    unknown = sorted(set(names) - set(MASSES))
    if unknown:
        raise UserError(
            f"{', '.join(unknown)} is no element, and has no mass",
            expected="species that are elements",
            hint=f"--types {unknown[0]}=NAME"
            if unknown[0].isdigit()
            else "gnnzoo freeze MODEL, then gnnzoo lammps FOLDER, whose in.lammps states the masses",
        )
    if frame.units not in _UNITS:
        raise UserError(
            f"the configuration is in {frame.units or 'undeclared'} units",
            expected=f"one of {', '.join(_UNITS)}",
            hint="--units STYLE declares them" if frame.units is None else "gnnzoo lammps runs reduced units",
        )
    atoms = ase.Atoms(
        names,
        positions=frame.positions - frame.origin,
        cell=frame.cell,
        pbc=frame.pbc,
        masses=[MASSES[name] for name in names],
    )
    if frame.molecules is not None:
        atoms.set_array(_MOLECULES, np.asarray(frame.molecules, np.int64))
    if frame.velocities is not None and not draw:
        atoms.set_velocities(frame.velocities * _velocity_unit(frame.units))
        return FirstConfiguration(atoms, drawn=False)
    if temperature is None:
        raise UserError(
            "the first configuration has no velocities, and no temperature is given to draw them",
            hint="--temperature K",
        )
    _draw_velocities(atoms, temperature, seed)
    return FirstConfiguration(atoms, drawn=True)


def frame_velocities(atoms: ase.Atoms, units: str) -> np.ndarray:
    """Velocities in the unit of a LAMMPS style.

    Args:
        atoms: of a run.
        units: "real" or "metal".

    Returns:
        (atoms, 3) float64, A/fs or A/ps.
    """
    return np.asarray(atoms.get_velocities()) / _velocity_unit(units)


def _velocity_unit(units: str) -> float:
    """The velocity unit of a LAMMPS style in ASE's."""
    return 1 / (femtoseconds(units) * ase.units.fs)


def femtoseconds(units: str) -> float:
    """Femtoseconds in the time unit of a LAMMPS style, "real" or "metal"."""
    return {"fs": 1.0, "ps": 1000.0}[STYLES[units].time]


def _draw_velocities(atoms: ase.Atoms, temperature: float, seed: int) -> None:
    widths = np.sqrt(atoms.get_masses() * ase.units.kB * temperature)[:, None]
    momenta = widths * np.random.default_rng(seed).normal(size=(len(atoms), 3))
    if len(atoms) > 1:
        masses = atoms.get_masses()[:, None]
        momenta -= masses * momenta.sum(axis=0) / masses.sum()
    atoms.set_momenta(momenta)
    kinetic = atoms.get_kinetic_energy()
    freedom = max(3 * len(atoms) - 3, 3)
    if kinetic > 0:
        atoms.set_momenta(momenta * np.sqrt(0.5 * freedom * ase.units.kB * temperature / kinetic))
