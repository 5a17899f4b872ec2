"""Reads datasets in the H5MD 1.1 layout of HDF5 (https://www.nongnu.org/h5md/h5md.html), frame by frame.

Files written by gnnzoo also have a group /gnnzoo with provenance, box origins and segments. Files of other programs
need positions, forces and a box.
"""

import functools
import json
import threading
from pathlib import Path

import h5py
import numpy as np

from gnnzoo.data.frames.fingerprint import fingerprint_of
from gnnzoo.data.frames.frame import Dataset, Frame, known_virial
from gnnzoo.errors import DataError, Location

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

_VECTORS = ("positions", "forces", "velocities", "images")

PARTICLES = "particles/all"
PROVENANCE = "gnnzoo/provenance"
STATISTICS = "gnnzoo/statistics"
ORIGIN = "gnnzoo/box/origin"
BOUNDARY = "gnnzoo/box/boundary"
SEGMENT = "gnnzoo/segment"
STEP, TIME = "gnnzoo/step", "gnnzoo/time"  # of the run, where those required by H5MD differ
FILE = "gnnzoo/file"
SIGNATURE = "gnnzoo/signature"
# Field of a frame -> (H5MD observable, shape); both in energy units. The name of the second is gnnzoo's own, so that it
# cannot be confused with a virial of another definition.
OBSERVABLES = {
    "energy": ("observables/all/potential_energy", ()),
    "virial": ("observables/all/potential_virial", (3, 3)),
}


class H5mdDataset(Dataset):
    """An H5MD file open for reading; frames may be read from any thread.

    Args:
        path: the file.

    Attributes:
        statistics: magnitudes of the forces, see `ForceStatistics.summary`; empty in files of other programs.

    Raises:
        DataError: the file is not HDF5 or not H5MD, is damaged, or has no positions, forces or box.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._location = Location(self.path)
        self._lock = threading.Lock()
        self._file = _opened(self.path)
        try:
            self._open()
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            self._file.close()
            raise DataError(
                f"the HDF5 file is damaged or does not follow H5MD: {error}", location=self._location
            ) from error
        except DataError:
            self._file.close()
            raise

    def _open(self) -> None:
        file = self._file
        self.provenance = {key: json.loads(text[()]) for key, text in file.get(PROVENANCE, {}).items()}
        self.statistics = json.loads(file[STATISTICS][()]) if STATISTICS in file else {}
        self._group = self._particles()
        values = {name: self._value(element) for name, (element, _, _) in ELEMENTS.items()}
        self._values = {name: value for name, value in values.items() if value is not None}
        self._check_shapes()
        self._count = len(self._values["positions"])
        self.steps = self._steps(self._group.get("position/step"))
        self._check_steps()
        self.steps = file[STEP][()] if STEP in file else self.steps
        self.segments = file[SEGMENT][()] if SEGMENT in file else _segments(self.steps)
        self.files = file[FILE][()] if FILE in file else np.zeros(self._count, dtype=np.int32)
        self._observables = {name: self._read_observable(name) for name in OBSERVABLES}
        times = file.get(TIME, self._group.get("position/time"))
        self._times = None if times is None else times[()]
        self._cells = self._read_cells()
        self._origins = file[ORIGIN][()] if ORIGIN in file else np.zeros((self._count, 3))
        self._boundaries = self._read_boundaries()
        self._fixed: dict[str, np.ndarray] = {
            name: value[()] for name, value in self._values.items() if self._is_fixed(value)
        }
        n_atoms = self._values["positions"].shape[1]
        if "ids" not in self._values:
            self._fixed["ids"] = np.arange(1, n_atoms + 1)
        if "types" not in self._values:
            self._fixed["types"] = np.ones(n_atoms, dtype=np.int32)
        self._no_atom = self._fill_value()
        self._order = self._fixed_order()
        self.units = self._read_units()
        self.type_names = self._read_type_names()

    # --- contents of the file ---

    def _particles(self) -> h5py.Group:
        """The first particles group with positions and forces."""
        if "h5md" not in self._file or "particles" not in self._file:
            raise DataError(
                f"this HDF5 file is not H5MD: it has {', '.join(self._file) or 'nothing'}",
                location=self._location,
                expected="the groups h5md and particles",
                hint="gnnzoo convert DUMP writes one from a LAMMPS dump",
            )
        groups = self._file["particles"]
        for group in groups.values():
            if all(f"{element}/value" in group for element in ("position", "force")):
                return group
        held = ", ".join(sorted({element for group in groups.values() for element in group})) or "nothing"
        raise DataError(
            f"no particles group has both positions and forces, only {held}",
            location=self._location,
            expected="position/value and force/value",
            hint="convert a dump that has fx fy fz",
        )

    def _value(self, element: str) -> h5py.Dataset | None:
        """Data of a time-dependent element (a group) or a fixed one (a dataset); None if missing."""
        found = self._group.get(element)
        return found["value"] if isinstance(found, h5py.Group) else found

    def _is_fixed(self, value: h5py.Dataset) -> bool:
        """Whether an element does not depend on time."""
        return value.name.rsplit("/", 1)[-1] != "value"

    def _fixed_order(self) -> np.ndarray | slice | None:
        """What sorts the atoms by id, if the ids do not depend on time."""
        ids = self._fixed.get("ids")
        if ids is None:
            return None
        if np.array_equal(ids, np.sort(ids)):
            return slice(None)  # sorted already: nothing is copied
        return np.argsort(ids, kind="stable")

    def _check_shapes(self) -> None:
        shape = self._values["positions"].shape
        if len(shape) != 3 or shape[2] != 3 or self._values["forces"].shape != shape:
            raise DataError(
                f"positions have the shape {shape}, forces {self._values['forces'].shape}",
                location=self._location,
                expected="(frames, atoms, 3) for both",
            )
        if 0 in shape:
            raise DataError("the dataset has no frame", location=self._location)
        for name, value in self._values.items():
            rows = shape[1:2] if self._is_fixed(value) else shape[:2]
            expected = (*rows, 3) if name in _VECTORS else rows
            if value.shape != expected:
                raise DataError(
                    f"{ELEMENTS[name][0]} has the shape {value.shape}, and position {shape}",
                    location=self._location,
                    expected=f"{expected}",
                )

    def _check_steps(self) -> None:
        """Refuse elements whose steps differ from those of the positions."""
        own = self._group.get("position/step")
        for element in [element for element, _, _ in ELEMENTS.values()] + ["box/edges"]:
            step = self._group.get(f"{element}/step")
            if own is None or step is None or step == own:  # the same object, by a hard link
                continue
            if element == "box/edges" and len(self._group["box/edges/value"]) == 1:
                continue  # one box for all frames
            steps = self._steps(step)
            if len(steps) == len(self.steps) and not np.array_equal(steps, self.steps):
                frame = int(np.argmax(steps != self.steps))
                what = f"in frame {frame} {element} is of step {steps[frame]}, and position of step {self.steps[frame]}"
            elif len(steps) != len(self.steps):
                what = f"{element} has {len(steps)} steps, and position {len(self.steps)}"
            else:
                continue
            raise DataError(what, location=self._location, expected="all elements written in the same steps")

    def _steps(self, step: h5py.Dataset | None) -> np.ndarray:
        """(frames,) steps of an element."""
        if step is None:
            return np.arange(self._count, dtype=np.int64)
        if step.shape == ():  # H5MD: equally spaced frames
            return int(step.attrs.get("offset", 0)) + int(step[()]) * np.arange(self._count, dtype=np.int64)
        return step[()].astype(np.int64)

    def _fill_value(self) -> int | None:
        """Fill value that marks rows without an atom, if ids are time-dependent and the file defines one."""
        ids = self._values.get("ids")
        if ids is None or "ids" in self._fixed:
            return None
        defined = ids.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
        return int(ids.fillvalue) if defined else None

    def _read_observable(self, name: str) -> np.ndarray | None:
        """(frames, ...) energy or virial, NaN where unknown; None if the file has none."""
        element, shape = OBSERVABLES[name]
        group = self._file.get(element)
        if not isinstance(group, h5py.Group) or "value" not in group or group["value"].shape != (self._count, *shape):
            return None
        return group["value"][()].astype(np.float64)

    def _read_cells(self) -> np.ndarray:
        """(frames, 3, 3) cells from fixed or time-dependent edges, cuboid or triclinic."""
        edges = self._group.get("box/edges")
        if edges is None:
            raise DataError("the particles have no box", location=self._location, expected="box/edges as in H5MD")
        values = edges["value"][()] if isinstance(edges, h5py.Group) else np.asarray(edges[()])[None]
        if values.shape[1:] == (3,):
            values = values[:, :, None] * np.eye(3)  # (frames, 3) -> (frames, 3, 3)
        if values.shape[1:] != (3, 3):
            raise DataError(
                f"the box edges have the shape {values.shape[1:]}", location=self._location, expected="(3,)"
            )
        values = values.astype(np.float64)
        with np.errstate(all="ignore"):
            volumes = np.abs(np.linalg.det(values))
        wrong = np.flatnonzero(~((volumes > 0) & np.isfinite(volumes)))
        if len(wrong):
            raise DataError(
                f"the box of frame {wrong[0]} has no finite positive volume: {values[wrong[0]].tolist()}",
                location=self._location,
                expected="three lattice vectors",
            )
        return np.broadcast_to(values, (self._count, 3, 3))

    def _read_boundaries(self) -> list[tuple[str, str, str]]:
        if BOUNDARY in self._file:
            return [(x, y, z) for x, y, z in self._file[BOUNDARY][()].astype(str).tolist()]
        words = np.asarray(self._group["box"].attrs.get("boundary", ["periodic"] * 3)).astype(str)
        x, y, z = ("pp" if word == "periodic" else "ff" for word in words)
        return [(x, y, z)] * self._count

    def _read_units(self) -> str | None:
        """The unit style from gnnzoo's provenance, or from the unit strings of length and force."""
        if "units" in self.provenance:
            return self.provenance["units"]
        strings_of = {
            kind: _text(self._values[name].attrs["unit"])
            for name, kind in (("positions", "length"), ("forces", "force"))
            if "unit" in self._values[name].attrs
        }
        if not strings_of:
            return None
        for style, strings in UNIT_STRINGS.items():
            # some programs write A for Angstrom
            if all(
                word in (strings[kind], strings[kind].replace("Angstrom", "A")) for kind, word in strings_of.items()
            ):
                return style if "force" in strings_of else None
        raise DataError(
            f"the units of the data are not supported: {', '.join(strings_of.values())}",
            location=self._location,
            expected=" or ".join(f"{strings['length']} and {strings['force']}" for strings in UNIT_STRINGS.values()),
        )

    def _read_type_names(self) -> dict[int, str]:
        if "type_names" in self.provenance:
            return {int(number): name for number, name in self.provenance["type_names"].items()}
        count = 1 if "types" in self._fixed else self._count
        present = [np.unique(self._array("types", index)) for index in range(count)]
        numbers = [int(number) for number in np.unique(np.concatenate(present)) if number != self._no_atom]
        enum = h5py.check_enum_dtype(self._values["types"].dtype) if "types" in self._values else None
        names = {number: name for name, number in (enum or {}).items()}
        return {number: names.get(number, str(number)) for number in numbers}

    # --- frames ---

    def __len__(self) -> int:
        return self._count

    def _array(self, name: str, index: int) -> np.ndarray:
        return self._fixed[name] if name in self._fixed else self._values[name][index]

    def read(self, index: int) -> Frame:
        try:
            with self._lock:
                present = [name for name in ELEMENTS if name in self._fixed or name in self._values]
                arrays = {name: self._array(name, index) for name in present}
        except (OSError, ValueError) as error:
            raise DataError(f"frame {index} cannot be read: {error}", location=self._location) from error
        order = self._order if self._order is not None else self._sorting(arrays["ids"])
        for name, values in arrays.items():
            arrays[name] = values.astype(ELEMENTS[name][1], copy=False)[order]
            if values.dtype.kind == "f" and not np.isfinite(arrays[name]).all():
                raise DataError(
                    f"a {ELEMENTS[name][0]} of frame {index} is not a number",
                    location=self._location,
                    hint="convert the source again: gnnzoo convert DUMP",
                )
        self._check_ids(arrays["ids"], index)
        time = None if self._times is None or self._times.shape == () else float(self._times[index])
        energy, virial = (None if of is None else of[index] for of in self._observables.values())
        return Frame(
            step=int(self.steps[index]),
            time=None if time is None or np.isnan(time) else time,
            segment=int(self.segments[index]),
            cell=self._cells[index],
            origin=self._origins[index],
            boundary=self._boundaries[index],
            type_names=self.type_names,
            units=self.units,
            energy=None if energy is None or np.isnan(energy) else float(energy),
            virial=known_virial(virial),
            **arrays,
        )

    def _sorting(self, ids: np.ndarray) -> np.ndarray:
        """Indices that sort the rows of a frame by id, without rows that have no atom."""
        order = np.argsort(ids, kind="stable")
        return order[ids[order] != self._no_atom]

    def _check_ids(self, ids: np.ndarray, index: int) -> None:
        """Refuse duplicate atoms; `ids` are ascending."""
        twice = np.flatnonzero(np.diff(ids) == 0)
        if len(twice):
            raise DataError(
                f"atom id {ids[twice[0]]} appears twice in frame {index}",
                location=self._location,
                expected="each atom once",
            )

    @functools.cached_property
    def signatures(self) -> np.ndarray:
        with self._lock:
            if SIGNATURE in self._file:
                return self._file[SIGNATURE][()]
        return super().signatures

    @functools.cached_property
    def fingerprint(self) -> str:  # type: ignore[override]  # computed on first use
        """Fingerprint stored at conversion; for files of other programs the first call reads all frames."""
        if "fingerprint" in self.provenance:
            return self.provenance["fingerprint"]
        return fingerprint_of(self)

    def close(self) -> None:
        with self._lock:
            self._file.close()


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        what = "is truncated" if "truncated file" in str(error) else "cannot be opened"
        if "signature not found" in str(error):
            what = "is not an HDF5 file"
        raise DataError(
            f"the dataset {what}", location=Location(path), expected="an HDF5 file written by gnnzoo convert"
        ) from error


def _segments(steps: np.ndarray) -> np.ndarray:
    """(frames,) int32: a new segment wherever the steps do not increase."""
    return np.concatenate([[0], np.cumsum(np.diff(steps) <= 0)]).astype(np.int32)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
