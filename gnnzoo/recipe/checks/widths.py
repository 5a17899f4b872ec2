"""Checks of widths: atom features that are added to each other exist and have as many channels."""

from collections.abc import Iterator, Sequence

from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.io.json_positions import Path
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.layer_traits import Option
from gnnzoo.recipe.schema.entry import Entry
from gnnzoo.recipe.schema.recipe import Recipe


def check_widths(recipe: Recipe, names: list[str]) -> Iterator[Problem]:
    """Find sums of atom features of different widths, and sums with layers that do not exist.

    Args:
        recipe: its stack is read.
        names: of the entries.

    Yields:
        One problem for each.
    """
    entries, widths = recipe.model.layers, widths_after(recipe.model.layers)
    for number, entry in enumerate(entries[1:], start=1):  # a wrong first entry is reported by the checks of the order
        path: Path = ("model", "layers", number)
        width, traits = widths[number - 1], entry.traits
        if traits.adds_output_of:
            yield from _earlier_layer(entry, traits.adds_output_of, path, names[:number], names, widths)
        elif entry.has(traits.adds_input) and width not in (None, widths[number]):
            units = widths[number]
            wider = f'a dense of "units": {units} before it'
            what, other = f"{entry.layer} adds its input to its output", wider
            if isinstance(traits.adds_input, Option):
                path = (*path, traits.adds_input.key)
                what, other = traits.adds_input.key, f"no {traits.adds_input.key}"
            what = f"{what}: {width} features come in and {units} go out"
            yield Problem(path, what, f'"units": {width}, or {other}')


def widths_after(entries: Sequence[Entry]) -> list[int | None]:
    """Number of channels of the atom features after each entry of a stack.

    Args:
        entries: the stack.

    Returns:
        One width for each entry; None where there are no atom features yet.
    """
    widths: list[int | None] = []
    for entry in entries:
        before = widths[-1] if widths else None
        units: int | None = getattr(entry, "units", before)
        widths.append(units if entry.traits.sets_width else before)
    return widths


def _earlier_layer(
    entry: Entry, key: str, path: Path, earlier: list[str], names: list[str], widths: list[int | None]
) -> Iterator[Problem]:
    """The option `key` names an earlier entry, with atom features as wide as those before this entry."""
    name, path, width = getattr(entry, key), (*path, key), widths[len(earlier) - 1]
    expected = f"one of {', '.join(one for one, there in zip(earlier, widths, strict=False) if there == width)}"
    if name in earlier:
        there = widths[earlier.index(name)]
        if there != width:
            what = f"{there} features after '{name}', {width} here: they cannot be added"
            yield Problem(path, what, expected, f'or a dense of "units": {there} before it')
    elif name in names:
        yield Problem(path, f"'{name}' does not come before this entry", expected)
    else:
        yield Problem(path, f"no layer is named '{name}'." + did_you_mean(name, earlier), expected)
