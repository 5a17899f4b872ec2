"""Errors of energies against figures that can be worked out on paper."""

from math import sqrt

import numpy as np
import pytest

from gnnzoo.evaluation.energies import ENERGY_COLUMNS, EnergyErrors, energy_rows

# (predicted, true, atoms): per atom 1, 3, 5 against 0, 3, 3; errors 1, 0, 2 with a mean of 1
FRAMES = [(2, 0, 2), (9, 9, 3), (5, 3, 1)]
SHIFTED = {"mae": 2 / 3, "rmse": sqrt(2 / 3)}  # 0, -1, 1
BASELINE = {"mae": 4 / 3, "rmse": sqrt(2)}  # -2, 1, 1


def errors(absolute: bool, frames=FRAMES) -> EnergyErrors:
    found = EnergyErrors(absolute)
    for predicted, true, atoms in frames:
        found.add(predicted, true, np.zeros(atoms, int))
    return found


def test_figures_by_hand():
    result = errors(absolute=True).result()
    assert result["absolute"] == pytest.approx({"mae": 1, "rmse": sqrt(5 / 3)})
    assert result["difference"] == pytest.approx(SHIFTED)
    assert result["baseline"] == pytest.approx(BASELINE)
    assert (result["bias"], result["frames"]) == (pytest.approx(1), 3)


def test_where_the_zero_was_not_learned_only_differences_count():
    result = errors(absolute=False).result()
    assert result["absolute"] is None and result["bias"] is None
    assert result["difference"] == pytest.approx(SHIFTED)


def test_one_frame_and_frames_of_several_compositions_have_no_differences():
    """The zero of each species may be its own: what differs between compositions is then no error."""
    assert errors(absolute=True, frames=FRAMES[:1]).result()["difference"] is None
    mixed = EnergyErrors(absolute=False)
    mixed.add(1.0, 1.0, np.array([0, 0, 1]))
    mixed.add(2.0, 1.0, np.array([0, 1, 1]))
    assert mixed.result()["difference"] is None and energy_rows(mixed.result(), "real") == []


def test_no_energies_no_figures():
    assert EnergyErrors(absolute=True).result() is None


def test_rows_hold_the_figures_beside_those_of_the_mean():
    # 1 kcal/mol = 43.3641 meV
    unit = "kcal/mol"
    between = [
        ["between frames: MAE", "0.6667", "1.333", unit, "28.91"],
        ["between frames: RMSE", "0.8165", "1.414", unit, "35.41"],
    ]
    assert energy_rows(errors(absolute=False).result(), "real") == between
    rows = energy_rows(errors(absolute=True).result(), "real")
    assert rows == [["MAE", "1", "1.333", unit, "43.36"], ["RMSE", "1.291", "1.414", unit, "55.98"], *between]
    assert all(len(row) == len(ENERGY_COLUMNS) for row in rows)


def test_units_that_nobody_declared_are_called_so():
    assert energy_rows(errors(absolute=False).result(), None)[0][3:] == ["(undeclared energy unit)", ""]
