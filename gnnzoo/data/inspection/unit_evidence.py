"""Evidence for the unit style of data, from the numbers alone: distances, density, stiffness, temperatures.

`real` and `metal` share the Angstrom, so that distances separate these two from reduced units, and forces, whose units
differ by a factor of 23, separate one from the other: by the stiffness of chemical bonds, and by the temperature from
forces and distances (see `temperature`). Velocities, with masses, differ by a factor of a million.

Nothing is decided silently: the result is a verdict with its evidence, for a person to confirm.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.geometry import filled_volume
from gnnzoo.data.inspection.accumulator import known_masses
from gnnzoo.data.inspection.pair_sample import FEWEST, PairSample, sample_pairs
from gnnzoo.data.inspection.rounding_error import Bond, stiffest_bond
from gnnzoo.data.inspection.temperature import BOLTZMANN, kelvin_text, kinetic_temperature, thermal_energy
from gnnzoo.records import Record
from gnnzoo.units import BOHR_ANGSTROM, EV_PER_KCAL_MOL, HARTREE_EV, STYLES

_ANGSTROM = ("real", "metal")
# Atoms per A^3: diamond has 0.176, hydrogen at some megabar 0.6; the second is beyond any press or laser.
_DENSEST, _NEVER = 0.25, 5.0
_DIAMOND = 0.18
_NEITHER = 1e6  # per cubed length: in no style of ours
_FARTHEST = 1.7  # sigma: nearest neighbours of condensed matter are closer in reduced units
_CONDENSED = 0.2  # density x (nearest distance)^3: 0.7 in a liquid, 1.4 in a close packing, far less in a gas
# Chemical bonds are shorter than this, A, and this stiff, eV/A^2: Li-H 6, H-H 36, O-H 48, C-C 30, N-N 143
# (spectroscopic force constants); force fields stay within.
_BOND, _BOND_STIFFNESS = 1.35, (8.0, 160.0)
# Units of forces of quantum chemistry, which belong to no style here, eV/A.
_ATOMIC_FORCES = {"Ha/Bohr": HARTREE_EV / BOHR_ANGSTROM, "kJ/mol/A": EV_PER_KCAL_MOL / 4.184}
# K, and how much nearer to it, as a ratio, one style must be than the other: to infer undeclared units, and to speak
# against a declaration, because melts of metals are hot and crystals may be cold.
_USUAL = 300.0
_REST = 1.0  # K in both styles: atoms at rest, whose forces are rounding errors
_CLEARLY, _AGAINST = 1.5, 6.0
_POSSIBLE = (1.0, 2e4)  # K: velocities in the right unit are rarely beyond
_ABSURD = 1e5  # times the usual temperature: in matter that is too dense as well, this is no plasma but another unit
_QUICK_FRAMES, _QUICK_PIECE = 4, 300  # a sample that takes a tenth of a second


@dataclass(frozen=True)
class Evidence(Record):
    """One piece of evidence.

    Attributes:
        what: `density`, `distances`, `stiffness`, `velocities` or `temperature`.
        text: in words.
        supports: styles that it is compatible with and speaks for; empty where it says nothing.
        certain: whether the other styles are impossible.
    """

    what: str
    text: str
    supports: list[str] = field(metadata={"key": "for"})
    certain: bool = False

    def against(self, style: str | None) -> bool:
        """Whether it is evidence against `style`.

        Returns:
            False if it says nothing, or if the style is None.
        """
        return style is not None and bool(self.supports) and style not in self.supports


@dataclass(frozen=True)
class UnitEvidence(Record):
    """Verdict on the unit style of data.

    Attributes:
        declared: style, or None.
        verdict: "declared" (without evidence against it), "inferred" (not declared, and the evidence agrees on one
            style), "undecided" (not declared, and it does not), "doubtful" (declared, with evidence against it) or
            "contradicted" (declared, and impossible).
        inferred: the style that the evidence agrees on, or None.
        evidence: the pieces of evidence.
        temperatures: style -> K (reduced in `lj`) from forces and distances of the last third, or None.
        frames: number of frames sampled.
    """

    declared: str | None
    verdict: str
    inferred: str | None
    evidence: list[Evidence]
    temperatures: dict[str, float] | None
    frames: int

    def against(self) -> list[Evidence]:
        """Evidence against the declared style.

        Returns:
            The pieces; empty for undeclared units.
        """
        return [piece for piece in self.evidence if piece.against(self.declared)]

    def possible(self) -> list[str]:
        """Styles that no evidence speaks against, in alphabetical order; all where the pieces contradict each other."""
        left = set(STYLES).intersection(*(piece.supports for piece in self.evidence if piece.supports))
        return sorted(left or STYLES)

    def words(self) -> str:
        """Evidence for any style, in words.

        Returns:
            One line.
        """
        return "; ".join(piece.text for piece in self.evidence if piece.supports)


@np.errstate(over="ignore", invalid="ignore")  # the squares of absurd forces are infinite and no evidence
def unit_evidence(
    dataset: Dataset,
    declared: str | None = None,
    pairs: Sequence[PairSample] | None = None,
    bond: Bond | None = None,
    quick: bool = False,
) -> UnitEvidence:
    """Collect evidence for the unit style of a dataset.

    Args:
        dataset: any.
        declared: style to test; by default the dataset's own.
        pairs, bond: of sampled frames of it, and their `stiffest_bond`, where they are known already.
        quick: where they are not, sample a few frames only, and small pieces of large ones: negligible time and
            memory, and weaker evidence.

    Returns:
        The verdict, and what it is based on.
    """
    declared = declared or dataset.units
    if pairs is None:
        pairs = sample_pairs(dataset, frames=_QUICK_FRAMES, piece=_QUICK_PIECE) if quick else sample_pairs(dataset)
        bond = stiffest_bond(dataset, pairs)
    energy = thermal_energy(pairs[-(-2 * len(pairs) // 3) :] or pairs)  # runs begin far from equilibrium
    evidence = _of_lengths(pairs)
    # A reduced bond may have any stiffness, a reduced mass any velocity: these only separate real from metal.
    if _only(evidence, "lj"):
        evidence += _of_absurd_velocities(dataset, pairs, declared)
    elif declared != "lj":
        evidence += [*_of_stiffness(bond), *_of_velocities(dataset, pairs)]
    evidence += _of_temperature(energy, evidence, declared)
    left = set(STYLES).intersection(*(piece.supports for piece in evidence if piece.supports))
    inferred = left.pop() if len(left) == 1 else None
    against = [piece for piece in evidence if piece.against(declared)]
    if declared:
        certain = any(piece.certain for piece in against)
        verdict = "contradicted" if certain else "doubtful" if against else "declared"
    else:
        verdict = "inferred" if inferred else "undecided"
    temperatures = (
        None if energy is None or _at_rest(energy) else {style: float(energy / BOLTZMANN[style]) for style in STYLES}
    )
    return UnitEvidence(declared, verdict, inferred, evidence, temperatures, len(pairs))


def _only(evidence: Sequence[Evidence], style: str) -> bool:
    """Whether some of the evidence speaks for this style alone."""
    return any(piece.supports == [style] for piece in evidence)


def _of_lengths(pairs: Sequence[PairSample]) -> list[Evidence]:
    """Density and smallest distances: Angstrom, or the diameter of an atom."""
    pairs = [sampled for sampled in pairs if len(sampled.frame) >= FEWEST]
    distances = [float(sampled.distances.min()) for sampled in pairs if len(sampled.distances)]
    if not distances:
        return []
    nearest = min(distances)
    local = float(np.mean([_local_density(sampled) for sampled in pairs]))
    volumes = [(len(p.frame), filled_volume(p.frame)) for p in pairs if p.counted.all()]
    density = float(np.mean([atoms / volume if volume > 0 else np.nan for atoms, volume in volumes] or [np.nan]))
    if not math.isfinite(density):
        density = local
    text = f"{density:.3g} atoms per cubed length, the nearest two {nearest:.3g} apart"
    # The thickness of a sheet or a chain is unknown: around its atoms it is less dense than in a box drawn tightly.
    surely = min(density, local)
    if surely > _NEITHER:
        return [Evidence("density", f"{text}: not possible with lengths in A or in diameters of an atom", [])]
    if surely > _DENSEST:
        return [Evidence("density", f"{text}: in A denser than diamond ({_DIAMOND})", ["lj"], surely > _NEVER)]
    if nearest > _FARTHEST:
        condensed = density * nearest**3 > _CONDENSED
        words = "atoms of 1 sigma would touch" if condensed else "no two come near 1 sigma"
        return [Evidence("distances", f"{text}: {words}, so lengths are in A", list(_ANGSTROM))]
    return [Evidence("distances", f"{text}: possible in A and in reduced units", [])]


def _local_density(sampled: PairSample) -> float:
    """Atoms per volume around the atoms of a piece."""
    return sampled.neighbors_per_atom() / (4 / 3 * math.pi * sampled.cutoff**3)


def _of_stiffness(bond: Bond | None) -> list[Evidence]:
    """A bond as short as a chemical one: whether it is as stiff as one in eV/A^2, or in kcal/mol/A^2."""
    if bond is None or bond.distance > _BOND:
        return []
    low, high = _BOND_STIFFNESS
    text = f"along {bond.pair}, {bond.distance:.3g} apart, the force changes by {bond.stiffness:.3g} per length"
    for style, unit, factor in (("metal", "eV/A^2", 1.0), ("real", "kcal/mol/A^2", EV_PER_KCAL_MOL)):
        if low <= bond.stiffness * factor <= high:
            return [Evidence("stiffness", f"{text}: a chemical bond in {unit}", [style])]
    other = next((unit for unit, size in _ATOMIC_FORCES.items() if low <= bond.stiffness * size <= high), None)
    known = f", but in {other} per A" if other else ""
    return [Evidence("stiffness", f"{text}: not that of a chemical bond in kcal/mol/A^2 or eV/A^2{known}", [])]


def _of_velocities(dataset: Dataset, pairs: Sequence[PairSample]) -> list[Evidence]:
    """Temperature from velocities in each style; real and metal differ by a factor of a million.

    It is never certain: slow atoms may have been quenched, and very fast ones may be a plasma. Reduced data rarely
    name elements; where they do, this says nothing against them.
    """
    kelvin = _kinetic_temperatures(dataset, pairs)
    low, high = _POSSIBLE
    possible = [style for style, value in kelvin.items() if low <= value <= high]
    return [Evidence("velocities", _temperature_text("velocities are", kelvin), possible)] if kelvin else []


def _of_absurd_velocities(dataset: Dataset, pairs: Sequence[PairSample], declared: str | None) -> list[Evidence]:
    """Of data too dense for A: velocities that in the declared style are hotter than any matter."""
    kelvin = _kinetic_temperatures(dataset, pairs) if declared in _ANGSTROM else {}
    if declared is None or kelvin.get(declared, 0) <= _ABSURD * _USUAL:
        return []
    return [Evidence("velocities", _temperature_text("velocities are", kelvin), ["lj"], certain=True)]


def _temperature_text(what: str, kelvin: Mapping[str, float]) -> str:
    return f"{what} a temperature of " + ", ".join(f"{kelvin_text(k)} in {style}" for style, k in kelvin.items())


def _kinetic_temperatures(dataset: Dataset, pairs: Sequence[PairSample]) -> dict[str, float]:
    """Style -> K from velocities; empty where masses or velocities are unknown, or atoms are at rest."""
    masses, _ = known_masses(dataset.provenance, dataset.type_names, "real")
    frames = [sampled.frame for sampled in pairs]
    if any(frame.velocities is None or not set(np.unique(frame.types)) <= set(masses) for frame in frames):
        return {}
    kelvin = {style: float(np.mean([_kinetic(frame, masses, style) for frame in frames])) for style in _ANGSTROM}
    return kelvin if max(kelvin.values()) >= _REST else {}


def _kinetic(frame: Frame, masses: Mapping[int, float], style: str) -> float:
    assert frame.velocities is not None
    return kinetic_temperature(frame.velocities, np.array([masses[int(number)] for number in frame.types]), style)


def _at_rest(energy: float) -> bool:
    """Whether kT is that of no system in any style."""
    return max(abs(energy) / BOLTZMANN[style] for style in _ANGSTROM) < _REST


def _of_temperature(energy: float | None, evidence: Sequence[Evidence], declared: str | None) -> list[Evidence]:
    """Temperature from forces and distances in each style.

    It speaks for one only where that is far more usual, and no better evidence exists: data out of equilibrium and
    rigid bonds shift it.
    """
    if energy is None or energy <= 0:
        return []
    if _at_rest(energy):
        return [Evidence("temperature", "forces against distances: atoms at rest, which have no temperature", [])]
    if _only(evidence, "lj"):
        return [Evidence("temperature", f"forces against distances: a temperature of {energy:.3g} in lj", [])]
    kelvin = {style: energy / BOLTZMANN[style] for style in _ANGSTROM}
    away = {style: abs(math.log(value / _USUAL)) for style, value in kelvin.items()}
    nearest = min(away, key=away.__getitem__)
    clear = max(away.values()) - away[nearest] > math.log(_AGAINST if declared else _CLEARLY)
    better = any(_only(evidence, style) for style in _ANGSTROM)
    styles = [nearest, "lj"] if clear and not better else []  # of reduced units it says nothing
    return [Evidence("temperature", _temperature_text("forces against distances:", kelvin), styles)]
