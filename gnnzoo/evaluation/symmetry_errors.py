"""How far forces are from the symmetries of physics: rotation, momentum, and a potential energy."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.frames.geometry import random_rotation
from gnnzoo.records import Record

_PROBES = 6  # random displacements, from which 15 pairs of entries of the Jacobian follow
# Length unit. Forces of float64 are rounded at 1e-10, and those of a network that is trained little are rough: with a
# step of 1e-3 their curvature passes for an asymmetry of half a per cent.
_STEP = 1e-5


@dataclass(frozen=True)
class SymmetryErrors(Record):
    """Errors of the forces on one frame, each zero for exact physics.

    Attributes:
        rotation: mean |R^-1 F(R x) - F(x)| / mean |F|, for one random rotation R.
        net_force: |sum of F| / sum of |F|: momentum that appears from nothing.
        asymmetry: |J - J^T| / |J + J^T|, Frobenius norms, J = dF/dx: zero where an energy exists (Bigi, Langer &
            Ceriotti, arXiv 2412.11569), estimated by random displacements.
    """

    rotation: float
    net_force: float
    asymmetry: float


def symmetry_errors(forces: Callable[[Frame], np.ndarray], frame: Frame, seed: int = 0) -> SymmetryErrors:
    """Measure the errors.

    Args:
        forces: frame -> (atoms, 3), in float64.
        frame: of the data.
        seed: of the rotation and the displacements.

    Returns:
        The errors.
    """
    random = np.random.default_rng(seed)
    own = forces(frame)
    size = float(np.linalg.norm(own, axis=1).mean()) or 1.0
    rotation = random_rotation(random)
    turned = dataclasses.replace(
        frame,
        positions=frame.positions @ rotation,
        cell=frame.cell @ rotation,
        origin=frame.origin @ rotation,
    )
    back = forces(turned) @ rotation.T
    return SymmetryErrors(
        rotation=float(np.linalg.norm(back - own, axis=1).mean()) / size,
        net_force=float(np.linalg.norm(own.sum(axis=0))) / (size * len(own)),
        asymmetry=_asymmetry(forces, frame, random),
    )


def _asymmetry(forces: Callable[[Frame], np.ndarray], frame: Frame, random: np.random.Generator) -> float:
    """u_i . J u_j over random normal u: their differences and sums have the norms of J - J^T and J + J^T on average."""
    directions = random.normal(size=(_PROBES, *frame.positions.shape))
    products = np.empty((_PROBES, _PROBES))
    for number, direction in enumerate(directions):
        ahead, behind = (
            forces(dataclasses.replace(frame, positions=frame.positions + step * direction)) for step in (_STEP, -_STEP)
        )
        products[:, number] = np.einsum("iac,ac->i", directions, ahead - behind) / (2 * _STEP)
    upper = np.triu_indices(_PROBES, 1)
    odd, even = (products - products.T)[upper], (products + products.T)[upper]
    return float(np.sqrt(np.sum(odd**2) / max(np.sum(even**2), 1e-300)))
