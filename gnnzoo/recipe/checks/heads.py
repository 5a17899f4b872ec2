"""Heads: which may end a stack, and what an energy asks of the layers below it."""

from collections.abc import Iterator

from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.schema.recipe import Recipe

ENERGY_HEADS = ("energy_decoder",)
DIRECT_HEADS = ("force_decoder", "pair_force_decoder", "vector_force_decoder")
HEADS = (*DIRECT_HEADS, *ENERGY_HEADS)
_ENDS = "force_decoder, pair_force_decoder, vector_force_decoder or energy_decoder"
_STACK = ("model", "layers")


def check_heads(recipe: Recipe) -> list[Problem]:
    """Everything about heads that does not agree."""
    return [*_places(recipe), *_smooth(recipe)]


def _kinds(recipe: Recipe) -> list[str]:
    return [entry.layer for entry in recipe.model.layers]


def _places(recipe: Recipe) -> Iterator[Problem]:
    """One head at the end, or a direct one and an energy head after it."""
    kinds = _kinds(recipe)
    last = len(kinds) - 1
    if kinds[-1] not in HEADS:
        yield Problem((*_STACK, last), f"the stack ends with {kinds[-1]}", f"{_ENDS} at the end")
    for number, kind in enumerate(kinds[:-1]):
        following = kinds[number + 1 :]
        if kind not in HEADS or (number == last - 1 and kind in DIRECT_HEADS and following == ["energy_decoder"]):
            continue
        second = [name for name in following if name in HEADS]
        if kind in DIRECT_HEADS and second and second[0] in DIRECT_HEADS:
            what = f"two heads of one kind: {kind} and {second[0]} both answer with forces"
            yield Problem((*_STACK, number), what, "one of them; an energy_decoder may follow it")
        elif kind in ENERGY_HEADS and second:
            what = f"a second head, {second[0]}, after {kind}"
            yield Problem((*_STACK, number), what, "energy_decoder last, one head of forces at most before it")
        else:
            yield Problem((*_STACK, number), f"{kind} is not at the end", "a head, as the last entry")


def _smooth(recipe: Recipe) -> Iterator[Problem]:
    """What is derived must be smooth: no kinks below an energy, and no step at the cutoff."""
    entries = recipe.model.layers
    energy = [number for number, entry in enumerate(entries) if entry.layer in ENERGY_HEADS]
    if not energy:
        return
    if not recipe.graph.envelope:
        what = "an energy_decoder wants a smooth end at the cutoff: its forces would jump there"
        yield Problem(("graph", "envelope"), what, '"envelope": true')
    for number, entry in enumerate(entries[: energy[0] + 1]):
        if entry.layer in DIRECT_HEADS:
            continue  # it stands beside the energy, not below it
        if entry.layer == "prelu":
            what = "prelu has a kink: forces derived from the energy after it would jump"
            yield Problem((*_STACK, number), what, '{"layer": "silu"}')
        elif getattr(entry, "activation", "silu") == "prelu":
            what = f"{entry.layer} has a kink (prelu): forces derived from the energy after it would jump"
            yield Problem((*_STACK, number, "activation"), what, '"activation": "silu"')
