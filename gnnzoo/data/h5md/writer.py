"""Writing datasets as H5MD, block by block, so that memory does not grow with the file.

The layout is that of `h5md`. What does not change in time (ids, types, molecules and charges as long as they stay) is
stored once; steps and times are shared by all elements through hard links, as H5MD asks for it. Where frames differ in
their number of atoms, all have room for the most, and an id of -1 (H5MD 1.1: the fill value of `id`) marks a row that
holds no atom. H5MD has steps and times grow: where those of a run go back, H5MD's continue from where they were, and
/gnnzoo holds those of the run.
"""

import io
import json
import os
from pathlib import Path

import h5py
import numpy as np

from gnnzoo.data.blocks import FrameBlock
from gnnzoo.data.fingerprint import Fingerprint
from gnnzoo.data.force_statistics import ForceStatistics
from gnnzoo.data.h5md.reader import (
    BOUNDARY,
    ELEMENTS,
    FILE,
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

_CHUNK_BYTES = 1 << 16  # frames share a chunk until it is this large: reading one stays quick, and chunks stay few
_FEW_BYTES, _SMALL_CHUNK_BYTES = 100, 1 << 13  # the same for what is a few numbers a frame
_BACKFILL = 256  # frames written at a time when what stayed the same begins to change
_MAY_STAY = ("ids", "types", "charges", "molecules")  # stored once unless they change
# MDAnalysis refuses files with a unit of force that it does not know, and reads them as they are where there is none.
_UNREAD_UNITS = ("eV Angstrom-1",)
NO_ATOM = -1  # id of a row that holds none; other whole numbers of such a row are the same


class _Disk(io.FileIO):
    """The file on disk, which never tells HDF5 that a write failed.

    The HDF5 library crashes over a file that it cannot close because the disk is full. So after the first write that
    fails all stays in memory, to be read back until the file is closed and then thrown away, and `check` raises the
    error.
    """

    _error: OSError | None = None
    _late: list[tuple[int, bytes]] | None = None  # what did not reach the disk, in order: place and bytes

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view) and self._late is None:  # a nearly full disk takes a part
            try:
                done += super().write(view[done:])
            except OSError as error:
                self._error = error
                self.give_up()
        if self._late is not None:
            self._late.append((self.tell(), bytes(view[done:])))
            self.seek(len(view) - done, os.SEEK_CUR)
        return len(view)

    def readinto(self, buffer) -> int:
        if self._late is None:
            return super().readinto(buffer)
        start, view = self.tell(), memoryview(buffer).cast("B")
        view[:] = bytes(len(view))
        super().readinto(buffer)
        for place, data in self._late:
            first, last = max(start, place), min(start + len(view), place + len(data))
            if first < last:
                view[first - start : last - start] = data[first - place : last - place]
        self.seek(start + len(view))
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if self._late and whence == os.SEEK_END:
            ends = [place + len(data) for place, data in self._late]
            return super().seek(max(super().seek(0, os.SEEK_END), *ends) + offset)
        return super().seek(offset, whence)

    def truncate(self, size: int | None = None) -> int:
        return super().truncate(size) if self._late is None else self.tell()

    def give_up(self) -> None:
        """From here on nothing reaches the disk."""
        self._late = self._late or []

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self._error is not None:
            raise self._error


class H5mdWriter:
    """An H5MD file that grows by blocks of frames; to be used as a context manager, and ended by `finish`.

    Args:
        path: the file to make.
        first: the first block, which tells the atoms and the fields; it is to be appended like all others.
        version: of gnnzoo, as the file's creator.
        compress: gzip, which every HDF5 reader unpacks; about three quarters of the size, several times slower.
    """

    def __init__(self, path: Path, first: FrameBlock, *, version: str, compress: bool = False):
        self._compression = {"compression": "gzip", "compression_opts": 1} if compress else {}
        self._fingerprint = Fingerprint()
        self._statistics = ForceStatistics()
        self._frames = 0
        self._seen: list[tuple[np.ndarray, ...]] = []  # of each block: steps, segments, atoms, energy of the atoms
        self._disk = _Disk(path, "w+")
        self._file = h5py.File(self._disk, "w")
        self._lay_out(first, version)

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _traceback):
        if error is not None:
            self._disk.give_up()
        self._file.close()
        self._disk.close()
        if error is None:
            self._disk.check()

    @property
    def frames(self) -> int:
        """Frames written so far."""
        return self._frames

    @property
    def steps(self) -> np.ndarray:
        """(frames,) of the frames written so far."""
        return np.concatenate([seen[0] for seen in self._seen])

    @property
    def segments(self) -> np.ndarray:
        """(frames,) of the frames written so far."""
        return np.concatenate([seen[1] for seen in self._seen])

    @property
    def atoms(self) -> np.ndarray:
        """(frames,) number of atoms of the frames written so far."""
        return np.concatenate([seen[2] for seen in self._seen])

    @property
    def energy_of_atoms(self) -> np.ndarray:
        """(frames,) sum of the atoms' energies, NaN where they have none."""
        return np.concatenate([seen[3] for seen in self._seen])

    def append(self, block: FrameBlock) -> None:
        """Write the frames of a block behind those before; it has the fields of the first block."""
        energies = block.arrays.get("energies")
        of_atoms = np.full(len(block), np.nan) if energies is None else energies.sum(axis=1)
        self._seen.append((block.steps, block.segments, np.full(len(block), len(block.ids)), of_atoms))
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
        described = {
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
        }
        stop = self._frames + len(block)
        for name, dataset in self._series.items():
            if name in described:
                dataset.resize(stop, axis=0)
                dataset[self._frames :] = described[name]
            else:
                dataset.resize((stop, max(dataset.shape[1], len(block.ids)), *dataset.shape[2:]))
                dataset[self._frames :, : len(block.ids)] = per_atom[name]
        self._frames = stop
        self._disk.check()

    def set_energy(self, energy: np.ndarray) -> None:
        """The potential energy of all frames written so far, where it is known only now: (frames,), NaN where not."""
        if "energy" not in self._series:
            self._add_observable("energy")
        self._series["energy"][:] = energy

    def finish(self, *, units: str | None, type_names: dict[int, str], provenance: dict) -> str:
        """Write what is known only now; returns the fingerprint.

        Args:
            units: LAMMPS unit style, or None where undeclared: then no array has a unit.
            type_names: name of each type.
            provenance: anything JSON can hold; units, type names and the fingerprint are added.
        """
        for name, value in self._constant.items():
            self._group[ELEMENTS[name][0]] = value
        boundary = ["periodic" if periodic else "none" for periodic in self._periodic]
        self._group["box"].attrs["boundary"] = np.array(boundary, dtype="S")
        self._write_units(units)
        for name, place in (("steps", STEP), ("times", TIME)):
            self._let_grow(self._series[name], place)
        fingerprint = self._fingerprint.hexdigest()
        everything = {**provenance, "units": units, "type_names": type_names, "fingerprint": fingerprint}
        for key, value in everything.items():
            self._file[f"{PROVENANCE}/{key}"] = json.dumps(value)
        self._file[STATISTICS] = json.dumps(self._statistics.summary(type_names))
        self._file.flush()
        self._disk.check()
        return fingerprint

    # --- layout ---

    def _lay_out(self, first: FrameBlock, version: str) -> None:
        """Everything that is there before the first frame."""
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
        # H5MD demands an author, whom no dump tells; and strings of fixed length.
        h5md.create_group("author").attrs["name"] = np.bytes_("unknown")
        creator = h5md.create_group("creator")
        creator.attrs["name"], creator.attrs["version"] = np.bytes_("gnnzoo"), np.bytes_(version or "unknown")

    def _grown(self, name: str, shape: tuple[int, ...], dtype, **options) -> h5py.Dataset:
        """An empty dataset that grows along its first axis, the frames; one of atoms along that axis, too."""
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
        nothing = np.nan if np.issubdtype(dtype, np.floating) else NO_ATOM
        options = {"fillvalue": nothing, **self._compression}
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
        """Turn what stayed the same so far into what changes in time."""
        value = self._constant.pop(name)
        self._add_element(name, value[None])
        self._series[name].resize(self._frames, axis=0)
        for start in range(0, self._frames, _BACKFILL):
            self._series[name][start : start + _BACKFILL] = value

    def _edges(self, cells: np.ndarray) -> np.ndarray:
        """The cells as they are stored: lengths of a cuboid, (frames, 3); once a cell is tilted, (frames, 3, 3)."""
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

    def _let_grow(self, series: h5py.Dataset, place: str) -> None:
        """Steps or times that go back are kept at `place`, and continued in the series from where they were."""
        values = series[()]
        known = np.flatnonzero(np.isfinite(values))
        change = np.diff(values[known])
        back = change <= 0 if np.issubdtype(values.dtype, np.integer) else change < 0
        if not back.any():
            return
        self._file[place] = values
        least = np.ones((), dtype=values.dtype) if np.issubdtype(values.dtype, np.integer) else 0.0
        values[known[1:]] = values[known[0]] + np.cumsum(np.where(back, least, change))
        series[:] = values

    def _write_units(self, units: str | None) -> None:
        """`unit` attributes, and the module of H5MD that gives them their meaning."""
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
    """A string as the units module of H5MD has it: of variable length, in ASCII."""
    return np.array(text, dtype=h5py.string_dtype("ascii"))
