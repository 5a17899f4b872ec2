"""How large an error of the forces the printed digits alone make: no model trained on them can be better.

A dump prints positions to so many digits. The forces were computed before that rounding, so that forces and printed
positions no longer fit: along a bond of stiffness k, a distance that is off by d is a force that is off by k d.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from gnnzoo.data.frames import Dataset, Frame
from gnnzoo.data.inspection.pair_sample import PairSample
from gnnzoo.data.split.run_sample import nearest_image

# What lifts the floor; ID stands for that of the user's own dump command.
MORE_DIGITS = "dump_modify ID format float %.9g"
_LEAST_SAMPLES = 12
_CERTAIN = 5.0  # a slope counts if it is so many times its own standard error
_OUTLIER = 4.0
SCALED = {"xs", "xsu"}  # columns of shares of the cell
_FIXED_DECIMALS = range(9)


def stiffest_bond(dataset: Dataset, pairs: Sequence[PairSample]) -> dict | None:
    """The pair of types whose nearest neighbours push back hardest when their distance changes.

    For each atom and each type its nearest neighbour of that type is looked at: how the atom's force along the line
    between them changes with their distance, by least squares without outliers. Changes are taken from each sampled
    frame to the next one of the dataset, because the rest of the world hardly changes meanwhile; where there is no next
    one, or nothing can be told that way, from one pair to another.

    Args:
        dataset: of which `pairs` is a sample.
        pairs: of each sampled frame.

    Returns:
        `pair`, such as "O-H"; `distance`, mean, length unit; `stiffness`, force unit per length unit; `error`, its
        standard error; `samples`. None where no slope is certain: too few pairs, or rigid bonds.
    """
    still, moved = _Samples(), _Samples()
    for sampled in pairs:
        nearest = _nearest(sampled)
        along = _along(sampled.frame.forces, sampled.receivers[nearest], sampled.directions[nearest])
        still.add(sampled, nearest, sampled.distances[nearest], along)
        following = _following(dataset, sampled)
        if following is not None:
            later, forces = _followed(sampled, nearest, following)
            change = np.linalg.norm(later, axis=1) - sampled.distances[nearest]
            with np.errstate(invalid="ignore", divide="ignore"):  # atoms gone, or on top of one another
                directions = later / np.linalg.norm(later, axis=1, keepdims=True)
            moved.add(sampled, nearest, change, np.einsum("pc,pc->p", forces, directions) - along)
    return moved.stiffest() or still.stiffest()


class _Samples:
    """Distances, or their changes, and forces along them, by the two types."""

    def __init__(self):
        self._parts: dict[tuple[str, str], list[np.ndarray]] = {}

    def add(self, sampled: PairSample, nearest: np.ndarray, distances: np.ndarray, along: np.ndarray) -> None:
        kinds, kind = np.unique(sampled.frame.names, return_inverse=True)
        first, second = kind[sampled.receivers[nearest]], kind[sampled.senders[nearest]]
        for a, b in np.unique(np.stack([first, second], axis=1), axis=0):
            mine = (first == a) & (second == b) & np.isfinite(along) & np.isfinite(distances)
            part = np.stack([sampled.distances[nearest][mine], distances[mine], along[mine]])
            self._parts.setdefault((str(kinds[a]), str(kinds[b])), []).append(part)

    def stiffest(self) -> dict | None:
        measured: dict[tuple[str, ...], dict] = {}
        for (first, second), parts in self._parts.items():
            found = _slope(*np.concatenate(parts, axis=1))
            if found is None:
                continue
            pair = tuple(sorted((first, second)))
            known = measured.get(pair)
            # Of the two ends of a bond, the one with fewer other bonds tells its stiffness better.
            if known is None or found["error"] / found["stiffness"] < known["error"] / known["stiffness"]:
                measured[pair] = {"pair": f"{second}-{first}", **found}
        return max(measured.values(), key=lambda found: found["stiffness"], default=None)


def _nearest(sampled: PairSample) -> np.ndarray:
    """Indices of the pairs of each atom with its nearest neighbour of each type."""
    kinds, kind = np.unique(sampled.frame.types, return_inverse=True)
    distinct = np.flatnonzero((sampled.receivers != sampled.senders) & (sampled.distances > 0))
    key = sampled.receivers[distinct].astype(np.int64) * len(kinds) + kind[sampled.senders[distinct]]
    order = np.lexsort((sampled.distances[distinct], key))
    return distinct[order[np.unique(key[order], return_index=True)[1]]]


def _along(forces: np.ndarray, receivers: np.ndarray, directions: np.ndarray) -> np.ndarray:
    return np.einsum("pc,pc->p", forces[receivers], directions)


def _following(dataset: Dataset, sampled: PairSample) -> Frame | None:
    """The frame after a sampled one, or before it; None where it is of another run, or far away in time."""
    steps, segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
    # Dumps of one run may leave out a stretch between them, in which everything moves.
    far = 2 * np.median(np.diff(steps)[np.diff(segments) == 0]) if len(np.unique(segments)) < len(segments) else 0
    for index in (sampled.index + 1, sampled.index - 1):
        alike = 0 <= index < len(dataset) and segments[index] == segments[sampled.index]
        if alike and abs(steps[index] - steps[sampled.index]) <= far:
            return dataset[index]
    return None


def _followed(sampled: PairSample, nearest: np.ndarray, other: Frame) -> tuple[np.ndarray, np.ndarray]:
    """(pairs, 3) vectors of the same pairs in another frame, and the forces on their receivers; NaN where gone."""
    frame = sampled.frame
    rows = np.clip(np.searchsorted(other.ids, frame.ids), 0, len(other) - 1)
    gone = other.ids[rows] != frame.ids
    moved = nearest_image(other.positions[rows] - frame.positions, other)
    moved[gone] = np.nan
    receivers, senders = sampled.receivers[nearest], sampled.senders[nearest]
    before = sampled.directions[nearest] * sampled.distances[nearest, None]
    return before + moved[senders] - moved[receivers], other.forces[rows[receivers]]


def _slope(lengths: np.ndarray, distances: np.ndarray, along: np.ndarray) -> dict | None:
    """Slope of the force against the distance or its change; None where it is not certain that it is positive."""
    if len(lengths) < _LEAST_SAMPLES:
        return None
    kept = lengths <= 1.25 * np.median(lengths)  # an atom on its own has a nearest neighbour too
    for _ in range(3):
        d, f = distances[kept], along[kept]
        if len(d) < _LEAST_SAMPLES or np.ptp(d) <= 1e-6 * np.median(lengths):
            return None
        away = d - d.mean()
        slope = float(away @ f / (away @ away))
        residual = f - f.mean() - slope * away
        spread = float(np.sqrt(residual @ residual / (len(d) - 2)))
        error = spread / float(np.sqrt(away @ away))
        outlying = np.abs(along - f.mean() - slope * (distances - d.mean())) > _OUTLIER * max(spread, 1e-300)
        length = float(lengths[kept].mean())
        kept = kept & ~outlying
    if slope <= 0 or slope < _CERTAIN * error:
        return None
    return {"distance": length, "stiffness": slope, "error": error, "samples": len(d)}


def printed_steps(values: np.ndarray, digits: int) -> np.ndarray:
    """Size of the last printed digit of each number, of the same shape.

    Args:
        values: any shape, as printed.
        digits: significant digits of the format; where all numbers end at one decimal, as %.3f prints them, it is that
            decimal.
    """
    sizes = np.abs(values)
    with np.errstate(divide="ignore"):  # 0 has no digit
        steps = 10.0 ** (np.floor(np.log10(sizes)) + 1 - digits)
    for decimals in _FIXED_DECIMALS:
        if all(_end_at(part, decimals) for part in (sizes.ravel()[:100], sizes)):
            return np.maximum(steps, 10.0**-decimals)
    return steps


def _end_at(sizes: np.ndarray, decimals: int) -> bool:
    scaled = sizes * 10.0**decimals
    return bool(np.all(np.abs(scaled - np.round(scaled)) < 1e-9 * np.maximum(scaled, 1)))


def rounding(values: np.ndarray, digits: int) -> float:
    """Root mean square of the error that printing made of these numbers, 0 apart; see `printed_steps`.

    An error even over a last digit of size s has the root mean square s / sqrt(12).
    """
    printed = values[values != 0]
    return _root_mean_square(printed_steps(printed, digits)) / 12**0.5 if len(printed) else 0.0


def force_rounding_error(
    pairs: Sequence[PairSample], provenance: Mapping, mean_norm: float, bond: dict | None = None
) -> dict:
    """The error of forces that rounding alone makes.

    Args:
        pairs: of each sampled frame.
        provenance: of the dataset; `digits` and `columns` are used.
        mean_norm: mean |F|, force unit.
        bond: what `stiffest_bond` found.

    Returns:
        `stiffest_bond`, the bond or None; `frames` sampled; where digits are known also `positions_rounding` (length
        unit) and `forces_rounding` (force unit), root mean squares of a component's error. `floor` is the root mean
        square error of the force along the stiffest bond, from the rounding of both its ends, force unit, or None;
        `share` that of mean |F|; `forces_share`, of the forces' own rounding, all three components together; `cure`.
    """
    told: dict = {"frames": len(pairs), "stiffest_bond": bond, "floor": None, "share": None, "cure": MORE_DIGITS}
    digits = provenance.get("digits")
    if not digits:
        return told | {"positions_rounding": None, "forces_rounding": None, "forces_share": None}
    scaled = bool(SCALED & set(provenance.get("columns", ())))
    positions = _root_mean_square([_positions_rounding(sampled, digits["positions"], scaled) for sampled in pairs])
    forces = _root_mean_square([rounding(sampled.frame.forces, digits["forces"]) for sampled in pairs])
    told |= {
        "positions_rounding": positions,
        "forces_rounding": forces,
        "forces_share": forces * 3**0.5 / mean_norm if mean_norm > 0 else None,
    }
    if bond is not None:
        told["floor"] = bond["stiffness"] * positions * 2**0.5
        told["share"] = told["floor"] / mean_norm if mean_norm > 0 else None
    return told


def _positions_rounding(sampled: PairSample, digits: int, scaled: bool) -> float:
    frame = sampled.frame
    if not scaled:
        return rounding(frame.positions, digits)
    share = (frame.positions - frame.origin) @ np.linalg.inv(frame.cell)
    steps = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(share), 1e-12))) + 1 - digits)
    # An error of each scaled coordinate moves the atom along that lattice vector.
    return float(np.sqrt(np.mean((steps**2) @ (frame.cell**2)) / 12))


def _root_mean_square(values: Sequence[float] | np.ndarray) -> float:
    largest = float(np.max(values))  # the square of a very large one is more than a float holds
    return largest * float(np.sqrt(np.mean(np.square(np.asarray(values) / largest)))) if largest > 0 else 0.0
