"""Units of extended XYZ: stated, declared, by convention, and contradicted by the numbers."""

import re
import subprocess

import ase.io
import ase.units
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

import dumps
import gnnzoo
from errors import refused
from gnnzoo.data.extxyz.units import units_of
from gnnzoo.errors import DataError, Location, UserError
from xyz_files import write_xyz

KCAL = ase.units.kcal / ase.units.mol
HARTREE, BOHR = ase.units.Hartree, ase.units.Bohr


def read(**options):
    made = gnnzoo.convert("a.extxyz", "a.h5", overwrite=True, **options)
    with gnnzoo.open_dataset("a.h5") as dataset:
        return made, dataset[0]


def test_declared_units_are_those_of_the_numbers(folder):
    write_xyz("a.extxyz", {"forces": 0.5}, energy=-2, stress="1 0 0 0 1 0 0 0 1")
    for units in ("real", "metal", "lj"):
        made, frame = read(units=units)
        assert (made.units, frame.units, frame.forces[0, 0], frame.energy) == (units, units, 0.5, -2)
        assert frame.virial[0, 0] == pytest.approx(-9 * 8 * 7)
    with refused(UserError, expected="real"):
        read(units="reel")


def test_undeclared_units_are_those_of_ase_and_said_to_be_a_convention(folder):
    write_xyz("a.extxyz", {"forces": 0.5})
    made, _ = read()
    assert made.units == "metal"
    (line,) = [note for note in made.notes if note.startswith("units")]
    assert "ASE" in line
    quantities = gnnzoo.open_dataset("a.h5").provenance["quantities"]
    assert quantities["units_by_convention"]
    assert not any("ASE" in note for note in read(units="metal")[0].notes)


@pytest.mark.parametrize("name", ["a.extxyz", "a.traj"])
def test_bonds_that_contradict_the_convention_leave_the_units_undeclared(folder, name):
    """Water as by a force field in kcal/mol."""
    frames = []
    for step in dumps.water(frames=4):
        atoms = Atoms("OHH" * 8, positions=step.positions, cell=step.cell, pbc=True)
        atoms.calc = SinglePointCalculator(atoms, forces=step.forces)
        frames.append(atoms)
    ase.io.write(name, frames)
    made = gnnzoo.convert(name, "a.h5")
    assert made.units is None
    assert any("--units real" in doubt for doubt in made.doubts)
    assert gnnzoo.convert(name, "b.h5", units="real").units == "real"


def test_bonds_in_atomic_units_are_a_doubt_with_the_command_that_states_them(folder):
    frames = []
    for step in dumps.water(frames=4):
        atoms = Atoms("OHH" * 8, positions=step.positions, cell=step.cell, pbc=True)
        atoms.calc = SinglePointCalculator(atoms, forces=step.forces * KCAL / (HARTREE / BOHR))
        frames.append(atoms)
    ase.io.write("a.extxyz", frames)
    doubts = gnnzoo.convert("a.extxyz", "a.h5").doubts
    (command,) = re.findall(r"sed -i '[^']*' a.extxyz", " ".join(doubts))
    subprocess.run(command, shell=True, check=True, cwd=folder)
    made, _ = read()
    assert made.units == "metal"
    assert not any("sed" in doubt for doubt in made.doubts)


STATED = [
    ("energy-unit=eV force-unit=eV/Ang", "metal", 1, 1, 1),
    ("energy_unit=kcal/mol", "real", 1, 1, 1),
    ('energy-unit="kcal/mol" forces_unit="kcal/mol/A" length-unit=Angstrom', "real", 1, 1, 1),
    ("units=real", "real", 1, 1, 1),
    ("units=metal", "metal", 1, 1, 1),
    ("energy-unit=Ha force-unit=Ha/Bohr length-unit=Bohr", "metal", BOHR, HARTREE, HARTREE / BOHR),
    ("energy-unit=Hartree force-unit=Hartree/Bohr", "metal", 1, HARTREE, HARTREE / BOHR),
    ("energy-unit=Hartree force-unit=eV/A", "metal", 1, HARTREE, 1),
    ("force-unit=Ha/Bohr", "metal", 1, HARTREE, HARTREE / BOHR),
    ("units=au", "metal", BOHR, HARTREE, HARTREE / BOHR),
    ("energy-unit=kJ/mol", "metal", 1, KCAL / 4.184, KCAL / 4.184),
    ("energy-unit=kJ/mol force-unit=kJ/mol/nm length-unit=nm", "metal", 10, KCAL / 4.184, KCAL / 41.84),
    ("energy-unit=Ry force-unit=Ry/Bohr", "metal", 1, HARTREE / 2, HARTREE / 2 / BOHR),
    ("energy-unit=meV", "metal", 1, 1e-3, 1e-3),
]


@pytest.mark.parametrize(("words", "style", "length", "energy", "force"), STATED, ids=[case[0] for case in STATED])
def test_stated_units_are_converted_with_the_constants_of_ase(folder, words, style, length, energy, force):
    write_xyz("a.extxyz", {"forces": 0.5, "local_energy": (3.0,)}, words, energy=-2, virial="4 0 0 0 4 0 0 0 4")
    made, frame = read()
    assert made.units == style
    np.testing.assert_allclose(frame.positions[0], np.array([1, 2, 3]) * length, rtol=1e-7)
    np.testing.assert_allclose(np.diag(frame.cell), np.array([9, 8, 7]) * length, rtol=1e-7)
    assert frame.forces[0, 0] == pytest.approx(0.5 * force, rel=1e-7)
    assert frame.energy == pytest.approx(-2 * energy, rel=1e-7)
    assert frame.energies[0] == pytest.approx(3 * energy, rel=1e-7)
    assert frame.virial[0, 0] == pytest.approx(4 * energy, rel=1e-7)
    assert any(words.split("=")[0] in note for note in made.notes if note.startswith("units"))


@pytest.mark.parametrize(
    ("unit", "size"),
    [("GPa", ase.units.GPa), ("kbar", ase.units.GPa / 10), ("eV/A^3", 1.0), ("eV/Ang3", 1.0), ("kcal/mol/A^3", KCAL)],
)
def test_units_of_stresses(folder, unit, size):
    write_xyz("a.extxyz", {"forces": 0.5}, f"stress-unit={unit}", stress="1 0 0 0 1 0 0 0 1")
    assert read()[1].virial[0, 0] == pytest.approx(-size * 9 * 8 * 7, rel=1e-7)


def test_units_that_are_not_known_are_refused_by_name(folder):
    write_xyz("a.extxyz", {"forces": 0.5}, "energy-unit=furlong")
    with refused(DataError, "energy-unit=furlong", file="a.extxyz", line=2, hint="--units metal"):
        read()
    assert read(units="metal")[0].units == "metal"


def test_a_unit_of_forces_that_is_not_stated_is_asked_for(folder):
    write_xyz("a.extxyz", {"forces": 0.5}, "energy-unit=Ha")
    with refused(DataError, "energy-unit=Ha", hint="force-unit=Ha/Bohr"):
        read()


def test_declared_units_that_contradict_stated_ones_are_refused(folder):
    write_xyz("a.extxyz", {"forces": 0.5}, "energy-unit=kcal/mol")
    with refused(DataError, "kcal/mol", "metal", expected="real", hint="--units real"):
        read(units="metal")
    assert read(units="real")[0].units == "real"
    with refused(DataError, hint="leave --units out"):
        units_of({"energy-unit": "kJ/mol"}, "real", False, Location("a"))


def test_units_that_change_along_the_file_are_refused(folder):
    write_xyz("a.extxyz", {"forces": 0.5}, "energy-unit=eV")
    write_xyz("b.extxyz", {"forces": 0.5}, "energy-unit=kcal/mol")
    (folder / "a.extxyz").write_text((folder / "a.extxyz").read_text() + (folder / "b.extxyz").read_text())
    with refused(DataError, "frame 1", file="a.extxyz", line=6):
        read()


def test_velocities_and_times_of_no_stated_unit_are_taken_when_declared(folder):
    """GPUMD writes them per fs and in fs."""
    write_xyz("a.extxyz", {"forces": 0.5, "vel": 2.0}, Time=1.5)
    made, frame = read()
    assert (frame.velocities, frame.time) == (None, None)
    for option in ("--column velocities=vel", "--column time=Time"):
        assert any(option in note for note in made.notes)
    frame = read(columns={"velocities": "vel", "time": "Time"})[1]
    assert (frame.velocities[0, 0], frame.time) == (2, 1.5)
    frame = read(units="real")[1]
    assert (frame.velocities[0, 0], frame.time) == (2, 1.5)


def test_velocities_next_to_units_that_are_converted_are_of_no_stated_unit(folder):
    columns = {"forces": 0.5, "vel": 2.0}
    write_xyz("a.extxyz", columns, "energy-unit=Ha length-unit=bohr force-unit=Ha/bohr", Time=1.5)
    made, frame = read()
    assert (frame.velocities, frame.time) == (None, None)
    assert any("--column velocities=vel" in note for note in made.notes)
    write_xyz("a.extxyz", columns, "energy-unit=kcal/mol")
    assert read()[1].velocities[0, 0] == 2


@pytest.mark.parametrize(("units", "factor"), [("metal", 1e3), ("real", 1.0)])
def test_momenta_are_in_the_units_of_ase_in_every_style(folder, units, factor):
    """0.5 A/fs, with a mass of the file."""
    momentum = 0.5 / ase.units.fs * 20
    write_xyz("a.extxyz", {"forces": 0.5, "momenta": (momentum, 0, 0), "masses": (20.0,)})
    assert read(units=units)[1].velocities[0, 0] == pytest.approx(0.5 * factor, rel=1e-6)
