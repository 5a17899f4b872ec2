"""Atoms at the same place are found while frames are converted."""

import numpy as np
import pytest

import dumps
from gnnzoo.data.frames.blocks import blocks_of
from gnnzoo.data.frames.coincident_atoms import CoincidentAtoms
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.inspect import inspect
from small import MemoryDataset
from systems import changed, water_frame


def found(frames):
    coincident = CoincidentAtoms()
    for block in blocks_of(MemoryDataset(frames)):
        coincident.update(block)
    return coincident


@pytest.mark.parametrize("shift", [0, 1, -2])
def test_the_frame_and_the_atoms_are_named(shift):
    frames = [water_frame(seed=seed) for seed in range(30)]
    places = frames[17].positions.copy()
    places[20] = places[3] + shift * np.array([1.0, 0, 0]) * 8.0
    frames[17] = changed(frames[17], positions=places, cell=np.eye(3) * 8.0)
    coincident = found(frames)
    assert (coincident.frames, coincident.pairs) == (1, [(17, 4, 21)])
    assert "4 and 21 of frame 17" in coincident.doubts()[0]


def test_images_along_open_directions_are_other_places():
    frame = water_frame()
    places = frame.positions.copy()
    places[20] = places[3] + frame.cell[2]
    open_box = changed(frame, positions=places, boundary=("pp", "pp", "ff"))
    assert found([open_box]).frames == 0 and found([open_box]).doubts() == []


def test_perfect_lattices_and_flat_cells_have_no_atoms_at_the_same_place():
    grid = np.stack(np.meshgrid(*[np.arange(10)] * 3), axis=-1).reshape(-1, 3) * 1.0
    kept = {"ids": np.arange(1, 1001), "types": np.ones(1000, np.int32), "forces": np.zeros((1000, 3))}
    for cell in (np.eye(3) * 10, np.diag([10.0, 10.0, 0.0]), np.zeros((3, 3))):
        assert found([changed(water_frame(), positions=grid, cell=cell, molecules=None, **kept)]).frames == 0


def test_conversion_warns_and_inspection_warns_once(folder, caplog):
    snapshots = dumps.argon(frames=6, side=3)
    snapshots[4].positions[9] = snapshots[4].positions[2]
    dumps.write_dump(folder / "a.lammpstrj", snapshots)
    dataset = convert("a.lammpstrj", units="real", types={1: "Ar"})
    assert sum("3 and 10 of frame 4" in record.getMessage() for record in caplog.records) == 1
    assert sum("same place" in line for line in inspect(dataset).warnings) == 1
