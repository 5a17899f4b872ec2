"""Sums within a recipe's stack of layers: what is added must be there, and as wide as what it is added to."""

from collections.abc import Iterator

from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.checks.heads import HEADS
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.schema.layers import Entry, Residual
from gnnzoo.recipe.schema.recipe import Recipe

# Layers that always add their result to what comes in; others do so where they are told to by `residual`.
ADDING = ("schnet_convolution", "gamd_convolution")
# Layers whose `units` are not the width of the atom features after them.
_OTHER_UNITS = ("edge_encoder", *HEADS)


def check_widths(recipe: Recipe, names: list[str]) -> Iterator[Problem]:
    """Sums of atom features whose widths differ, and of what is not there.

    Args:
        recipe: its stack is looked at.
        names: of the entries.
    """
    entries, widths = recipe.model.layers, widths_after(recipe.model.layers)
    for number, entry in enumerate(entries):
        path, width = ("model", "layers", number), widths[number - 1] if number else None
        if isinstance(entry, Residual):
            yield from _residual(entry, number, path, names, widths)
        elif _adds(entry) and width not in (None, entry.units):
            told = hasattr(entry, "residual")
            what = "residual" if told else f"{entry.layer} adds what comes in to what goes out"
            other = "no residual" if told else f'a dense of "units": {entry.units} before it'
            yield Problem(
                (*path, "residual") if told else path,
                f"{what}: {width} features come in and {entry.units} go out",
                f'"units": {width}, or {other}',
            )


def _adds(entry: Entry) -> bool:
    return entry.layer in ADDING or getattr(entry, "residual", False)


def widths_after(entries: list[Entry]) -> list[int | None]:
    """Width of the atom features after each entry of a stack; None where there are none yet."""
    widths: list[int | None] = []
    for entry in entries:
        before = widths[-1] if widths else None
        sets = hasattr(entry, "units") and entry.layer not in _OTHER_UNITS
        widths.append(entry.units if sets else before)
    return widths


def _residual(
    entry: Residual, number: int, path: tuple, names: list[str], widths: list[int | None]
) -> Iterator[Problem]:
    """The entry that `of` names comes earlier and left features of the width that they have here."""
    earlier, path = names[:number], (*path, "of")
    if number == 0:
        return  # the stack does not begin so, which is said elsewhere
    width = widths[number - 1]
    fitting = [name for name, there in zip(earlier, widths, strict=False) if there == width]
    expected = f"one of {', '.join(fitting)}"
    if entry.of in earlier:
        there = widths[earlier.index(entry.of)]
        if there != width:
            what = f"{there} features after '{entry.of}', {width} here: they cannot be added"
            yield Problem(path, what, expected, f'or a dense of "units": {there} before it')
    elif entry.of in names:
        yield Problem(path, f"'{entry.of}' does not come before this entry", expected)
    else:
        yield Problem(path, f"no layer is named '{entry.of}'." + did_you_mean(entry.of, earlier), expected)
