"""Vectors, radial functions and waves: what a layer reads of them is there, and fits."""

from collections.abc import Iterator

from gnnzoo.recipe.checks.widths import widths_after
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.schema.equivariant_layers import RadialReader
from gnnzoo.recipe.schema.recipe import Recipe

# Layers that make vectors, and those that need them to be there.
VECTOR_MAKERS = ("atomic_density", "painn_message", "wave_message")
VECTOR_READERS = ("painn_update", "vector_force_decoder")
# The largest wave times the cutoff. The widest screening of the waves, a third of the largest wave, leaves to pairs
# erfc(a third of it) of an interaction at the cutoff: 16 % at 3, which neither edges nor waves carry, and nothing to
# speak of at 10. At 30 there are 27 times as many waves as at 10, and they tell only what edges tell already.
_LEAST, _USUAL, _MOST = 3, 10, 30
_STACK = ("model", "layers")


def check_vectors(recipe: Recipe) -> list[Problem]:
    """Everything about vectors, radial functions and waves that does not agree."""
    return [*_vectors(recipe), *_radial(recipe), *_waves(recipe)]


def _vectors(recipe: Recipe) -> Iterator[Problem]:
    """Vectors are there where they are read, as wide as the scalars beside them."""
    entries = recipe.model.layers
    widths, vector_width = widths_after(entries), None
    for number, entry in enumerate(entries):
        kind, path, width = entry.layer, (*_STACK, number), widths[number - 1] if number else None
        if kind in VECTOR_READERS and vector_width is None:
            yield Problem(path, f"{kind} reads vectors, and no layer before it makes them", " or ".join(VECTOR_MAKERS))
        joins = kind in VECTOR_MAKERS or kind == "painn_update"
        if joins and width is not None and vector_width not in (None, width):
            what = f"{kind}: {width} scalars and {vector_width} vectors for each atom"
            yield Problem(path, what, f'as many of both: a dense of "units": {vector_width} before it')
        if kind in VECTOR_MAKERS:
            vector_width = width


def _radial(recipe: Recipe) -> Iterator[Problem]:
    """The radial basis is there where it is read, with as many functions."""
    there = recipe.graph.radial.functions
    for number, entry in enumerate(recipe.model.layers):
        if not isinstance(entry, RadialReader):
            continue
        path = (*_STACK, number)
        if "radial" not in recipe.graph.edges:
            yield Problem(path, f"{entry.layer}: edges carry no radial basis", '"radial" in graph.edges')
        if entry.functions is not None and entry.functions > there:
            what = f"{entry.functions} radial functions, and graph.radial has {there}"
            yield Problem((*path, "functions"), what, f"{there} or fewer, or null for all")


def _waves(recipe: Recipe) -> Iterator[Problem]:
    """The graph has waves where they are read, and they begin where edges end."""
    waves, cutoff = recipe.graph.waves, recipe.graph.cutoff
    usual = f"{_USUAL / cutoff:.2g}"
    readers = [number for number, entry in enumerate(recipe.model.layers) if entry.layer == "wave_message"]
    if waves is None:
        for number in readers:
            what = "wave_message: the graph has no waves"
            yield Problem((*_STACK, number), what, f'"waves": {usual} in graph, about {_USUAL} over the cutoff')
        return
    path = ("graph", "waves")
    if not readers:
        yield Problem(path, "no layer reads waves", "a wave_message in the stack, or null")
    expected = f"about {_USUAL} over the cutoff: {usual}"
    if waves * cutoff < _LEAST:
        what = f"{waves:g} is below {_LEAST} over the cutoff: between edges and waves much would be left to neither"
        yield Problem(path, what, expected)
    elif waves * cutoff > _MOST:
        what = f"{waves:g} is above {_MOST} over the cutoff: many more waves, which tell what edges tell already"
        yield Problem(path, what, expected)
