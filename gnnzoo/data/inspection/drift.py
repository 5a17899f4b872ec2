"""Drift of forces, temperature and density along a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gnnzoo.records import Record

QUANTITIES = ("mean_force", "temperature", "density")
_TENTHS = 10
_LEAST_PARTS = 5  # a line through fewer points explains most of any scatter
# A quantity drifts if a straight line through its tenths explains 60 % of their variance (for uncorrelated tenths, one
# run in a hundred), and changes it by 10 %, less than which no model notices.
_EXPLAINED, _CHANGE = 0.6, 0.1
# Shares that a single cut in time would train on and test on.
_TRAINED, _TESTED = 0.8, 0.1


@dataclass(frozen=True)
class Line(Record):
    """Linear change along the parts of a run: means of the first and last part, and the slope relative to the mean.

    The line's own ends may be beyond what is possible, such as a negative density.
    """

    start: float = field(metadata={"key": "from"})
    end: float = field(metadata={"key": "to"})
    change: float


@dataclass(frozen=True)
class Cut(Record):
    """Mean |F| of the frames that a single cut in time would train on and test on, and the ratio of the two."""

    first: float
    last: float
    ratio: float | None


@dataclass(frozen=True)
class Drift(Record):
    """How a run changes from its beginning to its end.

    Attributes:
        parts: number of equal parts: 10, or as many as there are frames.
        mean_force, temperature, density: (parts,) means; None where unknown.
        drifts: of the quantities that change along the run.
        cut: what a single cut in time would make of it.
    """

    parts: int
    mean_force: list[float] | None
    temperature: list[float] | None
    density: list[float] | None
    drifts: dict[str, Line]
    cut: Cut


def drift(series: Mapping[str, np.ndarray]) -> Drift:
    """Follow a run in tenths.

    Args:
        series: `mean_force`, `temperature` and `density`, (frames,) each, NaN where unknown.

    Returns:
        The means of the parts, and what drifts.
    """
    forces = series["mean_force"]
    parts = min(_TENTHS, len(forces))
    means = {
        name: [float(part.mean()) for part in np.array_split(series[name], parts)]
        for name in QUANTITIES
        if np.all(np.isfinite(series[name]))
    }
    lines = {name: line for name, values in means.items() if (line := _line(np.array(values))) is not None}
    first = float(forces[: max(1, int(_TRAINED * len(forces)))].mean())
    last = float(forces[-max(1, int(_TESTED * len(forces))) :].mean())
    cut = Cut(first, last, last / first if first else None)
    return Drift(parts, means.get("mean_force"), means.get("temperature"), means.get("density"), lines, cut)


def _line(parts: np.ndarray) -> Line | None:
    """Least-squares line through the parts, if they follow one."""
    if len(parts) < _LEAST_PARTS or not np.any(parts):
        return None
    place = np.linspace(-0.5, 0.5, len(parts))
    slope, mean = float(place @ parts / (place @ place)), float(parts.mean())
    scatter = float(np.sum((parts - mean) ** 2))
    if scatter == 0 or abs(slope) < _CHANGE * abs(mean):
        return None
    if 1 - float(np.sum((parts - mean - slope * place) ** 2)) / scatter < _EXPLAINED:
        return None
    return Line(float(parts[0]), float(parts[-1]), slope / mean)
