"""Files that would fill the memory or take for ever: refused early, with the line."""

import gzip
import io
import os

import numpy as np
import pytest

import dumps
from errors import refused
from gnnzoo.data.lammps.dataset import DumpDataset
from gnnzoo.data.lammps.header import real_number
from gnnzoo.data.lammps.log_tables import Row, log_tables
from gnnzoo.errors import DataError

MB = 1 << 20


def header(atoms, columns="id type x y z fx fy fz"):
    """The header of a frame."""
    box = "ITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\n"
    return f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{atoms}\n{box}ITEM: ATOMS {columns}\n".encode()


def write(path, *pieces):
    """A file of pieces, (bytes, times) each; those of a `.gz` are packed on the way."""
    with gzip.open(path, "wb", compresslevel=1) if path.suffix == ".gz" else path.open("wb") as file:
        for data, times in pieces:
            for _ in range(times):
                file.write(data)
    return path


@pytest.mark.parametrize("name", ["a.lammpstrj", "a.lammpstrj.gz"])
def test_a_row_without_an_end_is_not_read_to_its_end(tmp_path, name):
    path = write(tmp_path / name, (header(2), 1), (b"1 1 0 0 0 0 0 0\n", 1), (b"1" * MB, 40))
    with refused(DataError, file=path, line=11, expected="8 values"):
        DumpDataset([path])


def test_a_header_without_an_end_is_not_read_to_its_end(tmp_path):
    path = write(tmp_path / "a.dump", (header(1, "id type " + "x" * MB * 5), 1))
    with refused(DataError, "65,536", file=path, line=9):
        DumpDataset([path])


@pytest.mark.parametrize("blank", [b" ", b"\n", b" \r\n"])
def test_blanks_without_an_end_are_not_read_to_their_end(tmp_path, blank):
    frame = dumps.dump_text(dumps.argon(frames=1, side=1)).encode()
    path = write(tmp_path / "a.dump", (frame, 1), (blank * (MB // len(blank)), 40))
    with refused(DataError, file=path):
        DumpDataset([path])


def test_blanks_between_frames_are_counted(tmp_path):
    frame = dumps.dump_text(dumps.argon(frames=1, side=1)).encode()
    path = write(tmp_path / "a.dump", (frame, 1), (b"\n" * 1000, 1), (frame.replace(b"\n1 1 ", b"\n1 x "), 1))
    with refused(DataError, "'x'", file=path, line=len(frame.splitlines()) + 1000 + 10):
        DumpDataset([path])


@pytest.mark.parametrize("atoms", ["1000000000", "1000000000000000000", "1" + "0" * 5000], ids=len)
def test_more_atoms_than_rows_take_no_memory(tmp_path, atoms):
    path = write(tmp_path / "a.dump", (header(atoms), 1), (b"1 1 0 0 0 0 0 0\n", 3))
    with refused(DataError, file=path):
        DumpDataset([path])


def test_a_bomb_of_rows_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("gnnzoo.data.compression._EXPANDED", 1 << 24)
    path = write(tmp_path / "a.dump.gz", (header(2 * 10**9), 1), (b"1 1 0 0 0 0 0 0\n" * 65536, 40))
    with refused(DataError, "expand", file=path, hint=f"gunzip -k {path.name}"):
        DumpDataset([path])


def test_dumps_that_compress_well_are_read(tmp_path):
    snapshots = dumps.argon(frames=200, side=3)
    for snapshot in snapshots:
        snapshot.forces = np.zeros_like(snapshot.forces)
    path = dumps.write_dump(tmp_path / "a.dump.gz", snapshots)
    assert len(DumpDataset([path])) == 200


def test_many_columns_are_checked_at_once_and_not_repeated(tmp_path):
    columns = " ".join(f"c{number}" for number in range(8000))
    path = write(tmp_path / "a.dump", (header(1, columns), 1), (b"1 " * 8000 + b"\n", 1))
    with refused(DataError, "7,960 more", file=path, line=9, hint="id type x y z fx fy fz") as refusal:
        DumpDataset([path])
    assert len(str(refusal.error)) < 2000


def test_long_numbers_are_parsed_in_linear_time():
    for word in ("1" * MB + "x", "1." + "1" * MB + "x", "1e" + "1" * MB + "x"):
        with pytest.raises(ValueError, match="x"):
            real_number(word)


# --- logs ---------------------------------------------------------------------------------------------------------

TABLE = b"units metal\nStep PotEng\n0 -1.5\n10 -1.25\nLoop time of 1 on 1 procs for 10 steps with 4 atoms\n"


def test_a_line_of_a_log_without_an_end(tmp_path):
    path = write(tmp_path / "log.lammps", (TABLE, 1), (b"x" * MB, 30))
    with refused(DataError, file=path, line=6):
        log_tables(path)


def test_words_of_a_log_are_searched_in_linear_time(tmp_path):
    path = write(
        tmp_path / "log.lammps", (TABLE, 1), (b"------------ Step 20 ----- CPU\n", 1), (b"x" * 65000 + b"\n", 30)
    )
    assert [table.rows for table in log_tables(path)] == [[Row(0, -1.5), Row(10, -1.25)]]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_a_log_is_a_regular_file(tmp_path, make):
    make(tmp_path / "log.lammps")
    with refused(DataError, file="log.lammps", expected="log"):
        log_tables(tmp_path / "log.lammps")


def test_text_with_other_line_ends_is_one_line_each(tmp_path):
    path = tmp_path / "log.lammps"
    path.write_bytes(io.BytesIO(TABLE.replace(b"\n", b"\r\n")).getvalue() + b"\x0b\x0c\x1c\n")
    assert [table.rows for table in log_tables(path)] == [[Row(0, -1.5), Row(10, -1.25)]]
