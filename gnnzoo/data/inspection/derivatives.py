"""Energies against forces and virials: whether these are their derivatives, in one unit and with the right sign.

Between two configurations a and b of the same atoms that are near to each other, with scaled positions s and cells h,
the energy changes by about the mean of the work along the straight path at its two ends (the trapezoidal rule):

    E_b - E_a  =  - sum_i <F_i . (s_b,i - s_a,i) h>  -  <W : h^-1 (h_b - h_a)>

The second term is that of a strain, for which W, the virial, is -dE/d(strain). A fit of the energy's changes to both
terms over many pairs gives two factors, which are 1 in consistent data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.records import Record

_MOST_FRAMES, _MOST_ROWS = 200, 2_000_000  # that are in memory: frames, and atoms of all of them
_MOST_ATOMS = 64  # of a frame, by which near frames are found
_FARTHEST = 0.3  # largest displacement of an atom between two frames, as a share of the smallest distance of atoms
_REPEATED = 1e-6  # of that: frames that differ by less are repeats
_ERROR = 0.02  # of the rule, as a share of the difference of the work at both ends; so in quantum data of Si, Ge, water
_DIGITS = 1e-8  # relative rounding error of an energy that was printed
_REPEATS = 8  # of the fit
_UNSURE = 0.25  # a factor with a larger standard error says nothing, nor one with such a share of itself
_ALLOWED, _ERRORS = 0.3, 4  # largest deviation of a factor from 1: this, and so many standard errors
_FEWEST = 3  # pairs
# Ratios of units in which energies, forces and virials are found next to each other.
_RATIOS = {
    23.0605: "kcal/mol and eV",
    27.2114: "Hartree and eV",
    13.6057: "Rydberg and eV",
    96.4853: "kJ/mol and eV",
    4.184: "kJ/mol and kcal/mol",
    627.509: "Hartree and kcal/mol",
    51.4221: "Hartree/Bohr and eV/A",
    0.529177: "Bohr and A",
    160.2177: "eV/A^3 and GPa",
    1602.177: "eV/A^3 and kbar",
}
_SAME_RATIO = 0.03


@dataclass(frozen=True)
class Factor(Record):
    """Change of the energy over the work of the forces, or of the virials: a value, its standard error, and pairs."""

    value: float
    error: float
    pairs: int

    @property
    def agrees(self) -> bool:
        """Whether it may be 1."""
        return abs(self.value - 1) <= _ALLOWED + _ERRORS * self.error


@dataclass(frozen=True)
class Derivatives(Record):
    """What the energies of near frames say about forces and virials; None where no frames are near enough, or differ.

    Attributes:
        forces: of moved atoms.
        virials: of strained cells.
    """

    forces: Factor | None
    virials: Factor | None


def derivatives(dataset: Dataset, smallest_distance: float) -> Derivatives:
    """Compare energies with forces and virials.

    Args:
        dataset: any; frames without an energy are left out.
        smallest_distance: of two atoms, length unit.

    Returns:
        The factors.
    """
    near = [pair for frames in _alike(_sampled(dataset)) for pair in _near(frames, _FARTHEST * smallest_distance)]
    changes = [_changes(one, other) for one, other in near]
    works = np.array([change.works for change in changes]).reshape(-1, 2)
    present = np.flatnonzero(np.any(works, axis=0))
    if len(changes) < _FEWEST or not len(present):
        return Derivatives(None, None)
    found = dict(zip(present.tolist(), _fit(changes, present), strict=True))
    return Derivatives(found.get(0), found.get(1))


class _Change(NamedTuple):
    """Between two frames: the change of the energy, its rounding error, and for forces and virials the mean work at
    both ends and the difference of that at one end from that at the other; energy unit."""

    energy: float
    rounding: float
    works: tuple[float, float]
    bends: tuple[float, float]


def _sampled(dataset: Dataset) -> list[Frame]:
    """Frames with an energy: all of a few, of many every so many two that follow one another."""
    count = len(dataset)
    most = min(_MOST_FRAMES, max(2 * _FEWEST, _MOST_ROWS // max(1, len(dataset[0]))))
    numbers = np.arange(count)
    if count > most:
        first = np.linspace(0, count - 2, most // 2).astype(int)
        numbers = np.unique(np.concatenate([first, first + 1]))
    return [frame for number in numbers.tolist() if (frame := dataset[number]).energy is not None and len(frame) > 1]


def _alike(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Frames of the same atoms and periodic directions."""
    groups: dict[tuple[bytes, ...], list[Frame]] = {}
    for frame in frames:
        groups.setdefault((frame.types.tobytes(), frame.ids.tobytes(), frame.pbc.tobytes()), []).append(frame)
    return [group for group in groups.values() if len(group) > 1]


def _near(frames: Sequence[Frame], farthest: float) -> list[tuple[Frame, Frame]]:
    """Each frame with the one that is nearest to it, by displacements of atoms and cell; each pair once."""
    chosen = np.linspace(0, len(frames[0]) - 1, min(len(frames[0]), _MOST_ATOMS)).astype(int)
    positions = np.array([frame.positions[chosen] for frame in frames])
    cells = np.array([_cell(frame, frames[0]) for frame in frames])
    found = set()
    for number, frame in enumerate(frames):
        moved = _moved(positions, cells, positions[number], cells[number], frame.pbc)[0]
        distance = np.linalg.norm(moved, axis=-1).max(axis=1) + np.abs(cells - cells[number]).max(axis=(1, 2))
        distance[distance < _REPEATED * farthest] = np.inf  # the frame itself, and its repeats
        other = int(np.argmin(distance))
        if distance[other] <= farthest:
            found.add((min(number, other), max(number, other)))
    return [(frames[one], frames[other]) for one, other in sorted(found)]


def _cell(frame: Frame, first: Frame) -> np.ndarray:
    """The frame's cell; open directions, which may follow the atoms, have the vectors of the first frame."""
    return np.where(frame.pbc[:, None], frame.cell, first.cell)


def _moved(
    positions: np.ndarray, cells: np.ndarray, start: np.ndarray, start_cell: np.ndarray, pbc: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Displacements of atoms from a frame to others, without those of the whole.

    Args:
        positions, cells: (frames, atoms, 3), (frames, 3, 3) of the others.
        start, start_cell: (atoms, 3), (3, 3) of the frame.
        pbc: periodic directions.

    Returns:
        (frames, atoms, 3) in the cell of the frame; (frames, 3, 3) rotations that turn the others' vectors, for the
        whole may be turned where no direction is periodic (Kabsch, Acta Cryst. A32, 922 (1976)).
    """
    unturned = np.broadcast_to(np.eye(3), cells.shape)
    if pbc.any():
        change = positions @ np.linalg.inv(cells) - start @ np.linalg.inv(start_cell)
        change -= np.round(change) * pbc
        # once more, for the origin of the cell is arbitrary: a drift of the whole by half a cell would split it
        change -= np.round(change - change[:, :1]) * pbc
        return (change - change.mean(axis=1, keepdims=True)) @ start_cell, unturned
    centred = positions - positions.mean(axis=1, keepdims=True)
    here = start - start.mean(axis=0)
    left, _, right = np.linalg.svd(np.swapaxes(centred, 1, 2) @ here)
    mirrored = np.linalg.det(left @ right) < 0
    left[mirrored, :, 2] *= -1
    rotations = left @ right
    return centred @ rotations - here, rotations


def _changes(one: Frame, other: Frame) -> _Change:
    assert one.energy is not None and other.energy is not None
    cells = np.array([one.cell, _cell(other, one)])
    moved, rotations = _moved(other.positions[None], cells[1:], one.positions, cells[0], one.pbc)
    displaced = moved[0], moved[0] @ np.linalg.inv(cells[0]) @ cells[1] if one.pbc.any() else moved[0]
    forces = one.forces, other.forces @ rotations[0]
    start, end = (-float(np.sum(force * path)) for force, path in zip(forces, displaced, strict=True))
    strained, strained_end = 0.0, 0.0
    if one.virial is not None and other.virial is not None:
        strains = [np.linalg.inv(cell) @ (cells[1] - cells[0]) for cell in cells]
        virials = one.virial, other.virial
        strained, strained_end = (-float(np.sum(w * strain)) for w, strain in zip(virials, strains, strict=True))
    return _Change(
        energy=other.energy - one.energy,
        rounding=_DIGITS * abs(one.energy) + np.finfo(float).tiny,
        works=((start + end) / 2, (strained + strained_end) / 2),
        bends=(abs(end - start), abs(strained_end - strained)),
    )


def _fit(changes: Sequence[_Change], columns: np.ndarray) -> list[Factor | None]:
    """Least squares of the changes of energy by the works; None for a factor that is unsure.

    The error of the rule scales with the factors themselves, so that the fit is repeated with the weights of its own
    factors. Standard errors are those of the estimated errors, or of the residuals where these are larger.
    """
    works, bends = (np.array([getattr(change, name) for change in changes])[:, columns] for name in ("works", "bends"))
    energies, rounding = (np.array([getattr(change, name) for change in changes]) for name in ("energy", "rounding"))
    values = np.ones(len(columns))
    for _ in range(_REPEATS):
        weights = 1 / (_ERROR * bends @ np.abs(values) + rounding)
        design, target = works * weights[:, None], energies * weights
        normal = design.T @ design
        if not np.isfinite(normal).all() or np.linalg.cond(normal) > 1 / np.finfo(float).eps:
            return [None] * len(columns)
        values = np.linalg.solve(normal, design.T @ target)
    excess = max(1.0, float(np.sum((target - design @ values) ** 2)) / max(1, len(changes) - len(columns)))
    errors = np.sqrt(np.diag(np.linalg.inv(normal)) * excess)
    counts = np.count_nonzero(works, axis=0)
    return [
        Factor(float(value), float(error), int(count))
        if error < _UNSURE * max(1, abs(value)) and count >= _FEWEST
        else None
        for value, error, count in zip(values, errors, counts, strict=True)
    ]


def disagreement(found: Derivatives) -> list[str]:
    """What contradicts the energies, in words.

    Args:
        found: of a dataset.

    Returns:
        Sentences; none where all agrees.
    """
    return [
        f"{name} are not the derivatives of the energies: between near frames energies change by {factor.value:.3g} "
        f"(standard error {factor.error:.1g}) times the work of the {name}, {factor.pairs} pairs. {_guess(factor)}"
        for name, factor in (("forces", found.forces), ("virials", found.virials))
        if factor is not None and not factor.agrees
    ]


def _guess(factor: Factor) -> str:
    size = abs(factor.value)
    sign = ["their sign is the opposite"] if factor.value < -_ERRORS * factor.error else []
    ratios = [
        f"they may mix {names}"
        for ratio, names in _RATIOS.items()
        if min(abs(size / ratio - 1), abs(size * ratio - 1)) < _SAME_RATIO + factor.error / max(size, 1e-12)
    ]
    if size < _ERRORS * factor.error:
        return "They are unrelated: of other frames, methods or atoms"
    guess = "; ".join([*sign, *ratios[:1]]) or "their units differ, or they are of different methods"
    return guess[:1].upper() + guess[1:]
