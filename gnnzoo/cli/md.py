"""gnnzoo md: molecular dynamics"""

from typing import TYPE_CHECKING, get_args

import click

from gnnzoo.choices import Ensemble
from gnnzoo.cli.data_options import parse_types
from gnnzoo.cli.model_argument import check_models

if TYPE_CHECKING:
    from gnnzoo.workflows.steps.md_run import MdResult

STOPPED, INTERRUPTED = 3, 130  # exit codes


@click.command(name="md")
@click.argument("model")
@click.option("--from", "start", metavar="DATA", help="Data with the first configuration; by default the model's own.")
@click.option("--frame", type=int, default=-1, show_default=True, help="Index of the frame in DATA.")
@click.option(
    "--ensemble",
    type=click.Choice(get_args(Ensemble)),
    default="nve",
    show_default=True,
    help="See below.",
)
@click.option("--temperature", type=float, metavar="K", help="Of the ensemble, and of velocities that are drawn.")
@click.option("--pressure", type=float, metavar="BAR", help="Of npt; 1 atm is 1.01325.")
@click.option("--steps", type=click.IntRange(1), default=1000, show_default=True, help="Number of timesteps.")
@click.option("--timestep", type=float, metavar="FS", help="By default 0.5 with hydrogen, 1 without.")
@click.option("--every", type=click.IntRange(1), help="Timesteps between two frames; by default 100 frames.")
@click.option("--damping", type=float, metavar="FS", help="Relaxation of the temperature; by default 100 timesteps.")
@click.option(
    "--pressure-damping", type=float, metavar="FS", help="Relaxation of the pressure; by default 1000 timesteps."
)
@click.option("--draw", is_flag=True, help="Draw the first velocities, also where the frame has some.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of velocities and random forces.")
@click.option("--replicas", type=click.IntRange(1), default=1, show_default=True, help="Runs side by side.")
@click.option("--fast", metavar="MODEL", help="Follow this model's forces in inner steps, corrected once a step.")
@click.option("--inner", type=click.IntRange(2), default=4, show_default=True, help="Number of inner steps of --fast.")
@click.option("--double", is_flag=True, help="Run the network in float64.")
@click.option("--units", metavar="STYLE", help="LAMMPS unit style where none is declared: real or metal.")
@click.option("--types", metavar="1=O,2=H", callback=parse_types, help="Names of types, where the data have none.")
@click.option("-o", "--output", metavar="FOLDER", help="Folder of the run; by default NAME-md.")
@click.option("--overwrite", is_flag=True, help="Replace an existing folder; a backup of the old one is kept.")
def command(
    model: str,
    start: str | None,
    frame: int,
    ensemble: Ensemble,
    temperature: float | None,
    pressure: float | None,
    steps: int,
    timestep: float | None,
    every: int | None,
    damping: float | None,
    pressure_damping: float | None,
    draw: bool,
    seed: int,
    replicas: int,
    fast: str | None,
    inner: int,
    double: bool,
    units: str | None,
    types: dict[str, str] | None,
    output: str | None,
    overwrite: bool,
) -> int:
    """Run molecular dynamics of MODEL, a .keras file or a folder of gnnzoo freeze, in ASE.

    Ensembles: nve, velocity Verlet; langevin, with a random force; nvt, a Nose-Hoover chain; npt, the same with an
    isotropic barostat. FOLDER gets trajectory.lammpstrj, trajectory.h5, thermo.csv and md.json.

    --replicas runs several copies with velocities of their own, in folders replica-1, replica-2 and so on; models that
    do not couple all atoms of a box are evaluated on all of them at once.

    --fast is for multiple time stepping: a cheap model, also one of forces alone, in --inner steps, and MODEL as an
    impulse once a step, whose energy is conserved.

    Exit code 3: the run was stopped before its last step, because atoms flew, bonds broke or the temperature ran away.

    \b
    gnnzoo md argon.keras --temperature 90 --steps 10000
    gnnzoo md water.keras --from water.h5 --ensemble nvt --temperature 300
    gnnzoo md water.keras --from water-md/trajectory.h5 -o water-md-2
    """
    check_models(model)
    from gnnzoo.workflows.md import md

    result = md(
        model,
        start,
        frame=frame,
        ensemble=ensemble,
        temperature=temperature,
        pressure=pressure,
        steps=steps,
        timestep=timestep,
        every=every,
        damping=damping,
        pressure_damping=pressure_damping,
        draw=draw,
        seed=seed,
        replicas=replicas,
        fast=fast,
        inner=inner,
        precision="double" if double else "single",
        units=units,
        types=types,
        output=output,
        overwrite=overwrite,
    )
    _show(result)
    return INTERRUPTED if result.signal else STOPPED if result.problem else 0


def _show(result: "MdResult") -> None:
    """Print the summary of a run."""
    from gnnzoo.cli.console import say, warn

    if result.problem is not None:
        warn(f"stopped after {result.time:g} ps: {result.problem}; the frames before are in {result.folder}")
    elif result.signal is not None:
        warn(f"stopped by {result.signal} after {result.time:g} ps; the frames before are in {result.folder}")
    say(f"wrote {result.folder}: {result.frames:,} frames of {result.atoms:,} atoms, {result.time:g} ps")
    rows = (
        ("temperature", result.temperature, "K"),
        ("pressure", result.pressure, "bar"),
        ("density", result.density, "g/cm3"),
        ("energy drift", result.drift, "meV/atom/ns"),
        ("speed", result.speed, "ns/day"),
    )
    for name, value, unit in rows:
        if value is not None:
            say(f"  {name + ':':<14}{value:.5g} {unit}")
    if result.problem is None:
        place = result.replicas[0].folder if result.replicas else result.folder
        say(f"next: gnnzoo inspect {place}/trajectory.h5")
