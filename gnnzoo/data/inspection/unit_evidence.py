"""Which unit style data are in, judged from the numbers alone: distances, density, stiffness, temperatures.

`real` and `metal` share the Angstrom, so that distances tell these two from reduced units, and forces, whose units
differ by a factor of 23, tell one from the other: by the stiffness of chemical bonds, and by the temperature that
forces and distances speak of (see `thermometer`). Velocities, with masses, differ by a factor of a million.

Nothing is decided here in silence: what is found is a statement with its evidence, for a person to confirm.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from gnnzoo.data.frames import Dataset, Frame
from gnnzoo.data.inspection.accumulator import known_masses
from gnnzoo.data.inspection.pair_sample import PairSample, filled_volume, sample_pairs
from gnnzoo.data.inspection.rounding_error import stiffest_bond
from gnnzoo.data.inspection.temperature import BOLTZMANN, kinetic_temperature, thermal_energy
from gnnzoo.units import EV_PER_KCAL_MOL, STYLES

_ANGSTROM = ("real", "metal")
# Atoms per A^3: diamond has 0.176, hydrogen at some megabar 0.6; no press and no laser comes near the second.
_DENSEST, _NEVER = 0.25, 5.0
_NEITHER = 1e6  # per cubed length: in no style of ours
_FARTHEST = 1.7  # sigma: nearest neighbours of condensed matter are nearer in reduced units
_FEWEST = 16  # atoms that make a density
# Chemical bonds are shorter than this, A, and this stiff, eV/A^2: Li-H 6, H-H 36, O-H 48, C-C 30, N-N 143
# (spectroscopic force constants); force fields stay within.
_BOND, _BOND_STIFFNESS = 1.35, (8.0, 160.0)
# K, and how much nearer to it, as a ratio, one style must be than the other: to be taken where nothing is declared, and
# to speak against a declaration, because melts of metals are hot and crystals may be cold.
_USUAL = 300.0
_CLEARLY, _AGAINST = 1.5, 6.0
_IN_PASSING = {"frames": 4, "piece": 300}
_POSSIBLE = (1.0, 2e4)  # K: velocities in the right unit are hardly beyond
_ABSURD = 1e5  # times the usual temperature: in matter that is too dense as well, this is no plasma but another unit


@np.errstate(over="ignore", invalid="ignore")  # the squares of absurd forces are infinite and tell nothing
def unit_evidence(
    dataset: Dataset,
    declared: str | None = None,
    pairs: Sequence[PairSample] | None = None,
    bond: dict | None = None,
    in_passing: bool = False,
) -> dict:
    """What the numbers of a dataset say of its unit style.

    Args:
        dataset: any.
        declared: style to hold against the evidence; by default the dataset's own.
        pairs, bond: of sampled frames of it, and their `force_floor.stiffest_bond`, where they are at hand.
        in_passing: where they are not, look at a few frames only, and small pieces of large ones, which costs no time
            or memory to speak of, and tells less.

    Returns:
        `declared`: style or None. `verdict`: "declared" (and nothing speaks against it), "inferred" (not declared, and
        the evidence agrees on one style), "undecided" (not declared, and it does not), "doubtful" (declared, and
        something speaks against it) or "contradicted" (declared, and it cannot be). `inferred`: the style that the
        evidence agrees on, or None. `evidence`: list of {`what`, `text` in words, `for`: styles it speaks for,
        `certain`: whether the others cannot be}. `temperatures`: style -> K, by forces and distances of
        the last third, or None. `frames`: how many were looked at.
    """
    declared = declared or dataset.units
    if pairs is None:
        pairs = sample_pairs(dataset, **(_IN_PASSING if in_passing else {}))
        bond = stiffest_bond(dataset, pairs)
    energy = thermal_energy(
        pairs[-(-2 * len(pairs) // 3) :] or pairs
    )  # the last third: runs begin far from equilibrium
    evidence = _of_lengths(pairs)
    # A reduced bond may have any stiffness, a reduced mass any velocity: these two hold real against metal alone.
    if _speak_for(evidence, "lj"):
        evidence += _of_absurd_velocities(dataset, pairs, declared)
    elif declared != "lj":
        evidence += [*_of_stiffness(bond), *_of_velocities(dataset, pairs)]
    evidence += _of_temperature(energy, evidence, declared)
    inferred = _agreed(evidence)
    against = [found for found in evidence if declared and found["for"] and declared not in found["for"]]
    if declared:
        certain = any(found["certain"] for found in against)
        verdict = "contradicted" if certain else "doubtful" if against else "declared"
    else:
        verdict = "inferred" if inferred else "undecided"
    return {
        "declared": declared,
        "verdict": verdict,
        "inferred": inferred,
        "evidence": evidence,
        "temperatures": None if energy is None else {style: float(energy / BOLTZMANN[style]) for style in STYLES},
        "frames": len(pairs),
    }


def _agreed(evidence: Sequence[Mapping]) -> str | None:
    """The one style that all evidence leaves."""
    left = set(STYLES)
    for found in evidence:
        if found["for"]:
            left &= set(found["for"])
    return left.pop() if len(left) == 1 else None


def _found(what: str, text: str, styles: Sequence[str], certain: bool = False) -> dict:
    return {"what": what, "text": text, "for": list(styles), "certain": certain}


def _of_lengths(pairs: Sequence[PairSample]) -> list[dict]:
    """Density and smallest distances: Angstrom, or the diameter of an atom."""
    if len(pairs[0].frame) < _FEWEST:
        return []
    volumes = [(len(p.frame), filled_volume(p.frame)) for p in pairs if p.counted.all()]
    density = float(np.mean([atoms / volume if volume > 0 else np.nan for atoms, volume in volumes] or [np.nan]))
    if not math.isfinite(density):
        density = float(np.mean([_local_density(sampled) for sampled in pairs]))
    nearest = min((float(sampled.distances.min()) for sampled in pairs if len(sampled.distances)), default=None)
    if nearest is None:
        return []
    text = f"{density:.3g} atoms per cubed length, the nearest two {nearest:.3g} apart"
    # Of a sheet or a chain nobody knows the thickness: what is around its atoms is sparser than a box drawn tightly.
    surely = min(density, float(np.mean([_local_density(sampled) for sampled in pairs])))
    if surely > _NEITHER:
        return [_found("density", f"{text}: neither A nor the diameter of an atom is such a length", [])]
    if surely > _DENSEST:
        return [_found("density", f"{text}: in A this were denser than diamond (0.18)", ["lj"], surely > _NEVER)]
    if nearest > _FARTHEST:
        condensed = density * nearest**3 > 0.2
        words = "atoms of 1 sigma would touch" if condensed else "no two come near 1 sigma"
        return [_found("distances", f"{text}: {words}, so lengths are in A", _ANGSTROM)]
    return [_found("distances", f"{text}: possible in A and in reduced units", [])]


def _local_density(sampled: PairSample) -> float:
    """Atoms per volume around the atoms of a piece."""
    around = len(sampled.receivers) / max(1, np.count_nonzero(sampled.counted))
    return around / (4 / 3 * math.pi * sampled.cutoff**3)


def _of_stiffness(bond: dict | None) -> list[dict]:
    """A bond as short as a chemical one: is it as stiff as one in eV/A^2, or in kcal/mol/A^2?"""
    if bond is None or bond["distance"] > _BOND:
        return []
    low, high = _BOND_STIFFNESS
    stiffness = bond["stiffness"]
    text = f"along {bond['pair']}, {bond['distance']:.3g} apart, the force changes by {stiffness:.3g} per length"
    if low <= stiffness <= high:
        return [_found("stiffness", f"{text}: a chemical bond in eV/A^2", ["metal"])]
    if low <= stiffness * EV_PER_KCAL_MOL <= high:
        return [_found("stiffness", f"{text}: a chemical bond in kcal/mol/A^2", ["real"])]
    return [_found("stiffness", f"{text}: not that of a chemical bond in kcal/mol/A^2 or eV/A^2", [])]


def _of_velocities(dataset: Dataset, pairs: Sequence[PairSample]) -> list[dict]:
    """Temperature by velocities in each style; real and metal differ by a factor of a million.

    Nothing of it is certain: atoms that hardly move may have been quenched, and very fast ones may be a plasma.
    """
    found = _kinetic_temperatures(dataset, pairs)
    if not found:
        return []
    low, high = _POSSIBLE
    possible = [style for style, kelvin in found.items() if low <= kelvin <= high]
    # Reduced data rarely name elements; where they do, nothing is said against them here.
    return [_found("velocities", _velocities_text(found), possible)]


def _of_absurd_velocities(dataset: Dataset, pairs: Sequence[PairSample], declared: str | None) -> list[dict]:
    """Of data too dense for A: velocities that in the declared style were hotter than anything."""
    found = _kinetic_temperatures(dataset, pairs) if declared in _ANGSTROM else {}
    if found.get(declared, 0) <= _ABSURD * _USUAL:
        return []
    return [_found("velocities", _velocities_text(found), ["lj"], certain=True)]


def _velocities_text(found: Mapping[str, float]) -> str:
    told = ", ".join(f"{kelvin_text(kelvin)} in {style}" for style, kelvin in found.items())
    return f"velocities are a temperature of {told}"


def _kinetic_temperatures(dataset: Dataset, pairs: Sequence[PairSample]) -> dict[str, float]:
    """Style -> K by velocities; empty where masses or velocities are not known, or nothing moves."""
    masses, _ = known_masses(dataset.provenance, dataset.type_names, "real")
    frames = [sampled.frame for sampled in pairs]
    if any(frame.velocities is None or not set(np.unique(frame.types)) <= set(masses) for frame in frames):
        return {}
    found = {style: float(np.mean([_kinetic(frame, masses, style) for frame in frames])) for style in _ANGSTROM}
    return found if max(found.values()) > 0 else {}


def _kinetic(frame: Frame, masses: Mapping[int, float], style: str) -> float:
    return kinetic_temperature(frame.velocities, np.array([masses[int(number)] for number in frame.types]), style)


def _of_temperature(energy: float | None, evidence: Sequence[Mapping], declared: str | None) -> list[dict]:
    """Temperature by forces and distances in each style.

    It speaks for one only where that is far more usual, and nothing better speaks: data out of equilibrium and rigid
    bonds shift it.
    """
    if energy is None or energy <= 0:
        return []
    if _speak_for(evidence, "lj"):
        return [_found("temperature", f"forces against distances: a temperature of {energy:.3g} in lj", [])]
    kelvin = {style: energy / BOLTZMANN[style] for style in _ANGSTROM}
    away = {style: abs(math.log(value / _USUAL)) for style, value in kelvin.items()}
    nearest = min(away, key=away.get)
    clear = max(away.values()) - away[nearest] > math.log(_AGAINST if declared else _CLEARLY)
    told = ", ".join(f"{kelvin_text(value)} in {style}" for style, value in kelvin.items())
    better = any(_speak_for(evidence, style) for style in _ANGSTROM)
    styles = [nearest, "lj"] if clear and not better else []  # of reduced units it says nothing
    return [_found("temperature", f"forces against distances: a temperature of {told}", styles)]


def _speak_for(evidence: Sequence[Mapping], style: str) -> bool:
    """Whether some of the evidence speaks for this style alone."""
    return any(found["for"] == [style] for found in evidence)


def kelvin_text(value: float) -> str:
    """A temperature as one reads it."""
    return f"{value:,.0f} K" if 10 <= value < 1e6 else f"{value:.2g} K"
