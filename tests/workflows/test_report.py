"""The report on a model: its figures are those of other commands, its symmetries those of the stack."""

import dataclasses
import json

import numpy as np
import pytest

import dumps
import gnnzoo
from errors import refused
from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.inspection.pair_sample import sample_pairs
from gnnzoo.dynamics.angles import angle_distributions, largest_angle_difference
from gnnzoo.dynamics.sampled_structure import structure
from gnnzoo.dynamics.structure import displacements, velocity_autocorrelations
from gnnzoo.errors import UserError
from gnnzoo.evaluation.symmetry_errors import symmetry_errors
from gnnzoo.outputs import OutputError
from gnnzoo.workflows.steps import model_verdict as verdict
from small import MemoryDataset, recipe

STEPS = 30


@pytest.fixture(scope="module")
def reported(workshop):
    """A model trained for a few steps, and its report."""
    dumps.argon_dump(workshop / "argon.lammpstrj", frames=21)
    gnnzoo.convert("argon.lammpstrj", units="real", types={1: "Ar"})
    model = gnnzoo.train(recipe(training={"epochs": 1, "warmup": {"epochs": 0}}), data="argon.h5")
    return gnnzoo.report(model, "argon.h5", steps=STEPS, temperature=40.0), model, workshop


def test_the_files_are_there_and_the_page_needs_no_other(reported):
    result, _, workshop = reported
    folder = workshop / result.folder
    assert {path.name for path in folder.iterdir()} == {"report.html", "report.json", "parity.png", "pairs.png", "md"}
    page = (folder / "report.html").read_text()
    assert page.count("<img ") == page.count('src="data:image/') == 6
    assert result.verdict in page
    stored = json.loads((folder / "report.json").read_text())
    assert [one["name"] for one in stored["findings"]] == [one.name for one in result.findings]
    assert stored["run"]["run"]["steps"] == STEPS
    assert result.run.run.folder == result.folder / "md"
    assert ".part" not in (folder / "report.json").read_text() + (folder / "md" / "md.json").read_text()


def test_errors_are_those_of_evaluate(reported, monkeypatch):
    result, model, workshop = reported
    monkeypatch.chdir(workshop)
    again = gnnzoo.evaluate(model, "argon.h5", plot=False)
    assert result.errors.to_json() == again.to_json()
    assert result.errors.part == "test"


def test_the_run_starts_from_a_held_out_frame_with_its_structure(reported):
    result, model, _ = reported
    assert f"frame {min(model.split['test'])} of" in result.run.run.start
    assert result.run.run.steps == STEPS
    assert result.run.run_rdf.pairs.keys() == result.run.data_rdf.pairs.keys() == {"Ar-Ar"}
    assert 0 < result.run.rdf_difference < 1
    assert result.run.run_angles.triplets.keys() == result.run.data_angles.triplets.keys() == {"Ar-Ar-Ar"}
    assert 0 < result.run.angle_difference < 1
    assert result.run.run_velocities["Ar"].correlation[0] == 1


def test_an_existing_report_is_kept(reported, monkeypatch):
    _, model, workshop = reported
    monkeypatch.chdir(workshop)
    with refused(OutputError, hint="--overwrite"):
        gnnzoo.report(model, "argon.h5", steps=0)
    without_run = gnnzoo.report(model, "argon.h5", steps=0, output="errors-alone")
    assert without_run.run is None and len(without_run.findings) == 4


# --- symmetries -------------------------------------------------------------------------------------------------------


def frame_of(positions) -> Frame:
    count = len(positions)
    return Frame(
        step=0,
        positions=np.asarray(positions, float),
        forces=np.zeros((count, 3)),
        cell=10 * np.eye(3),
        ids=np.arange(count),
        types=np.ones(count, np.int32),
    )


def springs(frame: Frame) -> np.ndarray:
    """Of each pair of atoms: a potential energy, the same in all directions."""
    return frame.positions.sum(axis=0) - len(frame.positions) * frame.positions


def test_exact_forces_have_no_errors():
    frame = frame_of(np.random.default_rng(0).normal(size=(5, 3)))
    found = symmetry_errors(springs, frame)
    assert max(found.rotation, found.net_force, found.asymmetry) < 1e-9


def rough(frame: Frame) -> np.ndarray:
    """The gradient of an energy of short waves: sin(9 (x_i - x_j)) of each pair, along each direction."""
    between = frame.positions[:, None] - frame.positions[None]
    return 9.0 * np.sum(
        np.cos(9.0 * between) * np.sign(np.arange(len(between))[:, None] - np.arange(len(between)))[..., None], axis=1
    )


def test_a_rough_energy_is_an_energy():
    frame = frame_of(np.random.default_rng(1).normal(size=(6, 3)))
    assert symmetry_errors(rough, frame).asymmetry < 1e-6


@pytest.mark.parametrize(
    ("forces", "broken"),
    [
        (lambda frame: np.multiply(springs(frame), [1.0, 1.0, 1.2]), "rotation"),
        (lambda frame: np.add(springs(frame), [0.3, 0.0, 0.0]), "net_force"),
        (lambda frame: springs(frame) + np.cross([0.0, 0.0, 0.5], springs(frame)), "asymmetry"),
    ],
    ids=["an axis", "a push", "a swirl"],
)
def test_each_broken_symmetry_is_measured(forces, broken):
    frame = frame_of(np.random.default_rng(0).normal(size=(5, 3)))
    assert getattr(symmetry_errors(forces, frame), broken) > 0.02


def test_the_asymmetry_is_the_ratio_of_norms():
    """On average over seeds: of J = S + A, with |A| / |S| known."""
    random = np.random.default_rng(3)
    size = 12
    matrix = random.normal(size=(size, size))
    odd, even = matrix - matrix.T, matrix + matrix.T
    frame = frame_of(random.normal(size=(size // 3, 3)))
    forces = lambda frame: (matrix @ frame.positions.ravel()).reshape(-1, 3)  # noqa: E731
    found = [symmetry_errors(forces, frame, seed).asymmetry ** 2 for seed in range(200)]
    assert np.sqrt(np.median(found)) == pytest.approx(np.linalg.norm(odd) / np.linalg.norm(even), rel=0.15)


# --- structure and motion, verdict ------------------------------------------------------------------------------------


def test_displacements_are_unwrapped_and_without_the_common_motion():
    """Atoms of two species: one at rest, one at 0.7 per time, both carried along across the boundaries."""
    frames = []
    for number in range(12):
        start = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        moved = start + number * np.array([[0.0, 0.0, 0.0], [0.7, 0.0, 0.0]]) + number * np.array([0.9, 0.0, 0.0])
        frame = frame_of(np.mod(moved, 10.0))
        frames.append(
            dataclasses.replace(
                frame, step=number, time=2.0 * number, types=np.array([1, 2]), type_names={1: "A", 2: "B"}
            )
        )
    dataset = MemoryDataset(frames)
    found = displacements(dataset, range(12))
    assert set(found) == {"A", "B"}
    assert found["A"].lags == pytest.approx(2.0 * np.arange(6))
    assert found["B"].msd == pytest.approx((0.35 * np.arange(6)) ** 2)
    frames[5] = dataclasses.replace(frames[5], time=None)
    assert displacements(dataset, range(12)) == {}


def test_the_verdict_names_what_exceeds_its_limit():
    kept = verdict.finding("a", 0.01, 0.02, "%", "good", "bad")
    over = verdict.finding("b", -3.0, 2.0, "K", "good", "bad")
    unknown = verdict.finding("c", None, 2.0, "K", "good", "bad")
    assert (kept.within, kept.meaning, kept.value) == (True, "good", "1.00%")
    assert (over.within, over.meaning) == (False, "bad")
    assert unknown.within is None
    assert verdict.sentence([kept, over, unknown]).startswith("1 of 3")
    assert "b" in verdict.sentence([kept, over]) and "c" in verdict.sentence([kept, unknown])


def test_without_a_temperature_there_is_no_run(reported, monkeypatch):
    _, model, workshop = reported
    monkeypatch.chdir(workshop)
    monkeypatch.setattr("gnnzoo.workflows.report.intermolecular_temperature", lambda pairs, units: None)
    with refused(UserError, hint="--temperature"):
        gnnzoo.report(model, "argon.h5", steps=5, output="no-temperature")
    assert not (workshop / "no-temperature").exists()


def test_a_random_walk_has_its_diffusion_coefficient():
    """Steps of 0.1 along each direction in a time of 2: D = 0.1^2 / (2 * 2)."""
    random = np.random.default_rng(1)
    path = np.cumsum(0.1 * random.normal(size=(60, 800, 3)), axis=0)
    frames = [
        dataclasses.replace(frame_of(np.mod(positions, 10.0)), step=number, time=2.0 * number)
        for number, positions in enumerate(path)
    ]
    (found,) = displacements(MemoryDataset(frames), range(60)).values()
    assert found.diffusion == pytest.approx(0.1**2 / 4, rel=0.05)


def test_velocities_of_an_oscillator_are_correlated_as_a_cosine():
    """cos(w t) for any phase; a species without motion has none."""
    random, frames, speed = np.random.default_rng(0), [], 0.3
    phases = random.uniform(0, 2 * np.pi, (400, 3))
    for number in range(40):
        velocities = np.cos(speed * number + phases)
        velocities[0] = 0.0
        types = np.where(np.arange(400) == 0, 2, 1)
        frames.append(
            dataclasses.replace(
                frame_of(np.zeros((400, 3))),
                **{"step": number, "time": 2.0 * number, "types": types, "type_names": {1: "A", 2: "B"}},
                velocities=velocities,
            )
        )
    found = velocity_autocorrelations(MemoryDataset(frames), range(40))
    assert set(found) == {"A"}
    np.testing.assert_array_equal(found["A"].lags, 2.0 * np.arange(20))
    np.testing.assert_allclose(found["A"].correlation, np.cos(speed * np.arange(20)), atol=0.06)
    without = [dataclasses.replace(frame, velocities=None) for frame in frames]
    assert velocity_autocorrelations(MemoryDataset(without), range(40)) == {}


def test_angles_of_a_lattice_are_those_of_its_neighbours():
    """A simple cubic lattice of two species, as in NaCl: of 15 angles between 6 neighbours, 12 right and 3 straight."""
    places = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    kinds = 1 + places.sum(axis=1) % 2
    frame = dataclasses.replace(
        frame_of(2.5 * places), types=kinds, type_names={1: "Na", 2: "Cl"}, boundary=("pp", "pp", "pp")
    )
    pairs = sample_pairs(MemoryDataset([frame]), 3.0)
    found = angle_distributions(pairs, {"Na-Cl": 3.0, "Na-Na": 3.0})
    assert set(found.triplets) == {"Na-Cl-Na", "Cl-Na-Cl"}
    for density in found.triplets.values():
        shares = 3.0 * np.array(density)
        np.testing.assert_allclose([shares[29:31].sum(), shares[-1]], [12 / 15, 3 / 15], rtol=1e-9)
    assert largest_angle_difference(found, found) == 0
    assert angle_distributions(pairs, {"Na-Cl": 1.0}).triplets == {}


def test_frames_whose_pairs_do_not_fit_into_memory_are_averaged_in_groups(monkeypatch):
    frames = [
        dataclasses.replace(
            frame_of(np.random.default_rng(number).uniform(0, 10, (40, 3))),
            boundary=("pp", "pp", "pp"),
            type_names={1: "A"},
        )
        for number in range(7)
    ]
    dataset, shells = MemoryDataset(frames), {"A-A": 4.0}
    whole = structure(dataset, range(7), 4.0, shells)
    monkeypatch.setattr("gnnzoo.data.inspection.pair_sample._PAIRS", 2 * 40 * 150)
    grouped = structure(dataset, range(7), 4.0, shells)
    assert whole.radial.frames == grouped.radial.frames == grouped.angles.frames == 7
    np.testing.assert_allclose(grouped.radial.pairs["A-A"].g, whole.radial.pairs["A-A"].g)
    np.testing.assert_allclose(grouped.angles.triplets["A-A-A"], whole.angles.triplets["A-A-A"], rtol=0.2, atol=1e-3)
