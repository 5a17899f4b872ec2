"""Radial distribution functions by pair of types, and the shells of neighbours in them.

g(r) of types a and b is the density of b at a distance r from an a, over the mean density of b. Its minima are where
one shell of neighbours ends and the next begins: natural values of a cutoff.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gnnzoo.data.frames.geometry import filled_volume, image_distance
from gnnzoo.data.inspection.pair_sample import PairSample
from gnnzoo.records import Record

BINS = 240  # for three shells of a liquid: some 25 bins each peak, 0.03 A wide in argon
_SMOOTH = 2.0  # bins: width of the Gaussian by which g(r) is smoothed before its shells are looked for
# A maximum or minimum counts if g changes beyond it by 0.06, half the height of the third shell of a simple liquid, and
# by four times its own noise, so that an ideal gas has no shells.
_RISE, _NOISE = 0.06, 4.0
_PEAK = 1.15  # least height of a first shell: simple liquids have 2 to 3, hydrogens of water 1.2
_FEWEST = 20  # pairs that make a distribution
# A peak of fewer neighbours than this, with nothing behind it, is a chemical bond (carbon has 4, a simple cubic crystal
# 6 neighbours); not needed where molecule ids mark bonds.
_BONDS, _EMPTY = 4.5, 0.02
_FLAT = 0.01  # the ground around a minimum, in which it is centred


@dataclass(frozen=True)
class Shells(Record):
    """Shells of neighbours of one pair of types.

    Attributes:
        shells: ends of the shells, the minima of g between molecules, ascending, as far as they are significant.
        first_shell: the first of them, or None.
        peak: distance of the first maximum between molecules, or None.
        bonded_until: end of a first peak that was taken for a chemical bond, or None.
    """

    shells: list[float] = field(default_factory=list)
    first_shell: float | None = None
    peak: float | None = None
    bonded_until: float | None = None


@dataclass(frozen=True)
class PairDistribution(Record):
    """Radial distribution of one pair of types.

    Attributes:
        types: the two names.
        g: (bins,) of all pairs.
        neighbors: mean number of the second type within the first shell of one of the first type, or None.
        shells, first_shell, peak, bonded_until: see `Shells`.
    """

    types: list[str]
    g: list[float]
    neighbors: float | None
    shells: list[float]
    first_shell: float | None
    peak: float | None
    bonded_until: float | None


@dataclass(frozen=True)
class RadialDistributions(Record):
    """Radial distributions of all pairs of types.

    Attributes:
        frames: number of frames sampled.
        r: (bins,) middles of the bins, length unit.
        pairs: by names of the types, such as "O-H".
    """

    frames: int
    r: list[float]
    pairs: dict[str, PairDistribution]


def radial_distributions(
    pairs: Sequence[PairSample], type_names: dict[int, str], reach: float | None = None
) -> RadialDistributions:
    """Compute g(r) for each pair of types over sampled frames, and find its shells.

    Args:
        pairs: of each sampled frame.
        type_names: name of each type; types of one name are taken together.
        reach: largest r, length unit; by default the cutoff of the pairs.

    Returns:
        The distributions of the pairs of types that occur.
    """
    edges = np.linspace(0, pairs[0].cutoff if reach is None else reach, BINS + 1)
    r, volumes = (edges[1:] + edges[:-1]) / 2, 4 / 3 * np.pi * np.diff(edges**3)
    names = list(dict.fromkeys(type_names.get(number, str(number)) for number in sorted(type_names)))
    counts, outside, ideal, centers = _counts(pairs, names, edges)
    bonds_known = bool(np.any(counts != outside))
    found = {}
    for a, first in enumerate(names):
        for b, second in enumerate(names[a:], start=a):
            if not ideal[a, b].any():
                continue
            expected = ideal[a, b] * volumes
            shells = find_shells(r, outside[a, b], expected, centers[a], bonds_known)
            neighbors = None
            if shells.first_shell is not None and centers[a]:
                neighbors = float(outside[a, b][r < shells.first_shell].sum() / centers[a])
            found[f"{first}-{second}"] = PairDistribution(
                [first, second], (counts[a, b] / expected).tolist(), neighbors, **vars(shells)
            )
    return RadialDistributions(len(pairs), r.tolist(), found)


def _counts(
    pairs: Sequence[PairSample], names: list[str], edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs by distance, those between molecules, pairs per volume of an ideal gas: (names, names, bins); (names,)
    atoms around which they were counted."""
    kinds, bins = len(names), len(edges) - 1
    shape = (kinds, kinds, bins + 1)
    counts, outside, ideal = np.zeros((3, kinds, kinds, bins))
    centers = np.zeros(kinds)
    for sampled in pairs:
        frame = sampled.frame
        present, inverse = np.unique(frame.names, return_inverse=True)
        index = np.array([names.index(name) for name in present], dtype=int)[inverse]
        place = np.minimum((sampled.distances / edges[1]).astype(np.int64), bins)  # the last one is thrown away
        flat = (index[sampled.receivers] * kinds + index[sampled.senders]) * (bins + 1) + place
        counts += np.bincount(flat, minlength=np.prod(shape)).reshape(shape)[..., :bins]
        outside += np.bincount(flat[~sampled.inside], minlength=np.prod(shape)).reshape(shape)[..., :bins]
        of_center = np.bincount(index[sampled.counted], minlength=kinds)
        of_all = np.bincount(index, minlength=kinds)
        # An atom is no neighbour of itself; beyond the cell its images are, and a single atom has no others.
        images = (edges[1:] > image_distance(frame)) | (frame.pbc.any() & (of_all == 1))[:, None]
        others = of_all[None, :, None] - np.eye(kinds)[..., None] * ~images[:, None]
        ideal += of_center[:, None, None] * others / filled_volume(frame)
        centers += of_center
    return counts, outside, ideal, centers


def find_shells(
    r: np.ndarray, counts: np.ndarray, expected: np.ndarray, centers: float, bonds_known: bool = True
) -> Shells:
    """Find where the shells of one pair of types end.

    Args:
        r: (bins,) distances, length unit.
        counts: (bins,) pairs that were found.
        expected: (bins,) pairs of an ideal gas.
        centers: number of atoms around which they were counted.
        bonds_known: bonded pairs are left out of `counts`; otherwise a peak of few neighbours with nothing behind it is
            taken for a bond and skipped.

    Returns:
        The shells that are significant.
    """
    if counts.sum() < _FEWEST:
        return Shells()
    smooth = _smoothed(counts) / _smoothed(expected)
    # Smoothing averages over 2 sqrt(pi) times its width, some 7 bins, whose counts fluctuate by their square roots.
    effective = 2 * np.sqrt(np.pi) * _SMOOTH * np.maximum(_smoothed(counts), 1e-9)
    noise = smooth / np.sqrt(np.maximum(effective, 1.0))
    turns = _turning_points(smooth, np.maximum(_RISE, _NOISE * noise))
    peaks, minima = turns[::2], turns[1::2]
    found = Shells()
    few = bool(minima) and counts[: minima[0]].sum() <= _BONDS * centers
    if not bonds_known and few and smooth[minima[0]] < _EMPTY:
        found = Shells(bonded_until=_middle(r, smooth, minima[0]))
        peaks, minima = peaks[1:], minima[1:]
    if not peaks or smooth[peaks[0]] < _PEAK:
        return found
    ends = [_middle(r, smooth, minimum) for minimum in minima]
    return replace(found, shells=ends, first_shell=ends[0] if ends else None, peak=float(r[peaks[0]]))


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Gaussian average over neighbouring bins, the end values continued.

    As `scipy.ndimage.gaussian_filter1d`, without its import, which takes longer than reading a small dump.
    """
    width = int(4 * _SMOOTH)
    kernel = np.exp(-0.5 * (np.arange(-width, width + 1) / _SMOOTH) ** 2)
    return np.convolve(np.pad(values, width, mode="edge"), kernel / kernel.sum(), mode="valid")


def _turning_points(values: np.ndarray, rise: np.ndarray) -> list[int]:
    """Maximum, minimum, maximum, ... of a curve from 0, where it turns back by more than `rise` after each.

    The last one counts only if the curve turned after it, so that the end of the curve is never a minimum. Unlike
    `scipy.signal.find_peaks`, whose prominences are compared with a threshold at the peak, it takes the noise at both
    ends of a rise into account.
    """
    turns, upward, best = [], True, 0
    for place in range(1, len(values)):
        if (values[place] > values[best]) == upward and values[place] != values[best]:
            best = place
        elif abs(values[best] - values[place]) > max(rise[best], rise[place]):
            turns.append(best)
            upward, best = not upward, place
    return turns


def _middle(r: np.ndarray, values: np.ndarray, minimum: int) -> float:
    """Middle of the flat ground around a minimum: between two shells of a crystal there is nothing."""
    higher = np.flatnonzero(~(values <= values[minimum] + _FLAT))
    low = higher[higher < minimum].max(initial=-1) + 1
    high = higher[higher > minimum].min(initial=len(values)) - 1
    return float((r[low] + r[high]) / 2)
