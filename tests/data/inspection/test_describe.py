"""Each figure of an inspection against one computed by hand or by brute force."""

import dataclasses
import json

import numpy as np
import pytest

import dumps
import frames_in_memory as inspected
from errors import refused
from gnnzoo.data.inspection.dataset_report import AtomsRange, AtomType, Steps
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.lammps.events import EVENT_KINDS, DumpLog, event_messages
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.elements import MASSES
from gnnzoo.errors import UserError
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.inspect import inspect
from lines import line_with


def distances(positions, cell):
    """(atoms, atoms) in a cubic cell, nearest images, infinite on the diagonal."""
    vectors = positions[None] - positions[:, None]
    vectors -= np.diag(cell) * np.round(vectors / np.diag(cell))
    return np.linalg.norm(vectors, axis=-1) + np.diag(np.full(len(positions), np.inf))


def test_geometry_against_all_pairs(tmp_path):
    snapshots = dumps.water(frames=3)
    path = dumps.write_dump(tmp_path / "w", snapshots, dumps.WATER_COLUMNS, number="%.17g")
    data = open_dataset(path, types={1: "O", 2: "H"})
    geometry = describe_dataset(data, cutoffs=[3.0]).geometry  # 3.0 < half of the box, 3.1
    every = [distances(snapshot.positions, snapshot.cell) for snapshot in snapshots]
    edges = np.array([(distance < 3.0).sum(axis=1) for distance in every])
    assert np.isclose(geometry.edges_per_atom["3"].mean, edges.mean())
    assert geometry.edges_per_atom["3"].max == edges.max()
    closest = geometry.smallest_distance
    frame = int(np.argmin([distance.min() for distance in every]))
    assert np.isclose(closest.distance, every[frame].min())
    assert closest.step == snapshots[frame].step
    assert set(closest.ids) == set(np.array(np.unravel_index(every[frame].argmin(), every[frame].shape)) + 1)


def test_forces_net_force_and_drift_are_those_of_the_frames(tmp_path):
    snapshots = dumps.argon(frames=20, side=2)
    for number, snapshot in enumerate(snapshots):
        snapshot.forces = snapshot.forces * (1 + number) + [0.5, 0, 0]
    path = dumps.write_dump(tmp_path / "a", snapshots, number="%.17g")
    report = describe_dataset(open_dataset(path, types={1: "Ar"}))
    norms = np.linalg.norm([snapshot.forces for snapshot in snapshots], axis=-1)
    assert np.isclose(report.forces.mean_norm, norms.mean())
    assert list(report.forces.per_type) == ["Ar"]
    assert np.allclose(report.drift.mean_force, norms.mean(axis=1).reshape(10, 2).mean(axis=1))
    assert np.isclose(report.net_force.mean, 8 * 0.5)  # Lennard-Jones forces sum to zero
    assert report.steps == Steps(first=0, last=190, segments=1, spacing=10, regular=True)


def test_density_is_in_g_cm3_where_masses_are_known(tmp_path):
    snapshots = dumps.water(frames=1)
    path = dumps.write_dump(tmp_path / "w", snapshots, dumps.WATER_COLUMNS)
    volume = 6.2**3
    density = describe_dataset(open_dataset(path)).density
    assert density.g_cm3 is None
    assert np.isclose(density.atoms_per_volume, 24 / volume)
    density = describe_dataset(open_dataset(path, units="real", types={1: "O", 2: "H"})).density
    # 8 molecules of 18.015 g/mol in 6.2 A cubed; 1 g/mol/A^3 = 1.66054 g/cm^3
    assert np.isclose(density.g_cm3, 8 * 18.015 * 1.66054 / volume, rtol=1e-5)
    snapshots[0].columns["mass"] = np.array([16.0, 2.0, 2.0] * 8)  # heavy water, by the dump's own masses
    path = dumps.write_dump(tmp_path / "d", snapshots, (*dumps.WATER_COLUMNS, "mass"))
    density = describe_dataset(open_dataset(path, units="real")).density
    assert np.isclose(density.g_cm3, 8 * 20 * 1.66054 / volume, rtol=1e-5)
    assert density.masses == "column mass"


def test_masses_of_elements():
    assert (MASSES["H"], MASSES["O"], MASSES["Ar"], MASSES["Fe"]) == (1.008, 15.999, 39.95, 55.845)
    assert (MASSES["Xe"], MASSES["Au"], MASSES["Pb"], MASSES["U"]) == (131.29, 196.97, 207.2, 238.03)
    assert len(MASSES) == 92


def test_frames_left_out_repeated_or_without_motion_are_counted(tmp_path):
    snapshots = dumps.argon(frames=4, side=2)
    snapshots[3].positions = snapshots[2].positions
    snapshots[3].cell, snapshots[3].forces = snapshots[2].cell, snapshots[2].forces
    first = dumps.write_dump(tmp_path / "a.1", snapshots[:2])
    (tmp_path / "a.2").write_text(dumps.dump_text([*snapshots[1:], *dumps.argon(1, side=2, first=50)])[:-9])
    report = describe_dataset(open_dataset([first, tmp_path / "a.2"]))
    assert report.frames == 4
    assert report.equal_to_previous == [3]
    assert len(report.provenance["repeated"]) == len(report.provenance["truncated"]) == 1
    assert report.provenance["digits"] == {"positions": 6, "forces": 6}


def test_frames_without_atoms_are_recorded(tmp_path):
    text = dumps.dump_text(dumps.argon(frames=2, side=2))
    empty = "ITEM: TIMESTEP\n99\nITEM: NUMBER OF ATOMS\n0\nITEM: BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\n"
    (tmp_path / "a").write_text(text + empty + "ITEM: ATOMS id type x y z fx fy fz\n")
    report = describe_dataset(open_dataset(tmp_path / "a"))
    line_with(report.provenance["empty"][0], "step 99", "no atom")


def test_all_kinds_of_events_have_messages():
    assert {kind for kind in EVENT_KINDS if event_messages({kind: ["something"]}) == ["something"]} == set(EVENT_KINDS)
    assert {*EVENT_KINDS, "files"} == {field.name for field in dataclasses.fields(DumpLog)}


def test_a_dataset_is_described_as_its_dump(folder):
    dumps.water_dump(folder / "w.lammpstrj", frames=5)
    dataset = convert("w.lammpstrj", units="real", types={1: "O", 2: "H"})
    of_dump = inspect("w.lammpstrj", units="real", types={1: "O", 2: "H"}, cutoff=3, json="report.json").to_json()
    of_dataset = inspect(dataset, cutoff=3).to_json()
    assert json.loads((folder / "report.json").read_text()) == of_dump
    assert (of_dump["kind"], of_dump["frames"], of_dump["path"]) == ("data", 5, "w.lammpstrj")
    for report in (of_dump, of_dataset):
        del report["provenance"], report["path"]
    assert of_dump == of_dataset


@pytest.mark.parametrize("cutoff", [0.0, -1.0, float("nan"), float("inf")])
def test_a_cutoff_must_be_a_length(folder, cutoff):
    with refused(UserError, f"{cutoff:g}", hint="--cutoff"):
        inspect(dumps.argon_dump(folder / "a"), cutoff=cutoff)


def test_atoms_that_come_and_go_are_described(folder):
    snapshots = dumps.argon(frames=4, side=3)
    for snapshot, atoms in zip(snapshots, (27, 20, 25, 22), strict=True):
        snapshot.positions, snapshot.forces = snapshot.positions[:atoms], snapshot.forces[:atoms]
        snapshot.types = np.where(np.arange(atoms) == 24, 2, 1)
    dumps.write_dump(folder / "a.lammpstrj", snapshots)
    report = inspect("a.lammpstrj", units="real", types={1: "Ar", 2: "K"}).data
    assert report.atoms_range == AtomsRange(min=20, max=27, mean=23.5)
    assert report.types == {"1": AtomType("Ar", 26, 20), "2": AtomType("K", 1, 0)}
    densities = [len(s.types) / s.cell[0, 0] ** 3 for s in snapshots]
    assert np.isclose(report.density.atoms_per_volume, np.mean(densities))
    of_dataset = inspect(convert("a.lammpstrj", units="real", types={1: "Ar", 2: "K"})).data
    assert of_dataset.rdf == report.rdf
    assert of_dataset.forces == report.forces


def test_shards_are_described_as_their_source(folder):
    dumps.water_dump(folder / "w.lammpstrj", frames=4)
    report = inspect("w.lammpstrj", units="real", types={1: "O", 2: "H"}).data
    shards = convert("w.lammpstrj", "w.tfrecord", cutoff=3.0, units="real", types={1: "O", 2: "H"})
    of_shards = inspect(shards).data
    for name in ("types", "units", "steps", "atoms_range"):
        assert getattr(of_shards, name) == getattr(report, name)
    assert np.isclose(of_shards.forces.mean_norm, report.forces.mean_norm)
    assert of_shards.unit_evidence.verdict == report.unit_evidence.verdict == "declared"


def test_a_page_is_only_for_data(folder):
    (folder / "m.keras").write_bytes(b"")
    with refused(UserError, "--html", hint="gnnzoo evaluate m.keras DATA"):
        inspect("m.keras", html="m.html")


def test_noise_of_each_atom_from_the_net_force():
    random = np.random.default_rng(0)
    frames = [
        inspected.frame(random.uniform(0, 20, (200, 3)), random.normal(size=(200, 3)), 20 * np.eye(3), step)
        for step in range(40)
    ]
    net_force = describe_dataset(inspected.Frames(frames)).net_force
    assert net_force.noise == pytest.approx(1.0, abs=0.1)  # nothing but noise
