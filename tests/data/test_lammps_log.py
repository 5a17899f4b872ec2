"""Energies from LAMMPS' logs: every style of its tables, the right run, and what is said when nothing fits."""

import numpy as np
import pytest

import dumps
from gnnzoo.data.h5md import H5mdDataset
from gnnzoo.errors import DataError
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.datasets import open_dataset

COLUMNS = """LAMMPS (22 Jul 2025)
units real
thermo_style custom step temp pe
Per MPI rank memory allocation (min/avg/max) = 3.1 | 3.1 | 3.1 Mbytes
   Step          Temp          PotEng
         0   300            -10.5
WARNING: something in between
        10   299.5          -11.5
        15   299.5          -11.6
        20   299            -12.5
Loop time of 0.1 on 1 procs for 20 steps with 27 atoms
"""
ONE = (
    COLUMNS.replace("Temp          PotEng", "Temp  E_pair E_mol TotEng Press")
    .replace("0   300            -10.5", "0   300 -10 -0.5 3 1")
    .replace("299.5          -11.5", "299.5 -11 -0.5 3 1")
    .replace("299            -12.5", "299 -12 -0.5 3 1")
)
DIFFERENCE = "Step PotE TotEng KinEng\n" + "".join(f"{10 * i} 0 {-10.5 - i + 7} 7\n" for i in range(3))
MULTI = "".join(
    f"------------ Step {10 * i:14d} ----- CPU =            0 (sec) -------------\n"
    f"TotEng   =        -1.0 KinEng   =         9.0 Temp     =       300.0 \n"
    f"PotEng   =       {-10.5 - i} E_bond   =         0.0 E_angle  =         0.0 \n"
    for i in range(3)
)
YAML = (
    "---\nkeywords: ['Step', 'Temp', 'PotEng', ]\ndata:\n"
    + "".join(f"  - [{10 * i}, 300, {-10.5 - i}, ]\n" for i in range(3))
    + "...\n"
)


@pytest.mark.parametrize(
    "text", [COLUMNS, ONE, DIFFERENCE, MULTI, YAML], ids=["custom", "one", "total", "multi", "yaml"]
)
def test_energies_are_joined_by_step(folder, text):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    (folder / "log.lammps").write_text(text)
    dataset = open_dataset(convert(dump, log="log.lammps"))
    assert [frame.energy for frame in dataset] == pytest.approx([-10.5, -11.5, -12.5], rel=1e-12)
    assert dataset.provenance["logs"]["frames"] == 3


def test_frames_without_an_energy_are_counted(folder, capsys):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=5)
    (folder / "log.lammps").write_text(COLUMNS)
    dataset = open_dataset(convert(dump, log="log.lammps"))
    assert [frame.energy for frame in dataset] == [-10.5, -11.5, -12.5, None, None]
    assert "energies  of 3 frames from log.lammps, 2 frames have none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("units", "said", "factor"),
    [("lj", "", 27), ("lj", "thermo_modify norm no\n", 1), ("real", "thermo_modify norm yes\n", 27)],
)
def test_energies_told_per_atom_are_multiplied(folder, units, said, factor):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units=units)
    (folder / "log.lammps").write_text(said + COLUMNS)
    dataset = open_dataset(convert(dump, log="log.lammps"))
    assert dataset[1].energy == -11.5 * factor
    assert dataset.provenance["logs"]["per_atom"] == (factor > 1)


def test_each_segment_takes_the_energies_of_its_own_run(folder):
    runs = [dumps.argon_dump(folder / f"{n}.lammpstrj", frames=3, seed=n, units="real") for n in range(2)]
    logs = [folder / f"log.{n}" for n in range(2)]
    logs[0].write_text(COLUMNS)
    logs[1].write_text(COLUMNS.replace("-1", "-2"))
    dataset = open_dataset(convert(runs, "a.h5", log=logs))
    assert [frame.energy for frame in dataset] == [-10.5, -11.5, -12.5, -20.5, -21.5, -22.5]
    with pytest.raises(DataError, match=r"different energies of step 0: -10\.5 and -20\.5"):
        convert(runs[0], "b.h5", log=logs)  # of the first run or of the second?
    assert not (folder / "b.h5").exists()


def test_a_minimisation_before_the_run_is_passed_over(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    before = COLUMNS.replace("Per MPI", "Setting up cg style minimization ...\nPer MPI").replace("-1", "-3")
    (folder / "log.lammps").write_text(before + COLUMNS.replace("Per MPI", "Setting up Verlet run ...\nPer MPI"))
    dataset = open_dataset(convert(dump, log="log.lammps"))
    assert [frame.energy for frame in dataset] == [-10.5, -11.5, -12.5]


def test_atoms_tell_runs_apart_that_go_on_from_one_another(folder):
    """Between two runs atoms are taken out: the step between them is told twice."""
    large, small = dumps.argon(3, side=3), dumps.argon(3, side=2)
    dump = dumps.write_dump(folder / "a.lammpstrj", [large[0], small[1], small[2]], units="real")
    table = "   Step PotEng\n{} -10.5\n{} -11.5\nLoop time of 0.1 on 1 procs for 10 steps with {} atoms\n"
    (folder / "log.lammps").write_text(table.format(0, 10, 27) + table.format(10, 20, 8))
    dataset = open_dataset(convert(dump, log="log.lammps"))
    assert [frame.energy for frame in dataset] == [-10.5, -10.5, -11.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing\n", "tells no potential energies"),
        (COLUMNS.replace("PotEng", "Density"), "tells no potential energies"),
        ("Step PotEng\n 7 1.0\n 8 1.0\n", "2 steps from 7 to 8"),
    ],
)
def test_logs_that_do_not_help_are_refused(folder, text, message):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3)
    (folder / "log.lammps").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        convert(dump, log="log.lammps")
    assert "thermo" in caught.value.hint
    assert not (folder / "a.h5").exists()


def test_a_dataset_carries_its_energies_on(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    (folder / "log.lammps").write_text(COLUMNS)
    convert(dump, log="log.lammps")
    again = H5mdDataset(convert("a.h5", "b.h5"))
    assert np.array_equal([frame.energy for frame in again], [-10.5, -11.5, -12.5])
