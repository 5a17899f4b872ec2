"""Datasets in HDF5, in the layout of H5MD 1.1 (https://www.nongnu.org/h5md/h5md.html), read frame by frame.

Files of gnnzoo's own hold more than H5MD asks for, in the group /gnnzoo: where the numbers came from, corners of the
box, segments. Files made elsewhere are read as far as they have positions, forces and a box.
"""

import functools
import json
import threading
from pathlib import Path

import h5py
import numpy as np

from gnnzoo.data.fingerprint import fingerprint_of
from gnnzoo.data.frames import Dataset, Frame, known_virial
from gnnzoo.errors import DataError, Location

# Field of a frame -> (element of H5MD, dtype on disk, kind of unit).
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

# Unit strings of the H5MD units module. Reduced units carry none.
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
STEP, TIME = "gnnzoo/step", "gnnzoo/time"  # of the run, where those that H5MD asks for differ
FILE = "gnnzoo/file"
SIGNATURE = "gnnzoo/signature"
# Field of a frame -> (observable of H5MD, shape); both in the unit of an energy. The name of the second is gnnzoo's
# own, so that no virial of another meaning is taken for it.
OBSERVABLES = {
    "energy": ("observables/all/potential_energy", ()),
    "virial": ("observables/all/potential_virial", (3, 3)),
}


class H5mdDataset(Dataset):
    """An H5MD file, open for reading; frames may be read from any thread.

    Attributes:
        statistics: size of the forces as found at conversion, see `ForceStatistics.summary`; empty in foreign files.

    Raises:
        DataError: the file is no HDF5, is damaged, is no H5MD, or lacks positions, forces or a box.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._place = Location(self.path)
        self._lock = threading.Lock()
        self._file = _opened(self.path)
        try:
            self._open()
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            self._file.close()
            raise DataError(f"the HDF5 file is damaged or not as H5MD has it: {error}", location=self._place) from error
        except DataError:
            self._file.close()
            raise

    def _open(self) -> None:
        file = self._file
        self.provenance = {key: json.loads(text[()]) for key, text in file.get(PROVENANCE, {}).items()}
        self.statistics = json.loads(file[STATISTICS][()]) if STATISTICS in file else {}
        self._group = self._particles()
        self._values = {name: self._value(element) for name, (element, _, _) in ELEMENTS.items()}
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
        self._fixed = {name: value[()] for name, value in self._values.items() if self._is_fixed(value)}
        n_atoms = self._values["positions"].shape[1]
        self._fixed.setdefault("ids", None if self._values["ids"] is not None else np.arange(1, n_atoms + 1))
        self._nothing = self._fill_value()
        if self._values["types"] is None:
            self._fixed["types"] = np.ones(n_atoms, dtype=np.int32)
        ids = self._fixed["ids"]
        self._order = None if ids is None else np.argsort(ids, kind="stable")
        if ids is not None and np.array_equal(ids, np.sort(ids)):
            self._order = slice(None)  # nothing to move, nothing to copy
        self.units = self._read_units()
        self.type_names = self._read_type_names()

    # --- what the file holds ---

    def _particles(self) -> h5py.Group:
        """The first group of particles with positions and forces."""
        if "h5md" not in self._file or "particles" not in self._file:
            raise DataError(
                f"this HDF5 file is no H5MD: it holds {', '.join(self._file) or 'nothing'}",
                location=self._place,
                expected="the groups h5md and particles",
                hint="gnnzoo convert DUMP makes one from a LAMMPS dump",
            )
        groups = self._file["particles"]
        for group in groups.values():
            if all(f"{element}/value" in group for element in ("position", "force")):
                return group
        held = ", ".join(sorted({element for group in groups.values() for element in group})) or "nothing"
        raise DataError(
            f"no group of particles has both positions and forces: they hold {held}",
            location=self._place,
            expected="position/value and force/value",
            hint="convert a dump that has fx fy fz",
        )

    def _value(self, element: str) -> h5py.Dataset | None:
        """An element's data, whether it changes in time (a group) or not (a dataset); None where it lacks."""
        found = self._group.get(element)
        return found["value"] if isinstance(found, h5py.Group) else found

    def _is_fixed(self, value: h5py.Dataset | None) -> bool:
        return value is not None and value.name.rsplit("/", 1)[-1] != "value"

    def _check_shapes(self) -> None:
        shape = self._values["positions"].shape
        if len(shape) != 3 or shape[2] != 3 or self._values["forces"].shape != shape:
            raise DataError(
                f"positions have the shape {shape}, forces {self._values['forces'].shape}",
                location=self._place,
                expected="(frames, atoms, 3) for both",
            )
        if 0 in shape:
            raise DataError("the dataset holds no frame", location=self._place)
        for name, value in self._values.items():
            if value is None:
                continue
            rows = shape[1:2] if self._is_fixed(value) else shape[:2]
            expected = (*rows, 3) if name in _VECTORS else rows
            if value.shape != expected:
                raise DataError(
                    f"{ELEMENTS[name][0]} has the shape {value.shape}, and position {shape}",
                    location=self._place,
                    expected=f"{expected}",
                )

    def _check_steps(self) -> None:
        """Refuse elements that were not written in the same steps as the positions."""
        own = self._group.get("position/step")
        for element in [element for element, _, _ in ELEMENTS.values()] + ["box/edges"]:
            step = self._group.get(f"{element}/step")
            if own is None or step is None or step == own:  # the same object, through a hard link
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
            raise DataError(what, location=self._place, expected="all elements written in the same steps")

    def _steps(self, step: h5py.Dataset | None) -> np.ndarray:
        """(frames,) of an element, by what it says of its steps."""
        if step is None:
            return np.arange(self._count, dtype=np.int64)
        if step.shape == ():  # H5MD: frames at equal distances
            return int(step.attrs.get("offset", 0)) + int(step[()]) * np.arange(self._count, dtype=np.int64)
        return step[()].astype(np.int64)

    def _fill_value(self) -> int | None:
        """The id that marks a row without an atom, where the ids change and the file defines one."""
        ids = self._values["ids"]
        if ids is None or self._fixed["ids"] is not None:
            return None
        said = ids.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
        return int(ids.fillvalue) if said else None

    def _read_observable(self, name: str) -> np.ndarray | None:
        """(frames, ...) energy or virial of the frames, NaN where it is not known; None where the file has none."""
        element, shape = OBSERVABLES[name]
        group = self._file.get(element)
        if not isinstance(group, h5py.Group) or "value" not in group or group["value"].shape != (self._count, *shape):
            return None
        return group["value"][()].astype(np.float64)

    def _read_cells(self) -> np.ndarray:
        """(frames, 3, 3) from edges that change in time or do not, of a cuboid or of a tilted cell."""
        edges = self._group.get("box/edges")
        if edges is None:
            raise DataError("the particles have no box", location=self._place, expected="box/edges, as H5MD has it")
        values = edges["value"][()] if isinstance(edges, h5py.Group) else np.asarray(edges[()])[None]
        if values.shape[1:] == (3,):
            values = values[:, :, None] * np.eye(3)  # (frames, 3) -> (frames, 3, 3)
        if values.shape[1:] != (3, 3):
            raise DataError(f"the box has edges of the shape {values.shape[1:]}", location=self._place, expected="(3,)")
        values = values.astype(np.float64)
        with np.errstate(all="ignore"):
            volumes = np.abs(np.linalg.det(values))
        wrong = np.flatnonzero(~((volumes > 0) & np.isfinite(volumes)))
        if len(wrong):
            raise DataError(
                f"the box of frame {wrong[0]} has no volume that makes sense: {values[wrong[0]].tolist()}",
                location=self._place,
                expected="three lattice vectors",
            )
        return np.broadcast_to(values, (self._count, 3, 3))

    def _read_boundaries(self) -> list[tuple[str, str, str]]:
        if BOUNDARY in self._file:
            return [tuple(letters) for letters in self._file[BOUNDARY][()].astype(str).tolist()]
        said = np.asarray(self._group["box"].attrs.get("boundary", ["periodic"] * 3)).astype(str)
        return [tuple("pp" if word == "periodic" else "ff" for word in said)] * self._count

    def _read_units(self) -> str | None:
        """The unit style: as gnnzoo noted it, or as the unit strings of length and force tell it."""
        if "units" in self.provenance:
            return self.provenance["units"]
        said = {
            kind: _text(self._values[name].attrs["unit"])
            for name, kind in (("positions", "length"), ("forces", "force"))
            if "unit" in self._values[name].attrs
        }
        if not said:
            return None
        for style, strings in UNIT_STRINGS.items():
            # Some write A for Angstrom.
            if all(word in (strings[kind], strings[kind].replace("Angstrom", "A")) for kind, word in said.items()):
                if "force" in said:
                    return style
                return None
        raise DataError(
            f"the data are in units that gnnzoo does not know: {', '.join(said.values())}",
            location=self._place,
            expected=" or ".join(f"{strings['length']} and {strings['force']}" for strings in UNIT_STRINGS.values()),
        )

    def _read_type_names(self) -> dict[int, str]:
        if "type_names" in self.provenance:
            return {int(number): name for number, name in self.provenance["type_names"].items()}
        count = 1 if "types" in self._fixed else self._count
        found = [np.unique(self._array("types", index)) for index in range(count)]
        numbers = [int(number) for number in np.unique(np.concatenate(found)) if number != self._nothing]
        enum = h5py.check_enum_dtype(self._values["types"].dtype) if self._values["types"] is not None else None
        names = {number: name for name, number in (enum or {}).items()}
        return {number: names.get(number, str(number)) for number in numbers}

    # --- frames ---

    def __len__(self) -> int:
        return self._count

    def _array(self, name: str, index: int) -> np.ndarray | None:
        if name in self._fixed and self._fixed[name] is not None:
            return self._fixed[name]
        value = self._values[name]
        return None if value is None else value[index]

    def read(self, index: int) -> Frame:
        try:
            with self._lock:
                arrays = {name: self._array(name, index) for name in ELEMENTS}
        except (OSError, ValueError) as error:
            raise DataError(f"frame {index} cannot be read: {error}", location=self._place) from error
        order = self._order
        if order is None:
            order = np.argsort(arrays["ids"], kind="stable")
            order = order[arrays["ids"][order] != self._nothing]
        for name, (_, dtype, _) in ELEMENTS.items():
            if arrays[name] is not None:
                arrays[name] = arrays[name].astype(dtype, copy=False)[order]
        for name, values in arrays.items():
            if values is not None and values.dtype.kind == "f" and not np.isfinite(values).all():
                raise DataError(
                    f"a {ELEMENTS[name][0]} of frame {index} is not a number",
                    location=self._place,
                    hint="make the file anew from its source: gnnzoo convert DUMP",
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

    def _check_ids(self, ids: np.ndarray, index: int) -> None:
        """Refuse an atom that is there twice; `ids` are ascending."""
        twice = np.flatnonzero(np.diff(ids) == 0)
        if len(twice):
            raise DataError(
                f"atom id {ids[twice[0]]} comes twice in frame {index}", location=self._place, expected="each atom once"
            )

    @functools.cached_property
    def signatures(self) -> np.ndarray:
        with self._lock:
            if SIGNATURE in self._file:
                return self._file[SIGNATURE][()]
        return super().signatures

    @functools.cached_property
    def fingerprint(self) -> str:
        """As noted at conversion; of a foreign file the first call reads all frames."""
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
        what = "is cut short" if "truncated file" in str(error) else "cannot be opened"
        if "signature not found" in str(error):
            what = "is no HDF5 file"
        raise DataError(
            f"the dataset {what}", location=Location(path), expected="an HDF5 file as gnnzoo convert makes it"
        ) from error


def _segments(steps: np.ndarray) -> np.ndarray:
    """(frames,) int32: a new segment wherever the steps do not grow."""
    return np.concatenate([[0], np.cumsum(np.diff(steps) <= 0)]).astype(np.int32)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
