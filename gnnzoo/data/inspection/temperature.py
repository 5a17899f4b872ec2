"""Temperatures of frames: from velocities, and from forces and distances where there are none.

The second kind needs no masses and no velocities. For any smooth field A(r) over a system in equilibrium,
<F . A> = -kT <div A> (the hypervirial theorem; Jepps, Ayton and Evans, Phys. Rev. E 62, 4757 (2000), eq. 6). With
A_i = sum over neighbours j of u_ij / r_ij^n, where u_ij points from i to j, this is a weighted mean of how hard atoms
push one another apart where they are close, and gives kT in the energy unit that belongs to the forces. A dump whose
forces are in another unit than one thinks shows a temperature that is off by the same factor.
"""

from collections.abc import Sequence

import numpy as np

from gnnzoo.data.inspection.pair_sample import PairSample

# Exponent n: steep enough that the cutoff of the pairs does not matter, shallow enough that more than the very closest
# pair counts.
_STEEPNESS = 8

# Boltzmann's constant in the energy units of each style; 1 in reduced units.
BOLTZMANN = {"real": 0.001987204259, "metal": 8.617333262e-5, "lj": 1.0}
# Mass times velocity squared, g/mol (A/fs)^2 and g/mol (A/ps)^2, in the style's energy unit: 1e7 J/mol and 10 J/mol.
_KINETIC = {"real": 1e7 / 4184.0, "metal": 10.0 / 96485.33212, "lj": 1.0}


def thermal_energy(pairs: Sequence[PairSample]) -> float | None:
    """kT by forces and distances, in the energy unit of the forces (force unit times length unit).

    Args:
        pairs: of each sampled frame.

    Returns:
        None where there are no pairs or the forces are all zero. Not meaningful, and maybe negative, far from
        equilibrium or where bonds are held rigid.
    """
    pushed = divergence = 0.0
    for sampled in pairs:
        distinct = (sampled.receivers != sampled.senders) & (sampled.distances > 0)
        distances = sampled.distances[distinct]
        if len(distances) == 0:
            continue
        nearest = distances.min()
        weights = (nearest / distances) ** _STEEPNESS
        along = np.einsum("pc,pc->p", sampled.frame.forces[sampled.receivers[distinct]], sampled.directions[distinct])
        # Frames weigh alike: the factor nearest^n, which differs from frame to frame, stands on both sides.
        scale = 1 / float(weights.sum())
        pushed += scale * float(along @ weights)
        # div_i of u_ij r^-n, r_i moving: (n - 2) r^(-n-1)
        divergence += scale * (_STEEPNESS - 2) * float(np.sum(weights / distances))
    return -pushed / divergence if divergence > 0 and pushed != 0 else None


def kinetic_temperature(velocities: np.ndarray, masses: np.ndarray, units: str) -> float:
    """Temperature of one frame by its velocities, K (reduced in `lj`).

    Args:
        velocities: (atoms, 3), velocity unit of `units`.
        masses: (atoms,), mass unit of `units`.
        units: LAMMPS unit style.

    Returns:
        sum of m v^2 / (freedoms k), with three degrees of freedom per atom less the three of the centre of mass;
        bonds held rigid are not known here and make the true temperature higher.
    """
    freedoms = max(1, 3 * len(velocities) - 3)
    twice = float(np.sum(masses * np.einsum("ac,ac->a", velocities, velocities)))
    return twice * _KINETIC[units] / (freedoms * BOLTZMANN[units])
