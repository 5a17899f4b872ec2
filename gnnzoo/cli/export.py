"""gnnzoo export"""

import click

from gnnzoo.cli.data_options import metadata_options


@click.command(name="export")
@click.argument("data")
@click.argument("output", metavar="OUT")
@metadata_options
@click.option("--overwrite", is_flag=True, help="Replace an existing file; a backup of the old one is kept.")
def command(
    data: str,
    output: str,
    units: str | None,
    types: dict[str, str] | None,
    columns: dict[str, str] | None,
    overwrite: bool,
) -> None:
    """Convert DATA, a dataset or a dump, to text for other programs.

    The suffix of OUT determines the format: .lammpstrj or .dump, a LAMMPS dump with exactly the numbers of the data,
    also compressed (.gz .bz2 .zst); .extxyz or .xyz, extended XYZ in eV and A.
    """
    from gnnzoo.cli.console import say
    from gnnzoo.workflows.export import export

    say(export(data, output, units=units, types=types, columns=columns, overwrite=overwrite).summary)
