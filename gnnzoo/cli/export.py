"""gnnzoo export"""

import click

from gnnzoo.cli.convert import parse_columns, parse_types


@click.command(name="export")
@click.argument("data")
@click.argument("output", metavar="OUT")
@click.option("--units", metavar="STYLE", help="LAMMPS unit style of the data: real, metal or lj.")
@click.option("--types", metavar="1=O,2=H", callback=parse_types, help="Names of the LAMMPS types.")
@click.option(
    "--column", "columns", metavar="MEANING=NAME", multiple=True, callback=parse_columns, help="As for gnnzoo convert."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file; the old one is kept beside it.")
def command(data, output, **options):
    """Turn DATA, a dataset or a dump, into text that other programs read.

    The ending of OUT says what to write: .lammpstrj or .dump, a LAMMPS dump with the very numbers of the data, also
    compressed (.gz .bz2 .zst); .extxyz or .xyz, extended XYZ in eV and A.
    """
    from gnnzoo.workflows.export import export

    export(data, output, **options)
