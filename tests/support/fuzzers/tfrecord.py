"""Folders of TFRecord shards, against TensorFlow's own parsing."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

import dumps
import shards
from fuzzers import changes
from fuzzers.fuzzer import Fuzzer
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.data.tfrecord.dataset import TfrecordDataset
from gnnzoo.data.tfrecord.writer import write

_CUTOFF = 1.5


class TfrecordFuzzer(Fuzzer):
    """Folders with changes to the description, to the features of records, and to bytes."""

    name, file = "tfrecord", "input.tfrecord"

    def prepare(self, folder: Path) -> None:
        self._folder = folder / "valid"
        dump = dumps.write_dump(folder / "water.lammpstrj", dumps.water(frames=3, side=1), dumps.WATER_COLUMNS)
        with open_dataset(dump, units="real", types={1: "O", 2: "H"}) as dataset:
            write(dataset, folder / "valid.tfrecord", cutoff=_CUTOFF, shards=2)
        self._valid = folder / "valid.tfrecord"

    def write(self, path: Path, chance: random.Random) -> str:
        if path.exists():
            shutil.rmtree(path)
        shutil.copytree(self._valid, path)
        kind = chance.choice(
            [self._description, self._description, self._features, self._features, self._bytes, self._files]
        )
        return kind(path, chance)

    def _description(self, path: Path, chance: random.Random) -> str:
        about, story = json.loads((path / "gnnzoo.json").read_text()), []
        for _ in range(chance.choice([1, 1, 2])):
            about, change = changes.change_json(about, chance)
            story.append(change)
        (path / "gnnzoo.json").write_bytes(changes.dump_json(about, chance))
        return ", ".join(story)

    def _features(self, path: Path, chance: random.Random) -> str:
        file = chance.choice(sorted(path.glob("*.tfrecord")))
        records = [record.numpy() for record in tf.data.TFRecordDataset(str(file))]
        number, story = chance.randrange(len(records)), ""
        if chance.random() < 0.25:
            change = chance.choice(changes.BINARY)
            records[number], story = change(records[number], chance), change.__name__
        else:
            example = tf.train.Example.FromString(records[number])
            story = _change_feature(example.features.feature, chance)
            records[number] = example.SerializeToString()
        if chance.random() < 0.1:
            records = records * 2 if chance.random() < 0.5 else records[1:]
        with tf.io.TFRecordWriter(str(file)) as writer:
            for record in records:
                writer.write(record)
        shards.fit_description(path)
        return f"feature {story}"

    def _bytes(self, path: Path, chance: random.Random) -> str:
        file = chance.choice(sorted(path.iterdir()))
        data = file.read_bytes()
        change = chance.choice(changes.BINARY)
        file.write_bytes(change(data, chance) if data else data)
        if file.suffix == ".tfrecord" and chance.random() < 0.8:
            shards.fit_description(path)
        return f"{change.__name__} in {file.name}"

    def _files(self, path: Path, chance: random.Random) -> str:
        files = sorted(path.iterdir())
        file = chance.choice(files)
        kind = chance.randrange(4)
        if kind == 0:
            file.unlink()
        elif kind == 1:
            file.rename(path / "other.tfrecord")
        elif kind == 2:
            shutil.copyfile(file, chance.choice([other for other in files if other != file]))
        else:
            file.unlink()
            file.mkdir()
        return f"file {kind} {file.name}"

    def read(self, path: Path) -> list[str]:
        with TfrecordDataset(path) as dataset:
            frames = list(dataset)
            edges = [dataset.stored_graph(index) for index in range(len(frames))]
            names = [shard.file for shard in dataset._shards]
        complaints = []
        records = [record for name in names for record in tf.data.TFRecordDataset(str(path / name)).as_numpy_iterator()]
        if len(records) != len(frames):
            return [f"TensorFlow reads {len(records)} records, not {len(frames)}"]
        for frame, (senders, receivers, vectors, _), record in zip(frames, edges, records, strict=True):
            features = tf.train.Example.FromString(record).features.feature
            pairs = {
                "nodes/atoms.position": frame.positions,
                "nodes/atoms.force": frame.forces,
                "context/cell": frame.cell,
                "edges/neighbors.vector": vectors,
            }
            complaints += [
                f"other numbers of {name}"
                for name, values in pairs.items()
                if not np.array_equal(features[name].float_list.value, np.ravel(values).astype(np.float32))
            ]
            whole = {"nodes/atoms.id": frame.ids, "nodes/atoms.type": frame.types, "edges/neighbors.#source": senders}
            complaints += [
                f"other numbers of {name}"
                for name, values in (whole | {"edges/neighbors.#target": receivers}).items()
                if list(features[name].int64_list.value) != values.tolist()
            ]
        return complaints


def _change_feature(features, chance: random.Random) -> str:
    """Change one feature of a record."""
    name = chance.choice(sorted(features))
    kind = chance.randrange(5)
    feature = features[name]
    values = feature.float_list.value or feature.int64_list.value
    if kind == 0:
        del features[name]
    elif kind == 1 and len(values):
        values.pop()
    elif kind == 2 and len(values):
        odd = [value for value in changes.ODD_NUMBERS if not isinstance(value, float) and abs(value) < 2**63]
        odd = [*changes.ODD_NUMBERS[-8:], 1e38] if feature.HasField("float_list") else odd
        values[chance.randrange(len(values))] = chance.choice(odd)
    elif kind == 3:
        features[chance.choice(["nodes/atoms.velocity", "nodes/atoms.x", "", name + "x"])].CopyFrom(feature)
    else:
        chosen = chance.choice(["float_list", "int64_list", "bytes_list"])
        feature.Clear()
        getattr(feature, chosen).value.extend([b"x"] if chosen == "bytes_list" else [1] * chance.choice([0, 1, 3]))
    return f"{kind} {name}"
