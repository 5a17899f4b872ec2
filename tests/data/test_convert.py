"""Conversion to datasets: provenance, messages, results, and no partial files after failures."""

import hashlib
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import dumps
from errors import refused
from gnnzoo.data.convert import to_h5md
from gnnzoo.data.h5md.reader import H5mdDataset
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, UserError
from gnnzoo.outputs import OutputError
from gnnzoo.threads import prefetch
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.export import export
from gnnzoo.workflows.inspect import inspect
from lines import line_with


def test_provenance_records_the_origin_of_the_numbers(folder):
    paths = [dumps.water_dump(folder / "a.gz", units="real"), dumps.water_dump(folder / "b", frames=2, seed=1)]
    seen = []
    to_h5md(paths, folder / "a.h5", version="1.2", command="the command", types={"1": "O"}, advance=seen.append)
    provenance = H5mdDataset(folder / "a.h5").provenance
    assert [source["sha256"] for source in provenance["sources"]] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    ]
    assert [source["size"] for source in provenance["sources"]] == [path.stat().st_size for path in paths]
    assert [source["frames"] for source in provenance["sources"]] == [4, 2]
    assert (provenance["version"], provenance["command"], provenance["units"]) == ("1.2", "the command", "real")
    assert provenance["type_names"] == {"1": "O", "2": "2"}
    assert provenance["digits"] == {"positions": 6, "forces": 6}
    assert provenance["columns"] == list(dumps.WATER_COLUMNS)
    assert len(provenance["restarts"]) == 1
    assert sum(seen) == sum(path.stat().st_size for path in paths)


def test_statistics_are_those_of_the_forces(folder):
    snapshots = dumps.water(frames=5)
    path = dumps.write_dump(folder / "w", snapshots, dumps.WATER_COLUMNS, number="%.17g", shuffle=0)
    to_h5md([path], folder / "w.h5", version="", command="", types={1: "O", 2: "H"})
    statistics = H5mdDataset(folder / "w.h5").statistics
    forces = np.array([snapshot.forces for snapshot in snapshots])
    hydrogens = forces[:, snapshots[0].types == 2]
    for part, found in ((forces, statistics), (hydrogens, statistics["per_type"]["H"])):
        assert np.isclose(found["mean_norm"], np.linalg.norm(part, axis=-1).mean())
        assert np.isclose(found["mean_sum_abs"], np.abs(part).sum(axis=-1).mean())
        assert np.isclose(found["rms_component"], np.sqrt((part**2).mean()))
    assert np.isclose(statistics["max_norm"], np.linalg.norm(forces, axis=-1).max())


@pytest.mark.parametrize(
    ("dump", "output"),
    [
        ("argon.lammpstrj", "argon.h5"),
        ("argon.lammpstrj.gz", "argon.h5"),
        ("N216.1.lammpstrj", "N216.1.h5"),
        ("dump.argon", "dump.argon.h5"),
    ],
)
def test_the_dataset_is_named_after_the_dump_and_is_written_to_the_working_folder(folder, dump, output):
    (folder / "elsewhere").mkdir()
    made = convert(dumps.argon_dump(folder / "elsewhere" / dump))
    assert str(made) == output
    assert len(H5mdDataset(folder / output)) == 4


def test_contents_and_doubts_are_logged_and_returned(folder, caplog):
    text = dumps.dump_text(dumps.argon(frames=3))
    (folder / "argon.lammpstrj").write_text(text[:-30])
    made = convert("argon.lammpstrj")
    logged = [record.message for record in caplog.records if record.name.endswith("dataset_messages")]
    assert logged == [*made.notes, *made.doubts]
    assert (made.frames, made.atoms, made.units, made.type_names) == (2, (27, 27), None, {1: "1"})
    assert (made.size, made.source_size) == (made.path.stat().st_size, Path("argon.lammpstrj").stat().st_size)
    line_with(made.notes[0], "6 digits", "positions")
    for fragment in ("--units metal", "--types 1=NAME", "26 of 27 rows"):  # random jitter has no temperature
        assert any(fragment in doubt for doubt in made.doubts), fragment
    (event,) = made.events["truncated"]
    line_with(event, "argon.lammpstrj, line 73:", "step 20")
    declared = convert("argon.lammpstrj", "declared.h5", units="real", types={1: "Ar"})
    assert not any("--units" in doubt or "--types" in doubt for doubt in declared.doubts)
    json.dumps(declared.to_json())
    assert os.fspath(declared) == str(declared) == "declared.h5"
    missing = convert("argon.lammpstrj", "missing.h5", units="real", types={1: "Ar", 7: "Kr"})
    assert any("type 7" in doubt for doubt in missing.doubts)


def test_library_prints_nothing(folder, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger("gnnzoo"), "handlers", [logging.NullHandler()])
    dumps.argon_dump(folder / "a.lammpstrj")
    convert("a.lammpstrj", "b.h5")
    export("b.h5", "b.extxyz", units="metal", types={1: "Ar"})
    out, err = capsys.readouterr()
    assert out == ""
    assert "warning" not in err


def test_tfrecord_shards_are_written_with_the_same_messages(folder):
    text = dumps.dump_text(dumps.argon(frames=3))
    (folder / "argon.lammpstrj").write_text(text + text[text.rindex("ITEM: TIMESTEP") :] + text[:-30])
    h5, shards = convert("argon.lammpstrj"), convert("argon.lammpstrj", format="tfrecord", cutoff=4.0)
    assert [note for note in h5.notes if "H5MD" not in note] == list(shards.notes)
    assert (h5.doubts, h5.events, h5.frames) == (shards.doubts, shards.events, shards.frames)
    assert set(h5.events) == {"repeated", "truncated", "restarts"}
    assert convert("argon.h5", "again.tfrecord", cutoff=4.0).doubts == ()  # reported when the .h5 was made


def test_columns_of_names_and_masses_count_as_used(folder):
    snapshots = dumps.argon(frames=1)
    snapshots[0].columns = {"element": np.full(27, "Ar"), "mass": np.full(27, 39.95), "c_pe": np.zeros(27)}
    columns = (*dumps.ARGON_COLUMNS, "element", "mass", "c_pe")
    made = convert(dumps.write_dump(folder / "a.lammpstrj", snapshots, columns))
    line_with(made.notes[0], "not used", ": c_pe)")
    snapshots[0].columns["element"] = np.full(27, "C")  # LAMMPS' default
    made = convert(dumps.write_dump(folder / "b.lammpstrj", snapshots, columns))
    line_with(made.notes[0], "not used", ": element c_pe)")


def test_a_too_large_cutoff_is_refused_with_file_and_option(folder):
    dumps.argon_dump(folder / "a.lammpstrj")
    for attempt in (
        lambda: convert("a.lammpstrj", format="tfrecord", cutoff=100.0),
        lambda: inspect("a.lammpstrj", cutoff=100.0),
    ):
        with refused(DataError, "100", file="a.lammpstrj", hint="--cutoff") as caught:
            attempt()
        assert "--set" not in caught.error.hint
    assert [path.name for path in folder.iterdir()] == ["a.lammpstrj"]


def test_writing_shards_does_not_change_the_log_level_of_tensorflow(folder, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")  # as --debug has it
    convert(dumps.argon_dump(folder / "a.lammpstrj", frames=1), format="tfrecord", cutoff=4.0)
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_an_existing_dataset_is_refused_or_backed_up(folder):
    dumps.argon_dump(folder / "argon.lammpstrj")
    convert("argon.lammpstrj")
    with refused(OutputError, file="argon.h5", hint="--overwrite"):
        convert("argon.lammpstrj")
    before = (folder / "argon.h5").read_bytes()
    convert("argon.lammpstrj", units="metal", overwrite=True)
    assert (folder / "argon.h5.old-1").read_bytes() == before
    assert H5mdDataset(folder / "argon.h5").units == "metal"


def test_a_failure_leaves_nothing_behind(folder):
    text = dumps.dump_text(dumps.argon(frames=5)).replace("ITEM: TIMESTEP\n40", "ITEM: TIMESTEP\nforty")
    (folder / "bad.lammpstrj").write_text(text)
    with refused(DataError, "'forty'", file="bad.lammpstrj", line=146):
        convert("bad.lammpstrj")
    assert [path.name for path in folder.iterdir()] == ["bad.lammpstrj"]


@pytest.mark.parametrize(
    ("room", "options"),
    [
        *((room, {"frames": 400}) for room in (2_000, 30_000, 200_000)),
        *((room, {"format": "tfrecord", "cutoff": 4.0, "frames": 20}) for room in (2_000, 10_000)),
    ],
)
def test_a_full_disk_is_an_error_and_leaves_nothing(folder, room, options):
    # A limit on the size of files refuses writes as a full disk does, from within HDF5 and TensorFlow.
    dumps.argon_dump(folder / "argon.lammpstrj", frames=options.pop("frames"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with refused(OutputError, hint="ulimit"):
            convert("argon.lammpstrj", **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in folder.iterdir()] == ["argon.lammpstrj"]


def test_compressing_makes_the_file_smaller_and_changes_nothing(folder):
    dumps.argon_dump(folder / "a.lammpstrj", frames=100, side=4)
    plain, small = convert("a.lammpstrj", "plain.h5"), convert("a.lammpstrj", "small.h5", compress=True)
    assert small.size < 0.9 * plain.size
    assert H5mdDataset(small).fingerprint == H5mdDataset(plain).fingerprint
    with h5py.File(small) as file:
        assert file["particles/all/force/value"].compression == "gzip"  # every HDF5 library unpacks it


def test_options_that_exclude_each_other_are_refused(folder):
    dumps.argon_dump(folder / "a.lammpstrj")
    dataset = convert("a.lammpstrj")
    with refused(UserError, "--column", file="a.h5"):
        convert(dataset, "b.h5", columns={"energy": "c_pe"})
    with refused(UserError, "--log", file="a.h5"):
        convert(dataset, "b.h5", log="a.lammpstrj")
    with refused(UserError, ".h5, .hdf5, .h5md", "'.dat'", hint="-o b.h5"):
        convert("a.lammpstrj", "b.dat")
    with refused(UserError, "--units metal", "'argon'", "real"):
        convert("a.lammpstrj", "b.h5", units="metal", recipe="argon")
    with refused(UserError, hint="--cutoff 5"):
        convert("a.lammpstrj", "b.tfrecord")
    with refused(UserError, hint="-o b.tfrecord"):
        convert("a.lammpstrj", "b.h5", format="tfrecord", cutoff=4)
    with refused(UserError, "--cutoff", hint="--format tfrecord"):
        convert("a.lammpstrj", "b.h5", cutoff=4)
    with refused(UserError, "'csv'", expected="h5 or tfrecord"):
        convert("a.lammpstrj", format="csv")
    with refused(DataError, "metal", file="real.lammpstrj", expected="real"):
        convert(dumps.argon_dump(folder / "real.lammpstrj", units="real"), units="metal")
    assert not (folder / "real.h5").exists()


def test_a_dataset_can_be_converted_again_with_missing_metadata(folder):
    first = convert(dumps.water_dump(folder / "a.lammpstrj"))
    again = convert(first, "b.h5", units="real", types={1: "O", 2: "H"})
    old, new = H5mdDataset(first), H5mdDataset(again)
    assert (new.units, new.type_names) == ("real", {1: "O", 2: "H"})
    assert new.fingerprint == old.fingerprint
    assert new.provenance["sources"] == old.provenance["sources"]
    assert new.provenance["converted_from"] == "a.h5"


def test_shards_can_be_converted_back_with_a_warning_about_rounding(folder):
    snapshots = changing_argon()
    first = convert(dumps.write_dump(folder / "a.lammpstrj", snapshots), units="real", types={1: "Ar"})
    shards = convert(first, "a.tfrecord", cutoff=4.0)
    back = convert(shards, "back.h5")
    assert any("float32" in doubt for doubt in back.doubts)
    for frame, other in zip(H5mdDataset(back), H5mdDataset(first), strict=True):
        assert np.array_equal(frame.forces, other.forces.astype(np.float32))
        assert np.array_equal(frame.positions, other.positions.astype(np.float32))
        assert np.array_equal(frame.ids, other.ids)
        assert (frame.step, frame.boundary, frame.units) == (other.step, other.boundary, "real")


def changing_argon(frames=6):
    """8 atoms, 27 in frames 2 and 3."""
    small, large = dumps.argon(frames, side=2), dumps.argon(frames, side=3)
    return [large[i] if i in (2, 3) else small[i] for i in range(frames)]


@pytest.mark.parametrize("compress", [False, True])
def test_a_dataset_holds_frames_of_different_atoms(folder, compress):
    snapshots = changing_argon()
    for number, snapshot in enumerate(snapshots):
        snapshot.columns["mol"] = np.arange(len(snapshot.types)) + number
        snapshot.columns["q"] = np.zeros(len(snapshot.types))
    dump = dumps.write_dump(folder / "a.lammpstrj", snapshots, (*dumps.WATER_COLUMNS, "q"), number="%.17g", shuffle=1)
    made = convert(dump, compress=compress)
    dataset = H5mdDataset(made)
    assert (made.frames, made.atoms) == (6, (8, 27))
    line_with(made.summary, "6 frames", "8 to 27 atoms")
    assert any("2 times" in note for note in made.notes)
    for frame, snapshot in zip(dataset, snapshots, strict=True):
        assert np.array_equal(frame.positions, snapshot.positions)
        assert np.array_equal(frame.forces, snapshot.forces)
        assert np.array_equal(frame.ids, np.arange(1, len(snapshot.types) + 1))
        assert np.array_equal(frame.molecules, snapshot.columns["mol"])
        assert not frame.charges.any()
    with open_dataset(dump) as straight:
        assert straight.fingerprint == dataset.fingerprint
    with h5py.File("a.h5") as file:  # H5MD 1.1: an id equal to the fill value marks a row that holds no atom
        ids = file["particles/all/id/value"]
        assert ids.fillvalue == -1
        assert (ids[0] != -1).sum() == 8


def test_every_frame_has_the_number_of_its_file(folder):
    paths = [dumps.argon_dump(folder / f"run.{n}.gz", frames=n + 1, seed=n, side=2) for n in range(3)]
    dataset = H5mdDataset(convert(paths, "a.h5"))
    assert dataset.files.tolist() == [0, 1, 1, 2, 2, 2]
    with open_dataset(paths) as straight:
        assert straight.files.tolist() == [0, 1, 1, 2, 2, 2]


def test_a_dump_can_be_read_from_a_pipe(folder):
    dump = dumps.water_dump(folder / "a.lammpstrj.gz")
    command = [sys.executable, "-m", "gnnzoo.cli", "convert", "-", "-o", "piped.h5"]
    run = subprocess.run(command, stdin=dump.open("rb"), capture_output=True, check=True)
    line_with(run.stdout.decode(), "piped.h5", "4 frames")
    assert H5mdDataset("piped.h5").fingerprint == H5mdDataset(convert(dump)).fingerprint
    run = subprocess.run(command[:-2], stdin=dump.open("rb"), capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "-o NAME.h5" in run.stderr


def test_waiting_for_a_pipe_can_be_interrupted(folder):
    text = dumps.dump_text(dumps.argon(frames=20)).encode()
    command = [sys.executable, "-m", "gnnzoo.cli", "convert", "-", "-o", "piped.h5"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(text)
    process.stdin.flush()
    assert b"converting" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)  # like Ctrl-C, also where that is ignored
    process.wait(timeout=60)  # the other end stays open
    assert process.returncode != 0
    assert not list(folder.glob("*piped*"))
    process.stdin.close()


def test_a_full_temporary_folder_is_an_error(folder, monkeypatch):
    dump = dumps.argon_dump(folder / "a.lammpstrj.gz", frames=200)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with refused(OutputError, hint="ulimit"):
            open_dataset(dump)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_converting_loads_no_tensorflow(folder):
    dumps.argon_dump(folder / "argon.lammpstrj")
    code = (
        "import json, sys; from gnnzoo import convert; convert('argon.lammpstrj');"
        "print(json.dumps([name for name in sys.modules if name.split('.')[0] in ('tensorflow', 'keras', 'tf_keras')]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout.splitlines()[-1]) == []


def test_prefetch_keeps_the_order_passes_on_errors_and_stops():
    assert list(prefetch(range(100), depth=3)) == list(range(100))

    def failing():
        yield 1
        raise KeyError("here")

    items = prefetch(failing())
    assert next(items) == 1
    with pytest.raises(KeyError, match="here"):
        next(items)

    made = []
    items = prefetch((made.append(number) for number in range(1000)), depth=1)
    next(items)
    items.close()
    count = len(made)
    assert count < 10
    assert len(made) == count
