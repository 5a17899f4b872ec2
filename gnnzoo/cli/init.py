"""gnnzoo init"""

import logging
import textwrap

import click

from gnnzoo.cli.data_options import metadata_options

logger = logging.getLogger(__name__)

_WIDTH, _LABEL = 99, 10


@click.command(name="init")
@click.argument("data", metavar="DUMP...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="RECIPE.json", help="The recipe; by default NAME.json, here.")
@metadata_options
@click.option("--cutoff", type=float, metavar="R", help="Cutoff of the edges, instead of one from the shells.")
@click.option("--family", metavar="NAME", help="Kind of matter, instead of one by evidence: see below.")
@click.option("--name", metavar="NAME", help="The recipe's name; by default that of the dump.")
@click.option("--overwrite", is_flag=True, help="Replace an existing recipe; a backup of it is kept.")
def command(
    data: tuple[str, ...],
    output: str | None,
    units: str | None,
    types: dict[int | str, str] | None,
    columns: dict[str, str] | None,
    cutoff: float | None,
    family: str | None,
    name: str | None,
    overwrite: bool,
) -> None:
    """Write a recipe that fits the data: a dump, several of one trajectory, or a dataset.

    Every choice is printed with its reason; edit the recipe before training where you know better. The stack of layers
    follows from the kind of matter: pair-fluid, molecular-liquid, molecules (in vacuum), ionic, metal or covalent.

    \b
    gnnzoo init argon.lammpstrj --units real --types 1=Ar
    gnnzoo train argon.json
    """
    from gnnzoo.cli.console import say
    from gnnzoo.workflows.init import init

    result = init(
        list(data),
        output,
        units=units,
        types=types,
        columns=columns,
        cutoff=cutoff,
        family=family,
        name=name,
        overwrite=overwrite,
    )
    for choice in result.choices:
        line = f"{choice.label:<{_LABEL}}{choice.text}"
        logger.info(textwrap.fill(line, _WIDTH, subsequent_indent=" " * _LABEL, break_on_hyphens=False))
    for warning in result.warnings:
        logger.warning(textwrap.fill(warning, _WIDTH - len("warning: "), subsequent_indent="  "))
    say(f"wrote {result.path}")
    say(f"next: gnnzoo train {result.path}")
