"""Results of `gnnzoo.metrics` as table rows: the model's errors next to those of a baseline."""

from collections.abc import Callable, Mapping

from gnnzoo.group_metrics import GroupResult
from gnnzoo.metrics import EnergyResult, ForceMetrics, ForceResult
from gnnzoo.units import energy_unit, force_unit, gigapascals, length_unit, mev_factor
from gnnzoo.virial_metrics import StressResult, VirialResult

FORCE_COLUMNS = ("error", "model", "zero forces", "unit", "meV/A")
ENERGY_COLUMNS = ("energy per atom", "model", "mean energy", "unit", "meV")
VIRIAL_COLUMNS = ("virial component per atom", "model", "zero virial", "unit", "meV")
STRESS_COLUMNS = ("stress component", "model", "zero stress", "unit", "GPa")

_MOST_GROUPS = 20  # rows of a table

_FORCE_ROWS: tuple[tuple[str, Callable[[ForceMetrics], float | None]], ...] = (
    ("mean |dF|", lambda metrics: metrics.vector_mae),
    ("MAE per component", lambda metrics: metrics.mae),
    ("  along x", lambda metrics: metrics.mae_x),
    ("  along y", lambda metrics: metrics.mae_y),
    ("  along z", lambda metrics: metrics.mae_z),
    ("RMSE per component", lambda metrics: metrics.rmse),
    ("sum of |components|", lambda metrics: metrics.sum_abs),
)


def force_rows(result: ForceResult) -> list[list[str]]:
    """Rows of a table of force errors: all atoms first, then each species where there are several.

    Args:
        result: errors over a set of frames.

    Returns:
        Rows for `FORCE_COLUMNS`.
    """
    unit, factor = force_unit(result.units), mev_factor(result.units)
    overall, baseline = result.overall, result.baseline
    rows = [_relative_row("mean |dF| / mean |F|", overall, baseline)]
    rows += [_row(label, value(overall), value(baseline), unit, factor) for label, value in _FORCE_ROWS]
    rows.append(["cosine to the reference force", _formatted(overall.cosine, ".4f"), "", "", ""])
    if len(result.per_species) > 1:
        for name, metrics in result.per_species.items():
            zero = result.baseline_per_species[name]
            rows.append(_relative_row(f"{name}: mean |dF| / mean |F|", metrics, zero))
            rows.append(_row(f"{name}: MAE per component", metrics.mae, zero.mae, unit, factor))
    return rows


def energy_title(result: EnergyResult) -> str:
    """Title of the table of energy errors, which says whether only differences between frames count.

    Args:
        result: errors over a set of frames.

    Returns:
        One line.
    """
    differences = (
        "" if result.absolute else ": differences only, since a training without energies leaves the zero open"
    )
    return f"energies of {result.frames} frames{differences}"


def energy_rows(result: EnergyResult, units: str | None) -> list[list[str]]:
    """Rows of a table of energy errors.

    Args:
        result: errors over a set of frames.
        units: LAMMPS unit style, or None.

    Returns:
        Rows for `ENERGY_COLUMNS`; none where there are no differences to compare.
    """
    unit, factor, rows = energy_unit(units), mev_factor(units), []
    for errors, label in ((result.absolute, ""), (result.difference, "between frames: ")):
        if errors is not None:
            rows.append(_row(f"{label}MAE", errors.mae, result.baseline.mae, unit, factor))
            rows.append(_row(f"{label}RMSE", errors.rmse, result.baseline.rmse, unit, factor))
    return rows


def virial_rows(result: VirialResult, units: str | None) -> list[list[str]]:
    """Rows of a table of virial errors.

    Args:
        result: errors over a set of frames.
        units: LAMMPS unit style, or None.

    Returns:
        Rows for `VIRIAL_COLUMNS`.
    """
    unit, factor = energy_unit(units), mev_factor(units)
    return [
        _row("MAE", result.mae, result.baseline.mae, unit, factor),
        _row("RMSE", result.rmse, result.baseline.rmse, unit, factor),
    ]


def stress_rows(result: StressResult, units: str | None) -> list[list[str]]:
    """Rows of a table of stress errors.

    Args:
        result: errors over the periodic ones of a set of frames.
        units: LAMMPS unit style, or None.

    Returns:
        Rows for `STRESS_COLUMNS`.
    """
    unit, factor = f"{energy_unit(units)}/{length_unit(units)}^3", gigapascals(units)
    return [
        _row("MAE", result.mae, result.baseline.mae, unit, factor),
        _row("RMSE", result.rmse, result.baseline.rmse, unit, factor),
    ]


def group_table(groups: Mapping[str, GroupResult], units: str | None) -> tuple[list[str], list[list[str]]]:
    """Errors by group, in meV, A and GPa where the units allow; of many groups those with the largest force errors.

    Args:
        groups: errors by `config_type`.
        units: LAMMPS unit style, or None.

    Returns:
        Columns and rows; those of energies and stresses only where a group has them.
    """
    worst = sorted(groups.items(), key=lambda item: -(item[1].forces.overall.rmse or 0.0))[:_MOST_GROUPS]
    factor, to_stress = mev_factor(units), gigapascals(units)
    force, energy = ("meV/A", "meV/atom") if factor else (force_unit(units), f"{energy_unit(units)}/atom")
    stress_name = "GPa" if to_stress else f"{energy_unit(units)}/{length_unit(units)}^3"
    first = "config_type" if len(worst) == len(groups) else f"worst {len(worst)} of {len(groups)} config_type"
    columns = [first, "frames", "mean |dF| / mean |F|", f"force RMSE, {force}"]
    columns += [f"energy MAE, {energy}", f"stress MAE, {stress_name}"]
    rows = []
    for name, errors in sorted(worst):
        overall = errors.forces.overall
        stress = errors.virial.stress if errors.virial else None
        of_energy = errors.energy.absolute or errors.energy.difference if errors.energy else None
        values = (
            (overall.rmse, factor),
            (of_energy.mae if of_energy else None, factor),
            (stress.mae if stress else None, to_stress),
        )
        scaled = [_formatted(None if value is None else value * (by or 1), ".4g") for value, by in values]
        rows.append([name, f"{errors.forces.frames}", _formatted(overall.relative, ".2%"), *scaled])
    kept = [number for number in range(len(columns)) if number < 4 or any(row[number] for row in rows)]
    return [columns[number] for number in kept], [[row[number] for number in kept] for row in rows]


def _row(label: str, value: float | None, zero: float | None, unit: str, factor: float | None) -> list[str]:
    in_mev = value * factor if value is not None and factor else None
    return [label, _formatted(value, ".4g"), _formatted(zero, ".4g"), unit, _formatted(in_mev, ".4g")]


def _relative_row(label: str, metrics: ForceMetrics, zero: ForceMetrics) -> list[str]:
    return [label, _formatted(metrics.relative, ".2%"), _formatted(zero.relative, ".2%"), "", ""]


def _formatted(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
