"""Datasets as TFRecord shards of TF-GNN GraphTensors: frames with their edges, for training on many machines.

A folder such as argon.tfrecord holds the shards, `schema.pbtxt`, by which plain tensorflow_gnn reads them with no
gnnzoo installed, and `gnnzoo.json`, which says what a schema cannot: units, type names, cutoff, bonds, source, sha256.

Numbers are float32, as a model takes them, and rounded only after the edges were made: training sees the very edges
and forces that it would make itself from the source. Edges are searched on all cores, in threads, because that part
is C that lets others run; the shards are the same, byte for byte, as those of one core.
"""

import contextlib
import errno
import hashlib
import json
import os
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from gnnzoo import __version__
from gnnzoo.data.frames import Dataset, Frame, known_virial
from gnnzoo.data.tfrecord.layout import (
    ATOMS,
    CONTEXT,
    EDGE_CLASS,
    NEIGHBORS,
    SOURCE,
    TARGET,
    VECTOR,
    Feature,
    decode,
    encode,
    fields_in,
    fields_of,
)
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.units import STYLES

SCHEMA, ABOUT = "schema.pbtxt", "gnnzoo.json"
_FORMAT = 1
_SHARD_BYTES = 1 << 27  # shards are made no larger than this
_MIN_SHARDS = 4  # and there are at least so many, for as many machines
_WAITING = 2  # frames for each core that are under way: memory does not grow with the file
_HOW = "gnnzoo convert SOURCE -o NAME.tfrecord --cutoff R (or --recipe RECIPE)"
_INTEGERS = {"ids": np.int64, "types": np.int32, "molecules": np.int64, "images": np.int32}  # other fields: float64


def write(
    dataset: Dataset,
    output: Path | str,
    *,
    cutoff: float,
    bonds: list[tuple[str, str]] | None = None,
    shards: int | None = None,
    overwrite: bool = False,
    advance: Callable[[int], object] | None = None,
) -> Path:
    """Write a dataset's frames, with their edges up to `cutoff`, to the folder `output`.

    Args:
        dataset: any but one that lies in TFRecord shards itself.
        cutoff: in the dataset's length unit.
        bonds: see `neighbors.edge_classes`.
        shards: number of files; by default enough to keep each below 128 MB, and at least four where frames allow.
        overwrite: keep what is there under another name.
        advance: called with 1 after each frame.

    Raises:
        DataError: no dataset to write from, or bonds between species that the dataset does not name.
        UserError: `output` exists or cannot be written; TensorFlow was loaded in a way that shuts TF-GNN out.
    """
    output = Path(output)
    refuse_existing(output, overwrite)
    _check(dataset, cutoff, bonds)
    tfgnn = _tensorflow_gnn()
    fields, notes, shard_files = fields_of(dataset[0]), _FrameNotes(), []
    count = shards or _number_of_shards(len(dataset), len(encode(dataset[0], fields, cutoff, bonds)))
    with atomic_write(output, overwrite) as folder, _as_oserror(output), _pool() as pool:
        folder.mkdir()
        tfgnn.write_schema(_schema(tfgnn, fields, dataset), str(folder / SCHEMA))
        for number, indices in enumerate(np.array_split(np.arange(len(dataset)), count)):
            path = folder / f"shard-{number:05d}-of-{count:05d}.tfrecord"
            frames = _read_and_noted(dataset, indices, notes)
            _write_shard(path, _in_order(pool, lambda frame: encode(frame, fields, cutoff, bonds), frames), advance)
            shard_files.append((path, len(indices), pool.submit(_sha256, path)))
        files = [
            {"file": path.name, "frames": frames, "bytes": path.stat().st_size, "sha256": sha256.result()}
            for path, frames, sha256 in shard_files
        ]
        about = _about(dataset, cutoff, bonds) | vars(notes) | {"shards": files}
        (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n")
    return output


def _check(dataset: Dataset, cutoff: float, bonds: list[tuple[str, str]] | None) -> None:
    if not 0 < cutoff < float("inf"):
        raise UserError(f"a cutoff of {cutoff:g} gives no edges", expected="a positive length", hint="--cutoff 5")
    if isinstance(dataset, TfrecordDataset):
        raise DataError(
            "these are TFRecord shards already, and their positions are rounded to float32",
            location=Location(dataset.path),
            hint=f"convert from their source: {dataset.provenance['source']}",
        )
    unnamed = [number for number, name in dataset.type_names.items() if name == str(number)]
    if bonds and unnamed and dataset.has_molecules:
        raise DataError(
            f"bonds are between named species, but type {unnamed[0]} has no name",
            location=Location(dataset.path),
            hint="--types 1=O,2=H names the types",
        )


def _number_of_shards(frames: int, record_bytes: int) -> int:
    return min(frames, max(_MIN_SHARDS, -(-frames * record_bytes // _SHARD_BYTES)))


class _FrameNotes:
    """What `gnnzoo.json` keeps of each frame, exactly; `boundaries` says from which frame on which letters hold."""

    def __init__(self):
        self.steps: list[int] = []
        self.segments: list[int] = []
        self.files: list[int] = []
        self.energies: list[float | None] = []
        self.times: list[float | None] = []
        self.boundaries: list[tuple[int, tuple[str, str, str]]] = []

    def take(self, frame: Frame, file: int) -> None:
        """Note the next frame, and the file it came from."""
        if not self.boundaries or self.boundaries[-1][1] != frame.boundary:
            self.boundaries.append((len(self.steps), frame.boundary))
        self.steps.append(int(frame.step))
        self.segments.append(int(frame.segment))
        self.files.append(int(file))
        self.energies.append(frame.energy)
        self.times.append(None if frame.time is None else float(frame.time))


def _read_and_noted(dataset: Dataset, indices: np.ndarray, notes: _FrameNotes) -> Iterator[Frame]:
    for index in indices:
        frame = dataset[int(index)]
        notes.take(frame, dataset.files[index])
        yield frame


@contextlib.contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for all cores that this process may use; what has not begun when the block fails never does."""
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="gnnzoo-shards")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(pool: ThreadPoolExecutor, work: Callable[[Frame], bytes], frames: Iterable[Frame]) -> Iterator[bytes]:
    """What `work` makes of each frame, in order; a few frames are under way at a time."""
    waiting: deque[Future] = deque()
    room = _WAITING * len(os.sched_getaffinity(0))
    for frame in frames:
        waiting.append(pool.submit(work, frame))
        if len(waiting) >= room:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _write_shard(path: Path, records: Iterator[bytes], advance: Callable[[int], object] | None) -> None:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
            if advance is not None:
                advance(1)


@contextlib.contextmanager
def _as_oserror(path: Path) -> Iterator[None]:
    """Turns TensorFlow errors about a full disk into the OSError of the system, which `atomic_write` explains."""
    import tensorflow as tf

    codes = {
        tf.errors.ResourceExhaustedError: errno.ENOSPC,
        tf.errors.OutOfRangeError: errno.EFBIG,
        tf.errors.PermissionDeniedError: errno.EACCES,
    }
    try:
        yield
    except tuple(codes) as error:
        code = codes[type(error)]
        raise OSError(code, os.strerror(code), str(path)) from error


def _about(dataset: Dataset, cutoff: float, bonds: list[tuple[str, str]] | None) -> dict:
    return {
        "format": _FORMAT,
        "gnnzoo": __version__,
        "units": dataset.units,
        "type_names": {str(number): name for number, name in sorted(dataset.type_names.items())},
        "cutoff": float(cutoff),
        "bonds": None if bonds is None else [list(pair) for pair in bonds],
        "fingerprint": dataset.fingerprint,
        "provenance": {**dataset.provenance, "source": str(dataset.path)},
    }


def _schema(tfgnn, fields: list[str], dataset: Dataset):
    """The GraphSchema, each feature with its meaning and unit."""
    schema = tfgnn.GraphSchema()
    atoms, neighbors = schema.node_sets["atoms"], schema.edge_sets["neighbors"]
    types = ", ".join(f"{number} = {name}" for number, name in sorted(dataset.type_names.items()))
    atoms.description = f"all atoms, ordered by id; types: {types}; real numbers are rounded to float32"
    neighbors.description = (
        "all ordered pairs within the cutoff, periodic images included, sorted by target; found in float64, and "
        "rounded to float32 then, the shifts included"
    )
    neighbors.source = neighbors.target = "atoms"
    for part, features in (
        (schema.context, CONTEXT),
        (atoms, [ATOMS[field] for field in fields]),
        (neighbors, NEIGHBORS),
    ):
        for feature in features:
            _describe(part.features[feature.key], feature, dataset.units)
    return schema


def _describe(described, feature: Feature, style: str | None) -> None:
    import tensorflow as tf

    unit = f", in {getattr(STYLES[style], feature.unit)}" if feature.unit and style in STYLES else ""
    described.description = feature.meaning + unit
    described.dtype = (tf.float32 if feature.is_float else tf.int64).as_datatype_enum
    for size in feature.shape:
        described.shape.dim.add().size = size


def _tensorflow_gnn():
    """TF-GNN, which wants tf.keras to be Keras 2; that is settled when anything first touches tf.keras."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    try:
        import tensorflow_gnn
    except ImportError as error:
        if "Keras version" not in str(error):
            raise
        raise UserError(
            "TF-GNN cannot be loaded: this process uses Keras 3 as tf.keras already",
            expected="TF_USE_LEGACY_KERAS=1 in the environment before TensorFlow is imported",
            hint='os.environ["TF_USE_LEGACY_KERAS"] = "1" at the top of your program; gnnzoo\'s commands do so',
        ) from error
    return tensorflow_gnn


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class TfrecordDataset(Dataset):
    """A folder of TFRecord shards; a frame is found by its number without reading those before it.

    A shard is compared with its sha256 when it is first read from, and not before.

    Attributes:
        cutoff: of the stored edges, in the length unit.
        bonds: as given to `write`.

    Raises:
        DataError: the folder lacks a part, or a part is not what was written.
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
        self._lock, self._offsets = threading.Lock(), {}
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

        Returns:
            senders (edges,) int32, receivers (edges,) int32 ascending, vectors (edges, 3) float32 from receiver to
            sender, edge_class (edges,) int32.
        """
        senders, receivers, vectors, classes = decode(self._record(index), SOURCE, TARGET, VECTOR, EDGE_CLASS)
        return senders.astype(np.int32), receivers.astype(np.int32), vectors, classes.astype(np.int32)

    def _record(self, index: int) -> bytes:
        """The serialised tf.train.Example of a frame."""
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
    """Place and length of each record: a TFRecord is length (8 bytes), its CRC (4), the record, its CRC (4)."""
    with path.open("rb") as file:
        while head := file.read(12):
            (length,) = struct.unpack_from("<Q", head)
            yield file.tell(), length
            file.seek(length + 4, os.SEEK_CUR)


def _check_shard(path: Path, shard: dict) -> None:
    if _sha256(path) != shard["sha256"]:
        raise DataError(
            "the shard is damaged: its sha256 is not the one noted when it was written",
            location=Location(path),
            hint=f"copy the shard again, or make the folder anew: {_HOW}",
        )


def _read_about(folder: Path) -> dict:
    """`gnnzoo.json`, after a look at whether everything it speaks of is there."""
    path = folder / ABOUT
    if not path.is_file():
        shards = any(folder.glob("*.tfrecord"))
        what = "these TFRecord shards are not gnnzoo's" if shards else "this folder is no dataset"
        hint = f"make one: {_HOW}" if shards else f"the dumps in it, by name or by a glob: '{folder}/*.lammpstrj'"
        raise DataError(f"{what}: there is no {ABOUT} in it", location=Location(folder), hint=hint)
    try:
        about = json.loads(path.read_text())
        if about["format"] != _FORMAT:
            raise ValueError(f"its format is {about['format']}, this gnnzoo knows {_FORMAT}")
        sizes = {shard["file"]: shard["bytes"] for shard in about["shards"]}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the description of the shards cannot be read: {error}",
            location=Location(path),
            hint=f"make it anew: {_HOW}",
        ) from error
    for name in (SCHEMA, *sizes):
        if not (folder / name).is_file():
            raise DataError(
                f"{name} is missing", location=Location(folder), hint=f"copy it again, or make it anew: {_HOW}"
            )
    for name, size in sizes.items():
        found = (folder / name).stat().st_size
        if found != size:
            raise DataError(
                f"the shard is damaged: it has {found:,} bytes",
                location=Location(folder / name),
                expected=f"{size:,} bytes",
                hint=f"copy the shard again, or make the folder anew: {_HOW}",
            )
    return about
