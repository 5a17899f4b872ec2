"""Changes to folders of TFRecord shards whose checksums and sizes fit afterwards, as a stranger would make them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf


def describe(folder: Path, change: Callable[[dict], object]) -> None:
    """Change the description of a folder."""
    path = folder / "gnnzoo.json"
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about))


def fit_description(folder: Path) -> None:
    """Set sizes and sha256 of the shards to those of the files."""

    def fit(about: dict) -> None:
        for shard in about["shards"]:
            data = (folder / shard["file"]).read_bytes()
            shard |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    describe(folder, fit)


def rewrite_records(folder: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the content of each record; its checksum, and the description, fit afterwards."""
    for path in sorted(folder.glob("*.tfrecord")):
        records = [change(record.numpy()) for record in tf.data.TFRecordDataset(str(path))]
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record)
    fit_description(folder)


def rewrite_features(folder: Path, change: Callable[[dict], object]) -> None:
    """Change the features of each record, a mapping from names to tf.train.Feature."""

    def changed(record: bytes) -> bytes:
        example = tf.train.Example.FromString(record)
        change(example.features.feature)
        return example.SerializeToString()

    rewrite_records(folder, changed)
