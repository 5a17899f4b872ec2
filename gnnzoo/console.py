"""Temporary: results printed by workflows, until each command prints those of its own; then gone."""

import re
import sys
from collections.abc import Iterable, Sequence


def say(text: str = "") -> None:
    """A result, to stdout."""
    print(text, flush=True)


_NUMBER = re.compile(r"^[-+]?[0-9.,]+(e[-+]?\d+)?( ?%)?$|^-?$|^nan$")


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table, to stdout; columns that hold nothing but numbers are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(cells) and all(_NUMBER.match(row[index]) for row in cells)
        drawn.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*map(Text, row))
    # Only a terminal has a width; a file or a pipe gets its lines whole.
    width = None if sys.stdout.isatty() else 1000
    console = Console(file=sys.stdout, width=width, highlight=False)
    with console.capture() as captured:
        if title:  # a title of the table's own would be folded to the table's width
            console.print(Text(title, style="bold"))
        console.print(drawn)
    say("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")
