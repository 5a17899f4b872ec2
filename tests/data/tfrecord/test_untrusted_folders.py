"""TFRecord folders of strangers: whatever is wrong is an error with its file and place, before memory is taken."""

import os

import numpy as np
import pytest
import tensorflow as tf

import dumps
from errors import refused
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.data.tfrecord.dataset import TfrecordDataset
from gnnzoo.data.tfrecord.writer import write
from gnnzoo.errors import DataError
from shards import describe, fit_description, rewrite_features, rewrite_records

SHARD = "shard-00000-of-00001.tfrecord"


@pytest.fixture
def shards(folder):
    dumps.water_dump(folder / "water.lammpstrj", frames=2, side=1)
    with open_dataset("water.lammpstrj", units="real", types={1: "O", 2: "H"}) as dataset:
        return write(dataset, "water.tfrecord", cutoff=1.5, shards=1)


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("cutoff", "5", "cutoff"),
        ("cutoff", -1.0, "cutoff"),
        ("units", "reel", "units"),
        ("units", ["real"], "units"),
        ("type_names", {"one": "O"}, "type_names.one"),
        ("type_names", {"1": 5}, "type_names.1"),
        ("bonds", [["O"]], "bonds.0.1"),
        ("fingerprint", None, "fingerprint"),
        ("provenance", [], "provenance"),
        ("provenance", {"sources": [{"size": 3}]}, "provenance.sources.0.file"),
        ("provenance", {"masses": {"1": "heavy"}}, "provenance.masses.1"),
        ("provenance", {"digits": 5}, "provenance.digits"),
        ("steps", [0], None),
        ("steps", [0, 10**30], "steps.1"),
        ("steps", [0, 0.5], "steps.1"),
        ("segments", [0, -1], "segments.1"),
        ("files", [0, 7], "files"),
        ("times", ["now", None], "times.0"),
        ("energies", [[1.0], None], "energies.0"),
        ("boundaries", [], "boundaries"),
        ("boundaries", [[0, ["pp", "pp", "xx"]]], "boundaries.0.1.2"),
        ("boundaries", [[1, ["pp", "pp", "pp"]]], None),
        ("shards", [], "shards"),
        ("shards", {}, "shards"),
    ],
)
def test_a_wrong_value_of_the_description_is_named_with_its_key(shards, key, value, place):
    describe(shards, lambda about: about.update({key: value}))
    with refused(DataError, file="gnnzoo.json", key=place, hint="gnnzoo convert"):
        open_dataset(shards)


@pytest.mark.parametrize("name", ["../outside.tfrecord", "/etc/passwd", "a/b.tfrecord", "..", "", "x\0.tfrecord"])
def test_shards_are_in_the_folder(shards, name):
    describe(shards, lambda about: about["shards"][0].update(file=name))
    with refused(DataError, file="gnnzoo.json", key="shards.0.file"):
        open_dataset(shards)


def test_a_shard_that_is_a_pipe_is_no_shard(shards):
    (shards / SHARD).unlink()
    os.mkfifo(shards / SHARD)
    with refused(DataError, SHARD, file=shards):
        open_dataset(shards)


@pytest.mark.parametrize("frames", [1, 3, 10**6, 2**40, 0, -1])
def test_numbers_of_frames_that_the_shard_does_not_hold(shards, frames):
    def lie(about):
        about["shards"][0]["frames"] = frames
        if 0 < frames < 10:
            for name in ("steps", "segments", "times", "files", "energies"):
                about[name] = (about[name] * 2)[:frames]

    describe(shards, lie)
    with refused(DataError):
        open_dataset(shards)[0]


def test_a_description_larger_than_its_shards_is_not_parsed(shards):
    path = shards / "gnnzoo.json"
    path.write_bytes(path.read_bytes() + b" " * 2_000_000)
    with refused(DataError, "2,0", file=path):
        open_dataset(shards)


@pytest.mark.parametrize("text", ["", "[" * 100_000, "[]", "null", '{"format": 1}', '{"format": "1"}', "\xff"])
def test_texts_that_are_no_description(shards, text):
    (shards / "gnnzoo.json").write_bytes(text.encode("latin1"))
    with refused(DataError, file="gnnzoo.json", hint="gnnzoo convert"):
        open_dataset(shards)


def _set(name, floats=None, integers=None, texts=None):
    def change(features):
        features[name].Clear()
        if floats is not None:
            features[name].float_list.value.extend(floats)
        if integers is not None:
            features[name].int64_list.value.extend(integers)
        if texts is not None:
            features[name].bytes_list.value.extend(texts)

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda features: features.pop("nodes/atoms.force"),
        lambda features: features.pop("nodes/atoms.id"),
        lambda features: features.pop("nodes/atoms.#size"),
        lambda features: features.pop("context/cell"),
        lambda features: features["nodes/atoms.force"].float_list.value.pop(),
        lambda features: features["nodes/atoms.type"].int64_list.value.pop(),
        _set("nodes/atoms.force", integers=range(9)),
        _set("nodes/atoms.type", texts=[b"O", b"H", b"H"]),
        _set("nodes/atoms.type", integers=[1, 2, 2**40]),
        _set("nodes/atoms.id", integers=[1, 1, 2]),
        _set("nodes/atoms.position", floats=[np.nan] * 9),
        _set("nodes/atoms.#size", integers=[10**12]),
        _set("nodes/atoms.#size", integers=[3, 3]),
        _set("context/cell", floats=[0.0] * 9),
        _set("context/cell", floats=[np.inf] * 9),
        _set("context/origin", floats=[np.nan] * 3),
        _set("context/step", integers=[77]),
    ],
)
def test_a_wrong_feature_of_a_frame_is_refused(shards, change):
    rewrite_features(shards, change)
    with refused(DataError, "frame 0", file=SHARD, hint="gnnzoo convert"):
        open_dataset(shards)[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda features: features.pop("edges/neighbors.#source"),
        lambda features: features["edges/neighbors.vector"].float_list.value.pop(),
        lambda features: features["edges/neighbors.#source"].int64_list.value.__setitem__(0, 99),
        lambda features: features["edges/neighbors.#target"].int64_list.value.__setitem__(0, -1),
        lambda features: features["edges/neighbors.#target"].int64_list.value.__setitem__(0, 2),
        lambda features: features["edges/neighbors.edge_class"].int64_list.value.__setitem__(0, 3),
        lambda features: features["edges/neighbors.vector"].float_list.value.__setitem__(0, np.inf),
    ],
)
def test_a_wrong_feature_of_the_edges_is_refused(shards, change):
    rewrite_features(shards, change)
    with refused(DataError, "frame 1", file=SHARD):
        TfrecordDataset(shards).stored_graph(1)


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x7f", b"ITEM: TIMESTEP"])
def test_a_record_that_is_no_example(shards, content):
    rewrite_records(shards, lambda _: content)
    with refused(DataError, "frame 0", file=SHARD):
        open_dataset(shards)[0]


@pytest.mark.parametrize("place", [0, 7, 9, 40, -2])
def test_damage_in_a_shard_with_a_fitting_sha256(shards, place):
    """Length, checksum of the length, content, checksum of the content."""
    data = bytearray((shards / SHARD).read_bytes())
    data[place] ^= 64
    (shards / SHARD).write_bytes(data)
    fit_description(shards)
    with refused(DataError, "damaged", file=SHARD, hint="copy"):
        open_dataset(shards)[0]


def test_a_shard_of_many_empty_records_takes_no_memory(shards):
    with tf.io.TFRecordWriter(str(shards / SHARD)) as writer:
        for _ in range(1000):
            writer.write(b"")
    fit_description(shards)
    with refused(DataError, "3 records", "2 frames", file=SHARD):
        open_dataset(shards)[0]
