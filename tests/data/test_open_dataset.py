"""Opening data of any form, and declaring what they do not say of themselves."""

import numpy as np
import pytest

import dumps
import gnnzoo
from gnnzoo.errors import DataError, UserError

TYPES = {"1": "O", 2: "H"}


def test_a_dump_and_its_dataset_open_as_the_same_frames(folder):
    dumps.water_dump(folder / "w.lammpstrj")
    from_text = gnnzoo.open_dataset("w.lammpstrj", units="real", types=TYPES)
    from_h5 = gnnzoo.open_dataset(gnnzoo.convert("w.lammpstrj", units="real", types=TYPES))
    assert from_text.fingerprint == from_h5.fingerprint
    for dataset in (from_text, from_h5):
        assert (dataset.units, dataset.type_names) == ("real", {1: "O", 2: "H"})
        frame = dataset[2]
        assert frame.units == "real"
        assert frame.names.tolist() == ["O", "H", "H"] * 8
        assert np.array_equal(frame.positions, from_text[2].positions)


def test_what_is_declared_must_not_contradict_the_data(folder):
    dumps.water_dump(folder / "w.lammpstrj", units="real")
    path = gnnzoo.convert("w.lammpstrj", types={1: "O"})
    dataset = gnnzoo.open_dataset(path, units="real", types={1: "O", 2: "H", 9: "Na"})  # fills in what is open
    assert dataset.type_names == {1: "O", 2: "H"}
    with pytest.raises(DataError, match="type 1 is O in the data, but Ar was declared"):
        gnnzoo.open_dataset(path, types={1: "Ar"})
    for source in (path, "w.lammpstrj"):
        with pytest.raises(DataError, match="units real, but lj was declared"):
            gnnzoo.open_dataset(source, units="lj")
    with pytest.raises(UserError, match="unit style 'reel' is not known"):
        gnnzoo.open_dataset(path, units="reel")
    with pytest.raises(DataError, match="'one' is no type number"):
        gnnzoo.open_dataset(path, types={"one": "O"})


def test_globs_and_lists_of_the_shell_come_in_natural_order(folder):
    numbers = (1, 2, 11, 101)
    for number in numbers:
        dumps.write_dump(folder / f"N.{number}.trj", dumps.argon(frames=1, side=2, seed=number, first=number))
    assert gnnzoo.open_dataset("N.*.trj").steps.tolist() == list(numbers)
    shell = [f"N.{number}.trj" for number in (1, 101, 11, 2)]  # as a shell expands N.*.trj
    assert gnnzoo.open_dataset(shell).steps.tolist() == list(numbers)
    chosen = ["N.11.trj", "N.2.trj", "N.1.trj"]  # an order of the user's own
    assert gnnzoo.open_dataset(chosen).steps.tolist() == [11, 2, 1]
    assert gnnzoo.open_dataset(chosen).segments.tolist() == [0, 1, 2]


def test_what_is_not_there_is_said_with_the_nearest_name(folder):
    dumps.argon_dump(folder / "argon.lammpstrj")
    with pytest.raises(DataError, match=r"no file 'argn.lammpstrj'. Did you mean 'argon.lammpstrj'"):
        gnnzoo.open_dataset("argn.lammpstrj")
    with pytest.raises(DataError, match=r"no file matches '\*.dump'"):
        gnnzoo.open_dataset("*.dump")
    with pytest.raises(DataError, match="no data were named"):
        gnnzoo.open_dataset([])
    with pytest.raises(DataError, match="the file is empty"):
        gnnzoo.open_dataset("/dev/null")
    with pytest.raises(DataError, match="no dataset"):
        gnnzoo.open_dataset(folder)
