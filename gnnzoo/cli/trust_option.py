"""Option of every command that may start a simulation: --trust."""

import click

trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Let a missing simulation run by a LAMMPS script that is not one of gnnzoo. A LAMMPS script is a program: its "
    "command `shell` runs anything, so read a script of others first.",
)
