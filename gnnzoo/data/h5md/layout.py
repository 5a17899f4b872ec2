"""Names and units of the H5MD 1.1 layout (https://www.nongnu.org/h5md/h5md.html), as `reader` and `writer` use them."""

import numpy as np

# Field of a frame -> (H5MD element, dtype on disk, kind of unit).
ELEMENTS = {
    "positions": ("position", np.float64, "length"),
    "forces": ("force", np.float64, "force"),
    "velocities": ("velocity", np.float64, "velocity"),
    "images": ("image", np.int32, None),
    "charges": ("charge", np.float64, "charge"),
    "energies": ("potential_energy", np.float64, "energy"),
    "molecules": ("molecule", np.int64, None),
    "types": ("species", np.int32, None),
    "ids": ("id", np.int64, None),
}
VECTORS = ("positions", "forces", "velocities", "images")

# Unit strings of the H5MD units module; reduced units have none.
UNIT_STRINGS = {
    "real": {
        "length": "Angstrom",
        "force": "kcal mol-1 Angstrom-1",
        "velocity": "Angstrom fs-1",
        "time": "fs",
        "charge": "e",
        "energy": "kcal mol-1",
    },
    "metal": {
        "length": "Angstrom",
        "force": "eV Angstrom-1",
        "velocity": "Angstrom ps-1",
        "time": "ps",
        "charge": "e",
        "energy": "eV",
    },
}

PARTICLES = "particles/all"
PROVENANCE = "gnnzoo/provenance"
STATISTICS = "gnnzoo/statistics"
ORIGIN = "gnnzoo/box/origin"
BOUNDARY = "gnnzoo/box/boundary"
SEGMENT = "gnnzoo/segment"
STEP, TIME = "gnnzoo/step", "gnnzoo/time"  # of the run, where those required by H5MD differ
FILE = "gnnzoo/file"
SIGNATURE = "gnnzoo/signature"
GROUP = "gnnzoo/group"  # number of each frame's group in the provenance's "groups"; NO_GROUP where it has none
NO_GROUP = -1
# Field of a frame -> (H5MD observable, shape); both in energy units. The name of the second is gnnzoo's own, so that it
# cannot be confused with a virial of another definition.
OBSERVABLES = {
    "energy": ("observables/all/potential_energy", ()),
    "virial": ("observables/all/potential_virial", (3, 3)),
}
