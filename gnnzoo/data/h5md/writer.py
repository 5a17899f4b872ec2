"""Writes datasets as H5MD, block by block, so that memory does not grow with the file.

For the layout see `layout`. Elements that do not change in time (ids, types, molecules, charges) are stored
once; all elements share steps and times through hard links, as H5MD requires. Where frames differ in their number of
atoms, all have room for the largest one, and an id of -1 (H5MD 1.1: the fill value of `id`) marks a row without an
atom. H5MD requires increasing steps and times: where those of a run go back, the H5MD series continue from where they
were, and /gnnzoo holds those of the run.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import numpy as np
from numpy.typing import DTypeLike

from gnnzoo.data.frames.blocks import FrameBlock
from gnnzoo.data.frames.fingerprint import Fingerprint
from gnnzoo.data.frames.force_statistics import ForceStatistics
from gnnzoo.data.h5md.disk import UnfailingFile
from gnnzoo.data.h5md.layout import (
    BOUNDARY,
    ELEMENTS,
    FILE,
    GROUP,
    NO_GROUP,
    OBSERVABLES,
    ORIGIN,
    PARTICLES,
    PROVENANCE,
    SEGMENT,
    SIGNATURE,
    STATISTICS,
    STEP,
    TIME,
    UNIT_STRINGS,
)
from gnnzoo.records import json_text

_CHUNK_BYTES = 1 << 16  # size of a chunk of frames: small enough to read one frame quickly, large enough for few chunks
_FEW_BYTES, _SMALL_CHUNK_BYTES = 100, 1 << 13  # the same for a few numbers per frame
_BACKFILL = 256  # frames written at a time when a fixed element becomes time-dependent
_MAY_STAY = ("ids", "types", "charges", "molecules")  # stored once until they change
# MDAnalysis refuses files with an unknown unit of force, and reads the numbers unconverted where there is none.
_UNREAD_UNITS = ("eV Angstrom-1",)
NO_ATOM = -1  # id of a row without an atom; its other integers have this value, too


class H5mdWriter:
    """Writes an H5MD file block by block; a context manager, completed by `finish`.

    Args:
        path: the file.
        first: the first block, which defines atoms and fields; it must be appended as well.
        version: of gnnzoo, the creator of the file.
        compress: whether to use gzip, which every HDF5 reader supports: about three quarters of the size, several times
            slower.
    """

    def __init__(self, path: Path, first: FrameBlock, *, version: str, compress: bool = False):
        self._compression = {"compression": "gzip", "compression_opts": 1} if compress else {}
        self._fingerprint = Fingerprint()
        self._statistics = ForceStatistics()
        self._frames = 0
        self._groups: dict[str, int] = {}
        self._seen: list[tuple[np.ndarray, ...]] = []  # per block: steps, segments, atoms, atoms' energy, volumes
        self._disk = UnfailingFile(path, "w+")
        self._file = h5py.File(self._disk, "w")
        self._lay_out(first, version)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._disk.give_up()
        self._file.close()
        self._disk.close()
        if error is None:
            self._disk.check()

    @property
    def frames(self) -> int:
        """Number of frames written."""
        return self._frames

    @property
    def steps(self) -> np.ndarray:
        """(frames,) timesteps written."""
        return np.concatenate([seen[0] for seen in self._seen])

    @property
    def segments(self) -> np.ndarray:
        """(frames,) segments written."""
        return np.concatenate([seen[1] for seen in self._seen])

    @property
    def atoms(self) -> np.ndarray:
        """(frames,) numbers of atoms written."""
        return np.concatenate([seen[2] for seen in self._seen])

    @property
    def energy_of_atoms(self) -> np.ndarray:
        """(frames,) sum of the atoms' energies, NaN where unknown; energy unit."""
        return np.concatenate([seen[3] for seen in self._seen])

    @property
    def volumes(self) -> np.ndarray:
        """(frames,) volumes of the cells written, length unit cubed."""
        return np.concatenate([seen[4] for seen in self._seen])

    def append(self, block: FrameBlock) -> None:
        """Append the frames of a block.

        Args:
            block: with the fields of the first block.
        """
        energies = block.arrays.get("energies")
        of_atoms = np.full(len(block), np.nan) if energies is None else energies.sum(axis=1)
        volumes = np.abs(np.linalg.det(block.cells))
        self._seen.append((block.steps, block.segments, np.full(len(block), len(block.ids)), of_atoms, volumes))
        signatures = self._statistics.update(block.arrays["forces"], block.types)
        self._fingerprint.update(block)
        boundaries = np.array(block.boundaries, dtype="S2")
        self._periodic &= np.all(boundaries == b"pp", axis=0)
        per_atom = {"ids": block.ids, "types": block.types, **block.arrays}
        for name, value in list(self._constant.items()):
            if per_atom[name].shape[-1] != len(value) or np.any(per_atom[name] != value):
                self._release(name)
        virial = np.full((len(block), 3, 3), np.nan) if block.virial is None else block.virial
        for name, values in (("energy", block.energy), ("virial", virial)):
            if name not in self._series and np.any(np.isfinite(values)):
                self._add_observable(name)
        if block.groups is not None and "groups" not in self._series:
            self._series["groups"] = self._grown(f"/{GROUP}", (), np.int32)
            self._series["groups"].resize(self._frames, axis=0)
            self._series["groups"][:] = NO_GROUP
        per_frame = {
            "steps": block.steps,
            "times": block.times,
            "cells": self._edges(block.cells),
            "origins": block.origins,
            "boundaries": boundaries,
            "segments": block.segments,
            "files": block.files,
            "signatures": signatures,
            "energy": block.energy,
            "virial": virial,
            "groups": self._numbered(block.groups or [None] * len(block)),
        }
        stop = self._frames + len(block)
        for name, dataset in self._series.items():
            if name in per_frame:
                dataset.resize(stop, axis=0)
                dataset[self._frames :] = per_frame[name]
            else:
                dataset.resize((stop, max(dataset.shape[1], len(block.ids)), *dataset.shape[2:]))
                dataset[self._frames :, : len(block.ids)] = per_atom[name]
        self._frames = stop
        self._disk.check()

    def _numbered(self, groups: list[str | None]) -> np.ndarray:
        """(frames,) numbers of groups, new ones by their first frames."""
        named = (NO_GROUP if name is None else self._groups.setdefault(name, len(self._groups)) for name in groups)
        return np.fromiter(named, np.int32, len(groups))

    def set_observable(self, name: str, values: np.ndarray) -> None:
        """Set a quantity of all frames written.

        Args:
            name: "energy" or "virial".
            values: (frames,) or (frames, 3, 3), NaN where unknown; energy unit.
        """
        if name not in self._series:
            self._add_observable(name)
        self._series[name][:] = values

    def finish(self, *, units: str | None, type_names: dict[int, str], provenance: dict) -> str:
        """Write fixed elements, units, provenance and statistics.

        Args:
            units: LAMMPS unit style; None if undeclared, then no array has a unit.
            type_names: name of each type.
            provenance: anything serializable as JSON; units, type names and the fingerprint are added.

        Returns:
            The fingerprint.
        """
        for name, value in self._constant.items():
            self._group[ELEMENTS[name][0]] = value
        boundary = ["periodic" if periodic else "none" for periodic in self._periodic]
        self._group["box"].attrs["boundary"] = np.array(boundary, dtype="S")
        self._write_units(units)
        for name, original in (("steps", STEP), ("times", TIME)):
            self._make_increasing(self._series[name], original)
        fingerprint = self._fingerprint.hexdigest()
        stored = {**provenance, "units": units, "type_names": type_names, "fingerprint": fingerprint}
        if self._groups:
            stored["groups"] = list(self._groups)
        for key, value in stored.items():
            self._file[f"{PROVENANCE}/{key}"] = json_text(value)
        self._file[STATISTICS] = json.dumps(self._statistics.summary(type_names))
        self._file.flush()
        self._disk.check()
        return fingerprint

    # --- layout ---

    def _lay_out(self, first: FrameBlock, version: str) -> None:
        """Create all groups and datasets."""
        self._describe(version)
        self._group = self._file.create_group(PARTICLES)
        self._group.create_group("box").attrs["dimension"] = 3
        self._periodic = np.ones(3, dtype=bool)
        self._series = {
            "steps": self._grown("position/step", (), np.int64),
            "times": self._grown("position/time", (), np.float64),
            "cells": self._grown("box/edges/value", (3,), np.float64),
            "origins": self._grown(f"/{ORIGIN}", (3,), np.float64),
            "boundaries": self._grown(f"/{BOUNDARY}", (3,), "S2"),
            "segments": self._grown(f"/{SEGMENT}", (), np.int32),
            "files": self._grown(f"/{FILE}", (), np.int32),
            "signatures": self._grown(f"/{SIGNATURE}", (), np.float64),
        }
        self._link_steps("box/edges")
        self._constant = {"ids": first.ids, "types": first.types}
        self._constant |= {name: first.arrays[name][0] for name in _MAY_STAY if name in first.arrays}
        for name, array in first.arrays.items():
            if name not in self._constant:
                self._add_element(name, array)

    def _describe(self, version: str) -> None:
        h5md = self._file.create_group("h5md")
        h5md.attrs["version"] = [1, 1]
        # H5MD requires an author, which no dump names, and strings of fixed length.
        h5md.create_group("author").attrs["name"] = np.bytes_("unknown")
        creator = h5md.create_group("creator")
        creator.attrs["name"], creator.attrs["version"] = np.bytes_("gnnzoo"), np.bytes_(version or "unknown")

    def _grown(self, name: str, shape: tuple[int, ...], dtype: DTypeLike, **options: object) -> h5py.Dataset:
        """An empty dataset that grows with the frames; one with a fill value also with the atoms."""
        frame_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        chunk_bytes = _SMALL_CHUNK_BYTES if frame_bytes < _FEW_BYTES else _CHUNK_BYTES
        return self._group.create_dataset(
            name,
            shape=(0, *shape),
            maxshape=(None, *((None, *shape[1:]) if "fillvalue" in options else shape)),
            chunks=(max(1, chunk_bytes // frame_bytes), *shape),
            dtype=dtype,
            **options,
        )

    def _add_element(self, name: str, array: np.ndarray) -> None:
        element, dtype, _ = ELEMENTS[name]
        fill = np.nan if np.issubdtype(dtype, np.floating) else NO_ATOM
        options = {"fillvalue": fill, **self._compression}
        self._series[name] = self._grown(f"{element}/value", array.shape[1:], dtype, **options)
        self._link_steps(element)

    def _add_observable(self, name: str) -> None:
        element, shape = OBSERVABLES[name]
        self._series[name] = self._grown(f"/{element}/value", shape, np.float64)
        self._link_steps(f"/{element}")
        self._series[name].resize(self._frames, axis=0)
        self._series[name][:] = np.nan

    def _link_steps(self, group: str) -> None:
        if group != "position":
            self._group[f"{group}/step"] = self._series["steps"]
            self._group[f"{group}/time"] = self._series["times"]

    def _release(self, name: str) -> None:
        """Turn a fixed element into a time-dependent one."""
        value = self._constant.pop(name)
        self._add_element(name, value[None])
        self._series[name].resize(self._frames, axis=0)
        for start in range(0, self._frames, _BACKFILL):
            self._series[name][start : start + _BACKFILL] = value

    def _edges(self, cells: np.ndarray) -> np.ndarray:
        """Cells as stored: lengths of cuboids, (frames, 3); (frames, 3, 3) from the first triclinic cell on."""
        stored = self._series["cells"]
        if stored.ndim == 3:
            return cells
        lengths = np.einsum("fii->fi", cells)
        if np.array_equal(cells, lengths[:, :, None] * np.eye(3)):
            return lengths
        before = stored[()]
        del self._group["box/edges/value"]
        self._series["cells"] = self._grown("box/edges/value", (3, 3), np.float64)
        self._series["cells"].resize(self._frames, axis=0)
        self._series["cells"][:] = before[:, :, None] * np.eye(3)
        return cells

    def _make_increasing(self, series: h5py.Dataset, original: str) -> None:
        """Continue steps or times that go back from where they were, and keep those of the run at `original`."""
        values = series[()]
        known = np.flatnonzero(np.isfinite(values))
        change = np.diff(values[known])
        back = change <= 0 if np.issubdtype(values.dtype, np.integer) else change < 0
        if not back.any():
            return
        self._file[original] = values
        least = np.ones((), dtype=values.dtype) if np.issubdtype(values.dtype, np.integer) else 0.0
        values[known[1:]] = values[known[0]] + np.cumsum(np.where(back, least, change))
        series[:] = values

    def _write_units(self, units: str | None) -> None:
        """Write `unit` attributes and the H5MD units module."""
        if units not in UNIT_STRINGS:
            return
        module = self._file.create_group("h5md/modules/units")
        module.attrs["version"] = [1, 0]
        module.attrs["system"] = _ascii(f"LAMMPS {units}")
        strings = UNIT_STRINGS[units]
        units_of = [(self._series["times"], strings["time"]), (self._series["cells"], strings["length"])]
        for name, (element, _, kind) in ELEMENTS.items():
            if kind is not None and element in self._group:
                units_of.append((self._series[name] if name in self._series else self._group[element], strings[kind]))
        units_of += [(self._series[name], strings["energy"]) for name in OBSERVABLES if name in self._series]
        for dataset, unit in units_of:
            dataset.attrs["lammps_unit" if unit in _UNREAD_UNITS else "unit"] = _ascii(unit)


def _ascii(text: str) -> np.ndarray:
    """A variable-length ASCII string, as the H5MD units module requires."""
    return np.array(text, dtype=h5py.string_dtype("ascii"))
