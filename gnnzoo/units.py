"""LAMMPS unit styles: the unit of each quantity, and the factors between styles.

The factors follow the LAMMPS manual, page `units`; the constants behind them are the exact ones of the 2019 SI.
"""

import math
from dataclasses import dataclass

from gnnzoo.errors import UserError

# 1 kcal = 4184 J, 1 mol = 6.02214076e23, 1 eV = 1.602176634e-19 J: 1 kcal/mol = 0.0433641... eV
EV_PER_KCAL_MOL = 4184.0 / 6.02214076e23 / 1.602176634e-19
# e^2 / (4 pi eps_0), the energy of two elementary charges one A apart: CODATA 2018
COULOMB_EV_ANGSTROM = 1.602176634e-19 / (4 * math.pi * 8.8541878128e-12) * 1e10


@dataclass(frozen=True)
class UnitStyle:
    """The units of one LAMMPS style, as they are written in tables and in HDF5 attributes."""

    name: str
    length: str
    force: str
    energy: str
    velocity: str
    time: str
    charge: str
    force_in_mev_per_angstrom: float | None  # None: cannot be expressed (reduced units)
    timestep: float | None = None  # LAMMPS' default timestep, in `time`
    coulomb: float = 1.0  # energy times length per squared charge


STYLES: dict[str, UnitStyle] = {
    style.name: style
    for style in (
        UnitStyle(
            *("real", "A", "kcal/mol/A", "kcal/mol", "A/fs", "fs", "e"),
            force_in_mev_per_angstrom=1e3 * EV_PER_KCAL_MOL,
            coulomb=COULOMB_EV_ANGSTROM / EV_PER_KCAL_MOL,
        ),
        UnitStyle(
            *("metal", "A", "eV/A", "eV", "A/ps", "ps", "e"),
            force_in_mev_per_angstrom=1e3,
            coulomb=COULOMB_EV_ANGSTROM,
        ),
        UnitStyle("lj", "sigma", "epsilon/sigma", "epsilon", "sigma/tau", "tau", "q*", force_in_mev_per_angstrom=None),
    )
}


def style(name: str | None) -> UnitStyle | None:
    """The style called `name`; None for undeclared units."""
    if name is None:
        return None
    if name not in STYLES:
        raise UserError(f"unit style '{name}' is not known", expected=" or ".join(STYLES), hint="--units real")
    return STYLES[name]


def force_unit(name: str | None) -> str:
    """How a force is labelled in style `name`."""
    return STYLES[name].force if name in STYLES else "(undeclared force unit)"


def energy_unit(name: str | None) -> str:
    """How an energy is labelled in style `name`."""
    return STYLES[name].energy if name in STYLES else "(undeclared energy unit)"


def length_unit(name: str | None) -> str:
    """How a length is labelled in style `name`."""
    return STYLES[name].length if name in STYLES else "(undeclared length unit)"


def mev_factor(name: str | None) -> float | None:
    """What a force in style `name` is multiplied by to be in meV/A, and an energy in meV; None where nobody knows.

    One factor serves both: wherever it is known, lengths are in A.
    """
    return STYLES[name].force_in_mev_per_angstrom if name in STYLES else None


def force_factor(source: str | None, target: str | None) -> float:
    """What a force in `source` units is multiplied by to be in `target` units.

    Lengths agree between `real` and `metal` (both A), so that forces alone are converted. Reduced (`lj`) and undeclared
    units cannot be converted to another style.
    """
    if source == target:
        return 1.0
    if source in ("real", "metal") and target in ("real", "metal"):
        return STYLES[source].force_in_mev_per_angstrom / STYLES[target].force_in_mev_per_angstrom
    raise UserError(
        f"forces in {source or 'undeclared'} units cannot be turned into {target or 'undeclared'} units",
        expected=f"data in {target or 'undeclared'} units, or one of real and metal on both sides",
        hint=None if source else "say what the data are in: gnnzoo convert DUMP --units real",
    )
