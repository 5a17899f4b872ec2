"""Forces from Python through `fix external`: those of LAMMPS' own style, and refusals with their place."""

import subprocess

import numpy as np
import pytest

from errors import refused
from gnnzoo.deploy.lammps.external import run_external, split_script, style_commands
from gnnzoo.errors import DataError, UserError
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField, save_model
from gnnzoo.workflows import lammps as workflow
from small import recipe

CUTOFF = 5.0
SILU = {"units": 2, "hidden_layers": 0, "activation": "silu"}
STACK = [
    {"layer": "atom_encoder", **SILU},
    {"layer": "message_passing", "combine": "sum", **SILU},
    {"layer": "energy_decoder", **SILU},
]
SCRIPT = """# argon
units real
boundary p p p
lattice fcc 5.4
region box prism 0 2 0 2 0 2 0.7 0.3 0.2
create_box 1 box
create_atoms 1 box
mass 1 39.948
displace_atoms all random 0.2 0.2 0.2 4711 units box
velocity all create 90 4711 loop geom
print "a  &
b"
{style}
{types}
timestep 2
fix 1 all npt temp 90 90 100 tri 0 0 500
thermo_style custom step temp pe press pxx pyy pzz pxy pxz pyz vol
thermo_modify format float %.15g norm no
label again
variable again loop 2
run 2
next again
jump SELF again
"""


@pytest.fixture(scope="module")
def model(uncompiled, tmp_path_factory):
    """A Lennard-Jones prior, and a network whose output is zero."""
    prior = [{"prior": "lennard_jones", "mixing": "arithmetic"}]
    made = recipe(graph={"cutoff": CUTOFF}, model={"layers": STACK, "prior": prior})
    network = build_network(made, ["Ar"])
    for layer in network.layers:
        for weight in getattr(layer, "output_weights", list)():
            weight.assign(np.zeros(weight.shape))
    info = {"species": ["Ar"], "types": {"1": "Ar"}, "units": "real"}
    return save_model(ForceField(network, made, info), tmp_path_factory.mktemp("model") / "argon.keras")


def script(folder, style="pair_style gnnzoo ${model} precision double", types="pair_coeff * * Ar", more=""):
    path = folder / "in.argon"
    path.write_text(SCRIPT.format(style=style, types=types) + more)
    return path


def table(log) -> np.ndarray:
    """The lines of the run, which begin with the step."""
    lines = [line.split() for line in log.read_text().splitlines()]
    return np.array([words for words in lines if len(words) == 11 and words[0].isdigit()], float)


def test_a_run_is_that_of_lammps_with_the_same_potential(model, folder):
    """In a tilted box under pressure, with a loop of the script: energies and six pressures."""
    own = script(folder, f"pair_style lj/smooth/linear {CUTOFF}", "pair_coeff 1 1 0.2378 3.405")
    subprocess.run(["lmp", "-in", own, "-log", "own.log"], check=True, capture_output=True, timeout=60)
    run_external(model, script(folder), ["-log", "log", "-screen", "none"])
    expected = table(folder / "own.log")
    assert len(expected) == 4
    np.testing.assert_allclose(table(folder / "log"), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_the_lines_of_a_script_stay_as_they_are(folder):
    split = split_script(script(folder, "pair_style gnnzoo &\n  ${model} # mine", "pair_coeff * * Ar # argon"))
    assert (split.names, split.precision) == (("Ar",), "single")
    text = SCRIPT.format(style="", types="")
    assert split.before == text[: text.index('b"') + 2]
    assert style_commands(CUTOFF, True, False).endswith("energy yes virial no\n")
    assert split.after == text[text.index("timestep") :].rstrip("\n")
    assert split_script(script(folder, types="")).names == ()


SCRIPTS = {
    "no pair style": (("", ""), None),
    "other styles, too": (("pair_style hybrid/overlay lj/cut 5 gnnzoo ${model}", ""), 13),
    "two models": (("pair_style gnnzoo a", "pair_style gnnzoo b"), 14),
    "variables": (("pair_style gnnzoo a", "pair_coeff * * ${names}"), 14),
    "no precision": (("pair_style gnnzoo a precision half", ""), 13),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_only_the_plugin_runs_is_refused(folder, name):
    (style, types), line = SCRIPTS[name]
    with pytest.raises(UserError) as caught:
        split_script(script(folder, style, types))
    assert (caught.value.location.file, caught.value.location.line) == (folder / "in.argon", line)
    assert caught.value.hint or caught.value.expected


def test_the_errors_of_lammps_and_of_the_model_end_the_run(model, folder):
    quiet = ["-log", "log", "-screen", "none"]
    with refused(UserError, "no_such_command"):
        run_external(model, script(folder, more="no_such_command\n"), quiet)
    with refused(DataError, "Kr"):
        run_external(model, script(folder, types="pair_coeff * * Kr"), quiet)
    metal = script(folder)
    metal.write_text(metal.read_text().replace("units real", "units metal"))
    with refused(UserError, "metal", hint="units real"):
        run_external(model, metal, quiet)


@pytest.fixture
def frozen(folder):
    (folder / "frozen").mkdir()
    for name in ("plugin.txt", "in.lammps"):
        (folder / "frozen" / name).touch()
    return folder / "frozen"


def test_without_a_compiler_forces_come_from_python_and_a_warning_says_so(frozen, monkeypatch, messages):
    asked = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(frozen))
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr("gnnzoo.deploy.lammps.external.run_external", lambda *words: asked.append(words))
    assert workflow.lammps(frozen, arguments=["-var", "T", "9"]).plugin is None
    assert asked == [(frozen, frozen / "in.lammps", ["-var", "T", "9"])]
    assert messages().startswith("warning: ")
    assert workflow.lammps(frozen, through="python").plugin is None
    assert not messages()
    with refused(UserError, "no-such-compiler", hint="--through python"):
        workflow.lammps(frozen, through="plugin")
    with refused(UserError, hint="--ranks"):
        workflow.lammps(frozen, through="python", ranks=2)
