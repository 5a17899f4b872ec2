"""What one pass over all frames gathers: sizes of forces, what stands still, what sticks out, how the run goes along.

Memory holds a few numbers for each frame and a histogram for each type, whatever the number of atoms.
"""

from collections.abc import Mapping

import numpy as np

from gnnzoo.data.frames import Frame
from gnnzoo.data.inspection.temperature import kinetic_temperature
from gnnzoo.elements import MASSES

G_CM3 = 1.66053906892  # (g/mol)/A^3 in g/cm^3: 1e24 / Avogadro's number

# |F| is counted in bins of equal ratio, from 10^-9 to 10^9 in whatever unit.
_DECADES, _PER_DECADE = (-9, 9), 40
_SHOWN = 5  # of the largest forces that are named by frame and atom
OUTLYING = 20.0  # times the median |F| of the type: far beyond the tail of any liquid or crystal
_SERIES = 400  # points along the run that are kept for plots


class RunAccumulator:
    """Takes frames in order.

    Args:
        type_names: name of each type number; types of one name are taken together.
        masses: mass of each type number where known; temperatures and g/cm3 need those of all atoms of a frame.
        units: LAMMPS unit style, or None.
    """

    def __init__(self, type_names: Mapping[int, str], masses: Mapping[int, float], units: str | None):
        self._names, self._masses, self._units = type_names, masses, units
        self._series: dict[str, list[float]] = {
            name: [] for name in ("mean_force", "net_force", "temperature", "density", "volume", "atoms", "g_cm3")
        }
        self._lengths: list[np.ndarray] = []
        self._equal: list[int] = []
        self._before: Frame | None = None
        self._histograms: dict[str, np.ndarray] = {}
        self._zeros: dict[str, list[int]] = {}  # name -> atoms without force, atoms, over all frames
        self._always_zero: np.ndarray | None = None
        self._flat = np.ones(3, dtype=bool)
        self._largest: dict[str, list[tuple[float, int, int, int]]] = {}  # name -> |F|, frame, step, atom id

    def take(self, frame: Frame) -> None:
        """Take the next frame."""
        index = len(self._lengths)
        norms = np.linalg.norm(frame.forces, axis=1)
        self._take_series(frame, norms)
        self._flat &= ~np.any(frame.forces, axis=0)
        still = frame.ids[norms == 0]
        self._always_zero = still if self._always_zero is None else np.intersect1d(self._always_zero, still)
        for number in np.unique(frame.types):
            mine = np.flatnonzero(frame.types == number)
            self._take_type(self._names.get(int(number), str(number)), norms[mine], frame.ids[mine], index, frame.step)
        if self._before is not None and np.array_equal(self._before.positions, frame.positions):
            self._equal.append(index)
        self._before = frame

    def _take_series(self, frame: Frame, norms: np.ndarray) -> None:
        add = {
            "mean_force": norms.mean(),
            "net_force": np.linalg.norm(frame.forces.sum(axis=0)),
            "temperature": np.nan,
            "density": len(frame) / frame.volume if frame.volume > 0 else np.nan,
            "volume": frame.volume,
            "atoms": len(frame),
            "g_cm3": np.nan,
        }
        numbers, which = np.unique(frame.types, return_inverse=True)
        if all(int(number) in self._masses for number in numbers):
            masses = np.array([self._masses[int(number)] for number in numbers])[which]
            if self._units in ("real", "metal") and frame.volume > 0:
                add["g_cm3"] = masses.sum() / frame.volume * G_CM3
            if frame.velocities is not None and self._units is not None:
                add["temperature"] = kinetic_temperature(frame.velocities, masses, self._units)
        for name, value in add.items():
            self._series[name].append(float(value))
        self._lengths.append(np.linalg.norm(frame.cell, axis=1))

    def _take_type(self, name: str, norms: np.ndarray, ids: np.ndarray, index: int, step: int) -> None:
        zeros = self._zeros.setdefault(name, [0, 0])
        zeros[0] += int(np.count_nonzero(norms == 0))
        zeros[1] += len(norms)
        low, high = _DECADES
        bins = (high - low) * _PER_DECADE
        positive = norms[norms > 0]
        place = np.clip(((np.log10(positive) - low) * _PER_DECADE).astype(int), 0, bins - 1)
        counts = np.bincount(place, minlength=bins)
        self._histograms[name] = self._histograms.get(name, 0) + counts
        top = np.argsort(norms)[-_SHOWN:]
        known = self._largest.setdefault(name, [])
        known += [(float(norms[atom]), index, step, int(ids[atom])) for atom in top]
        known.sort(reverse=True)
        del known[_SHOWN:]

    def series(self) -> dict[str, np.ndarray]:
        """Name -> (frames,) values, not a number where unknown; `lengths` is (frames, 3), of the cell's vectors."""
        return {name: np.array(values) for name, values in self._series.items()} | {"lengths": np.array(self._lengths)}

    def kept_series(self, steps: np.ndarray) -> dict:
        """At most some hundred points along the run, evenly spaced, for plots: lists, None where unknown."""
        series = self.series()
        chosen = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), _SERIES)).round().astype(int))
        wanted = ("mean_force", "net_force", "temperature", "density", "g_cm3", "lengths", "atoms")
        kept = {name: _plain(series[name][chosen]) for name in wanted}
        return {"frames": chosen.tolist(), "steps": np.asarray(steps)[chosen].tolist(), **kept}

    @property
    def equal_to_the_one_before(self) -> list[int]:
        """Frames whose positions are those of the frame before, to the last digit."""
        return self._equal

    def histograms(self) -> dict:
        """|F| by type: `edges` (bins + 1,) in the force unit, of equal ratio, and `counts` by name (bins,)."""
        total = sum(self._histograms.values())
        filled = np.flatnonzero(total)
        if len(filled) == 0:
            return {"edges": [], "counts": {}}
        part = slice(filled[0], filled[-1] + 1)
        edges = 10.0 ** (_DECADES[0] + np.arange(len(total) + 1) / _PER_DECADE)
        return {
            "edges": edges[part.start : part.stop + 1].tolist(),
            "counts": {name: counts[part].tolist() for name, counts in self._histograms.items()},
        }

    def zero_forces(self) -> dict:
        """Atoms without any force.

        Returns:
            `always`: how many atoms have exactly zero force in every frame; `per_type`: name -> share of all its atoms
            in all frames, where there are such; `components`: those of x, y, z along which no atom ever has a force.
        """
        return {
            "always": 0 if self._always_zero is None else len(self._always_zero),
            "per_type": {name: zero / total for name, (zero, total) in self._zeros.items() if zero},
            "components": [axis for axis, flat in zip("xyz", self._flat, strict=True) if flat],
        }

    def outliers(self) -> dict:
        """Forces more than `OUTLYING` times the median |F| of their type.

        Returns:
            `times_median`; `count`, about, over all frames; `largest`: some of them, each with `force`, `median`,
            `type`, `frame`, `step` and `id`, the largest first.
        """
        count, largest = 0, []
        for name, counts in self._histograms.items():
            if not counts.sum():
                continue
            middle = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
            median = 10.0 ** (_DECADES[0] + (middle + 0.5) / _PER_DECADE)
            beyond = middle + int(np.ceil(np.log10(OUTLYING) * _PER_DECADE))
            found = [
                {"force": force, "median": median, "type": name, "frame": index, "step": step, "id": atom}
                for force, index, step, atom in self._largest[name]
                if force > OUTLYING * median
            ]
            count += max(int(counts[beyond + 1 :].sum()), len(found))
            largest += found
        largest.sort(key=lambda found: found["force"] / found["median"], reverse=True)
        return {"times_median": OUTLYING, "count": count, "largest": largest[:_SHOWN]}


def told_masses(provenance: Mapping) -> dict[int, float]:
    """Mass of each type that a column of the dump told."""
    return {int(number): float(mass) for number, mass in provenance.get("masses", {}).items()}


def known_masses(provenance: Mapping, type_names: Mapping[int, str], units: str | None) -> tuple[dict, str | None]:
    """Mass of each type, and where it comes from: the dump's column, names that are elements, or 1 in reduced units.

    Elements are taken for real and undeclared units alike; a single nameless type of reduced data has the mass 1.
    """
    told = told_masses(provenance)
    if told and all(number in told for number in type_names):
        return told, "column mass"
    if units == "lj":
        return ({number: 1.0 for number in type_names}, "taken as 1") if len(type_names) == 1 else ({}, None)
    elements = {number: MASSES[name] for number, name in type_names.items() if name in MASSES}
    return elements, "standard atomic masses" if elements else None


def _plain(values: np.ndarray) -> list | None:
    """Plain numbers, None for not a number; None if there is no number at all."""
    if not np.any(np.isfinite(values)):
        return None
    return [None if np.any(~np.isfinite(value)) else value.tolist() for value in values]
