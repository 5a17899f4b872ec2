"""Inspection: each figure against one computed by hand or by brute force."""

import dataclasses
import json

import numpy as np
import pytest

import dumps
import frames_in_memory as inspected
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.lammps.events import EVENT_KINDS, DumpLog, event_messages
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.elements import MASSES
from gnnzoo.workflows.inspect import inspect


def distances(positions, cell):
    """(atoms, atoms) in a cubic cell, nearest images, infinite on the diagonal."""
    vectors = positions[None] - positions[:, None]
    vectors -= np.diag(cell) * np.round(vectors / np.diag(cell))
    return np.linalg.norm(vectors, axis=-1) + np.diag(np.full(len(positions), np.inf))


def test_geometry_is_that_of_a_search_over_all_pairs(tmp_path):
    snapshots = dumps.water(frames=3)
    path = dumps.write_dump(tmp_path / "w", snapshots, dumps.WATER_COLUMNS, number="%.17g")
    told = describe_dataset(open_dataset(path, types={1: "O", 2: "H"}), cutoffs=[3.0])[
        "geometry"
    ]  # 3.0 < half of the box, 3.1
    every = [distances(snapshot.positions, snapshot.cell) for snapshot in snapshots]
    edges = np.array([(distance < 3.0).sum(axis=1) for distance in every])
    assert np.isclose(told["edges_per_atom"]["3"]["mean"], edges.mean())
    assert told["edges_per_atom"]["3"]["max"] == edges.max()
    closest = told["smallest_distance"]
    frame = int(np.argmin([distance.min() for distance in every]))
    assert np.isclose(closest["distance"], every[frame].min())
    assert closest["step"] == snapshots[frame].step
    assert set(closest["ids"]) == set(np.array(np.unravel_index(every[frame].argmin(), every[frame].shape)) + 1)


def test_forces_net_force_and_drift_are_those_of_the_frames(tmp_path):
    snapshots = dumps.argon(frames=20, side=2)
    for number, snapshot in enumerate(snapshots):
        snapshot.forces = snapshot.forces * (1 + number) + [0.5, 0, 0]
    path = dumps.write_dump(tmp_path / "a", snapshots, number="%.17g")
    told = describe_dataset(open_dataset(path, types={1: "Ar"}))
    norms = np.linalg.norm([snapshot.forces for snapshot in snapshots], axis=-1)
    assert np.isclose(told["forces"]["mean_norm"], norms.mean())
    assert list(told["forces"]["per_type"]) == ["Ar"]
    assert np.allclose(told["drift"]["mean_force"], norms.mean(axis=1).reshape(10, 2).mean(axis=1))
    assert np.isclose(told["net_force"]["mean"], 8 * 0.5)  # Lennard-Jones forces sum to zero
    assert told["steps"] == {"first": 0, "last": 190, "segments": 1, "spacing": 10, "regular": True}


def test_density_is_in_g_cm3_where_masses_are_known(tmp_path):
    snapshots = dumps.water(frames=1)
    path = dumps.write_dump(tmp_path / "w", snapshots, dumps.WATER_COLUMNS)
    volume = 6.2**3
    told = describe_dataset(open_dataset(path))["density"]
    assert told["g_cm3"] is None
    assert np.isclose(told["atoms_per_volume"], 24 / volume)
    told = describe_dataset(open_dataset(path, units="real", types={1: "O", 2: "H"}))["density"]
    # 8 molecules of 18.015 g/mol in 6.2 A cubed; 1 g/mol/A^3 = 1.66054 g/cm^3
    assert np.isclose(told["g_cm3"], 8 * 18.015 * 1.66054 / volume, rtol=1e-5)
    snapshots[0].columns["mass"] = np.array([16.0, 2.0, 2.0] * 8)  # heavy water, by the dump's own masses
    path = dumps.write_dump(tmp_path / "d", snapshots, (*dumps.WATER_COLUMNS, "mass"))
    told = describe_dataset(open_dataset(path, units="real"))["density"]
    assert np.isclose(told["g_cm3"], 8 * 20 * 1.66054 / volume, rtol=1e-5)
    assert told["masses"] == "column mass"


def test_masses_stand_at_their_elements():
    assert (MASSES["H"], MASSES["O"], MASSES["Ar"], MASSES["Fe"]) == (1.008, 15.999, 39.95, 55.845)
    assert (MASSES["Xe"], MASSES["Au"], MASSES["Pb"], MASSES["U"]) == (131.29, 196.97, 207.2, 238.03)
    assert len(MASSES) == 92


def test_frames_left_out_repeated_or_standing_still_are_counted(tmp_path):
    snapshots = dumps.argon(frames=4, side=2)
    snapshots[3].positions = snapshots[2].positions
    snapshots[3].cell = snapshots[2].cell
    first = dumps.write_dump(tmp_path / "a.1", snapshots[:2])
    (tmp_path / "a.2").write_text(dumps.dump_text([*snapshots[1:], *dumps.argon(1, side=2, first=50)])[:-9])
    told = describe_dataset(open_dataset([first, tmp_path / "a.2"]))
    assert told["frames"] == 4
    assert told["frames_equal_to_the_one_before"] == [3]
    assert len(told["provenance"]["repeated"]) == len(told["provenance"]["truncated"]) == 1
    assert told["provenance"]["digits"] == {"positions": 6, "forces": 6}


def test_frames_without_atoms_are_told_of(tmp_path):
    text = dumps.dump_text(dumps.argon(frames=2, side=2))
    empty = "ITEM: TIMESTEP\n99\nITEM: NUMBER OF ATOMS\n0\nITEM: BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\n"
    (tmp_path / "a").write_text(text + empty + "ITEM: ATOMS id type x y z fx fy fz\n")
    told = describe_dataset(open_dataset(tmp_path / "a"))
    assert "step 99 holds no atom" in told["provenance"]["empty"][0]


def test_all_kinds_of_events_are_told():
    assert {kind for kind in EVENT_KINDS if event_messages({kind: ["something"]}) == ["something"]} == set(EVENT_KINDS)
    assert {*EVENT_KINDS, "files"} == {field.name for field in dataclasses.fields(DumpLog)}


def test_a_dataset_and_its_dump_are_described_alike(folder):
    from gnnzoo.workflows.convert import convert

    dumps.water_dump(folder / "w.lammpstrj", frames=5)
    dataset = convert("w.lammpstrj", units="real", types={1: "O", 2: "H"})
    told = inspect("w.lammpstrj", units="real", types={1: "O", 2: "H"}, cutoff=3, json="report.json")
    of_dataset = inspect(dataset, cutoff=3)
    for report in (told, of_dataset):
        del report["provenance"], report["path"]
    assert told == of_dataset
    written = json.loads((folder / "report.json").read_text())
    assert written["frames"] == 5
    assert written["geometry"] == told["geometry"]


@pytest.mark.parametrize("cutoff", [0.0, -1.0, float("nan"), float("inf")])
def test_a_cutoff_must_be_a_length(folder, cutoff):
    from gnnzoo.errors import UserError

    with pytest.raises(UserError, match="gives no edges"):
        inspect(dumps.argon_dump(folder / "a"), cutoff=cutoff)


def test_atoms_that_come_and_go_are_described(folder):
    from gnnzoo.workflows.convert import convert

    snapshots = dumps.argon(frames=4, side=3)
    for snapshot, atoms in zip(snapshots, (27, 20, 25, 22), strict=True):
        snapshot.positions, snapshot.forces = snapshot.positions[:atoms], snapshot.forces[:atoms]
        snapshot.types = np.where(np.arange(atoms) == 24, 2, 1)
    dumps.write_dump(folder / "a.lammpstrj", snapshots)
    told = inspect("a.lammpstrj", units="real", types={1: "Ar", 2: "K"})
    assert told["atoms_range"] == {"min": 20, "max": 27, "mean": 23.5}
    assert told["types"] == {"1": {"name": "Ar", "atoms": 26}, "2": {"name": "K", "atoms": 1}}
    assert np.isclose(
        told["density"]["atoms_per_volume"], np.mean([len(s.types) / s.cell[0, 0] ** 3 for s in snapshots])
    )
    of_dataset = inspect(convert("a.lammpstrj", units="real", types={1: "Ar", 2: "K"}))
    assert of_dataset["rdf"] == told["rdf"]
    assert of_dataset["forces"] == told["forces"]


def test_shards_are_described_as_their_source(folder):
    from gnnzoo.workflows.convert import convert

    dumps.water_dump(folder / "w.lammpstrj", frames=4)
    told = inspect("w.lammpstrj", units="real", types={1: "O", 2: "H"})
    shards = convert("w.lammpstrj", "w.tfrecord", cutoff=3.0, units="real", types={1: "O", 2: "H"})
    of_shards = inspect(shards)
    for key in ("types", "units", "steps", "atoms_range"):
        assert of_shards[key] == told[key]
    assert np.isclose(of_shards["forces"]["mean_norm"], told["forces"]["mean_norm"])
    assert of_shards["unit_evidence"]["verdict"] == told["unit_evidence"]["verdict"] == "declared"


def test_a_page_is_for_data(folder):
    from gnnzoo.errors import UserError

    (folder / "m.keras").write_bytes(b"")
    with pytest.raises(UserError, match="--html is for data") as caught:
        inspect("m.keras", html="m.html")
    assert "gnnzoo evaluate m.keras DATA" in caught.value.hint


def test_noise_of_each_atom_is_told_by_the_net_force():
    random = np.random.default_rng(0)
    frames = [
        inspected.frame(random.uniform(0, 20, (200, 3)), random.normal(size=(200, 3)), 20 * np.eye(3), step)
        for step in range(40)
    ]
    told = describe_dataset(inspected.Frames(frames))["net_force"]
    assert told["noise"] == pytest.approx(1.0, abs=0.1)  # nothing but noise
