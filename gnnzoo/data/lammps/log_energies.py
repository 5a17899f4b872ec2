"""Potential energies and virials from LAMMPS logs, joined to the frames of a dump by timestep."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gnnzoo.data.lammps.log_tables import Row, Table, log_tables
from gnnzoo.errors import DataError, Location
from gnnzoo.units import style

_IMPOSSIBLE = 2**61  # cost
# LAMMPS prints xx, yy, zz, xy, xz, yz of symmetric tensors.
_VOIGT = np.array([[0, 3, 4], [3, 1, 5], [4, 5, 2]])
_SAME_ENERGY = 1e-6  # relative: rounding of printed energies. LAMMPS prints the step between two runs twice


@dataclass
class _Run:
    """One table, or several of a continued run.

    Attributes:
        energies: step -> potential energy as printed, and whether it is per atom.
        atoms: number of atoms at the end of each table; none where the log ends before.
        minimized: whether the run is a minimisation.
        virials: step -> virial's share of the pressure, for steps that have it.
    """

    energies: dict[int, tuple[float, bool]] = field(default_factory=dict)
    atoms: list[int] = field(default_factory=list)
    minimized: bool = False
    virials: dict[int, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class JoinedEnergies:
    """Energies of the frames of a dump.

    Attributes:
        energies: (frames,) potential energy of all atoms, energy unit; NaN where no log has the step.
        per_atom: (frames,) whether it is printed per atom and was multiplied by the number of atoms.
        virials: (frames, 3, 3) the virial divided by the volume, pressure unit, NaN where no log has it; None where
            it was not asked for.
    """

    energies: np.ndarray
    per_atom: np.ndarray
    virials: np.ndarray | None = None


class LogEnergies:
    """Potential energies by run and step.

    Args:
        paths: logs, in the order of the runs.
        units: LAMMPS unit style of the dump, assumed for tables without echoed units.
        virial: columns with the virial, see `log_tables`; None for energies alone.

    Attributes:
        energy_of_pressure: energy unit per pressure unit and length unit cubed; with `virial` only.

    Raises:
        DataError: a log cannot be read, has no potential energies, or nowhere the columns of the virial; its units
            differ from those of the dump or of the logs before it; it is unknown whether its energies are per atom.
    """

    def __init__(self, paths: Sequence[Path], units: str | None, virial: str | None = None):
        self.paths = [Path(path) for path in paths]
        self._virial = virial
        tables = [(path, log_tables(path, virial)) for path in self.paths]
        units = _agreed_units(tables, units)
        self._runs: list[_Run] = []
        for path, of_log in tables:
            if not of_log:
                raise DataError(
                    "no potential energies were found in the log",
                    location=Location(path),
                    expected="tables with the columns Step and PotEng (or TotEng and KinEng, or E_pair and E_mol)",
                    hint="in the LAMMPS input, before the run: thermo_style custom step temp pe ke etotal press",
                )
            self._runs += _runs([(table, _per_atom(table, units, path)) for table in of_log])
        if virial is not None:
            _check_virials(virial, [row for _, of_log in tables for table in of_log for row in table.rows], self.paths)
            self.energy_of_pressure = _energy_of_pressure(units, self.paths)
        self._runs = _with_gaps(self._runs)

    def of(self, steps: np.ndarray, segments: np.ndarray, atoms: np.ndarray) -> JoinedEnergies:
        """Find the potential energy of each frame.

        The frames are matched to the runs in order, with as few changes of the run as possible within a segment;
        minimisations are skipped where possible. A new segment belongs to a later run, or to one that is not logged.

        Args:
            steps, segments: (frames,) of the dump.
            atoms: (frames,) number of atoms.

        Returns:
            The energies.

        Raises:
            DataError: no frame has an energy, or a virial that was asked for; or the run of a frame is ambiguous.
        """
        match = _Matching(self._runs, steps, segments, atoms)
        runs = match.runs(late=False)
        first, first_per_atom = self._printed(steps, runs)
        last, last_per_atom = self._printed(steps, match.runs(late=True))
        with np.errstate(over="ignore"):
            totals, other = (
                np.where(per_atom, energy * atoms, energy)
                for energy, per_atom in ((first, first_per_atom), (last, last_per_atom))
            )
        infinite = np.flatnonzero(np.isinf(totals) | np.isinf(other))
        if len(infinite):
            raise DataError(
                f"the energy of step {steps[infinite[0]]} is infinite: {first[infinite[0]]:.8g} for each atom",
                location=Location(self.paths[0]),
                expected="finite energies",
            )
        different = np.flatnonzero(~np.isclose(totals, other, rtol=_SAME_ENERGY, atol=0, equal_nan=True))
        if len(different):
            frame = different[0]
            raise DataError(
                f"the log has different energies of step {steps[frame]}: {first[frame]:.8g} and {last[frame]:.8g}, "
                "in two runs that both match the dump",
                location=Location(self.paths[0]),
                expected="one run of the log for each segment of the dump",
                hint="remove the other runs from a copy of the log",
            )
        if not np.any(np.isfinite(totals)):
            known = sorted({step for run in self._runs for step in run.energies})
            raise DataError(
                f"the log has no energy at the dump's steps: it has those of {len(known)} steps "
                f"from {known[0]} to {known[-1]}",
                location=Location(self.paths[0]),
                expected="thermo output at the steps of the dump",
                hint="the log of the run that wrote the dump, with thermo N as in dump 1 all custom N",
            )
        return JoinedEnergies(totals, first_per_atom, self._virials(steps, runs))

    def _virials(self, steps: np.ndarray, runs: np.ndarray) -> np.ndarray | None:
        """(frames, 3, 3) the virial's share of the pressure, NaN where there is none."""
        if self._virial is None:
            return None
        nothing = (np.nan,) * 6
        pairs = zip(steps.tolist(), runs.tolist(), strict=True)
        found = np.array([self._runs[run].virials.get(step, nothing) for step, run in pairs]).reshape(-1, 6)
        if np.isnan(found).all():
            raise DataError(
                f"the log has no virial at the dump's steps, in columns {self._virial}[1] to {self._virial}[6]",
                location=Location(self.paths[0]),
                expected="thermo output with them at the steps of the dump",
                hint="thermo N as in dump 1 all custom N, with these columns in thermo_style",
            )
        return found[:, _VOIGT]

    def _printed(self, steps: np.ndarray, runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(frames,) energies as printed, NaN where there is none; and whether they are per atom."""
        pairs = zip(steps.tolist(), runs.tolist(), strict=True)
        found = [self._runs[run].energies.get(step, (np.nan, False)) for step, run in pairs]
        return np.array([energy for energy, _ in found]), np.array([per_atom for _, per_atom in found], dtype=bool)


def _with_gaps(runs: Sequence[_Run]) -> list[_Run]:
    """The runs, with an empty one before and after each, for frames of runs that are not logged."""
    return [_Run(), *(run for logged in runs for run in (logged, _Run()))]


def _check_virials(name: str, rows: Sequence[Row], paths: Sequence[Path]) -> None:
    """Raise if columns declared as virial are missing, or are a pressure with its kinetic part."""
    found = [row for row in rows if row.virial is not None]
    if found and not all(row.kinetic for row in found):
        return
    raise DataError(
        f"{name}[1] to {name}[6] are the whole pressure, with its kinetic part"
        if found
        else f"the log has no virial: no table with energies has the columns {name}[1] to {name}[6]",
        location=Location(paths[0]),
        expected="the virial's share of the pressure: compute virial all pressure NULL virial",
        hint="in the LAMMPS input, before the run: thermo_style custom step temp pe c_virial[*]; then "
        "--column virial=c_virial",
    )


def _energy_of_pressure(units: str | None, paths: Sequence[Path]) -> float:
    """Energy unit per pressure unit and length unit cubed."""
    known = style(units)
    if known is None:
        raise DataError(
            "the virial in a log is a pressure, whose unit neither the log nor the dump declares",
            location=Location(paths[0]),
            expected="the command units before the run",
            hint="--units real, --units metal or --units lj, as that command has it",
        )
    return known.energy_of_pressure


class _Matching:
    """Assigns frames to runs: the cheapest non-decreasing sequence of runs, by dynamic programming.

    A frame without energy costs more than any number of changes of the run, and a change more than any minimisation.
    """

    def __init__(self, runs: Sequence[_Run], steps: np.ndarray, segments: np.ndarray, atoms: np.ndarray):
        self._steps, self._atoms = steps.tolist(), atoms.tolist()
        self._new = np.diff(segments, prepend=segments[:1]) != 0
        self._minimized = np.array([run.minimized for run in runs], dtype=np.int64)
        self._empty = np.array([not run.energies for run in runs])
        # Known only at the ends of tables: a run of unknown atoms fits no frame.
        self._fewest = np.array([min(run.atoms, default=1) for run in runs])
        self._most = np.array([max(run.atoms, default=0) for run in runs])
        self._change, self._missing = len(steps) + 1, (len(steps) + 1) ** 2
        wanted = set(self._steps)
        by_step: dict[int, list[int]] = {}
        for number, run in enumerate(runs):
            for step in run.energies.keys() & wanted:
                by_step.setdefault(step, []).append(number)
        self._runs_of = {step: np.array(numbers) for step, numbers in by_step.items()}

    def runs(self, late: bool) -> np.ndarray:
        """(frames,) the run of each frame; the last of equal choices if `late`, otherwise the first."""
        n_frames, n_runs = len(self._steps), len(self._minimized)
        # Two bits for each frame and run: whether the best sequence up to it comes from an earlier run; and whether it
        # is the best of the runs up to it, from which the next frame continues.
        moved = np.zeros((n_frames, (n_runs + 7) // 8), dtype=np.uint8)
        best = np.zeros_like(moved)
        cost = self._costs(0)
        for frame in range(1, n_frames):
            lowest = np.minimum.accumulate(cost)
            leads = cost == lowest
            if not late:
                leads[1:] &= cost[1:] < lowest[:-1]
            # A segment that goes back in time belongs to another run, or to one that is not logged.
            stay, leave = (0, self._change) if not self._new[frame] else (np.where(self._empty, 0, _IMPOSSIBLE), 0)
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
        """(runs,) cost of assigning a frame to each run."""
        costs = np.full(len(self._minimized), self._missing, dtype=np.int64)
        runs = self._runs_of.get(self._steps[frame])
        if runs is not None:
            atoms = self._atoms[frame]
            fits = (self._fewest <= atoms) & (atoms <= self._most)
            runs = runs[fits[runs]] if fits.any() else runs
            costs[runs] = self._minimized[runs]
        return costs


def _agreed_units(logs: Sequence[tuple[Path, list[Table]]], units: str | None) -> str | None:
    """The units of the dump, or those echoed in the logs; DataError where a log has others."""
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
    """Whether energies are printed per atom.

    LAMMPS manual, page thermo_modify: norm yes is the default of units lj, and no of all others.
    """
    if table.norm is not None:
        return table.norm
    if units is None:
        raise DataError(
            "neither the log nor the dump declares units, which determine whether energies are per atom",
            location=Location(path, table.line),
            expected="the command units before the run, or thermo_modify norm",
            hint="--units real, --units metal or --units lj, as that command has it",
        )
    return units == "lj"


def _runs(tables: Sequence[tuple[Table, bool]]) -> list[_Run]:
    """Join tables to runs: a table that continues the previous one, with the same atoms, belongs to its run.

    Args:
        tables: each with whether its energies are per atom.
    """
    runs: list[_Run] = []
    last: tuple[Row, bool] | None = None
    atoms: int | None = None  # at the end of the previous table
    for table, per_atom in tables:
        for row in table.rows:
            # A run that follows another one prints the step between them a second time.
            if last is None or not _continues(*last, row, per_atom, atoms):
                runs.append(_Run(minimized=table.minimized))
            runs[-1].energies[row.step] = row.energy, per_atom
            if row.virial is not None:
                runs[-1].virials[row.step] = row.virial
            last = row, per_atom
        atoms = table.atoms
        if atoms is not None:
            runs[-1].atoms.append(atoms)
    return runs


def _continues(last: Row, last_per_atom: bool, row: Row, per_atom: bool, atoms: int | None) -> bool:
    """Whether a line follows the last one, or repeats it: a run prints the step at which the one before it ended."""
    same = _same((last.energy, last_per_atom), (row.energy, per_atom), atoms)
    return row.step > last.step or (row.step == last.step and same)


def _same(a: tuple[float, bool], b: tuple[float, bool], atoms: int | None) -> bool:
    """Whether two printed energies, each with whether it is per atom, belong to one configuration."""
    if a[1] != b[1]:
        if atoms is None:
            return False
        a, b = ((energy * atoms if per_atom else energy, False) for energy, per_atom in (a, b))
    return abs(a[0] - b[0]) <= _SAME_ENERGY * max(abs(a[0]), abs(b[0]))
