"""The LAMMPS plugin has the energies, forces and pressures of LAMMPS' own styles, and refuses what would be wrong."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from errors import refused
from gnnzoo.deploy.freeze import save
from gnnzoo.deploy.lammps import build, plugin_cache
from gnnzoo.deploy.lammps.input_files import write_input_files
from gnnzoo.deploy.lammps.plugin_file import write_plugin_file
from gnnzoo.errors import UserError
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField
from gnnzoo.workflows.lammps import _environment, _launcher
from small import WATER, recipe
from systems import water_frame

SILU = {"units": 4, "hidden_layers": 0, "activation": "silu"}
ENCODER = {"layer": "atom_encoder", **SILU}
MESSAGE = {"layer": "message_passing", "combine": "sum", **SILU}
CUTOFF = 7.0
STACKS = {
    "energy": [ENCODER, MESSAGE, MESSAGE, {"layer": "energy_decoder", **SILU}],
    "pairs": [ENCODER, {"layer": "graph_norm"}, MESSAGE, {"layer": "pair_force_decoder", **SILU}],
    "vectors": [ENCODER, {"layer": "painn_message"}, {"layer": "vector_force_decoder", **SILU}],
}
# 108 atoms in a tilted box that is smaller than the range of two rounds of messages
BOX = """
units real
atom_style atomic
boundary p p p
lattice fcc 5.4
region box prism 0 3 0 3 0 3 0.7 0.3 0.2
create_box 1 box
create_atoms 1 box
mass 1 39.948
displace_atoms all random 0.2 0.2 0.2 4711 units box
velocity all create 90 4711 loop geom
timestep 2
"""
RUN = """
compute atoms all pe/atom
compute stress all stress/atom NULL virial
compute sums all reduce sum c_atoms c_stress[1] c_stress[4]
variable W equal "-pxx * vol"
thermo_style custom step temp pe press pxx pyy pzz pxy pxz pyz vol c_sums[1] c_sums[2] c_sums[3]
thermo_modify format float %.15g norm no
thermo 2
fix 1 all npt temp 90 90 100 tri 0 0 500
run 4
min_style cg
minimize 0 1e-2 2 4
run 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Frozen models, one of each stack: a Lennard-Jones prior and a network whose output is zero, but in "live"."""
    place = tmp_path_factory.mktemp("plugin")
    for name, layers in [*STACKS.items(), ("live", STACKS["energy"])]:
        prior = [{"prior": "lennard_jones", "mixing": "arithmetic"}] if name != "vectors" else []
        made = recipe(graph={"cutoff": CUTOFF}, model={"layers": layers, "prior": prior})
        network = build_network(made, ["Ar"])
        outputs = [w for layer in network.layers if hasattr(layer, "output_weights") for w in layer.output_weights()]
        assert any(np.abs(weight.numpy()).max() > 0.01 for weight in outputs)
        for weight in outputs if name != "live" else ():
            weight.assign(np.zeros(weight.shape))
        model = ForceField(network, made, {"species": ["Ar"], "types": {"1": "Ar"}, "units": "real"})
        names = ["edges", "edges_float64"] if name == "energy" else ["edges_float64"]
        save(model, place / name, names=names)
        write_plugin_file(model, place / name)
    return place


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> Path:
    """The plugin, compiled into a cache of this test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return build.build_plugin()


@pytest.fixture
def lammps(plugin, folder, tmp_path):
    """Runs a script: lammps(style, ...) -> (exit code, output)."""

    def run(*parts: str, ranks: int = 1) -> tuple[int, str]:
        (tmp_path / "in").write_text("\n".join(parts))
        command = [*_launcher(ranks), "lmp", "-in", str(tmp_path / "in"), "-log", "none"]
        done = subprocess.run(
            command,
            cwd=folder,
            env=_environment(plugin.parent),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def table(output: str) -> np.ndarray:
    """All thermo lines as numbers."""
    rows, inside = [], False
    for line in output.splitlines():
        words = line.split()
        if words[:1] in (["Step"], ["Loop"]):
            inside = words[0] == "Step"
        elif inside and words[:1] and words[0].isdigit():
            rows.append([float(word) for word in words])
    return np.array(rows)


def gnnzoo(name: str, options: str = "precision double") -> str:
    return f"pair_style gnnzoo {name} {options}\npair_coeff * * Ar"


def test_a_run_is_that_of_lammps_with_the_same_potential(lammps):
    """NPT in a tilted box, a minimisation and another run: energies, six pressures, sums over atoms; in two layouts."""
    code, own = lammps(BOX, f"pair_style lj/smooth/linear {CUTOFF}\npair_coeff 1 1 0.2378 3.405", RUN)
    assert code == 0, own
    expected = table(own)
    assert len(expected) >= 6
    scale = np.abs(expected).max(axis=0) + 1e-3
    for options, ranks in (("layout map", 1), ("layout halo threads 1", 2)):
        code, output = lammps(BOX, gnnzoo("energy", f"precision double {options}"), RUN, ranks=ranks)
        assert code == 0, output
        np.testing.assert_allclose(table(output) / scale, expected / scale, atol=1e-9, err_msg=f"{options} on {ranks}")
    code, output = lammps(
        BOX, gnnzoo("energy", "precision single"), RUN.replace("run 4", "run 0").split("min_style")[0]
    )
    np.testing.assert_allclose(table(output)[0] / scale, expected[0] / scale, atol=1e-5)


def test_two_rounds_of_messages_do_not_depend_on_the_ranks(lammps):
    """Ghost atoms carry what a rank does not own: a network of its own weights, on 1 and 4 ranks."""
    run = RUN.split("min_style", maxsplit=1)[0]
    code, output = lammps(BOX, gnnzoo("live", "precision double layout map"), run)
    assert code == 0, output
    expected = table(output)
    scale = np.abs(expected).max(axis=0) + 1e-3
    code, output = lammps(BOX, gnnzoo("live", "precision double layout halo threads 1"), run, ranks=4)
    assert code == 0, output
    np.testing.assert_allclose(table(output) / scale, expected / scale, atol=1e-9)


def test_pair_forces_without_an_energy_have_their_pressure(lammps):
    thermo = "thermo_style custom step pxx pyy pzz pxy pxz pyz\nthermo_modify format float %.15g\nrun 0"
    _, own = lammps(BOX, f"pair_style lj/smooth/linear {CUTOFF}\npair_coeff 1 1 0.2378 3.405", thermo)
    code, output = lammps(BOX, gnnzoo("pairs"), thermo)
    assert code == 0, output
    np.testing.assert_allclose(table(output), table(own), rtol=1e-9)


SUM = "\ncompute atoms all pe/atom\ncompute sum all reduce sum c_atoms\nthermo_style custom c_sum"
WATERS = {
    "bond features": ([ENCODER, {**MESSAGE, "bond_features": True}, {"layer": "pair_force_decoder", **SILU}], {}),
    "waves": (
        [
            ENCODER,
            {"layer": "wave_message", "channels": 2, "functions": 2},
            MESSAGE,
            {"layer": "energy_decoder", **SILU},
        ],
        {"waves": 1.5},
    ),
}


@pytest.mark.parametrize("name", WATERS)
def test_molecules_and_waves_are_those_of_the_live_model(lammps, folder, name):
    """In a tilted box smaller than twice the cutoff, by the input files that come with a frozen model."""
    layers, graph = WATERS[name]
    made = recipe(WATER, graph={"cutoff": 3.5, "edges": ["bond", "radial"]} | graph, model={"layers": layers})
    network = build_network(made, ["O", "H"], Scales(force=20.0, neighbors=12.0))
    types, dataset = {"1": "O", "2": "H"}, {"molecules": True}
    model = ForceField(network, made, {"species": ["O", "H"], "types": types, "units": "real", "dataset": dataset})
    frame = water_frame(cell=np.array([[6.3, 0, 0], [1.0, 6.2, 0], [-0.8, 0.5, 6.4]]))
    place = folder / name.replace(" ", "-")
    save(model, place, names=["edges"])
    write_plugin_file(model, place)
    write_input_files(model, place, frame)
    script = (place / "in.lammps").read_text().replace("run ${steps}", "run 0\n" + WRITE)
    code, output = lammps(f"variable model index {place}", script)
    assert code == 0, output
    rows = np.loadtxt(folder / "forces", skiprows=9)
    live = model.forces(frame)
    np.testing.assert_allclose(rows[np.argsort(rows[:, 0]), 1:], live, atol=2e-5 * np.abs(live).max())


WRITE = "write_dump all custom forces id fx fy fz modify sort id format float %.9g"
REFUSALS = {
    "other units": (BOX.replace("units real", "units metal"), gnnzoo("energy"), ("units real",), 1),
    "no virial": (BOX, gnnzoo("vectors"), ("virial", "thermo_style custom step temp"), 1),
    "no energy": (BOX, gnnzoo("pairs") + SUM, ("pe/atom",), 1),
    "a species that is unknown": (BOX, "pair_style gnnzoo energy\npair_coeff * * Kr", ("Kr", "1 = Ar"), 1),
    "two processes": (BOX, gnnzoo("pairs"), ("graph_norm", '"statistics": "running"'), 2),
    "no such option": (BOX, gnnzoo("energy", "precison double"), ("precison", "precision single|double"), 1),
    "no folder": (BOX, gnnzoo("nothing"), ("plugin.txt", "gnnzoo freeze"), 1),
    "excluded pairs": (BOX + "neigh_modify exclude type 1 1", gnnzoo("energy"), ("exclude",), 1),
    "an exploded run": (BOX.replace("timestep 2", "timestep 1e6"), gnnzoo("energy"), (), 1),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_would_be_wrong_is_refused(lammps, name):
    box, style, words, ranks = REFUSALS[name]
    code, output = lammps(box, style, "fix 1 all nve\nrun 3", ranks=ranks)
    errors = [line for line in output.splitlines() if "ERROR" in line]
    assert code != 0 and errors
    assert all(word in errors[0] for word in words), errors


def test_bonded_pairs_must_stay_in_the_list(lammps):
    style = BOX.replace("atom_style atomic", "atom_style bond").replace(
        "create_box 1 box", "create_box 1 box bond/types 1 extra/bond/per/atom 4 extra/special/per/atom 20"
    )
    harmonic = "bond_style harmonic\nbond_coeff 1 1 4\n"
    code, output = lammps(style, harmonic + gnnzoo("energy"), "run 0")
    assert code != 0 and "special_bonds lj/coul 1 1 1" in output
    code, output = lammps(style, harmonic + "special_bonds lj/coul 1 1 1\n" + gnnzoo("energy"), "run 0")
    assert code == 0, output


def test_a_missing_compiler_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with refused(UserError, "no-such-compiler", hint="apt-get install"):
        build.build_plugin()
    assert plugin_cache.entry_point().startswith(str(tmp_path))  # LAMMPS looks there, and finds nothing


def test_a_model_is_one_level_of_respa(lammps):
    """The model's forces every fourth step, those of another style at each: as with LAMMPS' own styles for both."""
    linear = "lj/smooth/linear"
    levels = "run_style respa 2 4 hybrid 1 2\nfix 1 all nve\nthermo_style custom step temp pe etotal\n"
    thermo = "thermo_modify format float %.15g\nthermo 1\nrun 3"
    own = f"pair_style hybrid/overlay {linear} 5 {linear} {CUTOFF}\npair_coeff 1 1 {linear} 1 0.05 3\n"
    code, output = lammps(BOX, own + f"pair_coeff 1 1 {linear} 2 0.2378 3.405\n", levels + thermo)
    assert code == 0, output
    expected = table(output)
    model = f"pair_style hybrid/overlay {linear} 5 gnnzoo energy precision double\npair_coeff 1 1 {linear} 0.05 3\n"
    code, output = lammps(BOX, model + "pair_coeff * * gnnzoo Ar\n", levels + thermo)
    assert code == 0, output
    np.testing.assert_allclose(table(output), expected, rtol=1e-9)
    assert len(expected) == 4


def test_a_plugin_for_another_release_is_not_loaded(plugin, tmp_path):
    content, release = plugin.read_bytes(), build.find_toolchain().release
    assert release.encode() in content
    (tmp_path / plugin.name).write_bytes(content.replace(release.encode(), release[:-4].encode() + b"1999"))
    done = subprocess.run(
        ["lmp", "-log", "none"],
        input="pair_style gnnzoo x\n",
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "1999" in done.stdout + done.stderr and release in done.stdout + done.stderr
