"""gnnzoo convert and inspect from the command line."""

import json
import logging
import re

import numpy as np
import pytest

import dumps
from gnnzoo.cli import main
from lines import line_with


def run(capsys, *arguments):
    """Exit code, stdout and stderr of one command."""
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return (ended.value.code, *capsys.readouterr())


def test_a_dump_becomes_a_dataset_that_can_be_inspected(folder, capsys):
    dumps.water_dump(folder / "water.lammpstrj")
    code, out, _ = run(capsys, "convert", "water.lammpstrj", "--units", "real", "--types", "1=O, 2=H")
    assert code == 0
    line_with(out, "water.h5", "4 frames", "24 atoms")
    code, out, err = run(capsys, "inspect", "water.h5", "--cutoff", "3", "--json", "out.json")
    assert code == 0
    for text in ("1=O (8), 2=H (16)", "g/cm3", "id mol type x y z fx fy fz", "kcal/mol/A", "6 in positions", "O-H"):
        assert text in out
    assert "warning" not in err
    assert json.loads((folder / "out.json").read_text())["geometry"]["edges_per_atom"]["3"]["mean"] > 0


def test_conversion_prints_the_contents_and_doubts_of_a_dump(folder, capsys, snapshot, monkeypatch):
    monkeypatch.setattr(logging.getLogger("gnnzoo"), "handlers", [])  # only that of the command itself
    text = dumps.dump_text(dumps.water(frames=3), dumps.WATER_COLUMNS)
    (folder / "water.lammpstrj").write_text(text[:-30])
    code, out, err = run(capsys, "convert", "water.lammpstrj")
    assert code == 0
    messages = [line for line in err.splitlines() if not line.startswith("converting ")]  # times vary
    snapshot("convert", "\n".join([*messages, re.sub(r"at .* MB/s", "at RATE MB/s", out)]))
    code, out, err = run(capsys, "convert", "water.lammpstrj", "-o", "b.h5", "--quiet")
    assert (code, out.split(":")[0]) == (0, "wrote b.h5")
    assert all(line.startswith("warning: ") for line in err.splitlines())


def test_a_dump_without_forces_is_refused_with_the_dump_command(folder, capsys):
    columns = ("id", "mol", "type", "x", "y", "z")
    dumps.write_dump(folder / "water.lammpstrj", dumps.water(), columns)
    code, _, err = run(capsys, "convert", "water.lammpstrj")
    assert code == 2
    line_with(err, "error", "water.lammpstrj", "line 9")
    assert "dump 1 all custom 100 water.lammpstrj id mol type x y z fx fy fz" in err
    assert not (folder / "water.h5").exists()


def test_the_report_of_a_dump(folder, capsys, snapshot):
    dumps.water_dump(folder / "water.lammpstrj", frames=6, side=3)
    _, out, err = run(capsys, "inspect", "water.lammpstrj")
    snapshot("inspect", out)
    assert "--units real" in err and "--types 1=NAME,2=NAME" in err
    assert max(map(len, [*out.splitlines(), *err.splitlines()])) <= 100


def test_choices_of_a_new_recipe(folder, capsys, snapshot, monkeypatch):
    monkeypatch.setattr(logging.getLogger("gnnzoo"), "handlers", [])  # only that of the command itself
    dumps.water_dump(folder / "water.lammpstrj", frames=20, side=2)
    code, out, err = run(capsys, "init", "water.lammpstrj", "--units", "real", "--types", "1=O,2=H")
    assert code == 0 and "water.json" in out
    lines = err.splitlines()
    assert max(map(len, lines)) <= 100
    snapshot("init", "".join(f"{line}\n" for line in lines if not line.startswith("reading")))
    _, _, err = run(capsys, "init", "water.lammpstrj", "--units", "real", "--quiet", "--overwrite")
    assert err.splitlines() == [line_with(err, "warning", "--types 1=NAME,2=NAME")]


def reduced(path, **options):
    """A dump of argon whose lengths are a tenth of Angstrom."""
    snapshots = dumps.argon(frames=3, side=4)
    for snapshot in snapshots:
        snapshot.positions, snapshot.cell = snapshot.positions / 10, snapshot.cell / 10
    return dumps.write_dump(path, snapshots, **options)


def test_impossible_units_are_an_error_after_the_report(folder, capsys):
    reduced(folder / "a.lammpstrj")
    code, out, err = run(capsys, "inspect", "a.lammpstrj", "--units", "real", "--json", "out.json")
    assert code == 2
    line_with(out, "units", "real", "declared")
    assert "cutoffs, A" in out
    line_with(err, "error", "a.lammpstrj", "diamond")
    line_with(err, "next", "--units lj")
    assert json.loads((folder / "out.json").read_text())["unit_evidence"]["verdict"] == "contradicted"
    assert run(capsys, "inspect", "a.lammpstrj", "--units", "lj")[0] == 0


def test_a_dump_with_impossible_units_is_converted_once_its_line_is_fixed(folder, capsys):
    dump = reduced(folder / "a.lammpstrj", units="metal")
    code, _, err = run(capsys, "convert", "a.lammpstrj")
    assert code == 2
    line_with(err, "ITEM: UNITS", "metal")
    dump.write_text(dump.read_text().replace("ITEM: UNITS\nmetal", "ITEM: UNITS\nlj"))
    assert run(capsys, "convert", "a.lammpstrj", "--units", "lj")[0] == 0


def test_a_column_of_energies_is_named(folder, capsys):
    snapshots = dumps.argon(frames=3)
    for number, snapshot in enumerate(snapshots):
        snapshot.columns = {"c_pe": np.full(len(snapshot.types), -1.0 - number)}
    dumps.write_dump(folder / "a.lammpstrj", snapshots, (*dumps.ARGON_COLUMNS, "c_pe"))
    assert run(capsys, "inspect", "a.lammpstrj", "--column", "energy=c_pe", "--json", "out.json")[0] == 0
    assert "energies" in json.loads((folder / "out.json").read_text())["fields"]
    assert run(capsys, "inspect", "a.lammpstrj", "--column", "energy=c_p")[0] == 2


def test_numbers_that_are_not_finite_are_null_in_json(folder, capsys):
    snapshots = dumps.argon(frames=3)
    for snapshot in snapshots:
        snapshot.forces = snapshot.forces * 1e200
    dumps.write_dump(folder / "a.lammpstrj", snapshots)
    assert run(capsys, "inspect", "a.lammpstrj", "--json", "out.json")[0] == 0

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads((folder / "out.json").read_text(), parse_constant=refuse)["forces"]["mean_norm"] is None


def test_existing_results_of_inspect_are_kept(folder, capsys):
    dumps.argon_dump(folder / "argon.lammpstrj")
    both = ("inspect", "argon.lammpstrj", "--json", "out.json", "--html", "out.html")
    assert run(capsys, *both)[0] == 0
    first = (folder / "out.json").read_text()
    assert (folder / "out.html").read_text().startswith("<!DOCTYPE html>")
    for name in ("json", "html"):
        code, _, err = run(capsys, "inspect", "argon.lammpstrj", f"--{name}", f"out.{name}")
        assert code == 2
        line_with(err, "error", f"out.{name}")
        line_with(err, "next", "--overwrite")
    assert run(capsys, *both, "--units", "real", "--overwrite")[0] == 0
    assert (folder / "out.json.old-1").read_text() == first != (folder / "out.json").read_text()
    assert (folder / "out.html.old-1").exists()


def test_types_that_do_not_occur_are_a_warning(folder, capsys):
    dumps.argon_dump(folder / "argon.lammpstrj")
    _, _, err = run(capsys, "inspect", "argon.lammpstrj", "--types", "1=Ar,3=K", "--units", "real")
    line_with(err, "warning", "--types", "type 3", "hold 1")


@pytest.mark.parametrize("types", ["O,H", "1=", "one=O"])
def test_types_must_be_pairs(folder, capsys, types):
    dumps.argon_dump(folder / "argon.lammpstrj")
    code, _, err = run(capsys, "convert", "argon.lammpstrj", "--types", types)
    assert code == 2
    assert "1=O,2=H" in err
