"""Temperatures of frames: from velocities, and from forces and distances.

The second kind needs no masses and no velocities. For any smooth field A(r) over a system in equilibrium,
<F . A> = -kT <div A> (the hypervirial theorem; Jepps, Ayton and Evans, Phys. Rev. E 62, 4757 (2000), eq. 6). With
A_i = sum over neighbours j of u_ij / r_ij^n, where u_ij points from i to j, this is a weighted mean of the repulsion of
close atoms, and gives kT in the energy unit that belongs to the forces. If forces are in another unit than declared,
this temperature is off by the same factor.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gnnzoo.data.inspection.pair_sample import PairSample

# Exponent n: steep enough that pairs beyond the cutoff do not matter (their weights fall as r^-6 with their number),
# shallow enough that more than the very closest pair counts.
_STEEPNESS = 8

# Boltzmann's constant in the energy units of each style; 1 in reduced units.
BOLTZMANN = {"real": 0.001987204259, "metal": 8.617333262e-5, "lj": 1.0}
# Mass times velocity squared, g/mol (A/fs)^2 and g/mol (A/ps)^2, in the style's energy unit: 1e7 J/mol and 10 J/mol.
_KINETIC = {"real": 1e7 / 4184.0, "metal": 10.0 / 96485.33212, "lj": 1.0}


def thermal_energy(pairs: Sequence[PairSample]) -> float | None:
    """kT from forces and distances.

    Args:
        pairs: of each sampled frame.

    Returns:
        Force unit times length unit; None without pairs or forces. Not meaningful, and possibly negative, far from
        equilibrium or where bonds are held rigid.
    """
    virial = divergence = 0.0
    for sampled in pairs:
        distinct = sampled.distinct
        distances = sampled.distances[distinct]
        if len(distances) == 0:
            continue
        # Frames have equal weight: the factor nearest^n, which differs from frame to frame, is on both sides.
        weights = (distances.min() / distances) ** _STEEPNESS
        along = np.einsum("pc,pc->p", sampled.frame.forces[sampled.receivers[distinct]], sampled.directions[distinct])
        scale = 1 / float(weights.sum())
        virial += scale * float(along @ weights)
        # div_i of u_ij r^-n with respect to r_i: (n - 2) r^(-n-1)
        divergence += scale * (_STEEPNESS - 2) * float(np.sum(weights / distances))
    return -virial / divergence if divergence > 0 and virial != 0 else None


def intermolecular_temperature(pairs: Sequence[PairSample], units: str | None) -> tuple[float, float] | None:
    """Temperature from forces and distances of atoms of different molecules, with its standard error.

    Fast bonds are left out: where a timestep is long for them, the positions of their atoms, unlike their velocities,
    are spread as at a higher temperature.

    Args:
        pairs: of each sampled frame.
        units: LAMMPS unit style.

    Returns:
        Temperature and its error, by leaving out one frame at a time, K (reduced in lj); None for less than three
        frames, undeclared units, or where the temperature is not positive.
    """
    if units not in BOLTZMANN or len(pairs) < 3:
        return None
    outer = [_between_molecules(sampled) for sampled in pairs]
    whole = thermal_energy(outer)
    parts = [thermal_energy(outer[:number] + outer[number + 1 :]) for number in range(len(outer))]
    if whole is None or whole <= 0 or any(part is None for part in parts):
        return None
    error = np.sqrt((len(parts) - 1) * np.var(np.array(parts, dtype=float)))
    return whole / BOLTZMANN[units], float(error) / BOLTZMANN[units]


def _between_molecules(sampled: PairSample) -> PairSample:
    """The pairs of atoms of different molecules; all where there are no molecules."""
    kept = ~sampled.inside
    per_pair = ("receivers", "senders", "distances", "directions", "inside")
    return replace(sampled, **{name: getattr(sampled, name)[kept] for name in per_pair})


def kinetic_temperature(velocities: np.ndarray, masses: np.ndarray, units: str) -> float:
    """Temperature of one frame from its velocities, sum of m v^2 / (degrees of freedom x k).

    Args:
        velocities: (atoms, 3), velocity unit of `units`.
        masses: (atoms,), mass unit of `units`.
        units: LAMMPS unit style.

    Returns:
        K (reduced in `lj`), with three degrees of freedom per atom minus three of the centre of mass. Constraints are
        not known here and make the true temperature higher.
    """
    degrees = max(1, 3 * len(velocities) - 3)
    twice = float(np.sum(masses * np.einsum("ac,ac->a", velocities, velocities)))
    return twice * _KINETIC[units] / (degrees * BOLTZMANN[units])


def kelvin_text(value: float) -> str:
    """Format a temperature of `value` K.

    Returns:
        Such as 298 K or 1.2e+06 K.
    """
    return f"{value:,.0f} K" if 10 <= value < 1e6 else f"{value:.2g} K"
