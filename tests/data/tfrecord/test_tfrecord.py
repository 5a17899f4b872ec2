"""TFRecord shards: TF-GNN alone reads them, frames round-trip, training sees the same edges, damage is an error."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

import dumps
import gnnzoo
import small
from errors import refused
from gnnzoo.data.graphs.neighbors import edge_classes, neighbor_list
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.data.tfrecord.dataset import TfrecordDataset
from gnnzoo.data.tfrecord.layout import _put as put
from gnnzoo.data.tfrecord.layout import encode, fields_of
from gnnzoo.data.tfrecord.writer import write
from gnnzoo.errors import DataError
from gnnzoo.models.build import build_network
from gnnzoo.outputs import OutputError
from gnnzoo.threads import ordered_map, thread_pool
from gnnzoo.training.loop import Trainer
from gnnzoo.training.prepare import prepare
from lines import line_with

CUTOFF = 3.0


@pytest.fixture
def water(folder):
    dumps.water_dump(folder / "water.lammpstrj", frames=5, number="%.9g")
    with open_dataset("water.lammpstrj", units="real", types={1: "O", 2: "H"}) as dataset:
        yield dataset


@pytest.fixture
def shards(water):
    return write(water, "water.tfrecord", cutoff=CUTOFF, shards=2)


def test_plain_tensorflow_gnn_reads_the_shards(water, shards):
    schema = tfgnn.read_schema(str(shards / "schema.pbtxt"))
    spec = tfgnn.create_graph_spec_from_schema_pb(schema)
    files = sorted(map(str, shards.glob("*.tfrecord")))
    assert [name.rpartition("/")[2] for name in files] == [f"shard-0000{i}-of-00002.tfrecord" for i in (0, 1)]
    graphs = [tfgnn.parse_single_example(spec, record) for record in tf.data.TFRecordDataset(files)]
    assert len(graphs) == 5
    for graph, frame in zip(graphs, water, strict=True):
        senders, receivers, vectors, shifts = neighbor_list(frame.positions, frame.cell, frame.pbc, CUTOFF)
        edges = graph.edge_sets["neighbors"]
        np.testing.assert_array_equal(edges.adjacency.source, senders)
        np.testing.assert_array_equal(edges.adjacency.target, receivers)
        np.testing.assert_array_equal(edges["vector"], vectors.astype(np.float32))
        np.testing.assert_array_equal(edges["shift"], shifts)
        classes = edge_classes(senders, receivers, vectors, frame.names, frame.molecules)
        np.testing.assert_array_equal(edges["edge_class"], classes)
        assert set(classes) == {0, 1, 2}
        atoms = graph.node_sets["atoms"]
        np.testing.assert_array_equal(atoms["force"], frame.forces.astype(np.float32))
        np.testing.assert_array_equal(atoms["position"], frame.positions.astype(np.float32))
        for feature, field in (("id", "ids"), ("type", "types"), ("molecule", "molecules")):
            np.testing.assert_array_equal(atoms[feature], getattr(frame, field))
        assert int(graph.context["step"][0]) == frame.step
        np.testing.assert_array_equal(graph.context["cell"][0], frame.cell.astype(np.float32))
        np.testing.assert_array_equal(graph.context["pbc"][0], [1, 1, 1])


def test_graphs_can_be_batched_and_merged(shards):
    """What training with TF-GNN does first."""
    spec = tfgnn.create_graph_spec_from_schema_pb(tfgnn.read_schema(str(shards / "schema.pbtxt")))
    records = tf.data.TFRecordDataset(sorted(map(str, shards.glob("*.tfrecord")))).batch(5)
    (batch,) = [tfgnn.parse_example(spec, record).merge_batch_to_components() for record in records]
    assert int(batch.node_sets["atoms"].total_size) == 5 * 24


def test_the_schema_describes_meanings_and_units(shards):
    features = tfgnn.read_schema(str(shards / "schema.pbtxt")).node_sets["atoms"].features
    line_with(features["force"].description, "force", "kcal/mol/A")
    line_with(features["position"].description, "position", "in A")


def test_examples_are_those_that_tfgnn_writes(water, shards):
    spec = tfgnn.create_graph_spec_from_schema_pb(tfgnn.read_schema(str(shards / "schema.pbtxt")))
    ours = tf.train.Example.FromString(encode(water[0], fields_of(water[0]), CUTOFF, None))
    theirs = tfgnn.write_example(tfgnn.parse_single_example(spec, ours.SerializeToString()))
    # Written without a time, which is not a number; and not a number is not equal to itself.
    assert np.isnan(ours.features.feature.pop("context/time").float_list.value[0])
    assert np.isnan(theirs.features.feature.pop("context/time").float_list.value[0])
    assert dict(ours.features.feature) == dict(theirs.features.feature)


def test_frames_come_back(water, shards):
    back = open_dataset(shards)
    assert (len(back), back.units, back.type_names) == (5, "real", {1: "O", 2: "H"})
    assert back.fingerprint == water.fingerprint
    np.testing.assert_array_equal(back.steps, water.steps)
    for index in (4, 0, 2):
        frame, source = back[index], water[index]
        assert (frame.step, frame.time, frame.segment, frame.boundary) == (source.step, None, 0, ("pp", "pp", "pp"))
        assert frame.positions.dtype == np.float64
        np.testing.assert_allclose(frame.positions, source.positions, rtol=1e-6)
        np.testing.assert_allclose(frame.cell, source.cell, rtol=1e-6)
        np.testing.assert_array_equal(frame.forces.astype(np.float32), source.forces.astype(np.float32))
        for field in ("ids", "types", "molecules", "names"):
            np.testing.assert_array_equal(getattr(frame, field), getattr(source, field))
        assert frame.types.dtype == source.types.dtype
        assert frame.charges is None


def test_other_columns_times_and_boundaries_come_back(folder):
    snapshots = dumps.argon(frames=3)
    for snapshot in snapshots:
        snapshot.columns = {"q": np.full(27, 0.5), "ix": np.full(27, -2), "iy": np.full(27, 0), "iz": np.full(27, 1)}
        snapshot.origin = np.array([1.0, -2.0, 0.5])
    columns = (*dumps.ARGON_COLUMNS, "q", "ix", "iy", "iz")
    options = {"boundary": "pp pp ff", "times": [0.1, 1e9 + 0.5, 2e9]}
    dumps.write_dump(folder / "a.lammpstrj", snapshots, columns, **options)
    source = open_dataset("a.lammpstrj")
    frame = TfrecordDataset(write(source, "a.tfrecord", cutoff=4.0))[1]
    np.testing.assert_array_equal(frame.charges, source[1].charges)
    np.testing.assert_array_equal(frame.images, source[1].images)
    assert frame.images.min() == -2
    assert frame.time == source[1].time
    assert frame.boundary == ("pp", "pp", "ff")
    np.testing.assert_allclose(frame.origin, [1.0, -2.0, 0.5])
    assert frame.molecules is None


def test_training_sees_the_same_edges_and_forces_from_either(water, shards):
    """Bit for bit, so that losses agree."""
    direct = GraphSource(water, ["O", "H"], CUTOFF)
    stored = GraphSource(open_dataset(shards), ["O", "H"], CUTOFF)
    for index in range(5):
        a, b = direct.graph(index), stored.graph(index)
        for name in ("species", "senders", "receivers", "vectors", "edge_class", "forces"):
            x, y = getattr(a, name), getattr(b, name)
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


def test_edges_of_another_cutoff_are_refused(shards):
    with refused(DataError, "cutoff of 3", file=shards, hint="--cutoff 4"):
        GraphSource(open_dataset(shards), ["O", "H"], 4.0)


def test_a_frame_without_any_edge(water):
    write(water, "far.tfrecord", cutoff=0.1)
    senders, receivers, vectors, classes = TfrecordDataset("far.tfrecord").stored_graph(3)
    assert senders.shape == receivers.shape == classes.shape == (0,)
    assert vectors.shape == (0, 3)


def test_shards_are_at_least_four_and_at_most_one_a_frame(folder):
    dumps.argon_dump(folder / "a.lammpstrj", frames=9)
    dataset = open_dataset("a.lammpstrj")
    for count, output in ((4, "a.tfrecord"), (9, "b.tfrecord")):
        path = write(dataset, output, cutoff=5.0, shards=None if count == 4 else count)
        assert len(list(path.glob("shard-*"))) == count
        assert [TfrecordDataset(path)[i].step for i in range(9)] == list(range(0, 90, 10))


def test_bonds_are_kept(water):
    path = write(water, "b.tfrecord", cutoff=CUTOFF, bonds=[("H", "H")])
    back = TfrecordDataset(path)
    assert back.bonds == [("H", "H")]
    senders, receivers, _, classes = back.stored_graph(0)
    names = water[0].names
    assert {*names[senders[classes == 1]], *names[receivers[classes == 1]]} == {"H"}


# --- frames that differ, energies, several files ---


@pytest.fixture
def changing(folder):
    """Waters of two files that come and go, with energies of atoms and, of most frames, of all."""
    random = np.random.default_rng(3)
    for name, missing in (("a", (0, 3, 6)), ("b", (3, 0))):
        snapshots = dumps.water(len(missing), first=0 if name == "a" else 30)
        for snapshot, fewer in zip(snapshots, missing, strict=True):
            n = 24 - fewer
            for part in ("positions", "forces", "types"):
                setattr(snapshot, part, getattr(snapshot, part)[:n])
            snapshot.columns = {"mol": snapshot.columns["mol"][:n], "c_pe": random.normal(size=n)}
        columns = (*dumps.WATER_COLUMNS, "c_pe")
        dumps.write_dump(folder / f"{name}.lammpstrj", snapshots, columns, number="%.17g", units="real")
    options = {"types": {1: "O", 2: "H"}, "columns": {"energy": "c_pe"}}
    path = gnnzoo.convert(["a.lammpstrj", "b.lammpstrj"], "ab.h5", **options)
    with h5py.File(path, "r+") as file:
        group = file.create_group("observables/all/potential_energy")
        group["value"] = [-1.25, 1 / 3, np.nan, 3.0, 4.0]
        for name in ("step", "time"):
            group[name] = file[f"particles/all/position/{name}"]
        virials = np.random.default_rng(4).normal(size=(5, 3, 3))
        virials[1] = np.nan
        file["observables/all/potential_virial/value"] = virials
    with gnnzoo.open_dataset(path) as dataset:
        yield dataset


def test_frames_that_differ_go_to_shards_and_back(changing):
    shards = gnnzoo.convert(changing.path, "ab.tfrecord", cutoff=CUTOFF)
    back = gnnzoo.open_dataset(gnnzoo.convert(shards, "back.h5"))
    assert [len(frame) for frame in back] == [24, 21, 18, 21, 24]
    assert [frame.energy for frame in back] == [-1.25, 1 / 3, None, 3.0, 4.0]
    assert (back.units, back.type_names) == ("real", {1: "O", 2: "H"})
    for name in ("steps", "segments", "files"):
        np.testing.assert_array_equal(getattr(back, name), getattr(changing, name))
    assert back.files.tolist() == [0, 0, 0, 1, 1]
    assert [source["file"] for source in back.provenance["sources"]] == ["a.lammpstrj", "b.lammpstrj"]
    for a, b in zip(changing, back, strict=True):
        for name in ("ids", "types", "molecules", "names"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        for name in ("positions", "forces", "cell", "energies"):
            np.testing.assert_array_equal(getattr(a, name).astype(np.float32), getattr(b, name).astype(np.float32))
    assert [frame.virial is None for frame in back] == [False, True, False, False, False]
    np.testing.assert_array_equal(back[2].virial, changing[2].virial.astype(np.float32))


def test_shards_from_before_virials_open(changing, monkeypatch):
    shards = TfrecordDataset(write(changing, "ab.tfrecord", cutoff=CUTOFF))
    assert shards[0].virial is not None

    def older(self, index, whole=TfrecordDataset._record):
        example = tf.train.Example.FromString(whole(self, index))
        del example.features.feature["context/virial"]
        return example.SerializeToString()

    monkeypatch.setattr(TfrecordDataset, "_record", older)
    assert shards[0].virial is None
    np.testing.assert_array_equal(shards[0].forces, changing[0].forces.astype(np.float32))


def test_plain_tensorflow_gnn_reads_frames_that_differ(changing):
    shards = write(changing, "ab.tfrecord", cutoff=CUTOFF, shards=1)
    spec = tfgnn.create_graph_spec_from_schema_pb(tfgnn.read_schema(str(shards / "schema.pbtxt")))
    (file,) = map(str, shards.glob("*.tfrecord"))
    graphs = [tfgnn.parse_single_example(spec, record) for record in tf.data.TFRecordDataset(file)]
    for graph, frame in zip(graphs, changing, strict=True):
        atoms = graph.node_sets["atoms"]
        assert int(atoms.sizes[0]) == len(frame)
        np.testing.assert_array_equal(atoms["energy"], frame.energies.astype(np.float32))
        assert graph.edge_sets["neighbors"]["shift"].dtype == tf.float32
        energy = np.float32(np.nan if frame.energy is None else frame.energy)
        np.testing.assert_array_equal(graph.context["energy"], [energy])
        virial = np.full((3, 3), np.nan) if frame.virial is None else frame.virial
        np.testing.assert_array_equal(graph.context["virial"], [virial.astype(np.float32)])


def test_losses_from_shards_are_those_from_h5(changing, folder):
    """Frames with different numbers of atoms: equal to the last bit."""
    write(changing, "ab.tfrecord", cutoff=CUTOFF)
    split = {"method": "random", "train": 0.6, "validation": 0.2, "test": 0.2}
    made = small.recipe(small.WATER, graph={"cutoff": CUTOFF}, training={"epochs": 2}, data={"split": split})
    logs = []
    for source in ("ab.h5", "ab.tfrecord"):
        ready = prepare(made, gnnzoo.open_dataset(source))
        network = build_network(made, ready.species, ready.scales)
        (folder / f"run-{source}").mkdir()
        log = Trainer(network, made.training, ready, folder / f"run-{source}", xla=False).run().log
        logs.append([{name: value for name, value in row.items() if name != "seconds"} for row in log])
    assert logs[0] == logs[1]
    assert len(logs[0]) == 2


# --- all cores ----------------------------------------------------------------------------------------------------


def test_shards_are_those_of_one_core(changing, monkeypatch):
    """Byte for byte, in the order of the frames, however long each takes."""
    several = write(changing, "several.tfrecord", cutoff=CUTOFF, shards=2)
    monkeypatch.setattr("gnnzoo.data.tfrecord.writer.os.sched_getaffinity", lambda _: {0})
    one = write(changing, "one.tfrecord", cutoff=CUTOFF, shards=2)
    fields = fields_of(changing[0])
    records = []
    for path in sorted(several.iterdir()):
        if path.suffix == ".tfrecord":
            assert path.read_bytes() == (one / path.name).read_bytes()
            records += [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    assert records == [encode(frame, fields, CUTOFF, None) for frame in changing]


def test_few_frames_are_under_way_at_a_time():
    read, done = [], []

    def frames():
        for number in range(50):
            read.append(number)
            yield number

    with thread_pool(2) as pool:
        for number in ordered_map(lambda number: number, frames(), 4, pool):
            done.append(number)
            assert len(read) - len(done) <= 4
    assert done == list(range(50))


def test_a_frame_that_fails_leaves_no_folder(changing):
    """The cell of the last frame is too small for the cutoff's images: the error of the search, and no folder."""
    with pytest.raises(DataError):
        write(changing, "far.tfrecord", cutoff=1e4)
    assert not list(changing.path.parent.glob("*far*"))


@pytest.mark.parametrize("numbers", [[], [0], [5], [0, 1, 127, 128, 300, 2**31], [-1, 2**62, -(2**63), 2**63 - 1]])
def test_whole_numbers_are_as_protobuf_writes_them(numbers):
    ours, theirs = tf.train.Feature(), tf.train.Feature()
    put(ours, np.array(numbers, dtype=np.int64), False)
    theirs.int64_list.SetInParent()
    theirs.int64_list.value.extend(numbers)
    assert ours.SerializeToString() == theirs.SerializeToString()


# --- what goes wrong ----------------------------------------------------------------------------------------------


def test_an_existing_folder_is_refused_or_kept(water, shards):
    with refused(OutputError, file=shards, hint="--overwrite"):
        write(water, shards, cutoff=CUTOFF)
    write(water, shards, cutoff=2.0, overwrite=True)
    assert TfrecordDataset(shards).cutoff == 2.0
    assert TfrecordDataset(f"{shards}.old-1").cutoff == CUTOFF


def test_bonds_need_named_types(folder):
    dumps.water_dump(folder / "w.lammpstrj")
    with refused(DataError, "type 1", hint="--types"):
        write(open_dataset("w.lammpstrj"), "w.tfrecord", cutoff=3.0, bonds=[("O", "H")])
    assert not (folder / "w.tfrecord").exists()


def test_shards_are_not_made_from_shards(shards):
    with refused(DataError, "TFRecord", file=shards, hint="water.lammpstrj"):
        write(open_dataset(shards), "again.tfrecord", cutoff=2.0)


def test_a_failure_leaves_nothing_behind(water, folder):
    done = []

    def advance(frames):
        done.append(frames)
        if len(done) == 4:
            raise RuntimeError("stop")

    before = sorted(folder.iterdir())
    with pytest.raises(RuntimeError, match="stop"):
        write(water, "water.tfrecord", cutoff=CUTOFF, advance=advance)
    assert sorted(folder.iterdir()) == before


def test_a_full_disk_is_the_users_error(water, monkeypatch):
    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", full)
    with refused(OutputError, "disk is full"):
        write(water, "water.tfrecord", cutoff=CUTOFF)


@pytest.mark.parametrize("part", ["schema.pbtxt", "shard-00001-of-00002.tfrecord"])
def test_a_missing_part_is_named(shards, part):
    (shards / part).unlink()
    with refused(DataError, part, file=shards, hint="gnnzoo convert"):
        TfrecordDataset(shards)


def test_shards_without_our_description(shards):
    (shards / "gnnzoo.json").unlink()
    with refused(DataError, "gnnzoo.json", file=shards, hint="gnnzoo convert"):
        open_dataset(shards)


def test_a_description_that_is_no_json(shards):
    (shards / "gnnzoo.json").write_text('{"format": 1')
    with refused(DataError, file="gnnzoo.json", hint="gnnzoo convert"):
        TfrecordDataset(shards)


def test_a_description_of_a_later_format(shards):
    about = json.loads((shards / "gnnzoo.json").read_text())
    (shards / "gnnzoo.json").write_text(json.dumps(about | {"format": 2}))
    with refused(DataError, "format is 2", file="gnnzoo.json"):
        TfrecordDataset(shards)


def test_a_shard_cut_short(shards):
    path = shards / "shard-00000-of-00002.tfrecord"
    path.write_bytes(path.read_bytes()[:-100])
    with refused(DataError, "damaged", expected="bytes"):
        TfrecordDataset(shards)


def test_a_flipped_bit_is_found_when_its_shard_is_read(shards):
    path = shards / "shard-00001-of-00002.tfrecord"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    dataset = TfrecordDataset(shards)
    dataset.read(0)
    with refused(DataError, "sha256", hint="copy"):
        dataset.read(4)


def test_keras_three_as_tf_keras_is_explained():
    code = (
        "import os; os.environ.pop('TF_USE_LEGACY_KERAS', None)\n"
        "import tensorflow as tf; tf.keras.version\n"
        "from gnnzoo.data.tfrecord.writer import _tensorflow_gnn\n"
        "_tensorflow_gnn()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    line_with(done.stderr, "TF_USE_LEGACY_KERAS=1", "before")
