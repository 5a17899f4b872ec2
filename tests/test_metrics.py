"""Metrics of forces, energies and virials against values calculated by hand."""

import json
from math import sqrt

import numpy as np
import pytest

from gnnzoo import fields
from gnnzoo.data.graphs.graph import Graph
from gnnzoo.metrics import EnergyErrors, ForceErrors, accumulate, force_errors
from gnnzoo.virial_metrics import VirialErrors

# (predicted, reference, species) of two frames of three atoms in all; species 0 is O, 1 is H, 2 does not occur.
FRAMES = [
    (  # O: error (-3, 0, 0); cosine of (0, 0, 4) and (3, 0, 4) = 16 / (4 x 5). H: error (0, 1, 0), cosine 1.
        [[0, 0, 4], [0, -5, 0]],
        [[3, 0, 4], [0, -6, 0]],
        [0, 1],
    ),
    ([[2, -2, 1]], [[0, 0, 0]], [0]),  # O: error (2, -2, 1) of length 3; no reference force, so no cosine
]
SPECIES = ["O", "H", "Na"]
FORCE = {
    "mae": 1,  # (5/3 + 1 + 1/3) / 3
    "rmse": sqrt(19 / 9),  # squares 9 + 1 + 4 + 4 + 1 over 9 components
    "sum_abs": 3,  # (3 + 1 + 5) / 3 atoms
    "vector_mae": 7 / 3,  # (3 + 1 + 3) / 3
    "relative": 7 / 11,  # |F| is 5, 6 and 0
    "cosine": 0.9,  # (0.8 + 1) / 2: the atom without a force has no direction
    "mae_x": 5 / 3,  # (3 + 0 + 2) / 3
    "mae_y": 1,  # (0 + 1 + 2) / 3
    "mae_z": 1 / 3,  # (0 + 0 + 1) / 3
}
OXYGEN = {
    "mae": 4 / 3,
    "rmse": sqrt(3),  # (9 + 4 + 4 + 1) / 6
    "sum_abs": 4,  # (3 + 5) / 2
    "vector_mae": 3,
    "relative": 6 / 5,
    "cosine": 0.8,
    "mae_x": 5 / 2,
    "mae_y": 1,
    "mae_z": 1 / 2,
}
HYDROGEN = {
    "mae": 1 / 3,
    "rmse": sqrt(1 / 3),
    "sum_abs": 1,
    "vector_mae": 1,
    "relative": 1 / 6,
    "cosine": 1,
    "mae_x": 0,
    "mae_y": 1,
    "mae_z": 0,
}
ZERO = {  # predicting nothing: the errors are the forces (3, 0, 4), (0, 6, 0), (0, 0, 0) themselves
    "mae": 13 / 9,
    "rmse": sqrt(61 / 9),  # 9 + 16 + 36
    "sum_abs": 13 / 3,
    "vector_mae": 11 / 3,
    "relative": 1,
    "cosine": None,  # no force has no direction
    "mae_x": 1,
    "mae_y": 2,
    "mae_z": 4 / 3,
}
EXACT = {"rel": 1e-14, "abs": 1e-14}


def accumulated(frames=FRAMES, units="real", **options):
    errors = ForceErrors(SPECIES, units, **options)
    for predicted, reference, species in frames:
        errors.add(np.array(predicted), np.array(reference), np.array(species))
    return errors.result()


def result(frames=FRAMES, units="real"):
    """The result as JSON has it."""
    return accumulated(frames, units).to_json()


def assert_figures(found, expected):
    assert list(found) == list(expected)
    assert found == {
        name: value if value is None else pytest.approx(value, **EXACT) for name, value in expected.items()
    }


def test_figures_over_all_atoms():
    assert_figures(result()["force"], FORCE)


def test_figures_of_each_species_that_occurs():
    by_type = result()["per_type"]
    assert list(by_type) == ["O", "H"]
    assert_figures(by_type["O"], OXYGEN)
    assert_figures(by_type["H"], HYDROGEN)


def test_the_baseline_predicts_no_force_at_all():
    baseline = result()["baseline"]
    by_type, mean_force = baseline.pop("per_type"), baseline.pop("mean_force")
    assert_figures(baseline, ZERO)
    assert mean_force == pytest.approx(11 / 3)
    assert list(by_type) == ["O", "H"]
    assert by_type["O"]["vector_mae"] == 5 / 2
    assert by_type["H"]["sum_abs"] == 6


def test_the_result_is_json_of_this_shape():
    found = result()
    assert json.loads(json.dumps(found)) == found
    assert list(found) == ["force", "per_type", "baseline", "frames", "atoms", "units", "force_mev"]
    assert (found["frames"], found["atoms"], found["units"]) == (2, 3, "real")


@pytest.mark.parametrize(("units", "factor"), [("real", 43.3641), ("metal", 1000)])
def test_errors_in_mev_where_units_allow(units, factor):
    in_mev = result(units=units)["force_mev"]
    assert list(in_mev) == ["mae", "rmse", "sum_abs", "vector_mae"]
    for name, value in in_mev.items():
        assert value == pytest.approx(FORCE[name] * factor, rel=1e-6)


@pytest.mark.parametrize("units", ["lj", None])
def test_no_mev_where_units_do_not_allow(units):
    found = result(units=units)
    assert "force_mev" not in found
    assert found["units"] == units


def test_bins_of_the_reference_force():
    """Reference forces of 5, 6 and 0 with errors of length 3, 1 and 3; a bound belongs to the bin above it."""
    small, middle, large = accumulated(bounds=(5.0, 6.0)).per_bin
    assert (small.vector_mae, small.relative) == (3, None)
    assert (middle.vector_mae, middle.relative) == (3, pytest.approx(3 / 5))
    assert (large.vector_mae, large.relative) == (1, pytest.approx(1 / 6))
    assert accumulated(bounds=(7.0,)).per_bin[1].vector_mae is None  # nothing there
    assert accumulated().per_bin == ()


def test_frames_in_several_calls_give_what_one_call_gives():
    random = np.random.default_rng(0)
    predicted, reference = random.normal(size=(2, 12, 3))
    species = random.integers(0, 3, size=12)
    whole = result([(predicted, reference, species)])
    parts = result([(predicted[s], reference[s], species[s]) for s in (slice(0, 5), slice(5, 6), slice(6, 12))])
    assert (whole.pop("frames"), parts.pop("frames")) == (1, 3)
    for part in ("force", "force_mev"):
        assert_figures(parts[part], whole[part])
    for name, figures in whole["per_type"].items():
        assert_figures(parts["per_type"][name], figures)
        assert_figures(parts["baseline"]["per_type"][name], whole["baseline"]["per_type"][name])


def test_single_precision_forces_are_summed_in_double():
    """Small errors next to a large one: a sum in single precision would lose some of each."""
    predicted = np.full((1000, 3), 0.1, np.float32)
    predicted[0] = 1e7
    found = result([(predicted, np.zeros((1000, 3), np.float32), np.zeros(1000, int))])["force"]
    assert found["mae"] == pytest.approx((1e7 + 999 * float(np.float32(0.1))) / 1000, rel=1e-12)


def test_reference_forces_of_zero_have_no_relative_error():
    found = result([([[1, 0, 0]], [[0, 0, 0]], [1])])
    assert found["force"]["relative"] is None
    assert found["force"]["cosine"] is None
    assert found["baseline"]["relative"] is None
    assert found["force"]["vector_mae"] == 1


def test_nothing_added_gives_no_figures():
    found = result([])
    assert set(found["force"].values()) == {None}
    assert list(found["force"]) == list(FORCE)
    assert (found["per_type"], found["frames"], found["atoms"]) == ({}, 0, 0)
    assert found["baseline"]["mean_force"] is None
    assert json.loads(json.dumps(found)) == found


# --- energies -----------------------------------------------------------------------------------------------------

# (predicted, reference, atoms): per atom 1, 3, 5 against 0, 3, 3; errors 1, 0, 2 with a mean of 1
ENERGIES = [(2, 0, 2), (9, 9, 3), (5, 3, 1)]
DIFFERENCE = {"mae": 2 / 3, "rmse": sqrt(2 / 3)}  # 0, -1, 1
MEAN_ENERGY = {"mae": 4 / 3, "rmse": sqrt(2)}  # -2, 1, 1


def energies(absolute, frames=ENERGIES):
    errors = EnergyErrors(absolute)
    for predicted, reference, atoms in frames:
        errors.add(predicted, reference, np.zeros(atoms, int))
    return errors.result()


def test_energy_errors_by_hand():
    found = energies(absolute=True).to_json()
    assert list(found) == ["difference", "absolute", "bias", "baseline", "frames"]
    assert found["absolute"] == pytest.approx({"mae": 1, "rmse": sqrt(5 / 3)})
    assert found["difference"] == pytest.approx(DIFFERENCE)
    assert found["baseline"] == pytest.approx(MEAN_ENERGY)
    assert (found["bias"], found["frames"]) == (pytest.approx(1), 3)


def test_without_a_learned_zero_of_energy_only_differences_count():
    found = energies(absolute=False).to_json()
    assert found["absolute"] is None and found["bias"] is None
    assert found["difference"] == pytest.approx(DIFFERENCE)


def test_one_frame_and_frames_of_several_compositions_have_no_energy_differences():
    """Each species may have a zero of its own: what differs between compositions is then no error."""
    assert energies(absolute=True, frames=ENERGIES[:1]).difference is None
    mixed = EnergyErrors(absolute=False)
    mixed.add(1.0, 1.0, np.array([0, 0, 1]))
    mixed.add(2.0, 1.0, np.array([0, 1, 1]))
    assert mixed.result().difference is None


# --- virials, and all of them -------------------------------------------------------------------------------------


def test_virial_errors_by_hand():
    """Two atoms and a component off by 18; three atoms, off by 3 in three components."""
    errors, predicted = VirialErrors(), np.zeros((3, 3))
    predicted[0, 2] = 18
    errors.add(predicted, np.zeros((3, 3)), 2)
    errors.add(6 * np.eye(3), 9 * np.eye(3), 3)
    found = errors.result().to_json()
    assert list(found) == ["mae", "rmse", "baseline", "frames", "stress"]
    # per atom 9 once and 1 three times among 18 components; the reference is 3 three times
    assert (found["mae"], found["rmse"]) == pytest.approx((12 / 18, sqrt(84 / 18)))
    assert found["baseline"] == pytest.approx({"mae": 9 / 18, "rmse": sqrt(27 / 18)})
    assert found["frames"] == 2
    assert found["stress"] is None  # no cell


def test_stress_errors_by_hand():
    """The frame that is periodic in all directions alone has a stress: of volume 24, off by 12 in one component."""
    errors, predicted = VirialErrors(), np.zeros((1, 3, 3))
    predicted[0, 0, 1] = 12
    cell, nothing = np.diag([2.0, 3.0, 4.0]), np.zeros(0, np.int32)
    for pbc in ([True] * 3, [True, True, False]):
        graph = Graph(
            np.zeros(5), nothing, nothing, np.zeros((0, 3)), nothing, virial=6 * np.eye(3), cell=cell, pbc=np.array(pbc)
        )
        errors.update(graph, {fields.VIRIAL: predicted + 6 * np.eye(3)})
    found = errors.result()
    assert (found.frames, found.stress.frames) == (2, 1)
    assert (found.stress.mae, found.stress.rmse) == pytest.approx((0.5 / 9, 0.5 / 3))
    assert found.stress.baseline.mae == pytest.approx(3 * 0.25 / 9)


def test_no_energies_or_virials_give_no_result():
    assert EnergyErrors(absolute=True).result() is None
    assert VirialErrors().result() is None


def frame(forces, species, energy=None, virial=None):
    nothing = np.zeros(0, np.int32)
    return Graph(np.array(species), nothing, nothing, np.zeros((0, 3)), nothing, forces, energy, virial)


def test_predictions_are_added_to_every_metric_that_they_have_something_for():
    forces, zeros = np.array([[0.0, 0, 2], [0, 0, 0]]), np.zeros((2, 3))
    whole = {fields.FORCES: zeros, fields.ENERGY: np.array([1.0]), fields.VIRIAL: np.ones((1, 3, 3))}
    predictions = [
        (frame(forces, [0, 1], energy=31.0, virial=zeros[:1] * np.ones((3, 1))), whole),
        (frame(forces, [0, 1]), whole),  # has neither energy nor virial
        (frame(forces, [0, 1], energy=1.0, virial=np.zeros((3, 3))), {fields.FORCES: zeros}),
    ]
    of_forces, of_energies, of_virials = ForceErrors(SPECIES), EnergyErrors(True, [20.0, 2.0, 0.0]), VirialErrors()
    accumulate(predictions, of_forces, of_energies, of_virials)
    assert of_forces.result() == force_errors(predictions, SPECIES)
    assert of_forces.result().overall.vector_mae == 1
    assert of_energies.result().bias == pytest.approx((1 + 20 + 2 - 31) / 2)
    assert (of_virials.result().mae, of_virials.result().frames) == (0.5, 1)


def test_a_frame_without_reference_forces_is_an_error():
    with pytest.raises(ValueError):
        force_errors([(frame(None, [0]), {fields.FORCES: np.zeros((1, 3))})], SPECIES)


def test_compositions_whose_energy_is_undetermined():
    """Trained on H2O alone: energies along (2, -1) are arbitrary."""
    direction = [[2 / 5**0.5, -1 / 5**0.5]]
    water, hydrogen = EnergyErrors(absolute=True), EnergyErrors(absolute=True)
    water.add(1.0, 1.0, np.array([0, 1, 1, 0, 1, 1]))
    assert not water.reaches(direction) and not water.reaches([])
    hydrogen.add(1.0, 1.0, np.array([1, 1]))
    assert hydrogen.reaches(direction)
