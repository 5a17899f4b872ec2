"""Validation errors by species and by the size of the force, by hand; and the log."""

import numpy as np
import pytest

from gnnzoo import fields
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.training.log import COLUMNS, RunLog, read_log
from gnnzoo.training.validation import ValidationMonitor
from small import MemoryDataset
from systems import changed, water_frame


def predictor(graphs):
    """Predicts the reference forces and (3, 4, 0) more on each hydrogen, half the energy and a virial of zero."""
    for graph in graphs:
        forces = graph.forces + np.where(graph.species[:, None] == 1, [3.0, 4.0, 0.0], 0.0)
        totals = {fields.ENERGY: np.array([graph.energy / 2]), fields.VIRIAL: np.zeros((1, 3, 3))}
        yield graph, {fields.FORCES: forces, **totals}


def test_errors_by_species_and_by_quarters_of_the_forces():
    frame = water_frame()
    sizes = np.arange(1.0, len(frame) + 1)
    forces = np.outer(sizes, [0, 0, 1])
    virial = len(frame) * np.diag([9.0, -18.0, 0.0])
    data = MemoryDataset([changed(frame, forces=forces, energy=len(frame) * 2.0, virial=virial)])
    monitor = ValidationMonitor(
        GraphSource(data, ["O", "H"], 3.4), np.array([0]), np.array([0]), energy=True, virial=True
    )
    np.testing.assert_allclose(monitor.bounds, np.quantile(sizes, (0.25, 0.5, 0.75)))
    found = monitor.errors(predictor)
    errors = found.row()
    assert found.forces.baseline.mae == pytest.approx(sizes.mean() / 3)
    hydrogen = frame.names == "H"
    assert errors["vector_mae_H"] == pytest.approx(5) and errors["vector_mae_O"] == 0
    assert errors["relative_H"] == pytest.approx(5 / sizes[hydrogen].mean())
    share = hydrogen.mean()
    assert errors["mae_x"] == pytest.approx(3 * share) and errors["mae_y"] == pytest.approx(4 * share)
    assert errors["vector_mae"] == pytest.approx(5 * share)
    last = sizes > monitor.bounds[2]
    assert errors["vector_mae_bin4"] == pytest.approx(5 * hydrogen[last].mean())
    assert errors["relative_bin4"] == pytest.approx(5 * hydrogen[last].mean() / sizes[last].mean())
    assert errors["energy_mae"] == pytest.approx(1)
    assert errors["virial_mae"] == pytest.approx(3)
    assert set(monitor.columns) == set(errors) - {*COLUMNS}


def test_without_validation_frames_all_is_nan():
    source = GraphSource(MemoryDataset([water_frame()]), ["O", "H"], 3.4)
    errors = ValidationMonitor(source, np.array([], int), np.array([0])).errors(predictor).row()
    assert errors and all(np.isnan(value) for value in errors.values())


def test_a_log_takes_other_columns_on_resume_and_keeps_only_the_rows_asked_for(tmp_path):
    row = dict.fromkeys(COLUMNS, 0.5)
    with RunLog(tmp_path) as log:
        for step in (5, 7, 10, 15):
            log.write(row | {"step": step})
    with RunLog(tmp_path, 10, more=("relative_O",), keep={5, 10, 15}) as log:
        log.write(row | {"step": 15, "relative_O": 0.25})
    found = read_log(tmp_path / "log.csv")
    assert [one["step"] for one in found] == [5, 10, 15]
    assert np.isnan(found[0]["relative_O"]) and found[2]["relative_O"] == 0.25


def test_a_last_row_that_was_cut_short_is_left_out(tmp_path):
    with RunLog(tmp_path) as log:
        log.write(dict.fromkeys(COLUMNS, 0.5) | {"step": 5})
    path = tmp_path / "log.csv"
    whole = path.read_text()
    path.write_text(whole + whole.splitlines()[1].replace("5,", "6,", 1)[:-1])  # 0. instead of 0.5, and no end of line
    assert [row["step"] for row in read_log(path)] == [5]
