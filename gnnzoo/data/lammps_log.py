"""Potential energies from the logs of LAMMPS, joined to the frames of a dump by their timestep.

A log tells them in tables, one for each run, in the style `thermo_style` asks for (LAMMPS manual, pages thermo_style
and Howto_structured_data): columns, `multi`, or yaml.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gnnzoo.data.dump_header import real_number
from gnnzoo.errors import DataError, Place

_MULTI = re.compile(r"-+ Step\s+(\d+) -+")
_LOOP = re.compile(r"Loop time of .* with (\d+) atoms")
_PAIR = re.compile(r"(\w+)\s*=\s*(\S+)")
_SAME_ENERGY = 1e-6  # relative; where one run ends and the next begins LAMMPS prints a step twice
# Ways to the potential energy, the first that a table has: columns that are added, columns that are taken away.
_WAYS = ((("PotEng",), ()), (("TotEng",), ("KinEng",)), (("E_pair", "E_mol"), ()))


@dataclass(frozen=True)
class _Row:
    """One line of a table."""

    step: int
    energy: float


@dataclass
class _Run:
    """One table, or several that go on from one another.

    Attributes:
        energies: step -> potential energy.
        atoms: how many there were at the end of each table; none where the log breaks off.
        minimized: whether it is a minimisation.
    """

    energies: dict[int, float] = field(default_factory=dict)
    atoms: list[int] = field(default_factory=list)
    minimized: bool = False

    def may_have(self, atoms: int) -> bool:
        """Whether there were so many at some time, as far as the ends of the tables tell."""
        return bool(self.atoms) and min(self.atoms) <= atoms <= max(self.atoms)


class LogEnergies:
    """Potential energies by run and step.

    Args:
        paths: logs, in the order of the runs.
        units: LAMMPS unit style, which decides whether LAMMPS divides energies by the number of atoms.

    Attributes:
        per_atom: whether the logs tell energies per atom.

    Raises:
        DataError: a log cannot be read, or tells no potential energies.
    """

    def __init__(self, paths: Sequence[Path], units: str | None):
        self.paths = [Path(path) for path in paths]
        self._runs: list[_Run] = []
        norm = None
        for path in self.paths:
            text = _text(path)
            norm = _norm(text) or norm
            runs = _runs(text.splitlines())
            if not runs:
                raise DataError(
                    "the log tells no potential energies",
                    place=Place(path),
                    expected="tables with the columns Step and PotEng (or TotEng and KinEng, or E_pair and E_mol)",
                    hint="in the LAMMPS input, before the run: thermo_style custom step temp pe ke etotal press",
                )
            self._runs += runs
        # LAMMPS manual, page thermo_modify: norm yes is the default of units lj, and no of all others.
        self.per_atom = norm == "yes" or (norm is None and units == "lj")

    def of(self, steps: np.ndarray, segments: np.ndarray, atoms: np.ndarray) -> np.ndarray:
        """The potential energy of each frame, NaN where no log has its step.

        Where runs tell different energies of a step, the frames go through the runs in order, changing from one to the
        next as seldom as possible and best where a new segment begins; minimisations are passed over where they can be.

        Args:
            steps, segments: (frames,) of the dump.
            atoms: (frames,) number of atoms.

        Raises:
            DataError: no frame has an energy; or it is not clear which of several runs a frame is of.
        """
        first, last = (self._energies(steps, self._matched(steps, segments, atoms, late)) for late in (False, True))
        different = np.flatnonzero(~np.isclose(first, last, rtol=_SAME_ENERGY, atol=0, equal_nan=True))
        if len(different):
            frame = different[0]
            raise DataError(
                f"the log tells different energies of step {steps[frame]}: {first[frame]:.8g} and {last[frame]:.8g}, "
                "in two runs that the dump may both show",
                place=Place(self.paths[0]),
                expected="one run of the log for each segment of the dump",
                hint="cut the other runs out of a copy of the log",
            )
        if not np.any(np.isfinite(first)):
            known = sorted({step for run in self._runs for step in run.energies})
            raise DataError(
                f"the log has none of the dump's steps: it tells of {len(known)} steps from {known[0]} to {known[-1]}",
                place=Place(self.paths[0]),
                expected="thermo output at the steps of the dump",
                hint="the log of the run that wrote the dump, with thermo N as in dump 1 all custom N",
            )
        return first * atoms if self.per_atom else first

    def _energies(self, steps: np.ndarray, runs: np.ndarray) -> np.ndarray:
        pairs = zip(steps.tolist(), runs.tolist(), strict=True)
        return np.array([self._runs[run].energies.get(step, np.nan) for step, run in pairs])

    def _matched(self, steps: np.ndarray, segments: np.ndarray, atoms: np.ndarray, late: bool) -> np.ndarray:
        """(frames,) the run of each frame; `late` takes the last of equal choices, else the first is taken."""
        runs, n_frames = np.arange(len(self._runs)), len(steps)
        # So that one frame without an energy is worse than any number of changes, and these than any minimisation.
        lack, change = (n_frames + 1) ** 2, n_frames + 1
        back = np.zeros((n_frames, len(runs)), dtype=np.int32)
        cost = np.zeros(len(runs), dtype=np.int64)
        for frame, step in enumerate(steps.tolist()):
            if frame > 0:
                new = segments[frame] != segments[frame - 1]
                # (run before, run): runs follow in order
                steps_on = cost[:, None] + np.where(runs[:, None] == runs, change * new, change * (not new))
                steps_on[runs[:, None] > runs] = np.iinfo(np.int64).max
                back[frame] = _smallest(steps_on, late)
                cost = np.take_along_axis(steps_on, back[frame][None].astype(np.int64), axis=0)[0]
            cost += self._costs(step, int(atoms[frame]), lack)
        chosen = [int(_smallest(cost[:, None], late)[0])]
        for frame in range(n_frames - 1, 0, -1):
            chosen.append(int(back[frame, chosen[-1]]))
        return np.array(chosen[::-1])

    def _costs(self, step: int, atoms: int, lack: int) -> list[int]:
        """What it costs to take a frame to be of each run."""
        fits = [run.may_have(atoms) for run in self._runs]
        found = [step in run.energies and (fit or not any(fits)) for run, fit in zip(self._runs, fits, strict=True)]
        return [int(run.minimized) if there else lack for run, there in zip(self._runs, found, strict=True)]


def _smallest(costs: np.ndarray, late: bool) -> np.ndarray:
    """Of each column the row of the smallest cost: the first such row, or the last."""
    return len(costs) - 1 - np.argmin(costs[::-1], axis=0) if late else np.argmin(costs, axis=0)


def _runs(lines: list[str]) -> list[_Run]:
    """The runs of a log; a run that goes on from the one before, with the same atoms, belongs to it."""
    runs: list[_Run] = []
    last: _Row | None = None
    minimized = False
    for line, row in _rows(lines):
        if row is not None:
            # A run that follows another one prints the step between them again.
            if last is None or row.step < last.step or (row.step == last.step and not _equal(row, last)):
                runs.append(_Run(minimized=minimized))
            runs[-1].energies[row.step] = row.energy
            last = row
        elif line.startswith("Setting up"):
            minimized = "minimization" in line
        elif runs and (match := _LOOP.match(line)):
            runs[-1].atoms.append(int(match[1]))
    return runs


def _equal(a: _Row, b: _Row) -> bool:
    return abs(a.energy - b.energy) <= _SAME_ENERGY * max(abs(a.energy), abs(b.energy))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise DataError(f"the log cannot be read: {error.strerror}", place=Place(path)) from error


def _norm(text: str) -> str | None:
    """What the input script, which the log echoes, says last about energies per atom."""
    said = re.findall(r"^\s*thermo_modify\b.*\bnorm\s+(yes|no)\b", text, flags=re.MULTILINE)
    return said[-1] if said else None


def _rows(lines: list[str]) -> Iterator[tuple[str, _Row | None]]:
    """Each line, and the step and energy that it tells, if it does."""
    names: list[str] = []
    for number, line in enumerate(lines):
        words, row = line.split(), None
        if match := _MULTI.match(line):
            row = _multi(int(match[1]), lines[number + 1 : number + 7])
        elif words[:1] == ["Step"]:
            names = words
        elif line.startswith("keywords:"):
            names = re.findall(r"[^\s,\[\]'\"]+", line.partition(":")[2])
        elif words[:1] == ["Loop"] or line.startswith("..."):
            names = []
        elif names:
            values = [word.strip("[],") for word in (words[1:] if words[:1] == ["-"] else words)]
            told = dict(zip(names, [value for value in values if value], strict=False))
            energy = _potential(told) if len(told) == len(names) else None
            if energy is not None and told.get("Step", "").isdigit():
                row = _Row(int(told["Step"]), energy)
        yield line, row


def _multi(step: int, lines: list[str]) -> _Row | None:
    """A block of the style `multi`: a line with the step, and lines with name = value below it."""
    values = {}
    for line in lines:
        if _MULTI.match(line) or line.startswith("Loop"):
            break
        values |= dict(_PAIR.findall(line))
    energy = _potential(values)
    return None if energy is None else _Row(step, energy)


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
