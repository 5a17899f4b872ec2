"""gnnzoo convert"""

import click


def parse_types(_ctx, _param, text: str | None) -> dict[str, str] | None:
    """ "1=O,2=H" -> {"1": "O", "2": "H"}."""
    if text is None:
        return None
    pairs = [pair.strip().split("=") for pair in text.split(",") if pair.strip()]
    for pair in pairs:
        if len(pair) != 2 or not pair[0].strip().isdigit() or not pair[1].strip():
            raise click.BadParameter(f"'{'='.join(pair)}' does not name a type; say 1=O,2=H")
    return {number.strip(): name.strip() for number, name in pairs}


def parse_columns(_ctx, _param, texts: tuple[str, ...]) -> dict[str, str] | None:
    """("energy=c_pe",) -> {"energy": "c_pe"}."""
    pairs = [text.strip().partition("=") for text in texts]
    for meaning, _, name in pairs:
        if not meaning or not name:
            raise click.BadParameter(f"'{meaning}{name}' does not say what a column means; say energy=c_pe")
    for part, what in ((0, "meaning"), (2, "column")):
        words = [pair[part] for pair in pairs]
        twice = next((word for word in words if words.count(word) > 1), None)
        if twice is not None:
            raise click.BadParameter(f"the {what} '{twice}' is named twice")
    return {meaning: name for meaning, _, name in pairs} or None


@click.command(name="convert")
@click.argument("dumps", metavar="DUMP...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="The dataset; by default the first dump's name with .h5, here.")
@click.option("--units", metavar="STYLE", help="LAMMPS unit style of the dumps: real, metal or lj.")
@click.option("--types", metavar="1=O,2=H", callback=parse_types, help="Names of the LAMMPS types.")
@click.option(
    "--column",
    "columns",
    metavar="MEANING=NAME",
    multiple=True,
    callback=parse_columns,
    help="What a column of the dump means: energy=c_pe. Again for each column.",
)
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
