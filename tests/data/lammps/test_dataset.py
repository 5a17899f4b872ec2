"""Reading of LAMMPS text dumps: equal frames from every form of the text, and errors with file and line."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

import dumps
import gnnzoo
from errors import refused
from gnnzoo.data.lammps import dump_file, frame_splitter
from gnnzoo.data.lammps import trajectory as streaming
from gnnzoo.data.lammps.dataset import DumpDataset
from gnnzoo.data.lammps.events import DumpLog
from gnnzoo.data.lammps.header import dump_command
from gnnzoo.data.lammps.trajectory import TrajectoryReader, stream
from gnnzoo.errors import DataError, UserError
from lines import line_with

EXACT = "%.17g"  # so that the text holds every bit of the snapshots


def read(*paths):
    """Frames of the dumps as streamed, and the trajectory's metadata."""
    trajectory = TrajectoryReader()
    frames = [
        block.frame(index, trajectory.units, trajectory.atoms.type_names)
        for block in stream(paths, trajectory)
        for index in range(len(block))
    ]
    return frames, trajectory


def assert_frames_hold(frames, snapshots):
    assert [frame.step for frame in frames] == [snapshot.step for snapshot in snapshots]
    for frame, snapshot in zip(frames, snapshots, strict=True):
        assert np.array_equal(frame.positions, snapshot.positions)
        assert np.array_equal(frame.forces, snapshot.forces)
        assert np.array_equal(frame.types, snapshot.types)
        assert np.array_equal(frame.ids, np.arange(1, len(snapshot.types) + 1))
        assert np.allclose(frame.cell, snapshot.cell, rtol=1e-15)


# --- forms of the text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": 1},
        {"newline": "\r\n"},
        {"newline": "\r\n", "trailing": " ", "shuffle": 3},
        {"trailing": " "},
        {"separator": "  "},
        {"separator": "\t", "trailing": "\t"},
        {"separator": " \t ", "newline": "\r\n"},
        {"columns": ("fz", "id", "z", "y", "fx", "type", "mol", "x", "fy"), "shuffle": 5},
        {"columns": ("xu", "yu", "zu", "id", "type", "fx", "fy", "fz")},
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".xz", ".bz2"])
def test_every_form_of_the_text_gives_the_same_frames(tmp_path, options, suffix):
    snapshots = dumps.water(frames=3, side=2)
    path = dumps.write_dump(
        tmp_path / f"water.lammpstrj{suffix}", snapshots, **{"columns": dumps.WATER_COLUMNS, "number": EXACT, **options}
    )
    frames, trajectory = read(path)
    assert_frames_hold(frames, snapshots)
    assert trajectory.log.files[0].size == path.stat().st_size
    assert trajectory.log.files[0].frames == 3
    if "mol" in trajectory.atoms.layout.names:
        assert np.array_equal(frames[2].molecules, snapshots[2].columns["mol"])


@pytest.mark.parametrize("block", [1, 7, 100, 5000])
def test_frames_do_not_depend_on_block_boundaries(tmp_path, monkeypatch, block):
    monkeypatch.setattr(dump_file, "BLOCK_BYTES", block)
    monkeypatch.setattr(streaming, "BATCH_BYTES", 3 * block)
    snapshots = dumps.argon(frames=5, side=2)
    frames, _ = read(dumps.write_dump(tmp_path / "argon.lammpstrj", snapshots, number=EXACT, shuffle=0))
    assert_frames_hold(frames, snapshots)


def test_numbers_of_any_format_are_read_exactly(tmp_path):
    spelt = ["1", "-0", "+2.5", "1e-3", "1E+2", ".5", "5.", "0.1", "123456789.123456789", "1e-320", "-7.25e+00"]
    snapshot = dumps.argon(frames=1, side=3)[0]
    text = dumps.dump_text([snapshot]).splitlines()
    for number, word in enumerate(spelt):
        row = text[9 + number].split()
        text[9 + number] = " ".join([*row[:5], word, *row[6:]])
    (tmp_path / "spelt").write_text("\n".join(text) + "\n")
    (frame,), _ = read(tmp_path / "spelt")
    assert frame.forces[: len(spelt), 0].tolist() == [float(word) for word in spelt]


def tilted(frames=2):
    """Argon in a tilted box whose bounding box differs from it in every bound."""
    snapshots = dumps.argon(frames, side=2)
    for number, snapshot in enumerate(snapshots):
        snapshot.cell = snapshot.cell + np.array([[0, 0, 0], [-1.5, 0, 0], [0.5 + number, -2.0, 0]])
        snapshot.origin = np.array([-3.0, 1.0, 2.5])
    return snapshots


@pytest.mark.parametrize("kind", ["{}", "{}u", "{}s", "{}su"])
def test_positions_of_a_tilted_box_are_absolute(tmp_path, kind):
    columns = ("id", "type", *(kind.format(axis) for axis in "xyz"), "fx", "fy", "fz")
    snapshots = tilted()
    frames, _ = read(dumps.write_dump(tmp_path / "tilted", snapshots, columns, number=EXACT, shuffle=2))
    for frame, snapshot in zip(frames, snapshots, strict=True):
        assert np.allclose(frame.cell, snapshot.cell, atol=1e-12)
        assert np.allclose(frame.origin, snapshot.origin, atol=1e-12)
        assert np.allclose(frame.positions, snapshot.positions, atol=1e-12)


def test_a_general_triclinic_box_is_read_from_its_vectors(tmp_path):
    # ITEM: BOX BOUNDS abc origin: each line holds a lattice vector and one component of the origin
    text = dumps.dump_text(dumps.argon(frames=1, side=2)).splitlines()
    text[4:8] = ["ITEM: BOX BOUNDS abc origin pp ff pp", "0 8 0 -1", "-8 1 0 -2", "0 0 8 -3"]
    (tmp_path / "general").write_text("\n".join(text) + "\n")
    (frame,), _ = read(tmp_path / "general")
    assert frame.cell.tolist() == [[0, 8, 0], [-8, 1, 0], [0, 0, 8]]
    assert frame.origin.tolist() == [-1, -2, -3]
    assert frame.boundary == ("pp", "ff", "pp")
    assert frame.pbc.tolist() == [True, False, True]


@pytest.mark.parametrize("vectors", [["0 8 0 0", "-8 1 0 0", "0 1e308 8 0"], ["8 0 0 0", "0 8 0 0", "8 8 1e-13 0"]])
def test_lattice_vectors_in_a_plane_to_the_last_digit_are_refused(tmp_path, vectors):
    text = dumps.dump_text(dumps.argon(frames=1, side=2)).splitlines()
    text[4:8] = ["ITEM: BOX BOUNDS abc origin pp pp pp", *vectors]
    (tmp_path / "flat").write_text("\n".join(text) + "\n")
    with refused(DataError, "volume", file=tmp_path / "flat", line=5):
        read(tmp_path / "flat")


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_carriage_return_inside_a_row_is_refused(tmp_path, end):
    # A blank line in place of the row that the damage took: the number of lines is right, and so is that of the pieces
    lines = dumps.dump_text(dumps.argon(frames=1, side=2)).splitlines()
    lines[9:12] = [lines[9] + "\r" + lines[10], lines[11], ""]
    (tmp_path / "damaged").write_bytes((end.join(lines) + end).encode())
    with refused(DataError, file=tmp_path / "damaged", line=10, expected="8 values"):
        read(tmp_path / "damaged")


def test_optional_columns_are_read(tmp_path):
    snapshot = dumps.argon(frames=1, side=2)[0]
    random = np.random.default_rng(0)
    extra = {name: random.normal(size=8) for name in ("vx", "vy", "vz", "q", "c_pe")}
    extra |= {name: random.integers(-3, 3, size=8) for name in ("ix", "iy", "iz")}
    snapshot.columns = extra
    columns = (*dumps.ARGON_COLUMNS, *extra)
    (frame,), trajectory = read(dumps.write_dump(tmp_path / "rich", [snapshot], columns, number=EXACT, shuffle=0))
    assert np.array_equal(frame.velocities, np.stack([extra[name] for name in ("vx", "vy", "vz")], axis=1))
    assert np.array_equal(frame.images, np.stack([extra[name] for name in ("ix", "iy", "iz")], axis=1))
    assert np.array_equal(frame.charges, extra["q"])
    assert frame.molecules is None
    assert trajectory.atoms.layout.unused == ("c_pe",)


def test_units_and_times_come_from_the_dump(tmp_path):
    path = dumps.argon_dump(tmp_path / "argon", frames=3, units="metal", times=[0.0, 0.5, 1.0])
    frames, trajectory = read(path)
    assert trajectory.units == "metal"
    assert [frame.time for frame in frames] == [0.0, 0.5, 1.0]
    assert read(dumps.argon_dump(tmp_path / "silent", frames=1))[0][0].time is None


@pytest.mark.parametrize(
    ("elements", "names", "doubt"),
    [
        (["O", "H", "H"], {1: "O", 2: "H"}, None),
        (["C", "C", "C"], {1: "1", 2: "2"}, "dump_modify element"),  # what LAMMPS writes by default
        (["O", "H", "D"], {1: "1", 2: "2"}, "several names"),
    ],
)
def test_names_come_from_the_element_column_where_it_is_unambiguous(tmp_path, elements, names, doubt):
    snapshots = dumps.water(frames=2, side=2)
    for snapshot in snapshots:
        snapshot.columns["element"] = np.array(elements * 8)
    frames, trajectory = read(dumps.write_dump(tmp_path / "named", snapshots, (*dumps.WATER_COLUMNS, "element")))
    assert trajectory.atoms.type_names == names
    assert frames[1].names[:2].tolist() == [names[1], names[2]]
    assert [bool(re.search(doubt, line)) for line in trajectory.atoms.doubts] == ([True] if doubt else [])


def test_masses_and_printed_digits_are_found(tmp_path):
    snapshots = dumps.water(frames=1, side=2)
    snapshots[0].columns["mass"] = np.array([15.9994, 1.008, 1.008] * 8)
    path = dumps.write_dump(tmp_path / "masses", snapshots, (*dumps.WATER_COLUMNS, "mass"), number="%.9g")
    _, trajectory = read(path)
    assert trajectory.atoms.masses == {1: 15.9994, 2: 1.008}
    assert trajectory.atoms.digits == {"positions": 9, "forces": 9}
    assert read(dumps.water_dump(tmp_path / "short"))[1].atoms.digits == {"positions": 6, "forces": 6}


# --- several files, frames that repeat, steps that go back --------------------------------------------


def test_digits_are_counted_beyond_the_first_frame(tmp_path):
    snapshots = dumps.argon(frames=3, side=2)
    snapshots[0].positions = snapshots[0].positions.round(0)
    snapshots[0].forces[:] = 0.0
    path = dumps.write_dump(tmp_path / "a", snapshots, number="%.9g")
    assert read(path)[1].atoms.digits == {"positions": 9, "forces": 9}
    with DumpDataset([path]) as dataset:
        assert dataset.provenance["digits"] == {"positions": 9, "forces": 9}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("argon.lammpstrj", "argon.lammpstrj"),
        ("argon.lammpstrj.zst", "argon.lammpstrj"),
        ("README.md", "README.lammpstrj"),
        ("dump.argon", "dump.lammpstrj"),
        ("-", "frames.lammpstrj"),
    ],
)
def test_the_suggested_dump_command_writes_to_the_name_of_a_dump(name, written):
    assert dump_command(Path(name)) == f"dump 1 all custom 100 {written} id type x y z fx fy fz"


def test_a_frame_repeated_at_the_start_of_the_next_file_is_dropped(tmp_path):
    snapshots = dumps.argon(frames=5, side=2)
    snapshots[2].positions[0, 0] = -0.1  # just outside the box ...
    first = dumps.write_dump(tmp_path / "a.1", snapshots[:3])
    snapshots[2].positions[0, 0] += snapshots[2].cell[0, 0]  # ... and wrapped by the continued run
    second = dumps.write_dump(tmp_path / "a.2", snapshots[2:])
    frames, trajectory = read(first, second)
    assert [frame.step for frame in frames] == [0, 10, 20, 30, 40]
    assert {frame.segment for frame in frames} == {0}
    (event,) = trajectory.log.repeated
    line_with(str(event), f"{second}, line 1:", "step 20", f"{first}, line 35")


def test_steps_that_do_not_increase_start_a_new_segment(tmp_path):
    first = dumps.argon_dump(tmp_path / "a.1", frames=3, side=2, seed=0)
    second = dumps.argon_dump(tmp_path / "a.2", frames=2, side=2, seed=1)
    frames, trajectory = read(first, second)
    assert [(frame.step, frame.segment) for frame in frames] == [(0, 0), (10, 0), (20, 0), (0, 1), (10, 1)]
    assert len(trajectory.log.restarts) == 1
    other = dumps.write_dump(tmp_path / "b.2", dumps.argon(frames=1, side=2, seed=2, first=20))
    frames, trajectory = read(first, other)  # the same step, but not the same frame
    assert [(frame.step, frame.segment) for frame in frames][-2:] == [(20, 0), (20, 1)]
    assert not trajectory.log.repeated


def test_files_may_order_their_columns_differently(tmp_path):
    snapshots = dumps.argon(frames=4, side=2)
    first = dumps.write_dump(tmp_path / "a.1", snapshots[:2], number=EXACT)
    second = dumps.write_dump(tmp_path / "a.2", snapshots[2:], dumps.ARGON_COLUMNS[::-1], number=EXACT)
    assert_frames_hold(read(first, second)[0], snapshots)


# --- truncated files -----------------------------------------------------------------------------------------


def test_a_file_truncated_anywhere_keeps_the_frames_before(tmp_path):
    snapshots = dumps.argon(frames=3, side=2)
    text = dumps.dump_text(snapshots, number=EXACT)
    starts = [match.start() for match in re.finditer("ITEM: TIMESTEP", text)] + [len(text)]
    path = tmp_path / "cut"
    for cut in [*range(starts[1] + 1, starts[2], 13), *range(starts[2] - 3, len(text), 17), len(text) - 1, len(text)]:
        path.write_text(text[:cut])
        frames, trajectory = read(path)
        whole = sum(end <= cut for end in starts[1:])
        assert_frames_hold(frames, snapshots[:whole])
        assert len(trajectory.log.truncated) == (cut not in starts)


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zst"])
def test_a_truncated_archive_keeps_the_frames_before(tmp_path, suffix):
    path = dumps.argon_dump(tmp_path / f"argon{suffix}", frames=600, side=4)  # a few blocks of each kind of archive
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, trajectory = read(path)
    assert 100 <= len(frames) <= 400
    assert len(trajectory.log.truncated) == 1


@pytest.mark.parametrize("write", [dumps.argon_dump, lambda path: path.write_bytes(gzip.compress(b"1\n\nAr 0 0 0\n"))])
@pytest.mark.parametrize("bit", [5, 6, 7])
def test_reserved_bits_of_a_gzip_header_are_refused(tmp_path, write, bit):
    # RFC 1952, 2.3.1.2: they must be zero, and a reader must not accept others
    path = tmp_path / ("argon.lammpstrj.gz" if write is dumps.argon_dump else "argon.extxyz.gz")
    write(path)
    content = bytearray(path.read_bytes())
    content[3] |= 1 << bit
    path.write_bytes(content)
    with refused(DataError, file=path, hint="gzip -t"):
        gnnzoo.open_dataset(path)


@pytest.mark.parametrize(
    ("suffix", "check"), [(".gz", "gzip -t"), (".xz", "xz -t"), (".bz2", "bzip2 -t"), (".zst", "zstd -t")]
)
def test_a_damaged_archive_is_refused(tmp_path, suffix, check):
    path = dumps.argon_dump(tmp_path / f"argon{suffix}", frames=6, side=3)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20] = bytes(20)
    path.write_bytes(bytes(data))
    with refused(DataError, file=path, hint=f"{check} argon{suffix}"):
        read(path)


def test_concatenated_archives_are_one_dump(tmp_path):
    snapshots = dumps.argon(frames=4, side=2)
    for suffix in (".gz", ".xz", ".bz2", ".zst"):
        parts = [dumps.dump_text(part, number=EXACT).encode() for part in (snapshots[:2], snapshots[2:])]
        path = tmp_path / f"both{suffix}"
        path.write_bytes(b"".join(dumps.compressed(part, suffix) for part in parts))
        assert_frames_hold(read(path)[0], snapshots)


def test_a_truncated_frame_before_an_appended_run_is_left_out(tmp_path):
    snapshots = dumps.argon(frames=3, side=2)
    parts = [dumps.dump_text([snapshot], number=EXACT) for snapshot in snapshots]
    (tmp_path / "appended").write_text(parts[0] + parts[1][:-40] + parts[2])
    frames, trajectory = read(tmp_path / "appended")
    assert_frames_hold(frames, [snapshots[0], snapshots[2]])
    line_with(str(trajectory.log.truncated[0]), "step 10", "7 of 8 rows")


def test_blank_lines_do_not_matter(tmp_path):
    snapshots = dumps.argon(frames=2, side=2)
    text = dumps.dump_text(snapshots, number=EXACT).splitlines()
    text[12:12] = ["", "  "]
    (tmp_path / "blank").write_text("\n\n" + "\n".join([*text, "", " "]) + "\n")
    assert_frames_hold(read(tmp_path / "blank")[0], snapshots)


# --- errors --------------------------------------------------------------------------------------


def lines(**options):
    return dumps.dump_text(dumps.water(frames=2, side=2), dumps.WATER_COLUMNS, **options).splitlines()


def changed_row(number, column, value):
    """A change of one value in the row that stands in line `number`."""

    def change(text):
        row = text[number - 1].split()
        row[column] = value
        text[number - 1] = " ".join(row)

    return change


def set_line(number, value):
    def change(text):
        text[number - 1] = value

    return change


HEADER = "ITEM: ATOMS id mol type x y z fx fy fz"  # line 9; rows are lines 10 to 33, the second frame starts in line 34


@pytest.mark.parametrize(
    ("change", "line", "names"),
    [
        (
            set_line(9, "ITEM: ATOMS id mol type x y z vx vy vz"),
            9,
            ["no forces", "id mol type x y z vx vy vz fx fy fz"],
        ),
        (
            set_line(9, "ITEM: ATOMS id mol type x y z fx fy c_1"),
            9,
            ["incomplete: fz", "id mol type x y z c_1 fx fy fz"],
        ),
        (
            set_line(9, "ITEM: ATOMS q mol c_1 x y z fx fy fz"),
            9,
            ["no column type", "id mol type q x y z c_1 fx fy fz"],
        ),
        (set_line(9, "ITEM: ATOMS id mol c_1 x y z fx fy fz"), 9, ["no column type"]),
        (
            set_line(9, "ITEM: ATOMS id mol type x y c_1 fx fy fz"),
            9,
            ["no complete positions", "type x y z c_1 fx fy fz"],
        ),
        (set_line(9, "ITEM: ATOMS id mol type x x z fx fy fz"), 9, ["column x"]),
        (set_line(4, "-24"), 4, ["-24 atoms"]),
        (set_line(4, "many"), 4, ["'many'"]),
        (set_line(4, "23"), 33, ["23 atoms"]),
        (set_line(2, "zero"), 2, ["'zero'", "timestep"]),
        (set_line(6, "0.0 0.0"), 5, ["volume"]),
        (set_line(6, "1.0 0.0"), 5, ["volume"]),
        (set_line(6, "nan 1.0"), 5, ["'nan 1.0'", "2 finite numbers"]),
        (set_line(6, "0.0"), 5, ["'0.0'", "2 finite numbers"]),
        (set_line(5, "ITEM: BOX BOUNDS pp px pp"), 5, ["'pp px pp'"]),
        (set_line(3, "ITEM: NUMBER OF ENTRIES"), 3, ["NUMBER OF ENTRIES", "ITEM: TIMESTEP"]),
        (changed_row(12, 3, "nan"), 12, ["x is nan", "step 0"]),
        (changed_row(46, 7, "-inf"), 46, ["fy is -inf", "step 10"]),
        (changed_row(12, 6, "1e999"), 12, ["fx is inf"]),
        (changed_row(12, 8, "1.5 2.5"), 12, ["10 values", "9 values: id mol type"]),
        (changed_row(12, 8, ""), 12, ["8 values"]),
        (changed_row(12, 4, "1.2.3"), 12, ["'1.2.3' in column y"]),
        (changed_row(12, 0, "1.5"), 12, ["'1.5' in column id"]),
        (changed_row(12, 0, "1"), 12, ["atom id 1"]),
        (changed_row(46, 0, "1"), 46, ["atom id 1", "step 10"]),
        (changed_row(46, 0, "0"), 46, ["0 in column id", "1 to "]),
        (changed_row(46, 2, "-2"), 46, ["-2 in column type", "1 to 2147483647"]),
        (changed_row(12, 4, "0x1p3"), 12, ["'0x1p3' in column y"]),
        (changed_row(10, 0, "\ufeff1"), 10, ["in column id"]),
        (changed_row(10, 0, " \ufeff1"), 10, ["in column id"]),
        (changed_row(12, 1, "0x10"), 12, ["'0x10' in column mol"]),
        (changed_row(12, 1, "1_0"), 12, ["'1_0' in column mol"]),
        (set_line(2, "1_000"), 2, ["'1_000'"]),
        (set_line(2, "-10"), 2, ["-10"]),
        (set_line(5, "ITEM: BOX BOUNDS pf pp pp"), 5, ["'pf pp pp'"]),
        (set_line(42, HEADER.replace("mol", "c_1")), 42, ["id c_1 type", "id mol type", "line 9"]),
    ],
)
def test_errors_name_file_and_line(tmp_path, change, line, names):
    text = lines()
    assert text[8] == HEADER
    assert text[33] == "ITEM: TIMESTEP"
    change(text)
    path = tmp_path / "wrong.lammpstrj"
    path.write_text("\n".join(text) + "\n")
    with refused(DataError, *names, file=path, line=line):
        read(path)


def test_the_suggested_dump_command_is_complete(tmp_path):
    text = lines()
    text[8] = "ITEM: ATOMS id mol type x y z vx vy vz"
    (tmp_path / "water.lammpstrj").write_text("\n".join(text) + "\n")
    with refused(DataError, hint="dump 1 all custom 100 water.lammpstrj id mol type x y z vx vy vz fx fy fz"):
        read(tmp_path / "water.lammpstrj")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\x89PNG\r\n\x1a\n0000", "picture"),
        (b"\x89HDF\r\n\x1a\n0000", "HDF5"),
        (b"PK\x03\x04", "zip"),
        (np.array([-10, 1, 10], dtype=np.int64).tobytes() + b"DUMPCUSTOM", "binary2txt"),
        (np.arange(50, dtype=np.int64).tobytes(), "binary"),
        (b"400\nargon\nAr 0 0 0\n", "'400'"),
        (b"\x1f\x8bnot gzip at all", "damaged"),
        (b"ITEM: TIMES", "complete frame"),
        (b"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n3\n", "complete frame"),
        (b"ITEM: TIMESTEP\n0\nITEM: NUMBER OF GRID POINTS\n3\n", "NUMBER OF GRID POINTS"),
    ],
)
def test_files_of_other_formats_are_named(tmp_path, content, name):
    path = tmp_path / "strange"
    path.write_bytes(content)
    with refused(DataError, name, file=path):
        read(path)


@pytest.mark.parametrize(
    ("number", "where"),
    [("1000000000000", {"line": 4}), ("2000000000", {})],
)
def test_an_absurd_number_of_atoms_takes_no_memory(tmp_path, number, where):
    text = dumps.dump_text(dumps.argon(frames=1, side=2)).replace("ATOMS\n8\n", f"ATOMS\n{number}\n")
    (tmp_path / "huge").write_text(text)
    with refused(DataError, number, **where):
        read(tmp_path / "huge")


def test_many_more_rows_than_announced_are_refused_before_they_are_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(frame_splitter, "_LONG_ROWS", 1 << 14)
    monkeypatch.setattr(dump_file, "BLOCK_BYTES", 1 << 14)
    text = dumps.dump_text(dumps.argon(frames=1, side=2))
    (tmp_path / "endless").write_text(text + text[text.index("\n1 1 ") :] * 2000)
    seen = []
    with refused(DataError, "8 atoms", line=18):
        list(frame_splitter.raw_frames(tmp_path / "endless", DumpLog(), advance=seen.append))
    assert sum(seen) < (tmp_path / "endless").stat().st_size / 10


# --- changing atoms --------------------------------------------------------------------------------


def changing(frames=7):
    """Snapshots of 8, 8, 27, 27, 8 ... atoms."""
    small, large = dumps.argon(frames, side=2), dumps.argon(frames, side=3)
    return [large[i] if i in (2, 3, 5) else small[i] for i in range(frames)]


@pytest.mark.parametrize("shuffle", [None, 4])
def test_each_frame_has_its_own_atoms(tmp_path, shuffle):
    snapshots = changing()
    path = dumps.write_dump(tmp_path / "a", snapshots, number=EXACT, shuffle=shuffle)
    frames, trajectory = read(path)
    assert_frames_hold(frames, snapshots)
    assert (trajectory.fewest, trajectory.most, trajectory.atoms.changes) == (8, 27, 4)
    with DumpDataset([path]) as dataset:
        assert_frames_hold(list(dataset), snapshots)
        assert_frames_hold([dataset[i] for i in (6, 2, 0)], [snapshots[i] for i in (6, 2, 0)])
        assert dataset.provenance["atoms"] == {"fewest": 8, "most": 27}


def test_atoms_that_change_their_ids_or_types_are_those_of_their_frames(tmp_path):
    snapshots = dumps.argon(frames=4, side=2)
    snapshots[2].types = np.array([2, 1, 1, 1, 1, 1, 1, 3])
    text = dumps.dump_text(snapshots, number=EXACT).splitlines()
    last = len(text) - 1  # the last atom of the last frame
    text[last] = text[last].replace("8 1", "12 1", 1)
    (tmp_path / "a").write_text("\n".join(text) + "\n")
    frames, trajectory = read(tmp_path / "a")
    assert [frame.types.tolist() for frame in frames] == [[1] * 8, [1] * 8, [2, 1, 1, 1, 1, 1, 1, 3], [1] * 8]
    assert [frame.ids[-1] for frame in frames] == [8, 8, 8, 12]
    assert trajectory.atoms.type_names == {1: "1", 2: "2", 3: "3"}
    assert trajectory.atoms.changes == 2


def test_types_of_later_frames_get_names_and_masses(tmp_path):
    snapshots = dumps.argon(frames=3, side=2)
    for number, snapshot in enumerate(snapshots):
        snapshot.types[:] = 1 + (number == 2)
        snapshot.columns["element"] = np.array(["Ar", "Kr"])[snapshot.types - 1]
        snapshot.columns["mass"] = np.array([39.948, 83.798])[snapshot.types - 1]
    path = dumps.write_dump(tmp_path / "a", snapshots, (*dumps.ARGON_COLUMNS, "element", "mass"))
    _, trajectory = read(path)
    with DumpDataset([path]) as dataset:
        for atoms in (trajectory.atoms, dataset.atoms):
            assert atoms.type_names == {1: "Ar", 2: "Kr"}
            assert atoms.masses == {1: 39.948, 2: 83.798}
        assert dataset.type_names == {1: "Ar", 2: "Kr"}
        assert set(dataset[2].names) == {"Kr"}


def test_iteration_gives_the_same_frames_as_indexing(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "BATCH_BYTES", 5000)  # three or four small frames
    first = dumps.write_dump(tmp_path / "1", changing(), number=EXACT, shuffle=1)
    second = dumps.write_dump(tmp_path / "2", dumps.argon(9, side=2, first=70), number=EXACT)
    with DumpDataset([first, second]) as dataset:
        assert_frames_hold(list(dataset), [*changing(), *dumps.argon(9, side=2, first=70)])
        for frame, again in zip(dataset, map(dataset.__getitem__, range(len(dataset))), strict=True):
            assert np.array_equal(frame.positions, again.positions)
            assert frame.segment == again.segment


def test_frames_without_atoms_are_left_out_and_logged(tmp_path):
    text = dumps.dump_text(dumps.argon(frames=2, side=2))
    head = text[: text.index("1 1 ")].replace("ATOMS\n8\n", "ATOMS\n0\n")
    (tmp_path / "a").write_text(head + text + head.replace("TIMESTEP\n0", "TIMESTEP\n90"))
    frames, trajectory = read(tmp_path / "a")
    assert [frame.step for frame in frames] == [0, 10]
    assert [event.step for event in trajectory.log.empty] == [0, 90]
    (tmp_path / "b").write_text(head)
    with refused(DataError, "step 0", file="b"):
        read(tmp_path / "b")


@pytest.mark.parametrize("opened", [lambda paths: read(*paths), DumpDataset])
def test_pieces_written_by_many_processors_are_refused(tmp_path, opened):
    pieces = []
    for number in range(2):
        text = dumps.dump_text(dumps.argon(frames=3, side=2)).replace("ATOMS\n8\n", "ATOMS\n4\n").splitlines()
        kept = [line for line in text if len(line.split()) != 8 or (int(line.split()[0]) > 4) == bool(number)]
        pieces.append(tmp_path / f"dump.{number}")
        pieces[-1].write_text("\n".join(kept) + "\n")
    with refused(DataError, "dump.0", file="dump.1", line=1, hint="%"):
        opened(pieces)


# --- declared meanings of columns ------------------------------------------------------------------


def test_a_column_may_be_declared_as_the_energy_or_any_other_quantity(tmp_path):
    snapshots = dumps.argon(frames=2, side=2)
    for snapshot in snapshots:
        snapshot.columns |= {"c_pe": np.linspace(-2, -1, 8), "v_mol": np.arange(8)}
    path = dumps.write_dump(tmp_path / "a", snapshots, (*dumps.ARGON_COLUMNS, "v_mol", "c_pe"), number=EXACT)
    with DumpDataset([path], columns={"energy": "c_pe", "mol": "v_mol"}) as dataset:
        assert dataset[1].energies.tolist() == np.linspace(-2, -1, 8).tolist()
        assert dataset[1].molecules.tolist() == list(range(8))
        assert dataset.atoms.unused == ()
    with DumpDataset([path]) as dataset:
        assert dataset[1].energies is None
        assert dataset.atoms.unused == ("v_mol", "c_pe")


def test_columns_declared_as_forces_replace_those_of_that_name(tmp_path):
    snapshots = dumps.argon(frames=1, side=2)
    snapshots[0].columns |= {f"f_ave[{i}]": np.full(8, float(i)) for i in (1, 2, 3)}
    path = dumps.write_dump(tmp_path / "a", snapshots, (*dumps.ARGON_COLUMNS, "f_ave[1]", "f_ave[2]", "f_ave[3]"))
    with DumpDataset([path], columns={"fx": "f_ave[1]", "fy": "f_ave[2]", "fz": "f_ave[3]"}) as dataset:
        assert dataset[0].forces.tolist() == [[1, 2, 3]] * 8


def test_a_vector_that_may_be_the_forces_is_suggested(tmp_path):
    snapshots = dumps.argon(frames=1, side=2)
    snapshots[0].columns |= {f"f_ave[{i}]": np.full(8, float(i)) for i in (1, 2, 3)}
    columns = ("id", "type", "x", "y", "z", "f_ave[1]", "f_ave[2]", "f_ave[3]")
    with refused(DataError, line=9, hint="--column fx=f_ave[1] --column fy=f_ave[2] --column fz=f_ave[3]"):
        read(dumps.write_dump(tmp_path / "a.lammpstrj", snapshots, columns))


@pytest.mark.parametrize(
    ("columns", "kind", "names", "line"),
    [
        ({"vx": "c_pe"}, DataError, ["c_pe", "vx", "vy, vz"], 9),
        ({"xu": "c_pe"}, DataError, ["c_pe", "xu"], 9),
        ({"energy": "c_ep"}, DataError, ["'c_ep'", "energy", "'c_pe'"], 9),
        ({"energi": "c_pe"}, UserError, ["'energi'", "'energy'", "--column energy=c_pe"], None),
    ],
)
def test_columns_that_do_not_exist_or_mean_nothing_are_refused(tmp_path, columns, kind, names, line):
    snapshots = dumps.argon(frames=1, side=2)
    snapshots[0].columns["c_pe"] = np.zeros(8)
    path = dumps.write_dump(tmp_path / "a", snapshots, (*dumps.ARGON_COLUMNS, "c_pe"))
    with refused(kind, *names, line=line):
        DumpDataset([path], columns=columns)


def test_units_that_change_or_are_unknown_are_refused(tmp_path):
    first = dumps.argon_dump(tmp_path / "a", units="real")
    with refused(DataError, "metal", "real", file="b", line=1):
        read(first, dumps.argon_dump(tmp_path / "b", units="metal", seed=1))
    with refused(DataError, "electron", line=2, expected="metal"):
        read(dumps.argon_dump(tmp_path / "c", units="electron"))


# --- the dataset ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_frames_read_on_demand_are_those_of_the_stream(tmp_path, suffix):
    snapshots = dumps.water(frames=6, side=2)
    parts = snapshots[:3], snapshots[2:]  # one frame comes twice
    paths = [
        dumps.write_dump(tmp_path / f"{number}{suffix}", part, dumps.WATER_COLUMNS, number=EXACT, shuffle=number)
        for number, part in enumerate(parts)
    ]
    with DumpDataset(paths) as dataset:
        assert_frames_hold(list(dataset), snapshots)
        assert dataset[-1].step == 50
        assert [frame.step for frame in dataset[1:4]] == [10, 20, 30]
        assert len(dataset.log.repeated) == 1
        assert dataset.steps.tolist() == [0, 10, 20, 30, 40, 50]
        assert dataset.has_molecules
        with pytest.raises(IndexError):
            dataset[6]


def test_a_file_that_shrank_is_detected(tmp_path):
    path = dumps.argon_dump(tmp_path / "argon", frames=3)
    dataset = DumpDataset([path])
    path.write_bytes(path.read_bytes()[:500])
    with refused(DataError, file=path):
        dataset[2]
