"""Folders of DeePMD-kit: every array in its place, and refusals with the file."""

import h5py
import numpy as np
import pytest

from errors import refused
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.init import init

FRAMES, NAMES, TYPES = 6, ["O", "H"], [0, 1, 1, 0, 1, 1]


def arrays(frames=FRAMES, seed=0):
    random = np.random.default_rng(seed)
    grid = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [3, 3, 3], [4, 3, 3], [3, 4, 3]], float)
    return {
        "coord": (grid + random.normal(scale=0.05, size=(frames, 6, 3))).reshape(frames, -1),
        "force": random.normal(size=(frames, 18)),
        "box": np.tile(np.diag([7.0, 8.0, 9.0]).ravel(), (frames, 1)),
        "energy": random.normal(size=frames),
        "virial": np.einsum("fij,fkj->fik", *[random.normal(size=(2, frames, 3, 3))[0]] * 2).reshape(frames, 9),
    }


def write(system, sets, names=NAMES, form="npy", types=TYPES):
    """A system of one set of arrays after the other; that of an HDF5 file is in a group of it, as dpdata writes it."""
    if form == "hdf5":
        with h5py.File(system, "a") as file:
            group = file.create_group(f"system{len(file)}")
            group["type.raw"] = np.array(types)
            if names:
                group.create_dataset("type_map.raw", data=names, dtype=h5py.string_dtype())
            for number, found in enumerate(sets):
                for name, array in found.items():
                    group[f"set.{number:03}/{name}.npy"] = array
        return system
    system.mkdir(parents=True)
    (system / "type.raw").write_text("\n".join(map(str, types)))
    if names:
        (system / "type_map.raw").write_text("\n".join(names))
    for number, found in enumerate(sets):
        folder = system / f"set.{number:03}" if form == "npy" else system
        folder.mkdir(exist_ok=True)
        for name, array in found.items():
            if form == "npy":
                np.save(folder / f"{name}.npy", array)
            else:
                np.savetxt(folder / f"{name}.raw", array, fmt="%.17g")
    return system


def check(frames, found, rtol=1e-15):
    for index, frame in enumerate(frames):
        np.testing.assert_allclose(frame.positions.ravel(), found["coord"][index], rtol=rtol)
        np.testing.assert_allclose(frame.forces.ravel(), found["force"][index], rtol=rtol)
        np.testing.assert_allclose(frame.cell.ravel(), found["box"][index], rtol=rtol)
        assert frame.energy == pytest.approx(found["energy"][index], rel=1e-12)
        np.testing.assert_allclose(frame.virial.ravel(), found["virial"][index], rtol=1e-12)


@pytest.mark.parametrize("form", ["npy", "raw", "hdf5"])
def test_a_system(tmp_path, form):
    found = arrays()
    with open_dataset(write(tmp_path / "water", [found], form=form)) as dataset:
        assert (len(dataset), dataset.units) == (FRAMES, "metal")
        assert list(dataset[0].names) == ["O", "H", "H", "O", "H", "H"]
        assert dataset[0].pbc.all()
        check(dataset, found)


def test_an_hdf5_file_of_several_systems(tmp_path):
    parts = [arrays(seed=seed) for seed in range(3)]
    path = write(tmp_path / "data.hdf5", parts[:2], form="hdf5")
    write(path, parts[2:], names=["H", "O"], types=[1, 0, 0, 1, 0, 0], form="hdf5")
    with h5py.File(path, "a") as file:
        file["system1/nopbc"] = True
    with open_dataset(path) as dataset:
        assert len(dataset) == 3 * FRAMES
        assert dataset[0].pbc.all() and not dataset[2 * FRAMES].pbc.any()
        assert list(dataset[2 * FRAMES].names) == ["O", "H", "H", "O", "H", "H"]
        for number, found in enumerate(parts[:2]):
            check(dataset[FRAMES * number : FRAMES * (number + 1)], found)
    assert convert(path, tmp_path / "data.h5").frames == 3 * FRAMES


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type.raw", np.array([0.5] * 6)),
        ("type.raw", np.array([0, 1, 1, 0, 1, 7])),
        ("type.raw", np.array([0, 1, 1, 0, 1, -1])),
        ("type_map.raw", np.array([1, 2])),
        ("type_map.raw", np.bytes_("O H")),
        ("set.000/force.npy", np.zeros((FRAMES, 3))),
        ("set.000/force.npy", np.zeros(())),
        ("set.000/force.npy", h5py.ExternalLink("other.h5", "/force")),
        ("set.000/coord.npy", np.array([b"a"] * FRAMES)),
        ("set.000/box.npy", None),
        ("set.000", 1),
    ],
)
def test_what_is_no_system_in_hdf5_is_refused(tmp_path, name, value):
    path = write(tmp_path / "data.hdf5", [arrays()], form="hdf5")
    with h5py.File(path, "a") as file:
        del file[f"system0/{name}"]
        if value is not None:
            file[f"system0/{name}"] = value
    with refused(DataError, file=path):
        open_dataset(path)


def test_several_sets_and_systems_are_one_dataset(tmp_path):
    parts = [arrays(seed=seed) for seed in range(3)]
    write(tmp_path / "data/a", parts[:2])
    write(tmp_path / "data/b/inner", parts[2:], names=["H", "O"], types=[1, 0, 0, 1, 0, 0])
    with open_dataset(tmp_path / "data") as dataset:
        assert len(dataset) == 3 * FRAMES
        for number, found in enumerate(parts):
            check(dataset[FRAMES * number : FRAMES * (number + 1)], found)
        assert {"".join(frame.names) for frame in dataset} == {"OHHOHH"}


def test_an_open_system_has_no_cell(tmp_path):
    found = arrays()
    del found["box"]
    system = write(tmp_path / "a", [found])
    (system / "nopbc").touch()
    with open_dataset(system) as dataset:
        assert not dataset[0].pbc.any()


def test_mixed_frames_have_types_of_their_own(tmp_path):
    found, types = arrays(), np.tile(TYPES, (FRAMES, 1))
    types[2, 4:] = -1
    with open_dataset(write(tmp_path / "a", [found | {"real_atom_types": types}], types=[0] * 6)) as dataset:
        assert [len(frame) for frame in dataset] == [6, 6, 4, 6, 6, 6]
        np.testing.assert_allclose(dataset[2].forces.ravel(), found["force"][2, :12])
        assert list(dataset[2].names) == ["O", "H", "H", "O"]


@pytest.mark.parametrize("form", ["npy", "hdf5"])
@pytest.mark.parametrize("kind", [0.5, np.nan, np.inf, 1e12])
def test_types_of_frames_are_whole_numbers(tmp_path, form, kind):
    types = np.tile(np.array(TYPES, float), (FRAMES, 1))
    types[2, 4] = kind
    path = write(tmp_path / "a", [arrays() | {"real_atom_types": types}], form=form)
    with refused(DataError, "type"):
        open_dataset(path)


def test_types_without_names_are_numbers_from_one(tmp_path):
    with open_dataset(write(tmp_path / "a", [arrays()], names=None)) as dataset:
        assert dataset.type_names == {1: "1", 2: "2"}


def test_conversion_and_a_recipe(folder):
    system = write(folder / "water", [arrays(frames=30)])
    result = convert("water", "w.h5")
    assert (result.frames, result.atoms) == (30, (6, 6))
    recipe = init(system.name).recipe
    assert recipe.data.source == "water"
    assert recipe.training.loss_weights.energy > 0 < recipe.training.loss_weights.virial


# --- refusals -----------------------------------------------------------------------------------------------------


def truncated(system):
    file = system / "set.000/force.npy"
    file.write_bytes(file.read_bytes()[:-100])
    return "cannot be read", "force.npy"


def pickled(system):
    np.save(system / "set.000/force.npy", np.array([{"a": 1}] * FRAMES, object), allow_pickle=True)
    return "", "force.npy"


def announced(system):
    with (system / "set.000/energy.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**13,)})
    return "", "energy.npy"


def other_atoms(system):
    np.save(system / "set.000/force.npy", np.zeros((FRAMES, 15)))
    return "(6, 15)", "force.npy"


def no_box(system):
    (system / "set.000/box.npy").unlink()
    return "no cells", "set.000"


def no_positions(system):
    (system / "set.000/coord.npy").unlink()
    return "no positions", "set.000"


def short_map(system):
    (system / "type_map.raw").write_text("O")
    return "type 1", "type_map.raw"


def strange_types(system):
    (system / "type.raw").write_text("0 1 one")
    return "types of atoms", "type.raw"


def empty(system):
    np.save(system / "set.000/energy.npy", np.zeros(0))
    return "(0,)", "energy.npy"


def no_header(system):
    file = system / "set.000/energy.npy"
    file.write_bytes(file.read_bytes().replace(b"}", b"("))
    return "cannot be read", "energy.npy"


def no_volume(system):
    box = np.load(system / "set.000/box.npy")
    box[3] = 1e-312
    np.save(system / "set.000/box.npy", box)
    return "no volume", "coord.npy"


def texts(system):
    np.save(system / "set.000/energy.npy", np.array(["a"] * FRAMES))
    return "<U1", "energy.npy"


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        pickled,
        announced,
        other_atoms,
        no_box,
        no_positions,
        short_map,
        strange_types,
        texts,
        empty,
        no_header,
    ],
)
def test_refusals(tmp_path, damage):
    system = write(tmp_path / "a", [arrays()])
    what, name = damage(system)
    with refused(DataError, what, file=system / name if (system / name).exists() else system / "set.000" / name):
        open_dataset(system)


def test_a_folder_without_frames_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    with refused(DataError, file=tmp_path / "a"):
        open_dataset(tmp_path / "a")
