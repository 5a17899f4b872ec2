"""Shapes of batches: a few to which all batches of a training or an evaluation are padded.

XLA compiles a program for each shape, which takes seconds; padding costs time in each step. Where all frames have one
size, one shape does for all. Where sizes differ, a few shapes of several sizes leave little padding.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gnnzoo.data.graphs.graph import Graph
from gnnzoo.data.graphs.wave_vectors import waves_of

_MOST = 4  # shapes of one fit: a compilation of a conservative model takes as long as hundreds of steps
_WORTH = 0.05  # share of the time that another shape must save: of a training of minutes, what it takes to compile
_GROUPS = 64  # batches of nearly equal cost are grouped before shapes are chosen
_WASTE = 1.5  # a batch that needs so many times less than a shape gets another where there is a choice
_WAVE_STEP = 64
_ATOM_STEPS = 16  # atoms are rounded up to a sixteenth of the power of two below
# Work of an atom that is proportional to no number of edges, in slots: a few matrix products of its features.
_ATOM_WORK = 16


class BatchShape(NamedTuple):
    """Sizes of a batch.

    Attributes:
        atoms, edges: rows.
        slots: edges of an atom, at most.
        waves: rows of wave vectors.
    """

    atoms: int
    edges: int
    slots: int
    waves: int = 0

    @property
    def cost(self) -> int:
        """Time of a step, in arbitrary units: sums over neighbours run over slots."""
        return self.atoms * (self.slots + _ATOM_WORK)

    def covers(self, other: "BatchShape") -> bool:
        """Whether a batch of the `other` shape can be padded to this one."""
        return all(own >= needed for own, needed in zip(self, other, strict=True))


def padded_size(count: int, least: int = 256) -> int:
    """Round a number of rows up to the next multiple of 1/16 of the power of two below it, or of `least`.

    This gives few shapes to compile for any data, with three per cent of padding on average.

    Args:
        count: rows.
        least: smallest step.

    Returns:
        Padded number of rows.
    """
    step = max(least, 1 << max(0, count.bit_length() - 1 - 4))
    return max(1, -(-count // step)) * step


def slot_count(largest: int) -> int:
    """Number of slots for atoms of at most `largest` edges.

    Args:
        largest: most edges of an atom.

    Returns:
        A multiple of 8, of 16 from 64 on.
    """
    step = 8 if largest <= 64 else 16
    return max(1, -(-largest // step)) * step


def waves_of_graph(graph: Graph, largest: float) -> tuple[np.ndarray, float]:
    """Wave vectors of the cell of a graph.

    Args:
        graph: of a frame.
        largest: wave number, inverse length unit.

    Returns:
        See `wave_vectors.waves_of`.
    """
    assert graph.cell is not None and graph.pbc is not None, "graphs of frames have a cell"
    return waves_of(graph.cell, graph.pbc, largest)


def graph_shape(graph: Graph, largest_wave: float = 0.0) -> BatchShape:
    """Sizes of one graph, not rounded.

    Args:
        graph: any graph; with a cell where there are waves.
        largest_wave: largest wave number that the model reads, inverse length unit; 0 for none.

    Returns:
        Its atoms, edges, the edges of the atom that has most, and its wave vectors.
    """
    counts = np.bincount(graph.receivers, minlength=1)
    waves = 0
    if largest_wave:
        waves = len(waves_of_graph(graph, largest_wave)[0])
    return BatchShape(len(graph.species), len(graph.senders), int(counts.max(initial=0)), waves)


def joint_shape(shapes: Iterable[BatchShape]) -> BatchShape:
    """Shape of a batch of several graphs, without padding of atoms.

    Args:
        shapes: of the graphs, see `graph_shape`.

    Returns:
        All their atoms; edges, slots and waves rounded up, with at least one edge of padding for empty slots.
    """
    atoms, edges, slots, waves = zip(*shapes, strict=True)
    of_waves = padded_size(sum(waves), least=_WAVE_STEP) if any(waves) else 0
    return BatchShape(sum(atoms), padded_size(sum(edges) + 1), slot_count(max(slots)), of_waves)


def choose_shapes(needed: list[BatchShape]) -> list[BatchShape]:
    """Choose a few shapes for many batches, with the least time for the sum of all.

    Batches are sorted, by cost or by one of their sizes, and cut into at most `_MOST` runs; the shape of a run covers
    each of its batches. Another run is made only if it saves a share `_WORTH` of the time.

    Args:
        needed: at least one; see `joint_shape`.

    Returns:
        The shapes, from cheap to expensive.
    """
    if len({shape.atoms for shape in needed}) > 1:
        needed = [shape._replace(atoms=padded_size(shape.atoms, _ATOM_STEPS)) for shape in needed]
    keys: list[Callable[[BatchShape], int]] = [lambda s: s.cost, lambda s: s.atoms, lambda s: s.slots]
    _, found = min((_runs(sorted(needed, key=lambda s: (key(s), s))) for key in keys), key=lambda choice: choice[0])
    return sorted(dict.fromkeys(found), key=lambda shape: shape.cost)


def _runs(ordered: list[BatchShape]) -> tuple[float, list[BatchShape]]:
    """Time of all batches, and the shapes of the runs into which they are cut, by dynamic programming."""
    groups = np.array_split(np.array(ordered), min(_GROUPS, len(ordered)))
    tops, weights = [group.max(axis=0) for group in groups], np.cumsum([0, *map(len, groups)])
    count = len(groups)
    cost = np.full((count + 1, count + 1), np.inf)  # of a run from group i to before group j
    for i in range(count):
        covering = np.maximum.accumulate(tops[i:], axis=0)
        cost[i, i + 1 :] = [BatchShape(*top).cost for top in covering.tolist()] * (weights[i + 1 :] - weights[i])
    best, cuts = cost[0].copy(), [[0, j] for j in range(count + 1)]
    total, chosen = best[count], cuts[count]
    for _ in range(_MOST - 1):
        sums = best[:, None] + cost  # the last run begins at i and ends before j
        before = np.argmin(sums, axis=0)
        best, cuts = sums[before, np.arange(count + 1)], [[*cuts[i], j] for j, i in enumerate(before.tolist())]
        if not best[count] < (1 - _WORTH) * total:
            break
        total, chosen = best[count], cuts[count]
    return float(total), [BatchShape(*np.max(tops[i:j], axis=0).tolist()) for i, j in pairwise(chosen)]


def padded_shape(needed: BatchShape, shapes: list[BatchShape]) -> BatchShape:
    """Choose the shape of one batch.

    Args:
        needed: by the batch alone, see `joint_shape`.
        shapes: of `choose_shapes`.

    Returns:
        The cheapest of `shapes` that covers it, or where none does `needed` with rounded atoms.
    """
    covering = [shape for shape in shapes if shape.covers(needed)]
    if not covering:
        return needed._replace(atoms=padded_size(needed.atoms, _ATOM_STEPS))
    return min(covering, key=lambda shape: shape.cost)


def well_covered(needed: BatchShape, shapes: list[BatchShape]) -> bool:
    """Whether one of the shapes covers a batch without much padding.

    Args:
        needed: by the batch alone, see `joint_shape`.
        shapes: any.

    Returns:
        Whether one costs at most `_WASTE` times as much as the batch.
    """
    return any(shape.covers(needed) and shape.cost <= _WASTE * needed.cost for shape in shapes)
