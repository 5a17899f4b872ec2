"""Dimer force curves: the force between two isolated atoms against their distance."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.graphs.training_statistics import pair_name
from gnnzoo.fields import EDGE_CLASSES
from gnnzoo.models.files import ForceField
from gnnzoo.models.info import PairCurveInfo
from gnnzoo.models.priors import pair_parameters
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.recipe.schema.prior import CoulombPrior, HarmonicPrior, LennardJonesPrior
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.records import Record
from gnnzoo.units import STYLES

_OTHER, _BONDED, _SAME = EDGE_CLASSES
# Edge of the periodic box of a dimer, in cutoffs: more than two, so that no atom sees an image of the other.
_BOX = 4
# Where a model does not know the distances of its training pairs, a curve begins at this share of the cutoff.
_FIRST = 0.1
_BATCH = 500  # dimers


@dataclass(frozen=True)
class PairCurve(Record):
    """Dimer force curve of one kind of pair.

    Attributes:
        name: of the kind of pair, see `data.graphs.training_statistics.pair_name`.
        distances: (n,) length unit.
        forces: (n,) force that drives the atoms apart, force unit; positive where they repel each other.
        reference: (n,) force of the interactions that the recipe declares in `data.reference`, or None.
        counts: (n,) number of training pairs in the bin of each distance.
    """

    name: str
    distances: list[float]
    forces: list[float]
    reference: list[float] | None = field(metadata={"key": "truth"})
    counts: list[int]

    @classmethod
    def from_json(cls, values: PairCurveInfo) -> "PairCurve":
        """Inverse of `to_json`.

        Args:
            values: as the file of a transferred model has them.

        Returns:
            The curve.
        """
        return cls(values["name"], values["distances"], values["forces"], values["truth"], values["counts"])

    def error(self) -> float | None:
        """Relative error: mean |dF| / mean |F|, each distance weighted by the number of training pairs there.

        Returns:
            None without a reference or without training pairs.
        """
        weights = np.array(self.counts, float)
        if self.reference is None or not weights.any():
            return None
        size = np.average(np.abs(self.reference), weights=weights)
        difference = np.abs(np.subtract(self.forces, self.reference))
        return float(np.average(difference, weights=weights) / size) if size else None

    def largest(self) -> tuple[float, float] | None:
        """Largest relative error where training had pairs.

        Returns:
            Largest |dF| over the largest |F| there, and the distance of the former; None without a reference or without
            training pairs.
        """
        seen = np.array(self.counts) > 0
        if self.reference is None or not seen.any():
            return None
        reference = np.array(self.reference)[seen]
        difference = np.abs(np.subtract(self.forces, self.reference))[seen]
        worst, size = int(np.argmax(difference)), float(np.abs(reference).max())
        return (float(difference[worst] / size), float(np.array(self.distances)[seen][worst])) if size else None


@dataclass(frozen=True)
class PairKind:
    """Two species and the class of the edge between their atoms."""

    first: str
    second: str
    kind: str

    @property
    def name(self) -> str:
        """See `data.graphs.training_statistics.pair_name`."""
        return pair_name(self.first, self.second, self.kind)


def pair_kinds(model: ForceField) -> list[PairKind]:
    """Kinds of pairs in the training frames of `model`.

    Returns:
        Those of an older model, which does not know them, are all that are not within a molecule.
    """
    known = (model.info.get("statistics") or {}).get("distances")
    names = [name for name in model.species if name in model.info["types"].values()]
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
    """Dimer force curves of all kinds of pairs that training had.

    Two atoms are alone in a wide periodic box. Training has seen liquids: the force on a dimer shows what a many-body
    model took for the pair interaction, and need not be the pair force. A model that reads wave vectors adds the
    neutralising background of the box.

    Args:
        model: network, recipe and training statistics.
        forces: frame -> (atoms, 3) forces, instead of the model's own, such as those of an exported model.
        first: smallest distance, length unit; by default for each kind the shortest in training, or a tenth of the
            cutoff where it is unknown.
        points: number of distances from there to the cutoff, evenly spaced.

    Returns:
        One curve for each kind of pair.
    """
    curves = []
    for pair in pair_kinds(model):
        counts = _counts(model, pair)
        begin = first if first is not None else model.cutoff * (_first_bin(counts) if counts.any() else _FIRST)
        distances = np.linspace(begin, model.cutoff, points)
        dimers = [_dimer(model, pair, distance) for distance in distances]
        predicted = [
            _force_apart(found) for found in (_forces(model, dimers) if forces is None else map(forces, dimers))
        ]
        reference = reference_force(model.recipe, model.units, pair, distances)
        bins = np.minimum((distances / model.cutoff * len(counts)).astype(int), len(counts) - 1)
        curves.append(
            PairCurve(
                pair.name,
                distances.tolist(),
                predicted,
                None if reference is None else reference.tolist(),
                counts[bins].tolist(),
            )
        )
    return curves


def one_curve_each(curves: Sequence[PairCurve]) -> list[PairCurve]:
    """One curve for each two species, of a model that reads no molecules: bonded and other pairs have the same forces.

    Args:
        curves: of all kinds of pairs, which begin at different distances.

    Returns:
        For each two species the curve that begins at the shortest distance, named by the species alone.
    """
    found: dict[str, PairCurve] = {}
    for curve in sorted(curves, key=lambda curve: curve.distances[0]):
        species = curve.name.partition(" ")[0]  # without the kind of pair
        found.setdefault(species, replace(curve, name=species))
    return list(found.values())


def _forces(model: ForceField, dimers: Sequence[Frame]) -> Iterator[np.ndarray]:
    """The model's forces, in batches; one by one where wave vectors fill the wide box of each dimer."""
    size = 1 if model.recipe.graph.waves else _BATCH
    for first in range(0, len(dimers), size):
        yield from model.forces_of(dimers[first : first + size])


def _counts(model: ForceField, pair: PairKind) -> np.ndarray:
    known = (model.info.get("statistics") or {}).get("distances")
    return np.zeros(1, int) if known is None else np.array(known["counts"][pair.name])


def _first_bin(counts: np.ndarray) -> float:
    """Lower end of the first bin that is not empty, as a share of the cutoff; half a bin instead of zero."""
    return max(float(np.flatnonzero(counts)[0]), 0.5) / len(counts)


def _force_apart(forces: np.ndarray) -> float:
    """Force that drives the second atom along x away from the first."""
    return (float(forces[1, 0]) - float(forces[0, 0])) / 2


def _dimer(model: ForceField, pair: PairKind, distance: float) -> Frame:
    """Two atoms along x."""
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


# --- reference ----------------------------------------------------------------------------------------------------


def reference_force(recipe: Recipe, units: str | None, pair: PairKind, r: np.ndarray) -> np.ndarray | None:
    """-dU/dr of the interactions that made the data, as far as the recipe declares them in `data.reference`.

    They have no cutoff. Lennard-Jones 4 e ((s/r)^12 - (s/r)^6) and charges q q erfc(a r) / r with the damping a act
    between molecules, springs k (r - length)^2 along the bonds that are declared; two atoms of one molecule that are
    not bonded do not interact.

    Args:
        recipe: its `data.reference` and `data.atoms` are read.
        units: unit style, for the constant of charges.
        pair: which atoms.
        r: (n,) length unit.

    Returns:
        (n,) force unit, positive where the atoms repel each other; None where it is unknown.
    """
    declared, atoms = recipe.data.reference, recipe.data.atoms
    fluids = [entry for entry in declared if isinstance(entry, LennardJonesPrior)]
    known = {frozenset(each.types) for entry in fluids for each in entry.pairs}
    alone = len(declared) == len(fluids) and frozenset((pair.first, pair.second)) in known
    if not declared or not (alone or {pair.first, pair.second} <= set(atoms)):
        return None
    force = np.zeros_like(r)
    if pair.kind == _SAME:
        return force
    if pair.kind == _BONDED:
        bonds = [bond for entry in declared if isinstance(entry, HarmonicPrior) for bond in entry.bonds]
        springs = [bond for bond in bonds if set(bond.types) == {pair.first, pair.second}]
        for bond in springs:
            force -= 2 * bond.k * (r - bond.length)
        return force if springs else None
    for entry in declared:
        if isinstance(entry, LennardJonesPrior):
            epsilon, sigma = pair_parameters(entry, atoms, pair.first, pair.second)
            power = (sigma / r) ** 6
            force += 24 * epsilon * power * (2 * power - 1) / r
        elif isinstance(entry, CoulombPrior):
            if units not in STYLES:
                return None
            charges = atoms[pair.first].charge * atoms[pair.second].charge
            force += STYLES[units].coulomb * charges / r**2 * _damping(entry.damping * r)
    return force


def _damping(x: np.ndarray) -> np.ndarray:
    """Force of damped charges at x = a r over that of bare ones: erfc(x) + 2 x exp(-x^2) / sqrt(pi)."""
    return np.vectorize(math.erfc)(x) + 2 / math.sqrt(math.pi) * x * np.exp(-(x**2))
