"""A set of frames of DeePMD-kit as it lies in a folder or in an HDF5 file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnzoo.errors import Location


@dataclass(frozen=True)
class RawSet:
    """Arrays that were read and whose shapes may not fit one another.

    Attributes:
        file: for the headers of the frames.
        location: of the set.
        types: (atoms,) type of each atom.
        types_location: of these.
        names: of the types; None where there is no list of them.
        names_location: of these.
        arrays: by name of the array, (frames, ...) each.
        locations: of the arrays.
        periodic: in all directions, or in none.
    """

    file: Path
    location: Location
    types: np.ndarray
    types_location: Location
    names: list[str] | None
    names_location: Location
    arrays: dict[str, np.ndarray]
    locations: dict[str, Location]
    periodic: bool
