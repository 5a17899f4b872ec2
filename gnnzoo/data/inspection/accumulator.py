"""Accumulates forces, zeros, outliers and series while all frames of a dataset are read once.

Memory holds a few numbers for each frame and a histogram for each type, whatever the number of atoms.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.frames.geometry import spacing
from gnnzoo.data.inspection.temperature import kinetic_temperature
from gnnzoo.elements import MASSES
from gnnzoo.records import Record
from gnnzoo.sampling import even_sample

G_CM3 = 1.66053906892  # (g/mol)/A^3 in g/cm^3: 1e24 / Avogadro's number

# |F| is counted in bins of equal ratio (6 %), over 18 decades: whatever the unit, forces of any use are within.
_DECADES, _PER_DECADE = (-9, 9), 40
_BINS = (_DECADES[1] - _DECADES[0]) * _PER_DECADE
_SHOWN = 5  # largest forces that are named by frame and atom
OUTLYING = 20.0  # times the median |F| of the type: the tails of liquids and crystals end at 5 to 10 times
# Fields of a frame in addition to positions and forces, as far as there are any.
OPTIONAL = ("molecules", "charges", "velocities", "images", "energies", "energy", "virial")
_SERIES = 400  # points along the run that are kept for plots, more than their pixels show


@dataclass(frozen=True)
class Histogram(Record):
    """Histogram of |F| by type: (bins + 1,) edges of equal ratio, force unit, and (bins,) counts by name."""

    edges: list[float]
    counts: dict[str, list[int]]


@dataclass(frozen=True)
class ZeroForces(Record):
    """Atoms without any force.

    Attributes:
        always: number of atoms that have exactly zero force in every frame.
        per_type: name -> share of its atoms, in the frames in which another atom has a force, where there are such.
        components: those of x, y, z along which no atom ever has a force.
        frames: frames in which no atom has a force, as in perfect crystals and of isolated atoms.
    """

    always: int
    per_type: dict[str, float]
    components: list[str]
    frames: int = 0


@dataclass(frozen=True)
class Outlier(Record):
    """One force far beyond the median of its type: where it is, and by how much."""

    force: float
    median: float
    type: str
    frame: int
    step: int
    id: int


@dataclass(frozen=True)
class Outliers(Record):
    """Forces more than `times_median` times the median |F| of their type: about how many, and the largest."""

    times_median: float
    count: int
    largest: list[Outlier]


@dataclass(frozen=True)
class Series(Record):
    """Evenly spaced points along a run; None for a quantity, or at a point, where it is unknown.

    Attributes:
        frames, steps: numbers of the frames, and their timesteps.
        mean_force, net_force: mean |F| and |sum of F|, force unit.
        temperature: from velocities, K (reduced in `lj`).
        density, g_cm3: atoms per cubed length, and g/cm^3; only of frames that are periodic in all directions.
        lengths: (points, 3) lengths of the lattice vectors.
        atoms: number of atoms.
    """

    frames: list[int]
    steps: list[int]
    mean_force: list[float | None] | None
    net_force: list[float | None] | None
    temperature: list[float | None] | None
    density: list[float | None] | None
    g_cm3: list[float | None] | None
    lengths: list[list[float] | None] | None
    atoms: list[float | None] | None


class RunAccumulator:
    """Accumulates statistics of a run; to be updated with its frames in order.

    Args:
        type_names: name of each type number; types of one name are taken together.
        masses: mass of each type number where known; temperatures and g/cm3 need those of all atoms of a frame.
        units: LAMMPS unit style, or None.
    """

    def __init__(self, type_names: Mapping[int, str], masses: Mapping[int, float], units: str | None):
        self._names, self._masses, self._units = type_names, masses, units
        self._rows: list[dict[str, float]] = []
        self._lengths: list[np.ndarray] = []
        self.equal_to_previous: list[int] = []  # frames that are exactly those before: atoms, cell and forces
        self.boundaries: dict[tuple[str, str, str], int] = {}  # LAMMPS' boundary letters -> frames
        self._atoms_of: dict[int, tuple[int, int, int]] = {}  # type -> frames with it, fewest and most of its atoms
        self.fields: set[str] = set()  # optional ones that some frame holds
        self._without_forces = 0
        self._before: Frame | None = None
        self._counts: dict[str, np.ndarray] = {}
        self._zeros: dict[str, np.ndarray] = {}  # name -> (atoms without force, atoms) over all frames
        self._always_zero: np.ndarray | None = None
        self._flat = np.ones(3, dtype=bool)
        self._largest: dict[str, list[tuple[float, int, int, int]]] = {}  # name -> |F|, frame, step, atom id

    def update(self, frame: Frame) -> None:
        """Add the next `frame`."""
        index = len(self._rows)
        norms = np.linalg.norm(frame.forces, axis=1)
        self._rows.append(self._row(frame, norms))
        self._lengths.append(np.linalg.norm(frame.cell, axis=1))
        self._flat &= ~np.any(frame.forces, axis=0)
        self.boundaries[frame.boundary] = self.boundaries.get(frame.boundary, 0) + 1
        self.fields |= {name for name in OPTIONAL if getattr(frame, name) is not None}
        moving = bool(np.any(norms))
        if moving:
            zero = frame.ids[norms == 0]
            self._always_zero = zero if self._always_zero is None else np.intersect1d(self._always_zero, zero)
        self._without_forces += not moving
        for number in np.unique(frame.types).tolist():
            mine = frame.types == number
            count = int(mine.sum())
            frames, fewest, most = self._atoms_of.get(number, (0, count, count))
            self._atoms_of[number] = frames + 1, min(fewest, count), max(most, count)
            name = self._names.get(number, str(number))
            self._update_type(name, norms[mine], frame.ids[mine], index, frame.step)
            if moving:
                counts = np.array([np.count_nonzero(norms[mine] == 0), count])
                self._zeros[name] = self._zeros.get(name, 0) + counts
        if self._before is not None and _equal(self._before, frame):
            self.equal_to_previous.append(index)
        self._before = frame

    def _row(self, frame: Frame, norms: np.ndarray) -> dict[str, float]:
        """Values of one frame for the series."""
        temperature = g_cm3 = np.nan
        filled = frame.pbc.all() and frame.volume > 0  # the volume of an open box says nothing of the atoms in it
        numbers, which = np.unique(frame.types, return_inverse=True)
        if all(int(number) in self._masses for number in numbers):
            masses = np.array([self._masses[int(number)] for number in numbers])[which]
            if self._units in ("real", "metal") and filled:
                g_cm3 = masses.sum() / frame.volume * G_CM3
            if frame.velocities is not None and self._units is not None:
                temperature = kinetic_temperature(frame.velocities, masses, self._units)
        return {
            "mean_force": norms.mean(),
            "net_force": np.linalg.norm(frame.forces.sum(axis=0)),
            "temperature": temperature,
            "density": len(frame) / frame.volume if filled else np.nan,
            "g_cm3": g_cm3,
            "volume": frame.volume,
            "atoms": len(frame),
            "spacing": spacing(frame),
        }

    def _update_type(self, name: str, norms: np.ndarray, ids: np.ndarray, index: int, step: int) -> None:
        positive = norms[norms > 0]
        place = np.clip(((np.log10(positive) - _DECADES[0]) * _PER_DECADE).astype(int), 0, _BINS - 1)
        self._counts[name] = self._counts.get(name, 0) + np.bincount(place, minlength=_BINS)
        top = np.argsort(norms)[-_SHOWN:]
        largest = self._largest.get(name, []) + [(float(norms[atom]), index, step, int(ids[atom])) for atom in top]
        self._largest[name] = sorted(largest, reverse=True)[:_SHOWN]

    def atoms_of_types(self) -> dict[int, tuple[int, int]]:
        """Fewest and most atoms of each type in a frame.

        Returns:
            Type number -> the two numbers.
        """
        total = len(self._rows)
        return {
            number: (fewest if frames == total else 0, most)
            for number, (frames, fewest, most) in sorted(self._atoms_of.items())
        }

    def series(self) -> dict[str, np.ndarray]:
        """Quantities of all frames.

        Returns:
            Name -> (frames,) values, NaN where unknown; `lengths` is (frames, 3), of the lattice vectors.
        """
        columns = {name: np.array([row[name] for row in self._rows], float) for name in self._rows[0]}
        return columns | {"lengths": np.array(self._lengths)}

    def sampled_series(self, steps: np.ndarray) -> Series:
        """At most 400 points along the run, for plots.

        Args:
            steps: (frames,) timestep of each frame.

        Returns:
            The quantities of evenly spaced frames.
        """
        series = self.series()
        chosen = even_sample(np.arange(len(steps)), _SERIES)
        names = ("mean_force", "net_force", "temperature", "density", "g_cm3", "lengths", "atoms")
        return Series(
            frames=chosen.tolist(),
            steps=np.asarray(steps)[chosen].tolist(),
            **{name: _known(series[name][chosen]) for name in names},
        )

    def histogram(self) -> Histogram:
        """Histogram of |F| by type.

        Returns:
            Without the empty bins at both ends.
        """
        filled = np.flatnonzero(sum(self._counts.values()))
        if len(filled) == 0:
            return Histogram([], {})
        low, high = int(filled[0]), int(filled[-1]) + 1
        edges = 10.0 ** (_DECADES[0] + np.arange(_BINS + 1) / _PER_DECADE)
        counts = {name: counts[low:high].tolist() for name, counts in self._counts.items()}
        return Histogram(edges[low : high + 1].tolist(), counts)

    def zero_forces(self) -> ZeroForces:
        """Find atoms and directions without any force.

        Returns:
            Their number, shares and directions.
        """
        return ZeroForces(
            always=0 if self._always_zero is None else len(self._always_zero),
            per_type={name: float(zero / total) for name, (zero, total) in self._zeros.items() if zero},
            components=[axis for axis, flat in zip("xyz", self._flat, strict=True) if flat],
            frames=self._without_forces,
        )

    def outliers(self) -> Outliers:
        """Find forces more than `OUTLYING` times the median |F| of their type.

        Returns:
            Their number, and the largest ones.
        """
        count, largest = 0, []
        for name, counts in self._counts.items():
            if not counts.sum():
                continue
            middle = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
            median = 10.0 ** (_DECADES[0] + (middle + 0.5) / _PER_DECADE)
            beyond = middle + int(np.ceil(np.log10(OUTLYING) * _PER_DECADE))
            found = [
                Outlier(force, median, name, index, step, atom)
                for force, index, step, atom in self._largest[name]
                if force > OUTLYING * median
            ]
            count += max(int(counts[beyond + 1 :].sum()), len(found))
            largest += found
        largest.sort(key=lambda outlier: outlier.force / outlier.median, reverse=True)
        return Outliers(OUTLYING, count, largest[:_SHOWN])


def _equal(first: Frame, second: Frame) -> bool:
    """Whether two frames have exactly the same atoms, positions, cell, periodic directions and forces."""
    names = ("types", "positions", "cell", "pbc", "forces")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


def dump_masses(provenance: Mapping) -> dict[int, float]:
    """Masses from the dump's own column, as `provenance` records them.

    Returns:
        Type number -> mass, mass unit of the data; empty without the column.
    """
    return {int(number): float(mass) for number, mass in provenance.get("masses", {}).items()}


def known_masses(
    provenance: Mapping, type_names: Mapping[int, str], units: str | None
) -> tuple[dict[int, float], str | None]:
    """Mass of each type: from the dump's column, from names that are elements, or 1 in reduced units.

    Args:
        provenance: of the dataset.
        type_names: name of each type number.
        units: LAMMPS unit style; elements count for real, metal and undeclared units, and a single type of reduced data
            has the mass 1.

    Returns:
        Masses of the types where known, and where they come from in words.
    """
    declared = dump_masses(provenance)
    if declared and all(number in declared for number in type_names):
        return declared, "column mass"
    if units == "lj":
        return ({number: 1.0 for number in type_names}, "taken as 1") if len(type_names) == 1 else ({}, None)
    elements = {number: MASSES[name] for number, name in type_names.items() if name in MASSES}
    return elements, "standard atomic masses" if elements else None


def _known(values: np.ndarray) -> list | None:
    """Plain numbers, None where one is not finite; None if none is."""
    if not np.any(np.isfinite(values)):
        return None
    return [None if np.any(~np.isfinite(value)) else value.tolist() for value in values]
