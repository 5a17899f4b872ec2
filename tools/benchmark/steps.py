"""Seconds per training step, from the log of a run."""

import csv
from pathlib import Path

import numpy as np


def seconds_per_step(log: Path) -> float:
    """Median over the intervals between validations, of which only the first includes compilation."""
    with log.open() as file:
        rows = [(int(row["step"]), float(row["seconds"])) for row in csv.DictReader(file)]
    steps, seconds = np.array(rows).T
    if len(steps) < 2:
        return float(seconds[0] / steps[0])
    return float(np.median(np.diff(seconds) / np.diff(steps)))
