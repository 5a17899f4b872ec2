"""Which key each quantity is taken from: declared, or the only one that names it.

Where several keys name a quantity and differ, the user chooses: they may come from different calculators, and a model
trained on the wrong one shows no error. A single key is taken whatever its prefix, since there is nothing to choose, as
long as its source is that of the forces: `dft_energy` goes with `dft_forces`, but not by itself with `forces`. Once the
forces are declared, the other quantities follow their source.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gnnzoo.data.extxyz.header import Header
from gnnzoo.data.extxyz.keys import LABELS, MEANINGS, OF_ATOMS, UNKNOWN, recognized
from gnnzoo.data.extxyz.survey import KeyCount, Survey
from gnnzoo.errors import DataError, Location, UserError, did_you_mean

_AUTOMATIC = ("energy", "stress", "virial", *OF_ATOMS[1:], "step", "time")
_SPECIES = ("species", "symbols", "symbol", "element", "elements", "Z", "numbers", "atomic_numbers", "type")
_POSITIONS = ("pos", "positions", "position", "coords", "x+y+z")
_LAMMPS_STRESS = "LAMMPS' pressure tensor, with its kinetic part: not a virial"


@dataclass
class Choice:
    """The keys that are used.

    Attributes:
        keys: quantity -> key.
        reasons: key that is not used -> why.
        doubts: warnings about quantities that were not taken.
    """

    keys: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


def is_lammps(header: Header) -> bool:
    """Whether a frame was written by LAMMPS' dump style extxyz, or by OVITO, whose numbers are in any LAMMPS units.

    Returns:
        True for a comment line with their key `Timestep`.
    """
    return "Timestep" in header.values


def is_species(key: str) -> bool:
    """Whether a column holds the species of the atoms by its name, `key`."""
    return key.lower() in map(str.lower, _SPECIES)


def is_positions(key: str) -> bool:
    """Whether a column holds the positions of the atoms by its name, `key`."""
    return key.lower() in _POSITIONS


def species_and_positions(header: Header) -> tuple[str, str]:
    """Columns with the species and the positions of a frame.

    Args:
        header: of the frame.

    Returns:
        Their names.

    Raises:
        DataError: there are none.
    """
    names = {name.lower(): name for name in header.columns}
    species = next((names[name.lower()] for name in _SPECIES if name.lower() in names), None)
    positions = next((names[name] for name in _POSITIONS if name in names), None)
    if species is None or positions is None or header.columns[positions].width != 3:
        what = "species" if species is None else "positions"
        raise DataError(
            f"frame {header.number} has no column of {what}: it has {' '.join(header.columns)}",
            location=header.location,
            expected="Properties=species:S:1:pos:R:3:...",
        )
    return species, positions


def choose_keys(survey: Survey, declared: Mapping[str, str] | None, path: Path, motion_has_units: bool) -> Choice:
    """Choose the key of each quantity.

    Args:
        survey: of the file.
        declared: quantity -> key.
        path: of the file, for errors and hints.
        motion_has_units: whether the units of velocities and times are known; momenta always are in those of ASE.

    Returns:
        The choice.

    Raises:
        UserError: a quantity is unknown.
        DataError: a declared key does not exist or does not have the right shape; no key names the forces; several do.
    """
    declared = dict(declared or {})
    _check_declared(survey, declared, path)
    chooser = _Chooser(survey, declared, path)
    chooser.choose(motion_has_units)
    return chooser.choice


class _Chooser:
    """Collects the choice, quantity by quantity."""

    def __init__(self, survey: Survey, declared: Mapping[str, str], path: Path):
        self._survey, self._declared, self._path = survey, declared, path
        self.choice = Choice(dict(declared))
        self._open: dict[str, list[KeyCount]] = {}  # quantity -> keys between which the user must choose

    def choose(self, motion_has_units: bool) -> None:
        """Choose all keys, or raise the error about all quantities that are left to the user."""
        self._forces()
        for meaning in _AUTOMATIC:
            if meaning not in self._declared:
                self._pick(meaning, self._candidates(meaning))
        if self._open:
            raise self._undecided()
        self._motion(motion_has_units)
        if is_lammps(self._survey.first):
            self.choice.reasons |= {key: _LAMMPS_STRESS for key in self._survey.values if key.lower() == "stress"}

    def _candidates(self, meaning: str) -> list[KeyCount]:
        found = self._survey.of_meaning(meaning, of_atoms=meaning in OF_ATOMS)  # without those declared as others
        if meaning == "stress" and is_lammps(self._survey.first):
            found = [count for count in found if count.key.lower() != "stress"]
        taken = set(self._declared.values())
        return [count for count in found if count.key not in taken]

    def _forces(self) -> None:
        """The key of the forces, whose source the other quantities follow."""
        self._source: str | None = None  # None until it is known
        if "forces" in self._declared:
            name = self._survey.columns[self._declared["forces"]].name
            self._source = name.source if name is not None else UNKNOWN
            return
        found = self._candidates("forces")
        if len(found) == 1:
            self.choice.keys["forces"] = found[0].key
            assert found[0].name is not None
            self._source = found[0].name.source
        elif found:
            self._open["forces"] = found
        else:
            raise no_forces(self._survey, self._path)

    def _pick(self, meaning: str, found: list[KeyCount]) -> None:
        """The key of a quantity: of the source of the forces, and the only one."""
        if not found:
            return
        same = [count for count in found if count.name is not None and count.name.source == self._source]
        follows = "forces" in self._declared
        rest = [count for count in found if count not in same]
        if meaning not in LABELS:
            if not same and meaning != "energies":  # atoms and their motion do not depend on a method
                same = [count for count in found if count.name is not None and count.name.source == ""]
            if same:
                self.choice.keys[meaning] = _preferred(same, meaning).key
            return
        if self._source is None or (same and rest and not follows) or (len(same) > 1 and not self._equal(same)):
            if len(found) > 1:
                self._open[meaning] = same if follows else found
            return
        if same:
            self.choice.keys[meaning] = same[0].key

    def _equal(self, found: Sequence[KeyCount]) -> bool:
        """Whether energies are equal wherever two keys have one."""
        numbers = [count.numbers(self._survey.frames) for count in found]
        return all(len(count.values) > 0 for count in found) and all(
            np.all((one == numbers[0]) | np.isnan(one) | np.isnan(numbers[0])) for one in numbers[1:]
        )

    def _motion(self, has_units: bool) -> None:
        """Velocities and times in a known unit; or momenta, whose unit is ASE's."""
        keys = self.choice.keys
        for name, what in (("velocities", "velocities"), ("time", "times")):
            if name in self._declared or name not in keys or has_units:
                continue
            key = keys.pop(name)
            declare = option(name, key)
            self.choice.reasons[key] = f"{what} in no stated unit: {declare} takes them in those of --units"
        if "momenta" in keys and "velocities" in keys:
            keys.pop("momenta" if "velocities" in self._declared else "velocities")

    def _undecided(self) -> DataError:
        """The error about quantities that several keys name."""
        what = "; ".join(
            f"{meaning} could be " + " or ".join(f"{count.key} ({count.frames:,} frames)" for count in found)
            for meaning, found in self._open.items()
        )
        return DataError(
            f"several keys name the same quantity, and the choice is yours: {what}",
            location=Location(self._path),
            expected="one key for each quantity",
            hint=f"{convert_command(self._path)} {', or '.join(self._alternatives())} (in a recipe: data.columns)",
        )

    def _alternatives(self) -> list[str]:
        """The options of each choice: by source, then by key."""
        sources = dict.fromkeys(
            count.name.source for found in self._open.values() for count in found if count.name is not None
        )
        texts = []
        for source in sources:
            of_source = {
                meaning: [count for count in found if count.name is not None and count.name.source == source]
                for meaning, found in self._open.items()
            }
            for index in range(max(map(len, of_source.values()))):
                words = [
                    option(meaning, found[min(index, len(found) - 1)].key)
                    for meaning, found in of_source.items()
                    if found
                ]
                texts.append(" ".join(words))
        return texts


def _preferred(found: Sequence[KeyCount], meaning: str) -> KeyCount:
    """Of several keys, the plain name: `charges` before `initial_charges`, as ASE does."""
    return next((count for count in found if count.key.lower() == meaning), found[0])


def option(meaning: str, key: str) -> str:
    """The option of the command line that declares a key.

    Args:
        meaning: the quantity.
        key: in the file.

    Returns:
        Such as --column energy=REF_energy.
    """
    return f"--column {shlex.quote(f'{meaning}={key}')}"


def convert_command(path: Path, units: str | None = None, columns: Mapping[str, str] | None = None) -> str:
    """The command that converts a file.

    Args:
        path: of the file.
        units, columns: declared.

    Returns:
        Such as gnnzoo convert a.extxyz --units real.
    """
    words = ["gnnzoo convert", shlex.quote(str(path)), *([f"--units {units}"] if units else [])]
    return " ".join([*words, *(option(meaning, key) for meaning, key in (columns or {}).items())])


def no_forces(survey: Survey, path: Path) -> DataError:
    """The error about a file without forces.

    Args:
        survey: of the file.
        path: of the file.

    Returns:
        With the keys that could be forces.
    """
    comment = survey.first.comment or ""
    if not any(survey.n_atoms):
        return DataError("the file holds no atom", location=Location(path), expected="frames with atoms")
    used = {"positions", "velocities", "momenta", "images"}
    vectors = [
        count.key
        for count in survey.columns.values()
        if count.column is not None
        and count.column.width == 3
        and count.column.kind == "R"
        and count.key.lower() not in _POSITIONS
        and (count.name is None or count.name.meaning not in used)
    ]
    hint = " or ".join(option("forces", key) for key in vectors)
    hint = f"{hint}, if these are the forces" if hint else ""
    if comment.startswith("Atoms. Timestep:") or is_lammps(survey.first):
        stem = path.name.split(".")[0] or "frames"
        yes = f"dump 1 all custom 100 {stem}.lammpstrj id type x y z fx fy fz"
        hint = f"in the LAMMPS input: {yes}" if comment else f"in the LAMMPS input: dump_modify 1 forces yes; or {yes}"
    columns = " ".join(survey.columns)
    others = f"; its other keys are {' '.join(list(survey.values)[:30])}" if survey.values and not comment else ""
    return DataError(
        f"the file holds no forces: its columns are {columns}{others}",
        location=Location(path),
        expected="forces of each atom: forces:R:3 in Properties",
        hint=hint or None,
    )


# --- declared keys ------------------------------------------------------------------------------------------------


def _check_declared(survey: Survey, declared: Mapping[str, str], path: Path) -> None:
    """Refuse declarations that cannot be followed."""
    for meaning, key in declared.items():
        if meaning not in MEANINGS:
            raise UserError(
                f"a key cannot be '{meaning}'.{did_you_mean(meaning, MEANINGS)}",
                expected=f"one of {' '.join(MEANINGS)}",
                hint="--column energy=REF_energy takes the energy from the key REF_energy",
            )
        of_atoms = meaning in OF_ATOMS
        here, there = (survey.columns, survey.values) if of_atoms else (survey.values, survey.columns)
        if key not in here:
            raise _no_key(meaning, key, here, there, path)
        _check_meaning(survey, meaning, here[key], path)


def _no_key(
    meaning: str, key: str, here: Mapping[str, KeyCount], there: Mapping[str, KeyCount], path: Path
) -> DataError:
    """The error about a declared key that does not exist where it should."""
    of_atoms = meaning in OF_ATOMS
    names = [name for name in here if name.lower() not in (*_POSITIONS, *_SPECIES)]
    place, other = ("columns of the rows", "the comment line") if of_atoms else ("the comment line", "the rows")
    what, hint = f"there is no '{key}', declared as {meaning}, among the {place}.{did_you_mean(key, names)}", None
    if key in there:
        what = f"'{key}', declared as {meaning}, is in {other}, and not among the {place}"
        hint = option("energies", key) + ", energies of the atoms" if meaning == "energy" else None
    return DataError(
        what,
        location=Location(path),
        expected=f"one of {' '.join(names)}" if names else "a key that the file has",
        hint=hint,
    )


def _check_meaning(survey: Survey, meaning: str, count: KeyCount, path: Path) -> None:
    """Refuse a key that is known to be something else."""
    name, hint = recognized(count.key, of_atoms=count.column is not None), None
    problem = None if any(count.usable) else count.problem
    if meaning in ("stress", "virial") and is_lammps(survey.first) and count.key.lower() == "stress":
        problem = _LAMMPS_STRESS
    elif name is not None and {meaning, name.meaning} in ({"stress", "virial"}, {"velocities", "momenta"}):
        problem, hint = f"it is named as a {name.meaning}", option(name.meaning, count.key)
    if problem is not None:
        raise DataError(
            f"{count.key}, declared as {meaning}, cannot be used: {problem}",
            location=Location(path),
            hint=hint or f"leave {option(meaning, count.key)} out",
        )
