"""Datasets as TFRecord shards of TF-GNN GraphTensors: frames with their edges, for training on many machines.

A folder such as argon.tfrecord holds the shards, `schema.pbtxt`, with which tensorflow_gnn reads them without gnnzoo,
and `gnnzoo.json` for what a schema cannot hold: units, type names, cutoff, bonds, source, sha256.

Numbers are float32, the input precision of models, and are rounded after the edges were computed in float64, so that
training sees the same edges and forces as from the source.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame, known_virial
from gnnzoo.data.frames.geometry import spans_volume
from gnnzoo.data.tfrecord.description import HOW, read_description
from gnnzoo.data.tfrecord.layout import (
    ATOMS,
    CONTEXT,
    EDGE_CLASS,
    EDGE_COUNT,
    NODE_COUNT,
    SOURCE,
    TARGET,
    VECTOR,
    InvalidRecord,
    decode,
    fields_in,
)
from gnnzoo.data.tfrecord.shard import record_places
from gnnzoo.errors import DataError, Location
from gnnzoo.fields import EDGE_CLASSES

_DTYPES = {"ids": np.int64, "types": np.int32, "molecules": np.int64, "images": np.int32}  # other fields: float64
_CONTEXT = {feature.key: feature for feature in CONTEXT}


class TfrecordDataset(Dataset):
    """A folder of TFRecord shards with random access to frames.

    The sha256 of a shard is checked when it is first read.

    Args:
        path: the folder.

    Attributes:
        cutoff: of the stored edges, length unit.
        bonds: bonded pairs of species, as given to `writer.write`.

    Raises:
        DataError: a file is missing or differs from what was written, or the description is invalid.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        about = read_description(self.path)
        self.cutoff, self.bonds = about.cutoff, about.bonds
        self.units, self.type_names = about.units, about.type_names
        self.steps = np.array(about.steps, dtype=np.int64)
        self.segments = np.array(about.segments, dtype=np.int32)
        self.files = np.array(about.files or [0] * len(self.steps), dtype=np.int32)
        self._energies = about.energies or [None] * len(self.steps)
        self._groups = about.groups or [None] * len(self.steps)
        self.fingerprint, self.provenance = about.fingerprint, about.provenance
        self._times, self._boundaries, self._shards = about.times, about.boundaries, about.shards
        self._ends = np.cumsum([shard.frames for shard in self._shards])
        self._lock = threading.Lock()
        self._places: dict[int, list[tuple[int, int]]] = {}  # of each shard: offset and length of its records
        self._fields: list[str] | None = None

    def __len__(self) -> int:
        return len(self.steps)

    def read(self, index: int) -> Frame:
        record = self._record(index)
        context = [_CONTEXT[name] for name in ("step", "cell", "origin", "virial")]
        try:
            present = fields_in(record)
            if self._fields is None:
                self._fields = present
            if present != self._fields or not {"ids", "types", "positions", "forces"} <= set(present):
                raise InvalidRecord(f"its fields are {', '.join(present)}")
            step, cell, origin, virial, rows, *columns = decode(
                record, *context, NODE_COUNT, *(ATOMS[field] for field in self._fields)
            )
            _check_counts({"step": 1, "cell": 1, "origin": 1, "#size": 1}, (step, cell, origin, rows))
            _check_counts(dict.fromkeys(self._fields, int(rows[0])), columns)
            arrays = {
                field: values.astype(_DTYPES.get(field, np.float64))
                for field, values in zip(self._fields, columns, strict=True)
            }
            _check_atoms(arrays, columns)
            _check_context(step, cell, origin, int(self.steps[index]))
        except InvalidRecord as error:
            self._refuse(index, error)
        return Frame(
            step=int(self.steps[index]),
            segment=int(self.segments[index]),
            time=self._times[index],
            cell=cell[0].astype(np.float64),
            origin=origin[0].astype(np.float64),
            boundary=[letters for start, letters in self._boundaries if start <= index][-1],
            type_names=self.type_names,
            units=self.units,
            energy=self._energies[index],
            virial=known_virial(virial[0]) if len(virial) else None,  # older shards have none
            group=self._groups[index],
            **arrays,
        )

    def stored_graph(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The edges of frame `index`, as `neighbors.neighbor_list` and `neighbors.edge_classes` made them.

        Args:
            index: number of the frame.

        Returns:
            senders (edges,) int32, receivers (edges,) int32 ascending, vectors (edges, 3) float32 from receiver to
            sender, edge_class (edges,) int32.
        """
        try:
            ends = (SOURCE, TARGET, VECTOR, EDGE_CLASS)
            atoms, edges, *columns = decode(self._record(index), NODE_COUNT, EDGE_COUNT, *ends)
            _check_counts({"#size": 1, "edges #size": 1}, (atoms, edges))
            _check_counts({feature.key: int(edges[0]) for feature in ends}, columns)
            senders, receivers, vectors, classes = columns
            _check_edges(senders, receivers, int(atoms[0]))
            if not np.isfinite(vectors).all() or not _inside(classes, len(EDGE_CLASSES)):
                raise InvalidRecord("a vector or a class of an edge is invalid")
        except InvalidRecord as error:
            self._refuse(index, error)
        return senders.astype(np.int32), receivers.astype(np.int32), vectors, classes.astype(np.int32)

    def _record(self, index: int) -> bytes:
        """The serialized tf.train.Example of a frame."""
        number = int(np.searchsorted(self._ends, index, side="right"))
        shard = self._shards[number]
        path = self.path / shard.file
        with self._lock:
            if number not in self._places:
                self._places[number] = record_places(path, shard)
        offset, length = self._places[number][index - int(self._ends[number]) + shard.frames]
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def _refuse(self, index: int, error: InvalidRecord) -> NoReturn:
        number = int(np.searchsorted(self._ends, index, side="right"))
        raise DataError(
            f"the record of frame {index} is invalid: {error}",
            location=Location(self.path / self._shards[number].file),
            expected="the features of a frame, as gnnzoo convert writes them",
            hint=f"write the folder again: {HOW}",
        ) from error


def _check_counts(expected: dict[str, int], columns: Sequence[np.ndarray]) -> None:
    for (name, count), values in zip(expected.items(), columns, strict=True):
        if len(values) != count:
            raise InvalidRecord(f"{name} has {len(values):,} rows, and {count:,} are announced")


def _check_atoms(arrays: dict[str, np.ndarray], stored: Sequence[np.ndarray]) -> None:
    """Check that there are atoms, each once and in order, and that all numbers are finite and in range."""
    ids = arrays["ids"]
    if len(ids) == 0 or np.any(ids[1:] <= ids[:-1]):
        raise InvalidRecord("the ids do not increase" if len(ids) else "it has no atom")
    for (name, values), before in zip(arrays.items(), stored, strict=True):
        if not np.isfinite(values).all():
            raise InvalidRecord(f"{name} are not finite")
        if values.dtype.kind == "i" and not np.array_equal(values, before):
            raise InvalidRecord(f"{name} are out of range")


def _check_context(step: np.ndarray, cell: np.ndarray, origin: np.ndarray, expected: int) -> None:
    """Check step, cell and origin of a frame, each with one row."""
    if int(step[0]) != expected:
        raise InvalidRecord(f"it is of step {step[0]}, and the description has step {expected}")
    if not (spans_volume(cell[0].astype(np.float64)) and np.isfinite(origin).all()):
        raise InvalidRecord("its cell has no finite positive volume, or its origin is not finite")


def _check_edges(senders: np.ndarray, receivers: np.ndarray, atoms: int) -> None:
    """Check that edges are between atoms of the frame, in the order of their receivers."""
    if not (_inside(senders, atoms) and _inside(receivers, atoms)):
        raise InvalidRecord(f"an edge ends at an atom beyond the {atoms} of the frame")
    if np.any(receivers[1:] < receivers[:-1]):
        raise InvalidRecord("the edges are not in the order of their receivers")


def _inside(numbers: np.ndarray, stop: int) -> bool:
    """Whether all numbers are from 0 to below `stop`."""
    return len(numbers) == 0 or bool(numbers.min() >= 0 and numbers.max() < stop)
