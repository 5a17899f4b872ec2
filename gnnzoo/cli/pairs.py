"""gnnzoo pairs"""

import click


@click.command(name="pairs")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--from", "first", type=float, metavar="DISTANCE", help="Smallest distance; the shortest of training.")
@click.option("--points", type=click.IntRange(min=2), default=100, show_default=True, help="Number of distances.")
@click.option("-o", "--plot", metavar="PNG", help="Where the picture goes; by default MODEL-pairs.png.")
@click.option("--csv", "csv_output", metavar="CSV", help="Where the numbers go; by default MODEL-pairs.csv.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs; the old ones are kept beside them.")
def command(models, **options):
    """Draw the force between two atoms alone against distance, as MODEL learned it, for every kind of pair.

    With it the reference force, where the recipe's data.reference gives it, the histogram of distances in training, and
    of a transferred model the force before it was trained. Several models are drawn in one picture.

    \b
    gnnzoo pairs argon.keras
    gnnzoo pairs water.keras argon-from-water.keras
    """
    from gnnzoo.workflows.pairs import pairs

    pairs(list(models), **options)
