"""H5MD files of strangers: no byte of another file, no memory before sizes are checked, no type taken for granted."""

import fcntl
import json
import os
import time
import zlib

import h5py
import numpy as np
import pytest

import dumps
from errors import refused
from gnnzoo.data.convert import to_h5md
from gnnzoo.data.h5md.guarded_file import heaps_problem
from gnnzoo.data.h5md.reader import H5mdDataset
from gnnzoo.errors import DataError

GROUP = "particles/all"


@pytest.fixture(scope="module")
def water(tmp_path_factory):
    """Bytes of a dataset of two frames."""
    folder = tmp_path_factory.mktemp("water")
    dump = dumps.water_dump(folder / "w.lammpstrj", frames=2, side=1)
    to_h5md([dump], folder / "w.h5", version="1", command="test", units="real", types={1: "O", 2: "H"})
    return (folder / "w.h5").read_bytes()


@pytest.fixture
def path(tmp_path, water):
    path = tmp_path / "w.h5"
    path.write_bytes(water)
    return path


def put(path, name, value, **options):
    """Replace an object of a file."""
    with h5py.File(path, "a") as file:
        if name in file:
            del file[name]
        if isinstance(value, h5py.ExternalLink | h5py.SoftLink):
            file[name] = value
        else:
            file.create_dataset(name, data=value, **options)


def read(path):
    with H5mdDataset(path) as dataset:
        return list(dataset)


def test_the_dataset_is_read(path):
    assert len(read(path)) == 2


# --- bytes of other files -----------------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path, water):
    (tmp_path / "other.h5").write_bytes(water)
    return tmp_path / "other.h5"


@pytest.mark.parametrize(
    "name",
    [
        f"{GROUP}/force/value",
        f"{GROUP}/force",
        f"{GROUP}/position/step",
        f"{GROUP}/box/edges/value",
        f"{GROUP}/charge",
        GROUP,
        "particles",
        "h5md",
        "gnnzoo/provenance/units",
        "gnnzoo/provenance",
        "gnnzoo/segment",
        "observables/all/potential_energy/value",
    ],
)
def test_external_links_are_refused_by_name(path, other, name):
    put(path, name, h5py.ExternalLink(other.name, f"/{name}"))
    with refused(DataError, "external link", key=f"/{name}", file=path):
        H5mdDataset(path)


def test_a_soft_link_through_an_external_one_is_refused(path, other):
    put(path, "elsewhere", h5py.ExternalLink(other.name, f"/{GROUP}"))
    put(path, f"{GROUP}/force", h5py.SoftLink("/elsewhere/force"))
    with refused(DataError, "external link", key="/elsewhere", file=path):
        H5mdDataset(path)


def test_soft_links_within_the_file_are_followed_and_circles_are_not(path):
    forces = read(path)[1].forces
    with h5py.File(path, "a") as file:
        file.move(f"{GROUP}/force", "kept")
        file[f"{GROUP}/force"] = h5py.SoftLink("/kept")
    assert np.array_equal(read(path)[1].forces, forces)
    put(path, f"{GROUP}/force", h5py.SoftLink(f"/{GROUP}/force"))
    with refused(DataError, "circle", key=f"/{GROUP}/force"):
        H5mdDataset(path)


def test_external_storage_is_refused(path, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(1000))
    with h5py.File(path, "a") as file:
        shape = file[f"{GROUP}/force/value"].shape
        del file[f"{GROUP}/force/value"]
        size = int(np.prod(shape)) * 8
        external = [(str(tmp_path / "secret"), 0, size)]
        file.create_dataset(f"{GROUP}/force/value", shape, "f8", external=external)
    with refused(DataError, "external storage", key=f"/{GROUP}/force/value"):
        H5mdDataset(path)


def test_virtual_datasets_are_refused(path, other):
    with h5py.File(path, "a") as file:
        shape = file[f"{GROUP}/force/value"].shape
        del file[f"{GROUP}/force/value"]
        layout = h5py.VirtualLayout(shape, "f8")
        layout[...] = h5py.VirtualSource(str(other), f"{GROUP}/force/value", shape)
        file.create_virtual_dataset(f"{GROUP}/force/value", layout)
    with refused(DataError, "virtual", key=f"/{GROUP}/force/value"):
        H5mdDataset(path)


# --- sizes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [(1, 1000, 3), (1, 10**7, 3)])
@pytest.mark.parametrize("shape", [(10**9, 10**3, 3), (2, 10**11, 3)])
def test_arrays_that_were_never_written_are_refused(path, shape, chunks):
    with h5py.File(path, "a") as file:
        for name in ("position", "force"):
            del file[f"{GROUP}/{name}/value"]
            file.create_dataset(f"{GROUP}/{name}/value", shape, "f8", chunks=chunks, maxshape=(None, None, 3))
    start = time.monotonic()
    with refused(DataError, "bytes", file=path, key=f"/{GROUP}/position/value"):
        H5mdDataset(path)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("name", [f"{GROUP}/position/step", "gnnzoo/segment", "gnnzoo/box/origin"])
def test_series_of_another_length_are_refused(path, name):
    shape = (10**12, 3) if name.endswith("origin") else (10**12,)
    with h5py.File(path, "a") as file:
        del file[name]
        file.create_dataset(name, shape, "i4", chunks=(1000, *shape[1:]), maxshape=(None, *shape[1:]))
    with refused(DataError, file=path, key=f"/{name}" if "step" in name else None):
        H5mdDataset(path)


def _with_compressed_forces(path, nominal, stored):
    """Forces of two frames in one gzip chunk whose stored bytes are given."""
    with h5py.File(path, "a") as file:
        shape = file[f"{GROUP}/force/value"].shape
        del file[f"{GROUP}/force/value"]
        forces = file.create_dataset(
            f"{GROUP}/force/value", shape, "f8", chunks=nominal, compression="gzip", maxshape=(None, None, None)
        )
        forces.id.write_direct_chunk((0, 0, 0), stored)


def test_a_chunk_that_expands_to_more_than_it_announces_is_refused(path):
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()  # 300 kB -> 300 MB
    _with_compressed_forces(path, (1, 20_000, 3), bomb)
    with refused(DataError, "expands", file=path, key=f"/{GROUP}/force/value"):
        H5mdDataset(path)
    _with_compressed_forces(path, (2, 1000, 3), bomb)
    with refused(DataError, "48,000 bytes", file=path, key=f"/{GROUP}/force/value"):
        H5mdDataset(path)


def test_compressed_data_are_read(path):
    expected = read(path)[1].forces
    with h5py.File(path, "a") as file:
        forces = file[f"{GROUP}/force/value"][()]
    for options in ({"compression": "gzip", "shuffle": True, "fletcher32": True}, {"compression": "lzf"}):
        put(path, f"{GROUP}/force/value", forces, chunks=(1, 3, 3), **options)
        assert np.array_equal(read(path)[1].forces, expected)
    put(path, f"{GROUP}/force/value", forces, chunks=(1, 3, 3), scaleoffset=8)
    with refused(DataError, "filters", key=f"/{GROUP}/force/value", hint="h5repack"):
        H5mdDataset(path)


# --- types --------------------------------------------------------------------------------------------------------

PAIR = np.dtype([("a", "f8"), ("b", "f8")])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (f"{GROUP}/force/value", np.zeros((2, 3, 3), complex)),
        (f"{GROUP}/force/value", np.full((2, 3, 3), b"1.0")),
        (f"{GROUP}/force/value", np.zeros((2, 3, 3), PAIR)),
        (f"{GROUP}/force/value", np.zeros((2, 3, 3), bool)),
        (f"{GROUP}/species", np.array([1.5, 2, 2])),
        (f"{GROUP}/species", np.array([b"O", b"H", b"H"])),
        (f"{GROUP}/species", np.array([1, 2, 2**40])),
        (f"{GROUP}/id", np.array([1, 2, 2**64 - 1], dtype=np.uint64)),
        (f"{GROUP}/id", 5),
        (f"{GROUP}/position/step", np.array([0.0, 1.0])),
        (f"{GROUP}/position/step", np.array([0, 1, 2])),
        (f"{GROUP}/position/step", np.zeros((2, 1), int)),
        (f"{GROUP}/position/time", np.array([b"0", b"1"])),
        (f"{GROUP}/box/edges/value", np.ones((3, 3, 3, 3))),
        (f"{GROUP}/box/edges/value", np.ones((3, 3))),
        (f"{GROUP}/box/edges/value", np.array([[[8, 0, 0], [0, 8, 0], [8, 8, 1e-13]]] * 2)),
        ("gnnzoo/segment", np.array([0, -1])),
        ("gnnzoo/segment", np.array([0])),
        ("gnnzoo/file", np.array([0, 5])),
        ("gnnzoo/box/origin", np.full((2, 3), np.nan)),
        ("gnnzoo/box/boundary", np.full((2, 3), b"xx")),
        ("gnnzoo/box/boundary", np.full((2, 3), b"ppp")),
        ("gnnzoo/box/boundary", np.zeros((2, 3))),
        ("gnnzoo/provenance/units", "reel"),
        ("gnnzoo/provenance/units", '"reel"'),
        ("gnnzoo/provenance/units", np.zeros(3)),
        ("gnnzoo/provenance/type_names", '{"a": "O"}'),
        ("gnnzoo/provenance/type_names", '["O", "H"]'),
        ("gnnzoo/provenance/masses", '{"1": [16]}'),
        ("gnnzoo/provenance/sources", "[5]"),
        ("gnnzoo/provenance/units", b"\xff"),
        ("gnnzoo/provenance/units", "[" * 100_000),
        ("gnnzoo/statistics", "5"),
        ("observables/all/potential_energy/value", np.array([np.inf, 0.0])),
        ("observables/all/potential_energy/value", np.zeros((2, 2))),
        ("observables/all/potential_virial/value", np.zeros((2, 6))),
    ],
)
def test_a_wrong_type_or_shape_is_refused(path, name, value):
    put(path, name, value)
    with refused(DataError, file=path):
        read(path)


def test_references_and_named_types_are_refused(path):
    with h5py.File(path, "a") as file:
        shape = file[f"{GROUP}/force/value"].shape
        reference = file[f"{GROUP}/position/value"].ref
        del file[f"{GROUP}/force/value"]
        file.create_dataset(f"{GROUP}/force/value", data=np.full(shape, reference, dtype=object), dtype=h5py.ref_dtype)
    with refused(DataError, file=path, key=f"/{GROUP}/force/value"):
        H5mdDataset(path)
    with h5py.File(path, "a") as file:
        del file[f"{GROUP}/force/value"]
        file[f"{GROUP}/force/value"] = np.dtype("f8")
    with refused(DataError, "named type", file=path, key=f"/{GROUP}/force/value"):
        H5mdDataset(path)


@pytest.mark.parametrize("name", [f"{GROUP}/position", f"{GROUP}/force/value", "particles", "h5md", "gnnzoo/segment"])
def test_groups_and_datasets_in_each_others_place_are_refused(path, name):
    with h5py.File(path, "a") as file:
        is_group = isinstance(file[name], h5py.Group)
        del file[name]
        if is_group:
            file[name] = 1.0
        else:
            file.create_group(name)
    with refused(DataError, file=path):
        H5mdDataset(path)


@pytest.mark.parametrize("value", [5, np.array([1.0, 2.0]), np.zeros(1000), b"\xff\xfe", h5py.Empty("f8")])
def test_units_that_are_no_text_are_refused(path, value):
    with h5py.File(path, "a") as file:
        del file["gnnzoo/provenance"], file[f"{GROUP}/force/value"].attrs["unit"]
        del file[f"{GROUP}/position/value"].attrs["unit"]
        file[f"{GROUP}/force/value"].attrs["unit"] = value
    with refused(DataError, file=path, key=f"/{GROUP}/force/value@unit"):
        H5mdDataset(path)


def test_velocities_in_the_unit_of_another_style_are_refused(path):
    with h5py.File(path, "a") as file:
        del file["gnnzoo/provenance"]
        velocity = file.create_dataset(f"{GROUP}/velocity/value", data=np.zeros((2, 3, 3)))
        velocity.attrs["unit"] = "Angstrom ps-1"
    with refused(DataError, "velocity in Angstrom ps-1", "force in kcal mol-1 Angstrom-1", file=path):
        H5mdDataset(path)
    with h5py.File(path, "a") as file:
        file[f"{GROUP}/velocity/value"].attrs["unit"] = "Angstrom fs-1"
    assert H5mdDataset(path).units == "real"


def test_boundaries_of_the_box_are_three_known_words(path):
    with h5py.File(path, "a") as file:
        del file["gnnzoo"]
        file[f"{GROUP}/box"].attrs["boundary"] = np.array([b"periodic", b"none"])
    with refused(DataError, file=path, key=f"/{GROUP}/box@boundary"):
        H5mdDataset(path)


def test_a_frame_without_atoms_is_refused(path):
    with h5py.File(path, "a") as file:
        del file[f"{GROUP}/id"]
        file.create_dataset(f"{GROUP}/id/value", data=np.full((2, 3), -1), fillvalue=-1)
    with refused(DataError, "frame 0", file=path):
        read(path)


@pytest.mark.parametrize("size", [0, 1 << 40], ids=["an object without a size", "one larger than its block"])
def test_blocks_of_texts_that_would_stall_the_library_are_refused(path, size):
    content = bytearray(path.read_bytes())
    first = content.index(b"GCOL") + 16
    index = 0 if size == 0 else 1
    content[first : first + 16] = index.to_bytes(2, "little") + bytes(6) + size.to_bytes(8, "little")
    path.write_bytes(content)
    with refused(DataError, f"size {size:,}", file=path, hint="gnnzoo convert SOURCE"):
        read(path)


def test_an_address_that_no_file_can_have_is_refused(path):
    content = bytearray(path.read_bytes())
    content[48:56] = (1 << 63).to_bytes(8, "little")  # of the driver information block, in the superblock
    path.write_bytes(content)
    with refused(DataError, f"{1 << 63}", file=path, hint="gnnzoo convert SOURCE"):
        read(path)


def test_every_block_of_a_good_file_passes_the_check_of_its_texts(water):
    assert water.count(b"GCOL") > 0
    assert heaps_problem(water) is None


# --- opening ------------------------------------------------------------------------------------------------------


def test_a_locked_file_has_the_reason_of_hdf5_and_the_way_around(path):
    with path.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with refused(DataError, "lock", file=path, hint=f"HDF5_USE_FILE_LOCKING=FALSE gnnzoo inspect {path}"):
            H5mdDataset(path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_pipes_and_folders_are_no_datasets(tmp_path, make):
    make(tmp_path / "a.h5")
    with refused(DataError, file=tmp_path / "a.h5"):
        H5mdDataset(tmp_path / "a.h5")


def test_unknown_keys_of_the_provenance_are_kept(path):
    put(path, "gnnzoo/provenance/of_a_later_version", json.dumps({"a": [1]}))
    with H5mdDataset(path) as dataset:
        assert dataset.provenance["of_a_later_version"] == {"a": [1]}
