"""Structure of many frames: averages over groups of frames whose pairs fit into memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.inspection.pair_sample import PairSample, sample_pairs
from gnnzoo.data.inspection.rdf import RadialDistributions, radial_distributions
from gnnzoo.dynamics.angles import AngleDistributions, angle_distributions, neighbor_distances
from gnnzoo.records import Record
from gnnzoo.sampling import ends_of_parts

_FRAMES = 100  # at most


@dataclass(frozen=True)
class Structure(Record):
    """Structure of some frames.

    Attributes:
        radial: radial distributions; their shells are those of the first group of frames.
        angles: of neighbours within `shells`.
        shells: how far neighbours are at most, length unit, by pair of types.
    """

    radial: RadialDistributions
    angles: AngleDistributions
    shells: dict[str, float]


def structure(
    dataset: Dataset, frames: Sequence[int], reach: float, shells: Mapping[str, float] | None = None
) -> Structure:
    """Average the structure of frames.

    Args:
        dataset: the data.
        frames: indices, of which at most 100 are taken, evenly.
        reach: largest distance, length unit.
        shells: how far neighbours are at most, see `neighbor_distances`; by default as these frames show it.

    Returns:
        The structure.
    """
    radial: list[RadialDistributions] = []
    angles: list[AngleDistributions] = []
    for pairs in _groups(dataset, frames, reach):
        radial.append(radial_distributions(pairs, dataset.type_names, reach))
        shells = neighbor_distances(radial[0]) if shells is None else shells
        angles.append(angle_distributions(pairs, shells))
    return Structure(_average_radial(radial), _average_angles(angles), dict(shells or {}))


def _groups(dataset: Dataset, frames: Sequence[int], reach: float) -> Iterator[list[PairSample]]:
    """Pairs of the frames, in groups of as many as `sample_pairs` takes at once."""
    order = np.array(frames)[ends_of_parts(len(frames), min(len(frames), _FRAMES))]
    first = sample_pairs(dataset, reach, frames=len(order), order=order)
    size, taken = len(first), [sampled.index for sampled in first]
    yield first
    del first
    others = np.setdiff1d(order, taken)
    for start in range(0, len(others), size):
        yield sample_pairs(dataset, reach, frames=size, order=others[start : start + size])


def _average_radial(parts: Sequence[RadialDistributions]) -> RadialDistributions:
    weights = [part.frames for part in parts]
    pairs = {
        name: replace(pair, g=_average([part.pairs[name].g for part in parts if name in part.pairs], weights))
        for name, pair in parts[0].pairs.items()
    }
    return RadialDistributions(sum(weights), parts[0].r, pairs)


def _average_angles(parts: Sequence[AngleDistributions]) -> AngleDistributions:
    weights = [part.frames for part in parts]
    common = set.intersection(*(set(part.triplets) for part in parts))
    triplets = {name: _average([part.triplets[name] for part in parts], weights) for name in sorted(common)}
    return AngleDistributions(sum(weights), parts[0].angles, triplets)


def _average(values: list[list[float]], weights: list[int]) -> list[float]:
    """Mean of arrays that groups of frames have, by their numbers of frames; equal where some have none."""
    fitting = weights if len(values) == len(weights) else None
    return np.average(values, axis=0, weights=fitting).tolist()
