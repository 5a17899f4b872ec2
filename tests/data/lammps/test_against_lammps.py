"""Dumps of every form are read as LAMMPS had the numbers in memory when it wrote them."""

import bz2
import gzip
import lzma

import numpy as np
import pyarrow as pa
import pytest

import gnnzoo
import lammps_reference as reference
from errors import refused
from gnnzoo.errors import DataError
from lammps_reference import APPENDED, RICH, VARIANTS, Variant
from strict_dumps import frames_written

ROUNDING = 1e-13  # relative, of the few operations in float64 between LAMMPS' memory and a frame
FORCELESS = ("orthogonal-atom",)


@pytest.fixture(scope="session")
def dumps(tmp_path_factory):
    """The folder with all dumps and LAMMPS' memory."""
    return reference.make(tmp_path_factory.mktemp("lammps"))


@pytest.fixture
def read(tmp_path):
    """Frames of a dump, opened directly and converted."""

    def both(source, **options):
        converted = gnnzoo.convert(source, tmp_path / "converted.h5", overwrite=True, **options)
        options.pop("log", None)
        with gnnzoo.open_dataset(source, **options) as dump, gnnzoo.open_dataset(converted) as stored:
            return list(dump), list(stored)

    return both


def half_unit(values: np.ndarray, digits: int) -> np.ndarray:
    """Half a unit in the last significant digit: the error of printed values."""
    size = np.abs(values)
    exponent = np.floor(np.log10(np.where(size > 0, size, 1.0)))
    return np.where(size > 0, 0.5 * 10.0 ** (exponent + 1 - digits), 0.0) + ROUNDING * size


def assert_printed(found: np.ndarray, held: np.ndarray, digits: int) -> None:
    assert found.shape == held.shape
    assert np.all(np.abs(found - held) <= half_unit(held, digits))


def assert_positions(frame, held: dict, variant: Variant) -> None:
    """Compare modulo the cell along periodic directions, within the error of printed numbers."""
    cell, columns = held["cell"], variant.columns.split()
    unwrapped = held["image"] @ cell if {"xu", "xsu"} & set(columns) else 0.0
    absolute = held["x"] + unwrapped
    if {"xs", "xsu"} & set(columns):
        scaled = (absolute - held["origin"]) @ np.linalg.inv(cell)
        # The fraction itself is a quotient of numbers as large as the box.
        open_ = (half_unit(scaled, variant.digits) + ROUNDING) @ np.abs(cell)
    else:
        open_ = half_unit(absolute, variant.digits) + ROUNDING * np.abs(cell).max()
    moved = frame.positions - absolute
    lattice = np.round(moved @ np.linalg.inv(cell)) * frame.pbc
    assert np.all(np.abs(moved - lattice @ cell) <= open_)


def dumped(held: dict, variant: Variant) -> dict:
    """The atoms in memory that the variant dumps."""
    if variant.group == "ones":
        kept = held["type"] == 1
    elif "thresh" in variant.modify:
        kept = held["x"][:, 0] > 0
    else:
        return held
    of_all = ("cell", "origin", "step", "time", "energy")
    return {name: values if name in of_all else values[kept] for name, values in held.items()}


def assert_holds(frame, held: dict, variant: Variant) -> None:
    """Compare one frame with LAMMPS' memory, in all columns of the variant."""
    held = dumped(held, variant)
    columns = variant.columns.split()
    assert frame.step == held["step"]
    assert np.array_equal(frame.ids, held["id"])
    assert np.array_equal(frame.types, held["type"])
    assert np.allclose(frame.cell, held["cell"], rtol=0, atol=1e-12)
    assert np.allclose(frame.origin, held["origin"], rtol=0, atol=1e-12)
    assert_positions(frame, held, variant)
    assert_printed(frame.forces, held["f"], variant.digits)
    if "ix" in columns:
        assert np.array_equal(frame.images, held["image"])
    if "mol" in columns:
        assert np.array_equal(frame.molecules, held["molecule"])
    if "q" in columns:
        assert_printed(frame.charges, held["q"], variant.digits)
    if "vx" in columns:
        assert_printed(frame.velocities, held["v"], variant.digits)
    if "time yes" in variant.modify:
        assert frame.time == held["time"]
    else:
        assert frame.time is None


def boundary_of(system: str) -> tuple[str, str, str]:
    """As `ITEM: BOX BOUNDS` has it: both faces of each direction."""
    line = reference.SYSTEMS[system].box.splitlines()[0]
    return tuple(word if len(word) == 2 else 2 * word for word in line.split()[1:])


@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in FORCELESS])
def test_every_variant_is_read_as_in_memory(dumps, read, name):
    variant = VARIANTS[name]
    held = reference.memory(dumps, variant.system)
    for frames in read(str(reference.path_of(dumps, name))):
        assert len(frames) == len(held) == 1 + len(reference.SYSTEMS[variant.system].between)
        for frame, memory in zip(frames, held, strict=True):
            assert_holds(frame, memory, variant)
            assert frame.boundary == boundary_of(variant.system)
            assert frame.segment == 0
            assert frame.units == (reference.SYSTEMS[variant.system].units if "units" in variant.modify else None)


@pytest.mark.parametrize("system", ["orthogonal", "walls", "mixed", "tilted", "general", "growing", "evaporating"])
def test_the_systems_cover_the_intended_cases(dumps, system):
    held = reference.memory(dumps, system)
    atoms = [len(frame["id"]) for frame in held]
    cells = np.array([frame["cell"] for frame in held])
    assert (len(set(atoms)) > 1) == (system in ("growing", "evaporating"))
    assert np.ptp(cells, axis=0).any() == (system in ("orthogonal", "walls", "mixed", "tilted"))
    assert (np.triu(cells[0], 1).any()) == (system == "general")
    assert all(np.abs(frame["f"]).max() > 1e-3 for frame in held[1:])
    assert all(frame["image"].any() for frame in held) == ("p" in "".join(boundary_of(system)))
    types = [dict(zip(frame["id"].tolist(), frame["type"].tolist(), strict=True)) for frame in held[-2:]]
    assert (types[0].get(4) != types[1].get(4)) == (system == "growing")


def test_rows_of_unsorted_dumps_are_not_in_the_order_of_the_atoms(dumps):
    path = reference.path_of(dumps, "orthogonal-plain")
    rows = path.read_text().split("ITEM: ATOMS")[2].splitlines()[1:33]
    ids = [int(row.split()[0]) for row in rows]
    assert sorted(ids) != ids


def test_names_and_masses_come_from_their_columns(dumps):
    for name in ("orthogonal-order", "orthogonal-labels"):
        with gnnzoo.open_dataset(reference.path_of(dumps, name)) as dataset:
            assert dataset.type_names == {1: "Ar", 2: "Kr"}
            assert set(dataset[-1].names) == {"Ar", "Kr"}
    with gnnzoo.open_dataset(reference.path_of(dumps, "orthogonal-exact")) as dataset:
        assert dataset.provenance["masses"] == {1: 39.948, 2: 2.1 * 39.948}


def test_the_dump_style_atom_is_refused_because_it_cannot_hold_forces(dumps):
    path = reference.path_of(dumps, "orthogonal-atom")
    with refused(DataError, file=path, hint=f"custom 100 {path.name} id type x y z") as caught:
        gnnzoo.open_dataset(path)
    assert caught.error.hint.endswith("fx fy fz")


def test_the_strict_reader_accepts_everything_that_lammps_writes(dumps):
    texts = [path.read_bytes() for path in dumps.glob("*/*.lammpstrj") if "orthogonal-atom" not in path.name]
    assert len(texts) > 60
    for text in texts:
        assert len(frames_written(text)[0]) == text.count(b"ITEM: TIMESTEP")


# --- continued runs -----------------------------------------------------------------------


def test_each_frame_of_a_dump_appended_by_restarts_is_kept_once(dumps, read):
    held = reference.memory(dumps, APPENDED.parent.name)
    assert [int(frame["step"]) for frame in held] == [0, 5, 10, 5, 10, 10, 10, 15]
    # The sixth repeats the fifth; the seventh has its step, but the atoms were moved.
    kept = [*held[:5], *held[6:]]
    for frames in read(dumps / APPENDED):
        assert [frame.segment for frame in frames] == [0, 0, 0, 1, 1, 2, 2]
        for frame, memory in zip(frames, kept, strict=True):
            assert_holds(frame, memory, Variant("orthogonal", RICH))


# --- other line ends, compressed files -------------------------------------------------------------------


def _zstd(data: bytes) -> bytes:
    with pa.BufferOutputStream() as sink:
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(data)
        return sink.getvalue().to_pybytes()


PACKED = {
    "crlf.lammpstrj": lambda data: data.replace(b"\n", b"\r\n"),
    "dump.lammpstrj.gz": gzip.compress,
    "dump.lammpstrj.bz2": bz2.compress,
    "dump.lammpstrj.xz": lzma.compress,
    "dump.lammpstrj.zst": _zstd,
    "misnamed.lammpstrj": bz2.compress,  # recognised by content
}


@pytest.mark.parametrize("name", PACKED)
def test_compression_and_line_ends_do_not_change_frames(dumps, read, tmp_path, name):
    plain = reference.path_of(dumps, "growing-rich")
    (tmp_path / name).write_bytes(PACKED[name](plain.read_bytes()))
    held = reference.memory(dumps, "growing")
    for frames in read(tmp_path / name):
        for frame, memory in zip(frames, held, strict=True):
            assert_holds(frame, memory, VARIANTS["growing-rich"])


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, _zstd])
def test_concatenated_archives_are_one_text(dumps, read, tmp_path, pack):
    data = reference.path_of(dumps, "walls-x").read_bytes()
    (tmp_path / "two").write_bytes(pack(data[:1000]) + pack(data[1000:]))
    held = reference.memory(dumps, "walls")
    for frames in read(tmp_path / "two"):
        for frame, memory in zip(frames, held, strict=True):
            assert_holds(frame, memory, VARIANTS["walls-x"])


# --- energies ---------------------------------------------------------------------------------------------


def test_energies_of_atoms_come_from_the_declared_column(dumps, read):
    held = reference.memory(dumps, "orthogonal")
    for frames in read(reference.path_of(dumps, "orthogonal-energy"), columns={"energy": "c_pe"}):
        for frame, memory in zip(frames, held, strict=True):
            assert_printed(frame.energies, memory["pe"], 12)
            assert_holds(frame, memory, VARIANTS["orthogonal-energy"])


def assert_energy(frame, held: dict, digits: int, per_atom: bool = False) -> None:
    """Compare the energy of a frame within the error of the log."""
    share = len(frame) if per_atom else 1
    assert_printed(np.array(frame.energy / share), held["energy"] / share, digits)


# Before each run comes a minimisation, after which the steps are counted from 0 again. The log of "mixed" is in YAML.
@pytest.mark.parametrize(("system", "digits"), [("orthogonal", 8), ("walls", 8), ("growing", 8), ("mixed", 12)])
def test_energies_of_the_frames_come_from_the_log(dumps, tmp_path, system, digits):
    dump = reference.path_of(dumps, f"{system}-plain")
    converted = gnnzoo.convert(dump, tmp_path / "converted.h5", log=dumps / system / "log.lammps")
    held = reference.memory(dumps, system)
    with gnnzoo.open_dataset(converted) as dataset:
        for frame, memory in zip(dataset, held, strict=True):
            assert_energy(frame, memory, digits)


def test_energies_printed_per_atom_are_multiplied(dumps, tmp_path):
    dump = reference.path_of(dumps, "reduced-plain")  # units lj, in which LAMMPS divides by the number of atoms
    converted = gnnzoo.convert(dump, tmp_path / "converted.h5", log=dumps / "reduced" / "log.lammps")
    with gnnzoo.open_dataset(converted) as dataset:
        for frame, memory in zip(dataset, reference.memory(dumps, "reduced"), strict=True):
            assert_energy(frame, memory, 8, per_atom=True)


def test_energies_are_right_in_a_log_of_changing_styles(dumps, tmp_path):
    log = dumps / "changing_log" / "log.lammps"
    text = log.read_text()
    assert all(word in text for word in ("norm no # norm yes", "Takt", "keywords: ['v_pe', ", "---- Step "))
    dump = reference.path_of(dumps, "changing_log-plain")
    held = reference.memory(dumps, "changing_log")
    with gnnzoo.open_dataset(gnnzoo.convert(dump, tmp_path / "converted.h5", log=log)) as dataset:
        found = [frame.energy for frame in dataset]
        np.testing.assert_allclose(found, [memory["energy"] for memory in held], rtol=1e-7)
        # of steps 5, 20, 25, 30: where two runs print a step, the line of the later one is used
        assert dataset.provenance["logs"]["per_atom"] == 4


def test_energies_of_a_continued_run_are_right_or_refused(dumps, tmp_path):
    held = reference.memory(dumps, APPENDED.parent.name)
    log = dumps / APPENDED.parent / "log.lammps"
    try:
        converted = gnnzoo.convert(dumps / APPENDED, tmp_path / "converted.h5", log=log)
    except DataError as error:
        assert "step 10" in error.what  # atoms were moved between two runs that begin there
        assert error.location.file == log
        return
    with gnnzoo.open_dataset(converted) as dataset:
        for frame, memory in zip(dataset, [*held[:5], *held[6:]], strict=True):
            assert_energy(frame, memory, 8)
