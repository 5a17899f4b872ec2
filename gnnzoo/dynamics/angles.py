"""Distributions of the angles between neighbours, next to those of the data: what radial distributions do not show."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.inspection.pair_sample import PairSample
from gnnzoo.data.inspection.rdf import RadialDistributions
from gnnzoo.dynamics.structure import largest_relative_difference
from gnnzoo.records import Record

_BINS = 60  # of 3 degrees
_FEWEST = 300  # angles that make a distribution


@dataclass(frozen=True)
class AngleDistributions(Record):
    """Distributions of the angles at an atom between two of its neighbours.

    Attributes:
        frames: number of frames sampled.
        angles: (bins,) middles of the bins, degrees.
        triplets: by names with the central atom in the middle, such as "H-O-H": (bins,) probability per degree.
    """

    frames: int
    angles: list[float]
    triplets: dict[str, list[float]]


def neighbor_distances(distributions: RadialDistributions) -> dict[str, float]:
    """How far neighbours are at most: to the end of the first shell between molecules, or of a bond without one.

    Args:
        distributions: of the data.

    Returns:
        Distances by pair of types, length unit; pairs without a shell are left out.
    """
    ends = {name: pair.first_shell or pair.bonded_until for name, pair in distributions.pairs.items()}
    return {name: end for name, end in ends.items() if end is not None}


def angle_distributions(pairs: Sequence[PairSample], distances: Mapping[str, float]) -> AngleDistributions:
    """Distributions of all angles between neighbours.

    Args:
        pairs: of each sampled frame, at least as far as the largest of the distances.
        distances: see `neighbor_distances`.

    Returns:
        The distributions of triplets with at least 300 angles.
    """
    edges = np.linspace(0, 180, _BINS + 1)
    counts: dict[str, np.ndarray] = {}
    for sampled in pairs:
        for name, angles in _angles(sampled, distances):
            counts[name] = counts.get(name, np.zeros(_BINS)) + np.histogram(angles, edges)[0]
    width = edges[1]
    return AngleDistributions(
        len(pairs),
        ((edges[1:] + edges[:-1]) / 2).tolist(),
        {name: (found / found.sum() / width).tolist() for name, found in counts.items() if found.sum() >= _FEWEST},
    )


def _angles(sampled: PairSample, distances: Mapping[str, float]) -> Iterator[tuple[str, np.ndarray]]:
    """Names of triplets, and the angles of one frame in degrees."""
    names = np.asarray(sampled.frame.names)
    kinds, index = np.unique(names, return_inverse=True)
    table = np.array([[distances.get(f"{a}-{b}", distances.get(f"{b}-{a}", 0.0)) for b in kinds] for a in kinds])
    near = sampled.distinct & (sampled.distances < table[index[sampled.receivers], index[sampled.senders]])
    centers, neighbors, ways = sampled.receivers[near], sampled.senders[near], sampled.directions[near]
    first, second = _two_of_each(centers)
    cosines = np.einsum("tc,tc->t", ways[first], ways[second])
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    ends = np.sort(np.stack([index[neighbors[first]], index[neighbors[second]]]), axis=0)
    triplets = np.stack([ends[0], index[centers[first]], ends[1]], axis=1)
    for kind in np.unique(triplets, axis=0):
        yield "-".join(kinds[kind].tolist()), angles[np.all(triplets == kind, axis=1)]


def _two_of_each(centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of entries with the same value in an ascending array: indices of their first and second one."""
    behind = np.searchsorted(centers, centers, side="right") - np.arange(len(centers)) - 1
    first = np.repeat(np.arange(len(centers)), behind)
    within = np.arange(len(first)) - np.repeat(np.cumsum(behind) - behind, behind)
    return first, first + 1 + within


def largest_angle_difference(one: AngleDistributions, other: AngleDistributions) -> float | None:
    """The largest difference of two sets of distributions.

    Args:
        one: of a run.
        other: the reference.

    Returns:
        Over all triplets of both, |p - p'| as a share of the highest peak of the reference's triplet, smoothed over
        three bins; None where they share no triplet.
    """
    return largest_relative_difference(one.triplets, other.triplets)
