"""Refit of weights that act on radial basis functions, so that the function of distance survives a change of basis."""

import numpy as np

from gnnzoo.choices import RadialTransfer
from gnnzoo.layers.radial import BASES, polynomial_envelope
from gnnzoo.recipe.schema.graph import Graph

# Grid of distances for the fit: with 2,000 points a cutoff of 10 is sampled every 0.005, some tens of points for each
# half-wave of even the fiftieth Bessel function.
_GRID_POINTS = 2000
# Least-squares weight of distances below the shortest one in the data. Small, so that the fit is decided by distances
# that occur; not zero, so that the function stays bounded for a closer pair. Chosen by hand, not tuned further.
_UNSAMPLED_WEIGHT = 0.003
# Singular values below this fraction of the largest one are dropped: overlapping Gaussians are nearly dependent, and
# their differences would get huge weights of opposite signs.
_RCOND = 1e-3


def same_basis(source: Graph, target: Graph) -> bool:
    """Whether equal weights give the same function of distance in both bases.

    Args:
        source: graph settings of the source.
        target: graph settings of the target.

    Returns:
        True also if the number of Bessel functions differs: the common ones are the same functions.
    """
    return _settings(source) == _settings(target)


def _settings(graph: Graph) -> tuple[float, str, int | None, bool, int | None]:
    order = graph.envelope_order if graph.envelope else None
    # the n-th Bessel function does not depend on their number; centres and widths of the other bases do
    functions = None if graph.radial.basis == "bessel" else graph.radial.functions
    return graph.cutoff, graph.radial.basis, functions, graph.envelope, order


def refit_radial_weights(
    weights: np.ndarray,
    source: Graph,
    target: Graph,
    functions: tuple[int, int],
    how: RadialTransfer,
    *,
    with_envelope: bool,
    shortest: float,
) -> tuple[np.ndarray, float]:
    """Convert weights of the source's radial functions to weights of the target's.

    "extend" keeps each function of distance in length units: a least-squares fit in the target's basis from the
    shortest distance in the target's data on, and zero beyond the source's cutoff. Shorter distances have little
    weight, because a wider basis cannot follow the steep functions of a molecular model at its bond lengths and would
    oscillate at all other distances. "stretch" keeps the n-th weight for the n-th function: with Bessel functions
    distances scale with the cutoff.

    Args:
        weights: (source functions, columns), each column a function of distance.
        source, target: cutoff, basis and envelope of both sides.
        functions: number of radial functions that the layer reads in source and target.
        how: "extend" or "stretch".
        with_envelope: whether the layer is linear in the functions, so that they count multiplied by the envelope.
        shortest: shortest distance in the target's data, length unit.

    Returns:
        The weights, (target functions, columns), and the relative RMS error of the columns as functions of distance;
        for "stretch" the fraction of functions that the target does not have.
    """
    source_count, target_count = functions
    if how == "stretch" or (same_basis(source, target) and target_count >= source_count):
        return np.eye(target_count, source_count) @ weights, max(0.0, 1 - target_count / source_count)
    nearest = min(shortest, source.cutoff / 2)
    distance = np.linspace(0, max(source.cutoff, target.cutoff), _GRID_POINTS + 1)[1:]
    sampled = distance >= nearest
    point_weights = np.where(sampled, 1.0, _UNSAMPLED_WEIGHT)[:, None]
    old = _functions(distance, source, source_count, with_envelope)
    new = _functions(distance, target, target_count, with_envelope)
    matrix = np.linalg.lstsq(point_weights * new, point_weights * old, rcond=_RCOND)[0]
    wanted, fitted = old[sampled] @ weights, new[sampled] @ (matrix @ weights)
    size = np.mean(wanted**2)
    return matrix @ weights, float(np.sqrt(np.mean((fitted - wanted) ** 2) / size)) if size else 0.0


def _functions(distance: np.ndarray, graph: Graph, count: int, with_envelope: bool) -> np.ndarray:
    """(distances, count) values of the first `count` functions, zero beyond the cutoff."""
    column = distance[:, None]
    values = np.asarray(BASES[graph.radial.basis](column, graph.cutoff, graph.radial.functions))[:, :count]
    if with_envelope and graph.envelope:
        values = values * np.asarray(polynomial_envelope(column, graph.cutoff, graph.envelope_order))
    return values * (column <= graph.cutoff)
