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

    Over it the truth, where the recipe's data.truth tells it; under it how often training saw each distance; and of a
    transferred model what it answered before it was trained. Several models come into one picture.

    \b
    gnnzoo pairs argon.keras
    gnnzoo pairs water.keras argon-from-water.keras
    """
    from gnnzoo.workflows.pairs import pairs

    pairs(list(models), **options)
