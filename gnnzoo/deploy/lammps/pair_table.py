"""Tables of a pair model for LAMMPS' own `pair_style table`, which runs them at the speed of any pair potential.

Forces are those of dimers; energies are their integrals from the cutoff, by Simpson's rule on a grid of twice as many
points (LAMMPS manual, page pair_table).
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.graphs.neighbors import neighbor_list
from gnnzoo.deploy.freeze import known_types, needs_molecules
from gnnzoo.errors import Location, ModelError
from gnnzoo.models.files import ForceField
from gnnzoo.models.symmetries import is_pairwise

TABLE, COMMANDS = "pairs.table", "pairs.lammps"
POINTS = 2000  # of a table
CURVE_POINTS = 2 * POINTS - 1  # of a curve: one between each two of the table
_TOLERANCE = 1e-3  # of the largest force, on the example: that of float32 and of linear interpolation


class Curve(Protocol):
    """A dimer force curve: name "A-B", distances and forces, see `evaluation.pairs.PairCurve`."""

    @property
    def name(self) -> str: ...

    @property
    def distances(self) -> list[float]: ...

    @property
    def forces(self) -> list[float]: ...


def check_pairwise(model: ForceField) -> None:
    """Refuse a model that no table of pairs can replace.

    Args:
        model: any model.

    Raises:
        ModelError: its forces depend on more than species and distance of each pair, or have no sum over pairs.
    """
    if not is_pairwise(model.recipe) or needs_molecules(model):
        raise ModelError(
            "has forces that depend on more than the distance of two atoms",
            location=Location(file=model.path),
            expected="a model like that of the recipe argon-pair",
            hint="gnnzoo freeze without --table: pair_style gnnzoo runs any model",
        )


def write_pair_tables(model: ForceField, curves: Sequence[Curve], folder: Path, example: Frame) -> float:
    """Write the tables, and LAMMPS' commands that read them.

    Args:
        model: a pair model.
        curves: one for each pair of species, with `CURVE_POINTS` distances up to the cutoff.
        folder: of the exported model.
        example: frame on which the tables are compared with the model.

    Returns:
        Largest difference of a force component on the example, relative to the largest one.

    Raises:
        RuntimeError: it is too large.
    """
    types = known_types(model)
    (folder / TABLE).write_text("".join(_section(curve, model) for curve in curves))
    (folder / COMMANDS).write_text(_commands(curves, types, model.cutoff))
    live = model.forces(example)
    found = table_forces(curves, example, model.cutoff)
    error = float(np.abs(found - live).max() / np.abs(live).max())
    if not error <= _TOLERANCE:
        raise RuntimeError(f"forces of the tables differ by {error:.2g} of the largest force")
    return error


def _section(curve: Curve, model: ForceField) -> str:
    """The table of one pair of species."""
    distances, forces = np.array(curve.distances), np.array(curve.forces)
    step = distances[1] - distances[0]
    # from each second point to the next but one, then summed from the cutoff inwards
    pieces = step / 3 * (forces[:-2:2] + 4 * forces[1:-1:2] + forces[2::2])
    energies = np.append(np.cumsum(pieces[::-1])[::-1], 0.0)
    rows = zip(distances[::2], energies, forces[::2], strict=True)
    lines = [
        f"# {model.recipe.name}, written by gnnzoo freeze; UNITS: {model.units}",
        "",
        curve.name,
        f"N {POINTS} R {distances[0]:.16g} {distances[-1]:.16g}",
        "",
        *(f"{number} {r:.9g} {energy:.9g} {force:.9g}" for number, (r, energy, force) in enumerate(rows, start=1)),
    ]
    return "\n".join(lines) + "\n\n"


def _commands(curves: Sequence[Curve], types: dict[int, str], cutoff: float) -> str:
    """Commands of a LAMMPS script that read the tables."""
    lines = [
        "# Written by gnnzoo freeze: include it in a script, in this folder, after the atoms are there.",
        f"pair_style table spline {POINTS}",
    ]
    for one, first in types.items():
        for other, second in types.items():
            curve = _curve_of(curves, first, second)
            if one <= other and curve is not None:
                lines.append(f"pair_coeff {one} {other} {TABLE} {curve.name} {cutoff!r}")
    return "\n".join(lines) + "\n"


def _curve_of(curves: Sequence[Curve], first: str, second: str) -> Curve | None:
    """The curve of two species, in either order; None of a pair that training did not have."""
    return next((curve for curve in curves if curve.name in (f"{first}-{second}", f"{second}-{first}")), None)


def table_forces(curves: Sequence[Curve], frame: Frame, cutoff: float) -> np.ndarray:
    """Sum the forces of pairs, interpolated in the curves.

    Args:
        curves: one for each pair of species.
        frame: positions, cell and types; in the model's units.
        cutoff: length unit.

    Returns:
        (atoms, 3) forces, force unit.
    """
    senders, receivers, vectors, _ = neighbor_list(frame.positions, frame.cell, frame.pbc, cutoff)
    lengths = np.linalg.norm(vectors, axis=1)
    names, forces = np.array(frame.names), np.zeros((len(frame), 3))
    for first, second in itertools.product(np.unique(names).tolist(), repeat=2):
        curve, chosen = _curve_of(curves, first, second), (names[senders] == first) & (names[receivers] == second)
        if curve is None:
            continue
        sizes = np.interp(lengths[chosen], curve.distances, curve.forces)
        away = -vectors[chosen] / lengths[chosen, None]  # vectors point from the receiver to the sender
        np.add.at(forces, receivers[chosen], sizes[:, None] * away)
    return forces
