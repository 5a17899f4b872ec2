"""Inspection of sets of independent configurations: no run is read into them, and no frame matters for being first."""

import numpy as np
import pytest

import dumps
from frames_in_memory import Frames, fcc, frame, frames_of
from gnnzoo.data.inspection import text_report as text
from gnnzoo.data.inspection.data_warnings import data_warnings
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.inspection.html_report import html_page
from gnnzoo.records import plain
from systems import changed

NAMES = {1: "Cu", 2: "Au"}


def counted(frames, **values):
    """The frames as a file without timesteps holds them."""
    return [
        changed(f, step=number, type_names=NAMES, units="metal", segment=0, **values) for number, f in enumerate(frames)
    ]


def isolated(kind, energy=-1.0):
    cell = np.eye(3) * 20
    return frame(np.full((1, 3), 10.0), np.zeros((1, 3)), cell, types=np.array([kind], np.int32), energy=energy)


def alloys(count=20, seed=0):
    """Crystals with random species, displacements and cells; atoms are drawn back to their sites."""
    random = np.random.default_rng(seed)
    sites = fcc(side=2, constant=3.8, jitter=0.0, frames=1)[0]
    made = []
    for _ in range(count):
        scale, moved = random.uniform(0.97, 1.03), random.normal(scale=0.1, size=sites.positions.shape)
        moved -= moved.mean(axis=0)
        types = random.integers(1, 3, len(sites)).astype(np.int32)
        made.append(
            changed(
                sites, positions=scale * (sites.positions + moved), cell=scale * sites.cell, forces=-moved, types=types
            )
        )
    return made


def molecules(count=20, seed=1):
    random = np.random.default_rng(seed)
    sites = np.array([[0.0, 0, 0], [2.5, 0, 0], [0, 2.5, 0], [0, 0, 2.5], [2, 2, 2]])
    made = []
    for _ in range(count):
        moved = random.normal(scale=0.1, size=sites.shape)
        moved -= moved.mean(axis=0)
        made.append(changed(frame(sites + moved, -moved, np.eye(3) * 30), boundary=("ff",) * 3))
    return made


def rounded(value):
    """Plain values with six digits: sums of frames in another order differ in the last."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [(key, rounded(item)) for key, item in items]
    return f"{value:.6g}" if isinstance(value, float) else value


def described(frames):
    return describe_dataset(Frames(frames))


def test_a_set_has_no_autocorrelation_time_drift_or_gap():
    report = described(counted(alloys(30)))
    assert report.arrangement.independent and report.drift is None and not report.correlation.curves
    rows = dict(text.overview(report))
    assert not {"autocorrelation time", "independent frames", "temperature"} & set(rows)
    assert text.drift_rows(report) == []
    page = html_page("set", report, [])
    assert "Autocorrelation" not in page and "Along the run" not in page
    assert data_warnings(report) == []
    run = described([changed(f, step=10 * number) for number, f in enumerate(counted(alloys(30)))])
    assert not run.arrangement.independent and run.drift is not None


@pytest.mark.parametrize("seed", range(3))
def test_figures_do_not_depend_on_the_order_of_the_frames(seed):
    frames = [isolated(1), isolated(2), *alloys(20), *molecules(20)]
    mixed = [frames[i] for i in np.random.default_rng(seed).permutation(len(frames))]
    one, other = described(counted(frames)), described(counted(mixed))
    for name in ("atoms_range", "atoms", "types", "fields", "zero_forces", "cutoffs", "rdf", "net_force", "density"):
        first, second = (rounded(plain(getattr(report, name))) for report in (one, other))
        assert first == second, name
    assert one.forces.mean_norm == pytest.approx(other.forces.mean_norm)
    assert one.box.boundaries == other.box.boundaries == {"ff ff ff": 20, "pp pp pp": 22}
    assert one.geometry.smallest_distance.distance == pytest.approx(other.geometry.smallest_distance.distance)
    assert one.geometry.edges_per_atom == other.geometry.edges_per_atom
    assert any(pair.first_shell for pair in one.rdf.pairs.values())  # isolated atoms came first


def test_density_of_frames_that_are_periodic_in_all_directions():
    crystals = alloys(10)
    report = described(counted([*molecules(10), *crystals]))
    expected = np.mean([len(f) / f.volume for f in crystals])
    assert report.density.atoms_per_volume == pytest.approx(expected)
    rows = dict(text.overview(report))
    assert "10 frames" in rows["density"]
    assert "ff ff ff in 10 frames" in rows["box"] and "pp pp pp in 10 frames" in rows["box"]
    assert described(counted(molecules(10))).density.atoms_per_volume is None


def test_frames_that_only_share_their_positions_are_not_repeated():
    sites = fcc(side=2, jitter=0.0, frames=1)[0]
    random = np.random.default_rng(0)
    species = [changed(sites, types=random.integers(1, 3, len(sites)).astype(np.int32)) for _ in range(5)]
    cells = [changed(isolated(1), cell=np.eye(3) * (3 + 0.1 * n), boundary=("pp",) * 3) for n in range(5)]
    forces = [changed(sites, forces=random.normal(size=sites.forces.shape)) for _ in range(5)]
    for frames in (species, cells, forces, [isolated(1), isolated(2)]):
        assert described(counted(frames)).equal_to_previous == []
    assert described(counted([species[0], species[0], *species])).equal_to_previous == [1, 2]


@pytest.mark.parametrize("apart", [0.0, 0.3])
@pytest.mark.parametrize("lattice", [False, True])
def test_overlapping_atoms_of_any_frame_are_named(apart, lattice):
    frames = counted(alloys(60))
    places = frames[37].positions.copy()
    places[11] = places[4] + [apart, 0, 0] + lattice * frames[37].cell[1]
    frames[37] = changed(frames[37], positions=places)
    report = described(frames)
    (closest,) = report.geometry.overlaps.closest
    assert (closest.frame, closest.ids, report.geometry.overlaps.frames) == (37, [5, 12], 1)
    assert report.geometry.smallest_distance == closest
    assert closest.distance == pytest.approx(apart, abs=1e-9)
    assert sum("frame 37" in line for line in data_warnings(report)) == 1


def test_the_smallest_distance_is_that_of_all_frames():
    frames = frames_of(dumps.argon(frames=40, side=3))
    report = described(frames)
    every = []
    for each in frames:
        vectors = each.positions[None] - each.positions[:, None]
        vectors -= np.diag(each.cell) * np.round(vectors / np.diag(each.cell))
        every.append((np.linalg.norm(vectors, axis=-1) + np.eye(len(each)) * 99).min())
    assert report.geometry.smallest_distance.distance == pytest.approx(min(every))
    assert report.geometry.smallest_distance.frame == int(np.argmin(every))
    assert report.geometry.overlaps.frames == 0


@pytest.mark.parametrize("scale", [1e-10, 0.1, 1e12])
def test_undeclared_lengths_in_any_unit_do_not_overlap(scale):
    frames = [changed(f, positions=f.positions * scale, cell=f.cell * scale) for f in fcc(side=2, frames=3)]
    report = described(frames)
    assert report.geometry.overlaps.frames == 0
    assert report.geometry.smallest_distance.distance == pytest.approx(3.5 * scale, rel=0.2)


def test_zero_forces_by_symmetry_are_no_frozen_group():
    perfect = [changed(f, forces=np.zeros_like(f.forces)) for f in alloys(5)]
    report = described(counted([*perfect, *alloys(20), isolated(1)]))
    assert (report.zero_forces.frames, report.zero_forces.always, report.zero_forces.per_type) == (6, 0, {})
    assert data_warnings(report) == []
