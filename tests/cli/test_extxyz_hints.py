"""What `convert` and `inspect` print about extended XYZ: each command in an error or a warning runs as it stands."""

import re
import shlex
import subprocess

import pytest

import gnnzoo
from gnnzoo.cli import main
from xyz_files import write_xyz, xyz_frame


def run(capsys, *arguments):
    """Exit code, stdout and stderr of one command, without the folds of long lines."""
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    return ended.value.code, out, re.sub(r"\n +(?!next|expected)", " ", err)


def commands(text):
    """The commands that a message names; the alternatives of one are its own options with those of the other."""
    (command,) = re.findall(r"gnnzoo convert [^(\n]*", text)
    first, *others = [shlex.split(part) for part in command.split(", or ")]
    return [first[1:], *([*first[1:3], *other] for other in others)]


def test_choices_of_keys_run_as_they_are_printed(folder, capsys):
    write_xyz("a b.extxyz", {"forces": 0.25, "REF_forces": 0.5}, energy=-1, REF_energy=-2)
    code, _, err = run(capsys, "convert", "a b.extxyz")
    assert code == 2
    found = []
    for number, command in enumerate(commands(err)):
        assert run(capsys, *command, "-o", f"{number}.h5")[0] == 0
        frame = gnnzoo.open_dataset(f"{number}.h5")[0]
        found.append((frame.forces[0, 0], frame.energy))
    assert found == [(0.25, -1), (0.5, -2)]
    assert run(capsys, "inspect", "a b.extxyz")[0] == 2
    write_xyz("b.extxyz", {"forces": 0.25}, energy=-1, free_energy=-2)
    code, _, err = run(capsys, "convert", "b.extxyz")
    assert [run(capsys, *command, "--overwrite")[0] for command in commands(err)] == [0, 0]


@pytest.mark.parametrize("command", ["convert", "inspect"])
def test_labels_that_were_not_taken_are_taken_by_the_command_that_is_printed(folder, capsys, command):
    write_xyz("a.extxyz", {"forces": 0.25}, REF_energy=-1, REF_virials="4 0 0 0 4 0 0 0 4", config_type="x")
    code, out, err = run(capsys, command, "a.extxyz")
    assert code == 0
    for part in ("forces from forces (1 of 1 frames)", "REF_energy", "REF_virials"):
        assert part in re.sub(r"\s+", " ", out + err)
    (hint,) = commands(err)
    assert run(capsys, *hint)[0] == 0
    frame = gnnzoo.open_dataset("a.h5")[0]
    assert (frame.energy, frame.virial[0, 0]) == (-1, 4)


def test_the_shell_commands_of_errors_do_what_they_say(folder, capsys):
    """head keeps the frames before a lie, sed states a unit or names the lattice."""
    texts = {
        "lie.extxyz": xyz_frame({"forces": 0.5}) + xyz_frame({"forces": 0.5}).replace("2\n", "999\n", 1),
        "cell.extxyz": xyz_frame({"forces": 0.5}, lattice='cell="9 0 0 0 9 0 0 0 9"'),
        "unit.extxyz": xyz_frame({"forces": 0.5}, "energy-unit=Ha"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        code, _, err = run(capsys, "convert", name)
        (hint,) = re.findall(r"next: ((?:head|sed) .*?)(?: keeps .*)?$", err, flags=re.MULTILINE)
        subprocess.run(hint, shell=True, check=True, cwd=folder)
        fixed = "complete.extxyz" if name == "lie.extxyz" else name
        assert (code, run(capsys, "convert", fixed)[0]) == (2, 0), name
