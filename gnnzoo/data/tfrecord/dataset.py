"""Datasets as TFRecord shards of TF-GNN GraphTensors: frames with their edges, for training on many machines.

A folder such as argon.tfrecord holds the shards, `schema.pbtxt`, with which tensorflow_gnn reads them without gnnzoo,
and `gnnzoo.json` for what a schema cannot hold: units, type names, cutoff, bonds, source, sha256.

Numbers are float32, the input precision of models, and are rounded after the edges were computed in float64, so that
training sees the same edges and forces as from the source.
"""

import hashlib
import json
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame, known_virial
from gnnzoo.data.tfrecord.layout import (
    ATOMS,
    CONTEXT,
    EDGE_CLASS,
    SOURCE,
    TARGET,
    VECTOR,
    decode,
    fields_in,
)
from gnnzoo.errors import DataError, Location

SCHEMA, ABOUT = "schema.pbtxt", "gnnzoo.json"
FORMAT = 1
HOW = "gnnzoo convert SOURCE -o NAME.tfrecord --cutoff R (or --recipe RECIPE)"
_INTEGERS = {"ids": np.int64, "types": np.int32, "molecules": np.int64, "images": np.int32}  # other fields: float64


def file_sha256(path: Path) -> str:
    """Hash a file.

    Args:
        path: the file.

    Returns:
        Hexadecimal sha256 of its content.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class TfrecordDataset(Dataset):
    """A folder of TFRecord shards with random access to frames.

    The sha256 of a shard is checked when it is first read.

    Args:
        path: the folder.

    Attributes:
        cutoff: of the stored edges, length unit.
        bonds: bonded pairs of species, as given to `writer.write`.

    Raises:
        DataError: a file is missing or differs from what was written.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        about = _read_about(self.path)
        self.cutoff: float = about["cutoff"]
        self.bonds = None if about["bonds"] is None else [tuple(pair) for pair in about["bonds"]]
        self.units = about["units"]
        self.type_names = {int(number): name for number, name in about["type_names"].items()}
        self.steps = np.array(about["steps"], dtype=np.int64)
        self.segments = np.array(about["segments"], dtype=np.int32)
        self.files = np.array(about.get("files", np.zeros(len(self.steps))), dtype=np.int32)
        self._energies = about.get("energies", [None] * len(self.steps))
        self.fingerprint, self.provenance = about["fingerprint"], about["provenance"]
        self._times, self._boundaries, self._shards = about["times"], about["boundaries"], about["shards"]
        self._ends = np.cumsum([shard["frames"] for shard in self._shards])
        self._lock = threading.Lock()
        self._offsets: dict[int, list[tuple[int, int]]] = {}  # of each shard: offset and length of its records
        self._fields: list[str] | None = None

    def __len__(self) -> int:
        return len(self.steps)

    def read(self, index: int) -> Frame:
        record = self._record(index)
        if self._fields is None:
            self._fields = fields_in(record)
        context = [feature for feature in CONTEXT if feature.key in ("cell", "origin", "virial")]
        (cell,), (origin,), virial, *columns = decode(record, *context, *(ATOMS[field] for field in self._fields))
        return Frame(
            step=int(self.steps[index]),
            segment=int(self.segments[index]),
            time=self._times[index],
            cell=cell.astype(np.float64),
            origin=origin.astype(np.float64),
            boundary=tuple([letters for start, letters in self._boundaries if start <= index][-1]),
            type_names=self.type_names,
            units=self.units,
            energy=self._energies[index],
            virial=known_virial(virial[0]) if len(virial) else None,  # older shards have none
            **{
                field: values.astype(_INTEGERS.get(field, np.float64))
                for field, values in zip(self._fields, columns, strict=True)
            },
        )

    def stored_graph(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The edges of frame `index`, as `neighbors.neighbor_list` and `neighbors.edge_classes` made them.

        Args:
            index: number of the frame.

        Returns:
            senders (edges,) int32, receivers (edges,) int32 ascending, vectors (edges, 3) float32 from receiver to
            sender, edge_class (edges,) int32.
        """
        senders, receivers, vectors, classes = decode(self._record(index), SOURCE, TARGET, VECTOR, EDGE_CLASS)
        return senders.astype(np.int32), receivers.astype(np.int32), vectors, classes.astype(np.int32)

    def _record(self, index: int) -> bytes:
        """The serialized tf.train.Example of a frame."""
        number = int(np.searchsorted(self._ends, index, side="right"))
        shard = self._shards[number]
        path = self.path / shard["file"]
        with self._lock:
            if number not in self._offsets:
                _check_shard(path, shard)
                self._offsets[number] = list(_record_offsets(path))
        offset, length = self._offsets[number][index - int(self._ends[number]) + shard["frames"]]
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)


def _record_offsets(path: Path) -> Iterator[tuple[int, int]]:
    """Offset and length of each record; a TFRecord is length (8 bytes), its CRC (4), the record, its CRC (4)."""
    with path.open("rb") as file:
        while head := file.read(12):
            (length,) = struct.unpack_from("<Q", head)
            yield file.tell(), length
            file.seek(length + 4, os.SEEK_CUR)


def _check_shard(path: Path, shard: dict) -> None:
    if file_sha256(path) != shard["sha256"]:
        raise DataError(
            "the shard is damaged: its sha256 differs from that of the written shard",
            location=Location(path),
            hint=f"copy the shard again, or write the folder again: {HOW}",
        )


def _read_about(folder: Path) -> dict:
    """Read `gnnzoo.json` and check that all files it lists exist with the right size."""
    path = folder / ABOUT
    if not path.is_file():
        shards = any(folder.glob("*.tfrecord"))
        what = "these TFRecord shards were not written by gnnzoo" if shards else "this folder is no dataset"
        hint = f"make one: {HOW}" if shards else f"the dumps in it, by name or by a glob: '{folder}/*.lammpstrj'"
        raise DataError(f"{what}: {ABOUT} is missing", location=Location(folder), hint=hint)
    try:
        about = json.loads(path.read_text())
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']}, this version of gnnzoo reads {FORMAT}")
        sizes = {shard["file"]: shard["bytes"] for shard in about["shards"]}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the description of the shards cannot be read: {error}",
            location=Location(path),
            hint=f"write it again: {HOW}",
        ) from error
    for name in (SCHEMA, *sizes):
        if not (folder / name).is_file():
            raise DataError(
                f"{name} is missing", location=Location(folder), hint=f"copy it again, or write it again: {HOW}"
            )
    for name, size in sizes.items():
        found = (folder / name).stat().st_size
        if found != size:
            raise DataError(
                f"the shard is damaged: it has {found:,} bytes",
                location=Location(folder / name),
                expected=f"{size:,} bytes",
                hint=f"copy the shard again, or write the folder again: {HOW}",
            )
    return about
