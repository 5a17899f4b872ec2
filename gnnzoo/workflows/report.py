"""A report on a model's physics: errors, symmetries, dimer curves, and a short run next to the data."""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.inspection.pair_sample import sample_pairs
from gnnzoo.data.inspection.temperature import intermolecular_temperature
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.deploy.runner import Configuration, Runner, open_runner
from gnnzoo.dynamics.angles import largest_angle_difference
from gnnzoo.dynamics.sampled_structure import structure
from gnnzoo.dynamics.structure import displacements, largest_difference, velocity_autocorrelations
from gnnzoo.dynamics.trajectory import H5MD
from gnnzoo.errors import UserError
from gnnzoo.evaluation.pair_plot import pair_plot
from gnnzoo.evaluation.pairs import pair_curves
from gnnzoo.evaluation.plots import parity_plot
from gnnzoo.evaluation.symmetry_errors import SymmetryErrors, symmetry_errors
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.progress_bar import displays_progress
from gnnzoo.workflows.evaluate import Evaluation, evaluated, evaluated_frames, opened_data
from gnnzoo.workflows.md import md
from gnnzoo.workflows.steps import model_verdict as verdict
from gnnzoo.workflows.steps.md_run import MdResult
from gnnzoo.workflows.steps.model_verdict import Finding
from gnnzoo.workflows.steps.report_page import report_page
from gnnzoo.workflows.steps.report_records import Report, RunComparison

logger = logging.getLogger(__name__)

PAGE, FIGURES = "report.html", "report.json"
_REACH = 8.0  # length unit, of radial distributions; at most the cutoff and a half
_RUN = "md"


@displays_progress
def report(
    model: str | Path | ForceField,
    data: str | Path,
    *,
    steps: int = 2000,
    timestep: float | None = None,
    temperature: float | None = None,
    seed: int = 0,
    output: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Report:
    """Report on a model: its errors on data, its symmetries, its dimer curves, and a short run at constant energy.

    Args:
        model: a model or its .keras file.
        data: a dataset or dump; of the dataset of the training the held-out frames.
        steps: timesteps of the run; 0 for none.
        timestep: fs; by default 0.5 with hydrogen and 1 without.
        temperature: K, of first velocities, where the data have none; by default that of the data, from forces and
            distances.
        seed: of velocities and of the displacements that measure symmetries.
        output: the folder; by default MODEL-report in the working folder.
        overwrite: replace an existing folder, which is kept as a backup.
        progress: show a progress bar.

    Returns:
        The report.

    Raises:
        UserError: the folder exists, or model and data do not fit; see `evaluate` and `md`.
    """
    force_field = model if isinstance(model, ForceField) else load_model(model)
    name = force_field.path.stem if force_field.path else force_field.recipe.name
    folder = Path(os.path.expanduser(output)) if output is not None else Path(f"{name}-report")
    refuse_existing(folder, overwrite)
    with atomic_write(folder, overwrite) as temporary:
        temporary.mkdir()
        parity, curves_plot = temporary / "parity.png", temporary / "pairs.png"
        with opened_data(force_field, data) as (dataset, label):
            frames, part = evaluated_frames(force_field, dataset, label)
            errors, sample = evaluated(force_field, dataset, label, frames, part)
            parity_plot(sample, errors.forces, f"{errors.model} on {label} ({errors.part})", parity)
            symmetries = symmetry_errors(_forces(open_runner(force_field, "double")), dataset[int(frames[0])], seed)
            curves = pair_curves(force_field)
            pair_plot({name: curves}, force_field.units, name, curves_plot)
            run = None
            if steps:
                made = _compared_run(force_field, dataset, frames, temporary / _RUN, steps, timestep, temperature, seed)
                run = replace(made, run=replace(made.run, folder=folder / _RUN))
        findings = _findings(errors, symmetries, run)
        result = Report(
            folder=folder,
            model=str(force_field.path or name),
            data=str(data),
            verdict=verdict.sentence(findings),
            findings=tuple(findings),
            errors=errors,
            symmetries=symmetries,
            pairs=tuple(curves),
            run=run,
        )
        (temporary / FIGURES).write_text(json.dumps(_json(result), indent=1) + "\n")
        images = {path.stem: path.read_bytes() for path in (parity, curves_plot)}
        (temporary / PAGE).write_text(report_page(result, images, force_field.units))
    return result


def _json(result: Report) -> dict[str, object]:
    """The report for a file."""
    found = result.to_json()
    found["errors"] = result.errors.to_json()
    found["pairs"] = [curve.to_json() for curve in result.pairs]
    return found


def _forces(runner: Runner) -> Callable[[Frame], np.ndarray]:
    """Frame -> (atoms, 3) forces in float64."""

    def forces(frame: Frame) -> np.ndarray:
        return runner.results(Configuration(frame.names, frame.positions, frame.cell, frame.pbc, frame.molecules))[
            "forces"
        ]

    return forces


def _compared_run(
    model: ForceField,
    dataset: Dataset,
    frames: np.ndarray,
    folder: Path,
    steps: int,
    timestep: float | None,
    temperature: float | None,
    seed: int,
) -> RunComparison:
    """Run from the first of the evaluated frames, and compare the second half of the run with the data."""
    units = dataset.units or model.units
    known = intermolecular_temperature(sample_pairs(dataset, order=frames), units)
    of_data, uncertain = known or (None, None)
    start = dataset[int(frames[0])]
    if temperature is None and start.velocities is None:
        if of_data is None:
            raise UserError(
                "the temperature of the data does not follow from them", hint="--temperature K, or --steps 0"
            )
        temperature = round(of_data, 1)
        logger.info(f"temperature {temperature} +- {uncertain:.0f} K: that of the data, from forces and distances")
    run = md(
        model,
        dataset,
        frame=int(frames[0]),
        temperature=temperature,
        steps=steps,
        timestep=timestep,
        every=max(1, steps // 200),
        seed=seed,
        units=None if model.units else units,
        output=folder,
    )
    return _compared(run, known, dataset, frames, folder / H5MD, min(_REACH, 1.5 * model.cutoff))


def _compared(
    run: MdResult,
    temperature: tuple[float, float] | None,
    dataset: Dataset,
    frames: np.ndarray,
    trajectory: Path,
    reach: float,
) -> RunComparison:
    """Structure and motion of the second half of a run next to those of the data, as far as `reach`."""
    of_data, uncertain = temperature or (None, None)
    everything = range(len(dataset))
    source = structure(dataset, everything, reach)
    one = structure(dataset, frames[:1].tolist(), reach, source.shells)
    with open_dataset(trajectory) as made:
        whole = range(len(made))
        late = structure(made, whole[len(made) // 2 :], reach, source.shells)
        moved, velocities = displacements(made, whole), velocity_autocorrelations(made, whole)
    return RunComparison(
        run=run,
        data_temperature=of_data,
        data_temperature_error=uncertain,
        data_rdf=source.radial,
        run_rdf=late.radial,
        rdf_difference=largest_difference(late.radial, source.radial),
        rdf_noise=largest_difference(one.radial, source.radial),
        data_angles=source.angles,
        run_angles=late.angles,
        angle_difference=largest_angle_difference(late.angles, source.angles),
        angle_noise=largest_angle_difference(one.angles, source.angles),
        data_displacements=displacements(dataset, everything),
        run_displacements=moved,
        data_velocities=velocity_autocorrelations(dataset, everything),
        run_velocities=velocities,
    )


def _findings(errors: Evaluation, symmetries: SymmetryErrors, run: RunComparison | None) -> list[Finding]:
    """All quantities with limits."""
    made = verdict.finding
    found = [
        made(
            *("force error", errors.forces.overall.relative, verdict.FORCE_ERROR, "%"),
            *("forces are close to the reference", "forces are far from the reference: train longer, or on more data"),
        ),
        made(
            *("rotation error", symmetries.rotation, verdict.ROTATION, "%"),
            *("forces turn with the atoms", "forces depend on the orientation: an equivariant stack does not"),
        ),
        made(
            *("net force", symmetries.net_force, verdict.NET_FORCE, "%"),
            *("momentum is conserved", "momentum is not conserved: heads of pair forces and of energies conserve it"),
        ),
        made(
            *("asymmetry of the Jacobian", symmetries.asymmetry, verdict.ASYMMETRY, "%"),
            *(
                "forces have an energy",
                "forces have no energy, and a run heats or cools: a head of energies has one",
            ),
        ),
    ]
    return found if run is None else [*found, *_run_findings(run)]


def _run_findings(run: RunComparison) -> list[Finding]:
    """Those of a run."""
    made = verdict.finding
    broken = run.run.problem
    found = [
        Finding(
            "time to failure",
            f"{run.run.time:g} ps: {broken}" if broken else f"none in {run.run.time:g} ps",
            "no failure",
            broken is None,
            "the run is stable that long" if broken is None else "the run fails",
        )
    ]
    drift = run.run.drift
    found.append(made("energy drift", drift, verdict.DRIFT, "meV/atom/ns", "energy is conserved", "energy drifts"))
    temperature = None
    if run.run.temperature is not None and run.data_temperature:
        temperature = run.run.temperature / run.data_temperature - 1
    # the temperature of few atoms differs from run to run, and that of the data is known within its error
    of_few = np.sqrt(2 / (3 * run.run.atoms))
    of_data = (run.data_temperature_error or 0.0) / (run.data_temperature or 1.0)
    limit = max(verdict.TEMPERATURE, verdict.SPREAD * np.hypot(of_few, of_data))
    if limit > verdict.UNCERTAIN:  # nothing follows from a temperature that is known no better
        temperature = None
    found.append(
        made(
            *("temperature next to the data", temperature, float(limit), "%"),
            *("the run stays at the temperature of the data", "the run is at another temperature than the data"),
        )
    )
    structures = (
        ("radial distribution", run.rdf_difference, run.rdf_noise),
        ("angles between neighbours", run.angle_difference, run.angle_noise),
    )
    for name, difference, noise in structures:
        of_one = f": a single frame of the data differs by {noise:.2%}" if noise else ""
        found.append(
            made(
                *(name, difference, verdict.STRUCTURE, "%"),
                *("the structure is that of the data", f"the structure is another one, or the run too short{of_one}"),
            )
        )
    return found
