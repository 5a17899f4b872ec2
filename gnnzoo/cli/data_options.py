"""Options of every command that opens data: units, names of types, meaning of columns."""

from collections.abc import Callable
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])


def parse_types(_ctx: click.Context, _param: click.Parameter, text: str | None) -> dict[str, str] | None:
    """Callback of --types: "1=O,2=H" -> {"1": "O", "2": "H"}."""
    if text is None:
        return None
    pairs = [pair.strip().split("=") for pair in text.split(",") if pair.strip()]
    for pair in pairs:
        if len(pair) != 2 or not pair[0].strip().isdigit() or not pair[1].strip():
            raise click.BadParameter(f"'{'='.join(pair)}' does not name a type; write 1=O,2=H")
    return {number.strip(): name.strip() for number, name in pairs}


def _parse_columns(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str] | None:
    """("energy=c_pe",) -> {"energy": "c_pe"}."""
    pairs = [text.strip().partition("=") for text in texts]
    for meaning, _, name in pairs:
        if not meaning or not name:
            raise click.BadParameter(f"'{meaning}{name}' does not declare a column; write energy=c_pe")
    for part, what in ((0, "meaning"), (2, "column")):
        words = [pair[part] for pair in pairs]
        twice = next((word for word in words if words.count(word) > 1), None)
        if twice is not None:
            raise click.BadParameter(f"the {what} '{twice}' is given twice")
    return {meaning: name for meaning, _, name in pairs} or None


_OPTIONS = (
    click.option(
        "--units",
        metavar="STYLE",
        help="LAMMPS unit style of the numbers, where the data do not declare it: real, metal or lj.",
    ),
    click.option(
        "--types", metavar="1=O,2=H", callback=parse_types, help="Names of types, where the data do not have them."
    ),
    click.option(
        "--column",
        "columns",
        metavar="MEANING=NAME",
        multiple=True,
        callback=_parse_columns,
        help="What a column of a dump, or a key of extended XYZ, means: energy=c_pe. May be repeated.",
    ),
)


def metadata_options(command: Command) -> Command:
    """Add --units, --types and --column to `command`, which receives them as `units`, `types` and `columns`.

    Returns:
        The command.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
