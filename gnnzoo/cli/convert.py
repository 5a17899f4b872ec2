"""gnnzoo convert"""

import click

from gnnzoo.cli.data_options import meaning_options


@click.command(name="convert")
@click.argument("dumps", metavar="DUMP...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="The dataset; by default the first dump's name with .h5, here.")
@meaning_options
@click.option("--log", metavar="LOG", multiple=True, help="Take the frames' potential energies from this LAMMPS log.")
@click.option("--format", type=click.Choice(["h5", "tfrecord"]), default="h5", show_default=True)
@click.option("--cutoff", type=float, metavar="R", help="Edges in TFRecord shards reach this far.")
@click.option("--recipe", metavar="RECIPE", help="Take cutoff, bonds, units and types from this recipe.")
@click.option("--compress", is_flag=True, help="gzip inside the .h5: a quarter smaller, several times slower.")
@click.option("--overwrite", is_flag=True, help="Replace an existing dataset; the old one is kept beside it.")
def command(dumps, **options):
    """Turn LAMMPS text dumps into a dataset.

    Several dumps are taken as one trajectory; they may be compressed (.gz .zst .xz .bz2), and - is standard input. The
    dumps need the columns id type x y z fx fy fz, in any order and with any others beside them:

    \b
    dump 1 all custom 100 argon.lammpstrj id type x y z fx fy fz

    One file of extended XYZ or of ASE's trajectories, or a dataset that is to have another format, is taken as well.
    """
    from gnnzoo.workflows.convert import convert

    options["log"] = list(options["log"])
    convert(list(dumps), **options)
