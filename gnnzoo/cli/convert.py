"""gnnzoo convert"""

import click

from gnnzoo.cli.data_options import metadata_options


@click.command(name="convert")
@click.argument("dumps", metavar="DATA...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="Name of the dataset; by default the first dump's name with .h5.")
@metadata_options
@click.option("--log", metavar="LOG", multiple=True, help="Read the frames' potential energies from this LAMMPS log.")
@click.option("--format", type=click.Choice(["h5", "tfrecord"]), default="h5", show_default=True)
@click.option("--cutoff", type=float, metavar="R", help="Cutoff of the edges in TFRecord shards.")
@click.option("--recipe", metavar="RECIPE", help="Take cutoff, bonds, units and types from this recipe.")
@click.option("--compress", is_flag=True, help="gzip inside the .h5: a quarter smaller, several times slower.")
@click.option("--overwrite", is_flag=True, help="Replace an existing dataset; a backup of the old one is kept.")
def command(
    dumps: tuple[str, ...],
    output: str | None,
    units: str | None,
    types: dict[str, str] | None,
    columns: dict[str, str] | None,
    log: tuple[str, ...],
    format: str,
    cutoff: float | None,
    recipe: str | None,
    compress: bool,
    overwrite: bool,
) -> None:
    """Convert LAMMPS text dumps to a dataset.

    Several dumps are read as one trajectory; they may be compressed (.gz .zst .xz .bz2), and - is standard input. The
    dumps need the columns id type x y z fx fy fz, in any order and with any others:

    \b
    dump 1 all custom 100 argon.lammpstrj id type x y z fx fy fz

    Energies of the frames, and virials without their kinetic part, are read from the log of the run:

    \b
    compute virial all pressure NULL virial
    thermo_style custom step temp pe c_virial[*]
    gnnzoo convert argon.lammpstrj --log log.lammps --column virial=c_virial

    Extended XYZ files (plain or compressed), ASE trajectories, or datasets to be written in another format are read
    as well; several, of any kinds, become one dataset, with types matched by name. Which key of an extended XYZ file
    holds a quantity is declared where several do, or none does by its name:

    \b
    gnnzoo convert train.extxyz --column forces=REF_forces --column energy=REF_energy

    The quantities are forces, energy, stress, virial, velocities, momenta, charges, molecules, images, energies (of the
    atoms), masses, ids, step and time. Its numbers are in eV and A, unless the file or --units says otherwise.
    """
    from gnnzoo.cli.console import say
    from gnnzoo.workflows.convert import convert

    made = convert(
        dumps,
        output,
        units=units,
        types=types,
        columns=columns,
        log=log,
        format=format,
        cutoff=cutoff,
        recipe=recipe,
        compress=compress,
        overwrite=overwrite,
    )
    say(made.summary)
