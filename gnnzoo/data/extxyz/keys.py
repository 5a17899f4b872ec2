"""Which quantity a key names, by the words that it consists of.

    energy  Energy  free_energy  REF_energy  energy_dft  TotEnergy  ->  energy, of the sources "", "ref", "dft"
    forces  force  f  dft_forces  REF_forces                        ->  forces
    config_energy_weight  energy_sigma                              ->  none: they qualify a quantity

A key has a stem (energy, forces, ...), words that change nothing (total, potential), and words that name its source: a
method, a program, or "reference". With any other word a key only looks like a quantity: it is reported and never used
unless it is declared.
"""

import re
from dataclasses import dataclass

UNKNOWN = "?"  # source of a key that names none
LABELS = ("forces", "energy", "stress", "virial")
# What `--column MEANING=KEY` can declare: values of the comment line, and columns of the rows.
OF_FRAMES = ("energy", "stress", "virial", "step", "time")
OF_ATOMS = ("forces", "velocities", "momenta", "charges", "molecules", "images", "energies", "masses", "ids")
MEANINGS = (*LABELS, *(meaning for meaning in (*OF_ATOMS, *OF_FRAMES) if meaning not in LABELS))
WIDTHS = {"forces": 3, "velocities": 3, "momenta": 3, "images": 3}  # of the columns of an atom; otherwise 1


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_STEMS: dict[str, frozenset[str]] = {
    "energy": _set("energy energies e en etot epot toten"),
    "forces": _set("forces force f frc"),
    "stress": _set("stress stresses"),
    "virial": _set("virial virials"),
    "velocities": _set("velocities velocity vel velo v"),
    "momenta": _set("momenta momentum"),
    "charges": _set("charges charge q qs"),
    "energies": _set("energies energy epot pe"),
    "masses": _set("masses mass"),
    "images": _set("image images"),
    "ids": _set("id ids"),
    "step": _set("step timestep"),
    "time": _set("time"),
}
_MOLECULES = _set("mol molecule molecules mol-id mol_id molid molecule_id residuenumbers")
# Words that do not change what a key means, by quantity.
_NEUTRAL: dict[str, frozenset[str]] = {
    "energy": _set("total tot potential pot free"),
    "stress": _set("tensor total tot"),
    "virial": _set("tensor total tot"),
    "energies": _set("local atomic atom atoms site per"),
    "charges": _set("initial atomic partial"),
}
# Words that name where the numbers come from: roles, methods, programs, models.
_SOURCES = _set("""
    ref reference dft qm ab initio abinitio label labels target train calc computed calculated raw orig original new old
    true pred predicted prediction model ml mlip nn corrected uncorrected
    lda pbe pbesol revpbe rpbe scan rscan r2scan blyp b3lyp pbe0 hse hse06 wb97x wb97xd wb97m wb97mv m062x bp86 tpss
    hf mp2 ccsd ccsdt casscf fci rpa gfn1 gfn2 pm6 pm7 am1
    vasp qe espresso castep cp2k aims fhi gpaw abinit siesta orca gaussian g16 g09 psi4 pyscf turbomole molpro nwchem
    qchem dftb dftbplus xtb tblite onetep elk wien2k crystal dmol openmx quip lammps gulp openmm amber charmm gromacs
    mace gap soap ace pace nequip allegro schnet painn ani deepmd dp dpmd chgnet m3gnet sevennet sevenn orb uma
    mattersim eqv2 gemnet nep gpumd mtp snap eam meam lj tersoff sw reaxff uff gaff
    """)
# Words of keys that qualify a quantity and are none.
_QUALIFIERS = _set("""
    weight weights sigma std stdev var variance uncertainty unc error err mae rmse mask unit units cutoff tol tolerance
    convergence conv threshold max min norm scale shift factor loss count type kind flag name
    """)
# Part of a key that looks like a quantity -> the quantity.
_LOOKS = {"forc": "forces", "energ": "energy", "stress": "stress", "viri": "virial", "gradient": "forces"}
_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\-. :/]+")


@dataclass(frozen=True)
class Name:
    """A key that names a quantity.

    Attributes:
        meaning: of `MEANINGS`.
        source: where the numbers come from, "" for plain names.
    """

    meaning: str
    source: str


def recognized(key: str, of_atoms: bool) -> Name | None:
    """The quantity that a key names.

    Args:
        key: as in the file.
        of_atoms: whether it is a column of the rows, and not in the comment line.

    Returns:
        None for a key that names none, or is qualified by unknown words.
    """
    if "+" in key:  # the three columns of a vector, see `header`
        key = key.partition("+")[0][:-1]
    words = _words(key)
    meanings = OF_ATOMS if of_atoms else OF_FRAMES
    if of_atoms and key.lower() in _MOLECULES:
        return Name("molecules", "")
    for meaning in meanings:
        stems, neutral = _STEMS.get(meaning, frozenset()), _NEUTRAL.get(meaning, frozenset())
        if sum(word in stems for word in words) != 1:
            continue
        others = [word for word in words if word not in stems and word not in neutral]
        if all(word in _SOURCES for word in others):
            return Name(meaning, "_".join(others))
    return None


def looks_like(key: str) -> str | None:
    """The label (forces, energy, stress, virial) that a key resembles.

    Args:
        key: as in the file.

    Returns:
        None for a key that resembles none, or qualifies one: weights, uncertainties, units.
    """
    words = _words(key)
    if _QUALIFIERS.intersection(words):
        return None
    whole = key.lower()
    return next((label for part, label in _LOOKS.items() if part in whole), None)


def _words(key: str) -> list[str]:
    return [word.lower() for word in _BOUNDARY.split(key) if word]
