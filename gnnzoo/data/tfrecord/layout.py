"""A frame as a TF-GNN GraphTensor: its features, encoding as a tf.train.Example, and decoding to arrays."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.graphs.neighbors import edge_classes, neighbor_list
from gnnzoo.fields import EDGE_CLASSES

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Feature:
    """A feature of a GraphTensor.

    Attributes:
        name: in the record, such as "nodes/atoms.force".
        shape: of one row.
        is_float: float32, else int64; tf.train.Example has no other numbers.
        unit: kind of unit, a field of `units.UnitStyle`; None if dimensionless.
        meaning: description in the schema.
    """

    name: str
    shape: tuple[int, ...]
    is_float: bool
    unit: str | None
    meaning: str

    @property
    def key(self) -> str:
        """Name within its node set, edge set or context."""
        return self.name.rpartition("/" if self.name.startswith("context") else ".")[2]


CONTEXT = (
    Feature("context/step", (), False, None, "timestep as LAMMPS counts it"),
    Feature("context/segment", (), False, None, "stretch of the run; steps that go back start a new one"),
    Feature("context/time", (), True, "time", "simulation time, nan where unknown"),
    Feature("context/cell", (3, 3), True, "length", "rows are the lattice vectors"),
    Feature("context/origin", (3,), True, "length", "corner of the cell"),
    Feature("context/pbc", (3,), False, None, "1 along periodic lattice vectors"),
    Feature("context/energy", (), True, "energy", "potential energy, nan where unknown"),
    Feature("context/virial", (3, 3), True, "energy", "-dE/d(strain), nan where unknown"),
)
# Field of a frame -> feature; the last five are optional.
ATOMS = {
    "ids": Feature("nodes/atoms.id", (), False, None, "LAMMPS id"),
    "types": Feature("nodes/atoms.type", (), False, None, "LAMMPS type"),
    "positions": Feature("nodes/atoms.position", (3,), True, "length", "absolute position"),
    "forces": Feature("nodes/atoms.force", (3,), True, "force", "force"),
    "molecules": Feature("nodes/atoms.molecule", (), False, None, "molecule id"),
    "charges": Feature("nodes/atoms.charge", (), True, "charge", "charge"),
    "velocities": Feature("nodes/atoms.velocity", (3,), True, "velocity", "velocity"),
    "images": Feature("nodes/atoms.image", (3,), False, None, "image flags"),
    "energies": Feature("nodes/atoms.energy", (), True, "energy", "potential energy of the atom"),
}
VECTOR = Feature("edges/neighbors.vector", (3,), True, "length", "r_source - r_target + shift @ cell")
SHIFT = Feature("edges/neighbors.shift", (3,), True, None, "lattice vectors crossed")
_CLASSES = ", ".join(f"{number} {name}" for number, name in enumerate(EDGE_CLASSES))
EDGE_CLASS = Feature("edges/neighbors.edge_class", (), False, None, _CLASSES)
NEIGHBORS = (VECTOR, SHIFT, EDGE_CLASS)
# The ends of edges and the sizes belong to TF-GNN itself and are in no schema.
SOURCE = Feature("edges/neighbors.#source", (), False, None, "sender")
TARGET = Feature("edges/neighbors.#target", (), False, None, "receiver")

NODE_COUNT = Feature("nodes/atoms.#size", (), False, None, "number of atoms")
EDGE_COUNT = Feature("edges/neighbors.#size", (), False, None, "number of edges")


class InvalidRecord(ValueError):
    """Record that is no tf.train.Example of a frame."""


def fields_of(frame: Frame) -> list[str]:
    """Fields of `ATOMS` that a frame has.

    Args:
        frame: the frame.

    Returns:
        Names of the fields, in the order of `ATOMS`.
    """
    return [field for field in ATOMS if getattr(frame, field) is not None]


def encode(frame: Frame, fields: list[str], cutoff: float, bonds: list[tuple[str, str]] | None) -> bytes:
    """Serialize a frame with its edges in the layout of `tfgnn.write_example`, several times faster.

    Edge vectors are computed from float64 positions and then rounded, as in `graph_of`.

    Args:
        frame: the frame.
        fields: fields of `ATOMS` to include.
        cutoff: of the edges, length unit.
        bonds: bonded pairs of species, see `neighbors.edge_classes`.

    Returns:
        A serialized tf.train.Example.
    """
    import tensorflow as tf

    senders, receivers, vectors, shifts = neighbor_list(frame.positions, frame.cell, frame.pbc, cutoff)
    classes = edge_classes(senders, receivers, vectors, frame.names, frame.molecules, bonds)
    time = np.nan if frame.time is None else frame.time
    energy = np.nan if frame.energy is None else frame.energy
    virial = np.full((3, 3), np.nan) if frame.virial is None else frame.virial
    context = (frame.step, frame.segment, time, frame.cell, frame.origin, frame.pbc, energy, virial)
    values: dict[Feature, ArrayLike] = dict(zip(CONTEXT, context, strict=True))
    values |= {ATOMS[field]: getattr(frame, field) for field in fields}
    values |= {SOURCE: senders, TARGET: receivers, VECTOR: vectors, SHIFT: shifts, EDGE_CLASS: classes}
    example = tf.train.Example()
    features = example.features.feature
    for feature, array in values.items():
        _put(features[feature.name], array, feature.is_float)
    _put(features[NODE_COUNT.name], len(frame), False)
    _put(features[EDGE_COUNT.name], len(senders), False)
    return example.SerializeToString(deterministic=True)  # features in the order of their names


def _put(feature: "tf.train.Feature", values: ArrayLike, is_float: bool) -> None:
    """Set a list in protobuf's wire format: field 1, packed, its length, the numbers. Appending numbers is slow."""
    flat = np.ravel(values)
    raw = flat.astype("<f4").tobytes() if is_float else _varints(flat)
    numbers = feature.float_list if is_float else feature.int64_list
    numbers.ParseFromString(b"\x0a" + _varints(np.array([len(raw)])) + raw)


def _varints(numbers: np.ndarray) -> bytes:
    """Encode integers as protobuf varints: 7 bits per byte, lowest first; negative numbers take ten bytes."""
    whole = numbers.astype(np.int64).view(np.uint64)
    length = max(1, -(-int(whole.max(initial=0)).bit_length() // 7))
    groups = whole[:, None] >> (np.uint64(7) * np.arange(length, dtype=np.uint64))  # (numbers, length)
    is_kept = groups > 0
    is_kept[:, 0] = True
    follows = np.zeros_like(is_kept)
    follows[:, :-1] = is_kept[:, 1:]
    return ((groups & np.uint64(0x7F)).astype(np.uint8) | follows.astype(np.uint8) << 7)[is_kept].tobytes()


def fields_in(record: bytes) -> list[str]:
    """Fields of `ATOMS` in a serialized record.

    Args:
        record: a serialized tf.train.Example.

    Returns:
        Names of the fields, in the order of `ATOMS`.

    Raises:
        InvalidRecord: the record cannot be decoded.
    """
    names = _example(record).features.feature
    return [field for field, feature in ATOMS.items() if feature.name in names]


def _example(record: bytes) -> "tf.train.Example":
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        return tf.train.Example.FromString(record)
    except (DecodeError, UnicodeDecodeError) as error:
        raise InvalidRecord("it is no tf.train.Example") from error


def decode(record: bytes, *wanted: Feature) -> list[np.ndarray]:
    """Decode features of a serialized record.

    Args:
        record: a serialized tf.train.Example.
        wanted: the features.

    Returns:
        (rows, *shape) each, float32 or int64; no rows where a feature is missing.

    Raises:
        InvalidRecord: the record cannot be decoded, or a feature has another dtype or shape.
    """
    import tensorflow as tf

    kinds = {
        feature.name: tf.io.FixedLenSequenceFeature(
            feature.shape, tf.float32 if feature.is_float else tf.int64, allow_missing=True
        )
        for feature in wanted
    }
    try:
        parsed = tf.io.parse_single_example(record, kinds)
    except UnicodeDecodeError as error:  # of TensorFlow's message, which quotes the name of a feature
        raise InvalidRecord("the name of a feature is not UTF-8") from error
    except tf.errors.InvalidArgumentError as error:
        raise InvalidRecord(_reason(error.message)) from error
    return [parsed[feature.name].numpy() for feature in wanted]


def _reason(message: str) -> str:
    """The first sentence of an error of TensorFlow, without the names of its operations."""
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", message, flags=re.DOTALL)
    return " ".join(text.split())[:200]
