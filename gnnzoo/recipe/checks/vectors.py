"""Checks of vectors, radial functions and plane waves: what a layer reads exists and has the right size."""

from collections.abc import Iterator

from gnnzoo.recipe.checks.widths import widths_after
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.layer_registry import layers_with
from gnnzoo.recipe.schema.recipe import Recipe

# Bounds of the largest wave number times the cutoff. The widest Gaussian of the filters of waves, a third of the
# largest wave number, leaves to pairs a share erfc(product / 3) of an interaction at the cutoff: 16 % at 3, which
# neither edges nor waves carry, and a negligible one at 10. At 30 there are 27 times as many waves as at 10, which only
# repeat what edges already describe.
_LEAST, _USUAL, _MOST = 3, 10, 30
_STACK = ("model", "layers")


def check_vectors(recipe: Recipe) -> Iterator[Problem]:
    """Find layers that read vectors, radial functions or waves that do not exist or do not fit.

    Args:
        recipe: its stack and `graph` are read.

    Yields:
        One problem for each.
    """
    yield from _vectors(recipe)
    yield from _radial(recipe)
    yield from _waves(recipe)


def _vectors(recipe: Recipe) -> Iterator[Problem]:
    """Vectors exist where they are read, with as many channels as the scalars they are combined with."""
    entries = recipe.model.layers
    widths = [None, *widths_after(entries)]
    vector_width = None
    for number, entry in enumerate(entries):
        traits, path, width = entry.traits, (*_STACK, number), widths[number]
        if traits.reads_vectors and vector_width is None:
            makers = " or ".join(layers_with(makes_vectors=True, reads_vectors=False))
            yield Problem(path, f"{entry.layer} reads vectors, and no layer before it makes them", makers)
        if traits.makes_vectors and width is not None and vector_width not in (None, width):
            what = f"{entry.layer}: {width} scalars and {vector_width} vectors for each atom"
            yield Problem(path, what, f'as many of both: a dense of "units": {vector_width} before it')
        if traits.makes_vectors and not traits.reads_vectors:
            vector_width = width


def _radial(recipe: Recipe) -> Iterator[Problem]:
    """The radial basis exists where it is read, with as many functions."""
    there = recipe.graph.radial.functions
    for number, entry in enumerate(recipe.model.layers):
        path = (*_STACK, number)
        if entry.traits.reads_radial and "radial" not in recipe.graph.edges:
            yield Problem(path, f"{entry.layer}: edges have no radial basis", '"radial" in graph.edges')
        functions = entry.radial_functions(there)
        if functions > there:
            what = f"{functions} radial functions, and graph.radial has {there}"
            yield Problem((*path, "functions"), what, f"{there} or fewer, or null for all")


def _waves(recipe: Recipe) -> Iterator[Problem]:
    """The graph has waves where they are read, and they begin where edges end."""
    waves, cutoff = recipe.graph.waves, recipe.graph.cutoff
    usual = f"{_USUAL / cutoff:.2g}"
    readers = [(number, entry) for number, entry in enumerate(recipe.model.layers) if entry.traits.reads_waves]
    if waves is None:
        for number, entry in readers:
            what = f"{entry.layer}: the graph has no waves"
            yield Problem((*_STACK, number), what, f'"waves": {usual} in graph, about {_USUAL} over the cutoff')
        return
    path = ("graph", "waves")
    if not readers:
        yield Problem(
            path, "no layer reads waves", f"{' or '.join(layers_with(reads_waves=True))} in the stack, or null"
        )
    expected = f"about {_USUAL} over the cutoff: {usual}"
    if waves * cutoff < _LEAST:
        what = f"{waves:g} is below {_LEAST} over the cutoff: neither edges nor waves carry what is in between"
        yield Problem(path, what, expected)
    elif waves * cutoff > _MOST:
        what = f"{waves:g} is above {_MOST} over the cutoff: many more waves that repeat what edges already describe"
        yield Problem(path, what, expected)
