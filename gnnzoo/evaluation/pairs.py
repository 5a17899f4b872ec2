"""The force between two atoms alone that a model learned, against distance, beside the truth where it is told."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from gnnzoo.data.frames import Frame
from gnnzoo.data.graphs.training_statistics import pair_name
from gnnzoo.fields import EDGE_CLASSES
from gnnzoo.models.files import ForceField
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.units import STYLES

_OTHER, _BONDED, _SAME = EDGE_CLASSES
# Edge of the box in which two atoms are alone, in cutoffs.
_BOX = 4


@dataclass(frozen=True)
class PairCurve:
    """The force that drives two atoms apart, against their distance.

    Attributes:
        name: of the kind of pair, see `data.statistics.pair_name`.
        distances: (n,) length unit.
        forces: (n,) force unit; positive where the atoms repel each other.
        truth: (n,) that of the interactions that the recipe declares, or None.
        counts: (n,) how many pairs of the training frames are about so far apart.
    """

    name: str
    distances: list[float]
    forces: list[float]
    truth: list[float] | None
    counts: list[int]

    def as_dict(self) -> dict:
        """Plain values, for JSON."""
        return asdict(self)

    def error(self) -> float | None:
        """Mean |difference from the truth| over mean |truth|, each distance as often as pairs have it in training."""
        weights = np.array(self.counts, float)
        if self.truth is None or not weights.any():
            return None
        size = np.average(np.abs(self.truth), weights=weights)
        return float(np.average(np.abs(np.subtract(self.forces, self.truth)), weights=weights) / size) if size else None

    def largest(self) -> tuple[float, float] | None:
        """The largest difference from the truth where training had pairs, as a share of the largest force there, and
        its distance.
        """
        seen = np.array(self.counts) > 0
        if self.truth is None or not seen.any():
            return None
        truth, difference = np.array(self.truth)[seen], np.abs(np.subtract(self.forces, self.truth))[seen]
        worst = int(np.argmax(difference))
        size = float(np.abs(truth).max())
        return (float(difference[worst] / size), float(np.array(self.distances)[seen][worst])) if size else None


@dataclass(frozen=True)
class PairKind:
    """Two species and what their atoms are to each other."""

    first: str
    second: str
    kind: str

    @property
    def name(self) -> str:
        """See `data.statistics.pair_name`."""
        return pair_name(self.first, self.second, self.kind)


def pair_kinds(model: ForceField) -> list[PairKind]:
    """The kinds of pairs that the model's training frames had; of an older model all that it could know."""
    known = (model.info.get("statistics") or {}).get("distances")
    names = model.species
    possible = [
        PairKind(first, second, kind)
        for number, first in enumerate(names)
        for second in names[number:]
        for kind in EDGE_CLASSES
    ]
    if known is None:
        return [pair for pair in possible if pair.kind == _OTHER]
    return [pair for pair in possible if pair.name in known["counts"]]


def pair_curves(
    model: ForceField,
    forces: Callable[[Frame], np.ndarray] | None = None,
    first: float | None = None,
    points: int = 100,
) -> list[PairCurve]:
    """The curves of all kinds of pairs that training had.

    Two atoms stand alone in a periodic box so wide that none sees an image of the other; a model that reads waves of
    the box adds the background that makes any box neutral. Training has seen liquids: how a model of many atoms answers
    for two shows what it took for the pair's share, and it need not be the pair force.

    Args:
        model: network, recipe and what its training measured.
        forces: another way to the forces of a frame than the model's own, (atoms, 3).
        first: smallest distance, length unit; by default for each kind the shortest of the training, or a tenth of the
            cutoff where nobody knows.
        points: distances from there to the cutoff, evenly spaced.
    """
    forces, curves = forces or model.forces, []
    for pair in pair_kinds(model):
        counts = _counts(model, pair)
        begin = first if first is not None else model.cutoff * (_first_of(counts) if counts.any() else 0.1)
        distances = np.linspace(begin, model.cutoff, points)
        learned = [_apart(forces(_two_atoms(model, pair, distance))) for distance in distances]
        truth = reference_force(model.recipe, model.units, pair, distances)
        bins = np.minimum((distances / model.cutoff * len(counts)).astype(int), len(counts) - 1)
        curves.append(
            PairCurve(
                pair.name,
                distances.tolist(),
                [float(force) for force in learned],
                None if truth is None else truth.tolist(),
                counts[bins].tolist(),
            )
        )
    return curves


def _counts(model: ForceField, pair: PairKind) -> np.ndarray:
    known = (model.info.get("statistics") or {}).get("distances")
    return np.zeros(1, int) if known is None else np.array(known["counts"][pair.name])


def _first_of(counts: np.ndarray) -> float:
    """The lower end of the first bin that holds anything, as a share of the cutoff; never zero."""
    return max(float(np.flatnonzero(counts)[0]), 0.5) / len(counts)


def _apart(forces: np.ndarray) -> float:
    """What drives the second atom along x away from the first."""
    return (float(forces[1, 0]) - float(forces[0, 0])) / 2


def _two_atoms(model: ForceField, pair: PairKind, distance: float) -> Frame:
    """The two of them, along x."""
    edge, types = _BOX * model.cutoff, {name: int(number) for number, name in model.info["types"].items()}
    molecules = None
    if reads_molecules(model.recipe):
        molecules = np.array([1, 1 if pair.kind != _OTHER else 2])
    return Frame(
        step=0,
        positions=np.array([[0.0, 0, 0], [distance, 0, 0]]) + edge / 2 - [distance / 2, 0, 0],
        forces=np.zeros((2, 3)),
        cell=np.eye(3) * edge,
        ids=np.arange(1, 3),
        types=np.array([types[pair.first], types[pair.second]], np.int32),
        type_names={number: name for name, number in types.items()},
        units=model.units,
        molecules=molecules,
    )


# --- the truth ----------------------------------------------------------------------------------------------------


def reference_force(recipe: Recipe, units: str | None, pair: PairKind, r: np.ndarray) -> np.ndarray | None:
    """-dU/dr of the interactions that made the data, as `data.truth` of the recipe tells them; None where it does not.

    Lennard-Jones 4 e ((s/r)^12 - (s/r)^6) and charges q q / r act between molecules, springs k (r - length)^2 along
    the bonds that it names; two atoms of one molecule that are not bonded feel nothing.

    Args:
        recipe: its `data.truth` and `data.atoms` are read.
        units: unit style, for the constant of charges.
        pair: which atoms.
        r: (n,) length unit.
    """
    truth = recipe.data.truth
    if truth is None or not {pair.first, pair.second} <= set(recipe.data.atoms):
        return None
    force = np.zeros_like(r)
    if pair.kind == _BONDED:
        springs = [bond for bond in truth.bonds if set(bond.types) == {pair.first, pair.second}]
        return -sum(2 * bond.k * (r - bond.length) for bond in springs) if springs else None
    if pair.kind == _SAME:
        return force
    a, b = recipe.data.atoms[pair.first], recipe.data.atoms[pair.second]
    if truth.lennard_jones is not None:
        sigma = (a.sigma + b.sigma) / 2 if truth.lennard_jones == "arithmetic" else np.sqrt(a.sigma * b.sigma)
        power = (sigma / r) ** 6
        force += 24 * np.sqrt(a.epsilon * b.epsilon) * power * (2 * power - 1) / r
    if truth.charges:
        if units not in STYLES:
            return None
        force += STYLES[units].coulomb * a.charge * b.charge / r**2
    return force
