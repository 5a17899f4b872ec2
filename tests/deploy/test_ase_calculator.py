"""The ASE calculator has the model's numbers in ASE's units; forces and stress are derivatives of the energy."""

import os
import threading

import ase.units
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.socketio import SocketClient, SocketIOCalculator
from ase.md.verlet import VelocityVerlet

import gnnzoo
from errors import refused
from gnnzoo.data.graphs.frame_checks import FrameError
from gnnzoo.data.graphs.neighbors import neighbor_list
from gnnzoo.deploy.ase_calculator import bonded_molecules
from gnnzoo.deploy.comparison import Comparison
from gnnzoo.deploy.description import write_card
from gnnzoo.deploy.freeze import save
from gnnzoo.deploy.neighbor_skin import SkinList
from gnnzoo.errors import DataError, ModelError, UserError
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField, save_model
from gnnzoo.units import EV_PER_KCAL_MOL
from small import ARGON, WATER, recipe
from systems import changed, water_frame

SILU = {"units": 8, "hidden_layers": 0, "activation": "silu"}
ENCODER = {"layer": "atom_encoder", **SILU}
MESSAGE = {"layer": "message_passing", "combine": "sum", "bond_features": True, **SILU}
ENERGY = [ENCODER, {"layer": "atomic_density"}, MESSAGE, {"layer": "energy_decoder", **SILU}]
GRAPH = {"cutoff": 3.5, "edges": ["bond", "radial"]}


@pytest.fixture(scope="module", autouse=True)
def eager(uncompiled):
    """The frozen model is the one that runs compiled."""


def force_field(layers=ENERGY, base=WATER, graph=GRAPH, molecules=True, **info) -> ForceField:
    made = recipe(base, graph=graph, model={"layers": layers, "prior": info.pop("prior", [])})
    species = list(made.data.atoms)
    network = build_network(made, species, Scales(force=20.0, neighbors=12.0))
    known = {
        "species": species,
        "types": made.data.types,
        "units": "real",
        "dataset": {"molecules": molecules},
        "energy_offsets": [float(-100 * (i + 1)) for i in range(len(species))],
    }
    return ForceField(network, made, known | info)


def atoms_of(frame) -> Atoms:
    atoms = Atoms([str(name) for name in frame.names], positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
    atoms.set_array("molecules", frame.molecules)
    return atoms


BOXES = {
    "periodic": {},
    "tilted": {"cell": np.array([[6.3, 0, 0], [1.0, 6.2, 0], [-0.8, 0.5, 6.4]])},
    "smaller than the cutoff": {"molecules": 1, "box": 3.2},
}


@pytest.mark.parametrize("box", BOXES)
def test_numbers_are_those_of_the_model(box):
    model, frame = force_field(), water_frame(**BOXES[box])
    atoms = atoms_of(frame)
    atoms.calc = gnnzoo.Calculator(model)
    live = model.predictor.results(model._graph(frame))
    forces = live["forces"] * EV_PER_KCAL_MOL
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-5 * np.abs(forces).max())
    assert atoms.get_potential_energy() == pytest.approx(model.energy(frame) * EV_PER_KCAL_MOL, rel=1e-6)
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
    stress = -live["virial"][0] * EV_PER_KCAL_MOL / atoms.get_volume()
    np.testing.assert_allclose(atoms.get_stress(voigt=False), stress, atol=1e-5 * np.abs(stress).max())


def test_a_model_file_and_its_frozen_folder_are_the_same(folder):
    frame = water_frame()
    path = save_model(force_field(molecules=True, example=None), "water.keras")
    model = gnnzoo.load_model(path)
    save(model, folder / "frozen", names=["edges_float64"])
    write_card(model, folder / "frozen", Comparison(1, len(frame), 0.0, 1.0), frame)
    found = []
    for source in (path, "frozen"):
        atoms = atoms_of(frame)
        atoms.calc = gnnzoo.Calculator(source, precision="double")
        found.append([atoms.get_forces(), atoms.get_stress(), atoms.get_potential_energies()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10 * np.abs(one).max())


def test_forces_and_stress_are_derivatives_of_the_energy():
    atoms = atoms_of(water_frame(cell=BOXES["tilted"]["cell"]))
    atoms.calc = gnnzoo.Calculator(force_field(), precision="double")
    forces, stress, volume = atoms.get_forces(), atoms.get_stress(voigt=False), atoms.get_volume()
    positions, cell = atoms.positions.copy(), atoms.cell.array.copy()

    def energy(step: float, strain: np.ndarray, shift: np.ndarray) -> float:
        moved = atoms.copy()
        moved.calc = atoms.calc
        moved.set_cell(cell @ (np.eye(3) + step * strain))
        moved.positions = positions @ (np.eye(3) + step * strain) + step * shift
        return moved.get_potential_energy()

    random, none = np.random.default_rng(3), np.zeros((3, 3))
    shift, strain = random.normal(size=positions.shape), random.normal(size=(3, 3))
    strain = (strain + strain.T) / 2
    for way, expected in (((none, shift), -np.sum(forces * shift)), ((strain, 0), volume * np.sum(stress * strain))):
        step = 1e-5
        found = (energy(step, *way) - energy(-step, *way)) / (2 * step)
        assert found == pytest.approx(expected, rel=1e-6)


def argon(**info) -> tuple[ForceField, Atoms]:
    """A Lennard-Jones prior next to a network without output, and 32 atoms."""
    prior = [{"prior": "lennard_jones", "mixing": "arithmetic"}]
    layers = [{**ENCODER, "units": 4}, {"layer": "atomic_density"}, {"layer": "energy_decoder", **SILU}]
    model = force_field(layers, ARGON, {"cutoff": 6.0}, molecules=False, prior=prior, **info)
    for weight in model.network.get_layer("energy_decoder_1").output_weights():
        weight.assign(np.zeros(weight.shape))
    atoms = Atoms("Ar4", scaled_positions=[[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], cell=[5.3] * 3)
    atoms.pbc = True
    atoms *= (2, 2, 2)
    atoms.rattle(0.1, seed=1)
    return model, atoms


def test_a_run_at_constant_energy_keeps_it():
    model, atoms = argon()
    atoms.calc = gnnzoo.Calculator(model, precision="double", skin=0.5)
    atoms.set_momenta(np.random.default_rng(0).normal(size=(32, 3)) * 0.6)
    before = atoms.get_total_energy()
    VelocityVerlet(atoms, timestep=2 * ase.units.fs).run(60)
    assert abs(atoms.get_total_energy() - before) < 1e-4 * atoms.get_kinetic_energy()
    assert 1 <= atoms.calc.runner._list.searches < 30


def test_a_list_with_a_skin_has_the_pairs_of_a_new_one():
    random = np.random.default_rng(0)
    positions, cell = random.uniform(0, 8, (40, 3)), np.diag([8.0, 9.0, 7.0]) + 0.3
    listed = SkinList(3.0, 0.8)
    for step in range(30):
        positions += random.normal(size=positions.shape) * 0.03
        if step == 20:
            cell *= 1.01
        pbc = np.array([True, step < 25, True])
        senders, receivers, vectors = listed.edges(positions, cell, pbc)
        expected = neighbor_list(positions, cell, pbc, 3.0)
        keys = [
            sorted(zip(r, s, map(tuple, v.round(9)), strict=True))
            for s, r, v in ((senders, receivers, vectors), expected[:3])
        ]
        assert keys[0] == keys[1]
    assert listed.searches < 15


@pytest.mark.parametrize(
    ("layers", "properties"),
    [([ENCODER, MESSAGE, {"layer": "pair_force_decoder", **SILU}], ["forces", "stress"]),
     ([ENCODER, {"layer": "painn_message"}, {"layer": "vector_force_decoder", **SILU}], ["forces"])],
)  # fmt: skip
def test_what_a_model_does_not_have_is_not_implemented(layers, properties):
    atoms = atoms_of(water_frame())
    atoms.calc = gnnzoo.Calculator(force_field(layers))
    assert atoms.calc.implemented_properties == properties
    atoms.get_forces()
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_potential_energy()


def test_molecules_come_from_an_array_or_from_bonds():
    frame = water_frame()
    atoms = atoms_of(frame)
    np.testing.assert_array_equal(bonded_molecules(atoms), frame.molecules - frame.molecules.min())
    model = force_field()
    atoms.calc = gnnzoo.Calculator(model)
    expected = atoms.get_forces()
    del atoms.arrays["molecules"]
    atoms.calc = gnnzoo.Calculator(model)
    with refused(UserError, "molecule", hint="molecules='bonds'"):
        atoms.get_forces()
    atoms.calc = gnnzoo.Calculator(model, molecules="bonds")
    np.testing.assert_array_equal(atoms.get_forces(), expected)
    isolated = model.forces(changed(frame, molecules=None)) * EV_PER_KCAL_MOL
    assert np.abs(isolated - expected).max() > 1e-3


def test_bad_input_is_refused(folder):
    model, atoms = argon()
    with refused(UserError, "reduced", expected="real or metal"):
        gnnzoo.Calculator(argon(units="lj")[0])
    with refused(UserError, "declare", hint="units='real'"):
        gnnzoo.Calculator(argon(units=None)[0])
    with refused(UserError, "half", expected="single, double"):
        gnnzoo.Calculator(model, precision="half")
    (folder / "empty").mkdir()
    with refused(ModelError, file="card.json", hint="freeze"):
        gnnzoo.Calculator("empty")
    atoms.calc = gnnzoo.Calculator(model)
    atoms.symbols[3] = "Kr"
    with refused(DataError, "Kr", "Ar"):
        atoms.get_forces()
    atoms.symbols[3] = "Ar"
    for change, text in ((np.nan, "finite"), (atoms.positions[4], "same place")):
        bad = atoms.copy()
        bad.calc = atoms.calc
        bad.positions[3] = change
        with refused(FrameError, text):
            bad.get_forces()


def test_a_socket_client_has_the_same_numbers(tmp_path):
    """As a driver of i-PI: another program moves the atoms and asks for energy, forces and stress."""
    model, atoms = force_field(), atoms_of(water_frame())
    atoms.calc = gnnzoo.Calculator(model)
    expected = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
    name, driven = f"gnnzoo_{tmp_path.name}_{os.getpid()}", atoms.copy()
    driven.calc = atoms.calc
    moved = atoms.copy()
    with SocketIOCalculator(unixsocket=name, timeout=60) as server:
        client = threading.Thread(target=lambda: SocketClient(unixsocket=name, timeout=60).run(driven, use_stress=True))
        client.start()
        moved.calc = server
        found = moved.get_potential_energy(), moved.get_forces(), moved.get_stress()
    client.join(60)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
