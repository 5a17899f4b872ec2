"""LAMMPS' own dump styles extxyz and xyz, next to its custom dump of the same run."""

import subprocess

import numpy as np
import pytest

import gnnzoo
from errors import refused
from gnnzoo.data.lammps.run import find_lammps
from gnnzoo.errors import DataError

_ROW = " ".join(["%s", *["%.15g"] * 10])
# A tilted box with an open direction; %%: of Python.
SCRIPT = f"""
units {{units}}
lattice fcc 5.5
region b prism 0 2 0 2 0 2 0.3 -0.4 0.2
boundary p p f
create_box 2 b
create_atoms 1 box
set group all type/fraction 2 0.4 5
labelmap atom 1 Ar 2 Ne
mass 1 39.948
mass 2 20
pair_style lj/cut 6.0
pair_coeff * * {{epsilon}} 3.405
velocity all create 200 12345
fix 1 all nve
timestep {{step}}
dump a all extxyz 5 run.extxyz
dump_modify a forces yes vel yes mass yes sort id format line "{_ROW}"
dump b all custom 5 run.lammpstrj id type x y z vx vy vz fx fy fz
dump_modify b sort id units yes format float %.15g
dump c all xyz 5 run.xyz
thermo 5
thermo_style custom step pe press pxx
run 10
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders with the dumps of the run in real and in metal units."""
    folders = {}
    for units, epsilon, step in (("real", 0.238, 2), ("metal", 0.0103, 0.002)):
        folder = folders[units] = tmp_path_factory.mktemp(units)
        script = SCRIPT.format(units=units, epsilon=epsilon, step=step)
        command = [str(find_lammps()), "-nb", "-log", "log.lammps"]
        subprocess.run(command, input=script, cwd=folder, check=True, capture_output=True, text=True)
    return folders


@pytest.mark.parametrize("units", ["real", "metal"])
def test_dumps_of_style_extxyz_are_those_of_style_custom(runs, units, tmp_path):
    made = gnnzoo.convert(runs[units] / "run.extxyz", tmp_path / "a.h5", units=units)
    logged = gnnzoo.convert(runs[units] / "run.lammpstrj", tmp_path / "b.h5", log=runs[units] / "log.lammps")
    with gnnzoo.open_dataset(made) as extended, gnnzoo.open_dataset(logged) as custom:
        assert extended.steps.tolist() == [0, 5, 10]
        assert (extended.units, extended.provenance["masses"]) == (units, {"1": 39.948, "2": 20.0})
        for frame, expected in zip(extended, custom, strict=True):
            for name in ("positions", "forces", "velocities"):
                np.testing.assert_allclose(getattr(frame, name), getattr(expected, name), rtol=1e-12)
            assert list(frame.names) == [{"1": "Ar", "2": "Ne"}[name] for name in expected.names]
            np.testing.assert_allclose(frame.cell, expected.cell, rtol=1e-12)
            assert frame.boundary == expected.boundary
            assert frame.energy == pytest.approx(expected.energy, rel=1e-6)  # the log prints 8 digits
            assert frame.virial is None


@pytest.mark.parametrize("units", ["real", "metal"])
def test_units_are_not_assumed_but_inferred_with_evidence(runs, units, tmp_path):
    made = gnnzoo.convert(runs[units] / "run.extxyz", tmp_path / "a.h5")
    assert made.units is None
    assert any(f"--units {units}" in doubt and "K in" in doubt for doubt in made.doubts)


def test_the_pressure_tensor_is_no_virial(runs, tmp_path):
    source = runs["real"] / "run.extxyz"
    assert " Stress=" in source.read_text()
    made = gnnzoo.convert(source, tmp_path / "a.h5", units="real")
    assert any("Stress" in note and "virial" in note for note in made.notes)
    assert gnnzoo.open_dataset(made)[0].virial is None
    for meaning in ("stress", "virial"):
        with refused(DataError, "Stress", hint=f"--column {meaning}=Stress"):
            gnnzoo.convert(source, tmp_path / "b.h5", units="real", columns={meaning: "Stress"})


def test_the_style_xyz_holds_no_forces(runs, tmp_path):
    with refused(DataError, file="run.xyz", hint="dump 1 all custom 100 run.lammpstrj id type x y z fx fy fz"):
        gnnzoo.convert(runs["real"] / "run.xyz", tmp_path / "a.h5")
    source = tmp_path / "a.extxyz"
    source.write_text(
        '1\nTimestep=0 pbc="T T T" Lattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\nAr 1 2 3\n'
    )
    with refused(DataError, hint="dump_modify 1 forces yes"):
        gnnzoo.convert(source, tmp_path / "a.h5")
