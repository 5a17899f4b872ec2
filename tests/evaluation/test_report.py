"""Tables of errors show the values of the results."""

import numpy as np
import pytest

from gnnzoo.evaluation.report import (
    ENERGY_COLUMNS,
    FORCE_COLUMNS,
    VIRIAL_COLUMNS,
    energy_rows,
    force_rows,
    stress_rows,
    virial_rows,
)
from gnnzoo.metrics import EnergyErrors, EnergyResult, ForceErrors, MeanErrors
from gnnzoo.virial_metrics import StressResult, VirialResult

UNIT = "kcal/mol"  # 1 kcal/mol = 43.3641 meV


def rows(units="real", species=("O", "H"), perfect=False):
    """Two atoms: errors (-3, 0, 0) and (0, 1, 0), reference forces (3, 0, 4) and (0, -6, 0)."""
    reference = np.array([[3.0, 0, 4], [0, -6, 0]])
    predicted = reference if perfect else np.array([[0.0, 0, 4], [0, -5, 0]])
    errors = ForceErrors(list(species), units)
    errors.add(predicted, reference, np.arange(2) % len(species))
    return force_rows(errors.result())


def test_force_errors_next_to_those_of_zero_forces():
    unit = f"{UNIT}/A"
    assert rows() == [
        ["mean |dF| / mean |F|", "36.36%", "100.00%", "", ""],  # (3 + 1) / (5 + 6)
        ["mean |dF|", "2", "5.5", unit, "86.73"],
        ["MAE per component", "0.6667", "2.167", unit, "28.91"],  # 4 / 6; 13 / 6
        ["  along x", "1.5", "1.5", unit, "65.05"],
        ["  along y", "0.5", "3", unit, "21.68"],
        ["  along z", "0", "2", unit, "0"],
        ["RMSE per component", "1.291", "3.189", unit, "55.98"],  # sqrt(10 / 6); sqrt(61 / 6)
        ["sum of |components|", "2", "6.5", unit, "86.73"],
        ["cosine to the reference force", "0.9000", "", "", ""],  # (16 / 20 + 1) / 2
        ["O: mean |dF| / mean |F|", "60.00%", "100.00%", "", ""],
        ["O: MAE per component", "1", "2.333", unit, "43.36"],
        ["H: mean |dF| / mean |F|", "16.67%", "100.00%", "", ""],
        ["H: MAE per component", "0.3333", "2", unit, "14.45"],
    ]
    assert all(len(row) == len(FORCE_COLUMNS) for row in rows())


def test_one_species_needs_no_rows_of_its_own():
    assert rows(species=["Ar"]) == rows()[:9]


def test_units_that_cannot_be_converted_leave_their_column_empty():
    for units, label in (("lj", "epsilon/sigma"), (None, "(undeclared force unit)")):
        found = rows(units)
        assert {row[3] for row in found} == {label, ""}
        assert {row[4] for row in found} == {""}
        assert [row[:3] for row in found] == [row[:3] for row in rows()]


def test_a_perfect_model_has_rows_of_zeros():
    found = rows(perfect=True)
    assert found[0] == ["mean |dF| / mean |F|", "0.00%", "100.00%", "", ""]
    assert found[1] == ["mean |dF|", "0", "5.5", f"{UNIT}/A", "0"]


def test_energy_errors_next_to_those_of_the_mean_energy():
    mean = MeanErrors(4 / 3, 2**0.5)
    between = [
        ["between frames: MAE", "0.6667", "1.333", UNIT, "28.91"],
        ["between frames: RMSE", "0.8165", "1.414", UNIT, "35.41"],
    ]
    differences = EnergyResult(MeanErrors(2 / 3, (2 / 3) ** 0.5), None, None, mean, 3)
    assert energy_rows(differences, "real") == between
    assert energy_rows(differences, None)[0][3:] == ["(undeclared energy unit)", ""]
    absolute = EnergyResult(differences.difference, MeanErrors(1, (5 / 3) ** 0.5), 1.0, mean, 3)
    found = energy_rows(absolute, "real")
    assert found == [["MAE", "1", "1.333", UNIT, "43.36"], ["RMSE", "1.291", "1.414", UNIT, "55.98"], *between]
    assert all(len(row) == len(ENERGY_COLUMNS) for row in found)


def test_several_compositions_have_no_rows():
    errors = EnergyErrors(absolute=False)
    errors.add(1.0, 1.0, np.array([0, 0, 1]))
    errors.add(2.0, 1.0, np.array([0, 1, 1]))
    assert energy_rows(errors.result(), "real") == []


def test_virial_errors_next_to_those_of_zero():
    result = VirialResult(2 / 3, (84 / 18) ** 0.5, MeanErrors(0.5, 1.5**0.5), 2)
    found = virial_rows(result, "real")
    assert found == [["MAE", "0.6667", "0.5", UNIT, "28.91"], ["RMSE", "2.16", "1.225", UNIT, "93.68"]]
    assert all(len(row) == len(VIRIAL_COLUMNS) for row in found)
    assert virial_rows(result, None)[0][3:] == ["(undeclared energy unit)", ""]


def test_stresses_in_their_unit_and_in_gigapascals():
    result = StressResult(0.01, 0.02, MeanErrors(0.1, 0.2), 3)
    found = stress_rows(result, "metal")
    assert [row[:4] for row in found] == [["MAE", "0.01", "0.1", "eV/A^3"], ["RMSE", "0.02", "0.2", "eV/A^3"]]
    assert float(found[0][4]) == pytest.approx(1.602, rel=1e-3)
    assert float(stress_rows(result, "real")[0][4]) == pytest.approx(0.01 * 6.9477, rel=1e-3)
    assert stress_rows(result, "lj")[0][3:] == ["epsilon/sigma^3", ""]
