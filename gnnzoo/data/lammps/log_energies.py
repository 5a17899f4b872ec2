"""Potential energies from the logs of LAMMPS, joined to the frames of a dump by their timestep."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gnnzoo.data.lammps.log_tables import Table, log_tables
from gnnzoo.errors import DataError, Location

_NEVER = 2**61
_SAME_ENERGY = 1e-6  # relative; where one run ends and the next begins LAMMPS prints a step twice


@dataclass
class _Run:
    """One table, or several that go on from one another.

    Attributes:
        energies: step -> potential energy as printed, and whether it is per atom.
        atoms: how many there were at the end of each table; none where the log breaks off.
        minimized: whether it is a minimisation.
    """

    energies: dict[int, tuple[float, bool]] = field(default_factory=dict)
    atoms: list[int] = field(default_factory=list)
    minimized: bool = False


@dataclass(frozen=True)
class JoinedEnergies:
    """What the logs tell of the frames of a dump.

    Attributes:
        energies: (frames,) potential energy of all atoms, NaN where no log has the step.
        per_atom: (frames,) whether the log told it per atom, so that it was multiplied by the number of atoms.
    """

    energies: np.ndarray
    per_atom: np.ndarray


class LogEnergies:
    """Potential energies by run and step.

    Args:
        paths: logs, in the order of the runs.
        units: LAMMPS unit style of the dump. A table of a log whose units are not echoed is taken to have them too.

    Raises:
        DataError: a log cannot be read, or no potential energies are found in it; it has other units than the dump or
            than the logs before it; nothing tells whether its energies are per atom.
    """

    def __init__(self, paths: Sequence[Path], units: str | None):
        self.paths = [Path(path) for path in paths]
        tables = [(path, log_tables(path)) for path in self.paths]
        units = _agreed_units(tables, units)
        self._runs: list[_Run] = []
        for path, told in tables:
            if not told:
                raise DataError(
                    "no potential energies were found in the log",
                    location=Location(path),
                    expected="tables with the columns Step and PotEng (or TotEng and KinEng, or E_pair and E_mol)",
                    hint="in the LAMMPS input, before the run: thermo_style custom step temp pe ke etotal press",
                )
            self._runs += _runs([(table, _per_atom(table, units, path)) for table in told])
        self._runs = _with_gaps(self._runs)

    def of(self, steps: np.ndarray, segments: np.ndarray, atoms: np.ndarray) -> JoinedEnergies:
        """The potential energy of each frame.

        The frames go through the runs in order, changing from one to the next as seldom as possible within a segment;
        minimisations are passed over where they can be. A new segment is of a later run, or of none that the logs show.

        Args:
            steps, segments: (frames,) of the dump.
            atoms: (frames,) number of atoms.

        Raises:
            DataError: no frame has an energy; or it is not clear which of several runs a frame is of.
        """
        match = _Matching(self._runs, steps, segments, atoms)
        (first, first_shares), (last, last_shares) = (self._printed(steps, match.runs(late)) for late in (False, True))
        totals, other = (np.where(s, e * atoms, e) for e, s in ((first, first_shares), (last, last_shares)))
        different = np.flatnonzero(~np.isclose(totals, other, rtol=_SAME_ENERGY, atol=0, equal_nan=True))
        if len(different):
            frame = different[0]
            raise DataError(
                f"the log tells different energies of step {steps[frame]}: {first[frame]:.8g} and {last[frame]:.8g}, "
                "in two runs that the dump may both show",
                location=Location(self.paths[0]),
                expected="one run of the log for each segment of the dump",
                hint="cut the other runs out of a copy of the log",
            )
        if not np.any(np.isfinite(totals)):
            known = sorted({step for run in self._runs for step in run.energies})
            raise DataError(
                f"the log tells no energy at the dump's steps: it tells those of {len(known)} steps "
                f"from {known[0]} to {known[-1]}",
                location=Location(self.paths[0]),
                expected="thermo output at the steps of the dump",
                hint="the log of the run that wrote the dump, with thermo N as in dump 1 all custom N",
            )
        return JoinedEnergies(totals, first_shares)

    def _printed(self, steps: np.ndarray, runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(frames,) energies as they are printed, NaN where there is none; and whether they are per atom."""
        pairs = zip(steps.tolist(), runs.tolist(), strict=True)
        told = [self._runs[run].energies.get(step, (np.nan, False)) for step, run in pairs]
        return np.array([energy for energy, _ in told]), np.array([share for _, share in told], dtype=bool)


def _with_gaps(runs: Sequence[_Run]) -> list[_Run]:
    """The runs, before and behind each of them an empty one for frames of runs that the logs do not show."""
    return [_Run(), *(run for shown in runs for run in (shown, _Run()))]


class _Matching:
    """Which run each frame is of: the cheapest way through the runs, in their order.

    That one frame has no energy costs more than any number of changes of the run, and these more than any minimisation.
    """

    def __init__(self, runs: Sequence[_Run], steps: np.ndarray, segments: np.ndarray, atoms: np.ndarray):
        self._steps, self._atoms = steps.tolist(), atoms.tolist()
        self._new = np.diff(segments, prepend=segments[:1]) != 0
        self._minimized = np.array([run.minimized for run in runs], dtype=np.int64)
        self._empty = np.array([not run.energies for run in runs])
        # So far as the ends of the tables tell: a run of unknown atoms fits no frame.
        self._fewest = np.array([min(run.atoms, default=1) for run in runs])
        self._most = np.array([max(run.atoms, default=0) for run in runs])
        self._change, self._lack = len(steps) + 1, (len(steps) + 1) ** 2
        wanted = set(self._steps)
        having: dict[int, list[int]] = {}
        for number, run in enumerate(runs):
            for step in run.energies.keys() & wanted:
                having.setdefault(step, []).append(number)
        self._having = {step: np.array(numbers) for step, numbers in having.items()}

    def runs(self, late: bool) -> np.ndarray:
        """(frames,) the run of each frame; `late` takes the last of equal choices, else the first is taken."""
        n_frames, n_runs = len(self._steps), len(self._minimized)
        # Two bits for each frame and run: whether the way to it comes from an earlier run; and whether it was the best
        # of the runs up to it, from which the next one could come.
        moved = np.zeros((n_frames, (n_runs + 7) // 8), dtype=np.uint8)
        best = np.zeros_like(moved)
        cost = self._costs(0)
        for frame in range(1, n_frames):
            lowest = np.minimum.accumulate(cost)
            leads = cost == lowest
            if not late:
                leads[1:] &= cost[1:] < lowest[:-1]
            # A segment that goes back in time is of another run, or of none that the logs show.
            stay, leave = (0, self._change) if not self._new[frame] else (np.where(self._empty, 0, _NEVER), 0)
            stayed, came = cost + stay, np.append(np.iinfo(np.int64).max, lowest[:-1] + leave)
            comes = came < stayed if late else came <= stayed
            moved[frame], best[frame] = np.packbits(comes), np.packbits(leads)
            cost = np.where(comes, came, stayed) + self._costs(frame)
        run = int(n_runs - 1 - np.argmin(cost[::-1]) if late else np.argmin(cost))
        chosen = [run]
        for frame in range(n_frames - 1, 0, -1):
            if np.unpackbits(moved[frame])[run]:
                run = int(np.flatnonzero(np.unpackbits(best[frame])[:run])[-1])
            chosen.append(run)
        return np.array(chosen[::-1])

    def _costs(self, frame: int) -> np.ndarray:
        """(runs,) what it costs to take a frame to be of each run."""
        costs = np.full(len(self._minimized), self._lack, dtype=np.int64)
        having = self._having.get(self._steps[frame])
        if having is not None:
            atoms = self._atoms[frame]
            fits = (self._fewest <= atoms) & (atoms <= self._most)
            having = having[fits[having]] if fits.any() else having
            costs[having] = self._minimized[having]
        return costs


def _agreed_units(logs: Sequence[tuple[Path, list[Table]]], units: str | None) -> str | None:
    """The units of the dump, or those that the logs echo.

    Raises:
        DataError: a log has others.
    """
    source = "the dump"
    for path, tables in logs:
        for table in tables:
            if table.units is None:
                continue
            if units is None:
                units, source = table.units, f"{path}, line {table.units_line},"
            elif table.units != units:
                raise DataError(
                    f"the log is in units {table.units}, but {source} is in {units}",
                    location=Location(path, table.units_line),
                    expected=f"units {units}",
                    hint="the log of the run that wrote the dump; or other --units; or a copy without those runs",
                )
    return units


def _per_atom(table: Table, units: str | None, path: Path) -> bool:
    """Whether energies are told per atom.

    LAMMPS manual, page thermo_modify: norm yes is the default of units lj, and no of all others.
    """
    if table.norm is not None:
        return table.norm
    if units is None:
        raise DataError(
            "neither the log nor the dump tells its units, and with them whether energies are per atom",
            location=Location(path, table.line),
            expected="the command units before the run, or thermo_modify norm",
            hint="--units real (or metal, lj) declares them",
        )
    return units == "lj"


def _runs(tables: Sequence[tuple[Table, bool]]) -> list[_Run]:
    """The runs of a log; a run that goes on from the one before, with the same atoms, belongs to it.

    Args:
        tables: each with whether its energies are per atom.
    """
    runs: list[_Run] = []
    last: tuple[int, float, bool] | None = None
    atoms: int | None = None  # at the end of the table before
    for table, per_atom in tables:
        for step, energy in table.rows:
            # A run that follows another one prints the step between them again.
            again = last is not None and step == last[0] and _same(last[1:], (energy, per_atom), atoms)
            if last is None or step < last[0] or (step == last[0] and not again):
                runs.append(_Run(minimized=table.minimized))
            runs[-1].energies[step] = energy, per_atom
            last = step, energy, per_atom
        atoms = table.atoms
        if atoms is not None:
            runs[-1].atoms.append(atoms)
    return runs


def _same(a: tuple[float, bool], b: tuple[float, bool], atoms: int | None) -> bool:
    """Whether two printed energies, each with whether it is per atom, are of one configuration."""
    if a[1] != b[1]:
        if atoms is None:
            return False
        a, b = ((energy * atoms if per_atom else energy, False) for energy, per_atom in (a, b))
    return abs(a[0] - b[0]) <= _SAME_ENERGY * max(abs(a[0]), abs(b[0]))
