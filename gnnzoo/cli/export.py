"""gnnzoo export"""

import click

from gnnzoo.cli.data_options import meaning_options


@click.command(name="export")
@click.argument("data")
@click.argument("output", metavar="OUT")
@meaning_options
@click.option("--overwrite", is_flag=True, help="Replace an existing file; the old one is kept beside it.")
def command(data, output, **options):
    """Turn DATA, a dataset or a dump, into text that other programs read.

    The ending of OUT says what to write: .lammpstrj or .dump, a LAMMPS dump with the very numbers of the data, also
    compressed (.gz .bz2 .zst); .extxyz or .xyz, extended XYZ in eV and A.
    """
    from gnnzoo.workflows.export import export

    export(data, output, **options)
