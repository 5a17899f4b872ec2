"""Pipes, sockets, devices and folders where a file is expected: refused at once, whatever reads them."""

import os
import socket

import pytest

import dumps
import gnnzoo
from errors import refused
from gnnzoo.data.data_source import SourceKind, resolve_source
from gnnzoo.errors import DataError, RecipeError
from gnnzoo.file_formats import check_regular
from gnnzoo.recipe.io.load import load_recipe


@pytest.mark.parametrize("name", ["a.h5", "a.extxyz", "a.xyz", "a.traj", "a.tfrecord"])
@pytest.mark.parametrize("streams", [True, False])
def test_formats_that_are_read_at_any_place_come_from_no_pipe(folder, name, streams):
    os.mkfifo(name)
    with refused(DataError, file=name):
        resolve_source(name, streams=streams)


def test_dumps_come_from_pipes_where_they_are_read_once(folder):
    os.mkfifo("a.lammpstrj")
    assert resolve_source("a.lammpstrj", streams=True).kind is SourceKind.STREAM
    with refused(DataError, file="a.lammpstrj", hint="gnnzoo convert a.lammpstrj -o NAME.h5"):
        gnnzoo.inspect("a.lammpstrj")


def test_a_pattern_does_not_hide_a_pipe(folder):
    os.mkfifo("a1.lammpstrj")
    dumps.argon_dump(folder / "a2.lammpstrj")
    with refused(DataError, file="a1.lammpstrj", hint="gnnzoo convert a1.lammpstrj -o NAME.h5"):
        resolve_source("a*.lammpstrj")


@pytest.mark.parametrize("read", [gnnzoo.inspect, gnnzoo.open_dataset, gnnzoo.convert])
def test_sockets_are_no_data(folder, read):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("a.dump")
        with refused(DataError, "socket", file="a.dump"):
            read("a.dump")


def test_logs_are_no_pipes(folder):
    dumps.argon_dump(folder / "a.dump")
    os.mkfifo("log.lammps")
    for log in ("log.lammps", ["log.lammps"]):
        with refused(DataError, "pipe", file="log.lammps", expected="log"):
            gnnzoo.convert("a.dump", "a.h5", log=log)
    os.mkdir("logs")
    with refused(DataError, "folder", file="logs", expected="log"):
        gnnzoo.convert("a.dump", "a.h5", log="logs")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_recipes_are_files(folder, make):
    make("r.json")
    with refused(RecipeError, file="r.json", expected="recipe"):
        load_recipe("r.json")


def test_links_to_files_are_files_and_missing_ones_are_left_to_the_reader(folder):
    dumps.argon_dump(folder / "a.dump")
    os.symlink("a.dump", "link.dump")
    check_regular(folder / "link.dump", "a dump")
    check_regular(folder / "missing.dump", "a dump")
    os.symlink("/dev/zero", "zero.h5")
    with refused(DataError, "device", file=folder / "zero.h5"):
        check_regular(folder / "zero.h5", "a dataset")
