"""Errors of virials against figures that can be worked out on paper."""

from math import sqrt

import numpy as np
import pytest

from gnnzoo.evaluation.virials import VIRIAL_COLUMNS, VirialErrors, virial_rows


def errors() -> VirialErrors:
    """Two atoms and a component off by 18; three, off by 3 in three components."""
    found, predicted = VirialErrors(), np.zeros((3, 3))
    predicted[0, 2] = 18
    found.add(predicted, np.zeros((3, 3)), 2)
    found.add(6 * np.eye(3), 9 * np.eye(3), 3)
    return found


def test_figures_by_hand():
    # per atom 9 once and 1 three times among 18 components; the true ones are 3 three times
    expected = {"mae": 12 / 18, "rmse": sqrt(84 / 18), "baseline": {"mae": 9 / 18, "rmse": sqrt(27 / 18)}, "frames": 2}
    result = errors().result()
    assert result.pop("baseline") == pytest.approx(expected.pop("baseline"))
    assert result == pytest.approx(expected)


def test_no_virials_no_figures():
    assert VirialErrors().result() is None


def test_rows_hold_the_figures_beside_those_of_zero():
    # 1 kcal/mol = 43.3641 meV
    unit = "kcal/mol"
    rows = virial_rows(errors().result(), "real")
    assert rows == [["MAE", "0.6667", "0.5", unit, "28.91"], ["RMSE", "2.16", "1.225", unit, "93.68"]]
    assert all(len(row) == len(VIRIAL_COLUMNS) for row in rows)
    assert virial_rows(errors().result(), None)[0][3:] == ["(undeclared energy unit)", ""]
