"""Conversion: what is kept of where the numbers came from, and that nothing half-made is left behind."""

import hashlib
import json
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
from gnnzoo.data.convert import to_h5md
from gnnzoo.data.h5md.reader import H5mdDataset
from gnnzoo.data.open_dataset import find_files, open_dataset
from gnnzoo.data.threads import prefetch
from gnnzoo.errors import DataError, UserError
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.inspect import inspect


def test_provenance_tells_where_the_numbers_came_from(folder):
    paths = [dumps.water_dump(folder / "a.gz", units="real"), dumps.water_dump(folder / "b", frames=2, seed=1)]
    seen = []
    to_h5md(paths, folder / "a.h5", version="1.2", command="the command", types={"1": "O"}, advance=seen.append)
    told = H5mdDataset(folder / "a.h5").provenance
    assert [source["sha256"] for source in told["sources"]] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    ]
    assert [source["size"] for source in told["sources"]] == [path.stat().st_size for path in paths]
    assert [source["frames"] for source in told["sources"]] == [4, 2]
    assert (told["version"], told["command"], told["units"]) == ("1.2", "the command", "real")
    assert told["type_names"] == {"1": "O", "2": "2"}
    assert told["digits"] == {"positions": 6, "forces": 6}
    assert told["columns"] == list(dumps.WATER_COLUMNS)
    assert len(told["restarts"]) == 1
    assert sum(seen) == sum(path.stat().st_size for path in paths)


def test_statistics_are_those_of_the_forces(folder):
    snapshots = dumps.water(frames=5)
    path = dumps.write_dump(folder / "w", snapshots, dumps.WATER_COLUMNS, number="%.17g", shuffle=0)
    to_h5md([path], folder / "w.h5", version="", command="", types={1: "O", 2: "H"})
    told = H5mdDataset(folder / "w.h5").statistics
    forces = np.array([snapshot.forces for snapshot in snapshots])
    hydrogens = forces[:, snapshots[0].types == 2]
    for part, found in ((forces, told), (hydrogens, told["per_type"]["H"])):
        assert np.isclose(found["mean_norm"], np.linalg.norm(part, axis=-1).mean())
        assert np.isclose(found["mean_sum_abs"], np.abs(part).sum(axis=-1).mean())
        assert np.isclose(found["rms_component"], np.sqrt((part**2).mean()))
    assert np.isclose(told["max_norm"], np.linalg.norm(forces, axis=-1).max())


@pytest.mark.parametrize(
    ("dump", "output"),
    [
        ("argon.lammpstrj", "argon.h5"),
        ("argon.lammpstrj.gz", "argon.h5"),
        ("N216.1.lammpstrj", "N216.1.h5"),
        ("dump.argon", "dump.argon.h5"),
    ],
)
def test_the_dataset_is_named_after_the_dump_and_lies_in_the_working_folder(folder, dump, output):
    (folder / "elsewhere").mkdir()
    made = convert(dumps.argon_dump(folder / "elsewhere" / dump))
    assert str(made) == output
    assert len(H5mdDataset(folder / output)) == 4


def test_what_was_read_and_what_is_open_is_said(folder, capsys):
    text = dumps.dump_text(dumps.argon(frames=3))
    (folder / "argon.lammpstrj").write_text(text[:-30])
    convert("argon.lammpstrj")
    out, err = capsys.readouterr()
    assert "wrote argon.h5: 2 frames of 27 atoms" in out
    assert "columns   id type x y z fx fy fz; 6 digits in positions" in err
    assert "the dump does not tell its units; they look like metal: " in err  # random jitter has no temperature
    assert "--units metal declares them" in err
    assert "type 1 without a name: --types 1=NAME" in err
    assert "line 73: the frame of step 20 is cut short: 26 of 27 rows" in err
    convert("argon.lammpstrj", "told.h5", units="real", types={1: "Ar"})
    out, err = capsys.readouterr()
    assert "units     real" in err
    assert "--units" not in err
    assert "--types" not in err


def test_tfrecord_shards_are_made_with_the_same_words(folder, capsys):
    text = dumps.dump_text(dumps.argon(frames=3))
    (folder / "argon.lammpstrj").write_text(text + text[text.rindex("ITEM: TIMESTEP") :] + text[:-30])
    heard = []
    for options in ({}, {"format": "tfrecord", "cutoff": 4.0}):
        convert("argon.lammpstrj", **options)
        heard.append(
            [
                line
                for line in capsys.readouterr().err.splitlines()
                if not any(word in line for word in ("frames", "MB", "H5MD"))  # what differs between the two
            ]
        )
    assert heard[0] == heard[1]
    for fragment in ("27 atoms", "repeats the one", "is cut short", "segment 2", "--units metal", "--types 1=NAME"):
        assert any(fragment in line for line in heard[0]), fragment
    convert("argon.h5", "again.tfrecord", cutoff=4.0)
    assert "cut short" not in capsys.readouterr().err  # said when the .h5 was made


def test_columns_that_told_names_and_masses_were_taken(folder, capsys):
    snapshots = dumps.argon(frames=1)
    snapshots[0].columns = {"element": np.full(27, "Ar"), "mass": np.full(27, 39.95), "c_pe": np.zeros(27)}
    columns = (*dumps.ARGON_COLUMNS, "element", "mass", "c_pe")
    convert(dumps.write_dump(folder / "a.lammpstrj", snapshots, columns))
    assert "(not taken: c_pe)" in capsys.readouterr().err
    snapshots[0].columns["element"] = np.full(27, "C")  # as LAMMPS writes it unless it was told otherwise
    convert(dumps.write_dump(folder / "b.lammpstrj", snapshots, columns))
    assert "(not taken: element c_pe)" in capsys.readouterr().err


def test_a_cutoff_too_large_is_told_with_file_and_option(folder):
    dumps.argon_dump(folder / "a.lammpstrj")
    for attempt in (
        lambda: convert("a.lammpstrj", format="tfrecord", cutoff=100.0),
        lambda: inspect("a.lammpstrj", cutoff=100.0),
    ):
        with pytest.raises(DataError, match="a cutoff of 100 would give each atom about") as caught:
            attempt()
        assert caught.value.location.file == Path("a.lammpstrj")
        assert "--cutoff" in caught.value.hint
        assert "--set" not in caught.value.hint
    assert [path.name for path in folder.iterdir()] == ["a.lammpstrj"]


def test_making_shards_does_not_silence_a_program_that_wants_to_hear(folder, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")  # as --debug has it
    convert(dumps.argon_dump(folder / "a.lammpstrj", frames=1), format="tfrecord", cutoff=4.0)
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_an_existing_dataset_is_refused_or_kept_beside_the_new_one(folder):
    dumps.argon_dump(folder / "argon.lammpstrj")
    convert("argon.lammpstrj")
    with pytest.raises(UserError, match="exists already"):
        convert("argon.lammpstrj")
    before = (folder / "argon.h5").read_bytes()
    convert("argon.lammpstrj", units="metal", overwrite=True)
    assert (folder / "argon.h5.old-1").read_bytes() == before
    assert H5mdDataset(folder / "argon.h5").units == "metal"


def test_a_failure_leaves_nothing_behind(folder):
    text = dumps.dump_text(dumps.argon(frames=5)).replace("ITEM: TIMESTEP\n40", "ITEM: TIMESTEP\nforty")
    (folder / "bad.lammpstrj").write_text(text)
    with pytest.raises(DataError, match="'forty' is not a timestep"):
        convert("bad.lammpstrj")
    assert [path.name for path in folder.iterdir()] == ["bad.lammpstrj"]


@pytest.mark.parametrize(
    ("room", "options"),
    [
        *((room, {"frames": 400}) for room in (2_000, 30_000, 200_000)),
        *((room, {"format": "tfrecord", "cutoff": 4.0, "frames": 20}) for room in (2_000, 10_000)),
    ],
)
def test_a_disk_that_takes_no_more_ends_in_a_message_and_leaves_nothing(folder, room, options):
    # A limit on the size of files refuses writes as a full disk does, from within HDF5 and TensorFlow.
    dumps.argon_dump(folder / "argon.lammpstrj", frames=options.pop("frames"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(UserError, match="larger than you may write"):
            convert("argon.lammpstrj", **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in folder.iterdir()] == ["argon.lammpstrj"]


def test_compressing_makes_the_file_smaller_and_changes_nothing(folder):
    dumps.argon_dump(folder / "a.lammpstrj", frames=100, side=4)
    plain, small = convert("a.lammpstrj", "plain.h5"), convert("a.lammpstrj", "small.h5", compress=True)
    assert small.stat().st_size < 0.9 * plain.stat().st_size
    assert H5mdDataset(small).fingerprint == H5mdDataset(plain).fingerprint
    with h5py.File(small) as file:
        assert file["particles/all/force/value"].compression == "gzip"  # every HDF5 library unpacks it


def test_options_that_do_not_go_together_are_refused(folder):
    dumps.argon_dump(folder / "a.lammpstrj")
    dataset = convert("a.lammpstrj")
    with pytest.raises(UserError, match="--column is for LAMMPS dumps"):
        convert(dataset, "b.h5", columns={"energy": "c_pe"})
    with pytest.raises(UserError, match="--log is for LAMMPS dumps"):
        convert(dataset, "b.h5", log="a.lammpstrj")
    with pytest.raises(UserError, match=r"ends in \.h5, \.hdf5, \.h5md, not in '\.dat'"):
        convert("a.lammpstrj", "b.dat")
    with pytest.raises(UserError, match="--units metal contradicts the recipe 'argon'"):
        convert("a.lammpstrj", "b.h5", units="metal", recipe="argon")
    with pytest.raises(UserError, match="need a cutoff"):
        convert("a.lammpstrj", "b.tfrecord")
    with pytest.raises(UserError, match=r"ends in \.tfrecord"):
        convert("a.lammpstrj", "b.h5", format="tfrecord", cutoff=4)
    with pytest.raises(UserError, match="--cutoff is for TFRecord shards"):
        convert("a.lammpstrj", "b.h5", cutoff=4)
    with pytest.raises(UserError, match="no format 'csv'"):
        convert("a.lammpstrj", format="csv")
    with pytest.raises(DataError, match="taken as the dumps of one trajectory"):
        convert(["a.lammpstrj", dataset], "b.h5")
    with pytest.raises(DataError, match="units real, but metal was declared"):
        convert(dumps.argon_dump(folder / "real.lammpstrj", units="real"), units="metal")
    assert not (folder / "real.h5").exists()


def test_a_dataset_may_be_written_again_with_what_it_did_not_say(folder):
    first = convert(dumps.water_dump(folder / "a.lammpstrj"))
    again = convert(first, "b.h5", units="real", types={1: "O", 2: "H"})
    old, new = H5mdDataset(first), H5mdDataset(again)
    assert (new.units, new.type_names) == ("real", {1: "O", 2: "H"})
    assert new.fingerprint == old.fingerprint
    assert new.provenance["sources"] == old.provenance["sources"]
    assert new.provenance["converted_from"] == "a.h5"


def test_shards_may_be_turned_back_and_say_that_they_were_rounded(folder, capsys):
    snapshots = changing_argon()
    first = convert(dumps.write_dump(folder / "a.lammpstrj", snapshots), units="real", types={1: "Ar"})
    shards = convert(first, "a.tfrecord", cutoff=4.0)
    capsys.readouterr()
    back = H5mdDataset(convert(shards, "back.h5"))
    assert "rounded to float32" in capsys.readouterr().err
    for frame, other in zip(back, H5mdDataset(first), strict=True):
        assert np.array_equal(frame.forces, other.forces.astype(np.float32))
        assert np.array_equal(frame.positions, other.positions.astype(np.float32))
        assert np.array_equal(frame.ids, other.ids)
        assert (frame.step, frame.boundary, frame.units) == (other.step, other.boundary, "real")


def changing_argon(frames=6):
    """8 atoms, 27 in frames 2 and 3."""
    small, large = dumps.argon(frames, side=2), dumps.argon(frames, side=3)
    return [large[i] if i in (2, 3) else small[i] for i in range(frames)]


@pytest.mark.parametrize("compress", [False, True])
def test_a_dataset_holds_frames_of_different_atoms(folder, compress, capsys):
    snapshots = changing_argon()
    for number, snapshot in enumerate(snapshots):
        snapshot.columns["mol"] = np.arange(len(snapshot.types)) + number
        snapshot.columns["q"] = np.zeros(len(snapshot.types))
    dump = dumps.write_dump(folder / "a.lammpstrj", snapshots, (*dumps.WATER_COLUMNS, "q"), number="%.17g", shuffle=1)
    dataset = H5mdDataset(convert(dump, compress=compress))
    out, err = capsys.readouterr()
    assert "6 frames of 8 to 27 atoms" in out
    assert "come, go or change their type 2 times" in err
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


def test_every_frame_knows_its_file(folder):
    paths = [dumps.argon_dump(folder / f"run.{n}.gz", frames=n + 1, seed=n, side=2) for n in range(3)]
    dataset = H5mdDataset(convert(paths, "a.h5"))
    assert dataset.files.tolist() == [0, 1, 1, 2, 2, 2]
    with open_dataset(paths) as straight:
        assert straight.files.tolist() == [0, 1, 1, 2, 2, 2]


def test_a_dump_may_come_through_a_pipe(folder):
    dump = dumps.water_dump(folder / "a.lammpstrj.gz")
    command = [sys.executable, "-m", "gnnzoo.cli", "convert", "-", "-o", "piped.h5"]
    run = subprocess.run(command, stdin=dump.open("rb"), capture_output=True, check=True)
    assert b"wrote piped.h5: 4 frames" in run.stdout
    assert H5mdDataset("piped.h5").fingerprint == H5mdDataset(convert(dump)).fingerprint
    run = subprocess.run(command[:-2], stdin=dump.open("rb"), capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "-o NAME.h5" in run.stderr
    os.mkfifo(folder / "fifo")
    with pytest.raises(DataError, match="can be read only once") as caught:
        find_files("fifo")
    assert "gnnzoo convert fifo -o NAME.h5" in caught.value.hint


def test_a_pipe_that_says_nothing_more_can_be_left(folder):
    text = dumps.dump_text(dumps.argon(frames=20)).encode()
    command = [sys.executable, "-m", "gnnzoo.cli", "convert", "-", "-o", "piped.h5"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(text)
    process.stdin.flush()
    assert b"converting" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)  # as Ctrl-C, and heeded where that is shut out
    process.wait(timeout=60)  # the other end stays open
    assert process.returncode != 0
    assert not list(folder.glob("*piped*"))
    process.stdin.close()


def test_a_full_temporary_folder_is_told(folder, monkeypatch):
    dump = dumps.argon_dump(folder / "a.lammpstrj.gz", frames=200)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UserError, match="larger than you may write"):
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


def test_work_ahead_keeps_order_hands_on_errors_and_stops():
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
