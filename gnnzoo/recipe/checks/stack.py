"""Checks of the stack of layers: order, edge features and names, and those of heads, vectors and widths."""

from collections.abc import Iterator

from gnnzoo.fields import BATCH_SHAPES, EDGE_GEOMETRY, FORCE_SCALE, PRIOR
from gnnzoo.recipe.checks.heads import check_heads
from gnnzoo.recipe.checks.vectors import check_vectors
from gnnzoo.recipe.checks.widths import check_widths
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.layer_registry import layers_with
from gnnzoo.recipe.schema.entry import Entry
from gnnzoo.recipe.schema.prior import HarmonicPrior
from gnnzoo.recipe.schema.recipe import Recipe

# Names that a network uses for its inputs and for the layers around the stack.
RESERVED = (EDGE_GEOMETRY, FORCE_SCALE, PRIOR, *BATCH_SHAPES)
_STACK = ("model", "layers")


def check_stack(recipe: Recipe) -> Iterator[Problem]:
    """Find everything in the stack that contradicts itself or `graph`.

    Args:
        recipe: its `model` and `graph` are read.

    Yields:
        One problem for each contradiction.
    """
    yield from _edges(recipe)
    yield from _order(recipe)
    yield from check_heads(recipe)
    yield from check_vectors(recipe)
    yield from _names(recipe)
    yield from check_widths(recipe, layer_names(recipe))


def layer_names(recipe: Recipe) -> list[str]:
    """Name of each entry of the stack: its own, or its kind and its number of that kind ("graph_norm_2").

    Args:
        recipe: its stack is read.

    Returns:
        One name for each entry.
    """
    return [
        entry.name or _default_name(recipe.model.layers[: number + 1])
        for number, entry in enumerate(recipe.model.layers)
    ]


def _default_name(entries: list[Entry]) -> str:
    """Name of the last of the entries, if it has none of its own."""
    kind = entries[-1].layer
    return f"{kind}_{sum(entry.layer == kind for entry in entries)}"


def _edges(recipe: Recipe) -> Iterator[Problem]:
    """The edge features suffice for the layers that read them, and some layer does."""
    edges, entries = recipe.graph.edges, recipe.model.layers
    if not any(entry.traits.reads_edges or entry.traits.reads_radial for entry in entries):
        readers = [*layers_with(reads_edges=True, head=None), *layers_with(reads_radial=True, head=None)]
        yield Problem(
            _STACK, "no layer reads edges: forces could not depend on positions", f"one of {', '.join(readers)}"
        )
    springs = any(isinstance(prior, HarmonicPrior) for prior in recipe.model.prior)
    if recipe.graph.bonds is not None and "bond" not in edges and not springs:
        yield Problem(("graph", "bonds"), "bonds are given, but edges have no bond feature", '"bond" in graph.edges')
    if edges == ["bond"]:
        yield Problem(("graph", "edges"), "bonds alone do not give the distance of two atoms", '"distance" too')
    for number, entry in enumerate(entries):
        path = (*_STACK, number)
        if entry.reads_bonds(edges) and "bond" not in edges:
            yield Problem((*path, "bond_features"), "edges have no bond feature", '"bond" in graph.edges')
        needed = entry.traits.needs_edges
        if needed and not set(needed) & set(edges):
            expected = " or ".join(f'"{feature}"' for feature in needed)
            yield Problem(
                path,
                f"{entry.layer}: edges have no {' or '.join(needed)}",
                f"{expected} in graph.edges",
                _other_heads(entry),
            )


def _other_heads(entry: Entry) -> str | None:
    """Hint at heads that need neither edge features nor vectors in place of one that does."""
    if entry.traits.head is None:
        return None
    others = layers_with(head=entry.traits.head, needs_edges=(), reads_vectors=False)
    return f"or {' or '.join(others)}, which needs none" if others else None


def _order(recipe: Recipe) -> Iterator[Problem]:
    """One atom encoder first, at most one edge encoder, which stands before the layers that read edges."""
    entries = recipe.model.layers
    if not entries[0].traits.encodes_atoms:
        encoders = " or ".join(layers_with(encodes_atoms=True))
        yield Problem((*_STACK, 0), f"the stack begins with {entries[0].layer}", f"{encoders} first")
    for number, entry in enumerate(entries[1:], start=1):
        path, before = (*_STACK, number), entries[:number]
        if entry.traits.encodes_atoms and entries[0].traits.encodes_atoms:
            yield Problem(path, f"a second {entry.layer}", "one, at the beginning")
        if entry.traits.encodes_edges:
            if any(earlier.traits.encodes_edges for earlier in before):
                yield Problem(path, f"a second {entry.layer}", "one at most")
            elif readers := [earlier.layer for earlier in before if earlier.traits.reads_edges]:
                yield Problem(path, f"{entry.layer} stands after a layer that reads edges", f"before {readers[0]}")


def _names(recipe: Recipe) -> Iterator[Problem]:
    """Names of layers are unique, and none is reserved."""
    entries, first = recipe.model.layers, dict[str, int]()
    for number, name in enumerate(layer_names(recipe)):
        path = (*_STACK, number)
        if name in RESERVED:
            expected = f"another name, or none: then it is {_default_name(entries[: number + 1])}"
            yield Problem((*path, "name"), f"'{name}' is a name that every network has outside its stack", expected)
        if name in first:
            what = f"'{name}' is the name of model.layers[{first[name]}] too"
            yield Problem((*path, "name") if entries[number].name else path, what, "a name of its own")
        first.setdefault(name, number)
