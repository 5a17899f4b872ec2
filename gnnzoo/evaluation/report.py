"""A result of `ForceErrors` as rows of a table, model beside zero forces."""

from gnnzoo.units import force_unit, mev_factor

_ROWS = (
    ("mean |dF|", "vector_mae"),
    ("MAE per component", "mae"),
    ("  along x", "mae_x"),
    ("  along y", "mae_y"),
    ("  along z", "mae_z"),
    ("RMSE per component", "rmse"),
    ("sum of |components|", "sum_abs"),
)
COLUMNS = ("error", "model", "zero forces", "unit", "meV/A")


def error_rows(result: dict) -> list[list[str]]:
    """Rows for `COLUMNS`: all atoms first, then each species."""
    unit = force_unit(result["units"])
    factor = mev_factor(result["units"])
    rows = [_share_row("mean |dF| / mean |F|", result["force"], result["baseline"])]
    for label, name in _ROWS:
        value, zero = result["force"][name], result["baseline"][name]
        rows.append(value_row(label, value, zero, unit, factor))
    cosine = result["force"]["cosine"]
    rows.append(["cosine to the true force", "" if cosine is None else f"{cosine:.4f}", "", "", ""])
    if len(result["per_type"]) > 1:
        for name, figures in result["per_type"].items():
            zero = result["baseline"]["per_type"][name]
            rows.append(_share_row(f"{name}: mean |dF| / mean |F|", figures, zero))
            rows.append(value_row(f"{name}: MAE per component", figures["mae"], zero["mae"], unit, factor))
    return rows


def value_row(label: str, value: float, zero: float, unit: str, factor: float | None) -> list[str]:
    """An error beside its baseline, and times the factor to meV where that is known."""
    return [label, f"{value:.4g}", f"{zero:.4g}", unit, f"{value * factor:.4g}" if factor else ""]


def _share_row(label: str, model: dict, zero: dict) -> list[str]:
    percent = ["" if figures["relative"] is None else f"{figures['relative']:.2%}" for figures in (model, zero)]
    return [label, *percent, "", ""]
