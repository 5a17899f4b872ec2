"""gnnzoo pairs"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gnnzoo.cli.model_argument import check_models

if TYPE_CHECKING:
    from gnnzoo.workflows.pairs import PairForces


@click.command(name="pairs")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--from", "first", type=float, metavar="DISTANCE", help="Smallest distance; the shortest of training.")
@click.option("--points", type=click.IntRange(min=2), default=100, show_default=True, help="Number of distances.")
@click.option("-o", "--plot", metavar="PNG", help="Path of the plot; by default MODEL-pairs.png.")
@click.option("--csv", "csv_output", metavar="CSV", help="Path of the table; by default MODEL-pairs.csv.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs, keeping the old ones as backups.")
def command(
    models: tuple[str, ...], first: float | None, points: int, plot: str | None, csv_output: str | None, overwrite: bool
) -> None:
    """Plot the dimer force curves of MODEL: the force between two isolated atoms, for every kind of pair.

    The plot also shows the reference, where the recipe's data.reference declares it, how often training saw each
    distance, and for a transferred model the forces before its training. Several models share one plot.

    \b
    gnnzoo pairs argon.keras
    gnnzoo pairs water.keras argon-from-water.keras
    """
    check_models(*models)
    from gnnzoo.cli.console import say, table
    from gnnzoo.units import length_unit
    from gnnzoo.workflows.pairs import pairs

    result = pairs(models, first=first, points=points, plot=plot, csv_output=csv_output, overwrite=overwrite)
    columns = (
        "model",
        "pair",
        f"distance ({length_unit(result.units)})",
        "of them seen",
        "mean |dF| / mean |F|",
        "largest |dF| / largest |F|",
    )
    table("two isolated atoms, at distances that training saw, compared with the reference", columns, _rows(result))
    say(f"wrote {result.plot} and {result.csv}")


def _rows(result: "PairForces") -> Iterator[tuple[str, ...]]:
    for name, curves in result.curves.items():
        for curve in curves:
            error, largest = curve.error(), curve.largest()
            yield (
                name,
                curve.name,
                f"{curve.distances[0]:.3g} to {curve.distances[-1]:.3g}",
                f"{sum(count > 0 for count in curve.counts)} of {len(curve.counts)}",
                "" if error is None else f"{error:.2%}",
                "" if largest is None else f"{largest[0]:.2%} at {largest[1]:.3g}",
            )
