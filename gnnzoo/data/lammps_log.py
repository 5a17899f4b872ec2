"""Potential energies from the logs of LAMMPS, joined to the frames of a dump by their timestep.

A log tells them in tables, one for each run, in the style `thermo_style` asks for (LAMMPS manual, pages thermo_style and
Howto_structured_data): columns, `multi`, or yaml.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnzoo.data.blocks import FrameBlock
from gnnzoo.data.dump_header import real_number
from gnnzoo.errors import DataError, Place

_MULTI = re.compile(r"-+ Step\s+(\d+) -+")
_PAIR = re.compile(r"(\w+)\s*=\s*(\S+)")
_SAME_ENERGY = 1e-6  # relative; where one run ends and the next begins LAMMPS prints a step twice
# Ways to the potential energy, the first that a table has: columns that are added, columns that are taken away.
_WAYS = ((("PotEng",), ()), (("TotEng",), ("KinEng",)), (("E_pair", "E_mol"), ()))


@dataclass(frozen=True)
class _Row:
    """One line of a table, with the place where it stands."""

    step: int
    energy: float
    line: int


class LogEnergies:
    """Potential energies by step.

    Args:
        paths: logs, in the order of the runs.
        units: LAMMPS unit style, which decides whether LAMMPS divides energies by the number of atoms.

    Attributes:
        found, missing: frames that got an energy, and frames whose step no log has.
        per_atom: whether the logs tell energies per atom, which are multiplied by the number of atoms of the frame.

    Raises:
        DataError: a log cannot be read, or tells no potential energies.
    """

    def __init__(self, paths: Sequence[Path], units: str | None):
        self.paths = [Path(path) for path in paths]
        self.found = self.missing = 0
        self._runs: list[dict[int, float]] = []
        norm = None
        last = None
        for path in self.paths:
            text = _text(path)
            norm = _norm(text) or norm
            rows = list(_rows(text.splitlines(), path))
            if not rows:
                raise DataError(
                    "the log tells no potential energies",
                    place=Place(path),
                    expected="tables with the columns Step and PotEng (or TotEng and KinEng, or E_pair and E_mol)",
                    hint="in the LAMMPS input, before the run: thermo_style custom step temp pe ke etotal press",
                )
            for row in rows:
                if last is None or row.step < last:
                    self._runs.append({})
                self._runs[-1][row.step] = row.energy
                last = row.step
        # LAMMPS manual, page thermo_modify: norm yes is the default of units lj, and no of all others.
        self.per_atom = norm == "yes" or (norm is None and units == "lj")

    def of(self, block: FrameBlock) -> np.ndarray:
        """(frames,) potential energy of a block's frames, NaN where no log has their step.

        Raises:
            DataError: several runs tell different energies of a step, and it is not clear which of them is meant.
        """
        pairs = zip(block.steps.tolist(), block.segments.tolist(), strict=True)
        energies = np.array([self._energy(step, segment) for step, segment in pairs])
        known = int(np.isfinite(energies).sum())
        self.found, self.missing = self.found + known, self.missing + len(energies) - known
        return energies * len(block.ids) if self.per_atom else energies

    def check(self) -> None:
        """Raise if no frame at all got an energy."""
        if self.found == 0:
            steps = sorted({step for run in self._runs for step in run})
            raise DataError(
                f"the log has none of the dump's steps: it tells of {len(steps)} steps from {steps[0]} to {steps[-1]}",
                place=Place(self.paths[0]),
                expected="thermo output at the steps of the dump",
                hint="the log of the run that wrote the dump, with thermo N as in dump 1 all custom N",
            )

    def _energy(self, step: int, segment: int) -> float:
        told = [(number, run[step]) for number, run in enumerate(self._runs) if step in run]
        if not told:
            return np.nan
        values = [value for _, value in told]
        if max(values) - min(values) <= _SAME_ENERGY * max(map(abs, values)):
            return values[-1]
        of_segment = dict(told).get(segment)
        if of_segment is None:
            raise DataError(
                f"the logs tell {len(told)} different energies of step {step}: {', '.join(f'{v:.8g}' for v in values)}",
                place=Place(self.paths[0]),
                expected="one run of the log for each segment of the dump",
                hint="convert the runs apart, each with the log of its own",
            )
        return of_segment


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise DataError(f"the log cannot be read: {error.strerror}", place=Place(path)) from error


def _norm(text: str) -> str | None:
    """What the input script, which the log echoes, says last about energies per atom."""
    said = re.findall(r"^\s*thermo_modify\b.*\bnorm\s+(yes|no)\b", text, flags=re.MULTILINE)
    return said[-1] if said else None


def _rows(lines: list[str], path: Path) -> Iterator[_Row]:
    """Steps and potential energies of all tables, in order."""
    names: list[str] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if match := _MULTI.match(line):
            yield from _multi(int(match[1]), lines, number)
        elif words[:1] == ["Step"]:
            names = words
        elif line.startswith("keywords:"):
            names = re.findall(r"[\w\[\]]+", line.partition(":")[2].replace("'", ""))
            names = [name.strip("[]") for name in names]
        elif words[:1] == ["Loop"] or line.startswith("..."):
            names = []
        elif names:
            values = [word.strip("[],") for word in (words[1:] if words[:1] == ["-"] else words)]
            energy = _potential(dict(zip(names, values, strict=False))) if len(values) == len(names) else None
            if energy is not None and values[names.index("Step")].isdigit():
                yield _Row(int(values[names.index("Step")]), energy, number)


def _multi(step: int, lines: list[str], number: int) -> Iterator[_Row]:
    """A block of the style `multi`: a line with the step, and lines with name = value below it."""
    values = {}
    for line in lines[number : number + 6]:
        if _MULTI.match(line) or line.startswith("Loop"):
            break
        values |= dict(_PAIR.findall(line))
    energy = _potential(values)
    if energy is not None:
        yield _Row(step, energy, number)


def _potential(values: dict[str, str]) -> float | None:
    """The potential energy of a line of a table; None where the line does not tell it."""
    for added, taken in _WAYS:
        if all(name in values for name in (*added, *taken)):
            try:
                sums = [sum(real_number(values[name]) for name in names) for names in (added, taken)]
            except ValueError:  # a warning in the middle of a table
                return None
            energy = sums[0] - sums[1]
            return energy if np.isfinite(energy) else None
    return None
