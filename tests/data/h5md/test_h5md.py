"""H5MD datasets: bit for bit what the dump said, in a layout that others read; and files that others made."""

import threading

import h5py
import numpy as np
import pytest

import dumps
from errors import refused
from gnnzoo.data.convert import to_h5md
from gnnzoo.data.h5md.reader import H5mdDataset
from gnnzoo.data.lammps.dataset import DumpDataset
from gnnzoo.errors import DataError

FIELDS = (
    "step time segment positions forces cell origin boundary ids types molecules charges velocities images".split()  # noqa: SIM905
)


def converted(tmp_path, snapshots, columns=dumps.WATER_COLUMNS, **options):
    """A dump of the snapshots as a dataset, and as the dataset made from it."""
    keys = ("units", "types", "compress")
    dump = dumps.write_dump(
        tmp_path / "dump.lammpstrj", snapshots, columns, **{key: options[key] for key in options if key not in keys}
    )
    given = {key: options[key] for key in keys if key in options}
    to_h5md([dump], tmp_path / "dump.h5", version="1", command="test", **given)
    return DumpDataset([dump]), H5mdDataset(tmp_path / "dump.h5")


def assert_same_frames(first, second):
    assert len(first) == len(second) > 0
    for a, b in zip(first, second, strict=True):
        for name in FIELDS:
            x, y = getattr(a, name), getattr(b, name)
            assert (x is None) == (y is None), name
            if x is not None:
                assert np.array_equal(x, y), name
                assert np.asarray(x).dtype == np.asarray(y).dtype, name


def rich(frames=4):
    """Water with every column that is taken along, charges that stay, a tilted box that changes."""
    snapshots = dumps.water(frames)
    random = np.random.default_rng(0)
    for number, snapshot in enumerate(snapshots):
        n = len(snapshot.types)
        snapshot.columns |= {name: random.normal(size=n) for name in ("vx", "vy", "vz")}
        snapshot.columns |= {name: random.integers(-2, 3, size=n) for name in ("ix", "iy", "iz")}
        snapshot.columns["q"] = np.where(snapshot.types == 1, -0.82, 0.41)
        snapshot.cell = snapshot.cell + np.tril(np.full((3, 3), 0.1 * number), -1)
        snapshot.origin = np.full(3, -0.5 * number)
    return snapshots, (*dumps.WATER_COLUMNS, "vx", "vy", "vz", "ix", "iy", "iz", "q")


@pytest.mark.parametrize("compress", [False, True])
def test_a_dataset_holds_its_dump_bit_for_bit(tmp_path, compress):
    snapshots, columns = rich()
    dump, dataset = converted(
        tmp_path, snapshots, columns, boundary="pp ff sm", times=[0, 0.5, 1, 1.5], shuffle=1, compress=compress
    )
    assert_same_frames(dump, dataset)  # its first box is a cuboid, the others are tilted
    assert dump.fingerprint == dataset.fingerprint
    assert dataset[2].boundary == ("pp", "ff", "sm")


def test_what_stays_is_stored_once_and_what_begins_to_change_is_not_lost(tmp_path):
    snapshots, columns = rich()
    dump, dataset = converted(tmp_path, snapshots, columns)
    with h5py.File(dataset.path) as file:
        assert file["particles/all/charge"].shape == (24,)
    snapshots[2].columns["q"] = snapshots[2].columns["q"] * 1.5
    snapshots[3].columns["mol"] = np.ones(24, dtype=int)
    (tmp_path / "changing").mkdir()
    dump, dataset = converted(tmp_path / "changing", snapshots, columns)
    with h5py.File(dataset.path) as file:
        assert file["particles/all/charge/value"].shape == (4, 24)
        assert file["particles/all/charge/step"] == file["particles/all/position/step"]
    assert_same_frames(dump, dataset)


def test_the_layout_is_h5md(tmp_path):
    converted(tmp_path, dumps.water(), units="real", types={1: "O", 2: "H"})
    with h5py.File(tmp_path / "dump.h5") as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        assert file["h5md/author"].attrs["name"]
        assert file["h5md/creator"].attrs["name"] == b"gnnzoo"
        assert file["h5md/modules/units"].attrs["version"].tolist() == [1, 0]
        particles = file["particles/all"]
        assert particles["box"].attrs["dimension"] == 3
        assert list(particles["box"].attrs["boundary"]) == [b"periodic"] * 3
        assert particles["box/edges/value"].shape == (4, 3)
        for element, unit in {
            "position": "Angstrom",
            "force": "kcal mol-1 Angstrom-1",
            "box/edges": "Angstrom",
        }.items():
            assert particles[f"{element}/value"].attrs["unit"] == unit
            assert particles[f"{element}/step"] == particles["position/step"], "hard links, as H5MD asks for it"
            assert particles[f"{element}/step"][()].tolist() == [0, 10, 20, 30]
            assert particles[f"{element}/time"].attrs["unit"] == "fs"
            assert np.isnan(particles[f"{element}/time"][()]).all()  # the dump has none
        assert particles["force/value"].dtype == np.float64
        assert particles["species"][()].tolist() == [1, 2, 2] * 8
        assert particles["id"][()].tolist() == list(range(1, 25))
        assert particles["molecule"].shape == (24,)


@pytest.mark.parametrize("units", [None, "lj"])
def test_numbers_without_a_unit_carry_none(tmp_path, units):
    _, dataset = converted(tmp_path, dumps.water(), units=units)
    assert dataset.units == units
    with h5py.File(dataset.path) as file:
        assert "unit" not in file["particles/all/force/value"].attrs


def test_equal_data_have_equal_fingerprints_and_others_do_not(tmp_path):
    def fingerprint(name, snapshots, columns=dumps.WATER_COLUMNS, **options):
        path = dumps.write_dump(tmp_path / name, snapshots, columns, number="%.17g", **options)
        to_h5md([path], tmp_path / f"{name}.h5", version="1", command="")
        of_dataset = H5mdDataset(tmp_path / f"{name}.h5").fingerprint
        assert DumpDataset([path]).fingerprint == of_dataset
        return of_dataset

    same = fingerprint("a", dumps.water())
    assert fingerprint("b.gz", dumps.water(), shuffle=1, newline="\r\n") == same
    moved = dumps.water()
    moved[3].forces[7, 1] += 1e-12
    later = dumps.water(first=1)
    shorter = dumps.water()[:3]
    other_types = dumps.water()
    for snapshot in other_types:
        snapshot.types = np.full_like(snapshot.types, 2)
    other_molecules, joined = dumps.water(), dumps.water()
    for snapshot in other_molecules:
        snapshot.columns["mol"] = np.ones(24, dtype=int)
    joined[3].columns["mol"] = np.ones(24, dtype=int)
    kinds = (moved, later, shorter, other_types, other_molecules, joined)
    others = [fingerprint(str(n), snapshots) for n, snapshots in enumerate(kinds)]
    others.append(fingerprint("walls", dumps.water(), boundary="pp pp ff"))
    others.append(fingerprint("no molecules", dumps.water(), columns=dumps.ARGON_COLUMNS))
    assert len({same, *others}) == 9


def test_frames_may_be_read_from_many_threads(tmp_path):
    dump, dataset = converted(tmp_path, dumps.water(frames=20))
    expected = [frame.forces for frame in dump]
    wrong = []

    def work(seed):
        for index in np.random.default_rng(seed).integers(20, size=60):
            if not np.array_equal(dataset[int(index)].forces, expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- files made elsewhere --------------------------------------------------------------------------------------


@pytest.fixture
def foreign(tmp_path):
    """An H5MD file as another program may write it: fixed box, step as an increment, ids in no order, named species."""
    path = tmp_path / "foreign.h5"
    random = np.random.default_rng(0)
    ids = np.array([[3, 1, 2], [2, 3, 1]])
    species = h5py.enum_dtype({"Ar": 4, "Kr": 7}, basetype="i")
    with h5py.File(path, "w") as file:
        file.create_group("h5md").attrs["version"] = [1, 0]
        group = file.create_group("particles/atoms")
        for element, kind in (("position", "Angstrom"), ("force", "eV Angstrom-1")):
            group[f"{element}/value"] = random.normal(size=(2, 3, 3)).astype(np.float32)
            group[f"{element}/value"].attrs["unit"] = kind
            group[f"{element}/step"] = 50
            group[f"{element}/step"].attrs["offset"] = 100
        group["id/value"] = ids
        group.create_dataset("species/value", data=[[7, 4, 4], [4, 7, 4]], dtype=species)
        box = group.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = np.array([b"periodic", b"none", b"periodic"])
        box["edges"] = np.diag([4.0, 5.0, 6.0])
    return path


def test_a_file_made_elsewhere_is_read(foreign):
    dataset = H5mdDataset(foreign)
    with h5py.File(foreign) as file:
        forces = file["particles/atoms/force/value"][()]
    first, second = dataset[0], dataset[1]
    assert dataset.units == "metal"
    assert (first.step, second.step) == (100, 150)
    assert first.ids.tolist() == second.ids.tolist() == [1, 2, 3]
    assert np.array_equal(first.forces, forces[0][[1, 2, 0]])
    assert np.array_equal(second.forces, forces[1][[2, 0, 1]])
    assert first.forces.dtype == np.float64
    assert first.names.tolist() == ["Ar", "Ar", "Kr"]
    assert first.types.tolist() == second.types.tolist() == [4, 4, 7]
    assert first.cell.tolist() == [[4, 0, 0], [0, 5, 0], [0, 0, 6]]
    assert first.pbc.tolist() == [True, False, True]
    assert first.time is None
    assert first.molecules is None
    assert len(dataset.fingerprint) == 64
    assert dataset.provenance == {}


def test_ids_that_stay_are_an_order_too(foreign):
    with h5py.File(foreign, "a") as file:
        group = file["particles/atoms"]
        del group["id"], group["species"]
        group["id"], group["species"], group["charge"] = [3, 1, 2], [7, 4, 4], [0.3, 0.1, 0.2]
        forces = group["force/value"][()]
    for index, frame in enumerate(H5mdDataset(foreign)):
        assert frame.ids.tolist() == [1, 2, 3]
        assert frame.types.tolist() == [4, 4, 7]
        assert frame.charges.tolist() == [0.1, 0.2, 0.3]
        assert np.array_equal(frame.forces, forces[index][[1, 2, 0]])


@pytest.mark.parametrize("steps", ["increment", "listed", "shorter"])
def test_forces_of_other_steps_than_the_positions_are_refused(foreign, steps):
    with h5py.File(foreign, "a") as file:
        group = file["particles/atoms"]
        if steps == "increment":
            group["force/step"][()] = 60
        else:
            del group["force/step"]
            group["force/step"] = [100, 160] if steps == "listed" else [100]
    names = {"shorter": ("force", 1, "position", 2)}.get(steps, ("frame 1", "force", 160, "position", 150))
    with refused(DataError, *names, file=foreign):
        H5mdDataset(foreign)
    with h5py.File(foreign, "a") as file:
        del file["particles/atoms/force/step"]
        file["particles/atoms/force/step"] = [100, 150]  # the same as an increment of 50 from 100 on
    assert H5mdDataset(foreign).steps.tolist() == [100, 150]


@pytest.mark.parametrize("element", ["velocity", "charge", "id", "molecule"])
def test_an_element_of_fewer_frames_is_refused(foreign, element):
    with h5py.File(foreign, "a") as file:
        group = file["particles/atoms"]
        if element in group:
            del group[element]
        group[f"{element}/value"] = np.ones((1, 3, 3) if element == "velocity" else (1, 3))
    with refused(DataError, element, "(1, 3", "(2, 3, 3)", file=foreign):
        H5mdDataset(foreign)


@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("position/value", np.nan, ("position", "frame 1")),
        ("force/value", np.inf, ("force", "frame 1")),
        ("box/edges", np.nan, ("box", "frame 0", "volume")),
        ("box/edges", 0.0, ("box", "frame 0", "volume")),
    ],
)
def test_values_that_are_not_finite_are_refused(foreign, name, value, names):
    with h5py.File(foreign, "a") as file:
        file[f"particles/atoms/{name}"][1, :] = value
    with refused(DataError, *names, file=foreign):
        list(H5mdDataset(foreign))


def test_an_atom_that_is_there_twice_is_refused(foreign):
    with h5py.File(foreign, "a") as file:
        group = file["particles/atoms"]
        del group["id"]
        group["id"] = np.ones(group["position/value"].shape[1], dtype=int)
    with refused(DataError, "id 1", "frame 0", file=foreign):
        H5mdDataset(foreign)[0]


def test_a_file_of_positions_forces_and_a_box_is_enough(foreign):
    with h5py.File(foreign, "a") as file:
        group = file["particles/atoms"]
        for name in ("id", "species", "position/step", "force/step"):
            del group[name]
        del group["position/value"].attrs["unit"], group["force/value"].attrs["unit"]
    dataset = H5mdDataset(foreign)
    assert dataset.units is None
    assert dataset[1].ids.tolist() == [1, 2, 3]
    assert dataset[1].types.tolist() == [1, 1, 1]
    assert dataset.type_names == {1: "1"}
    assert dataset.steps.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda file: file.__delitem__("h5md"), ("H5MD", "particles")),
        (lambda file: file.__delitem__("particles/atoms/force"), ("position", "force")),
        (lambda file: file.__delitem__("particles/atoms/box/edges"), ("box",)),
        (
            lambda file: file["particles/atoms/force/value"].attrs.__setitem__("unit", "kJ mol-1 nm-1"),
            ("kJ mol-1 nm-1",),
        ),
        (
            lambda file: (
                file.__delitem__("particles/atoms/force/value"),
                file.__setitem__("particles/atoms/force/value", np.zeros((3, 3, 3))),
            ),
            ("(2, 3, 3)", "(3, 3, 3)"),
        ),
    ],
)
def test_missing_groups_and_wrong_units_are_refused(foreign, change, names):
    with h5py.File(foreign, "a") as file:
        change(file)
    with refused(DataError, *names, file=foreign):
        H5mdDataset(foreign)


def test_damaged_files_are_refused(tmp_path):
    converted(tmp_path, dumps.water(frames=30))
    whole = (tmp_path / "dump.h5").read_bytes()
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole[: len(whole) // 2])
    with refused(DataError, "truncated", file=cut):
        H5mdDataset(cut)
    cut.write_text("not HDF5")
    with refused(DataError, "HDF5", file=cut):
        H5mdDataset(cut)


def test_a_closed_dataset_cannot_be_read(tmp_path):
    _, dataset = converted(tmp_path, dumps.water())
    with dataset:
        dataset[0]
    with refused(DataError, "frame 1"):
        dataset[1]
