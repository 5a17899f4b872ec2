"""What an H5MD file says of all its frames: elements, steps, cells, boundaries, units, types, provenance.

Every array is checked for dtype, shape and size before it is read, and every text and attribute for its type.
"""

import json
import math
from collections.abc import Sequence

import h5py
import numpy as np
from numpy.typing import DTypeLike

from gnnzoo.data.frames.geometry import spans_volume
from gnnzoo.data.frames.provenance import Provenance, check_provenance
from gnnzoo.data.h5md.checked_file import REWRITE, CheckedFile
from gnnzoo.data.h5md.layout import (
    BOUNDARY,
    ELEMENTS,
    FILE,
    GROUP,
    NO_GROUP,
    OBSERVABLES,
    ORIGIN,
    PROVENANCE,
    SEGMENT,
    STATISTICS,
    STEP,
    TIME,
    UNIT_STRINGS,
    VECTORS,
)
from gnnzoo.errors import Location

_FRAME_BYTES = 256  # that the steps, times, cells and boundaries of a frame take
_BOUNDARIES = {"pp", *(a + b for a in "fsm" for b in "fsm")}  # LAMMPS manual, page boundary


class Contents:
    """The particles of a file, checked.

    Args:
        file: the file.

    Attributes:
        group: of the particles.
        values: field of a frame -> its dataset.
        fixed: field -> values that do not depend on time.
        count, atoms: number of frames, and of rows in each.
        steps, times, segments, files: (frames,); times may be None.
        cells, origins: (frames, 3, 3) and (frames, 3).
        boundaries: LAMMPS' letters of each frame.
        energy, virial: (frames,) and (frames, 3, 3), NaN where unknown; None where the file has none.
        no_atom: id of rows without an atom, None where there are none.
        units, type_names: see `Dataset`.
        provenance, statistics: as stored; empty in files of other programs.

    Raises:
        DataError: the file has no positions, forces or box, or anything in it is not as H5MD specifies.
    """

    def __init__(self, file: CheckedFile):
        self.file = file
        self.provenance = self._provenance()
        self.statistics = self._json(STATISTICS) or {}
        self.group = self._particles()
        values = {name: self._value(element) for name, (element, _, _) in ELEMENTS.items()}
        self.values = {name: value for name, value in values.items() if value is not None}
        self.count, self.atoms = self._check_shapes()
        self.steps = self._steps("position")
        self._check_steps()
        self._read_frames()
        self.energy, self.virial = (self._observable(name) for name in OBSERVABLES)
        self.groups = self._groups()
        self.cells, self.boundaries = self._cells(), self._boundaries()
        self.fixed = {name: self._fixed(name) for name, value in self.values.items() if is_fixed(value)}
        if "ids" not in self.values:
            self.fixed["ids"] = np.arange(1, self.atoms + 1)
        if "types" not in self.values:
            self.fixed["types"] = np.ones(self.atoms, dtype=np.int32)
        self.no_atom = self._fill_value()
        self.units = self._units()

    # --- texts ---

    def _json(self, name: str) -> dict | None:
        """A text that is a JSON object; None where it is missing."""
        dataset = self.file.dataset(name)
        if dataset is None:
            return None
        stored = self._parsed(dataset)
        if not isinstance(stored, dict):
            self.file.refuse("this is no JSON object", dataset.name, hint=REWRITE)
        return stored

    def _parsed(self, dataset: h5py.Dataset) -> object:
        try:
            return json.loads(self.file.text(dataset))
        except (ValueError, RecursionError) as error:
            self.file.refuse(f"the JSON text cannot be read: {error}", dataset.name, hint=REWRITE)

    def _provenance(self) -> dict:
        group, stored = self.file.group(PROVENANCE), {}
        for name in self.file.names(group) if group is not None else ():
            if (dataset := self.file.dataset(name, group)) is not None:
                stored[name] = self._parsed(dataset)
        return check_provenance(stored, Location(self.file.path, None, PROVENANCE), REWRITE)

    # --- elements ---

    def _particles(self) -> h5py.Group:
        """The first particles group with positions and forces."""
        groups = self.file.group("particles")
        if groups is None or self.file.group("h5md") is None:
            self.file.refuse(
                f"this HDF5 file is not H5MD: it has {', '.join(self.file.names(self.file.file)) or 'nothing'}",
                expected="the groups h5md and particles",
                hint="gnnzoo convert DUMP writes one from a LAMMPS dump",
            )
        held: set[str] = set()
        for name in self.file.names(groups):
            group = self.file.find(name, groups)
            if isinstance(group, h5py.Group):
                if all(self.file.find(f"{element}/value", group) is not None for element in ("position", "force")):
                    return group
                held |= set(self.file.names(group))
        self.file.refuse(
            f"no particles group has both positions and forces, only {', '.join(sorted(held)) or 'nothing'}",
            expected="position/value and force/value",
            hint="convert a dump that has fx fy fz",
        )

    def _value(self, element: str) -> h5py.Dataset | None:
        """Data of a time-dependent element (a group) or a fixed one (a dataset); None if missing."""
        found = self.file.find(element, self.group)
        if found is None:
            return None
        name = f"{element}/value" if isinstance(found, h5py.Group) else element
        dataset = self.file.dataset(name, self.group)
        if dataset is None:
            self.file.refuse("the element has no value", found.name, f"{found.name}/value")
        return dataset

    def _check_shapes(self) -> tuple[int, int]:
        """Check dtypes, shapes and sizes of all elements; returns the numbers of frames and of atoms."""
        shape, frame = self.values["positions"].shape, 0
        if len(shape) != 3 or shape[2] != 3 or self.values["forces"].shape != shape:
            self.file.refuse(
                f"positions have the shape {shape}, forces {self.values['forces'].shape}",
                expected="(frames, atoms, 3) for both",
            )
        if 0 in shape:
            self.file.refuse("the dataset has no frame")
        for name, value in self.values.items():
            rows = shape[1:2] if is_fixed(value) else shape[:2]
            expected = (*rows, 3) if name in VECTORS else rows
            if value.shape != expected:
                self.file.refuse(
                    f"{ELEMENTS[name][0]} has the shape {value.shape}, and position {shape}", expected=f"{expected}"
                )
            self.file.check_numbers(value, _kinds(name), expected)
            frame += math.prod(shape[1:]) * 8
        if max(frame, shape[0] * _FRAME_BYTES) > self.file.most_bytes:
            self.file.refuse_size(max(frame, shape[0] * _FRAME_BYTES), self.group.name)
        return shape[0], shape[1]

    def _fixed(self, name: str) -> np.ndarray:
        value = self.values[name]
        return self.file.numbers(value, _kinds(name), value.shape, value.dtype.type)

    def _fill_value(self) -> int | None:
        """Fill value that marks rows without an atom, if ids are time-dependent and the file defines one."""
        ids = self.values.get("ids")
        if ids is None or is_fixed(ids):
            return None
        defined = ids.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
        return int(ids.fillvalue) if defined else None

    # --- frames ---

    def _steps(self, element: str) -> np.ndarray:
        """(frames,) steps of an element."""
        step = self.file.dataset(f"{element}/step", self.group)
        if step is None:
            return np.arange(self.count, dtype=np.int64)
        if step.shape == ():  # H5MD: equally spaced frames
            every = int(self.file.numbers(step, "iu", (), np.int64))
            first = self.file.integer_attribute(step, "offset") or 0
            if max(abs(first), abs(first + every * self.count)) >= 2**63:
                self.file.refuse(f"steps from {first} on in intervals of {every}", step.name, "numbers below 2^63")
            return first + every * np.arange(self.count, dtype=np.int64)
        if step.shape != (self.count,) and len(step.shape) == 1:
            self.file.refuse(
                f"{element} has {len(step)} steps, and position {self.count} frames",
                step.name,
                "all elements written in the same steps",
            )
        return self.file.numbers(step, "iu", (self.count,), np.int64)

    def _check_steps(self) -> None:
        """Refuse elements whose steps differ from those of the positions."""
        own = self.file.find("position/step", self.group)
        observed = [f"/{element}" for element, _ in OBSERVABLES.values()]
        for element in [*(element for element, _, _ in ELEMENTS.values()), "box/edges", *observed]:
            step = self.file.find(f"{element}/step", self.group)
            if own is None or step is None or step == own:  # the same object, by a hard link
                continue
            if element == "box/edges" and self._has_one_box():
                continue
            steps = self._steps(element)
            if not np.array_equal(steps, self.steps):
                frame = int(np.argmax(steps != self.steps))
                self.file.refuse(
                    f"in frame {frame} {element} is of step {steps[frame]}, and position of step {self.steps[frame]}",
                    expected="all elements written in the same steps",
                )

    def _has_one_box(self) -> bool:
        edges = self.file.dataset("box/edges/value", self.group)
        return edges is not None and len(edges.shape) > 1 and edges.shape[0] == 1

    def _array(self, name: str, kinds: str, as_type: DTypeLike, shape: tuple[int, ...] = ()) -> np.ndarray | None:
        """(frames, *shape) numbers; None where they are missing."""
        dataset = self.file.dataset(name)
        return None if dataset is None else self.file.numbers(dataset, kinds, (self.count, *shape), as_type)

    def _read_frames(self) -> None:
        """Read steps, times, segments, files and origins of the frames."""
        steps, segments, files = (self._array(name, "iu", np.int64) for name in (STEP, SEGMENT, FILE))
        self.steps = self.steps if steps is None else steps
        for values, name in ((segments, SEGMENT), (files, FILE)):
            if values is not None and (values.min() < 0 or values.max() >= 2**31):
                self.file.refuse("a number is out of range", name, "0 or more")
        self.segments = _segments(self.steps) if segments is None else segments.astype(np.int32)
        self.files = np.zeros(self.count, dtype=np.int32) if files is None else files.astype(np.int32)
        sources = Provenance.model_validate(self.provenance).sources
        if sources and self.files.max() >= len(sources):
            self.file.refuse(f"a frame is of file {self.files.max()}", FILE, f"one of {len(sources)} files")
        self.times = self._times()
        origins = self._array(ORIGIN, "fiu", np.float64, (3,))
        if origins is not None and not np.isfinite(origins).all():
            self.file.refuse("an origin is not finite", ORIGIN, "finite numbers")
        self.origins = np.zeros((self.count, 3)) if origins is None else origins

    def _times(self) -> np.ndarray | None:
        name = TIME if self.file.find(TIME) is not None else f"{self.group.name}/position/time"
        dataset = self.file.dataset(name)
        if dataset is None or dataset.shape == ():  # an interval
            return None
        return self.file.numbers(dataset, "fiu", (self.count,), np.float64)

    def _observable(self, name: str) -> np.ndarray | None:
        """(frames, ...) energy or virial, NaN where unknown; None if the file has none."""
        element, shape = OBSERVABLES[name]
        values = self._array(f"{element}/value", "fiu", np.float64, shape)
        if values is not None and np.isinf(values).any():
            self.file.refuse("a value is infinite", element, "finite numbers, or NaN where unknown")
        return values

    def _groups(self) -> list[str | None] | None:
        """See `Frame.group`, of each frame; None if the file has none."""
        numbers, names = self._array(GROUP, "iu", np.int64), self.provenance.get("groups") or []
        if numbers is None:
            return None
        if numbers.min() < NO_GROUP or numbers.max() >= len(names):
            self.file.refuse("a number is out of range", GROUP, f"{NO_GROUP}, or one of {len(names)} groups")
        return [names[number] if number != NO_GROUP else None for number in numbers.tolist()]

    def _cells(self) -> np.ndarray:
        """(frames, 3, 3) cells from fixed or time-dependent edges, cuboid or triclinic."""
        found = self.file.find("box/edges", self.group)
        if found is None:
            self.file.refuse("the particles have no box", expected="box/edges as in H5MD")
        moving = isinstance(found, h5py.Group)
        edges = self.file.dataset("box/edges/value" if moving else "box/edges", self.group)
        if edges is None:
            self.file.refuse("the box has no value", found.name, "box/edges/value")
        shape = edges.shape[1:] if moving else edges.shape
        if shape not in ((3,), (3, 3)):
            self.file.refuse(f"the box edges have the shape {shape}", edges.name, "(3,) or (3, 3)")
        frames = () if not moving else (1,) if edges.shape[0] == 1 else (self.count,)
        values = self.file.numbers(edges, "fiu", (*frames, *shape), np.float64).reshape(-1, *shape)
        with np.errstate(all="ignore"):
            if shape == (3,):
                values = values[:, :, None] * np.eye(3)  # (frames, 3) -> (frames, 3, 3)
        wrong = np.flatnonzero(~spans_volume(values))
        if len(wrong):
            self.file.refuse(
                f"the box of frame {wrong[0]} has no finite positive volume: {values[wrong[0]].tolist()}",
                edges.name,
                "three lattice vectors",
            )
        return np.broadcast_to(values, (self.count, 3, 3))

    def _boundaries(self) -> Sequence[tuple[str, str, str]]:
        stored = self.file.dataset(BOUNDARY)
        if stored is not None:
            if self.file.dtype(stored) != np.dtype("S2") or stored.shape != (self.count, 3):
                self.file.refuse(f"{stored.shape} texts of type {stored.dtype}", BOUNDARY, "three for each frame")
            rows = [(x, y, z) for x, y, z in stored[()].astype("U2").tolist()]
            wrong = next((row for row in set(rows) if not set(row) <= _BOUNDARIES), None)
            if wrong is not None:
                self.file.refuse(f"the boundaries {wrong}", BOUNDARY, "such as pp pp ff")
            return rows
        box = self.file.group("box", self.group)
        words = None if box is None else self.file.text_attributes(box, "boundary")
        words = ["periodic"] * 3 if words is None else words
        if len(words) != 3 or not set(words) <= {"periodic", "none"}:
            self.file.refuse(
                f"the boundaries {' '.join(words)[:80]}", f"{self.group.name}/box@boundary", "periodic or none"
            )
        x, y, z = ("pp" if word == "periodic" else "ff" for word in words)
        return [(x, y, z)] * self.count

    # --- units ---

    def _units(self) -> str | None:
        """The unit style from gnnzoo's provenance, or from the unit strings of length and force."""
        if "units" in self.provenance:
            units: str | None = self.provenance["units"]
            return units
        strings_of = {
            (element, kind): unit
            for name, (element, _, kind) in ELEMENTS.items()
            if kind is not None and name in self.values and (unit := self._unit(self.values[name])) is not None
        }
        if not strings_of:
            return None
        for style, strings in UNIT_STRINGS.items():
            # some programs write A for Angstrom
            if all(
                unit in (strings[kind], strings[kind].replace("Angstrom", "A"))
                for (_, kind), unit in strings_of.items()
            ):
                return style if any(kind == "force" for _, kind in strings_of) else None
        self.file.refuse(
            "the units of the data are not supported: "
            + ", ".join(f"{element} in {unit}" for (element, _), unit in strings_of.items()),
            expected=" or ".join(", ".join(dict.fromkeys(strings.values())) for strings in UNIT_STRINGS.values()),
        )

    def _unit(self, dataset: h5py.Dataset) -> str | None:
        texts = self.file.text_attributes(dataset, "unit")
        return texts[0] if texts else None


def is_fixed(value: h5py.Dataset) -> bool:
    """Whether an element's `value` does not depend on time.

    Returns:
        True for a dataset of its own, False for the value in a group.
    """
    return value.name.rsplit("/", 1)[-1] != "value"


def _kinds(name: str) -> str:
    """NumPy kinds of the numbers of a field."""
    return "fiu" if np.issubdtype(ELEMENTS[name][1], np.floating) else "iu"


def _segments(steps: np.ndarray) -> np.ndarray:
    """(frames,) int32: a new segment wherever the steps do not increase."""
    return np.concatenate([[0], np.cumsum(steps[1:] <= steps[:-1])]).astype(np.int32)
