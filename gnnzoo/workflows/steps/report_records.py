"""Records of a report on a model."""

from dataclasses import dataclass
from pathlib import Path

from gnnzoo.data.inspection.rdf import RadialDistributions
from gnnzoo.dynamics.angles import AngleDistributions
from gnnzoo.dynamics.structure import Autocorrelation, Displacements
from gnnzoo.evaluation.pairs import PairCurve
from gnnzoo.evaluation.symmetry_errors import SymmetryErrors
from gnnzoo.records import Record
from gnnzoo.workflows.evaluate import Evaluation
from gnnzoo.workflows.steps.md_run import MdResult
from gnnzoo.workflows.steps.model_verdict import Finding


@dataclass(frozen=True)
class RunComparison(Record):
    """A run next to the data that it started from.

    Attributes:
        run: its summary.
        data_temperature: of the data, K, from their forces and distances; None where it does not follow.
        data_temperature_error: its standard error, K.
        data_rdf, run_rdf: radial distributions.
        rdf_difference: see `structure.largest_difference`.
        rdf_noise: that of a single frame of the data: what a run of one configuration could reach.
        data_angles, run_angles: distributions of the angles between neighbours.
        angle_difference, angle_noise: as for radial distributions.
        data_displacements, run_displacements: by species; empty where the data are no run.
        data_velocities, run_velocities: autocorrelations by species; empty where the data are no run with velocities.
    """

    run: MdResult
    data_temperature: float | None
    data_temperature_error: float | None
    data_rdf: RadialDistributions
    run_rdf: RadialDistributions
    rdf_difference: float | None
    rdf_noise: float | None
    data_angles: AngleDistributions
    run_angles: AngleDistributions
    angle_difference: float | None
    angle_noise: float | None
    data_displacements: dict[str, Displacements]
    run_displacements: dict[str, Displacements]
    data_velocities: dict[str, Autocorrelation]
    run_velocities: dict[str, Autocorrelation]


@dataclass(frozen=True)
class Report(Record):
    """A report; can be used in place of its folder.

    Attributes:
        folder: with report.html, report.json, the plots and the run.
        model, data: paths.
        verdict: one sentence.
        findings: quantities with their limits.
        errors: of forces, energies and virials.
        symmetries: of the forces on one frame.
        pairs: dimer curves.
        run: None where none was asked for.
    """

    folder: Path
    model: str
    data: str
    verdict: str
    findings: tuple[Finding, ...]
    errors: Evaluation
    symmetries: SymmetryErrors
    pairs: tuple[PairCurve, ...]
    run: RunComparison | None

    def __fspath__(self) -> str:
        return str(self.folder)
