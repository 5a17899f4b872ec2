"""Several sources as one dataset: order, types by name, units, segments, files, edges, and what is left out."""

import itertools
import shutil

import numpy as np
import pytest

import dumps
import gnnzoo
from errors import refused
from gnnzoo.data.concatenation import ConcatenatedShards
from gnnzoo.data.data_source import SourceKind, resolve_source
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.split.make_split import make_split
from gnnzoo.data.split.methods import Shares
from gnnzoo.errors import DataError
from xyz_files import LATTICE, xyz_frame


def xyz(path, *values, atoms="Ar Ar", **keys):
    """A file of a frame for each force."""
    text = "".join(xyz_frame({"forces": value}, atoms=atoms, lattice=LATTICE, **keys) for value in values)
    path.write_text(text)
    return str(path)


@pytest.fixture
def mixed(folder):
    """A dump in real units, an extended XYZ file in eV and A, a dataset of two dumps."""
    dumps.argon_dump(folder / "run.lammpstrj", frames=3, units="real")
    xyz(folder / "a.extxyz", 0.5, 0.75, atoms="Kr Ar", energy=1.5)
    for number in (1, 2):
        dumps.argon_dump(folder / f"{number}.trj", frames=2, seed=number, units="metal")
    gnnzoo.convert(["1.trj", "2.trj"], "b.h5", types={1: "Ar"})
    return ["a.extxyz", "b.h5", "run.lammpstrj"]


def test_sources_of_different_kinds_follow_one_another(mixed, caplog):
    assert resolve_source(mixed).kind is SourceKind.SEVERAL
    parts = [gnnzoo.open_dataset(name, types={1: "Ar"} if name == "run.lammpstrj" else None) for name in mixed]
    with gnnzoo.open_dataset(mixed, types={1: "Ar"}) as whole:
        assert (len(whole), whole.units, whole.type_names) == (9, "metal", {1: "Ar", 2: "Kr"})
        assert whole.steps.tolist() == [step for part in parts for step in part.steps.tolist()]
        assert whole.segments.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3]
        assert whole.files.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3]
        assert [source["file"] for source in whole.provenance["sources"]] == ["a.extxyz", "1.trj", "2.trj", mixed[2]]
        assert [source["dataset"] for source in whole.provenance["sources"]][1:3] == ["b.h5", "b.h5"]
        assert whole[0].names.tolist() == ["Kr", "Ar"] and whole[0].energy == 1.5
        for index, frame in enumerate(parts[1]):
            assert np.array_equal(whole[2 + index].forces, frame.forces)
            assert whole[2 + index].names.tolist() == frame.names.tolist()
        real = parts[2][1]
        np.testing.assert_allclose(whole[7].forces, real.forces * 0.0433641042, rtol=1e-8)  # kcal/mol in eV
        np.testing.assert_allclose(whole.signatures[7], (whole[7].forces ** 2).sum(), rtol=1e-12)
        assert (whole[7].units, whole[-1].segment) == ("metal", 3)
    assert "real to metal" in caplog.text


def test_velocities_and_times_are_converted_too(folder):
    keys = {"time": 2.0, "virial": "1 0 0 0 2 0 0 0 3"}
    frame = xyz_frame({"forces": 1.0, "velocities": 0.5}, energy=3.0, **keys)
    for name in ("a", "b"):
        (folder / f"{name}.extxyz").write_text(frame)
    gnnzoo.convert("a.extxyz", "a.h5", units="metal")
    gnnzoo.convert("b.extxyz", "b.h5", units="real")
    _, converted = gnnzoo.open_dataset(["a.h5", "b.h5"])
    factor = 0.0433641042
    assert converted.velocities[0, 0] == 500.0  # A/fs in A/ps
    assert converted.time == pytest.approx(0.002)  # fs in ps
    assert converted.energy == pytest.approx(3 * factor)
    np.testing.assert_allclose(np.diag(converted.virial), np.array([1, 2, 3]) * factor, rtol=1e-8)
    _, back = gnnzoo.open_dataset(["b.h5", "a.h5"])
    assert (back.velocities[0, 0], back.time) == (0.0005, 2000.0)


def test_the_dataset_converted_from_several_is_the_same(mixed):
    made = gnnzoo.convert(mixed, "whole.h5", types={1: "Ar"})
    with gnnzoo.open_dataset(mixed, types={1: "Ar"}) as several, gnnzoo.open_dataset(made) as one:
        assert several.fingerprint == one.fingerprint
        assert one.segments.tolist() == several.segments.tolist()
        assert one.files.tolist() == several.files.tolist()


def test_quantities_that_not_all_sources_have_are_left_out_and_named(folder, caplog):
    (folder / "a.extxyz").write_text(xyz_frame({"forces": 1.0, "velocities": 0.5}))
    xyz(folder / "b.extxyz", 0.5)
    with gnnzoo.open_dataset(["a.extxyz", "b.extxyz"], units="metal") as whole:
        assert whole.left_out == {"velocities": ["b.extxyz"]}
        assert all(frame.velocities is None for frame in whole)
    assert "velocities" in caplog.text and "b.extxyz" in caplog.text


def test_energies_of_atoms_that_are_left_out_leave_their_sum(folder):
    (folder / "a.extxyz").write_text(xyz_frame({"forces": 0.5, "energies": (2.0,)}))
    xyz(folder / "b.extxyz", 0.25, energy=7.0)
    with gnnzoo.open_dataset(["a.extxyz", "b.extxyz"]) as whole:
        assert [frame.energy for frame in whole] == [4.0, 7.0]
        taken = {item["name"] for item in whole.provenance["quantities"]["taken"]}
        assert "energies" not in taken and "forces" in taken


def test_what_does_not_fit_together_is_refused(folder):
    dumps.argon_dump(folder / "a.lammpstrj", units="metal")
    xyz(folder / "b.extxyz", 0.5, atoms="Ar Kr")
    with refused(DataError, "type 1", "Ar, Kr", file="a.lammpstrj", hint="--types 1=NAME"):
        gnnzoo.open_dataset(["a.lammpstrj", "b.extxyz"])
    dumps.argon_dump(folder / "lj.lammpstrj", units="lj")
    with refused(DataError, "metal", "lj", file="lj.lammpstrj"):
        gnnzoo.open_dataset(["b.extxyz", "lj.lammpstrj"], types={1: "Ar"})
    dumps.argon_dump(folder / "c.lammpstrj")
    with refused(DataError, "undeclared", "metal", file="c.lammpstrj", hint="--units STYLE"):
        gnnzoo.open_dataset(["b.extxyz", "c.lammpstrj"], types={1: "Ar"})


def test_a_name_of_several_types_stands_for_as_many(folder):
    dumps.water_dump(folder / "a.lammpstrj", units="real")
    gnnzoo.convert("a.lammpstrj", "a.h5", types={1: "C", 2: "C"})
    gnnzoo.convert("a.lammpstrj", "b.h5", types={1: "H", 2: "C"})
    with gnnzoo.open_dataset(["a.h5", "b.h5"]) as whole:
        assert whole.type_names == {1: "C", 2: "C", 3: "H"}
        assert whole[-1].names.tolist() == ["H", "C", "C"] * 8


def test_blocks_of_a_split_keep_their_gaps_within_each_source(folder):
    for number in (1, 2):
        dumps.argon_dump(folder / f"{number}.trj", frames=20, seed=number, units="metal")
        gnnzoo.convert(f"{number}.trj", types={1: "Ar"})
    with gnnzoo.open_dataset(["1.h5", "2.h5"]) as whole:
        split, report = make_split(whole, Shares(0.6, 0.2, 0.2), method="blocks", blocks=2, gap=1, seed=0)
    parts = split.parts()
    used = sorted((int(index), part) for part, indices in parts.items() for index in indices)
    assert report.files == 2 and all(len(indices) for indices in parts.values())
    for (one, of_one), (other, of_other) in itertools.pairwise(used):
        assert of_one == of_other or other - one > 1 or (one, other) == (19, 20)


@pytest.mark.parametrize("name", ["b.extxyz", "data/b.extxyz", "b.*", "b.h5"])
def test_a_file_for_validation_is_named_by_its_source_or_dataset(folder, name):
    (folder / "data").mkdir()
    xyz(folder / "a.extxyz", 0.5, 0.75)
    xyz(folder / "data/b.extxyz", 0.25, 1.0, 1.25)
    gnnzoo.convert("data/b.extxyz", "b.h5")
    with gnnzoo.open_dataset(["a.extxyz", "b.h5"]) as whole:
        split, _ = make_split(
            whole, Shares(0.5, 0.5, 0), method="file", blocks=1, gap="auto", seed=0, validation_files=(name,)
        )
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([0, 1], [2, 3, 4], [])


def test_stored_edges_are_used_where_all_sources_have_those_of_one_cutoff(folder, caplog):
    for number in (1, 2):
        dumps.argon_dump(folder / f"{number}.trj", seed=number, units="metal")
        gnnzoo.convert(f"{number}.trj", f"{number}.tfrecord", types={1: "Ar"}, cutoff=4)
    gnnzoo.convert("2.trj", "other.tfrecord", types={1: "Ar"}, cutoff=4.5)
    with gnnzoo.open_dataset(["1.tfrecord", "2.tfrecord"]) as whole, gnnzoo.open_dataset("2.tfrecord") as second:
        assert isinstance(whole, ConcatenatedShards) and whole.cutoff == 4
        ours, theirs = GraphSource(whole, ["Ar"], 4).graph(5), GraphSource(second, ["Ar"], 4).graph(1)
        assert np.array_equal(ours.vectors, theirs.vectors) and np.array_equal(ours.forces, theirs.forces)
    assert "from the positions" not in caplog.text
    for others in (["1.tfrecord", "other.tfrecord"], ["1.tfrecord", "2.trj"]):
        caplog.clear()
        with caplog.at_level("INFO"), gnnzoo.open_dataset(others, types={1: "Ar"}) as whole:
            assert not isinstance(whole, ConcatenatedShards)
            assert len(GraphSource(whole, ["Ar"], 5).graph(5).senders) > 0
        assert "from the positions" in caplog.text


def test_a_copy_of_a_source_adds_nothing_to_a_split(folder):
    dumps.argon_dump(folder / "a.trj", frames=10, units="metal")
    gnnzoo.convert("a.trj", types={1: "Ar"})
    shutil.copy("a.h5", "b.h5")
    with gnnzoo.open_dataset(["a.h5", "b.h5"]) as whole:
        _, report = make_split(whole, Shares(0.6, 0.2, 0.2), method="random", blocks=1, gap="auto", seed=0)
    assert report.duplicates == 10
