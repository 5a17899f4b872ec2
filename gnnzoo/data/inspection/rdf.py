"""Radial distribution functions by pair of types, and the shells that can be told from them.

g(r) of types a and b is the density of b at a distance r of an a, over the mean density of b. Its minima are where one
shell of neighbours ends and the next begins: natural places for a cutoff.
"""

from collections.abc import Sequence

import numpy as np

from gnnzoo.data.inspection.pair_sample import PairSample, filled_volume, nearest_copy

BINS = 240
_SMOOTH = 2.0  # bins: width of the Gaussian by which g(r) is smoothed before its shells are looked for
_RISE = 0.06  # a maximum or minimum counts if g changes by so much beyond it ...
_NOISE = 4.0  # ... and by so many times its own noise
_PEAK = 1.15  # a first shell stands out so far at least
# A peak of so few neighbours, with nothing behind it, is a chemical bond; where ids of molecules tell bonds, this is
# not asked. A close packing has 12 neighbours, a simple cubic crystal 6.
_BONDS, _EMPTY = 4.5, 0.02


def radial_distributions(pairs: Sequence[PairSample], type_names: dict[int, str], reach: float | None = None) -> dict:
    """g(r) for each pair of types, over sampled frames.

    Args:
        pairs: of each sampled frame.
        type_names: name of each type; types of one name are taken together.
        reach: how far g(r) goes, length unit; by default as far as the pairs.

    Returns:
        `frames`; `r` (bins,), the middle of each bin, length unit; `pairs`: "O-H" -> `types`, the two
        names; `g` (bins,), all pairs;
        `shells`, distances of the minima of g between molecules, ascending, as far as they can be told; `first_shell`,
        the first of them or None; `peak`, distance of the first maximum between molecules or None; `neighbors`, how
        many of the second type are within the first shell of one of the first type, or None; `bonded_until`, where
        the bonds of a peak end that was taken for a bond, or None.
    """
    reach = pairs[0].cutoff if reach is None else reach
    edges = np.linspace(0, reach, BINS + 1)
    r, volumes = (edges[1:] + edges[:-1]) / 2, 4 / 3 * np.pi * np.diff(edges**3)
    names = list(dict.fromkeys(type_names.get(number, str(number)) for number in sorted(type_names)))
    every, outside, ideal, centres = _counts(pairs, names, edges)
    found = {}
    for a, first in enumerate(names):
        for b, second in enumerate(names[a:], start=a):
            if not ideal[a, b].any():
                continue
            expected = ideal[a, b] * volumes
            known = bool(np.any(every != outside))
            told = shells(r, outside[a, b], expected, centres[a], known)
            if told["first_shell"] is not None and centres[a]:
                told["neighbors"] = float(outside[a, b][r < told["first_shell"]].sum() / centres[a])
            found[f"{first}-{second}"] = {
                "types": [first, second],
                "g": (every[a, b] / expected).tolist(),
                "neighbors": None,
                **told,
            }
    return {"frames": len(pairs), "r": r.tolist(), "pairs": found}


def _counts(pairs: Sequence[PairSample], names: list[str], edges: np.ndarray):
    """Pairs by distance: all, those between molecules; pairs per volume if atoms were spread evenly; atoms counted.

    Shapes (names, names, bins) three times, (names,).
    """
    kinds, bins = len(names), len(edges) - 1
    every, outside = np.zeros((2, kinds, kinds, bins))
    ideal, centres = np.zeros((kinds, kinds, bins)), np.zeros(kinds)
    width = edges[1] - edges[0]
    for sampled in pairs:
        frame = sampled.frame
        kind = np.array([names.index(name) for name in np.unique(frame.names)], dtype=int)
        index = kind[np.unique(frame.names, return_inverse=True)[1]]
        place = np.minimum((sampled.distances / width).astype(np.int64), bins)  # the last one is thrown away
        flat = (index[sampled.receivers] * kinds + index[sampled.senders]) * (bins + 1) + place
        shape = (kinds, kinds, bins + 1)
        every += np.bincount(flat, minlength=np.prod(shape)).reshape(shape)[..., :bins]
        outside += np.bincount(flat[~sampled.inside], minlength=np.prod(shape)).reshape(shape)[..., :bins]
        of_centre = np.bincount(index[sampled.counted], minlength=kinds)
        of_all = np.bincount(index, minlength=kinds)
        # An atom is no neighbour of itself; beyond the cell its images are, and a lone one sees nothing else.
        images = (edges[1:] > nearest_copy(frame)) | (frame.pbc.any() & (of_all == 1))[:, None]
        others = of_all[None, :, None] - np.eye(kinds)[..., None] * ~images[:, None]
        ideal += of_centre[:, None, None] * others / filled_volume(frame)
        centres += of_centre
    return every, outside, ideal, centres


def shells(r: np.ndarray, counts: np.ndarray, expected: np.ndarray, centres: float, bonds_known: bool = True) -> dict:
    """Where the shells of one pair of types end.

    Args:
        r: (bins,) distances.
        counts: (bins,) pairs that were found.
        expected: (bins,) pairs if the atoms were spread evenly.
        centres: atoms around which they were counted.
        bonds_known: bonded pairs are left out of `counts`; else a peak of few neighbours with nothing behind it is
            taken for a bond and passed over.

    Returns:
        `shells`, `first_shell`, `peak`, `bonded_until`, as `radial_distributions` tells them.
    """
    none = {"shells": [], "first_shell": None, "peak": None, "bonded_until": None}
    if counts.sum() < 20:
        return none
    smooth = _smoothed(counts) / _smoothed(expected)
    # Smoothing averages over some 7 bins (2 sqrt(pi) times the width), whose counts fluctuate by their roots.
    effective = 2 * np.sqrt(np.pi) * _SMOOTH * np.maximum(_smoothed(counts), 1e-9)
    noise = smooth / np.sqrt(np.maximum(effective, 1.0))
    turns = _turning_points(smooth, np.maximum(_RISE, _NOISE * noise))
    peaks, minima = turns[::2], turns[1::2]
    bonded = None
    few = bool(minima) and counts[: minima[0]].sum() <= _BONDS * centres
    if not bonds_known and few and smooth[minima[0]] < _EMPTY:
        bonded = _middle(r, smooth, minima[0])
        peaks, minima = peaks[1:], minima[1:]
    if not peaks or smooth[peaks[0]] < _PEAK:
        return none | {"bonded_until": bonded}
    ends = [_middle(r, smooth, minimum) for minimum in minima]
    return {
        "shells": ends,
        "first_shell": ends[0] if ends else None,
        "peak": float(r[peaks[0]]),
        "bonded_until": bonded,
    }


def _smoothed(values: np.ndarray) -> np.ndarray:
    """A Gaussian average over neighbouring bins; the ends lean on themselves."""
    width = int(4 * _SMOOTH)
    kernel = np.exp(-0.5 * (np.arange(-width, width + 1) / _SMOOTH) ** 2)
    return np.convolve(np.pad(values, width, mode="edge"), kernel / kernel.sum(), mode="valid")


def _turning_points(values: np.ndarray, rise: np.ndarray) -> list[int]:
    """Maximum, minimum, maximum, ... of a curve that begins at 0, where it goes back by more than `rise` after each.

    The last one is given only if the curve turned after it, so that the end of the curve is never a minimum.
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
    """The middle of the flat ground around a minimum: in a crystal there is nothing between two shells."""
    level = values[minimum] + 0.01
    low = high = minimum
    while low > 0 and values[low - 1] <= level:
        low -= 1
    while high < len(values) - 1 and values[high + 1] <= level:
        high += 1
    return float((r[low] + r[high]) / 2)
