"""LAMMPS unit styles: the unit of each quantity, and factors between styles.

As in the LAMMPS manual, page `units`, with the exact constants of the 2019 SI.
"""

import math
from dataclasses import dataclass

from gnnzoo.errors import UserError

# 1 kcal = 4184 J, 1 mol = 6.02214076e23, 1 eV = 1.602176634e-19 J: 1 kcal/mol = 0.0433641... eV
EV_PER_KCAL_MOL = 4184.0 / 6.02214076e23 / 1.602176634e-19
HARTREE_EV, BOHR_ANGSTROM = 27.211386245988, 0.529177210903  # CODATA 2018
# e^2 / (4 pi eps_0), the energy of two elementary charges one A apart: CODATA 2018
COULOMB_EV_ANGSTROM = 1.602176634e-19 / (4 * math.pi * 8.8541878128e-12) * 1e10


@dataclass(frozen=True)
class UnitStyle:
    """Units of one LAMMPS style, as in tables and HDF5 attributes.

    Attributes:
        name: LAMMPS name.
        length, force, energy, velocity, time, charge: labels of the units.
        force_in_mev_per_angstrom: meV/A per force unit; None for reduced units.
        coulomb: energy times length per squared charge.
        pressure: label of the unit of pressures.
        energy_of_pressure: energy per pressure times volume: 1 / `nktv2p` of LAMMPS.
    """

    name: str
    length: str
    force: str
    energy: str
    velocity: str
    time: str
    charge: str
    force_in_mev_per_angstrom: float | None
    coulomb: float = 1.0
    pressure: str = "epsilon/sigma^3"
    energy_of_pressure: float = 1.0


_GPA_PER_EV_ANGSTROM3 = 160.2176634

STYLES: dict[str, UnitStyle] = {
    style.name: style
    for style in (
        UnitStyle(
            *("real", "A", "kcal/mol/A", "kcal/mol", "A/fs", "fs", "e"),
            force_in_mev_per_angstrom=1e3 * EV_PER_KCAL_MOL,
            coulomb=COULOMB_EV_ANGSTROM / EV_PER_KCAL_MOL,
            pressure="atm",
            energy_of_pressure=101325 * 1e-30 / 4184 * 6.02214076e23,
        ),
        UnitStyle(
            *("metal", "A", "eV/A", "eV", "A/ps", "ps", "e"),
            force_in_mev_per_angstrom=1e3,
            coulomb=COULOMB_EV_ANGSTROM,
            pressure="bar",
            energy_of_pressure=1e5 * 1e-30 / 1.602176634e-19,
        ),
        UnitStyle("lj", "sigma", "epsilon/sigma", "epsilon", "sigma/tau", "tau", "q*", force_in_mev_per_angstrom=None),
    )
}


def style(name: str | None) -> UnitStyle | None:
    """Look up a unit style.

    Args:
        name: LAMMPS name of the style, or None for undeclared units.

    Returns:
        The style; None for undeclared units.

    Raises:
        UserError: there is no such style.
    """
    if name is None:
        return None
    if name not in STYLES:
        raise UserError(
            f"unit style '{name}' is not known",
            expected=" or ".join(STYLES),
            hint="--units STYLE with one of these",
        )
    return STYLES[name]


def force_unit(name: str | None) -> str:
    """Label of forces.

    Args:
        name: LAMMPS unit style, or None.

    Returns:
        Such as "kcal/mol/A"; "(undeclared force unit)" for undeclared units.
    """
    return STYLES[name].force if name in STYLES else "(undeclared force unit)"


def energy_unit(name: str | None) -> str:
    """Label of energies.

    Args:
        name: LAMMPS unit style, or None.

    Returns:
        Such as "kcal/mol"; "(undeclared energy unit)" for undeclared units.
    """
    return STYLES[name].energy if name in STYLES else "(undeclared energy unit)"


def length_unit(name: str | None) -> str:
    """Label of lengths.

    Args:
        name: LAMMPS unit style, or None.

    Returns:
        Such as "A"; "(undeclared length unit)" for undeclared units.
    """
    return STYLES[name].length if name in STYLES else "(undeclared length unit)"


def mev_factor(name: str | None) -> float | None:
    """Factor from forces to meV/A, which is also that from energies to meV: where it is known, lengths are in A.

    Args:
        name: LAMMPS unit style, or None.

    Returns:
        The factor; None for reduced and undeclared units.
    """
    return STYLES[name].force_in_mev_per_angstrom if name in STYLES else None


def gigapascals(name: str | None) -> float | None:
    """Conversion of stresses to GPa.

    Args:
        name: LAMMPS unit style, or None.

    Returns:
        GPa per energy per cubed length; None for reduced and undeclared units.
    """
    mev = mev_factor(name)
    return None if mev is None else mev * 1e-3 * _GPA_PER_EV_ANGSTROM3


def force_factor(source: str | None, target: str | None) -> float:
    """Factor between the force units of two styles.

    Lengths of `real` and `metal` agree (both A), so that only forces are converted.

    Args:
        source, target: LAMMPS unit styles, or None.

    Returns:
        What a force in `source` units is multiplied by.

    Raises:
        UserError: the styles differ, and one is reduced (`lj`) or undeclared.
    """
    if source == target:
        return 1.0
    from_source, from_target = mev_factor(source), mev_factor(target)
    if from_source is not None and from_target is not None:
        return from_source / from_target
    raise UserError(
        f"forces in {source or 'undeclared'} units cannot be converted to {target or 'undeclared'} units",
        expected=f"data in {target or 'undeclared'} units, or one of real and metal on both sides",
        hint=None if source else "gnnzoo convert DUMP --units STYLE declares the units of the data",
    )
