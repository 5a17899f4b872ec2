"""Unit styles inferred from numbers alone, and impossible declarations."""

import re

import numpy as np
import pytest

import dumps
from frames_in_memory import Frames, argon, dimers, fcc, frame, frames_of, in_units
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.inspection.pair_sample import sample_pairs
from gnnzoo.data.inspection.temperature import (
    BOLTZMANN,
    intermolecular_temperature,
    kinetic_temperature,
    thermal_energy,
)
from gnnzoo.data.inspection.text_report import overview, unit_lines
from gnnzoo.data.inspection.unit_evidence import unit_evidence
from gnnzoo.units import EV_PER_KCAL_MOL
from systems import changed


def without_velocities(frames):
    return [changed(f, velocities=None) for f in frames]


def test_temperature_of_dimers_from_forces_and_distances():
    data = Frames(dimers(stiffness=100.0, energy=0.6, frames=16))
    assert thermal_energy(sample_pairs(data)) == pytest.approx(0.6, rel=0.1)


def test_temperature_of_argon_from_forces_and_from_velocities():
    frames = argon(kelvin=90, frames=12)
    masses = np.full(len(frames[0]), 39.95)
    moving = np.mean([kinetic_temperature(f.velocities, masses, "real") for f in frames])
    by_forces = thermal_energy(sample_pairs(Frames(frames))) / BOLTZMANN["real"]
    assert 60 < moving < 120
    assert by_forces == pytest.approx(moving, rel=0.2)
    between, error = intermolecular_temperature(sample_pairs(Frames(frames)), "real")
    assert between == pytest.approx(by_forces, rel=1e-9), "argon has no molecules"
    assert 0 < error < 0.3 * moving


def test_bonds_are_left_out_of_the_temperature_between_molecules():
    """Dimers in equilibrium: pairs within them and pairs between them give one temperature, from other numbers."""
    frames = dimers(stiffness=100.0, energy=0.6, frames=16)
    pairs = np.arange(len(frames[0])) // 2 + 1
    apart = sample_pairs(Frames([changed(f, molecules=pairs) for f in frames]))
    assert thermal_energy(apart) == pytest.approx(0.6, rel=0.1)
    assert any(sampled.inside.any() for sampled in apart)
    between, error = intermolecular_temperature(apart, "lj")
    assert between != pytest.approx(thermal_energy(apart), rel=1e-6)
    assert 0 < error < 0.1
    assert abs(between - 0.6) < 3 * error
    assert intermolecular_temperature(apart, None) is None
    assert intermolecular_temperature(apart[:2], "lj") is None


def test_temperature_from_velocities():
    random = np.random.default_rng(0)
    mass = np.full(20_000, 39.95)
    # k T = 8.314 J/mol/K x 300 K; 1 g/mol (A/ps)^2 = 10 J/mol
    velocities = random.normal(scale=(8.314462618 * 300 / 10 / 39.95) ** 0.5, size=(20_000, 3))
    assert kinetic_temperature(velocities, mass, "metal") == pytest.approx(300, rel=0.02)
    assert kinetic_temperature(velocities / 1000, mass, "real") == pytest.approx(300, rel=0.02)
    assert kinetic_temperature(random.normal(size=(20_000, 3)), np.ones(20_000), "lj") == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("style", ["real", "metal"])
@pytest.mark.parametrize("liquid", ["water", "argon"])
def test_real_and_metal_are_distinguished(liquid, style):
    frames = frames_of(dumps.water(frames=6)) if liquid == "water" else without_velocities(argon(kelvin=120))
    evidence = unit_evidence(Frames(in_units(frames, style)))
    assert (evidence.verdict, evidence.inferred, evidence.declared) == ("inferred", style, None)
    assert any(piece.supports for piece in evidence.evidence)


def test_reduced_units_are_inferred_from_density():
    evidence = unit_evidence(Frames(in_units(frames_of(dumps.argon(frames=4, side=4)), "lj")))
    assert evidence.inferred == "lj"
    assert evidence.evidence[0].supports == ["lj"]


def test_a_declaration_consistent_with_the_data():
    evidence = unit_evidence(Frames(frames_of(dumps.water(frames=4), units="real")))
    assert evidence.verdict == "declared"


def test_an_impossible_density_contradicts():
    # 0.02 atoms/A^3, and lengths are divided by 10
    frames = [changed(f, units="real") for f in in_units(frames_of(dumps.argon(frames=2, side=4)), "lj", sigma=10.0)]
    assert unit_evidence(Frames(frames)).verdict == "contradicted"
    frames = [changed(f, units="real") for f in in_units(frames_of(dumps.argon(frames=2, side=4)), "lj")]
    assert unit_evidence(Frames(frames)).verdict == "doubtful"  # 0.7 atoms/A^3: hydrogen may be so dense
    frames = frames_of(dumps.argon(frames=2, side=4), units="lj")
    assert unit_evidence(Frames(frames)).verdict == "doubtful"  # there may be atoms of several sigma


@pytest.mark.parametrize(("kelvin", "verdict"), [(2000, "declared"), (300, "declared"), (7000, "doubtful")])
def test_a_melt_may_be_hot(kelvin, verdict):
    soft = dimers(stiffness=3.0, energy=8.617e-5 * kelvin, length=2.6)
    assert unit_evidence(Frames([changed(f, units="metal") for f in soft])).verdict == verdict


def test_bonds_in_dilute_reduced_units_are_possible():
    frames = [changed(f, units="lj", types=f.types, type_names={1: "1"}) for f in dimers(stiffness=900.0)]
    assert unit_evidence(Frames(frames)).verdict == "declared"


def test_a_bond_of_the_other_style_makes_a_declaration_doubtful():
    evidence = unit_evidence(Frames(frames_of(dumps.water(frames=4), units="metal")))
    assert evidence.verdict == "doubtful"
    assert any("kcal/mol/A^2" in piece.text for piece in evidence.evidence)


def test_velocities_of_the_other_style_make_a_declaration_doubtful():
    frames = [changed(f, type_names={1: "Ar"}) for f in argon()]
    declared = unit_evidence(Frames(frames), declared="metal")
    assert declared.verdict == "doubtful"  # atoms may be as cold or as hot
    text = next(piece.text for piece in declared.evidence if piece.what == "velocities")
    assert "in real" in text
    assert "in metal" in text
    assert unit_evidence(Frames(frames), declared="real").verdict == "declared"


def crystal(density, velocity, mass, units):
    """A simple cubic crystal that shakes by a hundredth of its constant, its velocities as they are given."""
    random = np.random.default_rng(0)
    constant = density ** (-1 / 3)
    sites = constant * np.stack(np.meshgrid(*[np.arange(5)] * 3), axis=-1).reshape(-1, 3)
    moves = [random.normal(scale=0.01 * constant, size=sites.shape) for _ in range(3)]
    return Frames(
        [
            frame(
                sites + move,
                -move,
                np.eye(3) * 5 * constant,
                step,
                velocities=random.normal(scale=velocity, size=sites.shape),
                units=units,
            )
            for step, move in enumerate(moves)
        ],
        masses={"1": mass},
    )


# T = m v^2 / k of a component: in metal 1 g/mol (A/ps)^2 is 1.2 K
@pytest.mark.parametrize(
    ("density", "velocity", "mass"),
    [
        (0.587, 30.0, 1.008),  # dense hydrogen at a thousand K
        (0.587, 3e3, 1.008),  # and hot, in front of a laser: 1e7 K
        (0.09, 3e3, 63.5),  # a metal as hot as a plasma
        (0.18, 1e-3, 12.011),  # diamond, quenched
        (1e-7, 5.0, 39.95),  # a dilute gas
    ],
)
@pytest.mark.parametrize("style", ["real", "metal"])
def test_possible_extremes_do_not_contradict(density, velocity, mass, style):
    data = crystal(density, velocity / (1000 if style == "real" else 1), mass, style)
    assert unit_evidence(data).verdict in ("declared", "doubtful")


def test_too_dense_and_too_hot_contradicts():
    # reduced argon: a velocity of one, in A/fs, were 3e9 K
    assert unit_evidence(crystal(0.84, 30.0, 39.95, "real")).verdict == "contradicted"
    assert unit_evidence(crystal(0.84, 1.0, 39.95, "metal")).verdict == "doubtful"


@pytest.mark.parametrize("scale", [1e-10, 1e-30, 1e10])
@pytest.mark.parametrize("units", [None, "real"])
def test_lengths_in_metres(scale, units):
    frames = [changed(f, positions=f.positions * scale, cell=f.cell * scale) for f in frames_of(dumps.argon(frames=3))]
    evidence = unit_evidence(Frames([changed(f, units=units) for f in frames]), quick=True)
    assert evidence.inferred != "lj"
    assert evidence.verdict != "contradicted"


@pytest.mark.parametrize("boundary", [("pp",) * 3, ("ff",) * 3])
@pytest.mark.parametrize("edges", [(0, 0, 0), (12, 12, 0), (12, 0, 12)])
def test_a_cell_without_volume(edges, boundary):
    frames = [changed(f, cell=np.diag(edges) * 1.0, boundary=boundary) for f in frames_of(dumps.argon(frames=3))]
    assert unit_evidence(Frames(frames)).frames == 3
    report = describe_dataset(Frames(frames))
    assert report.density.atoms_per_volume is None
    assert report.cutoffs


def test_quenched_atoms_do_not_contradict():
    # at 1e-4 K in metal, which in real were 100 K; forces as small as the velocities
    still = [changed(f, type_names={1: "Ar"}, forces=1e-6 * f.forces) for f in argon()]
    assert unit_evidence(Frames(still), declared="metal").verdict != "contradicted"


def test_a_sheet_in_a_tight_box_is_not_dense_matter():
    random = np.random.default_rng(0)
    # graphene, 1.42 A between neighbours, in a box as thick as its ripples
    corners = np.stack(np.meshgrid(np.arange(6), np.arange(6), [0], indexing="ij"), axis=-1).reshape(-1, 1, 3)
    sites = np.array([[0, 0, 0], [1.23, 0.71, 0], [1.23, 2.13, 0], [0, 2.84, 0]])
    places = (corners * [2.46, 4.26, 0] + sites).reshape(-1, 3)
    cell, sheets = np.diag([6 * 2.46, 6 * 4.26, 0.3]), []
    for step in range(2):
        move = random.uniform(-0.05, 0.05, size=places.shape)
        sheets.append(frame(places + move + [0, 0, 0.15], -move, cell, step, boundary=("pp", "pp", "ss"), units="real"))
    evidence = unit_evidence(Frames(sheets))
    assert len(sheets[0]) / sheets[0].volume > 1
    assert evidence.verdict != "contradicted"


def test_a_quick_sample_gives_the_same_verdict():
    declared = [changed(f, units="real") for f in in_units(frames_of(dumps.argon(frames=4, side=13)), "lj", sigma=10.0)]
    evidence = unit_evidence(Frames(declared), quick=True)
    assert (evidence.verdict, evidence.inferred, evidence.frames) == ("contradicted", "lj", 4)
    assert unit_evidence(Frames(frames_of(dumps.water(frames=8))), quick=True).inferred == "real"


def test_contradictory_evidence_is_undecided():
    # velocities in A/ps and forces in kcal/mol/A: no style has both
    frames = frames_of(dumps.water(frames=3), type_names={1: "O", 2: "H"})
    random = np.random.default_rng(0)
    evidence = unit_evidence(Frames([changed(f, velocities=random.normal(scale=5.0, size=(24, 3))) for f in frames]))
    assert {tuple(piece.supports) for piece in evidence.evidence} >= {("metal",), ("real",)}
    assert (evidence.verdict, evidence.inferred) == ("undecided", None)


def test_two_atoms_without_forces_are_undecided():
    evidence = unit_evidence(Frames([frame([[0, 0, 0], [1, 0, 0]], np.zeros((2, 3)), np.eye(3) * 10)]))
    assert (evidence.verdict, evidence.evidence, evidence.temperatures) == ("undecided", [], None)


def test_temperatures_differ_by_the_ratio_of_the_energy_units():
    temperatures = unit_evidence(Frames(dimers())).temperatures
    assert temperatures["metal"] / temperatures["real"] == pytest.approx(1 / EV_PER_KCAL_MOL, rel=1e-6)
    assert temperatures["lj"] == pytest.approx(temperatures["real"] * BOLTZMANN["real"])


def test_atoms_at_rest_have_no_temperature():
    crystal = fcc(side=3, jitter=0.0, frames=4)
    noise = np.random.default_rng(0).normal(scale=1e-12, size=crystal[0].forces.shape)
    still = [changed(f, forces=noise, velocities=1e-9 * noise, type_names={1: "Cu"}) for f in crystal]
    found = unit_evidence(Frames(still))
    assert found.temperatures is None
    assert all(not piece.supports for piece in found.evidence if piece.what in ("temperature", "velocities"))
    report = describe_dataset(Frames([changed(f, units="metal") for f in still]))
    assert not re.search(r"e-\d+ K", str(overview(report)) + str(unit_lines(report)))
