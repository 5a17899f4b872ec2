"""Reads datasets in the H5MD 1.1 layout of HDF5 (https://www.nongnu.org/h5md/h5md.html), frame by frame.

Files written by gnnzoo also have a group /gnnzoo with provenance, box origins and segments. Files of other programs
need positions, forces and a box. `contents` checks everything but the values of frames, which are checked here.
"""

import functools
import threading
from pathlib import Path

import h5py
import numpy as np

from gnnzoo.data.frames.fingerprint import fingerprint_of
from gnnzoo.data.frames.frame import Dataset, Frame, known_virial
from gnnzoo.data.h5md.checked_file import DAMAGE, REWRITE, CheckedFile
from gnnzoo.data.h5md.contents import Contents
from gnnzoo.data.h5md.layout import ELEMENTS, SIGNATURE
from gnnzoo.errors import DataError, Location


class H5mdDataset(Dataset):
    """An H5MD file open for reading; frames may be read from any thread.

    Args:
        path: the file.

    Attributes:
        statistics: magnitudes of the forces, see `ForceStatistics.summary`; empty in files of other programs.

    Raises:
        DataError: the file is not HDF5 or not H5MD, is damaged, or has no positions, forces or box; a part of it is in
            another file.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._location = Location(self.path)
        self._lock = threading.Lock()
        self._file = CheckedFile(self.path)
        try:
            self._open()
        except DAMAGE as error:
            self._file.close()
            raise DataError(
                f"the HDF5 file is damaged or does not follow H5MD: {error}", location=self._location, hint=REWRITE
            ) from error
        except DataError:
            self._file.close()
            raise

    def _open(self) -> None:
        contents = self._contents = Contents(self._file)
        self.provenance, self.statistics = contents.provenance, contents.statistics
        self.steps, self.segments, self.files = contents.steps, contents.segments, contents.files
        self.units = contents.units
        self._order = self._fixed_order()
        self.type_names = self._read_type_names()

    def _fixed_order(self) -> np.ndarray | slice | None:
        """What sorts the atoms by id, if the ids do not depend on time."""
        ids = self._contents.fixed.get("ids")
        if ids is None:
            return None
        if np.array_equal(ids, np.sort(ids)):
            return slice(None)  # sorted already: nothing is copied
        return np.argsort(ids, kind="stable")

    def _read_type_names(self) -> dict[int, str]:
        if "type_names" in self.provenance:
            return {int(number): name for number, name in self.provenance["type_names"].items()}
        count = 1 if "types" in self._contents.fixed else len(self)
        present = [np.unique(self._array("types", index)) for index in range(count)]
        numbers = [int(number) for number in np.unique(np.concatenate(present)) if number != self._contents.no_atom]
        types = self._contents.values.get("types")
        enum = h5py.check_enum_dtype(types.dtype) if types is not None else None
        names = {number: name for name, number in (enum or {}).items()}
        return {number: names.get(number, str(number)) for number in numbers}

    # --- frames ---

    def __len__(self) -> int:
        return self._contents.count

    def _array(self, name: str, index: int) -> np.ndarray:
        """(atoms, ...) values of a field in a frame, in the dtype of `ELEMENTS`."""
        fixed = self._contents.fixed
        values = fixed[name] if name in fixed else self._contents.values[name][index]
        return self._file.cast(values, ELEMENTS[name][1], ELEMENTS[name][0])

    def read(self, index: int) -> Frame:
        contents = self._contents
        try:
            with self._lock:
                present = [name for name in ELEMENTS if name in contents.fixed or name in contents.values]
                arrays = {name: self._array(name, index) for name in present}
        except DAMAGE as error:
            raise DataError(f"frame {index} cannot be read: {error}", location=self._location, hint=REWRITE) from error
        order = self._order if self._order is not None else self._sorting(arrays["ids"])
        for name, values in arrays.items():
            arrays[name] = values[order]
            if values.dtype.kind == "f" and not np.isfinite(arrays[name]).all():
                raise DataError(
                    f"a {ELEMENTS[name][0]} of frame {index} is not a number",
                    location=self._location,
                    hint="convert the source again: gnnzoo convert DUMP",
                )
        self._check_ids(arrays["ids"], index)
        time = None if contents.times is None else float(contents.times[index])
        energy = None if contents.energy is None else float(contents.energy[index])
        return Frame(
            step=int(self.steps[index]),
            time=None if time is None or np.isnan(time) else time,
            segment=int(self.segments[index]),
            cell=contents.cells[index],
            origin=contents.origins[index],
            boundary=contents.boundaries[index],
            type_names=self.type_names,
            units=self.units,
            energy=None if energy is None or np.isnan(energy) else energy,
            virial=None if contents.virial is None else known_virial(contents.virial[index]),
            group=None if contents.groups is None else contents.groups[index],
            **arrays,
        )

    def _sorting(self, ids: np.ndarray) -> np.ndarray:
        """Indices that sort the rows of a frame by id, without rows that have no atom."""
        order = np.argsort(ids, kind="stable")
        return order[ids[order] != self._contents.no_atom]

    def _check_ids(self, ids: np.ndarray, index: int) -> None:
        """Refuse duplicate atoms, and a frame without any; `ids` are ascending."""
        if len(ids) == 0:
            raise DataError(f"frame {index} has no atom", location=self._location, expected="at least one")
        twice = np.flatnonzero(ids[1:] == ids[:-1])
        if len(twice):
            raise DataError(
                f"atom id {ids[twice[0]]} appears twice in frame {index}",
                location=self._location,
                expected="each atom once",
            )

    @functools.cached_property
    def signatures(self) -> np.ndarray:
        try:
            with self._lock:
                stored = self._file.dataset(SIGNATURE)
                if stored is not None:
                    return self._file.numbers(stored, "f", (len(self),), np.float64)
        except DAMAGE as error:
            raise DataError(f"{SIGNATURE} cannot be read: {error}", location=self._location, hint=REWRITE) from error
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
