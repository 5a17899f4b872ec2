"""Heads: which may end a stack, and what they need of the layers before them."""

from collections.abc import Iterator

from gnnzoo.recipe.problems import Problem
from gnnzoo.recipe.schema import Recipe

ENERGY_HEADS = ("energy_decoder",)
DIRECT_HEADS = ("force_decoder", "pair_force_decoder", "vector_force_decoder")
HEADS = (*DIRECT_HEADS, *ENERGY_HEADS)
# Layers that make vectors, and those that need them to be there.
VECTOR_MAKERS = ("atomic_density", "painn_message", "wave_message")
VECTOR_READERS = ("painn_update", "vector_force_decoder")
_ENDS = "force_decoder, pair_force_decoder, vector_force_decoder or energy_decoder"
_STACK = ("model", "layers")


def check_heads(recipe: Recipe) -> list[Problem]:
    """Everything about heads, and about the vectors that some of them read, that does not agree."""
    return [*_places(recipe), *_vectors(recipe), *_smooth(recipe)]


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


def _vectors(recipe: Recipe) -> Iterator[Problem]:
    """Vectors are there where they are read, as wide as the scalars beside them, and the radial basis with them."""
    kinds, entries = _kinds(recipe), recipe.model.layers
    if recipe.graph.waves is not None and "wave_message" not in kinds:
        yield Problem(("graph", "waves"), "no layer reads waves", "a wave_message in the stack, or null")
    width = vector_width = None
    for number, (kind, entry) in enumerate(zip(kinds, entries, strict=True)):
        path = (*_STACK, number)
        if kind in VECTOR_READERS and vector_width is None:
            yield Problem(path, f"{kind} reads vectors, and no layer before it makes them", " or ".join(VECTOR_MAKERS))
        if kind == "wave_message" and recipe.graph.waves is None:
            what = "wave_message: the graph has no waves"
            yield Problem(path, what, f'"waves": {10 / recipe.graph.cutoff:.2g} in graph, about 10 over the cutoff')
        if kind in ("atomic_density", "painn_message") and "radial" not in recipe.graph.edges:
            yield Problem(path, f"{kind}: edges carry no radial basis", '"radial" in graph.edges')
        functions = getattr(entry, "functions", None)
        if functions is not None and functions > recipe.graph.radial.functions:
            what = f"{functions} radial functions, and graph.radial has {recipe.graph.radial.functions}"
            yield Problem((*path, "functions"), what, f"{recipe.graph.radial.functions} or fewer, or null for all")
        joins = kind in VECTOR_MAKERS or kind == "painn_update"
        if joins and width is not None and vector_width not in (None, width):
            what = f"{kind}: {width} scalars and {vector_width} vectors for each atom"
            yield Problem(path, what, f'as many of both: a dense of "units": {vector_width} before it')
        if kind in VECTOR_MAKERS:
            vector_width = width
        elif hasattr(entry, "units") and kind not in (*HEADS, "edge_encoder"):
            width = entry.units


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
