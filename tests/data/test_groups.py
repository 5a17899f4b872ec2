"""Groups of frames, the `config_type` of extended XYZ: kept through every format, and tables of errors by them."""

import h5py
import numpy as np
import pytest

import gnnzoo
from errors import refused
from gnnzoo import fields
from gnnzoo.data.graphs.graph import Graph
from gnnzoo.errors import DataError
from gnnzoo.evaluation.report import group_table
from gnnzoo.group_metrics import GroupErrors
from gnnzoo.metrics import accumulate
from xyz_files import xyz_frame

NAMES = ["liquid", None, 'two "words"', "liquid"]


@pytest.fixture
def dataset(folder):
    """A dataset of four frames, of which one has no group."""
    escaped = [{} if name is None else {"config_type": name.replace('"', '\\"')} for name in NAMES]
    texts = [xyz_frame({"forces": 0.5 + number}, energy=-1, **words) for number, words in enumerate(escaped)]
    (folder / "a.extxyz").write_text("".join(texts))
    gnnzoo.convert("a.extxyz", "a.h5")
    return folder / "a.h5"


def groups(path):
    with gnnzoo.open_dataset(path) as opened:
        return [frame.group for frame in opened]


def test_groups_are_kept_in_every_format(dataset):
    gnnzoo.convert(dataset, "a.tfrecord", cutoff=4.0)
    gnnzoo.convert("a.tfrecord", "again.h5")
    gnnzoo.export(dataset, "b.extxyz")
    for path in (dataset, "a.tfrecord", "again.h5", "b.extxyz"):
        assert groups(path) == NAMES, path
    assert groups([dataset, "b.extxyz"]) == NAMES * 2


@pytest.mark.parametrize("number", [-2, 2])
def test_numbers_of_groups_without_a_name_are_refused(dataset, number):
    with h5py.File(dataset, "a") as file:
        file["gnnzoo/group"][1] = number
    with refused(DataError, file=dataset, key="gnnzoo/group"):
        gnnzoo.open_dataset(dataset)


def graph(group, force, energy, atoms=2):
    ends, vectors = np.zeros(0, np.int32), np.zeros((0, 3), np.float32)
    forces = np.tile(np.array([force, 0, 0]), (atoms, 1))
    return Graph(np.zeros(atoms, np.int32), ends, ends, vectors, ends, forces, energy, group=group)


def test_errors_are_of_the_frames_of_each_group():
    errors = GroupErrors(["Si"], "metal", absolute=True)
    # predicted forces (1, 0, 0) and energy 0: errors of 1, 3 and 0 eV/A, of 4 / 2, 8 / 4 and 0 eV an atom
    frames = [graph("liquid", 2.0, 4.0), graph("liquid", 4.0, 8.0, atoms=4), graph("bulk", 1.0, 0.0), graph(None, 9, 9)]
    outputs = [{fields.FORCES: np.tile([1.0, 0, 0], (len(g.species), 1)), fields.ENERGY: np.zeros(1)} for g in frames]
    accumulate(zip(frames, outputs, strict=True), errors)
    found = errors.result()
    assert list(found) == ["bulk", "liquid"]
    liquid = found["liquid"]
    assert (liquid.forces.frames, liquid.forces.atoms, found["bulk"].forces.overall.mae) == (2, 6, 0)
    # two atoms with an error of 1 and four with one of 3; |F| 2 and 4
    assert liquid.forces.overall.relative == pytest.approx((2 * 1 + 4 * 3) / (2 * 2 + 4 * 4))
    assert liquid.energy.absolute.mae == pytest.approx(2)
    columns, rows = group_table(found, "metal")
    assert columns == ["config_type", "frames", "mean |dF| / mean |F|", "force RMSE, meV/A", "energy MAE, meV/atom"]
    # sqrt((2 x 1 + 4 x 9) / (3 x 6)) = 1.45297
    assert rows == [["bulk", "1", "0.00%", "0", "0"], ["liquid", "2", "70.00%", "1453", "2000"]]


def test_of_many_groups_the_worst_are_shown():
    errors = GroupErrors(["Si"], "metal", absolute=False)
    frames = [graph(f"kind {number:02d}", float(number), None) for number in range(30)]
    accumulate([(g, {fields.FORCES: np.zeros((2, 3))}) for g in frames], errors)
    columns, rows = group_table(errors.result(), "metal")
    assert [row[0] for row in rows] == [f"kind {number:02d}" for number in range(10, 30)]
    assert "20 of 30" in columns[0]
