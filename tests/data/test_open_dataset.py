"""Opening of data of any kind: sources are resolved by content and name, declared metadata must agree with the data."""

import os

import numpy as np
import pytest

import dumps
import gnnzoo
from errors import refused
from gnnzoo.data.data_source import DataSource, SourceKind, find_files, kind_of_name, resolve_source
from gnnzoo.errors import DataError, UserError

TYPES = {"1": "O", 2: "H"}


def test_a_dump_and_its_dataset_open_as_the_same_frames(folder):
    dumps.water_dump(folder / "w.lammpstrj")
    from_text = gnnzoo.open_dataset("w.lammpstrj", units="real", types=TYPES)
    from_h5 = gnnzoo.open_dataset(gnnzoo.convert("w.lammpstrj", units="real", types=TYPES))
    assert from_text.fingerprint == from_h5.fingerprint
    for dataset in (from_text, from_h5):
        assert (dataset.units, dataset.type_names) == ("real", {1: "O", 2: "H"})
        frame = dataset[2]
        assert frame.units == "real"
        assert frame.names.tolist() == ["O", "H", "H"] * 8
        assert np.array_equal(frame.positions, from_text[2].positions)


def test_declared_metadata_must_not_contradict_the_data(folder):
    dumps.water_dump(folder / "w.lammpstrj", units="real")
    path = gnnzoo.convert("w.lammpstrj", types={1: "O"})
    dataset = gnnzoo.open_dataset(path, units="real", types={1: "O", 2: "H", 9: "Na"})  # supplements the data
    assert dataset.type_names == {1: "O", 2: "H"}
    with refused(DataError, "type 1", "Ar", file="w.h5", expected="1=O"):
        gnnzoo.open_dataset(path, types={1: "Ar"})
    for source in (path, "w.lammpstrj"):
        with refused(DataError, "lj", file=source, expected="real"):
            gnnzoo.open_dataset(source, units="lj")
    with refused(UserError, "'reel'", "real"):
        gnnzoo.open_dataset(path, units="reel")
    with refused(DataError, "'one'", file="w.h5", expected='{"1": "O"}'):
        gnnzoo.open_dataset(path, types={"one": "O"})


def test_globs_and_lists_of_the_shell_are_in_natural_order(folder):
    numbers = (1, 2, 11, 101)
    for number in numbers:
        dumps.write_dump(folder / f"N.{number}.trj", dumps.argon(frames=1, side=2, seed=number, first=number))
    assert gnnzoo.open_dataset("N.*.trj").steps.tolist() == list(numbers)
    shell = [f"N.{number}.trj" for number in (1, 101, 11, 2)]  # as a shell expands N.*.trj
    assert gnnzoo.open_dataset(shell).steps.tolist() == list(numbers)
    chosen = ["N.11.trj", "N.2.trj", "N.1.trj"]  # an order of the user's own
    assert gnnzoo.open_dataset(chosen).steps.tolist() == [11, 2, 1]
    assert gnnzoo.open_dataset(chosen).segments.tolist() == [0, 1, 2]


def test_missing_data_are_named_with_the_nearest_name(folder):
    dumps.argon_dump(folder / "argon.lammpstrj")
    with refused(DataError, "'argn.lammpstrj'", "'argon.lammpstrj'"):
        gnnzoo.open_dataset("argn.lammpstrj")
    with refused(DataError, "'*.dump'"):
        gnnzoo.open_dataset("*.dump")
    with refused(DataError, expected="a dump"):
        gnnzoo.open_dataset([])
    with refused(DataError, "empty", file="/dev/null"):
        gnnzoo.open_dataset("/dev/null")
    with refused(DataError, "gnnzoo.json", file=folder):
        gnnzoo.open_dataset(folder)
    with refused(DataError, file="argon.lammpstrj"):
        find_files(["argon.lammpstrj", "./argon.lammpstrj"])


# --- sources ------------------------------------------------------------------------------------------------------


def test_kinds_are_determined_by_content_then_by_name(folder):
    dumps.argon_dump(folder / "a.lammpstrj")
    dumps.argon_dump(folder / "b.lammpstrj", seed=1)
    gnnzoo.convert("a.lammpstrj").path.rename("nameless")  # HDF5 by its first bytes
    for name in ("a.extxyz", "a.traj", "b.xyz.gz", "empty.h5"):
        (folder / name).write_text("")
    (folder / "frames.txt").write_text("108\nProperties=species:S:1:pos:R:3\n")
    (folder / "a.tfrecord").mkdir()
    expected = {
        "a.lammpstrj": SourceKind.DUMP,
        "nameless": SourceKind.H5MD,
        "empty.h5": SourceKind.H5MD,
        "a.extxyz": SourceKind.EXTXYZ,
        "a.traj": SourceKind.ASE,
        "b.xyz.gz": SourceKind.EXTXYZ,
        "frames.txt": SourceKind.EXTXYZ,
        "a.tfrecord": SourceKind.TFRECORD,
        "/dev/null": SourceKind.STREAM,
        "-": SourceKind.STREAM,
    }
    assert {name: resolve_source(name, streams=True).kind for name in expected} == expected
    both = resolve_source(["a.lammpstrj", "b.lammpstrj"])
    assert (both.kind, [str(path) for path in both.paths]) == (SourceKind.DUMP, ["a.lammpstrj", "b.lammpstrj"])
    assert both.size == sum(path.stat().st_size for path in both.paths)
    assert resolve_source(both) is both
    for other in ("nameless", "a.extxyz", "a.tfrecord"):
        mixed = resolve_source(["a.lammpstrj", "b.lammpstrj", other])
        assert (mixed.kind, [part.kind for part in mixed.parts]) == (
            SourceKind.SEVERAL,
            [SourceKind.DUMP, resolve_source(other).kind],
        )
        assert not mixed.is_dataset
    assert resolve_source(["nameless", "a.tfrecord"]).is_dataset


@pytest.mark.parametrize(
    ("name", "kind"), [("a.hdf5", SourceKind.H5MD), ("a.tfrecord", SourceKind.TFRECORD), ("a.dump", SourceKind.DUMP)]
)
def test_names_announce_a_kind(folder, name, kind):
    assert kind_of_name(folder / name) is kind


def test_data_that_can_be_read_only_once_are_refused_where_they_are_read_twice(folder):
    os.mkfifo(folder / "fifo")
    for find in (find_files, resolve_source, gnnzoo.inspect):
        with refused(DataError, file="fifo", hint="gnnzoo convert fifo -o NAME.h5"):
            find("fifo")


def test_a_resolved_source_is_opened_without_another_look(folder, monkeypatch):
    dumps.argon_dump(folder / "a.h5")  # named like a dataset
    monkeypatch.setattr("gnnzoo.data.data_source.find_files", None)
    with gnnzoo.open_dataset(DataSource(SourceKind.DUMP, (folder / "a.h5",))) as dataset:
        assert len(dataset) == 4
