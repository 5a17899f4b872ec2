"""Frames of different atoms, from the dump to the evaluation: each frame keeps its own."""

import numpy as np
import pytest

import dumps
import gnnzoo
import small


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A dump of 8 and 27 atoms in turns, and its dataset."""
    folder = tmp_path_factory.mktemp("changing")
    few, many = dumps.argon(40, side=2), dumps.argon(40, side=3)
    snapshots = [many[i] if i % 3 else few[i] for i in range(40)]
    dump = dumps.write_dump(folder / "argon.lammpstrj", snapshots, units="real", shuffle=3)
    return folder, dump, gnnzoo.convert(dump, folder / "argon.h5", types={1: "Ar"})


def test_training_and_evaluation_take_each_frame_with_its_own_atoms(places, folder, uncompiled):
    _, dump, dataset = places
    recipe = small.recipe(data={"source": str(dataset)}, training={"epochs": 2})
    model = gnnzoo.train(recipe, output=folder / "a.keras")
    figures = gnnzoo.evaluate(model, dataset, plot=False)
    with gnnzoo.open_dataset(dataset) as frames:
        test_frames = model.info["split"]["test"]
        assert figures.forces.atoms == sum(len(frames[i]) for i in test_frames)
        for index in (0, 1):
            forces = model.forces(frames[index])
            assert forces.shape == frames[index].forces.shape
            assert np.abs(forces).max() > 0
    straight = gnnzoo.evaluate(model, dump, plot=False)
    assert straight.forces.atoms == figures.forces.atoms
