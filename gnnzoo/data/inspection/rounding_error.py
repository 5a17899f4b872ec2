"""Error of the forces from the digits printed: no model trained on them can be more accurate.

A dump prints positions with limited digits. Forces were computed before that rounding, so that forces and printed
positions no longer match: along a bond of stiffness k, a distance that is off by d is a force that is off by k d.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.geometry import nearest_image, scaled_positions
from gnnzoo.data.inspection.pair_sample import PairSample
from gnnzoo.data.lammps.printed_digits import SCALED, rms_rounding, root_mean_square
from gnnzoo.records import Record

# The command that reduces the error; ID stands for that of the user's own dump command.
MORE_DIGITS = "dump_modify ID format float %.9g"
_LEAST_SAMPLES = 12  # ten degrees of freedom of the residuals
_CERTAIN = 5.0  # a slope counts if it is so many times its standard error: p < 1e-3 with ten degrees of freedom
_OUTLIER = 4.0  # residual spreads; of normal residuals one in 16,000 is beyond
_NEAR = 1.25  # times the median distance: an atom without a bond has a nearest neighbour too
_ROUNDS = 3  # of leaving out outliers: two settle it


@dataclass(frozen=True)
class Bond(Record):
    """Pair of types whose nearest neighbours respond most to a change of their distance.

    Attributes:
        pair: names of the types, such as "O-H".
        distance: mean, length unit.
        stiffness: change of the force with the distance, force unit per length unit.
        error: standard error of the stiffness.
        samples: number of pairs it was measured from.
    """

    pair: str
    distance: float
    stiffness: float
    error: float
    samples: int


@dataclass(frozen=True)
class RoundingError(Record):
    """Error of the forces from the digits printed.

    Attributes:
        frames: number of frames sampled.
        stiffest_bond: the bond, or None.
        floor: root mean square error of the force along it, from rounding both its ends, force unit; None if unknown.
        share: `floor` over mean |F|.
        cure: LAMMPS command that prints more digits.
        positions_rounding, forces_rounding: root mean square error of a component, length and force unit; None where
            the digits are unknown.
        forces_share: error of the forces' own digits, three components together, over mean |F|.
    """

    frames: int
    stiffest_bond: Bond | None
    floor: float | None
    share: float | None
    cure: str
    positions_rounding: float | None
    forces_rounding: float | None
    forces_share: float | None

    @property
    def largest_share(self) -> float:
        """The larger of the two errors over mean |F|; 0 where unknown."""
        return max(self.share or 0.0, self.forces_share or 0.0)


def stiffest_bond(dataset: Dataset, pairs: Sequence[PairSample]) -> Bond | None:
    """Find the pair of types with the stiffest bond.

    For each atom and each type, its nearest neighbour of that type is examined: how the atom's force along the line
    between them changes with their distance, by least squares without outliers. Changes are taken from each sampled
    frame to the next one of the dataset, because the surroundings hardly change meanwhile; without a next one, or where
    that gives nothing, from one pair to another.

    Args:
        dataset: of which `pairs` is a sample.
        pairs: of each sampled frame.

    Returns:
        None where no stiffness is certain: too few pairs, or rigid bonds.
    """
    still, moved = _Samples(), _Samples()
    for sampled in pairs:
        nearest = _nearest(sampled)
        receivers, directions = sampled.receivers[nearest], sampled.directions[nearest]
        along = np.einsum("pc,pc->p", sampled.frame.forces[receivers], directions)
        still.add(sampled, nearest, sampled.distances[nearest], along)
        following = _following(dataset, sampled)
        if following is not None:
            later, forces = _followed(sampled, nearest, following)
            lengths = np.linalg.norm(later, axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):  # atoms that left, or that coincide
                later = later / lengths[:, None]
            moved.add(
                sampled, nearest, lengths - sampled.distances[nearest], np.einsum("pc,pc->p", forces, later) - along
            )
    return moved.stiffest() or still.stiffest()


class _Samples:
    """Distances, or their changes, and forces along them, by the two types."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], list[np.ndarray]] = {}

    def add(self, sampled: PairSample, nearest: np.ndarray, distances: np.ndarray, along: np.ndarray) -> None:
        kinds, kind = np.unique(sampled.frame.names, return_inverse=True)
        first, second = kind[sampled.receivers[nearest]], kind[sampled.senders[nearest]]
        for a, b in np.unique(np.stack([first, second], axis=1), axis=0):
            mine = (first == a) & (second == b) & np.isfinite(along) & np.isfinite(distances)
            part = np.stack([sampled.distances[nearest][mine], distances[mine], along[mine]])
            self._parts.setdefault((str(kinds[a]), str(kinds[b])), []).append(part)

    def stiffest(self) -> Bond | None:
        measured: dict[tuple[str, ...], Bond] = {}
        for (first, second), parts in self._parts.items():
            bond = _stiffness(f"{second}-{first}", *np.concatenate(parts, axis=1))
            pair = tuple(sorted((first, second)))
            known = measured.get(pair)
            # The end of a bond with fewer other bonds gives its stiffness with a smaller error.
            if bond and (known is None or bond.error / bond.stiffness < known.error / known.stiffness):
                measured[pair] = bond
        return max(measured.values(), key=lambda bond: bond.stiffness, default=None)


def _nearest(sampled: PairSample) -> np.ndarray:
    """Indices of the pairs of each atom with its nearest neighbour of each type."""
    kinds, kind = np.unique(sampled.frame.types, return_inverse=True)
    distinct = np.flatnonzero(sampled.distinct)
    key = sampled.receivers[distinct].astype(np.int64) * len(kinds) + kind[sampled.senders[distinct]]
    order = np.lexsort((sampled.distances[distinct], key))
    return distinct[order[np.unique(key[order], return_index=True)[1]]]


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
    """(pairs, 3) vectors of the same pairs in another frame, and forces on their receivers; NaN where an atom left."""
    frame = sampled.frame
    rows = np.clip(np.searchsorted(other.ids, frame.ids), 0, len(other) - 1)
    moved = nearest_image(other.positions[rows] - frame.positions, other)
    moved[(other.ids[rows] != frame.ids) | (other.types[rows] != frame.types)] = np.nan
    receivers, senders = sampled.receivers[nearest], sampled.senders[nearest]
    before = sampled.directions[nearest] * sampled.distances[nearest, None]
    return before + moved[senders] - moved[receivers], other.forces[rows[receivers]]


def _stiffness(pair: str, lengths: np.ndarray, distances: np.ndarray, along: np.ndarray) -> Bond | None:
    """Slope of the force against the distance or its change; None where it is not certainly positive."""
    if len(lengths) < _LEAST_SAMPLES:
        return None
    kept = lengths <= _NEAR * np.median(lengths)
    for _ in range(_ROUNDS):
        d, f = distances[kept], along[kept]
        if len(d) < _LEAST_SAMPLES or np.ptp(d) <= 1e-6 * np.median(lengths):
            return None
        away = d - d.mean()
        slope = float(away @ f / (away @ away))
        residual = f - f.mean() - slope * away
        spread = float(np.sqrt(residual @ residual / (len(d) - 2)))
        error = spread / float(np.sqrt(away @ away))
        bond = Bond(pair, float(lengths[kept].mean()), slope, error, len(d))
        outlying = np.abs(along - f.mean() - slope * (distances - d.mean())) > _OUTLIER * max(spread, 1e-300)
        kept = kept & ~outlying
    return bond if bond.stiffness > 0 and bond.stiffness >= _CERTAIN * bond.error else None


def force_rounding_error(
    pairs: Sequence[PairSample], provenance: Mapping, mean_norm: float, bond: Bond | None = None
) -> RoundingError:
    """Estimate the error of forces that printing alone makes.

    Args:
        pairs: of each sampled frame.
        provenance: of the dataset; `digits` and `columns` are used.
        mean_norm: mean |F|, force unit.
        bond: the `stiffest_bond`.

    Returns:
        The errors, as far as the digits are known.
    """
    digits = provenance.get("digits")
    positions = forces = floor = None
    if digits:
        scaled = bool(SCALED & set(provenance.get("columns", ())))
        positions = root_mean_square([_positions_rounding(p.frame, digits["positions"], scaled) for p in pairs])
        forces = root_mean_square([rms_rounding(p.frame.forces, digits["forces"]) for p in pairs])
        floor = bond.stiffness * positions * 2**0.5 if bond is not None else None
    return RoundingError(
        frames=len(pairs),
        stiffest_bond=bond,
        floor=floor,
        share=floor / mean_norm if floor is not None and mean_norm > 0 else None,
        cure=MORE_DIGITS,
        positions_rounding=positions,
        forces_rounding=forces,
        forces_share=forces * 3**0.5 / mean_norm if forces is not None and mean_norm > 0 else None,
    )


def _positions_rounding(frame: Frame, digits: int, scaled: bool) -> float:
    """Root mean square error of a component of the positions, length unit."""
    if not scaled:
        return rms_rounding(frame.positions, digits)
    coordinates = scaled_positions(frame)
    steps = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(coordinates), 1e-12))) + 1 - digits)
    # An error of each scaled coordinate moves the atom along that lattice vector.
    return float(np.sqrt(np.mean((steps**2) @ (frame.cell**2)) / 12))
