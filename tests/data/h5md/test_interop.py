"""H5MD that others open: MDAnalysis reads it, and the layout is as the text of H5MD 1.1 has it."""

import h5py
import MDAnalysis
import numpy as np
import pytest
from MDAnalysis.coordinates.H5MD import H5MDReader
from MDAnalysis.lib.mdamath import triclinic_vectors

import dumps
import gnnzoo
import h5md_check

TILTED = np.array([[6.2, 0.0, 0.0], [1.1, 6.3, 0.0], [-0.7, 0.9, 6.4]])
GENERAL = np.array([[6.0, 0.5, -0.3], [-0.4, 6.1, 0.2], [0.3, -0.2, 6.3]])
EXTRA = ("q", "ix", "iy", "iz", "vx", "vy", "vz", "c_pe")


def dataset(folder, cells=(None,), steps=(0, 10, 20), missing=0, times=None, boundary="pp pp pp", **options):
    """Waters with all that a dump can hold, converted.

    Args:
        cells: of the frames, again and again; None is the cuboid of `dumps.water`.
        missing: molecules are missing in every second frame.
    """
    random = np.random.default_rng(2)
    snapshots = dumps.water(len(steps))
    for number, (snapshot, step) in enumerate(zip(snapshots, steps, strict=True)):
        n = len(snapshot.types) - 3 * missing * (number % 2)
        snapshot.step = step
        for name in ("positions", "forces", "types"):
            setattr(snapshot, name, getattr(snapshot, name)[:n])
        snapshot.columns = {"mol": snapshot.columns["mol"][:n], "q": np.full(n, 0.25)}
        heat = 3.0 if options.get("units") == "metal" else 3e-3  # A/ps or A/fs, as of a warm liquid
        snapshot.columns |= {name: heat * random.normal(size=n) for name in EXTRA[4:]}
        snapshot.columns |= {name: random.integers(-3, 4, size=n) for name in ("ix", "iy", "iz")}
        cell = cells[number % len(cells)]
        snapshot.cell = snapshot.cell if cell is None else cell
        snapshot.origin = np.array([0.5, -1.0, 0.25])
    columns = (*dumps.WATER_COLUMNS, *EXTRA)
    dumps.write_dump(folder / "a.lammpstrj", snapshots, columns, number="%.17g", times=times, boundary=boundary)
    return gnnzoo.convert("a.lammpstrj", "a.h5", columns={"energy": "c_pe"}, **options)


# --- MDAnalysis ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [(None,), (TILTED, 1.01 * TILTED), (None, TILTED)], ids=["cuboid", "tilted", "both"])
def test_mdanalysis_reads_real_units_and_turns_them_into_its_own(folder, cells):
    """Forces in kJ/mol/A, velocities in A/ps, times in ps, lengths and angles of the box, all float32."""
    path = dataset(folder, cells, times=[0.5, 1.0, 1.5], units="real", types={1: "O", 2: "H"})
    frames = gnnzoo.open_dataset(path)
    universe = MDAnalysis.Universe.empty(24, trajectory=False)
    universe.load_new(str(path), format="H5MD")
    reader = universe.trajectory
    units = {
        "length": "Angstrom",
        "time": "fs",
        "velocity": "Angstrom/fs",
        "force": "kcal/(mol*Angstrom)",
    }
    assert (len(reader), reader.n_atoms, reader.units) == (3, 24, units)
    for frame, ts in zip(frames, reader, strict=True):
        np.testing.assert_allclose(universe.atoms.positions, frame.positions, rtol=1e-6)
        np.testing.assert_allclose(universe.atoms.forces, frame.forces * 4.184, rtol=1e-6)
        np.testing.assert_allclose(universe.atoms.velocities, frame.velocities * 1e3, rtol=1e-6)
        np.testing.assert_allclose(triclinic_vectors(ts.dimensions), frame.cell, atol=1e-5)
        assert ts.time == pytest.approx(frame.time / 1e3, rel=1e-6)
        assert ts.data["step"] == frame.step


def test_mdanalysis_reads_metal_units_as_they_are(folder):
    """It knows no eV/A; files with a unit of force that it does not know it does not open at all."""
    path = dataset(folder, (GENERAL,), units="metal", times=[1, 2, 3])
    with H5MDReader(str(path), convert_units=False) as reader:
        assert reader.units == {"length": "Angstrom", "time": "ps", "velocity": "Angstrom/ps", "force": None}
        for frame, ts in zip(gnnzoo.open_dataset(path), reader, strict=True):
            np.testing.assert_allclose(ts.positions, frame.positions, rtol=1e-6)
            np.testing.assert_allclose(ts.forces, frame.forces, rtol=1e-6)
            np.testing.assert_allclose(ts.velocities, frame.velocities, rtol=1e-6)
            lengths = np.linalg.norm(frame.cell, axis=1)
            np.testing.assert_allclose(ts.dimensions[:3], lengths, rtol=1e-6)
            cosine = frame.cell[0] @ frame.cell[1] / lengths[0] / lengths[1]
            assert np.cos(np.radians(ts.dimensions[5])) == pytest.approx(cosine, abs=1e-6)
            assert ts.time == frame.time
    with h5py.File(path) as file:
        assert file["particles/all/force/value"].attrs["lammps_unit"] == "eV Angstrom-1"
        assert file["h5md/modules/units"].attrs["system"] == "LAMMPS metal"


@pytest.mark.parametrize("units", [None, "lj"])
def test_mdanalysis_reads_numbers_without_units_and_times(folder, units):
    path = dataset(folder, units=units, compress=True)
    with H5MDReader(str(path), convert_units=False) as reader:
        np.testing.assert_allclose(reader[2].forces, gnnzoo.open_dataset(path)[2].forces, rtol=1e-6)
        assert np.isnan(reader[1].time)


# --- the text of H5MD ---------------------------------------------------------------------------------------------

FILES = {
    "plain": {"units": "real"},
    "undeclared": {},
    "reduced": {"units": "lj"},
    "metal": {"units": "metal"},
    "compressed": {"units": "real", "compress": True},
    "tilted": {"cells": (TILTED,)},
    "tilted later": {"cells": (None, TILTED)},
    "general": {"cells": (GENERAL,)},
    "walls": {"boundary": "pp ff sm"},
    "atoms that come and go": {"missing": 2, "units": "real"},
    "atoms that come and go, compressed": {"missing": 2, "compress": True},
    "times": {"times": [0.5, 1.0, 1.5]},
    "steps that go back": {"steps": (10, 20, 0, 10, 10)},
    "steps and times that go back": {"steps": (10, 20, 0, 5), "times": [1.0, 2.0, 0.5, 0.75]},
}


@pytest.mark.parametrize("name", FILES)
def test_the_layout_is_that_of_the_text(folder, name):
    assert h5md_check.problems(dataset(folder, **FILES[name])) == []


def test_the_layout_with_energies_of_frames(folder):
    gnnzoo.export(dataset(folder, units="metal", types={1: "O", 2: "H"}), "b.extxyz")
    text = (folder / "b.extxyz").read_text().replace("step=10", "step=10 energy=-1.5")
    (folder / "b.extxyz").write_text(text)
    path = gnnzoo.convert("b.extxyz", "b.h5")
    assert gnnzoo.open_dataset(path)[1].energy == -1.5
    assert h5md_check.problems(path) == []
    with h5py.File(path) as file:
        assert file["observables/all/potential_energy/value"].attrs["unit"] == "eV"


def test_the_layout_with_virials_of_frames(folder):
    gnnzoo.export(dataset(folder, units="metal", types={1: "O", 2: "H"}), "b.extxyz")
    text = (folder / "b.extxyz").read_text().replace("step=10", 'step=10 virial="1 2 3 4 5 6 7 8 9"')
    (folder / "b.extxyz").write_text(text)
    path = gnnzoo.convert("b.extxyz", "b.h5")
    with gnnzoo.open_dataset(path) as frames:
        assert frames[1].virial.tolist() == [[1, 4, 7], [2, 5, 8], [3, 6, 9]]  # column by column
        assert frames[0].virial is None
    assert h5md_check.problems(path) == []
    with h5py.File(path, "r+") as file:
        assert file["observables/all/potential_virial/value"].attrs["unit"] == "eV"
        del file["observables/all/potential_virial"]
    assert gnnzoo.open_dataset(path)[1].virial is None


def test_steps_and_times_that_go_back_come_back_as_they_were(folder):
    """H5MD requires increasing values; those of the run are stored as well."""
    path = dataset(folder, **FILES["steps and times that go back"])
    back = gnnzoo.open_dataset(path)
    assert back.steps.tolist() == [frame.step for frame in back] == [10, 20, 0, 5]
    assert [frame.time for frame in back] == [1.0, 2.0, 0.5, 0.75]
    assert back.segments.tolist() == [0, 0, 1, 1]
    assert back.fingerprint == gnnzoo.open_dataset("a.lammpstrj").fingerprint
    with h5py.File(path) as file:
        assert file["particles/all/position/step"][()].tolist() == [10, 20, 21, 26]
        assert file["particles/all/position/time"][()].tolist() == [1.0, 2.0, 2.0, 2.25]


def _set(place, **attributes):
    def break_it(file):
        for name, value in attributes.items():
            file[place].attrs[name] = value

    return break_it


def _steps_back(file):
    file["particles/all/position/step"][...] = [5, 4, 3]


def _unlinked(file):
    steps = file["particles/all/box/edges/step"][()]
    del file["particles/all/box/edges/step"]
    file["particles/all/box/edges/step"] = steps


def _removed(place):
    def break_it(file):
        del file[place]

    return break_it


def _id_twice(file):
    file["particles/all/id"][3] = 1


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_set("h5md", version=[1, 0]), "version is not the integers 1 1"),
        (_set("h5md/author", name="VL"), "name is no string of fixed length"),
        (_set("particles/all/box", boundary=np.array(["open"] * 3, dtype="S")), "boundary is"),
        (_set("particles/all/box", dimension=2), "dimension is 2"),
        (_set("particles/all/force/value", unit="kcal/mol/A"), "no ASCII string"),
        (_removed("h5md/creator"), "creator: has no name"),
        (_removed("h5md/modules"), "units without the module"),
        (_removed("particles/all/force/value"), "force: has no step and value"),
        (_removed("particles/all/box/edges"), "has no edges"),
        (_steps_back, "step: goes back"),
        (_unlinked, "no hard link"),
        (_id_twice, "an identifier comes twice"),
    ],
)
def test_the_check_finds_what_is_wrong(folder, break_it, said):
    path = dataset(folder, units="real")
    with h5py.File(path, "r+") as file:
        break_it(file)
    assert any(said in problem for problem in h5md_check.problems(path))
