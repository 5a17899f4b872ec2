"""How weights of one radial basis become those of another, so that a function of the distance stays what it was."""

import numpy as np

from gnnzoo.layers.radial import BASES, polynomial_envelope
from gnnzoo.recipe.schema.graph import Graph

# Distances at which two expansions are compared.
_POINTS = 2000
# What distances count for below the shortest one: little, so that all others are fitted, and enough for what a closer
# pair would feel to stay of its size.
_BELOW = 0.003
# Directions of a basis that are this much weaker than the strongest are noise.
_SMALLEST = 1e-3


def same_basis(source: Graph, target: Graph) -> bool:
    """Whether the same weights mean the same function of the distance, as far as both bases go."""
    return _settings(source) == _settings(target)


def _settings(graph: Graph) -> tuple:
    order = graph.envelope_order if graph.envelope else None
    # of Bessel functions more are the same and others after them; of the other bases all are others
    functions = None if graph.radial.basis == "bessel" else graph.radial.functions
    return graph.cutoff, graph.radial.basis, functions, graph.envelope, order


def refit_radial_weights(
    weights: np.ndarray,
    source: Graph,
    target: Graph,
    functions: tuple[int, int],
    how: str,
    *,
    with_envelope: bool,
    shortest: float,
) -> tuple[np.ndarray, float]:
    """Weights of the source's radial functions as weights of the target's.

    "extend" fits by least squares what the target's basis can make of the source's functions, in length units, from the
    shortest distance of the target's atoms on, and of zero beyond the source's cutoff. Below that distance hardly
    anything need be followed: where a model of molecules turns sharply, at their bonds, a wider basis could not, and
    would ring at all other distances. "stretch" takes the n-th function for the n-th: with Bessel functions distances
    then count in cutoffs.

    Args:
        weights: (functions there, columns), each column a function of the distance.
        source, target: cutoff, basis and envelope on both sides.
        functions: how many radial functions a layer reads, there and here.
        how: "extend" or "stretch".
        with_envelope: whether the layer is linear in the functions, so that they matter times their envelope only.
        shortest: distance that the target's atoms do not come below.

    Returns:
        (functions here, columns); and how far the columns as functions of the distance are from what they were, root
        mean square, as a share of their own: 0 where they are the same. Of "stretch" the share of functions left out.
    """
    there, here = functions
    if how == "stretch" or (same_basis(source, target) and here >= there):
        return np.eye(here, there) @ weights, max(0.0, 1 - here / there)
    nearest = min(shortest, source.cutoff / 2)
    distance = np.linspace(0, max(source.cutoff, target.cutoff), _POINTS + 1)[1:]
    seen = distance >= nearest
    counts = np.where(seen, 1.0, _BELOW)[:, None]
    known, basis = (
        _functions(distance, graph, count, with_envelope) for graph, count in ((source, there), (target, here))
    )
    matrix = np.linalg.lstsq(counts * basis, counts * known, rcond=_SMALLEST)[0]
    wanted, found = known[seen] @ weights, basis[seen] @ (matrix @ weights)
    size = np.mean(wanted**2)
    return matrix @ weights, float(np.sqrt(np.mean((found - wanted) ** 2) / size)) if size else 0.0


def _functions(distance: np.ndarray, graph: Graph, count: int, with_envelope: bool) -> np.ndarray:
    """(distances, functions) values, zero beyond the cutoff; a layer that reads fewer reads the first ones."""
    column = distance[:, None]
    values = np.asarray(BASES[graph.radial.basis](column, graph.cutoff, graph.radial.functions))[:, :count]
    if with_envelope and graph.envelope:
        values = values * np.asarray(polynomial_envelope(column, graph.cutoff, graph.envelope_order))
    return values * (column <= graph.cutoff)
