"""Writes TFRecord shards of TF-GNN GraphTensors, searching neighbours on all cores.

Threads suffice, because the search is C code that releases the GIL; the shards are byte for byte those of one core.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo import __version__
from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.tfrecord.dataset import TfrecordDataset
from gnnzoo.data.tfrecord.description import ABOUT, FORMAT, SCHEMA
from gnnzoo.data.tfrecord.layout import (
    ATOMS,
    CONTEXT,
    NEIGHBORS,
    Feature,
    encode,
    fields_of,
)
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.file_formats import file_sha256
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.records import json_text
from gnnzoo.threads import ordered_map, thread_pool
from gnnzoo.units import STYLES

if TYPE_CHECKING:
    import tensorflow_gnn

_SHARD_BYTES = 1 << 27  # largest size of a shard, so that it is read within seconds
_MIN_SHARDS = 4  # fewest shards, one for each of a few machines
_FRAMES_PER_CORE = 2  # in memory at a time


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
    """Write the frames of a dataset with their edges to a folder of shards.

    Args:
        dataset: any but one of TFRecord shards.
        output: the folder.
        cutoff: of the edges, length unit of the dataset.
        bonds: bonded pairs of species, see `neighbors.edge_classes`.
        shards: number of files; by default so many that each is below 128 MB, and at least four if frames allow.
        overwrite: replace an existing folder, which is kept under another name.
        advance: called with 1 after each frame.

    Returns:
        The folder.

    Raises:
        DataError: the dataset consists of shards, or bonds are between species that it does not name.
        UserError: `output` exists or cannot be written; TF-GNN cannot be loaded next to the loaded TensorFlow.
    """
    output = Path(output)
    refuse_existing(output, overwrite)
    _check(dataset, cutoff, bonds)
    tfgnn = _tensorflow_gnn()
    fields, notes, shard_files = fields_of(dataset[0]), _FrameNotes(), []
    count = shards or _number_of_shards(len(dataset), len(encode(dataset[0], fields, cutoff, bonds)))
    cores = len(os.sched_getaffinity(0))
    with atomic_write(output, overwrite) as folder, _as_oserror(output), thread_pool(cores) as pool:
        folder.mkdir()
        tfgnn.write_schema(_schema(tfgnn, fields, dataset), str(folder / SCHEMA))
        for number, indices in enumerate(np.array_split(np.arange(len(dataset)), count)):
            path = folder / f"shard-{number:05d}-of-{count:05d}.tfrecord"
            records = ordered_map(
                lambda frame: encode(frame, fields, cutoff, bonds),
                _read_and_noted(dataset, indices, notes),
                _FRAMES_PER_CORE * cores,
                pool,
            )
            _write_shard(path, records, advance)
            shard_files.append((path, len(indices), pool.submit(file_sha256, path)))
        files = [
            {"file": path.name, "frames": frames, "bytes": path.stat().st_size, "sha256": sha256.result()}
            for path, frames, sha256 in shard_files
        ]
        about = _about(dataset, cutoff, bonds) | vars(notes) | {"shards": files}
        (folder / ABOUT).write_text(json_text(about, indent=1) + "\n")
    return output


def _check(dataset: Dataset, cutoff: float, bonds: list[tuple[str, str]] | None) -> None:
    if not 0 < cutoff < float("inf"):
        raise UserError(f"no edges within a cutoff of {cutoff:g}", expected="a positive length", hint="--cutoff 5")
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
    """Exact per-frame metadata for `gnnzoo.json`; `boundaries` lists the frames at which the letters change."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.segments: list[int] = []
        self.files: list[int] = []
        self.energies: list[float | None] = []
        self.times: list[float | None] = []
        self.groups: list[str | None] = []
        self.boundaries: list[tuple[int, tuple[str, str, str]]] = []

    def take(self, frame: Frame, file: int) -> None:
        """Add the next frame.

        Args:
            frame: the frame.
            file: number of the file that it was read from.
        """
        if not self.boundaries or self.boundaries[-1][1] != frame.boundary:
            self.boundaries.append((len(self.steps), frame.boundary))
        self.steps.append(int(frame.step))
        self.segments.append(int(frame.segment))
        self.files.append(int(file))
        self.energies.append(frame.energy)
        self.times.append(None if frame.time is None else float(frame.time))
        self.groups.append(frame.group)


def _read_and_noted(dataset: Dataset, indices: np.ndarray, notes: _FrameNotes) -> Iterator[Frame]:
    for index in indices:
        frame = dataset[int(index)]
        notes.take(frame, dataset.files[index])
        yield frame


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
        "format": FORMAT,
        "gnnzoo": __version__,
        "units": dataset.units,
        "type_names": {str(number): name for number, name in sorted(dataset.type_names.items())},
        "cutoff": float(cutoff),
        "bonds": None if bonds is None else [list(pair) for pair in bonds],
        "fingerprint": dataset.fingerprint,
        "provenance": {**dataset.provenance, "source": str(dataset.path)},
    }


def _schema(tfgnn: ModuleType, fields: list[str], dataset: Dataset) -> "tensorflow_gnn.GraphSchema":
    """The GraphSchema, with meaning and unit of each feature."""
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


def _describe(described: "tensorflow_gnn.Feature", feature: Feature, style: str | None) -> None:
    import tensorflow as tf

    unit = f", in {getattr(STYLES[style], feature.unit)}" if feature.unit and style in STYLES else ""
    described.description = feature.meaning + unit
    described.dtype = (tf.float32 if feature.is_float else tf.int64).as_datatype_enum
    for size in feature.shape:
        described.shape.dim.add().size = size


def _tensorflow_gnn() -> ModuleType:
    """Import TF-GNN, which needs tf.keras to be Keras 2, as chosen at the first use of tf.keras."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    try:
        import tensorflow_gnn
    except ImportError as error:
        if "Keras version" not in str(error):
            raise
        raise UserError(
            "TF-GNN cannot be loaded: tf.keras is already Keras 3 in this process",
            expected="TF_USE_LEGACY_KERAS=1 in the environment before TensorFlow is imported",
            hint='os.environ["TF_USE_LEGACY_KERAS"] = "1" at the top of your program, as the commands of gnnzoo do',
        ) from error
    return tensorflow_gnn
