"""Whether a run is the same from its beginning to its end, and what a single cut in time would make of it."""

import numpy as np

_TENTHS = 10
_LEAST_PARTS = 5
# A quantity drifts if a straight line through its tenths explains most of their scatter, and changes it this much.
_EXPLAINED, _CHANGE = 0.6, 0.1
# Shares of a single cut in time: what the last tenth is judged on, it was not trained for.
_TRAINED = 0.8


def drift(series: dict[str, np.ndarray]) -> dict:
    """Follow a run in tenths.

    Args:
        series: `mean_force`, `temperature` and `density`, (frames,) each, not a number where unknown.

    Returns:
        `parts`: how many (10, or as many as there are frames); `mean_force`, `temperature`, `density`: mean of each
        part, or None where unknown; `drifts`: those that change along the run, each with `from` and `to` (ends of a
        straight line through the parts) and `change`, relative to the mean; `cut`: mean |F| of the first 80 % and of
        the last 10 % of the frames, and their `ratio`.
    """
    forces = series["mean_force"]
    parts = min(_TENTHS, len(forces))
    told: dict = {"parts": parts}
    drifts = {}
    for name in ("mean_force", "temperature", "density"):
        values = series[name]
        known = bool(np.all(np.isfinite(values)))
        told[name] = [float(part.mean()) for part in np.array_split(values, parts)] if known else None
        found = _line(np.array(told[name])) if known else None
        if found is not None:
            drifts[name] = found
    before, after = forces[: max(1, int(_TRAINED * len(forces)))].mean(), forces[-max(1, len(forces) // 10) :].mean()
    told["drifts"] = drifts
    told["cut"] = {"first": float(before), "last": float(after), "ratio": float(after / before) if before else None}
    return told


def _line(parts: np.ndarray) -> dict | None:
    """Ends of the straight line through the parts, if they follow one."""
    if len(parts) < _LEAST_PARTS or not np.any(parts):
        return None
    place = np.linspace(-0.5, 0.5, len(parts))
    slope = float(place @ parts / (place @ place))
    mean = float(parts.mean())
    scatter = float(np.sum((parts - mean) ** 2))
    if scatter == 0 or abs(slope) < _CHANGE * abs(mean):
        return None
    if 1 - float(np.sum((parts - mean - slope * place) ** 2)) / scatter < _EXPLAINED:
        return None
    return {"from": mean - slope / 2, "to": mean + slope / 2, "change": slope / mean}
