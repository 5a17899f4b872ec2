"""Units of extended XYZ: stated in the comment line, declared, or those of ASE by convention.

The format states no units. By the convention of ASE, energies are in eV and lengths in A. Some programs add keys such
as `energy-unit=kcal/mol` or `force_units="Ha/Bohr"`: units that make up a LAMMPS unit style are kept, others are
converted to metal. LAMMPS and OVITO write the numbers of a simulation, in any LAMMPS units and without naming them.
"""

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from gnnzoo.data.extxyz.header import Header
from gnnzoo.errors import DataError, Location
from gnnzoo.units import BOHR_ANGSTROM, EV_PER_KCAL_MOL, HARTREE_EV

CONVENTION = "metal"
_GPA = 1e9 * 1e-30 / 1.602176634e-19  # eV/A^3
# Name of a unit, lower case without blanks -> its size in eV or A.
_ENERGIES = {
    **dict.fromkeys(("ev", "electronvolt", "electronvolts"), 1.0),
    "mev": 1e-3,
    **dict.fromkeys(("kcal/mol", "kcalmol-1", "kcal/mole", "kcalpermol", "kcal_mol", "kcal_per_mol"), EV_PER_KCAL_MOL),
    **dict.fromkeys(("kj/mol", "kjmol-1", "kj/mole", "kj_mol", "kj_per_mol"), EV_PER_KCAL_MOL / 4.184),
    **dict.fromkeys(("ha", "hartree", "hartrees", "eh", "e_h", "au", "a.u."), HARTREE_EV),
    **dict.fromkeys(("ry", "rydberg", "rydbergs"), HARTREE_EV / 2),
}
_LENGTHS = {
    **dict.fromkeys(("a", "ang", "angstrom", "angstroms", "å", "\u212b"), 1.0),
    **dict.fromkeys(("bohr", "bohrs", "a0", "a_0", "au", "a.u."), BOHR_ANGSTROM),
    "nm": 10.0,
    "pm": 0.01,
}
_PRESSURES = {"gpa": _GPA, "mpa": _GPA * 1e-3, "pa": _GPA * 1e-9, "kbar": _GPA * 0.1, "bar": _GPA * 1e-4} | {
    "atm": _GPA * 1.01325e-4
}
_AU = ("au", "a.u.", "atomic", "atomicunits")
# Word of a key -> kind of unit that it states, with a word for "unit".
_KINDS = {
    **dict.fromkeys(("energy", "energies"), "energy"),
    **dict.fromkeys(("force", "forces"), "force"),
    **dict.fromkeys(("length", "lengths", "distance", "distances", "pos", "position", "positions", "coord"), "length"),
    **dict.fromkeys(("coords", "coordinates", "cell", "lattice"), "length"),
    **dict.fromkeys(("stress", "stresses", "pressure"), "stress"),
    **dict.fromkeys(("virial", "virials"), "virial"),
}
_UNIT_WORDS = ("unit", "units")
_WORD = re.compile(r"[A-Za-z]+")


# Energies whose forces are per Bohr in some programs and per A in others.
_ATOMIC = (HARTREE_EV, HARTREE_EV / 2)


@dataclass(frozen=True)
class Units:
    """Units of a file, and what its numbers are multiplied by.

    Attributes:
        style: LAMMPS unit style of the numbers after multiplication, or None where undeclared.
        source: where it comes from, in words; None where undeclared.
        convention: whether only the convention of ASE speaks for it.
        length, energy, force, virial: factors to the units of the style.
        stress: factor to energy per cubed length of the style.
    """

    style: str | None
    source: str | None
    convention: bool = False
    length: float = 1.0
    energy: float = 1.0
    force: float = 1.0
    virial: float = 1.0
    stress: float = 1.0

    @property
    def converted(self) -> bool:
        """Whether the numbers are in other units than those of the style."""
        return (self.length, self.energy, self.force) != (1.0, 1.0, 1.0)

    def factor(self, meaning: str) -> float:
        """What the numbers of a quantity are multiplied by.

        Args:
            meaning: see `keys.MEANINGS`.

        Returns:
            1 for quantities without a unit of energy.
        """
        factors = {"forces": self.force, "energy": self.energy, "energies": self.energy, "virial": self.virial}
        return (factors | {"stress": self.stress}).get(meaning, 1.0)


def stated_units(header: Header) -> dict[str, str]:
    """Units that a comment line states.

    Args:
        header: of a frame.

    Returns:
        Key -> text, such as {"energy-unit": "kcal/mol"}.
    """
    return {
        key: str(value).strip()
        for key, value in header.values.items()
        if _kind(key) is not None and isinstance(value, str)
    }


def is_unit(key: str) -> bool:
    """Whether `key` states a unit."""
    return _kind(key) is not None


def _kind(key: str) -> str | None:
    """The kind of unit that a key states: energy, force, length, stress, or any ("")."""
    words = [word.lower() for word in _WORD.findall(key)]
    if not any(word in _UNIT_WORDS for word in words):
        return None
    rest = [word for word in words if word not in _UNIT_WORDS]
    if not rest:
        return ""
    return _KINDS.get(rest[0]) if len(rest) == 1 else None


def units_of(stated: Mapping[str, str], declared: str | None, lammps: bool, location: Location) -> Units:
    """Determine the units of a file.

    Args:
        stated: see `stated_units`.
        declared: LAMMPS unit style, by the user, or None.
        lammps: whether LAMMPS wrote the file.
        location: of the comment line, for errors.

    Returns:
        The units.

    Raises:
        DataError: a unit is not known, or differs from the declared ones.
    """
    if not stated:
        if declared is not None:
            return Units(declared, "declared")
        return Units(None, None) if lammps else Units(CONVENTION, "the convention of ASE", convention=True)
    sizes = _sizes(stated, declared, location)
    shown = " ".join(f"{key}={text}" for key, text in stated.items())
    if sizes is None:  # a unit that is not known, next to a declaration
        return Units(declared, f"declared, next to {shown}")
    found = next((style for style in ("metal", "real") if _same(sizes, _style_sizes(style))), None)
    if declared is not None and found != declared:
        raise DataError(
            f"the data are in {shown}, but units {declared} were declared",
            location=location,
            expected=f"units {found}" if found else "no declaration: the numbers are converted to metal",
            hint=f"--units {found}" if found else "leave --units out",
        )
    style = _style_sizes(found or CONVENTION)
    factors = {kind: sizes[kind] / size for kind, size in style.items()}
    if found is None:
        return Units(CONVENTION, f"converted from {shown}", False, **factors)
    same = dict.fromkeys(("length", "energy", "force"), 1.0)  # whatever the digits of the conversion factors
    return Units(found, shown, False, **(factors | same))


def _style_sizes(style: str) -> dict[str, float]:
    """Sizes of the units of metal or real, in eV and A."""
    energy = 1.0 if style == "metal" else EV_PER_KCAL_MOL
    return {"length": 1.0, "energy": energy, "force": energy, "virial": energy, "stress": energy}


def _same(sizes: Mapping[str, float], style: Mapping[str, float]) -> bool:
    return all(math.isclose(sizes[kind], style[kind], rel_tol=1e-4) for kind in ("length", "energy", "force"))


def _sizes(stated: Mapping[str, str], declared: str | None, location: Location) -> dict[str, float] | None:
    """Size of each kind of unit, in eV and A; those not stated follow from the others.

    Returns:
        None where a unit is not known and others were declared.
    """
    sizes: dict[str, float] = {}
    for key, text in stated.items():
        found = _parsed(_kind(key) or "", text)
        if found is None:
            if declared is not None:
                return None
            raise DataError(
                f"the unit {key}={text[:60]} is not known",
                location=location,
                expected="eV, kcal/mol, kJ/mol, Ha or Ry, A, Bohr or nm, and forces as one of these per length",
                hint="--units metal (or real, lj) states what the numbers are",
            )
        # The energy in a unit of forces counts where no unit of energies is stated.
        sizes = found | sizes if _kind(key) == "force" else sizes | found
    length = sizes.setdefault("length", 1.0)
    energy = sizes.setdefault("energy", 1.0)
    if "force" not in sizes and (length != 1.0 or any(math.isclose(energy, size) for size in _ATOMIC)):
        raise DataError(
            f"the unit of the forces is not stated: next to {' '.join(f'{k}={t}' for k, t in stated.items())} they may "
            "be per A or per Bohr",
            location=location,
            expected="force-unit=Ha/Bohr, or force-unit=Ha/A, in the comment lines",
            hint=f"sed -i 's|Properties=|force-unit=Ha/Bohr Properties=|' {shlex.quote(str(location.file))}",
        )
    sizes.setdefault("force", energy / length)
    sizes.setdefault("virial", energy)
    sizes.setdefault("stress", energy / length**3)
    return sizes


def _parsed(kind: str, text: str) -> dict[str, float] | None:
    """Sizes of the units that a text names; None where it is not known."""
    if kind == "":
        return _any_unit(text)
    if kind == "force" and _plain(text) not in _AU:
        energy, length = _per(_plain(text), 1)
        known = energy in _ENERGIES and length in _LENGTHS
        return {"force": _ENERGIES[energy] / _LENGTHS[length], "energy": _ENERGIES[energy]} if known else None
    size = _size(kind, text)
    return None if size is None else {kind: size}


def _any_unit(text: str) -> dict[str, float] | None:
    """Units of a key that is just `units`: a unit style, or an energy."""
    word = _plain(text)
    if word in ("metal", "real"):
        return _style_sizes(word)
    if word in _AU:
        return {"length": BOHR_ANGSTROM, "energy": HARTREE_EV, "force": HARTREE_EV / BOHR_ANGSTROM}
    size = _size("energy", text)
    return None if size is None else {"energy": size}


def _size(kind: str, text: str) -> float | None:
    """Size of a unit in eV and A; None where it is not known."""
    word = _plain(text)
    if kind in ("energy", "virial"):
        return _ENERGIES.get(word)
    if kind == "length":
        return _LENGTHS.get(word)
    if kind == "stress" and word in _PRESSURES:
        return _PRESSURES[word]
    power = 3 if kind == "stress" else 1
    if kind == "force" and word in _AU:
        return HARTREE_EV / BOHR_ANGSTROM
    energy, length = _per(word, power)
    if energy not in _ENERGIES or length not in _LENGTHS:
        return None
    return _ENERGIES[energy] / _LENGTHS[length] ** power


def _plain(text: str) -> str:
    """A unit in lower case, without blanks and parentheses, with "/" for every form of "per"."""
    word = re.sub(r"[\s*·()\"']", "", text.strip().lower())
    return word.replace("⁻¹", "-1").replace("³", "3").replace("^", "").replace("**", "")


def _per(word: str, power: int) -> tuple[str, str]:
    """Energy and length of "ev/a", "kcal/mol/a", "kcal/mola", "eva-1", "ev/a3"."""
    exponent = "" if power == 1 else str(power)
    head, _, length = word.rpartition("/")
    if head and length.endswith(exponent):
        length = length.removesuffix(exponent) if exponent else length
        if length in _LENGTHS:
            return head, length
        if length.startswith("mol") and length[3:] in _LENGTHS:
            return f"{head}/mol", length[3:]
    for name in sorted(_LENGTHS, key=len, reverse=True):
        for suffix in (f"{name}-{power}", f"_per_{name}", f"per{name}", f"_{name}"):
            if word.endswith(suffix) and word.removesuffix(suffix) in _ENERGIES:
                return word.removesuffix(suffix), name
    return "", ""
