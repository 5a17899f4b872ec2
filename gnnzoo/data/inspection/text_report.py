"""A dataset's report in rows and sentences, which the terminal and the HTML page share."""

from pathlib import Path

from gnnzoo.data.frames.quantities import QuantitiesReport
from gnnzoo.data.inspection.dataset_report import AtomType, Box, DatasetReport
from gnnzoo.data.inspection.rdf import PairDistribution
from gnnzoo.data.inspection.temperature import kelvin_text
from gnnzoo.data.inspection.unit_evidence import Evidence
from gnnzoo.units import force_unit, length_unit

Row = tuple[str, ...]

MOST_PAIRS = 12  # of types whose shells are shown: the panels of one page
_SHOWN_TYPES = 6
_COLDEST = 1e-6  # K: velocities of less are rounding errors


def title(path: str | Path, report: DatasetReport) -> str:
    """What was inspected.

    Args:
        path: the data, or the first of several dumps.
        report: of the data.

    Returns:
        The path, and how many more.
    """
    sources = report.provenance.get("sources")
    more = len(sources) - 1 if isinstance(sources, list) else 0
    return f"{path}" + (f" and {more} more" if more > 0 else "")


# --- tables -------------------------------------------------------------------------------------------------------


def overview(report: DatasetReport) -> list[Row]:
    """Quantities of `report` that fit in a line each.

    Returns:
        Name and value.
    """
    rows = [
        ("frames", _frames(report)),
        ("order", _order(report)),
        ("atoms", _atoms(report)),
        ("types", _types(report)),
        ("units", _units(report)),
        ("columns", _columns(report)),
        *_quantities(report),
        ("box", _boxes(report) if report.arrangement.independent else _box(report.box)),
        ("density", _density(report)),
        ("temperature", _temperature(report)),
        ("smallest distance", _smallest_distance(report)),
        ("digits printed", _digits(report)),
        ("rounding error", _rounding_error(report)),
        ("net force", _net_force(report)),
        ("energies", _energies(report)),
        ("autocorrelation time", _correlation(report)),
        ("independent frames", _independent(report)),
    ]
    return [(name, value) for name, value in rows if value]


def _source_quantities(report: DatasetReport) -> QuantitiesReport | None:
    held = report.provenance.get("quantities")
    return QuantitiesReport.from_json(held) if isinstance(held, dict) else None


def _units(report: DatasetReport) -> str:
    """The unit style, and where it comes from."""
    if report.units is None:
        return "not declared"
    quantities = _source_quantities(report)
    return report.units + (quantities.units_text() if quantities is not None else "")


def _quantities(report: DatasetReport) -> list[tuple[str, str]]:
    """What was taken from a file of named quantities, and what was not."""
    quantities = _source_quantities(report)
    if quantities is None:
        return []
    remarks = [("note", remark) for remark in quantities.remarks]
    return [("found", quantities.found_text()), ("not used", quantities.unused_text()), *remarks]


def force_rows(report: DatasetReport) -> tuple[Row, list[Row]]:
    """Forces of `report` by type.

    Returns:
        Header and rows.
    """
    per_type = report.forces.per_type
    rows = [
        (name, *(f"{size:.5g}" for size in (sizes.mean_norm, sizes.mean_sum_abs, sizes.rms_component)))
        for name, sizes in {"all": report.forces, **(per_type if len(per_type) > 1 else {})}.items()
    ]
    return ("type", "mean |F|", "mean sum of |components|", "RMS component"), rows


def drift_rows(report: DatasetReport) -> list[Row]:
    """Quantities of `report` along the run.

    Returns:
        Name, and one value for each part; none of independent configurations.
    """
    if report.drift is None:
        return []
    names = {"mean_force": "mean |F|", "temperature": "temperature", "density": "atoms/volume"}
    values = {label: getattr(report.drift, name) for name, label in names.items()}
    return [(label, *(f"{value:.3g}" for value in known)) for label, known in values.items() if known is not None]


def main_pairs(report: DatasetReport) -> dict[str, PairDistribution]:
    """Radial distributions of `report` to show.

    Returns:
        All, or of many those of the most frequent types.
    """
    pairs, atoms = report.rdf.pairs, dict.fromkeys((kind.name for kind in report.types.values()), 0)
    for kind in report.types.values():
        atoms[kind.name] += kind.atoms
    frequent = sorted(pairs, key=lambda name: -min(atoms[kind] for kind in pairs[name].types))[:MOST_PAIRS]
    return {name: pair for name, pair in pairs.items() if name in frequent}


def pairs_left_out(report: DatasetReport) -> str | None:
    """Pairs of `report` that `main_pairs` leaves out.

    Returns:
        A sentence, or None.
    """
    more = len(report.rdf.pairs) - MOST_PAIRS
    return f"{more} more pairs, of types with fewer atoms, are in --json" if more > 0 else None


def shell_rows(report: DatasetReport) -> tuple[Row, list[Row]]:
    """Shells of `report` by pair of types.

    Returns:
        Header and rows.
    """
    rows: list[Row] = [
        (
            name,
            _or_dash(pair.peak),
            _or_dash(pair.first_shell),
            _or_dash(pair.neighbors, ".1f"),
            " ".join(f"{end:.3g}" for end in pair.shells[1:]) or "-",
        )
        for name, pair in main_pairs(report).items()
    ]
    return ("pair", "first maximum", "first shell ends", "neighbours in it", "further shells end"), rows


def cutoff_rows(report: DatasetReport) -> tuple[Row, list[Row]]:
    """Costs of the cutoffs of `report`.

    Returns:
        Header and rows; the recommended one is marked.
    """
    rows: list[Row] = [
        (
            f"{cost.cutoff:g}",
            cost.why + (" *" if cost.cutoff == report.recommended_cutoff else ""),
            f"{cost.edges_per_atom.mean:.1f}",
            str(cost.edges_per_atom.max),
            _bytes(cost.graph_bytes),
            _seconds(cost.seconds_per_epoch),
        )
        for cost in report.cutoffs
    ]
    return ("cutoff", "why", "edges/atom", "largest", "graphs", "an epoch"), rows


def unit_lines(report: DatasetReport) -> list[str]:
    """Verdict on the units of `report`, and its evidence.

    Returns:
        One line each.
    """
    evidence = report.unit_evidence
    declared, quantities = evidence.declared, _source_quantities(report)
    stated = "a convention" if quantities is not None and quantities.units_by_convention else "declared"
    head = {
        "declared": f"units: {declared} is {stated} and consistent with the data",
        "inferred": f"units: not declared; the data look like {evidence.inferred}",
        "undecided": "units: not declared, and the data do not show them",
        "doubtful": f"units: {declared} is {stated}, but there is evidence against it",
        "contradicted": f"units: {declared} is {stated}, but impossible",
    }[evidence.verdict]
    return [head, *(f"{piece.text}{_support(piece, declared)}" for piece in evidence.evidence)]


def _support(piece: Evidence, declared: str | None) -> str:
    if piece.against(declared):
        return f": evidence against {declared}, for {' or '.join(piece.supports)}"
    return f": evidence for {piece.supports[0]}" if len(piece.supports) == 1 else ""


# --- single lines -------------------------------------------------------------------------------------------------


def _frames(report: DatasetReport) -> str:
    if report.arrangement.independent:
        return f"{report.frames:,}, independent configurations"
    steps = report.steps
    spacing = "" if steps.spacing is None else f", {'' if steps.regular else 'mostly '}every {steps.spacing}"
    segments = f", {steps.segments} segments" if steps.segments > 1 else ""
    return f"{report.frames:,}, steps {steps.first} to {steps.last}{spacing}{segments}"


def _energies(report: DatasetReport) -> str | None:
    """What the changes of energy between near frames are of the work of forces and virials; None where unknown."""
    known = (("forces", report.derivatives.forces), ("virials", report.derivatives.virials))
    factors = [
        f"{factor.value:.3f} ({factor.error:.1g}) times the work of the {name}"
        for name, factor in known
        if factor is not None
    ]
    return f"change by {' and '.join(factors)}, between near frames" if factors else None


def _order(report: DatasetReport) -> str | None:
    """Evidence that the order of the frames means nothing; None for a run."""
    return f"means nothing: {report.arrangement.reason}" if report.arrangement.independent else None


def _atoms(report: DatasetReport) -> str:
    atoms = report.atoms_range
    if atoms.min == atoms.max:
        return f"{report.atoms:,}"
    return f"{atoms.min:,} to {atoms.max:,}, {atoms.mean:,.1f} on average"


def _types(report: DatasetReport) -> str:
    shown = [f"{number}={kind.name} ({_count_range(kind)})" for number, kind in report.types.items()]
    more = len(shown) - _SHOWN_TYPES
    return ", ".join(shown[:_SHOWN_TYPES]) + (f" and {more} more" if more > 0 else "")


def _count_range(kind: AtomType) -> str:
    return f"{kind.atoms:,}" if kind.fewest == kind.atoms else f"{kind.fewest:,} to {kind.atoms:,}"


def _columns(report: DatasetReport) -> str:
    columns = report.provenance.get("columns")
    return " ".join(columns if isinstance(columns, list | tuple) and columns else ["positions forces", *report.fields])


def _box(box: Box) -> str:
    first, last = (
        " x ".join(f"{sum(x * x for x in row) ** 0.5:.5g}" for row in cell) for cell in (box.first, box.last)
    )
    tilted = any(row[column] for i, row in enumerate(box.first) for column in range(3) if column != i)
    change = f", finally {last}" if box.changes else ", constant"
    return f"{first}{' (tilted)' if tilted else ''}{change}; {_boundaries(box)}"


def _boxes(report: DatasetReport) -> str:
    """Cells of independent configurations, of which neither is the first."""
    box = report.box
    if not box.changes:
        return _box(box)
    (low, high), volume = box.lengths, box.volume
    length = length_unit(report.units) if report.units else "length"
    edges = f"edges of {low:.4g} to {high:.4g}{_length(report)}"
    return f"{edges}, volumes of {volume.min:,.5g} to {volume.max:,.5g} {length}^3; {_boundaries(box)}"


def _boundaries(box: Box) -> str:
    if len(box.boundaries) == 1:
        return " ".join(box.boundary)
    return ", ".join(
        f"{letters} in {frames:,} frame{'s' if frames > 1 else ''}" for letters, frames in box.boundaries.items()
    )


def _density(report: DatasetReport) -> str | None:
    """Mean density; None where no frame is periodic in all directions."""
    density, mean = report.density, ", on average" if report.box.changes else ""
    if density.atoms_per_volume is None:
        return None
    filled = report.box.boundaries.get("pp pp pp", 0)
    if filled < report.frames:
        mean = f", on average over the {filled:,} frames that are periodic in all directions"
    length = length_unit(report.units) if report.units else "length"
    number = f"{density.atoms_per_volume:.4g} atoms/{length}^3"
    if density.g_cm3 is not None:
        return f"{density.g_cm3:.4g} g/cm3 ({density.masses}), {number}{mean}"
    return number + mean


def _temperature(report: DatasetReport) -> str | None:
    if report.drift is None:
        return None
    along, evidence = report.drift.temperature, report.unit_evidence
    if along is not None:
        unit = "" if report.units == "lj" else " K"
        mean = sum(along) / len(along)
        return f"{mean if mean > _COLDEST else 0:.4g}{unit}, from velocities"
    style = report.units or evidence.inferred
    if style is None or evidence.temperatures is None or evidence.temperatures[style] <= 0:
        return None
    value = evidence.temperatures[style]
    supposed = "" if report.units else f", if units are {style}"
    shown = f"{value:.3g}" if style == "lj" else kelvin_text(value)
    return f"about {shown} in the last third, from forces and distances of a few frames{supposed}"


def _smallest_distance(report: DatasetReport) -> str | None:
    closest = report.geometry.smallest_distance
    if closest is None:
        return None
    names, ids = "-".join(closest.names), " and ".join(map(str, closest.ids))
    where = f"frame {closest.frame}" if report.arrangement.independent else f"step {closest.step}"
    return f"{closest.distance:.4g}{_length(report)}, {names}, atoms {ids} in {where}"


def _digits(report: DatasetReport) -> str | None:
    digits = report.provenance.get("digits")
    return f"{digits['positions']} in positions, {digits['forces']} in forces" if isinstance(digits, dict) else None


def _rounding_error(report: DatasetReport) -> str | None:
    error, bond = report.rounding_error, report.rounding_error.stiffest_bond
    if error.floor is None or error.share is None or bond is None:
        return None
    stiffness = f"{bond.stiffness:.4g}{_force(report)} per {_length(report).strip() or 'length'}"
    size = f"{error.floor:.2g}{_force(report)}, {_percent(error.share)} of mean |F|"
    return f"{size}: along the stiffest bond, {bond.pair}, of {stiffness}"


def _net_force(report: DatasetReport) -> str:
    net = report.net_force
    return f"mean {net.mean:.3g}, largest {net.max:.3g}{_force(report)}; {net.share:.1g} of mean |F| per atom"


def _correlation(report: DatasetReport) -> str | None:
    measured = report.correlation
    curves = {"forces": measured.forces, "structure": measured.structure}
    return ", ".join(
        f"{label} longer than the run shows"
        if curve.decay is None or curve.too_short
        else f"{label} {curve.decay:.3g} frames"
        for label, curve in curves.items()
        if curve is not None
    )


def _independent(report: DatasetReport) -> str | None:
    measured = report.correlation
    forces, structure = (measured.independent(curve) for curve in (measured.forces, measured.structure))
    if forces is None:
        return None
    line = f"about {max(1, forces):.0f} by their forces"
    if structure is not None:
        line += f", {'at most ' if measured.gap is None else ''}{max(1, structure):.0f} by their structure"
    if measured.gap is None:
        return f"{line}; too short to know the gap that a split needs"
    return f"{line}; a split needs gaps of {measured.gap}"


def _length(report: DatasetReport) -> str:
    return f" {length_unit(report.units)}" if report.units else ""


def _force(report: DatasetReport) -> str:
    return f" {force_unit(report.units)}" if report.units else ""


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _or_dash(value: float | None, spec: str = ".3g") -> str:
    return "-" if value is None else format(value, spec)


def _bytes(number: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number / 1e3:.0f} kB"


def _seconds(number: float) -> str:
    if number < 60:
        return f"{number:.2g} s"
    return f"{number / 60:.2g} min" if number < 3600 else f"{number / 3600:.2g} h"
