"""Frames from arrays and from ASE's atoms, and what models predict for them."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from errors import refused
from gnnzoo import Frame
from gnnzoo.errors import DataError, ModelError
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from gnnzoo.testing import layer_recipe
from systems import water_frame


def test_a_frame_from_arrays():
    frame = Frame.from_arrays(["O", "H", "H"], np.arange(9).reshape(3, 3), [9, 8, 7], [True, True, False], energy=-1)
    assert frame.positions.dtype == np.float64
    np.testing.assert_array_equal(frame.cell, np.diag([9.0, 8, 7]))
    assert (list(frame.names), list(frame.pbc), frame.energy) == (["O", "H", "H"], [True, True, False], -1.0)
    assert repr(frame) == "<Frame of step 0: H 2 O 1, pp pp ff, units metal, with energy>"


def test_a_cluster_has_a_box_around_it():
    frame = Frame.from_arrays(["Ar", "Ar"], [[-3, 0, 0], [1, 0, 0]], units="real")
    assert not frame.pbc.any()
    assert np.all(frame.origin <= frame.positions.min(axis=0))
    assert np.all(frame.origin + frame.cell.sum(axis=0) >= frame.positions.max(axis=0))


def test_a_frame_from_atoms_of_ase_with_their_results():
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.rattle(0.05, seed=1)
    atoms.calc = EMT()
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)
    frame = Frame.from_ase(atoms)
    assert frame.energy == energy
    np.testing.assert_array_equal(frame.forces, forces)
    np.testing.assert_allclose(frame.virial, -stress * atoms.get_volume(), rtol=1e-12)
    smeared = Atoms("Cu")
    smeared.calc = SinglePointCalculator(smeared, energy=-1.0, free_energy=-1.5)
    assert Frame.from_ase(smeared).energy == -1.5
    assert not Frame.from_ase(smeared).forces.any()  # unknown


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("positions", [[0, 0]]),
        ("positions", [[0, 0, np.nan]]),
        ("positions", [["a", 0, 0]]),
        ("positions", [[0, 0, 0], [1]]),
        ("cell", [[1, 0], [0, 1]]),
        ("forces", [0, 0, 0]),
        ("virial", np.zeros(6)),
        ("molecules", [1, 2]),
    ],
)
def test_arrays_of_other_shapes_are_refused(name, values):
    arrays = {"positions": [[0, 0, 0]]} | {name: values}
    with refused(DataError, name, expected="finite numbers"):
        Frame.from_arrays(["Ar"], **arrays)


@pytest.fixture(scope="module")
def model(uncompiled):
    perceptron = {"units": 4, "hidden_layers": 0}
    recipe = layer_recipe({"layer": "painn_message", "filters": "channel"}, {"layer": "energy_decoder", **perceptron})
    return ForceField(build_network(recipe, ["O", "H"]), recipe, {"species": ["O", "H"], "units": "real"})


def test_a_model_predicts_forces_energy_and_virial_of_a_frame(model):
    water = water_frame()
    frame = Frame.from_arrays(water.names, water.positions, water.cell, units="real", molecules=water.molecules)
    np.testing.assert_allclose(model.forces(frame), model.forces(water), rtol=1e-6)
    strained = [
        Frame.from_arrays(water.names, water.positions * (1 + e), water.cell * (1 + e), units="real")
        for e in (1e-3, -1e-3)
    ]
    slope = (model.energy(strained[0]) - model.energy(strained[1])) / 2e-3
    assert np.trace(model.virial(frame)) == pytest.approx(-slope, rel=2e-2)
    assert repr(model) == "<ForceField test of O H, cutoff 4, not saved>"


def test_a_model_of_forces_alone_has_no_virial(uncompiled):
    recipe = layer_recipe({"layer": "message_passing", "units": 4, "hidden_layers": 0})
    model = ForceField(build_network(recipe, ["O", "H"]), recipe, {"species": ["O", "H"], "units": "real"})
    with refused(ModelError, "no energy", hint="energy_decoder"):
        model.virial(water_frame())
