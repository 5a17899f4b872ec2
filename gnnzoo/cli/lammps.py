"""gnnzoo lammps"""

from typing import get_args

import click

from gnnzoo.choices import LammpsInterface


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("folder", required=False)
@click.argument("script", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--ranks", type=click.IntRange(1), default=1, show_default=True, help="MPI processes.")
@click.option(
    "--through",
    type=click.Choice(get_args(LammpsInterface)),
    help="The compiled pair style, or Python by fix external; by default the plugin where there is a compiler.",
)
@click.option("--build", is_flag=True, help="Compile the plugin again; without FOLDER nothing else is done.")
def command(
    folder: str | None,
    script: str | None,
    arguments: tuple[str, ...],
    ranks: int,
    through: LammpsInterface | None,
    build: bool,
) -> None:
    """Run the exported model FOLDER in LAMMPS.

    SCRIPT is a LAMMPS input with `pair_style gnnzoo ${model}`; by default the in.lammps of the folder. ARGUMENTS go to
    LAMMPS. The plugin is compiled at the first run, in about 10 s; without a compiler forces come from Python, on one
    rank.

    \b
    gnnzoo lammps argon-frozen -var T 90
    gnnzoo lammps argon-frozen in.npt -var T 90
    gnnzoo lammps --build
    """
    from gnnzoo.cli.console import say

    if script is not None and script.startswith("-"):  # an option of LAMMPS, and the script of the folder
        arguments, script = (script, *arguments), None
    from gnnzoo.deploy.lammps.build import build_plugin

    if build:
        say(f"{build_plugin(again=True)}: other programs of LAMMPS load it by plugin load")
    if folder is not None:
        from gnnzoo.workflows.lammps import lammps

        lammps(folder, script, arguments, ranks=ranks, through=through)
    elif not build:
        raise click.UsageError("FOLDER is missing: one that gnnzoo freeze has written, or --build alone")
