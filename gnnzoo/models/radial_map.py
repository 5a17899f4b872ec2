"""How weights of one radial basis become those of another, so that a function of the distance stays what it was."""

import numpy as np

from gnnzoo.layers.radial import BASES, polynomial_envelope
from gnnzoo.recipe.graph_part import Graph

# Distances at which two expansions are compared, from this share of the smaller cutoff on: nearer no two atoms come.
_POINTS, _FIRST = 2000, 0.1
# Directions of a basis that are this much weaker than the strongest are noise.
_SMALLEST = 1e-3


def same_basis(source: Graph, target: Graph) -> bool:
    """Whether the same weights mean the same function of the distance, as far as both bases go."""
    return _settings(source) == _settings(target)


def _settings(graph: Graph) -> tuple:
    return graph.cutoff, graph.radial.basis, graph.envelope, graph.envelope_order if graph.envelope else None


def radial_map(
    source: Graph, target: Graph, functions: tuple[int, int], how: str, with_envelope: bool
) -> tuple[np.ndarray, float]:
    """The matrix from the weights of the source's radial functions to those of the target's.

    "extend" is the least squares fit of each function of the source's basis by the target's, in length units, and of
    zero beyond the source's cutoff. "stretch" takes the n-th function for the n-th: with Bessel functions distances
    then count in cutoffs.

    Args:
        source, target: cutoff, basis and envelope on both sides.
        functions: how many radial functions a layer reads, there and here.
        how: "extend" or "stretch".
        with_envelope: whether the layer is linear in the functions, so that they matter times their envelope only.

    Returns:
        (functions here, functions there); and the root mean square of what the fit leaves of the source's functions,
        as a share of their own: 0 where it is exact.
    """
    there, here = functions
    if how == "stretch" or (same_basis(source, target) and here >= there):
        return np.eye(here, there), max(0.0, 1 - here / there)
    first = _FIRST * min(source.cutoff, target.cutoff)
    distance = np.linspace(first, max(source.cutoff, target.cutoff), _POINTS)
    wanted, basis = (
        _functions(distance, graph, count, with_envelope) for graph, count in ((source, there), (target, here))
    )
    matrix = np.linalg.lstsq(basis, wanted, rcond=_SMALLEST)[0]
    left = np.sqrt(np.mean((basis @ matrix - wanted) ** 2) / np.mean(wanted**2))
    return matrix, float(left)


def _functions(distance: np.ndarray, graph: Graph, count: int, with_envelope: bool) -> np.ndarray:
    """(distances, functions) values, zero beyond the cutoff; a layer that reads fewer reads the first ones."""
    column = distance[:, None]
    values = np.asarray(BASES[graph.radial.basis](column, graph.cutoff, graph.radial.functions))[:, :count]
    if with_envelope and graph.envelope:
        values = values * np.asarray(polynomial_envelope(column, graph.cutoff, graph.envelope_order))
    return values * (column <= graph.cutoff)
