"""Molecular dynamics: ensembles, files, ends."""

import csv
import functools
import json
import os
import shlex
import signal

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.lj import LennardJones

import dumps
import gnnzoo
from errors import refused
from gnnzoo.cli import main
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.deploy.ase_calculator import Calculator
from gnnzoo.deploy.runner import Configuration
from gnnzoo.dynamics.ensembles import Conditions, integrator
from gnnzoo.dynamics.replicas import Batch, run_together
from gnnzoo.errors import DataError, ModelError, UserError
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField, save_model
from gnnzoo.outputs import OutputError
from small import recipe

SMALL = {"units": 4, "hidden_layers": 0, "activation": "silu"}
ENERGY = [{"layer": "atom_encoder", **SMALL}, {"layer": "atomic_density"}, {"layer": "energy_decoder", **SMALL}]
DIRECT = [{"layer": "atom_encoder", **SMALL}, {"layer": "pair_force_decoder", **SMALL}]
LENNARD_JONES = [{"prior": "lennard_jones", "mixing": "arithmetic"}]
ATOMS = 27


def made(layers=ENERGY, prior=LENNARD_JONES, scale=0.0, name="lj") -> ForceField:
    """A force field of argon: its prior, and a network whose output is multiplied by `scale`."""
    declared = recipe(name=name, graph={"cutoff": 5.5}, model={"layers": layers, "prior": prior})
    network = build_network(declared, ["Ar"])
    for layer in network.layers:
        for weight in layer.output_weights() if hasattr(layer, "output_weights") else ():
            weight.assign(scale * np.ones(weight.shape))
    return ForceField(network, declared, {"species": ["Ar"], "types": {"1": "Ar"}, "units": "real"})


@pytest.fixture(scope="module")
def argon(tmp_path_factory):
    """A dump of 27 argon atoms, without velocities."""
    path = tmp_path_factory.mktemp("md") / "argon.lammpstrj"
    dumps.argon_dump(path, frames=2)
    return path


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """Runs of one model and precision share its calculator, so that it is compiled once."""
    made = functools.cache(Calculator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gnnzoo.workflows.md.Calculator", made)
        yield


@pytest.fixture(scope="module")
def lennard_jones():
    return made()


def run(argon, model, **options):
    options = {"types": {1: "Ar"}, "steps": 40, "every": 10, "temperature": 60.0, "timestep": 2.0} | options
    return gnnzoo.md(model, argon, **options)


def columns(folder):
    with (folder / "thermo.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}


def test_energy_is_conserved_and_the_files_have_the_same_frames(folder, argon, lennard_jones):
    result = run(argon, lennard_jones, precision="double")
    assert (result.folder.name, result.frames, result.steps, result.time) == ("lj-md", 5, 40, 0.08)
    state = columns(result.folder)
    exchanged = np.ptp(state["potential_eV"])
    assert exchanged > 1e-3
    assert np.ptp(state["total_eV"]) < 0.02 * exchanged, "velocity Verlet, 2 fs"
    assert state["temperature_K"][0] == pytest.approx(60.0 * 78 / 81, rel=1e-9), "3 N - 3 degrees of freedom"
    with (
        gnnzoo.open_dataset(result.folder / "trajectory.h5") as h5md,
        gnnzoo.open_dataset(result.folder / "trajectory.lammpstrj") as dump,
    ):
        assert len(h5md) == len(dump) == 5
        for ours, theirs in zip(h5md, dump, strict=True):
            for name in ("positions", "forces", "velocities", "cell"):
                np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        frame = h5md[-1]
    assert (frame.step, frame.time, frame.units) == (40, 80.0, "real")
    model = lennard_jones
    np.testing.assert_allclose(frame.forces, model.forces(frame), atol=1e-4)
    assert frame.energy == pytest.approx(model.energy(frame), rel=1e-5)
    virial = model.predictor.results(model._graph(frame))["virial"][0]
    np.testing.assert_allclose(frame.virial, virial, atol=1e-4 * np.abs(virial).max())
    assert json.loads((result.folder / "md.json").read_text())["conditions"]["ensemble"] == "nve"


def test_a_run_goes_on_from_its_last_frame(folder, argon, lennard_jones):
    whole = run(argon, lennard_jones, output="whole", precision="double")
    half = run(argon, lennard_jones, output="half", steps=20, precision="double")
    rest = run(
        half.folder / "trajectory.h5",
        lennard_jones,
        output="rest",
        steps=20,
        precision="double",
        temperature=None,
        types=None,
    )
    for name in ("temperature_K", "total_eV"):
        np.testing.assert_allclose(columns(rest.folder)[name], columns(whole.folder)[name][2:], rtol=1e-9)


def test_two_runs_of_one_seed_agree_and_another_seed_differs(folder, argon, lennard_jones):
    first, again, other = (
        columns(run(argon, lennard_jones, output=str(number), ensemble="langevin", damping=50.0, seed=seed).folder)[
            "temperature_K"
        ]
        for number, seed in enumerate((1, 1, 2))
    )
    np.testing.assert_array_equal(first, again)
    assert np.all(first[1:] != other[1:])


def test_langevin_brings_a_cold_start_to_its_temperature(folder, argon, lennard_jones):
    result = run(
        argon, lennard_jones, ensemble="langevin", damping=20.0, steps=400, every=5, temperature=80.0, timestep=4.0
    )
    late = columns(result.folder)["temperature_K"][40:]
    assert late.mean() == pytest.approx(80.0, abs=20.0), "27 atoms: 9 K of standard deviation of each of 41 states"
    assert result.drift is None


def test_a_nose_hoover_chain_conserves_its_energy(folder, argon, lennard_jones):
    state = columns(run(argon, lennard_jones, ensemble="nvt", damping=100.0, precision="double").folder)
    assert np.ptp(state["conserved_eV"]) < 0.02 * np.ptp(state["potential_eV"])


def test_a_barostat_changes_the_volume_towards_its_pressure():
    """By ASE's own Lennard-Jones potential: models are compiled again where the number of edges changes."""
    means = []
    for pressure in (-500.0, 1500.0, 20000.0):  # bar; about 1 %, 10 % and 30 % denser than at the start
        atoms = bulk("Ar", "fcc", 5.4, cubic=True).repeat(2)
        atoms.calc = LennardJones(sigma=3.405, epsilon=0.0103, rc=7.0, smooth=True)
        dynamics = integrator(atoms, Conditions("npt", 2.0, 40.0, pressure, 100.0, 500.0, seed=0))
        volumes = []
        for _ in range(20):
            dynamics.run(10)
            volumes.append(atoms.get_volume() / 5.4**3 / 8)
        means.append(np.mean(volumes))
    assert np.all(np.diff(means) < -0.03)


def test_pressure_is_that_of_the_virial_theorem(folder, argon, lennard_jones):
    state = columns(run(argon, lennard_jones, steps=10).folder)
    with gnnzoo.open_dataset("lj-md/trajectory.h5") as h5md:
        frame = h5md[-1]
    kinetic = 1.5 * ATOMS * 0.0019872043 * state["temperature_K"][-1]  # kcal/mol
    pressure = (2 * kinetic + np.trace(frame.virial)) / (3 * frame.volume) * 69476.95  # bar per kcal/mol/A3
    assert state["pressure_bar"][-1] == pytest.approx(pressure, rel=1e-5)


def test_a_run_that_explodes_stops_with_the_reason_and_keeps_its_frames(folder, argon, lennard_jones, messages):
    save_model(made(DIRECT, prior=[], scale=3000.0, name="wild"), folder / "wild.keras")
    words = "--types 1=Ar --temperature 60 --timestep 4 --steps 200 --every 5"
    with pytest.raises(SystemExit) as ended:
        main(["md", "wild.keras", "--from", str(argon), *shlex.split(words)])
    assert ended.value.code == 3
    summary = json.loads((folder / "wild-md" / "md.json").read_text())
    assert summary["problem"] and summary["steps"] < 200 and summary["frames"] >= 1
    assert summary["drift"] is None, "it has no energy"
    with gnnzoo.open_dataset("wild-md/trajectory.h5") as h5md:
        assert len(h5md) == summary["frames"]


def test_a_signal_ends_a_run_at_its_next_look(folder, argon, lennard_jones, monkeypatch):
    from gnnzoo.dynamics.monitor import Monitor

    problem = Monitor.problem

    def with_signal(self, atoms):
        os.kill(os.getpid(), signal.SIGTERM)
        return problem(self, atoms)

    monkeypatch.setattr(Monitor, "problem", with_signal)
    result = run(argon, lennard_jones)
    assert (result.signal, result.steps, result.problem) == ("SIGTERM", 10, None)
    assert result.frames == 2


def test_multiple_time_steps_conserve_the_energy_of_the_slow_model(folder, argon, lennard_jones):
    """Of forces that have no energy at all, in steps of a quarter."""
    direct = made(DIRECT, scale=0.3, name="fast")
    options = {"precision": "double", "timestep": 4.0, "steps": 100, "every": 2}
    state = columns(run(argon, lennard_jones, fast=direct, inner=4, **options).folder)
    alone = columns(
        run(argon, direct, output="alone", **(options | {"timestep": 1.0, "steps": 400, "every": 8})).folder
    )
    difference = state["temperature_K"] - alone["temperature_K"]
    assert np.abs(difference).max() > 0.5, "the fast forces are others"
    assert np.ptp(state["total_eV"]) < 0.03 * np.ptp(state["potential_eV"])


def test_without_a_difference_of_forces_multiple_time_steps_are_small_steps(folder, argon, lennard_jones):
    small = run(argon, lennard_jones, output="small", timestep=1.0, steps=80, every=20, precision="double")
    large = run(argon, lennard_jones, timestep=4.0, steps=20, every=5, fast=lennard_jones, inner=4, precision="double")
    for name in ("temperature_K", "total_eV"):
        np.testing.assert_allclose(columns(large.folder)[name], columns(small.folder)[name], rtol=1e-9)


# --- what is watched --------------------------------------------------------------------------------------------------


def test_broken_bonds_fast_atoms_and_heat_are_problems(folder):
    from gnnzoo.dynamics.first_configuration import first_configuration
    from gnnzoo.dynamics.monitor import Monitor

    dumps.water_dump(folder / "water.lammpstrj", frames=1)
    with gnnzoo.open_dataset("water.lammpstrj", units="real", types={1: "O", 2: "H"}) as dataset:
        atoms = first_configuration(dataset[0], temperature=300.0).atoms
    monitor = Monitor(atoms, 300.0)
    assert monitor.problem(atoms) is None
    stretched, hot, fast = atoms.copy(), atoms.copy(), atoms.copy()
    bond = atoms.positions[1] - atoms.positions[0]
    stretched.positions[1] = atoms.positions[0] + bond * 2.5 / np.linalg.norm(bond)
    assert "atoms 1 (O) and 2 (H) is broken: 2.50 A" in monitor.problem(stretched)
    hot.set_momenta(atoms.get_momenta() * 3)
    assert "K" in monitor.problem(hot)
    momenta = atoms.get_momenta()
    momenta[4] *= 11 * np.sqrt(3 * 25.7e-3 * atoms.get_masses()[4] / (momenta[4] @ momenta[4]))
    fast.set_momenta(momenta)
    assert "atom 5 (H) flies" in monitor.problem(fast)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        ({"temperature": None}, UserError, "--temperature"),
        ({"ensemble": "nvt", "temperature": None}, UserError, "--temperature"),
        ({"ensemble": "npt"}, UserError, "--pressure"),
        ({"pressure": 1.0}, UserError, "--ensemble npt"),
        ({"temperature": -1.0}, UserError, None),
        ({"timestep": float("nan")}, UserError, None),
        ({"frame": 2}, DataError, None),
        ({"types": {1: "Xx"}}, UserError, "gnnzoo lammps"),
    ],
    ids=["no temperature", "thermostat", "barostat", "pressure in nve", "cold", "not a number", "frame", "species"],
)
def test_impossible_conditions_leave_nothing(folder, argon, lennard_jones, options, error, hint):
    with refused(error, hint=hint):
        run(argon, lennard_jones, **options)
    assert not list(folder.iterdir())


def test_types_without_names_are_those_of_the_model(folder, argon, lennard_jones, messages):
    result = run(argon, lennard_jones, types=None, steps=1)
    assert "1=Ar" in messages()
    with gnnzoo.open_dataset(result.folder / "trajectory.h5") as made:
        assert made.type_names == {1: "Ar"}


def test_constant_pressure_needs_a_virial(folder, argon, lennard_jones):
    layers = [DIRECT[0], {"layer": "painn_message"}, {"layer": "vector_force_decoder", **SMALL}]
    with refused(ModelError, "stress", hint="nvt"):
        run(argon, made(layers, prior=[]), ensemble="npt", pressure=1.0)


def test_an_existing_folder_is_kept(folder, argon, lennard_jones):
    run(argon, lennard_jones, steps=1)
    with refused(OutputError, hint="--overwrite"):
        run(argon, lennard_jones, steps=1)
    run(argon, lennard_jones, steps=1, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == ["lj-md", "lj-md.old-1"]


# --- replicas ---------------------------------------------------------------------------------------------------------


def test_replicas_are_the_single_runs(folder, argon, lennard_jones):
    """In one batch: of the same velocities the same positions to 1e-6, energies and pressures."""
    together = run(argon, lennard_jones, precision="double", replicas=3, seed=5, ensemble="npt", pressure=1.0)
    assert [one.folder for one in together.replicas] == [together.folder / f"replica-{number}" for number in (1, 2, 3)]
    assert (together.steps, together.frames, together.problem) == (40, 15, None)
    seen = set()
    for number, one in enumerate(together.replicas):
        single = run(
            *(argon, lennard_jones),
            **{"precision": "double", "seed": 5 + number, "ensemble": "npt", "pressure": 1.0, "draw": True},
            output=f"single-{number}",
        )
        ours, theirs = columns(one.folder), columns(single.folder)
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6, err_msg=name)
        seen.add(one.temperature)
        frames = [open_dataset([place.folder / "trajectory.h5"])[-1].positions for place in (one, single)]
        np.testing.assert_allclose(frames[0], frames[1], atol=1e-6)
    assert len(seen) == 3
    assert together.temperature == pytest.approx(np.mean([one.temperature for one in together.replicas]))
    assert json.loads((together.folder / "md.json").read_text())["replicas"][2]["steps"] == 40


@pytest.fixture
def batch(lennard_jones):
    return Batch(Calculator(lennard_jones, precision="double").runner, 2)


def atoms(shift=0.0) -> Configuration:
    cube = bulk("Ar", "sc", a=4.0) * 2
    positions = cube.positions + shift
    positions[0, 0] += 0.3 + shift
    return Configuration(np.array(["Ar"] * 8), positions, np.array(cube.cell), np.array(cube.pbc))


def test_a_failed_replica_ends_alone(batch):
    """One has an atom at a place that is no number: the other goes on, and gets its own results at each step."""
    bad = atoms()
    bad.positions[3] = np.nan

    def good() -> list:
        return [batch.member(0).results(atoms(0.1 * step))["virial"] for step in range(4)]

    def failing() -> None:
        batch.member(1).results(atoms())
        batch.member(1).results(bad)

    errors = []

    def caught() -> list:
        try:
            failing()
        except DataError as error:
            errors.append(error)
        return []

    found, _ = run_together([good, caught], batch)
    assert len(errors) == 1 and batch.evaluations >= 1
    alone = Calculator(made(), precision="double").runner
    for step, virial in enumerate(found):
        np.testing.assert_allclose(virial, alone.results(atoms(0.1 * step))["virial"], rtol=1e-9)


def test_models_that_couple_a_box_take_turns(argon, folder):
    layers = [ENERGY[0], {"layer": "graph_norm"}, *ENERGY[1:]]
    model = made(layers, scale=0.1)
    batch = Batch(Calculator(model).runner, 2)
    found = run_together([lambda: batch.member(0).results(atoms()), lambda: batch.member(1).results(atoms(0.2))], batch)
    assert batch.evaluations == 0
    for shift, results in zip((0.0, 0.2), found, strict=True):
        np.testing.assert_array_equal(results["forces"], Calculator(model).runner.results(atoms(shift))["forces"])


def test_replicas_and_multiple_time_steps_are_not_combined(folder, argon, lennard_jones):
    with refused(UserError, "replicas", expected="--fast"):
        run(argon, lennard_jones, replicas=2, fast=lennard_jones)
