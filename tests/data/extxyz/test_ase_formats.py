"""Files that ASE reads: their format by name, and the energy that forces are derivatives of."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import write

from errors import refused
from gnnzoo.data.data_source import SourceKind, ase_format, resolve_source
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError


def frames(count=3):
    """Copper dimers whose free energy is not their energy."""
    found = []
    for number in range(count):
        atoms = Atoms("Cu2", [[0, 0, 0], [2.3 + 0.1 * number, 0, 0]], cell=[8, 9, 10], pbc=True)
        forces = np.array([[0.5, 0, 0], [-0.5, 0, 0]]) * (number + 1)
        results = {"energy": -7.0 - number, "free_energy": -7.5 - number, "forces": forces, "stress": np.full(6, 0.01)}
        atoms.calc = SinglePointCalculator(atoms, **results)
        found.append(atoms)
    return found


def write_db(path, atoms):
    with connect(path) as database:
        for one in atoms:
            database.write(one)


@pytest.mark.parametrize(("name", "save"), [("a.traj", write), ("a.db", write_db)])
def test_frames_with_the_energy_of_their_forces(tmp_path, name, save):
    save(tmp_path / name, frames())
    with open_dataset(tmp_path / name) as dataset:
        assert [frame.energy for frame in dataset] == [-7.5, -8.5, -9.5]
        np.testing.assert_array_equal(dataset[2].forces, frames()[2].get_forces())
        np.testing.assert_allclose(dataset[0].virial[0, 0], -0.01 * 720, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("OUTCAR", "vasp-out"),
        ("6362_OUTCAR", "vasp-out"),
        ("OUTCAR.gz", "vasp-out"),
        ("vasprun.xml", "vasp-xml"),
        ("run.pwo", "espresso-out"),
        ("OUTCAR_to_dump.lammpstrj", "vasp-out"),
        ("a.lammpstrj", None),
        ("POSCAR", None),
    ],
)
def test_formats_by_name(name, expected):
    assert ase_format(Path(name)) == expected


def test_a_dump_is_one_whatever_its_name(tmp_path):
    (tmp_path / "OUTCAR_to_dump.lammpstrj").write_text("ITEM: TIMESTEP\n0\n")
    assert resolve_source(tmp_path / "OUTCAR_to_dump.lammpstrj").kind is SourceKind.DUMP


@pytest.mark.parametrize("name", ["OUTCAR", "vasprun.xml", "a.pwo", "a.castep", "a.db"])
def test_a_file_that_ase_cannot_read_is_refused(tmp_path, name):
    (tmp_path / name).write_text("nothing of the kind\n")
    with refused(DataError, file=tmp_path / name, expected=ase_format(tmp_path / name)):
        open_dataset(tmp_path / name)
