"""Energies from LAMMPS logs: every style of thermo tables, the right run, and errors when nothing matches."""

import itertools

import numpy as np
import pytest
from ase.io import read

import dumps
from errors import refused
from gnnzoo.data.h5md.reader import H5mdDataset
from gnnzoo.data.lammps.log_energies import _Matching, _Run, _with_gaps
from gnnzoo.data.lammps.log_tables import Row, log_tables
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, UserError
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.export import export

TABLE = """Per MPI rank memory allocation (min/avg/max) = 3.1 | 3.1 | 3.1 Mbytes
   Step          Temp          PotEng
         0   300            -10.5
WARNING: something in between
        10   299.5          -11.5
        15   299.5          -11.6
        20   299            -12.5
Loop time of 0.1 on 1 procs for 20 steps with 27 atoms
"""
COLUMNS = f"LAMMPS (22 Jul 2025)\nunits real\nthermo_style custom step temp pe\n{TABLE}"
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
PER_ATOM = {"energy": "c_pe"}
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


def test_a_damaged_block_gives_no_energy_to_the_step_before_it(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    first, second, third = (f"------------ Step{part}" for part in MULTI.split("------------ Step")[1:])
    second = second.replace("PotEng", "PotEn").replace("KinEng", "KinEn")
    (folder / "log.lammps").write_text(first + second + third.replace("------------ Step", "-- Ste"))
    dataset = open_dataset(convert(dump, log="log.lammps"))
    assert [frame.energy for frame in dataset] == [-10.5, None, None]


def test_frames_without_an_energy_are_counted(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=5)
    (folder / "log.lammps").write_text(COLUMNS)
    made = convert(dump, log="log.lammps")
    assert [frame.energy for frame in open_dataset(made)] == [-10.5, -11.5, -12.5, None, None]
    assert any("3 frames from log.lammps" in note for note in made.notes)
    assert any("2 of 5 frames" in doubt for doubt in made.doubts)


def log_of(units: str | None, *commands: str, table: str = TABLE) -> str:
    """A log of one run, after some commands."""
    return "\n".join(["LAMMPS (22 Jul 2025)", *([f"units {units}"] if units else []), *commands, table])


@pytest.mark.parametrize(
    ("units", "commands", "factor"),
    [
        ("lj", [], 27),
        ("lj", ["thermo_modify norm no"], 1),
        ("real", ["thermo_modify norm yes"], 27),
        ("real", ["thermo_modify flush yes norm on"], 27),
        ("real", ["thermo_modify norm yes", "thermo_modify norm off"], 1),
        ("real", ["thermo_modify norm yes", "thermo_style custom step temp pe"], 1),
        ("lj", ["thermo_modify norm no", "thermo_style custom step temp pe"], 27),
        ("real", ["thermo_modify norm ${yes}", "thermo_modify norm yes"], 27),
        ("real", ["thermo_modify lost warn # norm yes"], 1),
        ("real", ["thermo_modify norm yes", "clear", "units real"], 1),
        ("lj", ["thermo_modify norm no", "clear"], 27),
        ("real", ["thermo_modify norm yes", "units real"], 27),  # norm is kept when the units change
        ("real", [TABLE.replace("0   300 ", "90  300 "), "thermo_modify norm yes"], 27),
    ],
)
def test_energies_printed_per_atom_are_multiplied(folder, units, commands, factor):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units=units)
    (folder / "log.lammps").write_text(log_of(units, *commands) + "thermo_modify norm yes\nthermo_modify norm no\n")
    dataset = open_dataset(convert(dump, log="log.lammps"))
    assert dataset[1].energy == -11.5 * factor
    assert dataset.provenance["logs"]["per_atom"] == (3 if factor > 1 else 0)


def test_logs_may_differ_in_their_normalisation(folder):
    runs = [dumps.argon_dump(folder / f"{n}.lammpstrj", frames=3, seed=n, units="real") for n in range(2)]
    (folder / "log.0").write_text(log_of("real", "thermo_modify norm yes"))
    (folder / "log.1").write_text(log_of("real", table=TABLE.replace("-1", "-2")))
    made = convert(runs, "a.h5", log=["log.0", "log.1"])
    energies = [frame.energy for frame in open_dataset(made)]
    assert energies == [-10.5 * 27, -11.5 * 27, -12.5 * 27, -20.5, -21.5, -22.5]
    assert any("6 frames from log.0, log.1; 3 of them" in note for note in made.notes)


def test_runs_continue_where_the_normalisation_changes(folder):
    """The step between two runs is printed per atom, then for all atoms: it is one configuration."""
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="lj")
    table = "   Step PotEng\n{} {}\n{} {}\nLoop time of 0.1 on 1 procs for 10 steps with 27 atoms\n"
    first, second = table.format(0, -1.5, 10, -2), table.format(10, -54, 20, -81)
    (folder / "log.lammps").write_text(log_of("lj", first, "thermo_modify norm no", table=second))
    made = convert(dump, log="log.lammps")
    assert [frame.energy for frame in open_dataset(made)] == [-1.5 * 27, -54, -81]
    assert any("3 frames from log.lammps; 1 of them" in note for note in made.notes)


@pytest.mark.parametrize(("units", "factor"), [("lj", 27), ("real", 1)])
def test_a_log_without_units_has_those_of_the_dump(folder, units, factor):
    """As after read_restart, which restores the units without printing them."""
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3)
    other = "real" if units == "lj" else "lj"
    for commands in ([], [f"units {other}", "read_restart half.restart"], [f"units {other}", "clear"]):
        (folder / "log.lammps").write_text(log_of(None, *commands))
        dataset = open_dataset(convert(dump, log="log.lammps", units=units, overwrite=True))
        assert dataset[1].energy == -11.5 * factor
    with refused(DataError, file="log.lammps", line=6, expected="thermo_modify norm", hint="--units real"):
        convert(dump, log="log.lammps", overwrite=True)
    (folder / "log.lammps").write_text(log_of(None, "thermo_modify norm no"))
    assert open_dataset(convert(dump, log="log.lammps", overwrite=True))[1].energy == -11.5


def test_a_log_in_other_units_is_refused(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    (folder / "log.0").write_text(log_of("real"))
    (folder / "log.1").write_text(log_of("metal"))
    with refused(DataError, "metal", "the dump", file="log.1", line=2, expected="units real"):
        convert(dump, log=["log.0", "log.1"])
    undeclared = dumps.argon_dump(folder / "b.lammpstrj", frames=3)
    with refused(DataError, "metal", "log.0, line 2", file="log.1", line=2, expected="units real"):
        convert(undeclared, log=["log.0", "log.1"])
    assert not list(folder.glob("*.h5"))


@pytest.mark.parametrize(
    ("commands", "table"),
    [
        ([], "Temp Step c_x[2] v_PotEng PotEng\n" + "".join(f"3 {10 * i} 1 2 {-10.5 - i}\n" for i in range(3))),
        ([], "PotEng Step\n" + "".join(f"{-10.5 - i} {10 * i}\n" for i in range(3))),
        (["thermo_modify colname pe E colname step t"], "t E\n0 -10.5\n10 -11.5\n20 -12.5\n"),
        (["thermo_style custom pe temp step", "thermo_modify colname 1 E colname -1 t"], "E Temp t\n-10.5 9 0\n"),
        (["thermo_style one", "thermo_modify colname 3 E"], "Step Temp E E_mol TotEng Press\n0 3 -10 -0.5 7 7\n"),
        # the temperature has the name of the energy
        (["thermo_modify colname pe E colname temp PotEng"], "Step PotEng E\n0 300 -10.5\n"),
        (["thermo_modify colname pe E", "thermo_modify colname default"], TABLE),
        (["thermo_modify colname temp PotEng", "thermo_style custom step temp pe"], TABLE),
        (["thermo_modify colname pe E"], MULTI.replace("PotEng  ", "E       ")),
        ([], YAML.replace("'Step'", "'c_x[1]', 'Step'").replace("- [", "- [7, ")),
    ],
)
def test_columns_may_have_any_order_and_other_names(folder, commands, table):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3)
    (folder / "log.lammps").write_text(log_of("real", *commands, table=table))
    dataset = open_dataset(convert(dump, log="log.lammps"))
    found = [frame.energy for frame in dataset if frame.energy is not None]
    assert found == [-10.5, -11.5, -12.5][: len(found)]
    assert len(found) == dataset.provenance["logs"]["frames"] > 0


def test_an_interrupted_table_does_not_continue_in_the_next_one(folder):
    """The second has as many columns, but different ones."""
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3)
    for between in ("", "LAMMPS (22 Jul 2025)\n", "Per MPI rank memory allocation (min/avg/max) = 3 | 3 | 3 Mbytes\n"):
        other = between + ("Step Press\n" if not between else "") + "10 -99\n20 -99\n"
        (folder / "log.lammps").write_text(log_of("real", table="Step PotEng\n0 -10.5\n" + other))
        dataset = open_dataset(convert(dump, log="log.lammps", overwrite=True))
        assert [frame.energy for frame in dataset] == [-10.5, None, None]


def test_each_segment_has_the_energies_of_its_own_run(folder):
    runs = [dumps.argon_dump(folder / f"{n}.lammpstrj", frames=3, seed=n, units="real") for n in range(2)]
    logs = [folder / f"log.{n}" for n in range(2)]
    logs[0].write_text(COLUMNS)
    logs[1].write_text(COLUMNS.replace("-1", "-2"))
    dataset = open_dataset(convert(runs, "a.h5", log=logs))
    assert [frame.energy for frame in dataset] == [-10.5, -11.5, -12.5, -20.5, -21.5, -22.5]
    with refused(DataError, "step 0", "-10.5", "-20.5", file="log.0"):
        convert(runs[0], "b.h5", log=logs)  # of the first run or of the second?
    assert not (folder / "b.h5").exists()


@pytest.mark.parametrize(
    "lines", [("Setting up cg style minimization ...", "Setting up Verlet run ..."), ("minimize 0 0 9 9", "run 20")]
)
def test_a_minimisation_before_the_run_is_skipped(folder, lines):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    before = TABLE.replace("-1", "-3")
    (folder / "log.lammps").write_text(log_of("real", lines[0], before, lines[1]))
    dataset = open_dataset(convert(dump, log="log.lammps"))
    assert [frame.energy for frame in dataset] == [-10.5, -11.5, -12.5]


def test_the_number_of_atoms_distinguishes_continued_runs(folder):
    """Between two runs atoms are deleted: the step between them is printed twice."""
    large, small = dumps.argon(3, side=3), dumps.argon(3, side=2)
    dump = dumps.write_dump(folder / "a.lammpstrj", [large[0], small[1], small[2]], units="real")
    table = "   Step PotEng\n{} -10.5\n{} -11.5\nLoop time of 0.1 on 1 procs for 10 steps with {} atoms\n"
    (folder / "log.lammps").write_text(table.format(0, 10, 27) + table.format(10, 20, 8))
    dataset = open_dataset(convert(dump, log="log.lammps"))
    assert [frame.energy for frame in dataset] == [-10.5, -10.5, -11.5]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing\n", "PotEng"),
        (COLUMNS.replace("PotEng", "Density"), "PotEng"),
        (COLUMNS.replace("Step", "Steps"), "PotEng"),
        ("units real\nStep PotEng\n 7 1.0\n 8 1.0\n", "the steps of the dump"),
    ],
)
def test_logs_without_matching_energies_are_refused(folder, text, expected):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3)
    (folder / "log.lammps").write_text(text)
    with refused(DataError, file="log.lammps", expected=expected, hint="thermo"):
        convert(dump, log="log.lammps")
    assert not (folder / "a.h5").exists()


def test_energies_are_kept_when_a_dataset_is_converted(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    (folder / "log.lammps").write_text(COLUMNS)
    convert(dump, log="log.lammps")
    again = H5mdDataset(convert("a.h5", "b.h5"))
    assert np.array_equal([frame.energy for frame in again], [-10.5, -11.5, -12.5])


def test_invalid_lines_are_skipped(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3)
    strange = f"\u00b2 300 -1\n{'9' * 5000} 300 -1\n10 300 -inf\n10 300 0x1\nunits\nthermo_modify norm\nthermo_style\n"
    strange += f"thermo_modify colname {'9' * 5000} E 'open\nthermo_modify colname\n\x0cclear\n- [\nkeywords:\n"
    (folder / "log.lammps").write_text(log_of("real", table=TABLE + "Step Temp PotEng\n" + strange))
    dataset = open_dataset(convert(dump, log="log.lammps"))
    assert [frame.energy for frame in dataset] == [-10.5, -11.5, -12.5]


def test_a_restart_whose_log_is_missing_has_no_energies(folder):
    """It repeats steps of the previous run, which have other energies there."""
    runs = [
        dumps.write_dump(folder / f"{n}.lammpstrj", dumps.argon(3 - n, seed=n, first=10 * n), units="real")
        for n in range(2)
    ]
    (folder / "log.lammps").write_text(COLUMNS)
    made = convert(runs, "a.h5", log="log.lammps")
    assert [frame.energy for frame in open_dataset(made)] == [-10.5, -11.5, -12.5, None, None]
    assert any("2 of 5 frames" in doubt for doubt in made.doubts)


def test_frames_are_assigned_to_runs_at_minimal_cost():
    """Compared with all sequences of runs; of equal ones the first and the last, compared from their ends."""
    random = np.random.default_rng(0)
    for _ in range(150):
        n_frames, n_runs = random.integers(1, 6), random.integers(1, 4)
        steps, segments = random.integers(0, 4, n_frames), np.cumsum(random.integers(0, 2, n_frames))
        atoms = random.integers(4, 6, n_frames)
        logged = [
            _Run(
                {int(step): (0.0, False) for step in np.flatnonzero(random.integers(0, 2, 4))},
                random.integers(4, 6, random.integers(0, 3)).tolist(),
                bool(random.integers(0, 2)),
            )
            for _ in range(n_runs)
        ]
        runs = _with_gaps(logged)

        def cost(way, steps=steps, segments=segments, atoms=atoms, runs=runs):
            missing, minimized = 0, 0
            for step, count, number in zip(steps, atoms, way, strict=True):
                fits = [bool(run.atoms) and min(run.atoms) <= count <= max(run.atoms) for run in runs]
                has = step in runs[number].energies and (fits[number] or not any(fits))
                missing, minimized = missing + (not has), minimized + (has and runs[number].minimized)
            pairs = [(way[i - 1], way[i], segments[i] != segments[i - 1]) for i in range(1, len(way))]
            backwards = any(new and before == after and runs[after].energies for before, after, new in pairs)
            changes = sum(not new and before != after for before, after, new in pairs)
            return backwards, missing, changes, minimized

        ways = list(itertools.combinations_with_replacement(range(len(runs)), n_frames))
        costs = [cost(way) for way in ways]
        cheapest = [way for way, own in zip(ways, costs, strict=True) if own == min(costs)]
        matching = _Matching(runs, steps, segments, atoms)
        assert tuple(matching.runs(late=False)) == min(cheapest, key=lambda way: way[::-1])
        assert tuple(matching.runs(late=True)) == max(cheapest, key=lambda way: way[::-1])


def test_frames_of_many_runs_are_assigned():
    """More runs than bits in a byte, each frame in its own."""
    runs = [_Run({step: (0.0, False)}, [8]) for step in range(40)]
    steps = np.arange(3, 40, 2)
    for late in (False, True):
        assert np.array_equal(_Matching(runs, steps, 0 * steps, 0 * steps + 8).runs(late), steps)


def test_energies_that_differ_from_the_sum_over_atoms_are_reported(folder):
    snapshots = dumps.argon(frames=3, side=2)
    for number, snapshot in enumerate(snapshots):
        snapshot.columns["c_pe"] = np.full(8, (-10.5 - number) / 8)
    dump = dumps.write_dump(folder / "a.lammpstrj", snapshots, (*dumps.ARGON_COLUMNS, "c_pe"), units="real")
    (folder / "log.lammps").write_text(COLUMNS)
    assert not any("sums" in doubt for doubt in convert(dump, "a.h5", log="log.lammps", columns=PER_ATOM).doubts)
    (folder / "log.lammps").write_text(COLUMNS.replace("-11.5", "-12.5"))
    doubts = convert(dump, "b.h5", log="log.lammps", columns=PER_ATOM).doubts
    assert any("1 of 3 frames: -12.5 against -11.5 in step 10" in doubt for doubt in doubts)


def test_the_energy_of_a_block_with_a_damaged_first_line_is_not_that_of_the_block_before(folder):
    first, second, third = MULTI.split("------------ Step")[1:]
    damaged = f"------------ Step{first}------------ Step{second.splitlines()[0]}\n------------ Ste{third}"
    (folder / "log.lammps").write_text(f"units real\n{damaged}")
    (table,) = log_tables(folder / "log.lammps")
    assert table.rows == [Row(0, -10.5)]


def test_energies_of_all_atoms_that_overflow_are_refused(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    (folder / "log.lammps").write_text(log_of("real", "thermo_modify norm yes").replace("-11.5", "-1e308"))
    with refused(DataError, "step 10", file="log.lammps"):
        convert(dump, "a.h5", log="log.lammps")


VIRIAL = "c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6]"
PRESSED = f"""LAMMPS (22 Jul 2025)
units real
   Step Temp PotEng Press {VIRIAL}
0 300 -10.5 600 100 200 300 10 20 30
10 300 -11.5 700 110 210 310 11 21 31
20 300 -12.5 800 120 220 320 12 22 32
Loop time of 0.1 on 1 procs for 20 steps with 27 atoms
"""
ATM = 101325 * 1e-30 / 4184 * 6.02214076e23  # kcal/mol per A^3


def test_virials_in_the_log_are_joined_as_energies(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    (folder / "log.lammps").write_text(PRESSED)
    made = convert(dump, log="log.lammps", columns={"virial": "c_virial"})
    assert "virials   of 3 frames from the same" in made.notes
    for number, frame in enumerate(open_dataset(made)):
        xx, yy, zz, xy, xz, yz = np.array([100, 200, 300, 10, 20, 30]) + number * np.array([10, 10, 10, 1, 1, 1])
        volume = np.prod(np.diag(frame.cell))
        expected = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) * ATM * volume
        np.testing.assert_allclose(frame.virial, expected, rtol=1e-12)
        assert frame.energy == -10.5 - number


def test_the_virial_of_a_log_is_exported_as_other_programs_define_it(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=1, units="metal")
    (folder / "log.lammps").write_text(PRESSED.replace("units real", "units metal"))
    convert(dump, log="log.lammps", columns={"virial": "c_virial"})
    export("a.h5", "a.extxyz", types={1: "Ar"})
    atoms = read("a.extxyz")
    bar = np.array([[100, 10, 20], [10, 200, 30], [20, 30, 300]])
    electronvolts = bar * 1e5 / 1.602176634e-19 * 1e-30 * atoms.get_volume()  # pressure times volume, -stress times it
    np.testing.assert_allclose(atoms.info["virial"], electronvolts, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (COLUMNS, "c_virial[1]"),
        (PRESSED.replace("c_virial[6]", "c_virial[7]"), "c_virial[6]"),
        (PRESSED.replace("600", "200").replace("700", "210").replace("800", "220"), "kinetic"),
        (PRESSED.replace("600 100", "600 nan").replace("700 110", "700 nan"), "c_virial"),
        (PRESSED.replace("units real\n", "thermo_modify norm no\n"), "unit"),
    ],
    ids=["no columns", "a column missing", "whole pressure", "other steps", "no units"],
)
def test_a_log_without_the_virial_is_refused(folder, text, named):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=2)
    (folder / "log.lammps").write_text(text)
    with refused(DataError, named, file="log.lammps"):
        convert(dump, "a.h5", log="log.lammps", columns={"virial": "c_virial"})
    assert not (folder / "a.h5").exists()


def test_a_frozen_configuration_may_have_its_whole_pressure_as_virial(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    at_rest = PRESSED.replace(" 300 -", " 0 -").replace("600", "200").replace("700", "210").replace("800", "220")
    (folder / "log.lammps").write_text(at_rest)
    assert open_dataset(convert(dump, log="log.lammps", columns={"virial": "c_virial"}))[0].virial is not None


def test_a_virial_without_a_log_is_refused(folder):
    dump = dumps.argon_dump(folder / "a.lammpstrj", frames=3, units="real")
    with refused(UserError, file="a.lammpstrj", hint="--log log.lammps --column virial=c_virial"):
        convert(dump, "a.h5", columns={"virial": "c_virial"})
