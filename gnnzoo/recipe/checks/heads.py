"""Checks of heads: where they stand in a stack, and what an energy head needs of the layers before it."""

from collections.abc import Iterator

from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.layer_registry import layers_with
from gnnzoo.recipe.schema.entry import SMOOTH_ACTIVATION
from gnnzoo.recipe.schema.recipe import Recipe

_STACK = ("model", "layers")


def check_heads(recipe: Recipe) -> Iterator[Problem]:
    """Find heads in the wrong position, and kinks or a discontinuous cutoff under an energy head.

    Args:
        recipe: its stack and `graph` are read.

    Yields:
        One problem for each.
    """
    yield from _positions(recipe)
    yield from _smoothness(recipe)


def _positions(recipe: Recipe) -> Iterator[Problem]:
    """A stack ends with one head; a direct head may stand right before an energy head."""
    entries = recipe.model.layers
    direct, energy = layers_with(head="direct"), layers_with(head="energy")
    last = len(entries) - 1
    if entries[-1].traits.head is None:
        what = f"the stack ends with {entries[-1].layer}, which is not a head"
        yield Problem((*_STACK, last), what, f"{', '.join(direct)} or {' or '.join(energy)} at the end")
    for number, entry in enumerate(entries[:-1]):
        if entry.traits.head is None:
            continue
        kind, path = entry.traits.head, (*_STACK, number)
        following = next((later for later in entries[number + 1 :] if later.traits.head), None)
        if kind == "energy" and following:
            what = f"a second head, {following.layer}, after {entry.layer}"
            yield Problem(path, what, f"{entry.layer} last, with at most one head of forces before it")
        elif following and following.traits.head == "direct":
            what = f"two heads of one kind: {entry.layer} and {following.layer} both return forces"
            yield Problem(path, what, f"one of them; {' or '.join(energy)} may follow it")
        elif not following or number < last - 1:
            yield Problem(path, f"{entry.layer} is a head and not at the end", "a head as the last entry only")


def _smoothness(recipe: Recipe) -> Iterator[Problem]:
    """Forces that are the derivative of an energy need smooth layers and a smooth cutoff."""
    entries = recipe.model.layers
    energy = next((number for number, entry in enumerate(entries) if entry.traits.head == "energy"), None)
    if energy is None:
        return
    if not recipe.graph.envelope:
        what = f"{entries[energy].layer} needs a smooth cutoff: its forces would be discontinuous there"
        yield Problem(("graph", "envelope"), what, '"envelope": true')
    smooth = [f'{{"layer": "{name}"}}' for name in layers_with(activation=True, smooth=True)]
    for number, entry in enumerate(entries[: energy + 1]):
        if entry.traits.head == "direct":
            continue  # the energy does not depend on it
        activation = getattr(entry, "activation", SMOOTH_ACTIVATION)
        if not entry.traits.smooth:
            what = f"{entry.layer} has a kink: forces, the derivative of the energy, would be discontinuous"
            yield Problem((*_STACK, number), what, " or ".join(smooth))
        elif activation != SMOOTH_ACTIVATION:
            what = f"{activation} has a kink: forces, the derivative of the energy, would be discontinuous"
            yield Problem((*_STACK, number, "activation"), what, f'"activation": "{SMOOTH_ACTIVATION}"')
