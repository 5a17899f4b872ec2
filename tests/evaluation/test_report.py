"""The table of errors says what the figures say."""

import numpy as np

from gnnzoo.evaluation.metrics import ForceErrors
from gnnzoo.evaluation.report import COLUMNS, error_rows


def rows(units="real", species=("O", "H"), perfect=False):
    """Two atoms: errors (-3, 0, 0) and (0, 1, 0), true forces (3, 0, 4) and (0, -6, 0)."""
    true = np.array([[3.0, 0, 4], [0, -6, 0]])
    predicted = true if perfect else np.array([[0.0, 0, 4], [0, -5, 0]])
    errors = ForceErrors(list(species), units)
    errors.add(predicted, true, np.arange(2) % len(species))
    return error_rows(errors.result())


def test_rows_hold_the_figures_beside_those_of_zero_forces():
    unit = "kcal/mol/A"
    # 1 kcal/mol/A = 43.3641 meV/A; per component there are 2 x 3 components
    assert rows() == [
        ["mean |dF| / mean |F|", "36.36%", "100.00%", "", ""],  # (3 + 1) / (5 + 6)
        ["mean |dF|", "2", "5.5", unit, "86.73"],
        ["MAE per component", "0.6667", "2.167", unit, "28.91"],  # 4 / 6; 13 / 6
        ["  along x", "1.5", "1.5", unit, "65.05"],
        ["  along y", "0.5", "3", unit, "21.68"],
        ["  along z", "0", "2", unit, "0"],
        ["RMSE per component", "1.291", "3.189", unit, "55.98"],  # sqrt(10 / 6); sqrt(61 / 6)
        ["sum of |components|", "2", "6.5", unit, "86.73"],
        ["cosine to the true force", "0.9000", "", "", ""],  # (16 / 20 + 1) / 2
        ["O: mean |dF| / mean |F|", "60.00%", "100.00%", "", ""],
        ["O: MAE per component", "1", "2.333", unit, "43.36"],
        ["H: mean |dF| / mean |F|", "16.67%", "100.00%", "", ""],
        ["H: MAE per component", "0.3333", "2", unit, "14.45"],
    ]
    assert all(len(row) == len(COLUMNS) for row in rows())


def test_one_species_needs_no_rows_of_its_own():
    found = rows(species=["Ar"])
    assert found == rows()[:9]


def test_units_that_cannot_be_expressed_leave_their_column_empty():
    for units, label in (("lj", "epsilon/sigma"), (None, "(undeclared force unit)")):
        found = rows(units)
        assert {row[3] for row in found} == {label, ""}
        assert {row[4] for row in found} == {""}
        assert [row[:3] for row in found] == [row[:3] for row in rows()]


def test_a_perfect_model_has_rows_of_zeros():
    found = rows(perfect=True)
    assert found[0] == ["mean |dF| / mean |F|", "0.00%", "100.00%", "", ""]
    assert found[1] == ["mean |dF|", "0", "5.5", "kcal/mol/A", "0"]
