import zipfile

import numpy as np
import pytest

from gnnzoo.deploy.stored_example import read_example
from gnnzoo.errors import ModelError

ATOMS = 5
EXAMPLE = {
    "positions": np.arange(15.0).reshape(ATOMS, 3),
    "forces": np.ones((ATOMS, 3)),
    "cell": 9 * np.eye(3),
    "pbc": np.ones(3, bool),
    "types": np.ones(ATOMS, np.int32),
}


def write(folder, arrays):
    np.savez_compressed(folder / "example.npz", **arrays)


def test_an_example_is_read_as_it_was_written(folder):
    for molecules in ({}, {"molecules": np.arange(ATOMS)}):
        arrays = EXAMPLE | molecules | {"positions": np.asfortranarray(EXAMPLE["positions"])}
        write(folder, arrays)
        found = read_example(folder)
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype


DAMAGES = {
    "missing": {},
    "no forces": {name: array for name, array in EXAMPLE.items() if name != "forces"},
    "objects": EXAMPLE | {"types": np.array([{}] * ATOMS)},
    "text": EXAMPLE | {"types": np.array(["O"] * ATOMS)},
    "not finite": EXAMPLE | {"forces": np.full((ATOMS, 3), np.nan)},
    "other atoms": EXAMPLE | {"forces": np.ones((ATOMS - 1, 3))},
    "no atoms": EXAMPLE | {"types": np.ones(0, np.int32)},
    "one number": EXAMPLE | {"types": np.int32(1)},
    "too long": EXAMPLE | {"positions": np.zeros(13_000_000)},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_example_is_refused(folder, damage):
    if DAMAGES[damage]:
        write(folder, DAMAGES[damage])
    with pytest.raises(ModelError) as caught:
        read_example(folder)
    assert caught.value.location.file.name == "example.npz" and "gnnzoo freeze" in caught.value.hint


def test_an_array_that_announces_more_than_it_has_takes_no_memory(folder):
    np.savez("whole.npz", **EXAMPLE)
    short, long = b"(5, 3), }         ", b"(5000000000, 3), }"
    with zipfile.ZipFile("whole.npz") as whole, zipfile.ZipFile("example.npz", "w") as damaged:
        for member in whole.namelist():
            damaged.writestr(member, whole.read(member).replace(short, long))
        assert long in damaged.read("forces.npy")
    with pytest.raises(ModelError):
        read_example(folder)


def test_another_file_is_refused(folder):
    (folder / "example.npz").write_bytes(b"no archive")
    with pytest.raises(ModelError):
        read_example(folder)
