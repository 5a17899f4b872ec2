"""Files that ASE writes, as datasets: the numbers are those that ASE reads; errors about missing or invalid fields."""

import sys

import ase.io
import ase.units
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator

import gnnzoo
from errors import refused
from gnnzoo.errors import DataError, UserError
from xyz_files import write_xyz


def water(seed: int = 0, molecules: int = 2, cell=(9.0, 8.0, 7.0), pbc=True, forces=True, **results) -> Atoms:
    """Waters with random positions and forces, as with an ASE calculator."""
    random = np.random.default_rng(seed)
    atoms = Atoms("OHH" * molecules, positions=random.uniform(1, 6, size=(3 * molecules, 3)), cell=cell, pbc=pbc)
    if forces:
        results["forces"] = random.normal(size=(3 * molecules, 3))
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def equal_to_ase(dataset, name):
    """Positions, cells, forces, energies and stresses are those that ASE reads from the file."""
    frames = ase.io.read(name, index=":")
    assert len(dataset) == len(frames)
    for frame, atoms in zip(dataset, frames, strict=True):
        np.testing.assert_allclose(frame.positions, atoms.positions)
        np.testing.assert_allclose(frame.cell, atoms.cell)
        np.testing.assert_array_equal(frame.pbc, atoms.pbc)
        assert list(frame.names) == atoms.get_chemical_symbols()
        np.testing.assert_allclose(frame.forces, atoms.get_forces())
        assert frame.energy == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
        virial = -atoms.get_volume() * atoms.get_stress(voigt=False)
        np.testing.assert_allclose(frame.virial, virial, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(frame.velocities, atoms.get_velocities() * 1000 * ase.units.fs, rtol=1e-6)


@pytest.mark.parametrize("name", ["a.extxyz", "a.xyz", "a.traj"])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_those_that_ase_reads(folder, name, seed):
    random = np.random.default_rng(seed)
    frames = []
    for number in range(4):
        cell = np.diag([9.0, 8, 7]) + random.normal(0, 0.5, (3, 3))
        stress = random.normal(size=6)
        frames.append(water(number, molecules=1 + number, cell=cell, energy=random.normal() * 1e4, stress=stress))
        frames[-1].set_velocities(random.normal(size=(3 * (1 + number), 3)))
    ase.io.write(name, frames)
    equal_to_ase(gnnzoo.open_dataset(name), name)


def opened(frames, name="a.extxyz"):
    ase.io.write(name, frames)
    return gnnzoo.open_dataset(name)


@pytest.mark.parametrize("name", ["a.extxyz", "a.xyz", "a.traj"])
def test_forces_energies_and_cells_are_read(folder, name):
    frames = [water(seed, energy=-1.0 - seed) for seed in range(3)]
    dataset = opened(frames, name)
    rtol = 0 if name.endswith("traj") else 1e-6  # ASE prints 8 decimals
    assert (dataset.units, dataset.type_names, len(dataset)) == ("metal", {1: "H", 2: "O"}, 3)
    for number, (frame, atoms) in enumerate(zip(dataset, frames, strict=True)):
        np.testing.assert_allclose(frame.positions, atoms.positions, rtol=rtol)
        np.testing.assert_allclose(frame.forces, atoms.get_forces(), rtol=rtol, atol=1e-8)
        np.testing.assert_array_equal(frame.cell, np.diag([9.0, 8.0, 7.0]))
        np.testing.assert_array_equal(frame.ids, np.arange(1, 7))
        assert list(frame.names) == list("OHHOHH")
        assert (frame.step, frame.energy, frame.boundary) == (number, -1.0 - number, ("pp", "pp", "pp"))


@pytest.mark.parametrize("name", ["a.extxyz", "a.traj"])
def test_tilted_cells_and_mixed_boundaries(folder, name):
    cell = [[9.0, 0.5, 0.0], [-0.5, 8.0, 1.0], [0.0, 1.0, 7.0]]
    (frame,) = opened([water(cell=cell, pbc=[True, False, True])], name)
    np.testing.assert_array_equal(frame.cell, cell)
    assert frame.boundary == ("pp", "ff", "pp")


def test_molecules_without_a_cell_get_a_box_around_them(folder):
    atoms = water(cell=None, pbc=False)
    atoms.positions[:, 2] = 1.0  # flat
    atoms.calc = SinglePointCalculator(atoms, forces=atoms.positions)  # for the new positions
    (frame,) = opened([atoms], "a.traj")
    assert frame.boundary == ("ss", "ss", "ss")
    assert frame.volume > 0
    fractions = (frame.positions - frame.origin) @ np.linalg.inv(frame.cell)
    assert fractions.min() > 0
    assert fractions.max() < 1


def test_a_slab_gets_a_box_along_its_open_direction(folder):
    (frame,) = opened([water(cell=[9, 8, 0], pbc=[True, True, False])], "a.traj")
    assert frame.boundary == ("pp", "pp", "ss")
    np.testing.assert_allclose(frame.cell[:2], [[9, 0, 0], [0, 8, 0]])
    heights = frame.positions[:, 2]
    assert frame.origin[2] == pytest.approx(heights.min() - 1)
    assert frame.cell[2, 2] == pytest.approx(np.ptp(heights) + 2)


def test_atoms_may_change_from_frame_to_frame(folder):
    frames = [water(0), water(1, molecules=3), water(2, molecules=1)]
    frames.append(Atoms("ArO", positions=[[1, 1, 1], [4, 4, 4]], cell=[9, 8, 7], pbc=True))
    frames[-1].calc = SinglePointCalculator(frames[-1], forces=np.ones((2, 3)))
    dataset = opened(frames, "a.traj")
    assert [len(frame) for frame in dataset] == [6, 9, 3, 2]
    assert list(dataset[3].names) == ["Ar", "O"]
    assert dataset.type_names == {1: "H", 2: "O", 3: "Ar"}
    np.testing.assert_array_equal(dataset[1].forces, frames[1].get_forces())


@pytest.mark.parametrize("name", ["a.extxyz", "a.traj"])
def test_velocities_are_converted_to_metal_units(folder, name):
    """1 A/fs is 1000 A/ps."""
    atoms = water()
    atoms.set_velocities(np.full((6, 3), 0.5) / ase.units.fs)
    (frame,) = opened([atoms], name)
    np.testing.assert_allclose(frame.velocities, 500.0, rtol=1e-6)


def test_charges_molecules_energies_and_ids(folder):
    atoms = water()
    atoms.set_initial_charges([-0.8, 0.4, 0.4] * 2)
    atoms.new_array("mol", np.repeat([7, 3], 3))
    atoms.new_array("id", np.array([6, 5, 4, 3, 2, 1]))
    results = {"forces": atoms.positions / 3, "energies": np.arange(6.0), "energy": 15.0}
    atoms.calc = SinglePointCalculator(atoms, **results)
    (frame,) = opened([atoms])
    assert frame.ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert list(frame.names) == list("HHOHHO")
    assert frame.molecules.tolist() == [3, 3, 3, 7, 7, 7]
    np.testing.assert_allclose(frame.charges, [0.4, 0.4, -0.8] * 2)
    np.testing.assert_allclose(frame.energies, np.arange(6.0)[::-1])
    np.testing.assert_allclose(frame.forces, atoms.get_forces()[::-1], atol=1e-8)


def test_steps_times_and_segments(folder):
    frames = [water(seed) for seed in range(4)]
    for atoms, step in zip(frames, (0, 50, 10, 20), strict=True):
        atoms.info |= {"step": step, "time": step / 1000, "units": "metal"}
    dataset = opened(frames)
    assert dataset.steps.tolist() == [0, 50, 10, 20]
    assert dataset.segments.tolist() == [0, 0, 1, 1]
    assert [frame.time for frame in dataset] == [0, 0.05, 0.01, 0.02]


def test_forces_that_are_plain_columns(folder):
    """As other programs write them: ASE does not treat these as results of a calculator."""
    row = '1\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3:force:R:3\nAr 1 2 3 {} 0.25 -1\n'
    (folder / "a.xyz").write_text(row.format(0.5))
    np.testing.assert_array_equal(gnnzoo.open_dataset("a.xyz")[0].forces, [[0.5, 0.25, -1]])


# --- virials ------------------------------------------------------------------------------------------------------

VIRIAL = np.array([[4.0, 0.5, -1.0], [0.5, 2.0, 0.25], [-1.0, 0.25, -3.0]])


def stress_of(virial: np.ndarray, volume: float = 9.0 * 8 * 7) -> np.ndarray:
    """In the order xx yy zz yz xz xy."""
    return -virial[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / volume


@pytest.mark.parametrize("name", ["a.extxyz", "a.traj"])
def test_the_virial_is_minus_the_strain_gradient_of_the_energy(folder, name):
    """From the stress of an ASE calculator in a tilted cell, by finite differences: -(E(1 + h e) - E(1 - h e)) / 2h."""
    cell = np.array([[6.0, 0.4, 0.0], [-0.5, 6.5, 0.3], [0.0, 0.8, 7.0]])
    positions = np.random.default_rng(5).uniform(-0.3, 0.3, (8, 3)) + np.indices((2, 2, 2)).reshape(3, -1).T * 3.0
    atoms = Atoms("Ar8", positions=positions, cell=cell, pbc=True)
    atoms.calc = LennardJones(sigma=2.7, epsilon=0.05, rc=6.0, smooth=True)
    results = {of: atoms.calc.get_property(of, atoms) for of in ("energy", "forces", "stress")}

    def energy(strain):
        moved = atoms.copy()
        moved.set_cell(cell @ (np.eye(3) + strain), scale_atoms=True)
        moved.calc = LennardJones(sigma=2.7, epsilon=0.05, rc=6.0, smooth=True)
        return moved.get_potential_energy()

    gradient = np.zeros((3, 3))
    for component in np.ndindex(3, 3):
        strain = np.zeros((3, 3))
        strain[component] = 1e-5
        gradient[component] = (energy(strain) - energy(-strain)) / 2e-5
    atoms.calc = SinglePointCalculator(atoms, **results)
    (frame,) = opened([atoms], name)
    np.testing.assert_allclose(frame.virial, -gradient, atol=1e-5 * np.abs(gradient).max())
    assert np.abs(gradient[0, 1]) > 0.01 * np.abs(gradient).max()


@pytest.mark.parametrize("name", ["a.extxyz", "a.traj"])
@pytest.mark.parametrize("matrix", [VIRIAL, VIRIAL + np.triu(np.ones((3, 3)), 1)])
def test_a_virial_in_the_comment_line_is_read_unchanged(folder, name, matrix):
    with_virial, without = water(0, stress=stress_of(matrix + matrix.T) / 2), water(1)
    with_virial.info["virial"] = matrix
    dataset = opened([with_virial, without], name)
    np.testing.assert_allclose(dataset[0].virial, matrix, rtol=1e-7)
    assert dataset[1].virial is None


def test_nine_numbers_are_a_virial_too(folder):
    atoms = water()
    atoms.info["virial"] = VIRIAL.ravel()
    np.testing.assert_array_equal(opened([atoms], "a.traj")[0].virial, VIRIAL)


def test_a_stress_that_contradicts_the_virial_is_reported(folder):
    frames = [water(seed, stress=stress_of(VIRIAL) * (160.2 if seed else 1)) for seed in range(2)]  # the second in GPa
    for atoms in frames:
        atoms.info["virial"] = VIRIAL
    ase.io.write("a.extxyz", frames)
    doubts = gnnzoo.convert("a.extxyz", "a.h5").doubts
    assert any(all(part in doubt for part in ("frame 1", "3 eV", "480.6")) for doubt in doubts)
    np.testing.assert_allclose(gnnzoo.open_dataset("a.h5")[1].virial, VIRIAL)


def test_a_stress_without_a_volume_or_not_finite_is_not_a_virial(folder):
    slab = water(0, cell=[9, 8, 0], pbc=[True, True, False], stress=stress_of(VIRIAL))
    unknown = water(1, stress=np.array([np.nan, *stress_of(VIRIAL)[1:]]))
    assert [frame.virial for frame in opened([slab, unknown], "a.traj")] == [None, None]


@pytest.mark.parametrize("key", ["stress", "virial"])
def test_six_numbers_are_in_the_order_of_ase(folder, key):
    numbers = stress_of(VIRIAL) * (1 if key == "stress" else -9.0 * 8 * 7)
    write_xyz("a.extxyz", {"forces": 0.5}, **{key: " ".join(map(str, numbers))})
    made = gnnzoo.convert("a.extxyz", "a.h5")
    np.testing.assert_allclose(gnnzoo.open_dataset("a.h5")[0].virial, VIRIAL, rtol=1e-7)
    assert any("xx yy zz yz xz xy" in note for note in made.notes)


# --- errors -------------------------------------------------------------------------------------------------------


def assert_refused(frames, *names, file="a.traj", **where):
    ase.io.write(file, frames)
    with refused(DataError, *names, file=file, **where):
        gnnzoo.convert(file, "a.h5")


def test_files_without_forces_are_refused(folder):
    silent = water(energy=1.0, forces=False)
    assert_refused([silent], "positions", "energy", expected="forces:R:3")
    assert not (folder / "a.h5").exists()


def test_numbers_that_are_not_finite_are_refused(folder):
    atoms = water()
    atoms.calc.results["forces"][2, 1] = np.nan
    assert_refused([atoms], "forces", "frame 0", expected="finite")


def test_an_id_that_appears_twice_is_refused(folder):
    atoms = water()
    atoms.new_array("id", np.array([1, 2, 3, 4, 5, 5]))
    assert_refused([atoms], "frame 0", "5", file="a.extxyz", line=2, expected="each atom once")


@pytest.mark.parametrize(("column", "values"), [("id", [1, 2, 3, 4, 5, 6.5]), ("molecule", [1, 1, 1, 2, 2, 1e17])])
def test_ids_and_molecules_that_are_no_whole_numbers_are_refused(folder, column, values):
    atoms = water()
    atoms.new_array(column, np.array(values))
    assert_refused([atoms], "frame 0", "atom 6", file="a.extxyz", line=8, expected="whole numbers")


@pytest.mark.parametrize(("name", "text"), [("a.extxyz", "3\n\nO 1 2\n"), ("a.traj", "no trajectory"), ("a.xyz", "")])
def test_files_that_ase_cannot_read_are_refused(folder, name, text):
    (folder / name).write_text(text)
    with refused(DataError, file=name):
        gnnzoo.convert(name, "a.h5")


def test_ase_may_be_missing(folder, monkeypatch):
    for name in ("a.extxyz", "a.traj"):
        ase.io.write(name, water())
    monkeypatch.setitem(sys.modules, "ase.io", None)
    assert gnnzoo.convert("a.extxyz", "a.h5").frames == 1
    with refused(UserError, "ASE", hint="pip install ase"):
        gnnzoo.convert("a.traj", "b.h5")
