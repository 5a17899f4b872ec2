"""What was taken from a file, from which keys and in how many frames; and what looks like a quantity but was not."""

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from gnnzoo.data.extxyz.choice import Choice, is_lammps, is_positions, is_species, option
from gnnzoo.data.extxyz.header import Header
from gnnzoo.data.extxyz.keys import LABELS, OF_ATOMS, looks_like
from gnnzoo.data.extxyz.quantities import FrameContents
from gnnzoo.data.extxyz.survey import KeyCount, Survey
from gnnzoo.data.extxyz.units import Units, is_unit
from gnnzoo.data.frames.quantities import MOST_LISTED, LeftOut, QuantitiesReport, Quantity, UnusedKey

_FRAME = ("lattice", "pbc", "origin", "boundary", "config_type")  # keys that are used, or kept as the groups
_ORDER = (*LABELS, "velocities", "charges", "molecules", "images", "energies", "masses", "ids", "step", "time")
_MOTION = ("velocities", "momenta")  # keys of velocities
_FEW = 5  # frames that are named in a message


@dataclass
class Outcome:
    """What is known about the frames that were read.

    Attributes:
        missing: optional quantity -> the first frame without it; it is left out of all.
        frames: number of frames that were taken.
        first: number of the first of these, in the file.
        counts: quantity -> frames that have it.
        six: of a stress or virial, frames with six numbers.
        without_forces: frames of one atom, whose force is zero by symmetry.
        left_out: the first frames that were left out.
        n_left_out: how many.
        doubts: kind -> the first warning.
        masses: of the types, g/mol.
    """

    missing: dict[str, int] = field(default_factory=dict)
    frames: int = 0
    first: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    six: Counter[str] = field(default_factory=Counter)
    without_forces: list[int] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    n_left_out: int = 0
    doubts: dict[str, str] = field(default_factory=dict)
    masses: dict[str, float] = field(default_factory=dict)

    def leave_out(self, header: Header, why: str) -> None:
        """Note a frame that is left out."""
        self.n_left_out += 1
        if len(self.left_out) < MOST_LISTED:
            self.left_out.append(LeftOut(header.number, header.line, why))

    def count(self, contents: FrameContents, keys: dict[str, str]) -> None:
        """Note a frame that is taken."""
        header = contents.header
        self.first = self.first if self.frames else header.number
        self.frames += 1
        if keys.get("forces") not in header.columns or contents.forces_by_symmetry:
            self.without_forces.append(header.number)
        self.counts.update(name for name in contents.arrays if name != "positions")
        self.counts["energy"] += math.isfinite(contents.energy)
        self.counts["step"] += keys.get("step") in header.values
        self.counts["time"] += keys.get("time") in header.values
        self.counts["ids"] += keys.get("ids") in header.columns
        for name in ("stress", "virial"):
            value = header.values.get(keys.get(name, ""))
            self.counts[name] += name in contents.virial_from
            self.six[name] += name in contents.virial_from and getattr(value, "size", 0) == 6
        for kind, doubt in contents.doubts.items():
            self.doubts.setdefault(kind, doubt)
        if contents.masses is not None:
            self.counts["masses"] += 1
            self._add_masses(contents.species, contents.masses)

    def _add_masses(self, species: list[str], masses: np.ndarray) -> None:
        """Note the masses of the types."""
        for name, mass in dict(zip(species, masses.tolist(), strict=True)).items():
            if self.masses.setdefault(name, mass) != mass:
                self.doubts.setdefault("masses", f"atoms of {name} differ in mass: {self.masses[name]:g} and {mass:g}")


def quantities_report(
    survey: Survey, choice: Choice, units: Units, outcome: Outcome, command: str
) -> tuple[QuantitiesReport, list[str]]:
    """Report the quantities of a file.

    Args:
        survey: its keys.
        choice: the keys that are used.
        units: of the file.
        outcome: of reading it.
        command: that converts the file.

    Returns:
        The report, and warnings.
    """
    taken = tuple(_taken(survey, choice, units, outcome))
    unused = tuple(_unused(survey, choice, outcome))
    report = QuantitiesReport(
        frames=survey.frames,
        taken=taken,
        unused=unused,
        left_out=tuple(outcome.left_out),
        n_left_out=outcome.n_left_out,
        units_from=units.source,
        units_by_convention=units.convention,
        has_steps="step" in choice.keys,
        groups=tuple(survey.groups.most_common()),
        remarks=_general_remarks(survey, outcome),
    )
    doubts = [
        *_left_out_doubts(outcome),
        *_missing_doubts(choice, outcome, survey),
        *_label_doubts(report, command),
        *_odd_doubts(survey, choice),
        *outcome.doubts.values(),
    ]
    return report, doubts


# --- what was taken -----------------------------------------------------------------------------------------------


def _taken(survey: Survey, choice: Choice, units: Units, outcome: Outcome) -> list[Quantity]:
    found = []
    keys = {"velocities": choice.keys.get("momenta"), **choice.keys}
    for name in _ORDER:
        key = keys.get(name)
        if key is None or not outcome.counts[name]:
            continue
        shown = {"stress": "virial", "step": "steps", "time": "times"}.get(name, name)
        remarks = _remarks(name, key, choice, units, outcome)
        found.append(Quantity(shown, key, outcome.counts[name], ", ".join(remarks) or None))
    return found


def _general_remarks(survey: Survey, outcome: Outcome) -> tuple[str, ...]:
    """What follows from missing ids."""
    if not is_lammps(survey.first) or outcome.counts["ids"]:
        return ()
    return (
        "the atoms have no ids and are numbered by row, which LAMMPS changes from frame to frame unless the dump was "
        "written with dump_modify sort id: what follows an atom in time is not reliable",
    )


def _remarks(name: str, key: str, choice: Choice, units: Units, outcome: Outcome) -> list[str]:
    """How a quantity is converted."""
    remarks = []
    if name == "stress":
        remarks.append("-V stress")
    if outcome.six[name]:
        remarks.append("6 numbers are xx yy zz yz xz xy")
    if name == "velocities" and choice.keys.get("momenta") == key:
        remarks.append("momenta / masses, in units of ASE")
    if (factor := units.factor(name)) != 1.0:
        remarks.append(f"times {factor:.8g}")
    if name == "forces" and outcome.without_forces:
        remarks.append(f"zero by symmetry for the one atom of {_frames(outcome.without_forces)}")
    return remarks


def _frames(numbers: list[int]) -> str:
    """Some frames, in words."""
    few = ", ".join(map(str, numbers[:_FEW]))
    more = f" and {len(numbers) - _FEW:,} more" if len(numbers) > _FEW else ""
    return f"frame{'s' if len(numbers) > 1 else ''} {few}{more}"


# --- what was not -------------------------------------------------------------------------------------------------


def _unused(survey: Survey, choice: Choice, outcome: Outcome) -> list[UnusedKey]:
    used = {key for name, key in choice.keys.items() if outcome.counts["velocities" if name in _MOTION else name]}
    columns = [count for count in survey.columns.values() if not is_species(count.key) and not is_positions(count.key)]
    values = [c for c in survey.values.values() if c.key.lower() not in _FRAME and not is_unit(c.key)]
    return [_unused_key(count, choice, outcome) for count in [*columns, *values] if count.key not in used]


def _unused_key(count: KeyCount, choice: Choice, outcome: Outcome) -> UnusedKey:
    of_atoms = count.column is not None
    label = count.name.meaning if count.name is not None and count.name.meaning in LABELS else looks_like(count.key)
    if label is not None and count.key in choice.reasons:
        label = None  # the reason says what it is
    remark = choice.reasons.get(count.key) or count.problem or None
    meaning = next((name for name, key in choice.keys.items() if key == count.key), None)
    meaning = "velocities" if meaning == "momenta" else meaning
    if meaning in outcome.missing:
        remark, label = f"{meaning}, not in frame {outcome.missing[meaning]}", None
    elif meaning is not None and remark is None:
        remark = "next to the virial" if outcome.counts["virial"] else "finite in no frame"
    elif label is not None and remark is None and (label in OF_ATOMS) != of_atoms:
        remark = "one for each atom" if of_atoms else "in the comment line"
    return UnusedKey(count.key, count.frames, label, remark)


# --- warnings -----------------------------------------------------------------------------------------------------


def _left_out_doubts(outcome: Outcome) -> list[str]:
    if not outcome.n_left_out:
        return []
    named = [
        f"frame {item.frame}" + (f" (line {item.line})" if item.line is not None else "") + f" {item.why}"
        for item in outcome.left_out[:_FEW]
    ]
    more = outcome.n_left_out - len(named)
    count = f"{outcome.n_left_out:,} frame{'s are' if outcome.n_left_out > 1 else ' is'} left out"
    return [f"{count}: {'; '.join(named)}" + (f"; and {more:,} more" if more else "")]


def _missing_doubts(choice: Choice, outcome: Outcome, survey: Survey) -> list[str]:
    """Optional quantities that are not in all frames."""
    doubts = []
    for name, frame in outcome.missing.items():
        key = choice.keys.get(name) or choice.keys.get("momenta", name)
        count = survey.columns.get(key)
        number = count.frames if count is not None else 0
        doubts.append(
            f"{name} are left out: {key} is in {number:,} of {survey.frames:,} frames, and not, or not finite, in "
            f"frame {frame}"
        )
    return doubts


def _label_doubts(report: QuantitiesReport, command: str) -> list[str]:
    """Energies and virials that were not taken although keys resemble them; with the command that takes them."""
    taken = {quantity.name for quantity in report.taken}
    missing, shown, options = [], [], []
    for name, labels in (("energy", ("energy",)), ("virial", ("virial", "stress"))):
        similar = [item for item in report.unused if item.looks_like in labels and item.remark is None]
        if name not in taken and similar:
            missing.append(name)
            shown += [f"{item.key} (in {item.frames:,} of {report.frames:,} frames)" for item in similar]
            options.append(option(str(similar[0].looks_like), similar[0].key))
    if not missing:
        return []
    return [
        f"no {' and no '.join(missing)} was taken, but {', '.join(shown)} {'look' if len(shown) > 1 else 'looks'} like "
        f"it: {command} {' '.join(options)} --overwrite"
    ]


def _odd_doubts(survey: Survey, choice: Choice) -> list[str]:
    """Quantities of the comment line that do not have the right shape in some frames."""
    chosen = {key for name, key in choice.keys.items() if name in ("energy", "stress", "virial")}
    odd = [
        count
        for count in survey.values.values()
        if count.problem and (count.key in chosen or (count.name is not None and count.name.meaning in LABELS))
    ]
    return [
        f"{count.key} of frame {count.first_problem} is not taken: {count.problem}" for count in odd if count.problem
    ]
