"""Files made by ASE: what they hold comes through in metal units, and what a dataset needs and they lack is told."""

import sys

import ase.io
import ase.units
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator

import gnnzoo
from gnnzoo.errors import DataError, UserError


def water(seed: int = 0, molecules: int = 2, cell=(9.0, 8.0, 7.0), pbc=True, forces=True, **results) -> Atoms:
    """Waters with random places and forces, as a calculator of ASE's leaves them."""
    random = np.random.default_rng(seed)
    atoms = Atoms("OHH" * molecules, positions=random.uniform(1, 6, size=(3 * molecules, 3)), cell=cell, pbc=pbc)
    if forces:
        results["forces"] = random.normal(size=(3 * molecules, 3))
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def opened(frames, name="a.extxyz"):
    ase.io.write(name, frames)
    return gnnzoo.open_dataset(name)


@pytest.mark.parametrize("name", ["a.extxyz", "a.xyz", "a.traj"])
def test_forces_energies_and_cells_come_through(folder, name):
    frames = [water(seed, energy=-1.0 - seed) for seed in range(3)]
    dataset = opened(frames, name)
    rtol = 0 if name.endswith("traj") else 1e-6  # ASE prints 8 digits behind the point
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
    atoms.calc = SinglePointCalculator(atoms, forces=atoms.positions)  # the one before is of other positions
    (frame,) = opened([atoms], "a.traj")
    assert frame.boundary == ("ss", "ss", "ss")
    assert frame.volume > 0
    fractions = (frame.positions - frame.origin) @ np.linalg.inv(frame.cell)
    assert fractions.min() > 0
    assert fractions.max() < 1


def test_a_slab_gets_a_box_along_what_it_lacks(folder):
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
def test_velocities_are_turned_into_metal_units(folder, name):
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
        atoms.info |= {"step": step, "time": step / 1000}
    dataset = opened(frames)
    assert dataset.steps.tolist() == [0, 50, 10, 20]
    assert dataset.segments.tolist() == [0, 0, 1, 1]
    assert [frame.time for frame in dataset] == [0, 0.05, 0.01, 0.02]


def test_forces_that_are_plain_columns(folder):
    """As other programs write them: no calculator's results by ASE's reckoning."""
    row = '1\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3:force:R:3\nAr 1 2 3 {} 0.25 -1\n'
    (folder / "a.xyz").write_text(row.format(0.5))
    np.testing.assert_array_equal(gnnzoo.open_dataset("a.xyz")[0].forces, [[0.5, 0.25, -1]])


# --- virials ------------------------------------------------------------------------------------------------------

VIRIAL = np.array([[4.0, 0.5, -1.0], [0.5, 2.0, 0.25], [-1.0, 0.25, -3.0]])


def stress_of(virial: np.ndarray, volume: float = 9.0 * 8 * 7) -> np.ndarray:
    """In the order xx yy zz yz xz xy."""
    return -virial[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / volume


@pytest.mark.parametrize("name", ["a.extxyz", "a.traj"])
def test_the_virial_is_the_slope_of_the_energy_along_strains(folder, name):
    """Of what a calculator of ASE's says of its stress, in a tilted cell: -(E(1 + h e) - E(1 - h e)) / 2h."""
    cell = np.array([[6.0, 0.4, 0.0], [-0.5, 6.5, 0.3], [0.0, 0.8, 7.0]])
    places = np.random.default_rng(5).uniform(-0.3, 0.3, (8, 3)) + np.indices((2, 2, 2)).reshape(3, -1).T * 3.0
    atoms = Atoms("Ar8", positions=places, cell=cell, pbc=True)
    atoms.calc = LennardJones(sigma=2.7, epsilon=0.05, rc=6.0, smooth=True)
    results = {of: atoms.calc.get_property(of, atoms) for of in ("energy", "forces", "stress")}

    def energy(strain):
        moved = atoms.copy()
        moved.set_cell(cell @ (np.eye(3) + strain), scale_atoms=True)
        moved.calc = LennardJones(sigma=2.7, epsilon=0.05, rc=6.0, smooth=True)
        return moved.get_potential_energy()

    slopes = np.zeros((3, 3))
    for place in np.ndindex(3, 3):
        strain = np.zeros((3, 3))
        strain[place] = 1e-5
        slopes[place] = (energy(strain) - energy(-strain)) / 2e-5
    atoms.calc = SinglePointCalculator(atoms, **results)
    (frame,) = opened([atoms], name)
    np.testing.assert_allclose(frame.virial, -slopes, atol=1e-5 * np.abs(slopes).max())
    assert np.abs(slopes[0, 1]) > 0.01 * np.abs(slopes).max()


@pytest.mark.parametrize("name", ["a.extxyz", "a.traj"])
@pytest.mark.parametrize("matrix", [VIRIAL, VIRIAL + np.triu(np.ones((3, 3)), 1)])
def test_a_virial_in_the_comment_is_taken_as_it_is(folder, name, matrix):
    told, silent = water(0, stress=stress_of(matrix + matrix.T) / 2), water(1)
    told.info["virial"] = matrix
    dataset = opened([told, silent], name)
    np.testing.assert_allclose(dataset[0].virial, matrix, rtol=1e-7)
    assert dataset[1].virial is None


def test_nine_numbers_are_a_virial_too(folder):
    atoms = water()
    atoms.info["virial"] = VIRIAL.ravel()
    np.testing.assert_array_equal(opened([atoms], "a.traj")[0].virial, VIRIAL)


def test_a_stress_beside_another_virial_is_doubted(folder, capsys):
    frames = [water(seed, stress=stress_of(VIRIAL) * (160.2 if seed else 1)) for seed in range(2)]  # the second in GPa
    for atoms in frames:
        atoms.info["virial"] = VIRIAL
    ase.io.write("a.extxyz", frames)
    gnnzoo.convert("a.extxyz", "a.h5")
    said = capsys.readouterr().err
    assert "virial and stress of frame 1 contradict each other: the virial has a trace of 3 eV" in said
    assert "-stress times volume one of 480.6" in said
    np.testing.assert_allclose(gnnzoo.open_dataset("a.h5")[1].virial, VIRIAL)


def test_a_stress_without_a_volume_or_a_number_is_no_virial(folder):
    slab = water(0, cell=[9, 8, 0], pbc=[True, True, False], stress=stress_of(VIRIAL))
    unknown = water(1, stress=np.array([np.nan, *stress_of(VIRIAL)[1:]]))
    assert [frame.virial for frame in opened([slab, unknown], "a.traj")] == [None, None]


def test_a_virial_that_is_no_matrix_is_refused(folder):
    atoms = water()
    atoms.info["virial"] = stress_of(VIRIAL)
    error = refused([atoms], r"the virial of frame 0 is not a matrix: its shape is \(6,\)")
    assert "3 x 3" in error.expected


# --- what goes wrong ----------------------------------------------------------------------------------------------


def refused(frames, match, name="a.traj"):
    ase.io.write(name, frames)
    with pytest.raises(DataError, match=match) as caught:
        gnnzoo.convert(name, "a.h5")
    assert name in str(caught.value)
    return caught.value


def test_frames_without_forces_are_refused(folder):
    error = refused([water(energy=1.0, forces=False)], "frame 0 holds no forces: it holds energy, numbers, positions")
    assert "forces:R:3" in error.expected
    refused([water(), water(forces=False)], "frame 1 holds no forces")
    assert not (folder / "a.h5").exists()


def test_frames_that_do_not_hold_the_same_are_refused(folder):
    other = water(1)
    other.set_velocities(np.ones((6, 3)))
    refused([water(), other], "frame 1 and frame 0 do not hold the same: velocities")


def test_numbers_that_are_none_are_refused(folder):
    atoms = water()
    atoms.calc.results["forces"][2, 1] = np.nan
    refused([atoms], "forces of frame 0 hold what is not a number")


def test_an_id_that_comes_twice_is_refused(folder):
    atoms = water()
    atoms.new_array("id", np.array([1, 2, 3, 4, 5, 5]))
    refused([atoms], "an id comes twice", "a.extxyz")


@pytest.mark.parametrize(("name", "text"), [("a.extxyz", "3\n\nO 1 2\n"), ("a.traj", "no trajectory"), ("a.xyz", "")])
def test_files_that_ase_cannot_read_are_refused(folder, name, text):
    (folder / name).write_text(text)
    with pytest.raises(DataError) as caught:
        gnnzoo.convert(name, "a.h5")
    assert name in str(caught.value)


def test_ase_may_be_missing(folder, monkeypatch):
    ase.io.write("a.extxyz", water())
    monkeypatch.setitem(sys.modules, "ase.io", None)
    with pytest.raises(UserError, match="ASE, which reads such files, is not installed") as caught:
        gnnzoo.convert("a.extxyz", "a.h5")
    assert "pip install ase" in caught.value.hint
