"""Warnings about a dataset: what should be known before training on it."""

from gnnzoo.data.frames.coincident_atoms import DOUBT
from gnnzoo.data.graphs.frame_checks import SAME_PLACE
from gnnzoo.data.inspection.accumulator import Outliers
from gnnzoo.data.inspection.close_atoms import Overlaps
from gnnzoo.data.inspection.dataset_report import DatasetReport
from gnnzoo.data.inspection.derivatives import disagreement
from gnnzoo.data.inspection.drift import QUANTITIES, Drift
from gnnzoo.data.inspection.unit_checks import units_options
from gnnzoo.data.inspection.unit_evidence import UnitEvidence
from gnnzoo.units import force_unit, length_unit

# Shares of mean |F| below which there is no warning. Net force per atom: sums over a mesh (PPPM) leave 1e-5 or less.
# Rounded positions: 1 %, what good models reach. Rounded forces: six digits leave 1e-6, three are few enough to matter.
_NET_SHARE, _FLOOR_SHARE, _ROUNDING_SHARE = 1e-3, 0.01, 1e-3


def data_warnings(report: DatasetReport) -> list[str]:
    """What should be known about data before training.

    Args:
        report: of the data.

    Returns:
        Sentences.
    """
    recorded = report.provenance.get("doubts")
    # Atoms at the same place are among those that overlap.
    lines = [line for line in recorded if not line.startswith(DOUBT)] if isinstance(recorded, list) else []
    lines += _unit_warnings(report.unit_evidence)
    unnamed = [number for number, kind in report.types.items() if kind.name == number]
    if unnamed:
        example = ",".join(f"{number}=NAME" for number in unnamed)
        lines.append(f"types without a name: --types {example}")
    lines += _overlap_warnings(report.geometry.overlaps, length_unit(report.units) if report.units else "")
    still = report.equal_to_previous
    if still:
        lines.append(
            f"{len(still)} {'frame is' if len(still) == 1 else 'frames are'} exactly the frame before, the first is "
            f"number {still[0]}: they add no training information and make held-out errors too optimistic"
        )
    lines += disagreement(report.derivatives)
    drifts = [] if report.drift is None else _drift_warnings(report.drift)
    return [*lines, *drifts, *_force_warnings(report)]


def _overlap_warnings(overlaps: Overlaps, unit: str) -> list[str]:
    """Atoms nearer than any bond, with the closest named; at one place they have no force between them."""
    if not overlaps.frames:
        return []
    closest = overlaps.closest[0]
    ids = " and ".join(f"{number} ({name})" for number, name in zip(closest.ids, closest.names, strict=True))
    pairs = f"{overlaps.pairs:,} pair{'s' if overlaps.pairs > 1 else ''} in {_frames(overlaps.frames)}"
    where = f"atoms {ids} of frame {closest.frame} (step {closest.step})"
    if closest.distance < SAME_PLACE:
        return [f"atoms overlap, {pairs}: {where} are at the same place. Training refuses such a frame: remove it"]
    return [f"atoms overlap, {pairs}: {where} are {closest.distance:.3g} {unit} apart, nearer than any bond"]


def _frames(count: int) -> str:
    return f"{count:,} frame{'s' if count > 1 else ''}"


def _unit_warnings(evidence: UnitEvidence) -> list[str]:
    inferred, declared = evidence.inferred, evidence.declared
    against = "; ".join(piece.text for piece in evidence.against())
    return {
        "declared": [],
        "inferred": [f"units are not declared; the data look like {inferred}: --units {inferred} declares them"],
        "undecided": [f"units are not declared, and the numbers do not show them: {units_options(evidence)} does"],
        "doubtful": [f"units {declared} are doubtful: {against}"],
        "contradicted": [f"units {declared} are impossible: {against}"],
    }[evidence.verdict]


def _drift_warnings(found: Drift) -> list[str]:
    words = dict(zip(QUANTITIES, ("mean |F|", "the temperature", "the density"), strict=True))
    moves = [f"{words[name]} {line.start:.3g} -> {line.end:.3g}" for name, line in found.drifts.items()]
    if not moves:
        return []
    heat = found.drifts.get("temperature")
    state = "is not equilibrated" if heat is None else "heats up" if heat.change > 0 else "cools down"
    line = f"the run {state}: {', '.join(moves)} (first and last part of {found.parts})"
    if "mean_force" in found.drifts:
        line += (
            f". A single cut in time would train at mean |F| {found.cut.first:.3g} and evaluate at "
            f"{found.cut.last:.3g}; the default split, blocks, takes each part from all along the run"
        )
    return [line]


def _force_warnings(report: DatasetReport) -> list[str]:
    lines, zeros, net, rounding = [], report.zero_forces, report.net_force, report.rounding_error
    if zeros.per_type and zeros.always:
        shares = ", ".join(f"{share:.2%} of {name}" for name, share in zeros.per_type.items())
        lines.append(
            f"forces are exactly zero on {shares}; on {zeros.always} atoms in every frame: a frozen group or fix "
            "setforce. A model learns these zeros as if they were physics"
        )
    if zeros.components and len(zeros.components) < 3:
        lines.append(f"no atom ever has a force along {' or '.join(zeros.components)}: two-dimensional, or setforce")
    if net.share > _NET_SHARE:
        lines.append(
            f"forces do not sum to zero: the net force is {net.share:.2%} of mean |F| per atom. Atoms are missing from "
            "the data, or a wall, a field or a fix adds external forces. As noise of each atom, which fix langevin "
            f"adds, it is {net.noise:.0%} of mean |F|"
        )
    lines += _outlier_warnings(report.outliers, force_unit(report.units))
    if (rounding.share or 0) > _FLOOR_SHARE or (rounding.forces_share or 0) > _ROUNDING_SHARE:
        lines.append(
            f"the digits printed limit the accuracy of forces to {100 * rounding.largest_share:.2g} % of mean |F|: "
            f"{rounding.cure} prints more"
        )
    return lines


def _outlier_warnings(outliers: Outliers, unit: str) -> list[str]:
    if not outliers.count:
        return []
    most = outliers.largest[0]
    return [
        f"{outliers.count} forces exceed {outliers.times_median:g} times the median of their type; the largest, "
        f"{most.force:.4g} {unit}, on atom {most.id} ({most.type}) in step {most.step}, frame {most.frame}"
    ]
